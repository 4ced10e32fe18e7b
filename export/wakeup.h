/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Wakes a thread that sleeps, and costs one exchange when it does not.
 *
 * The sleeper raises its flag by an exchange, looks for work once more and only then waits for fd. The waker hands over
 * work and then takes the flag by an exchange. Of two exchanges one comes second and sees the first: either the sleeper
 * finds the work, or the waker finds the flag. They are acquire and release, for that is what makes the work visible.
 */
struct wakeup {
    _Atomic bool asleep; /* the sleeper raises it, whoever takes it writes to fd */
    int fd;              /* eventfd */
};

/* Returns 0 or -errno. */
static inline int wakeup_open(struct wakeup *wakeup)
{
    atomic_init(&wakeup->asleep, false);
    wakeup->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return wakeup->fd < 0 ? -errno : 0;
}

static inline void wakeup_close(struct wakeup *wakeup)
{
    if (wakeup->fd >= 0)
        close(wakeup->fd);
    wakeup->fd = -1;
}

/* The sleeper, before its last look for work. */
static inline void wakeup_raise(struct wakeup *wakeup)
{
    atomic_exchange_explicit(&wakeup->asleep, true, memory_order_acq_rel);
}

/* The sleeper, when it found work after all or was woken. */
static inline void wakeup_lower(struct wakeup *wakeup)
{
    eventfd_t value;
    if (!atomic_exchange_explicit(&wakeup->asleep, false, memory_order_acq_rel))
        eventfd_read(wakeup->fd, &value); /* nothing to read yet is as good: the next sleep is a short one */
}

/* Any thread, after it handed over work. */
static inline void wakeup_signal(struct wakeup *wakeup)
{
    if (atomic_exchange_explicit(&wakeup->asleep, false, memory_order_acq_rel))
        eventfd_write(wakeup->fd, 1);
}
