/* SPDX-License-Identifier: Apache-2.0 */

/* The worker and what workers share: who is let in, who owns whom, strays, and that every packet is accounted for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "dataplane/allow.h"
#include "dataplane/crew.h"
#include "dataplane/handover.h"
#include "dataplane/owners.h"

/* --- allow --- */

static bool allowed(const struct allow *allow, const char *text)
{
    struct address address;
    assert_true(address_parse(text, &address));
    return allow_contains(allow, &address);
}

static void allow_prefixes(void **state)
{
    char *items[] = {"10.0.0.0/8", "192.0.2.7", "10.1.0.0/16", "2001:db8::/32", "198.51.100.128/25", "10.0.0.0/8"};
    struct text_list list = {items, 6};
    struct allow *allow = allow_new(&list);
    assert_non_null(allow);
    static const char *const in[] = {"10.0.0.0", "10.1.2.3", "10.2.0.1", "10.255.255.255", "192.0.2.7",
                                     "198.51.100.128", "198.51.100.255", "2001:db8::", "2001:db8:ffff::1"};
    static const char *const out[] = {"9.255.255.255", "11.0.0.0", "192.0.2.6", "192.0.2.8", "198.51.100.127",
                                      "198.51.101.0", "2001:db7:ffff::", "2001:db9::", "::", "::1", "0.0.0.0"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        assert_true(allowed(allow, in[i]));
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        assert_false(allowed(allow, out[i]));
    allow_free(allow);
}

static void allow_everybody(void **state)
{
    struct text_list list = {NULL, 0};
    struct allow *allow = allow_new(&list);
    assert_true(allowed(allow, "192.0.2.1") && allowed(allow, "::"));
    allow_free(allow);
    char *items[] = {"0.0.0.0/0"};
    list = (struct text_list){items, 1};
    allow = allow_new(&list);
    assert_true(allowed(allow, "192.0.2.1"));
    assert_false(allowed(allow, "2001:db8::1"));
    allow_free(allow);
}

/* IPv4 lies inside ::/0 as we store it, but is not meant by it. */
static void allow_all_of_ipv6(void **state)
{
    static const char *const in[] = {"::", "::1", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::1",
                                     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    char *items[] = {"::/0", "192.0.2.0/24"};
    struct text_list list = {items, 1};
    struct allow *allow = allow_new(&list);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        assert_true(allowed(allow, in[i]));
    assert_false(allowed(allow, "0.0.0.0") || allowed(allow, "192.0.2.1") || allowed(allow, "255.255.255.255"));
    allow_free(allow);
    list.count = 2;
    allow = allow_new(&list);
    assert_true(allowed(allow, "192.0.2.1") && allowed(allow, "2001:db8::1"));
    assert_false(allowed(allow, "192.0.3.1"));
    allow_free(allow);
    items[0] = "::/80";
    list.count = 1;
    allow = allow_new(&list);
    assert_true(allowed(allow, "::1"));
    assert_false(allowed(allow, "192.0.2.1") || allowed(allow, "::1:0:0:0"));
    allow_free(allow);
}

/* --- owners --- */

static struct address numbered_address(uint32_t number)
{
    uint8_t bytes[4] = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    return address_from_ipv4(bytes);
}

static struct endpoint numbered_source(uint32_t number)
{
    return (struct endpoint){numbered_address(number), 2055};
}

static void first_comer_owns(void **state)
{
    struct owners *owners = owners_new(4, 1000, OWNING_BY_ADDRESS);
    for (uint32_t i = 0; i < 1000; i++) {
        struct endpoint source = numbered_source(i);
        assert_int_equal(owners_claim(owners, &source, i % 4), i % 4);
        assert_int_equal(owners_claim(owners, &source, (i + 1) % 4), i % 4);
    }
    owners_free(owners);
    owners = owners_new(4, 10, OWNING_PINNED);
    struct endpoint source = numbered_source(1);
    assert_int_equal(owners_claim(owners, &source, 3), 0);
    owners_free(owners);
}

/* Far more addresses than the table has room for: each still has one owner, the same for all and for ever. */
static void full_table_still_answers(void **state)
{
    enum { ADDRESSES = 50000 };
    static uint8_t first[ADDRESSES];
    uint32_t steered = 0;
    struct owners *owners = owners_new(3, 10, OWNING_BY_ADDRESS);
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        struct endpoint source = numbered_source(i);
        first[i] = (uint8_t)owners_claim(owners, &source, 2);
        steered += first[i] != 2;
    }
    assert_true(steered > ADDRESSES / 2); /* spread over the others by address */
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        struct endpoint source = numbered_source(i);
        assert_int_equal(owners_claim(owners, &source, i % 3), first[i]);
    }
    owners_free(owners);
}

