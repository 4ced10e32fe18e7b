/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app/explanation.h"
#include "app/http/exporters.h"
#include "app/http/json.h"
#include "app/http/query.h"
#include "base/clock.h"
#include "dataplane/window.h"
#include "decode/survey.h"

#define ROWS_MOST   (1U << 20) /* of one answer's list before it is cut to its page */
#define ROWS_SPARE  1024       /* learned while the list is made */
#define FIELDS_MOST (1U << 16) /* the fields of a few templates: they are told of one exporter and id alone */
#define NAMES_MOST  (1U << 20) /* bytes of the names of their fields */
#define SURVEY_NS   NS_PER_S   /* for each worker: one that does not answer in a hundred times what it takes is stuck */

static const struct address nowhere; /* whose templates are shared */

struct listed {
    struct template_row row;
    uint32_t worker;
};

struct template_list {
    struct survey_filter filter;
    bool explains;   /* what becomes of each; with fields */
    bool at_rest;    /* the workers have ended: nobody is to be asked */
    struct listed *items;
    uint32_t count;
    uint32_t left_out;
    struct field *fields;
    uint32_t field_count;
    uint8_t *names;
    uint32_t names_bytes;
};

/* ---- asking the workers ---- */

static uint32_t rows_expected(const struct worker *worker)
{
    uint64_t templates = window_gauge(worker_window(worker), GAUGE_templates) + ROWS_SPARE;
    return templates < ROWS_MOST ? (uint32_t)templates : ROWS_MOST;
}

static bool list_append(struct template_list *list, const struct survey *survey, uint32_t worker)
{
    struct listed *items = realloc(list->items, ((size_t)list->count + survey->count + 1) * sizeof *items);
    if (!items)
        return false;
    list->items = items;
    for (uint32_t i = 0; i < survey->count; i++) {
        items[list->count] = (struct listed){.row = survey->rows[i], .worker = worker};
        items[list->count].row.fields_at += list->field_count;
        items[list->count++].row.names_at += list->names_bytes;
    }
    list->field_count += survey->field_count;
    list->names_bytes += survey->names_bytes;
    list->left_out += survey->left_out;
    return true;
}

/* The rows are touched before they are the worker's: it is not the one to wait for the kernel's pages. */
static bool worker_ask(struct template_list *list, struct worker *worker, uint32_t number)
{
    uint32_t most = rows_expected(worker);
    struct survey survey = {
        .filter = list->filter,
        .rows = malloc(most * sizeof *survey.rows),
        .rows_most = most,
        .fields = list->fields ? list->fields + list->field_count : NULL,
        .fields_most = FIELDS_MOST - list->field_count,
        .names = list->names ? list->names + list->names_bytes : NULL,
        .names_most = NAMES_MOST - list->names_bytes,
    };
    if (!survey.rows)
        return false;
    memset(survey.rows, 0, most * sizeof *survey.rows);
    if (list->at_rest)
        window_survey_here(worker_window(worker), &survey);
    bool good = (list->at_rest || worker_survey(worker, &survey, SURVEY_NS)) && list_append(list, &survey, number);
    free(survey.rows);
    return good;
}

static int row_compare(const void *one, const void *other)
{
    const struct template_row *first = &((const struct listed *)one)->row;
    const struct template_row *second = &((const struct listed *)other)->row;
    int difference = memcmp(first->address.bytes, second->address.bytes, sizeof first->address.bytes);
    if (difference)
        return difference;
    if (first->port != second->port)
        return first->port < second->port ? -1 : 1;
    if (first->session != second->session)
        return first->session < second->session ? -1 : 1;
    if (first->version != second->version)
        return first->version < second->version ? -1 : 1;
    if (first->domain != second->domain)
        return first->domain < second->domain ? -1 : 1;
    return (int)first->id - (int)second->id;
}

