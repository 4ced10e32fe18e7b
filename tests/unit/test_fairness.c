/* SPDX-License-Identifier: Apache-2.0 */
/* An overloaded worker's time among exporters: a worker of so many microseconds, by a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dataplane/backend.h"
#include "dataplane/fairness.h"

#define EXPORTERS 64
#define QUEUE     4096 /* input.frames by default */
#define REFUSE_NS 200

/* Exporters that send datagrams of some cost at some rate, into a queue that a worker empties. */
struct scene {
    struct exporter exporters[EXPORTERS];
    struct {
        int64_t every_ns, cost_ns, due_ns;
        uint64_t sent, lost, decoded, refused;
    } of[EXPORTERS];
    uint32_t count;
    uint8_t queue[QUEUE];
    uint32_t first, waiting;
    bool tells_fill; /* the queue does */
    int64_t now_ns;
    struct fairness fairness;
};

static struct scene *scene_new(bool on, bool tells_fill)
{
    struct scene *scene = calloc(1, sizeof *scene);
    scene->tells_fill = tells_fill;
    fairness_init(&scene->fairness, on, 0);
    scene->fairness.seed = 1; /* who shares a place with whom is the same each time: nobody here */
    return scene;
}

static void exporter_add(struct scene *scene, const char *endpoint, int64_t a_second, int64_t cost_us)
{
    uint32_t at = scene->count++;
    assert_true(endpoint_parse(endpoint, &scene->exporters[at].endpoint));
    scene->of[at].every_ns = NS_PER_S / a_second;
    scene->of[at].cost_ns = cost_us * 1000;
    scene->of[at].due_ns = scene->now_ns + at * 1000;
}

static void datagrams_come(struct scene *scene)
{
    for (;;) {
        uint32_t next = 0; /* in the order in which they were sent: whoever comes when there is no room loses it */
        for (uint32_t i = 1; i < scene->count; i++)
            next = scene->of[i].due_ns < scene->of[next].due_ns ? i : next;
        if (scene->of[next].due_ns > scene->now_ns)
            return;
        scene->of[next].due_ns += scene->of[next].every_ns;
        scene->of[next].sent++;
        if (scene->waiting == QUEUE)
            scene->of[next].lost++;
        else
            scene->queue[(scene->first + scene->waiting++) % QUEUE] = (uint8_t)next;
    }
}

static void datagram_take(struct scene *scene)
{
    uint8_t i = scene->queue[scene->first];
    struct fairness *fairness = &scene->fairness;
    scene->first = (scene->first + 1) % QUEUE;
    scene->waiting--;
    if (fairness->measures && !fairness_admits(fairness, &scene->exporters[i])) {
        scene->of[i].refused++;
        scene->now_ns += REFUSE_NS;
        return;
    }
    int64_t began_ns = scene->now_ns;
    scene->now_ns += scene->of[i].cost_ns;
    scene->of[i].decoded++;
    if (fairness->measures)
        fairness_charge(fairness, &scene->exporters[i], began_ns, scene->now_ns);
}

static void scene_run(struct scene *scene, int64_t ms)
{
    for (int64_t until_ns = scene->now_ns + ms * NS_PER_MS; scene->now_ns < until_ns;) {
        datagrams_come(scene);
        uint32_t count = scene->waiting < BURST_PACKETS ? scene->waiting : BURST_PACKETS;
        for (uint32_t i = 0; i < count; i++)
            fairness_meet(&scene->fairness, &scene->exporters[scene->queue[(scene->first + i) % QUEUE]]);
        double fill = (double)(scene->waiting - count) / QUEUE;
        if (count)
            fairness_burst(&scene->fairness, count == BURST_PACKETS, scene->tells_fill ? fill : FILL_UNKNOWN);
        for (uint32_t i = 0; i < count; i++)
            datagram_take(scene);
        scene->now_ns += count ? 1000 : 50000;
        fairness_round(&scene->fairness, scene->now_ns);
    }
}

static void tallies_clear(struct scene *scene)
{
    for (uint32_t i = 0; i < scene->count; i++)
        scene->of[i].sent = scene->of[i].lost = scene->of[i].decoded = scene->of[i].refused = 0;
}