static void exporters_have_a_cap(void **state)
{
    struct owners *owners = owners_new(2, 3, OWNING_BY_ADDRESS);
    for (int i = 0; i < 3; i++)
        assert_true(owners_admit(owners));
    assert_false(owners_admit(owners));
    assert_false(owners_admit(owners));
    owners_dismiss(owners);
    assert_true(owners_admit(owners));
    owners_free(owners);
}

static void steering_spreads(void **state)
{
    uint32_t counts[4] = {0};
    for (uint32_t i = 0; i < 4096; i++) {
        struct address address = numbered_address(i);
        counts[owners_steered(&address, 4)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 900, 1150);
    memset(counts, 0, sizeof counts);
    for (uint32_t i = 0; i < 4096; i++) {
        uint8_t bytes[16] = {0x20, 1, 0xd, 0xb8, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i};
        struct address address = address_from_ipv6(bytes);
        counts[owners_steered(&address, 4)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 900, 1150);
}

/* By port, the ports of one exporter spread, and whoever sees one first has no say. */
static void ports_spread(void **state)
{
    uint32_t counts[4] = {0};
    struct owners *owners = owners_new(4, 10, OWNING_BY_PORT);
    for (uint32_t port = 0; port < 4096; port++) {
        struct endpoint source = {numbered_address(1), (uint16_t)(20000 + port)};
        uint32_t owner = owners_claim(owners, &source, port % 4);
        assert_int_equal(owners_claim(owners, &source, (port + 1) % 4), owner);
        counts[owner]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 900, 1150);
    owners_free(owners);
}

enum { RACE_ADDRESSES = 20000, RACE_THREADS = 4 };

struct race {
    struct owners *owners;
    uint32_t number;
    uint8_t answers[RACE_ADDRESSES];
};

static void *race_run(void *argument)
{
    struct race *race = argument;
    for (uint32_t i = 0; i < RACE_ADDRESSES; i++) {
        struct endpoint source = numbered_source(i);
        race->answers[i] = (uint8_t)owners_claim(race->owners, &source, race->number);
    }
    return NULL;
}

static void claims_race_to_one_owner(void **state)
{
    static struct race races[RACE_THREADS];
    pthread_t threads[RACE_THREADS];
    struct owners *owners = owners_new(RACE_THREADS, RACE_ADDRESSES, OWNING_BY_ADDRESS);
    for (uint32_t i = 0; i < RACE_THREADS; i++) {
        races[i] = (struct race){.owners = owners, .number = i};
        pthread_create(&threads[i], NULL, race_run, &races[i]);
    }
    for (uint32_t i = 0; i < RACE_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < RACE_ADDRESSES; i++)
        for (uint32_t j = 1; j < RACE_THREADS; j++)
            assert_int_equal(races[j].answers[i], races[0].answers[i]);
    owners_free(owners);
}

/* --- handover --- */

static bool push(struct handover *handover, uint32_t value, int64_t received_ns)
{
    struct frame frame = {
        .payload = (const uint8_t *)&value, .size_bytes = sizeof value, .source.port = (uint16_t)value};
    struct packet packet = {.received_ns = received_ns};
    return handover_push(handover, &frame, &packet);
}

static int take(struct handover *handover, struct packet *packets, int most)
{
    struct backend_queue *queue = handover_queue(handover);
    return queue->backend->ops->receive(queue, packets, most);
}

static void give_back(struct handover *handover)
{
    struct backend_queue *queue = handover_queue(handover);
    queue->backend->ops->release(queue);
}

static void handover_is_bounded_and_in_order(void **state)
{
    struct packet packets[BURST_PACKETS];
    struct handover *handover = handover_new(8, 100);
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < 8; i++)
            assert_true(push(handover, round * 8 + i, 1000 + i));
        assert_false(push(handover, 99, 0));
        assert_int_equal(handover_waiting(handover), 8);
        assert_int_equal(take(handover, packets, 5), 5);
        assert_false(push(handover, 99, 0)); /* borrowed slots are not free yet */
        for (uint32_t i = 0; i < 5; i++) {
            uint32_t value = 0;
            memcpy(&value, packets[i].bytes, sizeof value);
            assert_int_equal(value, round * 8 + i);
            assert_int_equal(packets[i].size_bytes, 4);
            assert_int_equal(packets[i].kind, PACKET_PAYLOAD);
            assert_int_equal(packets[i].received_ns, 1000 + i);
            assert_int_equal(packets[i].source.port, (uint16_t)value);
        }
        give_back(handover);
        assert_int_equal(take(handover, packets, BURST_PACKETS), 3);
        give_back(handover);
        assert_int_equal(take(handover, packets, BURST_PACKETS), 0);
        assert_int_equal(handover_waiting(handover), 0);
    }
    handover_free(handover);
}

