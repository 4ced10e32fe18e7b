/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/element.h"

#include <ctype.h>
#include <string.h>

#include "decode/element_rows.h"

static const char *const role_names[ROLE_COUNT] = {
#define ROLE_NAME(name, element) [ROLE_##name] = element,
    ROLE_TABLE(ROLE_NAME)
#undef ROLE_NAME
};

/* A float64 may be sent as float32 (RFC 7011 6.2); the lengths between have no meaning. */
static const struct data_type data_types[] = {
    {"unsigned8", TYPE_UNSIGNED, 1, 1, "short"},
    {"unsigned16", TYPE_UNSIGNED, 1, 2, "integer"},
    {"unsigned32", TYPE_UNSIGNED, 1, 4, "long"},
    {"unsigned64", TYPE_UNSIGNED, 1, 8, "long"},
    {"unsigned256", TYPE_OCTETS, 1, 32, "short"},
    {"signed8", TYPE_SIGNED, 1, 1, "byte"},
    {"signed16", TYPE_SIGNED, 1, 2, "short"},
    {"signed32", TYPE_SIGNED, 1, 4, "integer"},
    {"signed64", TYPE_SIGNED, 1, 8, "long"},
    {"float32", TYPE_FLOAT, 4, 4, "float"},
    {"float64", TYPE_FLOAT, 4, 8, "double"},
    {"boolean", TYPE_BOOLEAN, 1, 1, "boolean"},
    {"macAddress", TYPE_MAC, 6, 6, "keyword"},
    {"octetArray", TYPE_OCTETS, 0, 65535, "short"},
    {"string", TYPE_STRING, 0, 65535, "keyword"},
    {"dateTimeSeconds", TYPE_SECONDS, 4, 4, "date"},
    {"dateTimeMilliseconds", TYPE_MILLISECONDS, 8, 8, "date"},
    {"dateTimeMicroseconds", TYPE_NTP, 8, 8, "date"},
    {"dateTimeNanoseconds", TYPE_NTP, 8, 8, "date"},
    {"ipv4Address", TYPE_IPV4, 4, 4, "ip"},
    {"ipv6Address", TYPE_IPV6, 16, 16, "ip"},
    {"aclid", TYPE_ACL, 12, 12, "keyword"},
    {"hexadecimal", TYPE_UNKNOWN_OCTETS, 0, 65535, "keyword"},
    {"unsigned32List", TYPE_NUMBERS, 0, 65535, "long"},
    {"communityList", TYPE_COMMUNITIES, 0, 65535, "keyword"},
    {"macAddressList", TYPE_MACS, 0, 65535, "keyword"},
    {"basicList", TYPE_BASIC_LIST, 0, 65535, ""},
    {"subTemplateList", TYPE_SUB_TEMPLATE_LIST, 0, 65535, ""},
    {"subTemplateMultiList", TYPE_SUB_TEMPLATE_MULTI_LIST, 0, 65535, ""},
};

const struct data_type *data_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof data_types / sizeof *data_types; i++)
        if (strcmp(data_types[i].name, name) == 0)
            return &data_types[i];
    return NULL;
}

enum role role_of_name(const char *name)
{
    for (unsigned role = ROLE_NONE + 1; role < ROLE_COUNT; role++)
        if (strcmp(role_names[role], name) == 0)
            return (enum role)role;
    return ROLE_NONE;
}

/* Writes name in lower case, and nothing else. */
static void key_lower(const char *name, char *key)
{
    while (*name)
        *key++ = (char)tolower((unsigned char)*name++);
    *key = 0;
}

void element_key(const char *name, char *key)
{
    if (strcmp(name, "VRFname") == 0) { /* the one name that Elastic treats by itself */
        strcpy(key, "vrf_name");
        return;
    }
    if (strchr(name, '_')) {
        key_lower(name, key);
        return;
    }
    /* The last capital of several belongs to the word that follows: IPSecSPI is ip_sec_spi. */
    unsigned capitals = 1;
    for (; *name; name++) {
        if (isupper((unsigned char)*name)) {
            if (capitals == 0)
                *key++ = '_';
            capitals++;
            *key++ = (char)tolower((unsigned char)*name);
        } else {
            if (capitals > 2) {
                key[0] = key[-1];
                key[-1] = '_';
                key++;
            }
            capitals = 0;
            *key++ = *name;
        }
    }
    *key = 0;
}