/* What changed its place while the list was made may stand there twice. */
static void list_unite(struct template_list *list)
{
    uint32_t kept = 0;
    qsort(list->items, list->count, sizeof *list->items, row_compare);
    for (uint32_t i = 0; i < list->count; i++)
        if (!kept || row_compare(&list->items[kept - 1], &list->items[i]))
            list->items[kept++] = list->items[i];
    list->count = kept;
}

/* False where a worker did not tell, or memory is out. */
static bool list_make(struct template_list *list, const struct http_site *site, bool fields)
{
    const struct crew *crew = site->collector->crew;
    bool good = list->at_rest || site_phase(site) == HTTP_RUNNING;
    if (fields && good)
        good = (list->fields = calloc(FIELDS_MOST, sizeof *list->fields)) != NULL &&
               (list->names = calloc(NAMES_MOST, 1)) != NULL;
    for (uint32_t i = 0; i < crew_worker_count(crew) && good; i++)
        good = worker_ask(list, crew_worker(crew, i), i);
    if (good)
        list_unite(list);
    return good;
}

static void list_free(struct template_list *list)
{
    free(list->items);
    free(list->fields);
    free(list->names);
}

/* ---- one template ---- */

static void field_print(FILE *stream, const struct elements *elements, const struct field *field, int64_t offset)
{
    const struct element *element = field->element ? elements_at(elements, field->element) : NULL;
    if (field->enterprise == ENTERPRISE_V9_SCOPE)
        fprintf(stream, "{\"enterprise\":null,\"id\":%u,\"name\":", field->id); /* RFC 3954 6.1: scopes of their own */
    else
        fprintf(stream, "{\"enterprise\":%u,\"id\":%u,\"name\":", field->enterprise, field->id);
    if (element) {
        json_text(stream, element->name);
        fputs(",\"key\":", stream);
        json_text(stream, element->key);
        fputs(",\"type\":", stream);
        json_text(stream, element->data_type);
    } else {
        fputs("null,\"key\":null,\"type\":null", stream);
    }
    if (field->length == LENGTH_VARIABLE)
        fputs(",\"length\":null", stream);
    else
        fprintf(stream, ",\"length\":%u", field->length);
    if (offset < 0)
        fputs(",\"offset\":null", stream);
    else
        fprintf(stream, ",\"offset\":%" PRId64, offset);
    fprintf(stream, ",\"scope\":%s,\"read\":%s}", field->flags & FIELD_SCOPE ? "true" : "false",
            field->type != TYPE_NONE ? "true" : "false");
}

/* Behind the first field of variable length every record has its own offsets. */
static void fields_print(FILE *stream, const struct elements *elements, const struct field *fields, uint32_t count)
{
    int64_t offset = 0;
    fputs(",\"field_list\":[", stream);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i ? "," : "", stream);
        field_print(stream, elements, &fields[i], offset);
        offset = offset < 0 || fields[i].length == LENGTH_VARIABLE ? -1 : offset + fields[i].length;
    }
    fputc(']', stream);
}

static void whose_print(FILE *stream, const struct template_row *row)
{
    char text[ADDRESS_TEXT_MOST];
    if (address_equal(&row->address, &nowhere)) {
        fputs("{\"exporter\":null,\"port\":null", stream);
        return;
    }
    address_format(&row->address, text);
    fprintf(stream, "{\"exporter\":\"%s\",\"port\":", text);
    if (row->port)
        fprintf(stream, "%u", row->port);
    else
        fputs("null", stream);
    if (row->session)
        fprintf(stream, ",\"session\":%u", row->session);
}

/* null where there was no room for its fields, or no memory. */
static void explanation_show(FILE *stream, const struct http_site *site, const struct template_list *list,
                             const struct template_row *row)
{
    const struct explanation_subject subject = {
        .config = site->config,
        .elements = site->collector->elements,
        .fields = list->fields + row->fields_at,
        .field_count = row->field_count,
        .names = row->has_names ? (const struct field_names *)(list->names + row->names_at) : NULL,
        .version = (uint8_t)row->version,
        .kind = row->kind,
        .id = row->id,
    };
    fputs(",\"explanation\":", stream);
    if (!row->has_fields || !explanation_print(stream, &subject))
        fputs("null", stream);
}

