/* SPDX-License-Identifier: Apache-2.0 */
#include "app/docs_elements.h"

#include <stdlib.h>
#include <string.h>

#include "app/arguments.h"
#include "decode/element.h"
#include "decode/element_rows.h"
#include "decode/profile.h"

/* All elements of profile weir, each enterprise's together. */
struct listing {
    struct elements *elements;
    const struct element **items;
    uint32_t count;
};

/* Numbers that no vendor has: the text in their place. */
static const char *enterprise_text(const struct element *element, char text[16])
{
    if (element->enterprise == ENTERPRISE_V9_SCOPE)
        return "v9 scope";
    if (element->enterprise == ENTERPRISE_SFLOW)
        return "sFlow";
    snprintf(text, 16, "%u", element->enterprise);
    return text;
}

/* NetFlow v9 has no enterprise numbers: types that vendors took stand among IANA's. */
static bool is_of_v9(const struct element *element)
{
    return element->enterprise == 0 && strcmp(element->source, "iana") != 0;
}

static bool is_of_flows(const struct element *element)
{
    return element->enterprise < ENTERPRISE_SFLOW;
}

static int element_compare(const void *one, const void *other)
{
    const struct element *first = *(const struct element *const *)one, *second = *(const struct element *const *)other;
    if (first->enterprise != second->enterprise)
        return first->enterprise < second->enterprise ? -1 : 1;
    if (is_of_v9(first) != is_of_v9(second))
        return is_of_v9(second) ? -1 : 1;
    return (int)first->id - (int)second->id;
}

/* An empty listing where there is no memory. */
static struct listing listing_new(void)
{
    static const struct text_list no_files;
    struct config_problems problems = {0};
    struct listing listing = {.elements = elements_new(profile_of(PROFILE_WEIR), &no_files, &problems)};
    uint32_t count = listing.elements ? elements_count(listing.elements) : 0;
    listing.items = calloc(count + 1, sizeof *listing.items);
    problems_print(&problems);
    for (; listing.items && listing.count < count; listing.count++)
        listing.items[listing.count] = elements_at(listing.elements, (uint16_t)(listing.count + 1));
    if (listing.items)
        qsort(listing.items, listing.count, sizeof *listing.items, element_compare);
    return listing;
}

static void listing_free(struct listing *listing)
{
    free(listing->items);
    elements_free(listing->elements);
}

/* --- counts --- */

/* How many elements from there on are of the same enterprise. */
static uint32_t group_count(const struct listing *listing, uint32_t first)
{
    uint32_t end = first;
    while (end < listing->count && listing->items[end]->enterprise == listing->items[first]->enterprise &&
           is_of_v9(listing->items[end]) == is_of_v9(listing->items[first]))
        end++;
    return end - first;
}

static const char *group_name(const struct element *element)
{
    if (is_of_v9(element))
        return "NetFlow v9, types of vendors";
    for (uint32_t i = 0; i < enterprise_row_count; i++)
        if (enterprise_rows[i].number == element->enterprise)
            return enterprise_rows[i].name;
    return "";
}

static void group_sources_print(FILE *stream, const struct element *const *items, uint32_t count)
{
    const char *separator = "";
    for (uint32_t row = 0; row < source_row_count; row++)
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(items[i]->source, source_rows[row].key) != 0)
                continue;
            fprintf(stream, "%s%s", separator, source_rows[row].key);
            separator = ", ";
            break;
        }
}

/* A line for each enterprise, and the sum. */
static void counts_print(FILE *stream, const struct listing *listing, bool markdown)
{
    uint32_t flows = 0;
    char text[16];
    fprintf(stream, markdown ? "| %s | %s | %s | %s |\n|---|---|---|---|\n" : "%-10s  %8s  %-34s  %s\n", "enterprise",
            "elements", "name", "source");
    for (uint32_t first = 0, count; first < listing->count; first += count) {
        const struct element *const *items = &listing->items[first];
        count = group_count(listing, first);
        flows += is_of_flows(*items) ? count : 0;
        fprintf(stream, markdown ? "| %s | %u | %s | " : "%-10s  %8u  %-34s  ", enterprise_text(*items, text), count,
                group_name(*items));
        group_sources_print(stream, items, count);
        fputs(markdown ? " |\n" : "\n", stream);
    }
    fprintf(stream, "%s%u elements: %u of IPFIX and NetFlow, %u of sFlow and of scopes\n", markdown ? "\n" : "",
            listing->count, flows, listing->count - flows);
}

void elements_count_print(FILE *stream, bool markdown)
{
    struct listing listing = listing_new();
    counts_print(stream, &listing, markdown);
    listing_free(&listing);
}

/* --- the page --- */

static void element_print(FILE *stream, const struct element *element, bool markdown)
{
    char text[16];
    fprintf(stream, markdown ? "| %s | %u | %s | `%s` | %s | %s | %s |\n" : "%-10s %5u %-48s %-52s %-22s %-10s %s\n",
            enterprise_text(element, text), element->id, element->name, element->key, element->data_type,
            element->es_type, element->source);
}

static void head_print(FILE *stream, const struct listing *listing)
{
    fputs("# Information elements\n\nGenerated by `weir docs elements --markdown` from the element table "
          "(decode/elements.csv). The key stands below\n`netflow.` in documents, that of sFlow's own below `sflow.`; "
          "of these, 16 to 48\nbelow `netflow.section.`, too ([sections.md](sections.md)).\n\n"
          "Profile `elastic` knows what Elastic's tables have. What no table has "
          "is `netflow.unknown_ENTERPRISE_ID`\nin profile `weir`, and so is a vendor's element at a length that it "
          "cannot have; [custom-definitions.md](custom-definitions.md) says how to name it.\n\n"
          "## By enterprise\n\nAs `weir docs elements --count` has it.\n\n",
          stream);
    counts_print(stream, listing, true);
    fputs("\n## Sources\n\n| source | what it is | where |\n|---|---|---|\n", stream);
    for (uint32_t i = 0; i < source_row_count; i++)
        fprintf(stream, "| %s | %s | <%s> |\n", source_rows[i].key, source_rows[i].title, source_rows[i].address);
    fputs("\n## Elements\n\n"
          "| enterprise | id | name | key | type | Elasticsearch type | source |\n|---|---|---|---|---|---|---|\n",
          stream);
}

void elements_print(FILE *stream, bool markdown)
{
    struct listing listing = listing_new();
    if (markdown)
        head_print(stream, &listing);
    for (uint32_t i = 0; i < listing.count; i++)
        element_print(stream, listing.items[i], markdown);
    listing_free(&listing);
}