static bool readable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 1;
}

static void handover_wakes_only_sleepers(void **state)
{
    struct handover *handover = handover_new(8, 100);
    int fd = handover_queue(handover)->fd;
    assert_true(push(handover, 1, 0));
    handover_wake(handover);
    assert_false(readable(fd));
    assert_false(handover_doze(handover)); /* something waits: no sleep */
    struct packet packets[8];
    assert_int_equal(take(handover, packets, 8), 1);
    give_back(handover);
    assert_true(handover_doze(handover));
    assert_true(push(handover, 2, 0));
    handover_wake(handover);
    assert_true(readable(fd));
    handover_rouse(handover, true);
    assert_false(readable(fd));
    handover_interrupt(handover);
    assert_true(readable(fd));
    handover_free(handover);
}

enum { PRODUCERS = 3, PUSHES = 20000 };

struct producer {
    struct handover *handover;
    uint32_t number;
};

static void *producer_run(void *argument)
{
    struct producer *producer = argument;
    for (uint32_t i = 0; i < PUSHES; i++) {
        while (!push(producer->handover, producer->number << 24 | i, 0))
            sched_yield();
        handover_wake(producer->handover);
    }
    return NULL;
}

/* Nothing is lost, doubled or torn, and each producer's datagrams keep their order; the consumer sleeps when it can. */
static void handover_from_many(void **state)
{
    struct handover *handover = handover_new(64, 100);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    uint32_t next[PRODUCERS] = {0}, total = 0;
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){handover, i};
        pthread_create(&threads[i], NULL, producer_run, &producers[i]);
    }
    while (total < PRODUCERS * PUSHES) {
        struct packet packets[BURST_PACKETS];
        int count = take(handover, packets, BURST_PACKETS);
        for (int i = 0; i < count; i++) {
            uint32_t value;
            memcpy(&value, packets[i].bytes, sizeof value);
            assert_true(value >> 24 < PRODUCERS);
            assert_int_equal(value & 0xffffff, next[value >> 24]++);
        }
        give_back(handover);
        total += (uint32_t)count;
        struct pollfd entry = {.fd = handover_queue(handover)->fd, .events = POLLIN};
        if (!count && handover_doze(handover)) {
            assert_int_equal(poll(&entry, 1, 10000), 1); /* a lost wake-up would end here */
            handover_rouse(handover, true);
        }
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    handover_free(handover);
}

/* --- workers --- */

#define RECORDS  3
#define V5_BYTES (24 + 48 * RECORDS)

/* A backend of as many queues as wanted, each with its list of packets, as often as asked for. */
struct script {
    const struct packet *packets;
    uint32_t count;
    uint32_t rounds;
    uint32_t position;
    uint32_t entered; /* queues whose workers had begun when this one's first received */
};

static _Atomic uint32_t queues_entered;

