/* SPDX-License-Identifier: Apache-2.0 */
#include "app/top/top.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/arguments.h"
#include "app/command.h"
#include "app/top/page.h"

#define INTERVAL_LEAST 0.1
#define LIMIT_DEFAULT  1000
#define LIMIT_MOST     10000 /* the API's */
#define WAIT_MS        1000

static const char help[] =
    "usage: weir top [--url URL] [--interval SECONDS] [--once | --number N] [--sort COLUMN [--reverse]]\n\n"
    "Shows a collector that runs, over its HTTP API: the ledger and its rates, every place where something is lost,\n"
    "outputs with their lag and spool, exporters sorted by any column, and the templates of one (Enter). Keys: h.\n"
    "Where standard output is no terminal, or with --once, --number or --plain, it prints plain text instead.\n\n"
    CLIENT_HELP
    "  -i, --interval SECONDS   between two readings (default 2)\n"
    "  -1, --once               one reading, whose rates are averages since the start\n"
    "  -n, --number N           so many readings\n"
    "  -p, --plain              text, one reading below the other\n"
    "  -s, --sort COLUMN        exporters by this column, the most first (default records/s):\n"
    "%s"
    "  -r, --reverse            the other way round\n"
    "  -l, --limit N            exporters asked for: 1 to 10000 (default 1000)\n"
    "  -h, --help               this text\n";

static void help_print(void)
{
    char names[1024] = "";
    for (uint32_t i = 0; i < column_count; i++) {
        size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%s%s", i % 7 ? " " : "                           ", columns[i].name,
                 i + 1 == column_count ? "\n" : i % 7 == 6 ? ",\n" : ",");
    }
    printf(help, names);
}

/* ---- readings ---- */

void top_ask(struct top *top, const char *also)
{
    char exporters[128];
    bool ascending = (top->order.column <= COLUMN_VERSION) != top->order.reversed;
    snprintf(exporters, sizeof exporters, "/api/exporters?limit=%u&sort=%s&order=%s", top->limit,
             columns[top->order.column].sort, ascending ? "asc" : "desc");
    const char *const paths[] = {"/api", "/api/ledger", exporters, [TOP_ALSO] = also};
    client_ask(&top->client, paths, also ? TOP_ALSO + 1 : TOP_ALSO);
}

bool top_take(struct top *top)
{
    struct client *client = &top->client;
    if (*client->problem)
        return false;
    struct reading *reading =
        reading_new(client->questions[0].answer, client->questions[1].answer, client->questions[2].answer);
    if (!reading) {
        snprintf(client->problem, sizeof client->problem, "%s: these are no answers of weir's; is --url right?",
                 client->url);
        return false;
    }
    reading_free(top->before);
    top->before = top->now;
    top->now = reading;
    return true;
}

const struct reading *top_before(const struct top *top)
{
    return reading_follows(top->now, top->before) ? top->before : NULL;
}

/* ---- plain text ---- */

/* False for want of memory. */
static bool reading_print(struct top *top)
{
    struct top_page page = {0};
    const struct reading *before = top_before(top);
    const struct top_exporter **exporters = table_sort(top->now, before, &top->order);
    if (exporters) {
        page_title(&page, top->client.url, top->now, before);
        page_overview(&page, top->now, before, &top->order, exporters);
        page_print(&page, stdout);
    }
    bool good = exporters && !page.failed;
    free(exporters);
    page_clear(&page);
    if (!good)
        fprintf(stderr, "weir top: no memory\n");
    return good && fflush(stdout) == 0;
}

static void seconds_sleep(double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&pause, NULL);
}

/* A reading that fails ends it where a number of them was asked for; else it is tried again, for collectors restart. */
static int plain_run(struct top *top)
{
    for (uint64_t reading = 0; !top->times || reading < top->times; reading++) {
        if (reading)
            seconds_sleep(top->interval_s);
        top_ask(top, NULL);
        while (!client_wait(&top->client, -1, WAIT_MS))
            ;
        if (!top_take(top)) {
            fprintf(stderr, "weir top: %s\n", top->client.problem);
            if (top->times)
                return STATUS_FAILED;
            continue;
        }
        if (reading)
            putchar('\n');
        if (!reading_print(top))
            return ferror(stdout) && errno == EPIPE ? STATUS_GOOD : STATUS_FAILED;
    }
    return STATUS_GOOD;
}

