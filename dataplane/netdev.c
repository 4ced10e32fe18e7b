/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/netdev.h"

/*
 * Generic netlink, as little as one question takes: libbpf asks it by itself since 1.2, and Debian 12 has 1.1. Numbers
 * of linux/netdev.h, which came with Linux 6.3.
 */
#define NETDEV_FAMILY        "netdev"
#define NETDEV_COMMAND_GET   1
#define NETDEV_ATTR_INDEX    1
#define NETDEV_ATTR_FEATURES 3
#define NETDEV_ATTR_HINTS    5 /* Linux 6.6 */
#define ANSWER_BYTES         4096

struct question {
    struct nlmsghdr head;
    struct genlmsghdr generic;
    struct nlattr attribute;
    char value[16];
};

/* The attribute's value in an answer, or NULL. */
static const void *attribute_find(const char *answer, size_t size, uint16_t type, size_t value_bytes)
{
    size_t at = NLMSG_HDRLEN + GENL_HDRLEN;
    while (at + NLA_HDRLEN <= size) {
        struct nlattr attribute;
        memcpy(&attribute, answer + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > size)
            return NULL;
        if ((attribute.nla_type & NLA_TYPE_MASK) == type && attribute.nla_len >= NLA_HDRLEN + value_bytes)
            return answer + at + NLA_HDRLEN;
        at += NLA_ALIGN(attribute.nla_len);
    }
    return NULL;
}

/* Size of the answer's message, or -errno. */
static int question_ask(struct question *question, char answer[ANSWER_BYTES])
{
    struct nlmsghdr head;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    if (fd < 0)
        return -errno;
    const struct timeval patience = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t count = send(fd, question, question->head.nlmsg_len, 0);
    if (count > 0)
        count = recv(fd, answer, ANSWER_BYTES, 0);
    int error = errno;
    close(fd);
    if (count < (ssize_t)sizeof head)
        return count < 0 ? -error : -EPROTO;
    memcpy(&head, answer, sizeof head);
    if (head.nlmsg_type == NLMSG_ERROR && count >= (ssize_t)(sizeof head + sizeof error)) {
        memcpy(&error, answer + NLMSG_HDRLEN, sizeof error); /* negative; 0 would be an answer without one */
        return error < 0 ? error : -EPROTO;
    }
    return head.nlmsg_len <= (size_t)count ? (int)head.nlmsg_len : -EPROTO;
}

static void question_fill(struct question *question, uint16_t family, uint8_t command, uint16_t type)
{
    *question = (struct question){.head = {.nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST},
                                  .generic = {.cmd = command, .version = 1},
                                  .attribute = {.nla_type = type}};
}

static int question_put(struct question *question, const void *value, size_t bytes, char answer[ANSWER_BYTES])
{
    memcpy(question->value, value, bytes);
    question->attribute.nla_len = (uint16_t)(NLA_HDRLEN + bytes);
    question->head.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(question->attribute.nla_len));
    return question_ask(question, answer);
}

static int family_find(uint16_t *family)
{
    struct question question;
    char answer[ANSWER_BYTES];
    question_fill(&question, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME);
    int size = question_put(&question, NETDEV_FAMILY, sizeof NETDEV_FAMILY, answer);
    const void *found = size < 0 ? NULL : attribute_find(answer, (size_t)size, CTRL_ATTR_FAMILY_ID, sizeof *family);
    if (!found)
        return size < 0 ? size : -EPROTO;
    memcpy(family, found, sizeof *family);
    return 0;
}

int netdev_ask(struct netdev_abilities *abilities, int interface_index)
{
    struct question question;
    char answer[ANSWER_BYTES];
    uint16_t family = 0;
    uint32_t index = (uint32_t)interface_index;
    *abilities = (struct netdev_abilities){.features = 0};
    int size = family_find(&family);
    if (size < 0)
        return size;
    question_fill(&question, family, NETDEV_COMMAND_GET, NETDEV_ATTR_INDEX);
    size = question_put(&question, &index, sizeof index, answer);
    if (size < 0)
        return size;
    const void *features = attribute_find(answer, (size_t)size, NETDEV_ATTR_FEATURES, sizeof abilities->features);
    const void *hints = attribute_find(answer, (size_t)size, NETDEV_ATTR_HINTS, sizeof abilities->hints);
    if (!features)
        return -EPROTO;
    memcpy(&abilities->features, features, sizeof abilities->features);
    if (hints)
        memcpy(&abilities->hints, hints, sizeof abilities->hints);
    return 0;
}