static int script_receive(struct backend_queue *queue, struct packet *packets, int most)
{
    struct script *script = queue->state;
    int count = 0;
    if (!script->entered)
        script->entered = queues_entered;
    while (count < most && script->rounds) {
        packets[count++] = script->packets[script->position++];
        if (script->position == script->count) {
            script->position = 0;
            script->rounds--;
        }
    }
    queue->ended = !script->rounds;
    return count;
}

static void script_release(struct backend_queue *queue)
{
}

static void script_losses(struct backend_queue *queue, struct losses *losses)
{
    *losses = (struct losses){.socket = 1, .ring = 2, .filter = 3, .buffers = 4, .damaged = 5, .kernel = 6,
                              .to_kernel = 7, .redirected = 8, .passed_other = 9, .passed_long = 10, .unsent = 11};
}

/* The first takes its time. */
static void script_enter(struct backend_queue *queue)
{
    if (!queue->number)
        poll(NULL, 0, 50);
    queues_entered++;
}

static const struct backend_ops script_ops = {.name = "script",
                                              .receive = script_receive,
                                              .release = script_release,
                                              .enter = script_enter,
                                              .losses = script_losses};

#define WORKERS_MOST 3

struct rig {
    struct config config;
    struct elements *elements;
    struct networks *networks;
    struct outputs *output;
    struct crew *crew;
    struct backend backend;
    struct script scripts[WORKERS_MOST];
    struct backend_queue queues[WORKERS_MOST];
    struct backend_queue *queue_list[WORKERS_MOST];
    char folder[64];
    bool spread; /* set before rig_init() */
};

static void rig_init(struct rig *rig, uint32_t workers, const char *setting)
{
    char path[128];
    struct config_problems problems = {0};
    bool spread = rig->spread;
    memset(rig, 0, sizeof *rig);
    rig->spread = spread;
    strcpy(rig->folder, "/tmp/weir-worker-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(path, sizeof path, "output.path=%s/documents.ndjson", rig->folder);
    const char *settings[] = {path, "output.batch_age=1ms", setting};
    struct config_sources sources = {.settings = settings, .setting_count = setting ? 3 : 2};
    assert_int_equal(config_load(&rig->config, &sources, &problems), 0);
    config_problems_fini(&problems);
    const struct profile *profile = profile_of(rig->config.output.profile);
    rig->elements = elements_new(profile, &rig->config.custom_definitions, &problems);
    rig->networks = networks_new(&rig->config.internal_networks, &problems);
    rig->output = outputs_open(&rig->config, workers);
    assert_true(rig->elements && rig->networks && rig->output);
    rig->crew = crew_new(&(struct crew_setup){.config = &rig->config, .profile = profile, .elements = rig->elements,
                                              .networks = rig->networks, .outputs = rig->output,
                                              .worker_count = workers, .spread = rig->spread});
    assert_non_null(rig->crew);
}

/* Gives the queues, one a worker, their packets. */
static void rig_feed(struct rig *rig, const struct script *scripts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rig->scripts[i] = scripts[i];
        rig->queues[i] = (struct backend_queue){
            .backend = &rig->backend, .number = i, .fd = -1, .finite = true, .state = &rig->scripts[i]};
        rig->queue_list[i] = &rig->queues[i];
    }
    rig->backend = (struct backend){.ops = &script_ops, .queues = rig->queue_list, .queue_count = count};
    assert_int_equal(crew_add_backend(rig->crew, &rig->backend), 0);
}

static uint64_t counted(const struct rig *rig, enum counter counter)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < crew_worker_count(rig->crew); i++)
        sum += counter_read(&worker_counters(crew_worker(rig->crew, i))->value[counter]);
    return sum;
}

/* Runs all to the end and closes the output; the identity of every unit holds, and nothing waits. */
static void rig_run(struct rig *rig)
{
    int64_t sums[UNIT_RECORDS + 1] = {0};
    assert_int_equal(crew_start(rig->crew), 0);
    crew_join(rig->crew);
    assert_true(crew_ended(rig->crew));
    assert_int_equal(outputs_close(rig->output), 0);
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_row *row = &counter_rows[i];
        int64_t value = (int64_t)counted(rig, i);
        if (row->unit <= UNIT_RECORDS && row->part != PART_NONE)
            sums[row->unit] += row->part == PART_RECEIVED ? value : -value;
    }
    for (uint32_t i = 0; i <= UNIT_RECORDS; i++)
        assert_int_equal(sums[i], 0);
    for (uint32_t i = 0; i < crew_worker_count(rig->crew); i++) {
        assert_int_equal(worker_waiting_records(crew_worker(rig->crew, i)), 0);
        assert_int_equal(worker_waiting_packets(crew_worker(rig->crew, i)), 0);
    }
}

