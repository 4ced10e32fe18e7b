/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a custom_definitions file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/definitions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct definitions definitions = {0};
    struct config_problems problems = {0};
    int result = definitions_parse(&definitions, "fuzz.yml", (const char *)data, size, &problems);
    require(result == 0 || result == -EINVAL || result == -ENOMEM);
    require((result == -EINVAL) == (problems.count > 0));
    require(result == 0 || definitions.count == 0);
    for (uint32_t i = 0; i < definitions.count; i++) {
        char *key = malloc(2 * strlen(definitions.items[i].name) + 2);
        require(key && *definitions.items[i].name);
        element_key(definitions.items[i].name, key);
        free(key);
    }
    config_problems_fini(&problems);
    definitions_fini(&definitions);
    return 0;
}
