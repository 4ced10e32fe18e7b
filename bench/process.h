/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A collector under test: its process, and what it has used and said. */
struct process {
    pid_t id;
    char log_path[4200]; /* standard output and error */
};

/* CPU time in ns, of the threads by their names while they live; all has those that have ended, too. */
struct process_cpu {
    double worker; /* weir-worker-* */
    double output; /* weir-out-*, and the kernel's workers for its io_uring */
    double kafka;  /* librdkafka's: rdk:* */
    double all;
};

/* arguments: NULL at the end. False with the reason on standard error. */
bool process_start(struct process *process, const char *const *arguments, const char *log_path);

/* Ends it by SIGTERM and waits; cpu becomes what the process used from first to last. False when it failed. */
bool process_stop(struct process *process, double *cpu_ns);

void process_cpu(const struct process *process, struct process_cpu *cpu);

/* The log as text, for the caller to free; NULL when it cannot be read. */
char *process_log(const struct process *process);

/* Waits until text is in the log, for a few seconds at most. An empty one: until a socket is bound to the port. */
bool process_ready(const struct process *process, const char *text, uint16_t port);

/* Of the UDP sockets on a local port: bytes that wait, and datagrams dropped. False when there is none. */
bool socket_state(uint16_t port, uint64_t *waiting_bytes, uint64_t *drops);

void process_wait(uint32_t milliseconds);

/* Waits until nothing waits in the sockets of the port and the process has been quiet for so long (0: an instant). */
void process_settle(const struct process *process, uint16_t port, uint32_t quiet_ms);