static void template_print(FILE *stream, const struct http_site *site, const struct template_list *list,
                           const struct listed *listed)
{
    const struct template_row *row = &listed->row;
    int64_t now_s = clock_utc_ns() / NS_PER_S;
    whose_print(stream, row);
    fprintf(stream, ",\"worker\":%u", listed->worker);
    version_print(stream, "version", row->version);
    fprintf(stream,
            ",\"domain\":%u,\"id\":%u,\"kind\":\"%s\",\"fields\":%u,\"record_bytes\":%u,\"variable\":%s"
            ",\"plan\":%" PRIu64 ",\"uses\":%" PRIu64,
            row->domain, row->id, row->kind == PLAN_OPTIONS ? "options" : "flow", row->field_count, row->record_bytes,
            row->variable ? "true" : "false", row->plan, row->uses);
    json_time(stream, "learned", row->learned_s * NS_PER_S);
    json_time(stream, "announced", row->announced_s * NS_PER_S);
    json_time(stream, "used", row->used_s * NS_PER_S);
    fprintf(stream, ",\"age_seconds\":%" PRId64, now_s > row->learned_s ? now_s - row->learned_s : 0);
    if (row->has_fields)
        fields_print(stream, site->collector->elements, list->fields + row->fields_at, row->field_count);
    if (list->explains)
        explanation_show(stream, site, list, row);
    fputc('}', stream);
}

static void templates_print(FILE *stream, const struct http_site *site, const struct template_list *list,
                            const struct query_slice *slice)
{
    fputc('[', stream);
    for (uint64_t i = slice->offset; i < list->count && i < slice->offset + slice->limit; i++) {
        fputs(i > slice->offset ? "," : "", stream);
        template_print(stream, site, list, &list->items[i]);
    }
    fputc(']', stream);
}

void templates_of_address(FILE *stream, const struct http_site *site, const struct address *address)
{
    struct template_list list = {.filter = {.by_address = true, .address = *address}};
    struct query_slice all = {.limit = QUERY_LIMIT_MOST};
    fputs(",\"templates\":", stream);
    if (list_make(&list, site, false))
        templates_print(stream, site, &list, &all);
    else
        fputs("null", stream);
    list_free(&list);
}

bool templates_at_rest(FILE *stream, const struct http_site *site, const struct address *address)
{
    struct template_list list = {.filter.by_address = address != NULL, .explains = true, .at_rest = true};
    struct query_slice all = {.limit = ROWS_MOST};
    if (address)
        list.filter.address = *address;
    bool good = list_make(&list, site, true);
    if (good)
        templates_print(stream, site, &list, &all);
    list_free(&list);
    return good;
}

/* ---- sorting ---- */

static uint64_t key_fields(const struct template_row *row)
{
    return row->field_count;
}

static uint64_t key_uses(const struct template_row *row)
{
    return row->uses;
}

static uint64_t key_learned(const struct template_row *row)
{
    return row->learned_s;
}

static uint64_t key_announced(const struct template_row *row)
{
    return row->announced_s;
}

static uint64_t key_used(const struct template_row *row)
{
    return row->used_s;
}

static uint64_t key_exporter(const struct template_row *row)
{
    (void)row;
    return 0;
}

static const struct sorting {
    const char *name;
    uint64_t (*key)(const struct template_row *row);
} sortings[] = {
    {"exporter", key_exporter}, {"fields", key_fields},       {"uses", key_uses},
    {"learned", key_learned},   {"announced", key_announced}, {"used", key_used},
};

struct order {
    const struct sorting *sorting;
    bool descending;
};

