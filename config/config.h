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
enum backend_kind { BACKEND_AUTO, BACKEND_XDP, BACKEND_SOCKET, BACKEND_DPDK };
enum dpdk_kernel { DPDK_KERNEL_AUTO, DPDK_KERNEL_TAP, DPDK_KERNEL_NONE };
enum network_kind { NETWORK_UDP, NETWORK_UDP4, NETWORK_UDP6 };
enum xdp_mode { XDP_MODE_AUTO, XDP_MODE_NATIVE, XDP_MODE_GENERIC };
enum dispatcher { DISPATCHER_AUTO, DISPATCHER_ON, DISPATCHER_OFF };
enum zero_copy { ZERO_COPY_AUTO, ZERO_COPY_ON, ZERO_COPY_OFF };
enum rss { RSS_SOURCE, RSS_SOURCE_PORT };
enum output_kind { OUTPUT_FILE, OUTPUT_STDOUT, OUTPUT_KAFKA, OUTPUT_ELASTICSEARCH, OUTPUT_OPENSEARCH };
enum compression {
    COMPRESSION_NONE,
    COMPRESSION_ZSTD,
    COMPRESSION_GZIP,
    COMPRESSION_LZ4,
    COMPRESSION_SNAPPY, /* Kafka alone */
    COMPRESSION_AUTO,   /* what suits the output; config_load() replaces it */
};
enum direct_io { DIRECT_IO_AUTO, DIRECT_IO_OFF };
enum tls_verify { TLS_VERIFY_FULL, TLS_VERIFY_CERTIFICATE, TLS_VERIFY_NONE };
enum kafka_message { KAFKA_MESSAGE_DOCUMENT, KAFKA_MESSAGE_LINES };
enum kafka_acks { KAFKA_ACKS_ALL, KAFKA_ACKS_LEADER, KAFKA_ACKS_NONE };
enum kafka_sasl {
    KAFKA_SASL_NONE,
    KAFKA_SASL_PLAIN,
    KAFKA_SASL_SCRAM_SHA_256,
    KAFKA_SASL_SCRAM_SHA_512,
    KAFKA_SASL_OAUTHBEARER
};
enum spool_full { SPOOL_DROP_OLDEST, SPOOL_DROP_NEWEST };
enum seccomp_kind { SECCOMP_ERROR, SECCOMP_KILL, SECCOMP_OFF };
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
    PROTOCOL_SFLOW = 1 << 7,
};

/* Bits of config.input.unpack: what load balancers put around datagrams. */
enum unpack_bit {
    UNPACK_IPIP = 1 << 0,
    UNPACK_GRE = 1 << 1,
    UNPACK_GUE = 1 << 2,
    UNPACK_PROXY = 1 << 3,
};

/* Kinds of documents, for output_config.kinds: bit 1 << enum document_kind. */
enum document_kind { DOCUMENT_FLOW, DOCUMENT_OPTIONS, DOCUMENT_COUNTERS, DOCUMENT_KINDS };

/* "name=value": a property that the option table does not know. */
struct property_list {
    char **names;
    char **values;
    uint32_t count;
};

#define OUTPUTS_MOST 16

/* One output: the options below "output." or "outputs.NAME.". */
struct output_config {
    char *name;       /* NAME of outputs.NAME; "default" where there is no outputs */
        uint32_t kind;             /* enum output_kind */
    uint32_t kinds;   /* 1 << enum document_kind, or-ed: the documents that it takes */
    uint32_t threads; /* Kafka, Elasticsearch, OpenSearch: so many threads, each with connections of its own */

    /* the same for all outputs: they shape the documents */
        uint32_t profile;          /* enum profile_kind */
        bool packet_names;         /* flow.dscp, flow.ecn, flow.icmp */
        bool envelope;             /* agent, data_stream, event.dataset, input.type, tags */
        char *namespace;           /* data_stream.namespace */

