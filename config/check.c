/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check.h"

#include <net/if.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "config/config.h"
#include "config/loader.h"
#include "config/option.h"
#include "config/value.h"

#define NAMESPACE_MOST 100  /* Elasticsearch's limit for the namespace of a data stream */
#define CPU_MOST       1023 /* what a cpu_set_t holds */

bool complain(struct complaint *complaint, const char *what, const char *remedy)
{
    complaint->what = what;
    complaint->remedy = remedy;
    return false;
}

bool check_host(const char *text, struct complaint *complaint)
{
    struct endpoint endpoint;
    const char *colon = strrchr(text, ':');
    const char *address = colon && strncasecmp(text, "localhost:", 10) == 0 ? colon : text;
    if (endpoint_parse(address, &endpoint))
        return true;
    return complain(complaint, "is no address and port",
                    "write ADDRESS:PORT (0.0.0.0:2055), [IPV6]:PORT ([::1]:2055), localhost:PORT, or :PORT for every "
                    "address");
}

bool check_network(const char *text, struct complaint *complaint)
{
    static const char *const names[] = {
        "private",
        "public",
        "loopback",
        "unicast",
        "global_unicast",
        "multicast",
        "link_local_unicast",
        "link_local_multicast",
        "interface_local_multicast",
        "unspecified",
    };
    struct prefix prefix;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0)
            return true;
    }
    if (strchr(text, '/') && prefix_parse(text, &prefix))
        return true;
    return complain(complaint, "is neither a network nor the name of one",
                    "write CIDR notation (192.0.2.0/24), or one of private, public, loopback, unicast, global_unicast, "
                    "multicast, link_local_unicast, link_local_multicast, interface_local_multicast, unspecified");
}

bool check_prefix(const char *text, struct complaint *complaint)
{
    struct prefix prefix;
    return prefix_parse(text, &prefix) || complain(complaint, "is neither an address nor a network",
                                                   "write an address (192.0.2.1) or CIDR notation (2001:db8::/32)");
}

bool check_cpu(const char *text, struct complaint *complaint)
{
    uint64_t cpu;
    if (number_parse(text, &cpu) == VALUE_GOOD && cpu <= CPU_MOST)
        return true;
    return complain(complaint, "is no number of a processor",
                    "list numbers from 0 to 1023, each by itself, as \"nproc\" and \"lscpu -e\" show them");
}

bool check_interface(const char *text, struct complaint *complaint)
{
    size_t length = strlen(text);
    if (length > 0 && length < IF_NAMESIZE && strcspn(text, "/ \t\n:") == length && strcmp(text, ".") != 0 &&
        strcmp(text, "..") != 0)
        return true;
    return complain(complaint, "cannot be the name of a network interface",
                    "write a name that \"ip link\" shows, as eth0");
}

bool check_file(const char *text, struct complaint *complaint)
{
    struct stat status;
    if (stat(text, &status) != 0)
        return complain(complaint, "is not there", "name a file that exists, or leave it out");
    if (!S_ISREG(status.st_mode))
        return complain(complaint, "is no file", "name a YAML file, not a folder or a device");
    if (access(text, R_OK) != 0)
        return complain(complaint, "cannot be read", "give the user that weir runs as the right to read it");
    return true;
}

bool check_namespace(const char *text, struct complaint *complaint)
{
    size_t length = strlen(text);
    bool possible = length > 0 && length <= NAMESPACE_MOST && strcspn(text, "\\/*?\"<>| ,#:-") == length;
    for (const char *at = text; *at; at++)
        possible &= !(*at >= 'A' && *at <= 'Z') && (unsigned char)*at > ' ';
    if (possible)
        return true;
    return complain(complaint, "cannot be the namespace of a data stream",
                    "write at most 100 lower-case letters and digits, without - \\ / * ? \" < > | , # : or blanks");
}

bool check_file_pattern(const char *text, struct complaint *complaint)
{
    if (!*text)
        return complain(complaint, "is empty", "write the path of a file, as flows-%Y%m%d-%H%M%S-%i.ndjson");
    for (const char *at = strchr(text, '%'); at; at = strchr(at + 2, '%')) {
        if (!at[1] || !strchr("aAbBcCdDeFgGhHiIjklmMnpPrRsStTuUVwWxXyYzZ%", at[1]))
            return complain(complaint, "has a % before a letter without meaning",
                            "use %i and the letters of strftime(3), as %Y%m%d-%H%M%S, and %% for a % itself");
    }
    if (text[strlen(text) - 1] == '/')
        return complain(complaint, "is a folder", "add the name of the file, as flows-%Y%m%d-%H%M%S-%i.ndjson");
    return true;
}

