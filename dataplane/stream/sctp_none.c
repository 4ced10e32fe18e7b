/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/log.h"
#include "dataplane/stream/sctp.h"

/* Built without libusrsctp: there is the kernel's SCTP alone. */

int sctp_here_start(const struct config *config, int wake_fd)
{
    log_error("input.sctp: this kernel has no SCTP (modprobe sctp), and weir was built without libusrsctp");
    return -ENOSYS;
}

void sctp_here_stop(void)
{
}

struct socket *sctp_here_listen(const struct endpoint *endpoint)
{
    errno = ENOSYS;
    return NULL;
}

void sctp_here_close(struct socket *listener)
{
}

int sctp_here_accept(struct socket *listener, struct endpoint *source, struct sctp_bridge **bridge)
{
    return -ENOSYS;
}

void sctp_bridge_free(struct sctp_bridge *bridge)
{
}

bool sctp_bridge_carry(struct sctp_bridge *bridge, bool *broken)
{
    return false;
}

void sctp_bridge_end(struct sctp_bridge *bridge)
{
}

int sctp_bridge_fd(const struct sctp_bridge *bridge)
{
    return -1;
}
