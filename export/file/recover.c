/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "export/compress.h"
#include "export/file/name.h"

#define LOCK_WAIT_MS  2000
#define LOCK_PAUSE_MS 20

/* Bytes up to the end of the last line: what a power cut leaves behind it (zeroes too) is no line. */
static size_t whole_lines(const uint8_t *bytes, size_t size_bytes)
{
    const uint8_t *newline = memrchr(bytes, '\n', size_bytes);
    return newline ? (size_t)(newline - bytes) + 1 : 0;
}

/* -errno when the file cannot be read. */
static int64_t whole_part(int fd, uint64_t size_bytes, enum compression compression)
{
    if (!size_bytes)
        return 0;
    const uint8_t *bytes = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return -errno;
    /* Plain text may stand under any name: what begins like a document is no frame. */
    size_t whole = compression == COMPRESSION_NONE || bytes[0] == '{'
                       ? whole_lines(bytes, size_bytes)
                       : compression_whole(compression, bytes, size_bytes);
    munmap((void *)bytes, size_bytes);
    return (int64_t)whole;
}

static int finish_leftover(int fd, uint64_t size_bytes, struct file_name *name)
{
    int64_t whole = whole_part(fd, size_bytes, compression_of_name(name->final));
    if (whole < 0)
        return (int)whole;
    if (!whole) {
        log_info("output: removing %s, which an earlier run left without a whole document", name->partial);
        return unlink(name->partial) < 0 ? -errno : 0;
    }
    if ((uint64_t)whole < size_bytes && ftruncate(fd, whole) < 0)
        return -errno;
    int error = file_name_finish(name);
    if (!error)
        log_info("output: %s is what an earlier run left unfinished; %llu bytes of torn documents were cut off its end",
                 name->final, (unsigned long long)(size_bytes - (uint64_t)whole));
    return error;
}

/*
 * A run killed a moment ago may hold its lock a little longer: the kernel ends its last write first. The time to wait
 * for that is shared by all files, so that a start beside another weir is not slow.
 */
static bool lock_file(int fd, int64_t by_ns)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * NS_PER_MS};
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || clock_steady_ns() >= by_ns)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static void recover_file(const char *partial, int64_t by_ns)
{
    struct file_name name;
    size_t length = strlen(partial), own = strlen(FILE_PARTIAL);
    if (length >= sizeof name.partial)
        return;
    strcpy(name.partial, partial);
    memcpy(name.final, partial, length - own);
    name.final[length - own] = '\0';

    int error = 0;
    struct stat status;
    int fd = open(partial, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) {
        error = -errno;
    } else if (!lock_file(fd, by_ns)) {
        log_info("output: %s is left alone, another process is writing it", partial);
    } else if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink) {
        error = finish_leftover(fd, (uint64_t)status.st_size, &name);
    }
    if (error)
        log_warning("output: cannot finish %s, which an earlier run left: %s", partial, strerror(-error));
    if (fd >= 0)
        close(fd);
}

/* The pattern for glob(3): every letter of strftime and %i is any text, everything else is itself. */
static void glob_pattern(const char *plain, char *pattern, size_t room)
{
    size_t length = 0;
    for (const char *at = plain; *at && length + 3 < room; at++) {
        bool letter = *at == '%' && at[1] && at[1] != '%';
        if (*at == '%' && at[1])
            at++;
        if (letter) {
            pattern[length++] = '*';
            continue;
        }
        if (strchr("*?[]\\", *at))
            pattern[length++] = '\\';
        pattern[length++] = *at;
    }
    pattern[length] = '\0';
}

static void recover_matching(const char *pattern, int64_t by_ns)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        recover_file(found.gl_pathv[i], by_ns);
    globfree(&found);
}

/* A run before may have compressed otherwise: all extensions are looked for. */
static void recover_numbered(const char *front, const char *number, const char *back, int64_t by_ns)
{
    char pattern[4 * PATH_MAX];
    for (enum compression kind = COMPRESSION_NONE; kind <= COMPRESSION_LZ4; kind++) {
        int length = snprintf(pattern, sizeof pattern, "%s%s%s%s" FILE_PARTIAL, front, number, back,
                              compression_extension(kind));
        if (length > 0 && (size_t)length < sizeof pattern)
            recover_matching(pattern, by_ns);
    }
}

void file_names_recover(const struct file_names *names)
{
    int64_t by_ns = clock_steady_ns() + LOCK_WAIT_MS * NS_PER_MS;
    char stem[PATH_MAX], back[2 * PATH_MAX], front[2 * PATH_MAX];
    strcpy(stem, names->pattern);
    stem[strlen(stem) - strlen(compression_extension(compression_of_name(stem)))] = '\0';
    size_t extension = file_name_extension(stem);
    glob_pattern(stem + extension, back, sizeof back);
    stem[extension] = '\0';
    glob_pattern(stem, front, sizeof front);
    recover_numbered(front, "", back, by_ns);
    if (!names->numbered)
        recover_numbered(front, ".[0-9]*", back, by_ns);
}
