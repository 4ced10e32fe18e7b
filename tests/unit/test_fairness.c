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
#define QUEUE     4096
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
    int64_t now_ns;
    struct fairness fairness;
};

static struct scene *scene_new(bool on)
{
    struct scene *scene = calloc(1, sizeof *scene);
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
    for (uint32_t i = 0; i < scene->count; i++)
        for (; scene->of[i].due_ns <= scene->now_ns; scene->of[i].due_ns += scene->of[i].every_ns) {
            scene->of[i].sent++;
            if (scene->waiting == QUEUE)
                scene->of[i].lost++;
            else
                scene->queue[(scene->first + scene->waiting++) % QUEUE] = (uint8_t)i;
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
        if (count)
            fairness_burst(&scene->fairness, count == BURST_PACKETS);
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

static void nobody_without_backlog(void **state)
{
    struct scene *scene = scene_new(true);
    honest_add(scene);
    exporter_add(scene, "198.51.100.1:1", 1000, 700);
    scene_run(scene, 3000);
    EXPECT_WHOLE(scene, 0, scene->count);
    free(scene);
}

/* Of one address, by one port or by many; datagrams that cost much, and datagrams that are many. */
static void one_that_takes_all(void **state)
{
    for (int kind = 0; kind < 3; kind++) {
        struct scene *scene = scene_new(true);
        char endpoint[32];
        honest_add(scene);
        for (uint32_t port = 1; port <= (kind == 1 ? 40 : 1); port++) {
            snprintf(endpoint, sizeof endpoint, "198.51.100.1:%u", port);
            exporter_add(scene, endpoint, kind == 2 ? 200000 : kind == 1 ? 50 : 2000, kind == 2 ? 8 : 5000);
        }
        scene_run(scene, 1000);
        tallies_clear(scene);
        scene_run(scene, 3000);
        EXPECT_WHOLE(scene, 0, 10);
        uint64_t decoded = 0, refused = 0;
        for (uint32_t i = 10; i < scene->count; i++) {
            decoded += scene->of[i].decoded;
            refused += scene->of[i].refused;
        }
        /* of what the others leave it has a good part: a third of the worker or more */
        assert_true(refused > 0 && decoded * (kind == 2 ? 8u : 5000u) > 1000000);
        free(scene);
    }
}

static void several_that_take_all(void **state)
{
    struct scene *scene = scene_new(true);
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

/* Twice what the worker can, by all alike: the queue overflows as it would, nobody is refused. */
static void all_alike(void **state)
{
    struct scene *scene = scene_new(true);
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

/* Who is alone takes it from nobody; who is a session waits; and where it is off, nobody is refused. */
static void exceptions(void **state)
{
    for (int kind = 0; kind < 3; kind++) {
        struct scene *scene = scene_new(kind != 2);
        if (kind)
            honest_add(scene);
        exporter_add(scene, "198.51.100.1:1", 2000, 5000);
        scene->exporters[scene->count - 1].stream_number = kind == 1;
        scene_run(scene, 2000);
        assert_int_equal(scene->of[scene->count - 1].refused, 0);
        free(scene);
    }
}

/* The limit is forgotten once the worker has time again. */
static void it_ends(void **state)
{
    struct scene *scene = scene_new(true);
    honest_add(scene);
    exporter_add(scene, "198.51.100.1:1", 2000, 5000);
    scene_run(scene, 2000);
    assert_true(scene->fairness.limit_ns < 20 * NS_PER_MS);
    scene->of[10].every_ns = NS_PER_S; /* it calms down */
    scene_run(scene, 3000);
    assert_true(scene->fairness.limit_ns == INT64_MAX);
    tallies_clear(scene);
    scene_run(scene, 1000);
    EXPECT_WHOLE(scene, 0, scene->count);
    free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_without_backlog), cmocka_unit_test(one_that_takes_all),
        cmocka_unit_test(several_that_take_all),  cmocka_unit_test(all_alike),
        cmocka_unit_test(exceptions),             cmocka_unit_test(it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
