/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/backend.h"
#include "dataplane/frame.h"

/*
 * Strays: datagrams that landed on a worker which does not own their exporter are copied into a bounded ring of the
 * owner's. Many producers, one consumer, no lock; to the owner it is one more queue of packets (PACKET_PAYLOAD).
 */
struct handover;

/* datagrams: slots, rounded up to a power of two; pages come with their first use. NULL for want of memory or files. */
struct handover *handover_new(uint32_t datagrams, uint32_t datagram_bytes_most);
void handover_free(struct handover *handover);

/* The owner's side: receive and release as of any backend; fd is readable after a wake-up. */
struct backend_queue *handover_queue(struct handover *handover);

/* Copies the datagram; false when the ring is full. Any worker but the owner. */
bool handover_push(struct handover *handover, const struct frame *frame, const struct packet *packet);

/* Wakes the owner if it sleeps: after a burst's pushes. Any worker. A system call only when it does sleep. */
void handover_wake(struct handover *handover);

/* Wakes the owner whatever it does. Any thread. */
void handover_interrupt(struct handover *handover);

/* The owner announces that it is about to sleep; false when a datagram waits and it must not. */
bool handover_doze(struct handover *handover);
/* The owner is awake again; woken: its queue's fd was readable. */
void handover_rouse(struct handover *handover, bool woken);

/* Datagrams that wait. Any thread. */
uint32_t handover_waiting(const struct handover *handover);