static void expect_whole(const struct scene *scene, uint32_t first, uint32_t last, int line)
{
    for (uint32_t i = first; i < last; i++)
        if (scene->of[i].lost || scene->of[i].refused)
            fail_msg("line %d: exporter %u sent %llu, lost %llu, refused %llu", line, i,
                     (unsigned long long)scene->of[i].sent, (unsigned long long)scene->of[i].lost,
                     (unsigned long long)scene->of[i].refused);
}

#define EXPECT_WHOLE(scene, first, last) expect_whole(scene, first, last, __LINE__)

/* Ten exporters with a hundredth of the worker each. */
static void honest_add(struct scene *scene)
{
    char endpoint[32];
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(endpoint, sizeof endpoint, "192.0.2.%u:2055", i + 1);
        exporter_add(scene, endpoint, 1000, 10);
    }
}

/* Whether or not queues tell how full they are; nobody is refused anything where there is no backlog. */
static void nobody_without_backlog(void **state)
{
    for (int tells = 0; tells < 2; tells++) {
        struct scene *scene = scene_new(true, tells);
        honest_add(scene);
        exporter_add(scene, "198.51.100.1:1", 1000, 700);
        scene_run(scene, 3000);
        EXPECT_WHOLE(scene, 0, scene->count);
        free(scene);
    }
}

/* Of one address, by one port or by many; datagrams that cost much, and datagrams that are many. */
static void one_that_takes_all(void **state)
{
    for (int kind = 0; kind < 6; kind++) {
        struct scene *scene = scene_new(true, kind >= 3);
        char endpoint[32];
        bool many_ports = kind % 3 == 1, many_datagrams = kind % 3 == 2;
        honest_add(scene);
        for (uint32_t port = 1; port <= (many_ports ? 40 : 1); port++) {
            snprintf(endpoint, sizeof endpoint, "198.51.100.1:%u", port);
            exporter_add(scene, endpoint, many_datagrams ? 200000 : many_ports ? 50 : 2000, many_datagrams ? 8 : 5000);
        }
        scene_run(scene, 2000);
        tallies_clear(scene);
        scene_run(scene, 3000);
        EXPECT_WHOLE(scene, 0, 10);
        uint64_t decoded = 0, refused = 0;
        for (uint32_t i = 10; i < scene->count; i++) {
            decoded += scene->of[i].decoded;
            refused += scene->of[i].refused;
        }
        /* of what the others leave it has a good part: a third of the worker or more */
        assert_true(refused > 0 && decoded * (many_datagrams ? 8u : 5000u) > 1000000);
        free(scene);
    }
}

static void several_that_take_all(void **state)
{
    for (int tells = 0; tells < 2; tells++) {
        struct scene *scene = scene_new(true, tells);
        char endpoint[32];
        honest_add(scene);
        for (uint32_t i = 1; i <= 8; i++) {
            snprintf(endpoint, sizeof endpoint, "[2001:db8::%u]:9", i);
            exporter_add(scene, endpoint, 500, 2000);
        }
        scene_run(scene, 2000);
        tallies_clear(scene);
        scene_run(scene, 3000);
        EXPECT_WHOLE(scene, 0, 10);
        free(scene);
    }
}

/* Dear datagrams as fast as a link brings them: others lose nothing from the first on, where the queue tells. */
static void flood_at_once(void **state)
{
    for (int64_t cost_us = 10; cost_us <= 100; cost_us += 30) {
        struct scene *scene = scene_new(true, true);
        char endpoint[32];
        honest_add(scene);
        scene_run(scene, 2000);
        for (uint32_t i = 1; i <= 4; i++) {
            snprintf(endpoint, sizeof endpoint, "198.51.100.%u:9", i);
            exporter_add(scene, endpoint, 80000, cost_us);
        }
        scene_run(scene, 12000); /* places change */
        EXPECT_WHOLE(scene, 0, 10);
        uint64_t decoded = 0;
        for (uint32_t i = 10; i < 14; i++)
            decoded += scene->of[i].decoded;
        assert_true((int64_t)decoded * cost_us > 12000000 / 2); /* the worker is not idle for it */
        free(scene);
    }
}

