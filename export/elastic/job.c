/* SPDX-License-Identifier: Apache-2.0 */
#include "export/elastic/job.h"

#include <stdlib.h>
#include <string.h>

bool elastic_walk_next(struct elastic_walk *walk, const struct elastic_job *job)
{
    if (walk->run < job->run_count && walk->at == job->runs[walk->run].count) {
        walk->run++;
        walk->at = 0;
    }
    if (walk->run == job->run_count)
        return false;
    const struct bulk_run *run = &job->runs[walk->run];
    walk->batch = run->batch;
    walk->document = run->first + walk->at++;
    return true;
}

void elastic_job_free(struct elastic_job *job)
{
    job->target->jobs--;
    free(job);
}

static bool run_continues(const struct bulk_run *run, const struct elastic_walk *walk)
{
    return run->batch == walk->batch && run->first + run->count == walk->document;
}

/* Which documents of a job are meant: those of one fate, or those from `first` on. */
struct choice {
    const uint8_t *fates; /* or NULL */
    uint8_t fate;
    uint32_t first, count;
};

static bool chosen(const struct choice *choice, uint32_t index)
{
    return choice->fates ? choice->fates[index] == choice->fate : index - choice->first < choice->count;
}

/* Writes the runs of the chosen documents, or only counts them where runs is NULL. */
static uint32_t choose(const struct elastic_job *job, const struct choice *choice, struct bulk_run *runs)
{
    struct elastic_walk walk = {0};
    struct bulk_run last = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; elastic_walk_next(&walk, job); i++) {
        if (!chosen(choice, i))
            continue;
        if (count && run_continues(&last, &walk)) {
            last.count++;
        } else {
            last = (struct bulk_run){.batch = walk.batch, .first = walk.document, .count = 1};
            count++;
        }
        if (runs)
            runs[count - 1] = last;
    }
    return count;
}

static struct elastic_job *part(const struct elastic_job *job, const struct choice *choice, bool ids)
{
    uint32_t run_count = choose(job, choice, NULL);
    struct elastic_job *result = malloc(sizeof *result + run_count * sizeof *result->runs);
    if (!result)
        return NULL;
    *result = *job;
    result->next = NULL;
    result->run_count = run_count;
    result->documents = 0;
    result->bytes = 0;
    choose(job, choice, result->runs);
    for (uint32_t i = 0; i < run_count; i++) {
        result->documents += result->runs[i].count;
        result->bytes += bulk_run_bytes(&result->runs[i], ids);
    }
    result->target->jobs++;
    return result;
}

struct elastic_job *elastic_job_part(const struct elastic_job *job, const uint8_t *fates, uint8_t fate, bool ids)
{
    return part(job, &(struct choice){.fates = fates, .fate = fate}, ids);
}

struct elastic_job *elastic_job_slice(const struct elastic_job *job, uint32_t first, uint32_t count, bool ids)
{
    return part(job, &(struct choice){.first = first, .count = count}, ids);
}
