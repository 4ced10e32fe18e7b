/* SPDX-License-Identifier: Apache-2.0 */
#include "app/top/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "export/latency.h"

const char *format_rate(char *text, double rate)
{
    static const char letters[] = "kMGT";
    if (isnan(rate))
        snprintf(text, FORMAT_MOST, "-");
    else if (rate == 0 || (rate >= 999.95 && rate < 9999.5))
        snprintf(text, FORMAT_MOST, "%.0f", rate);
    else if (rate < 999.95)
        snprintf(text, FORMAT_MOST, rate < 9.995 ? "%.2f" : "%.1f", rate);
    else {
        const char *letter = letters;
        for (rate /= 1000; rate >= 999.5 && letter[1]; letter++)
            rate /= 1000;
        snprintf(text, FORMAT_MOST, rate < 9.995 ? "%.2f%c" : rate < 99.95 ? "%.1f%c" : "%.0f%c", rate, *letter);
    }
    return text;
}

const char *format_count(char *text, uint64_t count)
{
    char digits[FORMAT_MOST];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

const char *format_bytes(char *text, uint64_t bytes)
{
    static const char letters[] = "KMGTPE";
    double value = (double)bytes;
    const char *letter = letters;
    if (bytes < 1024) {
        snprintf(text, FORMAT_MOST, "%" PRIu64 "B", bytes);
        return text;
    }
    for (value /= 1024; value >= 1000 && letter[1]; letter++)
        value /= 1024;
    snprintf(text, FORMAT_MOST, value < 10 ? "%.2f%ciB" : value < 100 ? "%.1f%ciB" : "%.0f%ciB", value, *letter);
    return text;
}

const char *format_seconds(char *text, double seconds)
{
    uint64_t whole = seconds >= 0 && seconds < 1e12 ? (uint64_t)seconds : 0;
    if (isnan(seconds))
        snprintf(text, FORMAT_MOST, "-");
    else if (isinf(seconds))
        snprintf(text, FORMAT_MOST, ">%.0fs", (double)latency_bounds_ns[LATENCY_BOUNDS - 1] / NS_PER_S);
    else if (seconds < 0.001)
        snprintf(text, FORMAT_MOST, "%.0fus", seconds > 0 ? seconds * 1e6 : 0);
    else if (seconds < 1)
        snprintf(text, FORMAT_MOST, "%.0fms", seconds * 1e3);
    else if (seconds < 60)
        snprintf(text, FORMAT_MOST, "%.1fs", seconds);
    else if (whole < 3600)
        snprintf(text, FORMAT_MOST, "%" PRIu64 "m%02us", whole / 60, (unsigned)(whole % 60));
    else if (whole < 86400)
        snprintf(text, FORMAT_MOST, "%" PRIu64 "h%02um", whole / 3600, (unsigned)(whole / 60 % 60));
    else
        snprintf(text, FORMAT_MOST, "%" PRIu64 "d%02uh", whole / 86400, (unsigned)(whole / 3600 % 24));
    return text;
}

const char *format_skew(char *text, double seconds)
{
    char size[FORMAT_MOST];
    if (isnan(seconds) || seconds == 0)
        snprintf(text, FORMAT_MOST, isnan(seconds) ? "-" : "0s");
    else
        snprintf(text, FORMAT_MOST, "%c%.20s", seconds < 0 ? '-' : '+', format_seconds(size, fabs(seconds)));
    return text;
}