        char *path;                /* file: pattern with strftime's letters, and %i for the number of the file */
        uint64_t rotate_size;      /* bytes; 0 = never by size */
        uint64_t rotate_age;       /* ns; 0 = never by age */
    uint32_t compression;       /* enum compression; of files, Kafka's messages or bulk bodies */
        uint32_t compression_level; /* 0 = the method's own default */
    uint32_t direct;            /* enum direct_io; files and spool */
    uint64_t batch_size;        /* bytes of a batch, a multiple of 4096; the same for all outputs */
    uint64_t batch_age;         /* ns until a batch that is not full is sent; the same for all outputs */
        char *memory_path;         /* folder on a tmpfs, "auto" or "none"; the same for all outputs */
    uint32_t batches;           /* batches a worker that this output may hold */
        uint64_t flush_timeout;    /* ns to wait for the output at shutdown */

    /* secrets stand here as they are used: "file:PATH" has been read */
    char *username; /* "" = none */
    char *password;

    struct {
        bool enabled;         /* Kafka; for Elasticsearch the URL says it */
        char *ca;             /* path of a PEM file, "" = the system's */
        char *ca_fingerprint; /* SHA-256 of a certificate of the chain in hex, "" = none; Elasticsearch, OpenSearch */
        char *certificate;    /* path of a PEM file for mutual TLS, "" = none */
        char *key;            /* path of a PEM file, "" = none */
        char *key_password;
        uint32_t verify; /* enum tls_verify */
    } tls;

    struct {
        struct text_list brokers; /* HOST:PORT each */
        char *topic;              /* pattern: strftime's letters, %{exporter}, %{kind}, %{namespace} */
        char *key;                /* "none", "exporter", or a path of the document as "flow.id" */
        uint32_t message;         /* enum kafka_message */
        uint64_t message_size;    /* bytes of a message of lines, at most */
        uint32_t acks;            /* enum kafka_acks */
        bool idempotence;
        uint64_t linger;     /* ns */
        uint64_t batch_size; /* bytes of a message set before compression */
        bool headers;        /* schema and exporter */
        uint32_t sasl;       /* enum kafka_sasl */
        char *oauth_url;     /* token endpoint; username and password are client id and secret */
        char *oauth_scope;
        struct property_list properties; /* librdkafka's */
    } kafka;

    /* Elasticsearch and OpenSearch */
    struct {
        struct text_list hosts; /* URLs: http://HOST:PORT/PREFIX or https:// */
        char *index;            /* data stream or index; pattern as topic */
        char *api_key;          /* "ID:SECRET" or its base64; "" = none */
        char *token;            /* bearer; "" = none */
        char *pipeline;         /* ingest pipeline; "" = none */
        uint32_t connections;   /* requests under way at a time, of each thread */
        uint64_t bulk_size;     /* bytes of a request's body before compression, at most */
        uint64_t timeout;       /* ns for a request */
        bool ids;               /* _id from exporter, domain, sequence and position */
        char *dead_letter;      /* path of a file for refused documents; pattern as output.path; "" = none */
    } elastic;

    struct {
        char *path;            /* folder; "" = no spool */
        uint64_t size;         /* bytes on disk, at most */
        uint64_t age;          /* ns that a document may wait; 0 = for ever */
        uint64_t segment_size; /* bytes of a file */
        uint64_t after;        /* ns that a batch waits in memory for an output that does not take it */
        uint32_t when_full;    /* enum spool_full */
        uint32_t compression;  /* enum compression: none, lz4, zstd */
        uint64_t replay_rate;  /* bytes of documents a second; 0 = as fast as it goes */
    } spool;
};

struct config {
    /* Elastic's names, at the top of the file */
    struct text_list host;         /* "addr:port" each; default ":2055", ":4739", ":6343" */
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
        uint32_t xdp_dispatcher;   /* enum dispatcher */
        uint32_t xdp_priority;     /* in libxdp's dispatcher; lower ones run earlier */
        bool xdp_hints;            /* when a frame came, by the NIC or the XDP program */
        uint32_t zero_copy;        /* enum zero_copy */
        struct text_list allow;    /* CIDRs; empty = every exporter */
        uint32_t unpack;           /* enum unpack_bit, or-ed */
        uint32_t gue_port;         /* UDP */
        struct text_list balancers; /* CIDRs; whose headers are believed */
        uint32_t exporter_rate;    /* packets a second; 0 = as many as come */
        uint32_t exporter_burst;   /* packets at once */
        bool fair;                 /* no exporter takes an overloaded worker from the others */
        struct text_list cpus;     /* worker i runs on cpus[i % count]; empty = not pinned */
        uint32_t rss;              /* enum rss: what tells which worker decodes a datagram */
        uint32_t frames;           /* AF_XDP: UMEM frames a queue, DPDK: descriptors; a power of two */
        bool huge_pages;           /* AF_XDP: frames in huge pages where some are free */
        uint32_t busy_poll;        /* us to poll before sleeping; 0 = sleep at once */

