/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xdp_log.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xdp/libxdp.h>

#include "base/log.h"

/* A line each. */
static int lines_log(const char *format, va_list arguments)
{
    char *text = NULL, *rest = NULL;
    int length = vasprintf(&text, format, arguments);
    if (length <= 0)
        return 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        log_debug("%s", line);
    free(text);
    return length;
}

static int libbpf_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
    return level == LIBBPF_DEBUG ? 0 : lines_log(format, arguments);
}

static int libxdp_log(enum libxdp_print_level level, const char *format, va_list arguments)
{
    return level == LIBXDP_DEBUG ? 0 : lines_log(format, arguments);
}

void xdp_log_open(void)
{
    libbpf_set_print(libbpf_log);
    libxdp_set_print(libxdp_log);
}
