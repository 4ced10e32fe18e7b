/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/log.h"

/*
 * The configuration as plain data, filled by the rows of the option table (config/option.h): one member an option.
 * Constant after config_load(); every thread may read it. All memory is the config's own until config_fini().
 */

struct text_list {
    char **items;
    uint32_t count;
};

enum profile_kind { PROFILE_WEIR, PROFILE_ELASTIC };
enum backend_kind { BACKEND_AUTO, BACKEND_XDP, BACKEND_SOCKET };
enum network_kind { NETWORK_UDP, NETWORK_UDP4, NETWORK_UDP6 };
enum xdp_mode { XDP_MODE_AUTO, XDP_MODE_NATIVE, XDP_MODE_GENERIC };
enum zero_copy { ZERO_COPY_AUTO, ZERO_COPY_ON, ZERO_COPY_OFF };
enum output_kind { OUTPUT_FILE, OUTPUT_STDOUT };
enum compression { COMPRESSION_NONE, COMPRESSION_ZSTD, COMPRESSION_GZIP, COMPRESSION_LZ4 };
enum direct_io { DIRECT_IO_AUTO, DIRECT_IO_OFF };
enum stats_format { STATS_TEXT, STATS_JSON };

/* Bits of config.protocols. */
enum protocol_bit {
    PROTOCOL_V1 = 1 << 0,
    PROTOCOL_V5 = 1 << 1,
    PROTOCOL_V6 = 1 << 2,
    PROTOCOL_V7 = 1 << 3,
    PROTOCOL_V8 = 1 << 4,
    PROTOCOL_V9 = 1 << 5,
    PROTOCOL_IPFIX = 1 << 6,
};

struct config {
    /* Elastic's names, at the top of the file */
    struct text_list host;         /* "addr:port" each; default ":2055", ":4739" */
    uint32_t network;              /* enum network_kind */
    uint64_t max_message_size;     /* bytes of the longest datagram */
    uint64_t read_buffer;          /* SO_RCVBUF in bytes; 0 = the system's default */
    uint32_t protocols;            /* enum protocol_bit, or-ed */
    uint64_t expiration_timeout;   /* ns; 0 = never */
    uint32_t workers;              /* 0 = one a queue (AF_XDP) or one a core (sockets) */
    struct text_list custom_definitions; /* paths */
    bool detect_sequence_reset;
    struct text_list internal_networks;
    bool share_templates;
    struct text_list tags;
    char *fields_json;             /* members of the YAML map "fields" as JSON, without the outer braces; "" = none */
    bool fields_under_root;

    struct {
        uint32_t backend;          /* enum backend_kind */
        struct text_list interface; /* AF_XDP: names of network interfaces */
        uint32_t xdp_mode;         /* enum xdp_mode */
        uint32_t zero_copy;        /* enum zero_copy */
        struct text_list allow;    /* CIDRs; empty = every exporter */
        struct text_list cpus;     /* worker i runs on cpus[i % count]; empty = not pinned */
        uint32_t frames;           /* AF_XDP: UMEM frames a queue, a power of two */
        uint32_t busy_poll;        /* us to poll before sleeping; 0 = sleep at once */
    } input;

    struct {
        uint32_t exporters;               /* most exporters, in all */
        uint32_t templates_per_exporter;  /* most templates of one exporter */
        uint32_t fields_per_template;
        uint64_t memory;                  /* bytes for templates, plans and encode programs, of each worker */
    } limits;

    struct {
        uint32_t kind;             /* enum output_kind */
        uint32_t profile;          /* enum profile_kind */
        bool envelope;             /* agent, data_stream, event.dataset, input.type, tags */
        char *namespace;           /* data_stream.namespace */
        char *path;                /* file: pattern with strftime's letters, and %i for the number of the file */
        uint64_t rotate_size;      /* bytes; 0 = never by size */
        uint64_t rotate_age;       /* ns; 0 = never by age */
        uint32_t compression;      /* enum compression */
        uint32_t compression_level; /* 0 = the method's own default */
        uint32_t direct;           /* enum direct_io */
        uint64_t batch_size;       /* bytes of a batch, a multiple of 4096 */
        uint64_t batch_age;        /* ns until a batch that is not full is sent */
        uint32_t batches;          /* batches a worker */
        uint64_t flush_timeout;    /* ns to wait for the output at shutdown */
    } output;

    struct {
        uint32_t format;           /* enum log_format */
        uint32_t level;            /* enum log_level */
    } log;

    uint64_t stats_interval;       /* ns; 0 = never */
    uint32_t stats_format;         /* enum stats_format */
};

/* Something wrong with a configuration. */
struct config_problem {
    char *where;  /* "weir.yml:12", "-o workers=x", "WEIR_WORKERS" */
    char *what;   /* what is wrong */
    char *remedy; /* what to write instead; NULL where nothing sensible can be said */
    bool warning; /* config_load() succeeds in spite of it; whoever calls logs it (config_problems_log()) */
};

struct config_problems {
    struct config_problem *items;
    uint32_t count;
};

/*
 * Fills config from the defaults, then from the YAML file (may be NULL), then from the environment (WEIR_<KEY>, dots as
 * underscores), then from settings ("key=value", lists separated by commas). A list replaces the weaker one, the map
 * "fields" is merged with it. Returns 0, or -EINVAL with every problem found (not just the first; there may be warnings
 * with 0, too), or -ENOMEM. Starts both structs afresh; the caller ends them with config_fini() and
 * config_problems_fini(), whatever was returned.
 */
struct config_sources {
    const char *file;
    const char *const *settings;
    uint32_t setting_count;
    const char *const *presets;  /* like settings, but weaker than everything except the defaults */
    uint32_t preset_count;
};

int config_load(struct config *config, const struct config_sources *sources, struct config_problems *problems);
void config_fini(struct config *config);
void config_problems_fini(struct config_problems *problems);

/*
 * Adds a problem; what is a printf format. remedy may be NULL: then none is known. Returns 0 or -ENOMEM. Other parts
 * that check what the configuration names (networks, definition files) report by it too.
 */
int config_problem_add(struct config_problems *problems, const char *where, const char *remedy, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* One log line a problem: errors as errors, warnings as warnings. */
void config_problems_log(const struct config_problems *problems);

/* As config_load(), from YAML text in memory and without the environment; name stands for the file in the problems. */
int config_load_text(struct config *config, const char *text, size_t size, const char *name,
                     struct config_problems *problems);