static int listed_compare(const void *one, const void *other, void *argument)
{
    const struct order *order = argument;
    uint64_t first = order->sorting->key(&((const struct listed *)one)->row);
    uint64_t second = order->sorting->key(&((const struct listed *)other)->row);
    if (first == second)
        return order->sorting->key == key_exporter && order->descending ? -row_compare(one, other)
                                                                        : row_compare(one, other);
    return (first < second) == order->descending ? 1 : -1;
}

static const struct sorting *sorting_find(const char *name)
{
    for (unsigned i = 0; i < sizeof sortings / sizeof sortings[0]; i++)
        if (strcmp(name, sortings[i].name) == 0)
            return &sortings[i];
    return NULL;
}

/* ---- the page ---- */

/* exporter=ADDRESS, or shared for those that belong to none. */
static bool filter_exporter(const struct http_request *request, struct http_page *page, struct survey_filter *filter)
{
    const char *text = request_value(request, "exporter");
    filter->by_address = text != NULL;
    if (!text || strcmp(text, "shared") == 0 || address_parse(text, &filter->address))
        return true;
    return page_fail(page, 400, "exporter is to be an address without port, or shared");
}

static bool filter_version(const struct http_request *request, struct http_page *page, struct survey_filter *filter)
{
    const char *text = request_value(request, "version");
    filter->by_version = text != NULL;
    filter->version = text && strcmp(text, "ipfix") == 0 ? 10 : 9;
    if (!text || filter->version == 10 || strcmp(text, "v9") == 0)
        return true;
    return page_fail(page, 400, "version is to be v9 or ipfix");
}

static bool filter_read(const struct http_request *request, struct http_page *page, struct survey_filter *filter)
{
    uint64_t domain = 0, id = 0;
    *filter = (struct survey_filter){.by_domain = query_given(request, "domain"), .by_id = query_given(request, "id")};
    if (!filter_exporter(request, page, filter) || !filter_version(request, page, filter) ||
        !query_number(request, page, "domain", UINT32_MAX, &domain) ||
        !query_number(request, page, "id", UINT16_MAX, &id))
        return false;
    filter->domain = (uint32_t)domain;
    filter->id = (uint16_t)id;
    return true;
}

static void page_list(struct http_page *page, const struct http_site *site, const struct template_list *list,
                      const struct query_slice *slice)
{
    uint64_t total = 0;
    const struct crew *crew = site->collector->crew;
    for (uint32_t i = 0; i < crew_worker_count(crew); i++)
        total += window_gauge(worker_window(crew_worker(crew, i)), GAUGE_templates);
    json_begin(page->stream, site);
    fprintf(page->stream, ",\"total\":%" PRIu64 ",\"matched\":%u,\"left_out\":%u", total, list->count, list->left_out);
    query_slice_print(page->stream, slice);
    fputs(",\"templates\":", page->stream);
    templates_print(page->stream, site, list, slice);
    fputs("}\n", page->stream);
}

void page_templates(const struct http_request *request, struct http_page *page)
{
    const struct http_site *site = request_site(request);
    struct template_list list = {0};
    struct query_slice slice = {.sort = "exporter"};
    if (!query_slice(request, page, &slice) || !filter_read(request, page, &list.filter))
        return;
    struct order order = {.sorting = sorting_find(slice.sort), .descending = slice.descending};
    list.explains = query_given(request, "explain");
    if (list.explains && !(list.filter.by_address && list.filter.by_id))
        page_fail(page, 400, "explain takes an exporter and an id beside it");
    else if (!order.sorting)
        page_fail(page, 400, "sort is to be exporter, fields, uses, learned, announced or used");
    else if (!list_make(&list, site, list.filter.by_address && list.filter.by_id))
        page_fail(page, 503, "the workers did not list their templates in time; try again");
    else {
        qsort_r(list.items, list.count, sizeof *list.items, listed_compare, &order);
        page_list(page, site, &list, &slice);
    }
    list_free(&list);
}
