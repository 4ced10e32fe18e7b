/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/command.h"
#include "app/explain.h"
#include "app/top/page.h"
#include "app/top/top.h"
#include "base/clock.h"

#define SLICE_MS  200 /* how soon a new size of the terminal is noticed */
#define SHIFT     8   /* columns a key moves a page that is too wide */
#define NO_ROW    UINT32_MAX
#define NAME_MOST 64
#define PATH_MOST 256

enum view { VIEW_OVERVIEW, VIEW_TEMPLATES, VIEW_EXPLANATION, VIEW_HELP };

struct screen {
    struct top *top;
    enum view view;
    struct top_page title, page;
    struct page_rows rows;
    const struct top_exporter **exporters; /* of top->now, sorted */
    char chosen[NAME_MOST];    /* exporter on the overview; "" = none */
    char address[NAME_MOST];   /* whose templates are shown */
    char path[PATH_MOST];      /* asked beside the reading: templates, or one with its explanation */
    json_t *answer;            /* to that; NULL: not there yet */
    uint32_t row;              /* chosen template; NO_ROW */
    uint32_t offset, shift;    /* first line and column that are shown */
    bool asking, ended, coloured;
    int64_t due_ns;            /* steady clock: the next reading */
    int64_t taken_ns;          /* when the last one came */
};

/* ---- what is shown ---- */

