/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/traffic.h"

#define ROUND_DATAGRAMS  4000 /* made, then sent again and again with new sequence numbers */
#define TEMPLATE_WAIT_MS 100  /* until the template is known on the other side */

struct sender {
    const struct sender_setup *setup;
    struct sender_result *result;
    int fd;
    struct traffic traffic;
    uint32_t position; /* of the next datagram */
    struct mmsghdr messages[SENDER_STEP_MOST];
    struct iovec vectors[SENDER_STEP_MOST];
};

static int sender_open(struct sender *sender)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(sender->setup->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct traffic_setup setup = {.kind = TRAFFIC_V9,
                                  .exporters = 1,
                                  .datagrams = ROUND_DATAGRAMS,
                                  .records_a_datagram = SENDER_RECORDS,
                                  .templates_an_exporter = 1};
    sender->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sender->fd < 0 || connect(sender->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    for (uint32_t i = 0; i < SENDER_STEP_MOST; i++)
        sender->messages[i].msg_hdr = (struct msghdr){.msg_iov = &sender->vectors[i], .msg_iovlen = 1};
    return traffic_make(&sender->traffic, &setup);
}

/* Sends the next datagrams; returns their number, or -errno when the receiver is gone or the socket is no good. */
static int step_send(struct sender *sender, uint32_t count)
{
    struct traffic *traffic = &sender->traffic;
    const struct traffic_datagram *datagrams = traffic->datagrams + sender->position;
    for (uint32_t i = 0; i < count; i++)
        sender->vectors[i] = (struct iovec){datagrams[i].payload, datagrams[i].size_bytes};
    int sent = sendmmsg(sender->fd, sender->messages, count, 0);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
        return -errno;
    sent = sent < 0 ? 0 : sent;
    sender->result->refused += count - (uint32_t)sent;
    sender->result->datagrams += (uint32_t)sent;
    for (int i = 0; i < sent; i++)
        sender->result->records += datagrams[i].records;
    sender->position += count;
    if (sender->position == traffic->count) {
        sender->position = traffic->template_count;
        traffic_advance(traffic, sender->position, traffic->count - sender->position);
    }
    return sent;
}

static void sleep_until(int64_t steady_ns)
{
    struct timespec time = {steady_ns / NS_PER_S, steady_ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void data_send(struct sender *sender)
{
    const struct sender_setup *setup = sender->setup;
    int64_t begin_ns = clock_steady_ns(), now_ns = begin_ns, end_ns = begin_ns + (int64_t)(setup->seconds * 1e9);
    uint64_t before = sender->result->datagrams, offered = 0;
    while (now_ns < end_ns && (!setup->most || offered < setup->most) && !sender->result->error) {
        uint32_t step = sender->traffic.count - sender->position;
        step = step < setup->step ? step : setup->step;
        if (setup->most && setup->most - offered < step)
            step = (uint32_t)(setup->most - offered);
        int sent = step_send(sender, step);
        offered += step;
        sender->result->error = sent < 0 ? sent : 0;
        if (setup->rate > 0)
            sleep_until(begin_ns + (int64_t)((double)offered / setup->rate * 1e9));
        now_ns = clock_steady_ns();
    }
    sender->result->wall_ns = now_ns - begin_ns;
    if (sender->result->datagrams == before && !sender->result->error)
        sender->result->error = -EIO;
}

static void sender_run(const struct sender_setup *setup, struct sender_result *result)
{
    static struct sender sender;
    *result = (struct sender_result){.error = 0};
    sender = (struct sender){.setup = setup, .result = result, .fd = -1};
    if (setup->cpu >= 0)
        cpu_pin(setup->cpu);
    prctl(PR_SET_TIMERSLACK, 1000ul); /* sleeps that end when they should */
    result->error = sender_open(&sender);
    if (!result->error) {
        int sent = step_send(&sender, sender.traffic.template_count);
        result->error = sent < 0 ? sent : 0;
        sleep_until(clock_steady_ns() + TEMPLATE_WAIT_MS * NS_PER_MS);
        data_send(&sender);
    }
    traffic_free(&sender.traffic);
    if (sender.fd >= 0)
        close(sender.fd);
}

bool sender_spawn(const struct sender_setup *setup, struct sender_result *result)
{
    int status = -1;
    struct sender_result *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        sender_run(setup, shared);
        _exit(0);
    }
    bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    *result = *shared;
    munmap(shared, sizeof *shared);
    return good;
}