/* ---- arguments ---- */

static bool interval_take(struct top *top, const char *text)
{
    char *end;
    top->interval_s = strtod(text, &end);
    if (end != text && !*end && top->interval_s >= INTERVAL_LEAST && top->interval_s <= 86400)
        return true;
    fprintf(stderr, "weir top: --interval %s is no number of seconds from 0.1 to 86400\n", text);
    return false;
}

static bool number_take(const char *option, const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && *number >= 1 && *number <= most)
        return true;
    fprintf(stderr, "weir top: %s %s is no number from 1 to %llu\n", option, text, (unsigned long long)most);
    return false;
}

static bool sort_take(struct top *top, const char *text)
{
    top->order.column = column_find(text);
    if (top->order.column < column_count)
        return true;
    fprintf(stderr, "weir top: there is no column %s\n", text);
    return false;
}

static bool argument_take(struct top *top, int letter, const char *value)
{
    uint64_t number = 0;
    switch (letter) {
    case 'i':
        return interval_take(top, value);
    case '1':
        top->times = 1;
        return true;
    case 'n':
        return number_take("--number", value, UINT32_MAX, &top->times);
    case 'p':
        top->plain = true;
        return true;
    case 's':
        return sort_take(top, value);
    case 'r':
        top->order.reversed = true;
        return true;
    case 'l':
        if (!number_take("--limit", value, LIMIT_MOST, &number))
            return false;
        top->limit = (uint32_t)number;
        return true;
    default:
        return true;
    }
}

/* Returns 0 to go on, or the letter that ends: 'h' or '?'. */
static int arguments_read(struct top *top, struct client_setup *setup, int count, char **words)
{
    static const struct option rows[] = {CLIENT_OPTIONS,
                                         {"interval", required_argument, NULL, 'i'},
                                         {"once", no_argument, NULL, '1'},
                                         {"number", required_argument, NULL, 'n'},
                                         {"plain", no_argument, NULL, 'p'},
                                         {"sort", required_argument, NULL, 's'},
                                         {"reverse", no_argument, NULL, 'r'},
                                         {"limit", required_argument, NULL, 'l'},
                                         {"help", no_argument, NULL, 'h'},
                                         {0}};
    int letter;
    while ((letter = getopt_long(count, words, CLIENT_LETTERS "i:1n:ps:rl:h", rows, NULL)) != -1) {
        if (letter == 'h' || letter == '?')
            return letter;
        if (!argument_take(top, letter, optarg))
            return '?';
        client_setup_take(setup, letter, optarg);
    }
    if (optind < count)
        fprintf(stderr, "weir top: %s is not understood; the collector goes behind --url\n", words[optind]);
    return optind < count ? '?' : 0;
}

/* A terminal that cannot be written all over gets text. */
static bool wants_text(const struct top *top)
{
    const char *terminal = getenv("TERM");
    return top->plain || top->times || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || !terminal || !*terminal ||
           strcmp(terminal, "dumb") == 0;
}

int command_top(int count, char **words)
{
    struct top top = {.interval_s = 2, .limit = LIMIT_DEFAULT, .order = {.column = COLUMN_DEFAULT}};
    struct client_setup setup = {.url = CLIENT_URL_DEFAULT};
    words[0] = "weir top";
    int letter = arguments_read(&top, &setup, count, words);
    if (letter == 'h')
        help_print();
    if (letter)
        return letter == 'h' ? STATUS_GOOD : usage_refer("top");
    signal(SIGPIPE, SIG_IGN); /* TLS to a collector that went away */
    int status = STATUS_FAILED;
    if (client_open(&top.client, &setup, "top")) {
        status = wants_text(&top) ? -1 : screen_run(&top);
        if (status < 0)
            status = plain_run(&top);
    }
    client_close(&top.client);
    reading_free(top.now);
    reading_free(top.before);
    return status;
}