        struct {
            struct text_list devices; /* PCI addresses or virtual devices, with arguments */
            struct text_list eal;     /* further arguments of EAL */
            bool hugepages;
            uint64_t memory;          /* bytes that EAL takes */
            uint32_t kernel;          /* enum dpdk_kernel */
            char *tap;                /* name of the interface; of further devices with their number behind */
            bool promiscuous;
            uint32_t mtu;             /* bytes of an IP packet */
        } dpdk;

        /* IPFIX by transports that have sessions */
        struct {
            struct text_list listen;  /* ADDRESS:PORT each; empty = off */
        } tcp;
        struct {
            struct text_list listen;  /* ADDRESS:PORT each; empty = off */
            char *certificate;        /* path of a PEM file, "" = none */
            char *key;                /* path of a PEM file */
            char *ca;                 /* path of a PEM file, "" = exporters need no certificate */
            struct text_list names;   /* of exporters' certificates; empty = any of the CA's */
        } tls;
        struct {
            struct text_list listen;  /* ADDRESS:PORT each; empty = off; with the certificates of tls */
        } dtls;
        struct {
            struct text_list listen;  /* ADDRESS:PORT each; empty = off */
            uint32_t udp_port;        /* without SCTP in the kernel: for packets in UDP; 0 = none */
        } sctp;
        struct {
            uint32_t most;            /* sessions at a time */
            uint32_t per_address;     /* the same, of one address */
            uint64_t handshake_timeout; /* ns */
            uint64_t message_timeout; /* ns from a message's first byte to its last */
            uint64_t idle_timeout;    /* ns; 0 = never */
        } streams;
    } input;

    struct {
        uint32_t exporters;               /* most exporters, in all */
        uint32_t templates_per_exporter;  /* most templates of one exporter */
        uint32_t fields_per_template;
        uint32_t facts_per_exporter;      /* most facts of one session */
        uint64_t memory;                  /* bytes for templates, plans and encode programs, of each worker */
    } limits;

    struct {
        struct text_list rates; /* entries of config/sampling.h */
    } sampling;

    struct {
        uint64_t tolerance; /* ns that an exporter's clock may be off by */
        bool correct;       /* times of exporters whose clock is off are corrected */
    } clock;

    struct {
        char *path;                       /* folder of the journal; "" = none */
        uint64_t size;                    /* bytes of its file, at most */
        uint64_t wait;                    /* ns for the topic to be read at the start */
        uint64_t memory;                  /* bytes for what is known from the topic, at most */
        struct output_config kafka;       /* how to reach the topic; without brokers there is none */
        uint64_t park_size;               /* bytes of data sets that wait for templates, of each worker */
        uint64_t park_exporter_size;      /* the same of one exporter */
        uint64_t park_time;               /* ns that they wait at most; 0 = for ever */
    } templates;

    struct output_config output;   /* the only output, or what those of outputs have in common */
    struct output_config *outputs; /* those that run: at least one after config_load() */
    uint32_t output_count;

    struct {
        struct text_list listen;   /* ADDRESS:PORT each; empty = off */
        bool chosen;               /* somebody set listen: it is not the default */
        char *token;               /* "" = none is asked for */
        struct {
            char *certificate;     /* path of a PEM file, "" = no TLS */
            char *key;             /* path of a PEM file */
        } tls;
        bool talkers;               /* top talkers are counted */
        uint32_t metrics_exporters; /* most exporters with series of their own in /metrics */
    } http;

    struct {
        uint32_t format;           /* enum log_format */
        uint32_t level;            /* enum log_level */
    } log;

    char *user;                    /* to become when everything is open; "" = nobody else */
    char *group;                   /* "" = the user's own */
    uint32_t seccomp;              /* enum seccomp_kind: what becomes of calls that workers have no use for */

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

/* The processor that a worker is pinned to (input.cpus); -1: none. */
int config_worker_cpu(const struct config *config, uint32_t worker);

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