static void rig_fini(struct rig *rig)
{
    char command[128];
    crew_free(rig->crew);
    outputs_free(rig->output);
    networks_free(rig->networks);
    elements_free(rig->elements);
    config_fini(&rig->config);
    snprintf(command, sizeof command, "rm -r %s", rig->folder);
    assert_int_equal(system(command), 0);
}

/* A v5 datagram with RECORDS records; slack behind it. */
static uint8_t *v5_bytes(void)
{
    static uint8_t bytes[V5_BYTES + PACKET_SLACK_BYTES] = {0, 5, 0, RECORDS, 0, 0, 0x10, 0, 0x69, 0x55, 0xb9, 0x80};
    return bytes;
}

static struct packet v5_packet(uint32_t exporter)
{
    return (struct packet){.bytes = v5_bytes(),
                           .size_bytes = V5_BYTES,
                           .kind = PACKET_PAYLOAD,
                           .received_ns = 1767225600 * NS_PER_S,
                           .source = {.address = numbered_address(exporter), .port = 9995}};
}

static void every_record_is_a_document(void **state)
{
    struct rig rig = {0};
    struct packet packets[100];
    for (uint32_t i = 0; i < 100; i++)
        packets[i] = v5_packet(i % 10);
    rig_init(&rig, 1, NULL);
    rig_feed(&rig, &(struct script){.packets = packets, .count = 100, .rounds = 50}, 1);
    rig_run(&rig);
    assert_int_equal(counted(&rig, COUNTER_packets_received), 5000);
    assert_int_equal(counted(&rig, COUNTER_packets_with_datagram), 5000);
    assert_int_equal(counted(&rig, COUNTER_exporters_learned), 10);
    assert_int_equal(counted(&rig, COUNTER_records_delivered), 5000 * RECORDS);
    assert_int_equal(counted(&rig, COUNTER_losses_socket), 1);
    assert_int_equal(counted(&rig, COUNTER_losses_ring), 2);
    assert_int_equal(counted(&rig, COUNTER_losses_filter), 3);
    assert_int_equal(counted(&rig, COUNTER_losses_buffers), 4);
    assert_int_equal(counted(&rig, COUNTER_losses_damaged), 5);
    assert_int_equal(counted(&rig, COUNTER_losses_kernel), 6);
    assert_int_equal(counted(&rig, COUNTER_packets_to_kernel), 7);
    assert_int_equal(counted(&rig, COUNTER_xdp_redirected), 8);
    assert_int_equal(counted(&rig, COUNTER_xdp_passed_other), 9);
    assert_int_equal(counted(&rig, COUNTER_xdp_passed_long), 10);
    assert_int_equal(counted(&rig, COUNTER_packets_unsent), 11);
    rig_fini(&rig);
}

/* Nobody hands over to a worker that cannot take it yet. */
static void workers_begin_together(void **state)
{
    struct rig rig = {0};
    struct packet packet = v5_packet(1);
    struct script script = {.packets = &packet, .count = 1, .rounds = 1};
    queues_entered = 0;
    rig_init(&rig, 3, NULL);
    rig_feed(&rig, (const struct script[]){script, script, script}, 3);
    rig_run(&rig);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(rig.scripts[i].entered, 3);
    rig_fini(&rig);
}