/* localhost becomes the address that the network option makes of it. */
static void hosts_complete(struct loader *loader)
{
    struct text_list *hosts = &loader->config->host;
    bool ipv6 = loader->config->network == NETWORK_UDP6;
    for (uint32_t i = 0; i < hosts->count; i++) {
        if (strncasecmp(hosts->items[i], "localhost:", 10) == 0)
            loader_text_replace(loader, &hosts->items[i], ipv6 ? "[::1]%s" : "127.0.0.1%s",
                                strrchr(hosts->items[i], ':'));
    }
}

static void hosts_check(struct loader *loader)
{
    static const struct address any;
    const struct config *config = loader->config;
    if (config->host.count == 0)
        loader_option_problem(loader, "host", "write addresses and ports, as \":2055\"",
                              "there is no address to receive on");
    for (uint32_t i = 0; i < config->host.count; i++) {
        struct endpoint endpoint;
        if (!endpoint_parse(config->host.items[i], &endpoint) || address_equal(&endpoint.address, &any))
            continue;
        bool ipv4 = address_is_ipv4(&endpoint.address);
        if (config->network == (ipv4 ? NETWORK_UDP6 : NETWORK_UDP4))
            loader_option_problem(loader, "host", "write network: udp, or an address of the other family",
                                  "\"%s\" is not of the family that network: %s allows", config->host.items[i],
                                  ipv4 ? "udp6" : "udp4");
    }
}

/* The top-level names of a document are taken: a second one of the same name would make the document invalid. */
static void fields_check(struct loader *loader)
{
    static const struct {
        const char *name;
        bool envelope; /* only with output.envelope */
    } taken[] = {
        {"@timestamp", false},  {"agent", true},    {"client", false},  {"data_stream", true},
        {"destination", false}, {"ecs", false},     {"event", false},   {"flow", false},
        {"input", true},        {"netflow", false}, {"network", false}, {"observer", false},
        {"related", false},     {"server", false},  {"source", false},  {"tags", true},
    };
    const struct node *fields = loader->fields;
    if (!loader->config->fields_under_root || !fields)
        return;
    for (uint32_t i = 0; i + 1 < fields->count; i += 2) {
        for (unsigned k = 0; k < sizeof taken / sizeof taken[0]; k++) {
            if (strcmp(fields->items[i]->text, taken[k].name) == 0 &&
                (!taken[k].envelope || loader->config->output.envelope))
                loader_option_problem(loader, "fields", "choose another name, or set fields_under_root: false",
                                      "\"%s\" at the top of a document is weir's own", taken[k].name);
        }
    }
}

/* Who may speak for others has to be named, and what arrives at a port can be one thing alone. */
static void unpack_check(struct loader *loader)
{
    const struct config *config = loader->config;
    if (config->input.unpack && !config->input.balancers.count)
        loader_option_problem(loader, "input.unpack", "add input.balancers, as input.balancers: [192.0.2.0/28]",
                              "nothing says which load balancers are believed");
    if (!config->input.unpack && config->input.balancers.count)
        loader_option_warning(loader, "input.balancers", "add input.unpack, as input.unpack: [proxy]",
                              "it has no effect without input.unpack");
    for (uint32_t i = 0; i < config->host.count && config->input.unpack & UNPACK_GUE; i++) {
        const char *colon = strrchr(config->host.items[i], ':');
        if (colon && strtoul(colon + 1, NULL, 10) == config->input.gue_port)
            loader_option_problem(loader, "input.gue_port", "choose another port for one of the two",
                                  "%u is a port of host, too", config->input.gue_port);
    }
}

void check_together(struct loader *loader)
{
    struct config *config = loader->config;
    hosts_complete(loader);
    hosts_check(loader);
    fields_check(loader);
    unpack_check(loader);
    http_check(loader);
    streams_check(loader);
    templates_kafka_check(loader);
    if (config->sampling.rates.count && config->output.profile == PROFILE_ELASTIC)
        loader_option_warning(loader, "sampling.rates", "leave it out, or write output.profile: weir",
                              "it has no effect in profile elastic, which scales no counters");
    if (config->clock.correct && config->output.profile == PROFILE_ELASTIC)
        loader_option_warning(loader, "clock.correct", "leave it out, or write output.profile: weir",
                              "it has no effect in profile elastic, whose times are as exported");
    if (config->share_templates && config->workers > 1)
        loader_option_problem(loader, "share_templates", "write workers: 1, or share_templates: false",
                              "%u workers cannot share templates, as each keeps its own", config->workers);
    if (config->share_templates && config->workers == 0)
        config->workers = 1;
    if (config->input.backend == BACKEND_XDP && config->input.interface.count == 0)
        loader_option_problem(loader, "input.backend", "add input.interface, as input.interface: [eth0]",
                              "xdp needs the network interface to attach to");
    if (config->input.backend == BACKEND_DPDK && config->input.dpdk.devices.count == 0)
        loader_option_problem(loader, "input.backend", "add input.dpdk.devices, as devices: [\"0000:3b:00.0\"]",
                              "dpdk needs the devices to take");
}
