/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/render.h"

/*
 * A configuration file. One that is taken must survive being printed and read back: else a configuration that was
 * checked is not the one that runs.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *config, size_t *size)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, size);
    if (!stream)
        abort();
    config_print(stream, config);
    fclose(stream);
    return text;
}

static void read_back(const struct config *config)
{
    struct config again;
    struct config_problems problems;
    size_t size, size_again;
    char *text = print(config, &size);
    if (config_load_text(&again, text, size, "effective", &problems) != 0)
        abort();
    char *text_again = print(&again, &size_again);
    if (size != size_again || memcmp(text, text_again, size) != 0)
        abort();
    free(text);
    free(text_again);
    config_fini(&again);
    config_problems_fini(&problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct config_problems problems;
    int result = config_load_text(&config, (const char *)data, size, "fuzz", &problems);
    if (result == 0)
        read_back(&config);
    else if (problems.count == 0) /* refused without a reason */
        abort();
    config_fini(&config);
    config_problems_fini(&problems);
    return 0;
}
