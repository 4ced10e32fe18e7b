/* SPDX-License-Identifier: Apache-2.0 */
#include "config/sampling.h"

#include <stdlib.h>
#include <string.h>

#include "config/check.h"

#define PREFIX_TEXT_MOST (ADDRESS_TEXT_MOST + 4) /* "/128" */

/* The whole text is a number of 32 bits. */
static bool number_parse(const char *text, size_t length, uint32_t *number)
{
    char digits[11];
    if (length == 0 || length >= sizeof digits || strspn(text, "0123456789") < length)
        return false;
    memcpy(digits, text, length);
    digits[length] = 0;
    unsigned long long value = strtoull(digits, NULL, 10);
    *number = (uint32_t)value;
    return value <= UINT32_MAX;
}

bool sampling_rule_parse(const char *text, struct sampling_rule *rule)
{
    char prefix[PREFIX_TEXT_MOST];
    const char *equals = strchr(text, '=');
    if (!equals || !number_parse(equals + 1, strlen(equals + 1), &rule->rate) || rule->rate == 0)
        return false;
    const char *percent = memchr(text, '%', (size_t)(equals - text));
    const char *end = percent ? percent : equals;
    rule->any_interface = !percent;
    rule->interface = 0;
    if (percent && !number_parse(percent + 1, (size_t)(equals - percent - 1), &rule->interface))
        return false;
    if ((size_t)(end - text) >= sizeof prefix)
        return false;
    memcpy(prefix, text, (size_t)(end - text));
    prefix[end - text] = 0;
    return prefix_parse(prefix, &rule->prefix);
}

bool check_sampling_rate(const char *text, struct complaint *complaint)
{
    struct sampling_rule rule;
    if (sampling_rule_parse(text, &rule))
        return true;
    return complain(complaint, "is no sampling rate of an exporter",
                    "write an exporter, maybe an interface's number, and a rate of at least 1: 192.0.2.1=1000, "
                    "192.0.2.1%12=100, 192.0.2.0/24=512");
}
