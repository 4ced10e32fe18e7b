/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"

/*
 * Rights that only the start needs: attaching XDP, AF_XDP sockets, BPF programs, ports below 1024, large receive
 * buffers, files that root alone may read.
 */

/* Whom the options user and group name. */
struct rights_user {
    uid_t uid;
    gid_t gid;
};

/* False, logged, where there is no such user or group. Not to be called without option user. */
bool rights_find(const struct config *config, struct rights_user *user);

/*
 * Gives them up, for good: becomes option user, with its groups, where that is set; drops every capability, the
 * bounding set among them, and takes no_new_privs, unless it stays root. Then looks whether what the configuration
 * names can be written and read by who is left, and logs everything that cannot. xdp: AF_XDP is in use, which needs
 * CAP_BPF to be kept on kernels before 6.0. By the main thread before it starts others. Returns 0 or -errno, logged.
 */
int rights_drop(const struct config *config, bool xdp);
