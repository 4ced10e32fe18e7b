/* SPDX-License-Identifier: Apache-2.0 */

/*
 * weir-bench-sums FILE...: what weir's documents in files add up to: lines, and network.bytes and network.packets of
 * all, as JSON. Knows nothing but how a document is written, so that a collector can be judged by what it left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NETWORK "\"network\":{"
#define BYTES   "\"bytes\":"
#define PACKETS "\"packets\":"
#define TEXT(literal) literal, sizeof literal - 1

struct sums {
    uint64_t documents;
    uint64_t bytes;
    uint64_t packets;
};

/* The number behind a name, in a part of a document; 0 where there is none. */
static uint64_t number_behind(const char *from, size_t size_bytes, const char *name, size_t name_bytes)
{
    const char *at = memmem(from, size_bytes, name, name_bytes), *end = from + size_bytes;
    uint64_t number = 0;
    if (!at)
        return 0;
    for (at += name_bytes; at < end && *at >= '0' && *at <= '9'; at++)
        number = 10 * number + (uint64_t)(*at - '0');
    return number;
}

static void document_add(struct sums *sums, const char *line, size_t size_bytes)
{
    const char *network = memmem(line, size_bytes, TEXT(NETWORK)), *end = line + size_bytes;
    sums->documents++;
    if (!network)
        return;
    const char *close_brace = memchr(network, '}', (size_t)(end - network));
    size_t part = (size_t)((close_brace ? close_brace : end) - network);
    sums->bytes += number_behind(network, part, TEXT(BYTES));
    sums->packets += number_behind(network, part, TEXT(PACKETS));
}

/* A file being written may end in zeros or in a part of a line. */
static void text_add(struct sums *sums, const char *text, size_t size_bytes)
{
    const char *end = text + size_bytes;
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        if (!newline)
            return;
        document_add(sums, text, (size_t)(newline - text));
        text = newline + 1;
    }
}

static int file_add(struct sums *sums, const char *path)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC), result = 0;
    if (descriptor < 0 || fstat(descriptor, &status) < 0)
        return -errno;
    if (status.st_size) {
        char *text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (text == MAP_FAILED)
            result = -errno;
        else {
            text_add(sums, text, (size_t)status.st_size);
            munmap(text, (size_t)status.st_size);
        }
    }
    close(descriptor);
    return result;
}

int main(int count, char **arguments)
{
    struct sums sums = {0};
    for (int i = 1; i < count; i++) {
        int result = file_add(&sums, arguments[i]);
        if (result) {
            fprintf(stderr, "%s: %s\n", arguments[i], strerror(-result));
            return 1;
        }
    }
    printf("{\"documents\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64 "}\n", sums.documents, sums.bytes,
           sums.packets);
    return 0;
}
