/* SPDX-License-Identifier: Apache-2.0 */
#include "base/processor.h"

#include <errno.h>

int processor_visit(struct processor_visit *visit, int processor)
{
    cpu_set_t there;
    visit->away = false;
    if (processor < 0)
        return 0;
    if (processor >= CPU_SETSIZE)
        return -EINVAL;
    CPU_ZERO(&there);
    CPU_SET((unsigned)processor, &there);
    if (sched_getaffinity(0, sizeof visit->home, &visit->home) < 0 || sched_setaffinity(0, sizeof there, &there) < 0)
        return -errno;
    visit->away = true;
    return 0;
}

void processor_return(const struct processor_visit *visit)
{
    if (visit->away)
        sched_setaffinity(0, sizeof visit->home, &visit->home);
}