/* One queue and three workers: each gets exporters, all of whose datagrams are its own. */
static void one_queue_gives_all_workers_work(void **state)
{
    struct rig rig = {.spread = true};
    struct packet packets[60];
    for (uint32_t i = 0; i < 60; i++)
        packets[i] = v5_packet(i % 30);
    rig_init(&rig, 3, NULL);
    rig_feed(&rig, (const struct script[]){{.packets = packets, .count = 60, .rounds = 10}, {0}, {0}}, 3);
    rig_run(&rig);
    for (uint32_t i = 0; i < 3; i++) {
        const struct counters *counters = worker_counters(crew_worker(rig.crew, i));
        assert_int_not_equal(counter_read(&counters->value[COUNTER_exporters_learned]), 0);
    }
    assert_int_equal(counted(&rig, COUNTER_exporters_learned), 30);
    assert_int_equal(counted(&rig, COUNTER_packets_from_other_workers), counted(&rig, COUNTER_packets_handed_over));
    assert_int_equal(counted(&rig, COUNTER_records_delivered), 600 * RECORDS);
    rig_fini(&rig);
}

static void rules_change(struct rig *rig, const char *allowed)
{
    char *items[] = {(char *)allowed};
    struct config config = {.input.allow = {items, allowed != NULL}};
    crew_set_rules(rig->crew, rules_new(&config));
}

/* Exporters that are known already are held to the rules of the day, too; those of both lists lose nothing. */
static void rules_change_while_packets_come(void **state)
{
    struct rig rig = {0};
    struct packet packets[BURST_PACKETS];
    for (uint32_t i = 0; i < BURST_PACKETS; i++)
        packets[i] = v5_packet(i % 4);
    rig_init(&rig, 1, NULL);
    rig_feed(&rig, &(struct script){.packets = packets, .count = BURST_PACKETS, .rounds = 70}, 1);
    struct worker *worker = crew_worker(rig.crew, 0);
    for (int i = 0; i < 10; i++)
        worker_burst(worker);
    assert_int_equal(counted(&rig, COUNTER_packets_with_datagram), 640);
    for (int change = 0; change < 15; change++) {
        rules_change(&rig, "10.0.0.0/31");
        for (int i = 0; i < 2; i++)
            worker_burst(worker);
        rules_change(&rig, change % 2 ? NULL : "10.0.0.0/16");
        for (int i = 0; i < 2; i++)
            worker_burst(worker);
    }
    assert_int_equal(counted(&rig, COUNTER_packets_received), 70 * 64);
    assert_int_equal(counted(&rig, COUNTER_packets_not_allowed), 15 * 64);
    assert_int_equal(counted(&rig, COUNTER_packets_with_datagram), 70 * 64 - 15 * 64);
    assert_int_equal(counted(&rig, COUNTER_exporters_learned), 4);
    assert_int_equal(worker_rules(worker), 30);
    rules_change(&rig, NULL); /* adopted by nobody: freed with the crew */
    rules_change(&rig, NULL);
    rig_run(&rig);
    rig_fini(&rig);
}

/* A burst, then a packet each 100 ms, whatever the others send; what the backend has seen to is not asked again. */
static void exporters_have_budgets(void **state)
{
    struct rig rig = {0};
    struct packet packets[300];
    for (uint32_t i = 0; i < 300; i++) {
        packets[i] = v5_packet(i / 100);
        packets[i].received_ns += i % 100 * 10 * NS_PER_MS;
        packets[i].budgeted = i >= 200;
    }
    for (uint32_t i = 150; i < 200; i++)
        packets[i].received_ns -= 3600 * NS_PER_S; /* a clock that was set back */
    rig_init(&rig, 1, "input.exporter_rate=10");
    rig.config.input.exporter_burst = 20;
    crew_set_rules(rig.crew, rules_new(&rig.config));
    rig_feed(&rig, &(struct script){.packets = packets, .count = 300, .rounds = 1}, 1);
    rig_run(&rig);
    uint32_t steady = 20 + 9, before = 20 + 4, after = 20 + 4; /* a burst, and what is earned meanwhile */
    assert_in_range(counted(&rig, COUNTER_packets_with_datagram), steady + before + after + 100 - 2,
                    steady + before + after + 100 + 2);
    assert_int_equal(counted(&rig, COUNTER_packets_with_datagram) + counted(&rig, COUNTER_packets_over_budget), 300);
    rig_fini(&rig);
}