static void help_page(struct top_page *page)
{
    static const char *const lines[] = {
        "Up Down PgUp PgDn Home   choose an exporter or template, and scroll",
        "Left Right               move a page that is wider than the terminal",
        "Enter                    templates of the chosen exporter; what becomes of the chosen template",
        "Backspace Esc            back",
        "< >                      sort by the column before or behind; * marks it, ^ marks it reversed",
        "r                        reverse the order",
        "+ -                      longer or shorter interval",
        "Space                    read now",
        "Ctrl-L                   draw everything anew",
        "h ?                      this page",
        "q                        end",
        "",
        "Rates are those between the last two readings. DROP-DGR, DROP-SETS and DROP-RECS count what was",
        "dropped of datagrams, sets and records, MISS-DGR and MISS-RECS what was sent and never arrived. LAG is",
        "the time from receipt to acknowledgement: the mean, and what 99 of 100 documents stayed below; - where",
        "none was acknowledged.",
        "",
        "Columns:",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        page_line(page, STYLE_PLAIN, "%s", lines[i]);
    for (uint32_t i = 0; i < column_count; i++)
        page_line(page, STYLE_PLAIN, "  %-10s %s", columns[i].title, columns[i].help);
}

static void explanation_page(struct top_page *page, const json_t *answer)
{
    const json_t *template = json_array_get(json_object_get(answer, "templates"), 0);
    if (template)
        explain_page(page, template);
    else
        page_line(page, STYLE_PLAIN, "%s", answer ? "this template is not known any more" : "asking");
}

static void page_make(struct screen *screen)
{
    const struct top *top = screen->top;
    page_clear(&screen->title);
    page_clear(&screen->page);
    screen->rows = (struct page_rows){0};
    if (top->now)
        page_title(&screen->title, top->client.url, top->now, top_before(top));
    else
        page_line(&screen->title, STYLE_TITLE, "weir top at %s", top->client.url);
    if (screen->view == VIEW_HELP)
        help_page(&screen->page);
    else if (screen->view == VIEW_TEMPLATES)
        screen->rows = page_templates_of(&screen->page, screen->address, screen->answer);
    else if (screen->view == VIEW_EXPLANATION)
        explanation_page(&screen->page, screen->answer);
    else if (top->now && screen->exporters)
        screen->rows = page_overview(&screen->page, top->now, top_before(top), &top->order, screen->exporters);
}

/* The chosen row of the page, NO_ROW. */
static uint32_t row_chosen(const struct screen *screen)
{
    if (screen->view == VIEW_TEMPLATES)
        return screen->row < screen->rows.count ? screen->row : NO_ROW;
    if (screen->view != VIEW_OVERVIEW || !*screen->chosen)
        return NO_ROW;
    for (uint32_t i = 0; i < screen->rows.count; i++)
        if (strcmp(screen->exporters[i]->name, screen->chosen) == 0)
            return i;
    return NO_ROW;
}

static attr_t style_attributes(const struct screen *screen, uint8_t style)
{
    switch (style) {
    case STYLE_TITLE:
        return A_BOLD;
    case STYLE_HEADING:
        return screen->coloured ? (attr_t)COLOR_PAIR(2) | A_BOLD : A_UNDERLINE;
    case STYLE_WARNING:
        return screen->coloured ? (attr_t)COLOR_PAIR(1) | A_BOLD : A_BOLD;
    case STYLE_QUIET:
        return A_DIM;
    default:
        return A_NORMAL;
    }
}

static void line_draw(int at, const char *text, uint32_t shift, attr_t attributes)
{
    size_t length = strlen(text);
    attrset(attributes);
    move(at, 0);
    addnstr(shift < length ? text + shift : "", COLS);
    if (attributes & A_REVERSE)
        mvchgat(at, 0, -1, attributes & ~A_COLOR, (short)PAIR_NUMBER(attributes), NULL); /* to the edge */
    attrset(A_NORMAL);
}

static void status_draw(const struct screen *screen)
{
    static const char *const keys[] = {
        [VIEW_OVERVIEW] = "q end  h help  < > sort  r reverse  Enter templates  + - interval",
        [VIEW_TEMPLATES] = "q end  h help  Enter what becomes of it  Backspace back",
        [VIEW_EXPLANATION] = "q end  h help  Up Down scroll  Backspace back",
        [VIEW_HELP] = "q end  Backspace back",
    };
    char text[CLIENT_PROBLEM_MOST + 64], age[FORMAT_MOST];
    const struct client *client = &screen->top->client;
    if (*client->problem && screen->top->now)
        snprintf(text, sizeof text, "as of %s ago: %s",
                 format_seconds(age, (double)(clock_steady_ns() - screen->taken_ns) / NS_PER_S), client->problem);
    else if (*client->problem)
        snprintf(text, sizeof text, "%s", client->problem);
    else
        snprintf(text, sizeof text, "%s (every %gs)", screen->top->now ? keys[screen->view] : "asking",
                 screen->top->interval_s);
    line_draw(LINES - 1, text, 0,
              *client->problem ? style_attributes(screen, STYLE_WARNING) | A_REVERSE : (attr_t)A_REVERSE);
}

/* How many lines of the page there is room for. */
static uint32_t lines_shown(void)
{
    return LINES > 2 ? (uint32_t)LINES - 2 : 0;
}

static void screen_draw(struct screen *screen)
{
    uint32_t shown = lines_shown(), chosen = row_chosen(screen);
    erase();
    if (screen->offset + shown > screen->page.count)
        screen->offset = screen->page.count > shown ? screen->page.count - shown : 0;
    if (LINES > 1 && screen->title.count)
        line_draw(0, screen->title.lines[0].text, 0, style_attributes(screen, STYLE_TITLE));
    for (uint32_t i = 0; i < shown && screen->offset + i < screen->page.count; i++) {
        const struct page_line *line = &screen->page.lines[screen->offset + i];
        bool is_chosen = chosen != NO_ROW && screen->offset + i == screen->rows.first + chosen;
        line_draw((int)i + 1, line->text, screen->shift,
                  is_chosen ? (attr_t)A_REVERSE : style_attributes(screen, line->style));
    }
    status_draw(screen);
    refresh();
}

/* ---- choosing ---- */

static void row_choose(struct screen *screen, uint32_t row)
{
    uint32_t shown = lines_shown(), line = screen->rows.first + row;
    if (screen->view == VIEW_TEMPLATES)
        screen->row = row;
    else
        snprintf(screen->chosen, sizeof screen->chosen, "%s", screen->exporters[row]->name);
    if (line < screen->offset)
        screen->offset = line;
    else if (shown && line >= screen->offset + shown)
        screen->offset = line - shown + 1;
}

/* Down: the first row below what is chosen; without rows, lines. Up above the first row chooses nothing. */
static void rows_move(struct screen *screen, int64_t by)
{
    uint32_t chosen = row_chosen(screen);
    int64_t to = chosen == NO_ROW ? by - 1 : (int64_t)chosen + by;
    int64_t most = (int64_t)screen->rows.count - 1;
    if (most >= 0 && to >= 0) {
        row_choose(screen, (uint32_t)(to < most ? to : most));
        return;
    }
    screen->row = NO_ROW;
    screen->chosen[0] = '\0';
    to = (int64_t)screen->offset + (most < 0 ? by : -(int64_t)screen->page.count);
    screen->offset = to > 0 ? (uint32_t)to : 0;
}

static void view_set(struct screen *screen, enum view view)
{
    screen->view = view;
    screen->offset = screen->shift = 0;
    screen->row = NO_ROW;
}

/* Shows the answer to screen.path, once it is there. */
static void answer_open(struct screen *screen, enum view view)
{
    json_decref(screen->answer);
    screen->answer = NULL;
    view_set(screen, view);
    screen->asking = false; /* anew, with the path */
    screen->due_ns = 0;
}

static void templates_open(struct screen *screen)
{
    snprintf(screen->path, sizeof screen->path, "/api/templates?limit=10000&exporter=%s", screen->address);
    answer_open(screen, VIEW_TEMPLATES);
}

static void explanation_open(struct screen *screen, uint32_t row)
{
    const json_t *template = json_array_get(json_object_get(screen->answer, "templates"), row);
    snprintf(screen->path, sizeof screen->path,
             "/api/templates?explain&exporter=%s&version=%s&domain=%" PRIu64 "&id=%" PRIu64, screen->address,
             client_text(template, "version"), client_number(template, "domain"), client_number(template, "id"));
    answer_open(screen, VIEW_EXPLANATION);
}

static void row_open(struct screen *screen)
{
    uint32_t row = row_chosen(screen);
    if (row == NO_ROW)
        return;
    if (screen->view == VIEW_TEMPLATES) {
        explanation_open(screen, row);
        return;
    }
    snprintf(screen->address, sizeof screen->address, "%s", screen->exporters[row]->address);
    templates_open(screen);
}

static void view_leave(struct screen *screen)
{
    if (screen->view == VIEW_EXPLANATION)
        templates_open(screen);
    else
        view_set(screen, VIEW_OVERVIEW);
}

/* ---- sorting and time ---- */

static void exporters_sort(struct screen *screen)
{
    const struct top *top = screen->top;
    free(screen->exporters);
    screen->exporters = top->now ? table_sort(top->now, top_before(top), &top->order) : NULL;
}

static void column_move(struct screen *screen, uint32_t by)
{
    struct table_order *order = &screen->top->order;
    order->column = (order->column + by) % column_count;
    exporters_sort(screen);
    if (screen->top->now && screen->top->now->exporter_count < screen->top->now->exporter_total)
        screen->due_ns = 0; /* others may come first */
}

static void interval_change(struct screen *screen, double by)
{
    static const double least = 0.1, most = 3600;
    double interval_s = screen->top->interval_s * by;
    screen->top->interval_s = interval_s < least ? least : interval_s > most ? most : interval_s;
}

static void key_take(struct screen *screen, int key)
{
    uint32_t page = lines_shown() > 1 ? lines_shown() - 1 : 1;
    switch (key) {
    case 'q':
    case 'Q':
        screen->ended = true;
        break;
    case KEY_UP:
    case 'k':
        rows_move(screen, -1);
        break;
    case KEY_DOWN:
    case 'j':
        rows_move(screen, 1);
        break;
    case KEY_PPAGE:
        rows_move(screen, -(int64_t)page);
        break;
    case KEY_NPAGE:
        rows_move(screen, page);
        break;
    case KEY_HOME:
        rows_move(screen, -(int64_t)UINT32_MAX);
        break;
    case KEY_END:
        rows_move(screen, UINT32_MAX);
        break;
    case KEY_LEFT:
        screen->shift -= screen->shift >= SHIFT ? SHIFT : screen->shift;
        break;
    case KEY_RIGHT:
        screen->shift += screen->shift < 256 ? SHIFT : 0;
        break;
    case '<':
        column_move(screen, column_count - 1);
        break;
    case '>':
        column_move(screen, 1);
        break;
    case 'r':
        screen->top->order.reversed = !screen->top->order.reversed;
        column_move(screen, 0);
        break;
    case '+':
        interval_change(screen, 2);
        break;
    case '-':
        interval_change(screen, 0.5);
        break;
    case 'L' - '@': /* Ctrl-L, as everywhere: something else wrote on the terminal */
        clearok(stdscr, TRUE);
        break;
    case ' ':
        screen->due_ns = 0;
        break;
    case '\n':
    case '\r':
    case KEY_ENTER:
        row_open(screen);
        break;
    case 'h':
    case '?':
        view_set(screen, VIEW_HELP);
        break;
    case KEY_BACKSPACE:
    case 127:
    case 8:
    case 27:
        view_leave(screen);
        break;
    default: /* KEY_RESIZE: drawing anew is all that it takes */
        break;
    }
}

/* ---- the loop ---- */

static void reading_begin(struct screen *screen)
{
    bool also = screen->view == VIEW_TEMPLATES || screen->view == VIEW_EXPLANATION;
    top_ask(screen->top, also ? screen->path : NULL);
    screen->asking = true;
    screen->due_ns = clock_steady_ns() + (int64_t)(screen->top->interval_s * NS_PER_S);
}

static void reading_end(struct screen *screen)
{
    struct top *top = screen->top;
    screen->asking = false;
    if (!top_take(top))
        return;
    screen->taken_ns = clock_steady_ns();
    exporters_sort(screen);
    if (top->client.count > TOP_ALSO) {
        json_decref(screen->answer);
        screen->answer = json_incref(top->client.questions[TOP_ALSO].answer);
    }
}

/* Until a key, an answer, the next reading or a new size of the terminal. */
static void screen_wait(struct screen *screen)
{
    int64_t left_ms = (screen->due_ns - clock_steady_ns()) / NS_PER_MS;
    int timeout_ms = left_ms < 0 ? 0 : left_ms < SLICE_MS ? (int)left_ms + 1 : SLICE_MS;
    if (screen->asking) {
        if (client_wait(&screen->top->client, STDIN_FILENO, SLICE_MS))
            reading_end(screen);
    } else {
        struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
        poll(&keys, 1, timeout_ms);
        screen->ended = keys.revents & (POLLHUP | POLLERR); /* the terminal went away */
    }
}

static void screen_loop(struct screen *screen)
{
    while (!screen->ended) {
        if (!screen->asking && clock_steady_ns() >= screen->due_ns)
            reading_begin(screen);
        screen_wait(screen);
        for (int key; (key = getch()) != ERR;)
            key_take(screen, key);
        page_make(screen);
        screen_draw(screen);
    }
}

static bool colours_start(void)
{
    const char *refused = getenv("NO_COLOR");
    if ((refused && *refused) || !has_colors() || start_color() == ERR)
        return false;
    use_default_colors();
    init_pair(1, COLOR_RED, -1);
    init_pair(2, COLOR_CYAN, -1);
    return true;
}

int screen_run(struct top *top)
{
    struct screen screen = {.top = top, .row = NO_ROW};
    setlocale(LC_CTYPE, "");
    set_escdelay(50);
    SCREEN *terminal = newterm(NULL, stdout, stdin);
    bool can_move = terminal && tigetstr("cup") && tigetstr("cup") != (char *)-1; /* the cursor, to any place */
    if (!can_move) {
        if (terminal) {
            endwin();
            delscreen(terminal);
        }
        fprintf(stderr, "weir top: the terminal %s is not known here, so it gets plain text\n", getenv("TERM"));
        return -1;
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    screen.coloured = colours_start();
    screen_loop(&screen);
    endwin();
    delscreen(terminal);
    page_clear(&screen.title);
    page_clear(&screen.page);
    json_decref(screen.answer);
    free(screen.exporters);
    return STATUS_GOOD;
}
