/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/log.h"

#define TARGETS_KEPT 64 /* below that, targets without documents stay: names come again */

int elastic_targets_init(struct elastic_targets *targets, const struct output_config *output)
{
    char why[TARGET_WHY_MOST];
    *targets = (struct elastic_targets){.ids = output->elastic.ids};
    int error = target_name_init(&targets->pattern, output->elastic.index, output->namespace, TARGET_INDEX, why);
    if (error)
        log_error("output %s: elasticsearch.index %s: %s", output->name, output->elastic.index, why);
    return error;
}

void elastic_targets_fini(struct elastic_targets *targets)
{
    for (struct elastic_target *target = targets->first, *next; target; target = next) {
        next = target->next;
        free(target->runs);
        free(target);
    }
    targets->first = NULL;
}

static bool target_waiting(const struct elastic_target *target)
{
    return target->run_head != target->run_end;
}

bool elastic_targets_waiting(const struct elastic_targets *targets)
{
    for (const struct elastic_target *target = targets->first; target; target = target->next)
        if (target_waiting(target))
            return true;
    return false;
}

/* ---- in ---- */

/* Targets of yesterday go when there are many. */
static void targets_tidy(struct elastic_targets *targets)
{
    for (struct elastic_target **link = &targets->first; *link && targets->count > TARGETS_KEPT;) {
        struct elastic_target *target = *link;
        if (target->jobs || target_waiting(target)) {
            link = &target->next;
            continue;
        }
        *link = target->next;
        targets->count--;
        free(target->runs);
        free(target);
    }
    targets->last = NULL;
}

static struct elastic_target *target_find(struct elastic_targets *targets, const char *name, uint64_t hash)
{
    struct elastic_target *target = targets->last;
    if (target && target->hash == hash && strcmp(target->name, name) == 0)
        return target;
    for (target = targets->first; target; target = target->next)
        if (target->hash == hash && strcmp(target->name, name) == 0)
            break;
    return target;
}

static struct elastic_target *target_new(struct elastic_targets *targets, const char *name, uint64_t hash)
{
    struct elastic_target **link, *target = calloc(1, sizeof *target);
    if (!target)
        return NULL;
    strcpy(target->name, name);
    target->hash = hash;
    for (link = &targets->first; *link; link = &(*link)->next)
        ;
    *link = target;
    targets->count++;
    return target;
}

static struct elastic_target *target_of(struct elastic_targets *targets, const struct batch *batch,
                                        const struct endpoint *endpoint)
{
    char name[TARGET_NAME_MOST];
    size_t length = target_name_render(&targets->pattern, batch->sealed_ns, (enum document_kind)batch->kind,
                                       endpoint, name);
    uint64_t hash = XXH3_64bits(name, length);
    struct elastic_target *target = target_find(targets, name, hash);
    if (!target)
        target = target_new(targets, name, hash);
    targets->last = target;
    return target;
}

/* Room for `more` runs behind those that wait. */
static bool target_reserve(struct elastic_target *target, uint32_t more)
{
    uint32_t count = target->run_end - target->run_head;
    if (target->run_end + more <= target->run_room)
        return true;
    if (target->run_head)
        memmove(target->runs, target->runs + target->run_head, count * sizeof *target->runs);
    target->run_head = 0;
    target->run_end = count;
    if (count + more <= target->run_room)
        return true;
    uint32_t room = (count + more) * 2;
    struct bulk_run *runs = realloc(target->runs, room * sizeof *runs);
    if (!runs)
        return false;
    target->runs = runs;
    target->run_room = room;
    return true;
}

static bool targets_reserve(struct elastic_targets *targets, const struct batch *batch)
{
    struct elastic_target *target;
    if (!targets->pattern.by_exporter) {
        target = target_of(targets, batch, NULL);
        return target && target_reserve(target, 1);
    }
    for (uint32_t i = 0; i < batch->share_count; i++) {
        target = target_of(targets, batch, batch->shares[i].endpoint);
        if (!target || !target_reserve(target, batch->share_count))
            return false;
    }
    return true;
}

static void target_push(struct elastic_target *target, struct batch *batch, uint32_t first, uint32_t count)
{
    struct bulk_run *before = target_waiting(target) ? &target->runs[target->run_end - 1] : NULL;
    if (before && before->batch == batch && before->first + before->count == first)
        before->count += count;
    else
        target->runs[target->run_end++] = (struct bulk_run){.batch = batch, .first = first, .count = count};
}

int elastic_targets_add(struct elastic_targets *targets, struct batch *batch)
{
    if (targets->count > TARGETS_KEPT)
        targets_tidy(targets);
    if (!targets_reserve(targets, batch))
        return -ENOMEM;
    if (!targets->pattern.by_exporter) {
        target_push(target_of(targets, batch, NULL), batch, 0, batch->count);
        return 0;
    }
    for (uint32_t i = 0, first = 0; i < batch->share_count; i++) {
        const struct share *share = &batch->shares[i];
        if (share->count)
            target_push(target_of(targets, batch, share->endpoint), batch, first, share->count);
        first += share->count;
    }
    return 0;
}

/* ---- out ---- */

/* How many documents of the run fit. */
static uint32_t run_fitting(const struct bulk_run *run, uint64_t most_bytes, bool ids)
{
    uint64_t bytes = 0;
    if (bulk_run_bytes(run, ids) <= most_bytes)
        return run->count;
    for (uint32_t i = 0; i < run->count; i++) {
        bytes += bulk_document_bytes(run->batch, run->first + i, ids);
        if (bytes > most_bytes)
            return i;
    }
    return run->count;
}

/* Moves the documents that fit from the target to the job. */
static void job_fill(struct elastic_job *job, struct elastic_target *target, uint64_t most_bytes, bool ids)
{
    while (target_waiting(target)) {
        struct bulk_run *run = &target->runs[target->run_head], taken = *run;
        taken.count = run_fitting(run, job->bytes < most_bytes ? most_bytes - job->bytes : 0, ids);
        if (!taken.count && job->documents)
            return;
        taken.count = taken.count ? taken.count : 1;
        job->runs[job->run_count++] = taken;
        job->documents += taken.count;
        job->bytes += bulk_run_bytes(&taken, ids);
        run->first += taken.count;
        run->count -= taken.count;
        if (run->count)
            return;
        target->run_head++;
    }
}

/* The target is the last one to have its turn again. */
static void target_turn(struct elastic_targets *targets, struct elastic_target *target)
{
    struct elastic_target **link;
    for (link = &targets->first; *link != target; link = &(*link)->next)
        ;
    *link = target->next;
    while (*link)
        link = &(*link)->next;
    *link = target;
    target->next = NULL;
}

bool elastic_targets_pop(struct elastic_targets *targets, struct bulk_run *run)
{
    for (struct elastic_target *target = targets->first; target; target = target->next) {
        if (!target_waiting(target))
            continue;
        *run = target->runs[target->run_head++];
        return true;
    }
    return false;
}

struct elastic_job *elastic_targets_take(struct elastic_targets *targets, uint64_t most_bytes)
{
    struct elastic_target *target;
    for (target = targets->first; target && !target_waiting(target); target = target->next)
        ;
    if (!target)
        return NULL;
    uint32_t runs = target->run_end - target->run_head;
    struct elastic_job *job = calloc(1, sizeof *job + runs * sizeof *job->runs);
    if (!job)
        return NULL;
    job->target = target;
    target->jobs++;
    job_fill(job, target, most_bytes, targets->ids);
    target_turn(targets, target);
    return job;
}