/* Each way of losing a packet before the decoder has its counter. */
static void refused_packets_are_counted(void **state)
{
    struct rig rig = {0};
    struct packet packets[6];
    for (uint32_t i = 0; i < 6; i++)
        packets[i] = v5_packet(1);
    packets[1].kind = PACKET_ETHERNET; /* bytes that are no frame: EtherType 0x0000 */
    packets[2].kind = PACKET_OTHER;
    packets[3].kind = PACKET_IP;       /* version 0 */
    packets[4].cut = true;             /* the socket had no room for all of it */
    packets[5].source.address = numbered_address(0x100000); /* 10.16.0.0 */
    rig_init(&rig, 1, "input.allow=10.0.0.0/12");
    rig_feed(&rig, &(struct script){.packets = packets, .count = 6, .rounds = 1}, 1);
    rig_run(&rig);
    assert_int_equal(counted(&rig, COUNTER_packets_received), 6);
    assert_int_equal(counted(&rig, COUNTER_packets_with_datagram), 1);
    assert_int_equal(counted(&rig, COUNTER_packets_not_udp), 2);
    assert_int_equal(counted(&rig, COUNTER_packets_malformed), 1);
    assert_int_equal(counted(&rig, COUNTER_packets_too_large), 1);
    assert_int_equal(counted(&rig, COUNTER_packets_not_allowed), 1);
    rig_fini(&rig);
}

/* A datagram beyond max_message_size: profile weir drops it, Elastic decodes what is left. */
static void long_datagrams(void **state)
{
    struct packet packet = v5_packet(1);
    struct rig rig = {0};
    rig_init(&rig, 1, "max_message_size=100");
    rig_feed(&rig, &(struct script){.packets = &packet, .count = 1, .rounds = 1}, 1);
    rig_run(&rig);
    assert_int_equal(counted(&rig, COUNTER_packets_too_large), 1);
    assert_int_equal(counted(&rig, COUNTER_datagrams_received), 0);
    rig_fini(&rig);
    setenv("WEIR_OUTPUT_PROFILE", "elastic", 1);
    rig_init(&rig, 1, "max_message_size=100");
    rig_feed(&rig, &(struct script){.packets = &packet, .count = 1, .rounds = 1}, 1);
    rig_run(&rig);
    unsetenv("WEIR_OUTPUT_PROFILE");
    assert_int_equal(counted(&rig, COUNTER_packets_too_large), 0);
    assert_int_equal(counted(&rig, COUNTER_datagrams_received), 1);
    assert_int_equal(counted(&rig, COUNTER_datagram_bytes), 100);
    rig_fini(&rig);
}

static void exporters_over_the_cap_are_dropped(void **state)
{
    struct rig rig = {0};
    struct packet packets[8];
    for (uint32_t i = 0; i < 8; i++)
        packets[i] = v5_packet(i);
    rig_init(&rig, 1, "limits.exporters=5");
    rig_feed(&rig, &(struct script){.packets = packets, .count = 8, .rounds = 4}, 1);
    rig_run(&rig);
    assert_int_equal(counted(&rig, COUNTER_exporters_learned), 5);
    assert_int_equal(counted(&rig, COUNTER_packets_no_exporter), 3 * 4);
    assert_int_equal(counted(&rig, COUNTER_records_delivered), 5 * 4 * RECORDS);
    rig_fini(&rig);
}

/* All queues bring all exporters: each is decoded by one worker only, and what landed elsewhere is handed over or,
   where the ring is full, counted. */