/* What waits after a pause is worked off, by queues that tell and by those that do not, and nobody is refused any. */
static void pause_that_is_made_up(void **state)
{
    for (int tells = 0; tells < 2; tells++) {
        struct scene *scene = scene_new(true, tells);
        honest_add(scene);
        exporter_add(scene, "192.0.2.100:2055", 30000, 20); /* 60 % of the worker */
        scene_run(scene, 1000);
        for (int i = 0; i < 10; i++) {
            scene->now_ns += (tells ? 20 : 80) * NS_PER_MS; /* a fifth of the queue, or four */
            scene_run(scene, 1000);
        }
        EXPECT_WHOLE(scene, 0, scene->count);
        free(scene);
    }
}

/* Others had the worker's processor for a while: what waits then is not worked off at the cost of who takes little. */
static void worker_that_was_away(void **state)
{
    struct scene *scene = scene_new(true, true);
    honest_add(scene);
    exporter_add(scene, "198.51.100.1:1", 100000, 50);
    exporter_add(scene, "198.51.100.2:1", 100000, 50);
    scene_run(scene, 1000);
    for (int i = 0; i < 50; i++) {
        scene->now_ns += 5 * NS_PER_MS; /* a quarter of the queue's */
        scene_run(scene, 50);
    }
    EXPECT_WHOLE(scene, 0, 10);
    free(scene);
}

/* Who takes more than most, but not more than all may, loses nothing to those who take all. */
static void one_that_takes_more(void **state)
{
    struct scene *scene = scene_new(true, true);
    honest_add(scene);
    exporter_add(scene, "192.0.2.100:2055", 15000, 10); /* 15 %; what all may have is a quarter */
    exporter_add(scene, "198.51.100.1:1", 20000, 50);
    exporter_add(scene, "198.51.100.2:1", 20000, 50);
    scene_run(scene, 2000);
    tallies_clear(scene);
    scene_run(scene, 5000);
    EXPECT_WHOLE(scene, 0, 11);
    free(scene);
}

/* Twice what the worker can, by all alike: the queue overflows as it would, nobody is refused. */
static void all_alike(void **state)
{
    for (int tells = 0; tells < 2; tells++) {
        struct scene *scene = scene_new(true, tells);
        char endpoint[32];
        for (uint32_t i = 0; i < 20; i++) {
            snprintf(endpoint, sizeof endpoint, "192.0.2.%u:2055", i + 1);
            exporter_add(scene, endpoint, 10000, 10);
        }
        scene_run(scene, 3000);
        uint64_t lost = 0;
        for (uint32_t i = 0; i < scene->count; i++) {
            lost += scene->of[i].lost;
            assert_int_equal(scene->of[i].refused, 0);
        }
        assert_true(lost > 0);
        free(scene);
    }
}

/* Who is alone takes it from nobody; who is a session waits; and where it is off, nobody is refused. */
static void exceptions(void **state)
{
    for (int kind = 0; kind < 6; kind++) {
        struct scene *scene = scene_new(kind % 3 != 2, kind >= 3);
        if (kind % 3)
            honest_add(scene);
        exporter_add(scene, "198.51.100.1:1", 2000, 5000);
        scene->exporters[scene->count - 1].stream_number = kind % 3 == 1;
        scene_run(scene, 2000);
        assert_int_equal(scene->of[scene->count - 1].refused, 0);
        free(scene);
    }
}

/* Nobody is refused any more once the worker has time again. */
static void it_ends(void **state)
{
    for (int tells = 0; tells < 2; tells++) {
        struct scene *scene = scene_new(true, tells);
        honest_add(scene);
        exporter_add(scene, "198.51.100.1:1", 2000, 5000);
        scene_run(scene, 2000);
        assert_true(scene->of[10].refused > 0);
        scene->of[10].every_ns = NS_PER_S; /* it calms down */
        scene_run(scene, 3000);
        assert_false(scene->fairness.measures && scene->fairness.backlog > 0);
        tallies_clear(scene);
        scene_run(scene, 1000);
        EXPECT_WHOLE(scene, 0, scene->count);
        free(scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_without_backlog), cmocka_unit_test(one_that_takes_all),
        cmocka_unit_test(several_that_take_all),  cmocka_unit_test(flood_at_once),
        cmocka_unit_test(worker_that_was_away),   cmocka_unit_test(one_that_takes_more),
        cmocka_unit_test(all_alike),              cmocka_unit_test(exceptions),
        cmocka_unit_test(it_ends),                cmocka_unit_test(pause_that_is_made_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
