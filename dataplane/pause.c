/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/pause.h"

#include "base/clock.h"

#define NAP_PACKETS  32 /* half a burst, and a third of what the kernel's default socket buffer holds */
#define NAP_LEAST_NS 50000
#define NAP_MOST_NS  NS_PER_MS
#define WAIT_MOST_MS 100
#define POLLED_NS    200000 /* a queue of 4,096 descriptors takes 20 million frames a second for so long */

void pause_init(struct pause *pause, const struct config *config)
{
    int64_t quarter_ms = (int64_t)(config->output.batch_age / 4) / NS_PER_MS; /* so a batch is sent in time */
    *pause = (struct pause){
        .busy_poll_ns = config->input.busy_poll * 1000ll,
        .wait_ns = NS_PER_MS * (quarter_ms < 1 ? 1 : quarter_ms > WAIT_MOST_MS ? WAIT_MOST_MS : quarter_ms),
    };
}

void pause_poll(struct pause *pause)
{
    pause->wait_ns = POLLED_NS;
}

enum pause_advice pause_advise(struct pause *pause, int64_t now_ns, int64_t *nap_ns)
{
    uint64_t packets = pause->packets;
    if (packets)
        pause->busy_ns = now_ns;
    if (pause->busy_poll_ns && now_ns - pause->busy_ns < pause->busy_poll_ns) {
        pause->packets = 0;
        return PAUSE_NOT;
    }
    if (!packets)
        return PAUSE_WAIT;
    *nap_ns = (now_ns - pause->slept_ns) / (int64_t)packets * NAP_PACKETS;
    if (*nap_ns > NAP_MOST_NS)
        *nap_ns = NAP_MOST_NS;
    pause->slept_ns = now_ns;
    pause->packets = 0;
    /* packets that come so fast are as many as a burst by the time that a timer could fire */
    return *nap_ns < NAP_LEAST_NS ? PAUSE_WAIT : PAUSE_NAP;
}

void pause_waited(struct pause *pause, int64_t now_ns)
{
    pause->slept_ns = now_ns;
}
