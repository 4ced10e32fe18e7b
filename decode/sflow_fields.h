/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "decode/sflow_counter_fields.h"
#include "decode/sflow_flow_fields.h"

/*
 * What a document of sFlow can have: name, enterprise and id of the element in decode/elements.csv, bytes. Elements of
 * IANA's become the fields that documents of NetFlow have, too; sFlow's own stand below "sflow.". The IPv6 form of an
 * address is the row behind its IPv4 form.
 */

enum sflow_flow_field {
#define SFLOW_ENUM(name, enterprise, id, length) SFLOW_##name,
    SFLOW_FLOW_FIELDS(SFLOW_ENUM) SFLOW_FLOW_FIELD_COUNT
};

enum sflow_counter_field { SFLOW_COUNTER_FIELDS(SFLOW_ENUM) SFLOW_COUNTER_FIELD_COUNT };
#undef SFLOW_ENUM
