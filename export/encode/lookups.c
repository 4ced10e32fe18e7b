/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/lookups.h"

#include "export/encode/program.h"

/* Which element of a flow record is the key of which fact: of a place's rows the first that finds one counts. */
static const struct lookup_row {
    uint8_t place, kind;
    bool sided; /* not where sides may change places */
    uint16_t id; /* IANA's */
} lookup_rows[] = {
    {PLACE_INGRESS_NAME, FACT_INTERFACE_NAME, false, 10},
    {PLACE_INGRESS_NAME, FACT_INTERFACE_NAME, false, 252}, /* ingressPhysicalInterface */
    {PLACE_INGRESS_ALIAS, FACT_INTERFACE_ALIAS, false, 10},
    {PLACE_INGRESS_ALIAS, FACT_INTERFACE_ALIAS, false, 252},
    {PLACE_EGRESS_NAME, FACT_INTERFACE_NAME, false, 14},
    {PLACE_EGRESS_NAME, FACT_INTERFACE_NAME, false, 253},
    {PLACE_EGRESS_ALIAS, FACT_INTERFACE_ALIAS, false, 14},
    {PLACE_EGRESS_ALIAS, FACT_INTERFACE_ALIAS, false, 253},
    {PLACE_INGRESS_VRF, FACT_VRF_NAME, false, 234},
    {PLACE_EGRESS_VRF, FACT_VRF_NAME, false, 235},
    {PLACE_APPLICATION, FACT_APPLICATION_NAME, false, 95},
    {PLACE_DESCRIPTION, FACT_APPLICATION_DESCRIPTION, false, 95},
    {PLACE_CATEGORY, FACT_APPLICATION_CATEGORY, false, 95},
    {PLACE_SUB_CATEGORY, FACT_APPLICATION_SUB_CATEGORY, false, 95},
    {PLACE_GROUP, FACT_APPLICATION_GROUP, false, 95},
    {PLACE_USER, FACT_USER_OF_MAC, false, 365}, /* staMacAddress */
    {PLACE_USER, FACT_USER_OF_IPV4, false, 366},
    {PLACE_USER, FACT_USER_OF_IPV4, true, 8},
    {PLACE_USER, FACT_USER_OF_IPV6, true, 27},
    {PLACE_SOURCE_USER, FACT_USER_OF_IPV4, true, 8},
    {PLACE_SOURCE_USER, FACT_USER_OF_IPV6, true, 27},
    {PLACE_DESTINATION_USER, FACT_USER_OF_IPV4, true, 12},
    {PLACE_DESTINATION_USER, FACT_USER_OF_IPV6, true, 28},
};

static_assert(sizeof lookup_rows / sizeof *lookup_rows <= LOOKUPS_MOST, "each row is one lookup at most");

static uint16_t field_of(const struct plan *plan, uint16_t id)
{
    for (uint16_t i = plan->field_count; i-- > 0;)
        if (plan->fields[i].enterprise == 0 && plan->fields[i].id == id && plan->fields[i].type != TYPE_NONE)
            return i;
    return FIELD_NONE;
}

static uint16_t number_of(const struct plan *plan, uint16_t id)
{
    uint16_t field = field_of(plan, id);
    return field != FIELD_NONE && plan->fields[field].type == TYPE_UNSIGNED ? field : FIELD_NONE;
}

uint32_t lookups_find(const struct plan *plan, bool swaps, struct fact_lookup lookups[LOOKUPS_MOST])
{
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof lookup_rows / sizeof *lookup_rows; i++) {
        const struct lookup_row *row = &lookup_rows[i];
        uint16_t field = row->sided && swaps ? FIELD_NONE : field_of(plan, row->id);
        if (field != FIELD_NONE)
            lookups[count++] = (struct fact_lookup){.field = field, .kind = row->kind, .place = row->place};
    }
    return count;
}

void rate_fields_find(const struct plan *plan, struct rate_fields *rates)
{
    rates->has_own = rate_use_find(plan->fields, plan->field_count, &rates->own);
    rates->sampler = number_of(plan, 48);
    rates->selector = number_of(plan, 302);
    rates->ingress = number_of(plan, 10);
    rates->egress = number_of(plan, 14);
}

bool plan_tells_sampling(const struct plan *plan)
{
    struct rate_fields rates;
    rate_fields_find(plan, &rates);
    return rates.has_own || rates.sampler != FIELD_NONE || rates.selector != FIELD_NONE;
}
