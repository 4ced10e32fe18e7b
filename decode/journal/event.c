/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/journal/event.h"

#define WRONG_S (24 * 3600) /* an exporter's clock that is a day off was never set */
#define SLACK_S 10          /* what was sent later may be received earlier, or by another collector */

/* Was the exporter's clock right then, and not ahead of what it is now? */
static bool clock_holds(const struct template_stamp *stamp, uint32_t now_export_s)
{
    int64_t off_s = (int64_t)stamp->export_s - stamp->received_s;
    return off_s < WRONG_S && off_s > -WRONG_S && stamp->export_s <= (int64_t)now_export_s + SLACK_S;
}

bool template_stamp_later(const struct template_stamp *one, const struct template_stamp *other, uint32_t now_export_s)
{
    if (!clock_holds(one, now_export_s) || !clock_holds(other, now_export_s))
        return one->received_s > other->received_s;
    if (one->export_s != other->export_s)
        return one->export_s > other->export_s;
    if (one->sequence != other->sequence)
        return (int32_t)(one->sequence - other->sequence) > 0;
    return one->received_s > other->received_s;
}