static void strays_reach_their_owner(void **state)
{
    enum { EXPORTERS = 30, ROUNDS = 200 };
    struct rig rig = {0};
    struct packet packets[EXPORTERS];
    struct script scripts[WORKERS_MOST];
    for (uint32_t i = 0; i < EXPORTERS; i++)
        packets[i] = v5_packet(i);
    for (uint32_t i = 0; i < WORKERS_MOST; i++)
        scripts[i] = (struct script){.packets = packets, .count = EXPORTERS, .rounds = ROUNDS};
    rig_init(&rig, WORKERS_MOST, NULL);
    rig_feed(&rig, scripts, WORKERS_MOST);
    rig_run(&rig);
    uint64_t lost = counted(&rig, COUNTER_packets_handover_full);
    assert_int_equal(counted(&rig, COUNTER_packets_received), WORKERS_MOST * EXPORTERS * ROUNDS);
    assert_int_equal(counted(&rig, COUNTER_exporters_learned), EXPORTERS);
    assert_int_equal(counted(&rig, COUNTER_packets_handed_over) + lost, (WORKERS_MOST - 1) * EXPORTERS * ROUNDS);
    assert_int_equal(counted(&rig, COUNTER_packets_from_other_workers), counted(&rig, COUNTER_packets_handed_over));
    assert_true(counted(&rig, COUNTER_packets_handed_over) > 0);
    assert_int_equal(counted(&rig, COUNTER_records_delivered),
                     (WORKERS_MOST * EXPORTERS * ROUNDS - lost) * RECORDS);
    rig_fini(&rig);
}

static void shared_templates_have_one_worker(void **state)
{
    struct rig rig = {0};
    struct packet packets[20];
    struct script scripts[2];
    for (uint32_t i = 0; i < 20; i++)
        packets[i] = v5_packet(i);
    for (uint32_t i = 0; i < 2; i++)
        scripts[i] = (struct script){.packets = packets + i * 10, .count = 10, .rounds = 1};
    rig_init(&rig, 2, "share_templates=true");
    rig_feed(&rig, scripts, 2);
    rig_run(&rig);
    assert_int_equal(counter_read(&worker_counters(crew_worker(rig.crew, 0))->value[COUNTER_datagrams_received]), 20);
    assert_int_equal(counted(&rig, COUNTER_packets_handed_over), 10);
    rig_fini(&rig);
}

/* After twice the expiration_timeout without datagrams an exporter is forgotten, and its place given to others. */
static void silent_exporters_expire(void **state)
{
    struct rig rig = {0};
    struct packet packets[] = {v5_packet(1), v5_packet(2), v5_packet(2)};
    packets[2].received_ns += 61 * NS_PER_S;
    rig_init(&rig, 1, "expiration_timeout=30s");
    rig_feed(&rig, &(struct script){.packets = packets, .count = 2, .rounds = 1}, 1);
    struct worker *worker = crew_worker(rig.crew, 0);
    assert_int_equal(worker_burst(worker), 2);
    for (int i = 0; i < 5000 && !counted(&rig, COUNTER_exporters_expired); i++) {
        rig.scripts[0] = (struct script){.packets = packets + 2, .count = 1, .rounds = 1};
        assert_int_equal(worker_burst(worker), 1);
        usleep(1000); /* the output returns the documents of the first; housekeeping has its own time */
    }
    assert_int_equal(counted(&rig, COUNTER_exporters_expired), 1);
    assert_null(exporters_at(worker_exporters(worker), 0));
    assert_non_null(exporters_at(worker_exporters(worker), 1));
    rig.scripts[0].rounds = 0;
    rig.queues[0].ended = true;
    rig_run(&rig);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allow_prefixes),
        cmocka_unit_test(allow_everybody),
        cmocka_unit_test(allow_all_of_ipv6),
        cmocka_unit_test(first_comer_owns),
        cmocka_unit_test(full_table_still_answers),
        cmocka_unit_test(exporters_have_a_cap),
        cmocka_unit_test(steering_spreads),
        cmocka_unit_test(ports_spread),
        cmocka_unit_test(claims_race_to_one_owner),
        cmocka_unit_test(handover_is_bounded_and_in_order),
        cmocka_unit_test(handover_wakes_only_sleepers),
        cmocka_unit_test(handover_from_many),
        cmocka_unit_test(every_record_is_a_document),
        cmocka_unit_test(rules_change_while_packets_come),
        cmocka_unit_test(exporters_have_budgets),
        cmocka_unit_test(refused_packets_are_counted),
        cmocka_unit_test(long_datagrams),
        cmocka_unit_test(exporters_over_the_cap_are_dropped),
        cmocka_unit_test(strays_reach_their_owner),
        cmocka_unit_test(workers_begin_together),
        cmocka_unit_test(one_queue_gives_all_workers_work),
        cmocka_unit_test(shared_templates_have_one_worker),
        cmocka_unit_test(silent_exporters_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
