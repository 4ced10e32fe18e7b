/* SPDX-License-Identifier: Apache-2.0 */
#include "export/file/name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "export/compress.h"

#define NUMBER_MOST 1000000 /* files of one name: whoever has as many wants another pattern */

size_t file_name_extension(const char *path)
{
    size_t end = strlen(path) - strlen(compression_extension(compression_of_name(path)));
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    for (const char *at = path + end; at > base + 1; at--) {
        if (at[-1] == '.')
            return (size_t)(at - 1 - path);
    }
    return end;
}

int file_name_number(char *name, const char *plain, uint32_t number)
{
    size_t at = file_name_extension(plain);
    int length = number > 1 ? snprintf(name, PATH_MAX, "%.*s.%u%s", (int)at, plain, number, plain + at)
                            : snprintf(name, PATH_MAX, "%s", plain);
    return length < 0 || (size_t)length + sizeof FILE_PARTIAL > PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Replaces %i by the number and leaves all other letters to strftime. */
static int place_number(const char *pattern, uint32_t number, char *format, size_t room)
{
    size_t length = 0;
    for (const char *at = pattern; *at; at++) {
        if (length + 16 > room)
            return -ENAMETOOLONG;
        if (*at == '%' && at[1] == 'i') {
            length += (size_t)sprintf(format + length, "%u", number);
            at++;
            continue;
        }
        format[length++] = *at;
        if (*at == '%' && at[1])
            format[length++] = *++at;
    }
    format[length] = '\0';
    return 0;
}

static int expand(const struct file_names *names, time_t now, uint32_t number, char *name)
{
    char format[PATH_MAX], plain[PATH_MAX];
    struct tm utc;
    int error = place_number(names->pattern, number, format, sizeof format);
    if (error < 0)
        return error;
    if (!gmtime_r(&now, &utc) || !strftime(plain, sizeof plain, format, &utc))
        return -EINVAL;
    return file_name_number(name, plain, names->numbered ? 1 : number);
}

static bool has_number(const char *pattern)
{
    for (const char *at = strchr(pattern, '%'); at && at[1]; at = strchr(at + 2, '%')) {
        if (at[1] == 'i')
            return true;
    }
    return false;
}

int file_names_init(struct file_names *names, const char *path, enum compression compression)
{
    *names = (struct file_names){.numbered = has_number(path)};
    const char *extension = compression_of_name(path) == compression ? "" : compression_extension(compression);
    int length = snprintf(names->pattern, sizeof names->pattern, "%s%s", path, extension);
    if (length < 0 || (size_t)length >= sizeof names->pattern)
        return -ENAMETOOLONG;
    char name[PATH_MAX];
    int error = expand(names, time(NULL), 1, name);
    if (error < 0)
        return error;
    return !*path || name[strlen(name) - 1] == '/' ? -EINVAL : 0;
}

static int make_folders(const char *path)
{
    char folder[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        if (mkdir(folder, 0755) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* A new file with its lock; -EEXIST when the name is taken, if only this moment. */
static int create_locked(const struct file_name *name)
{
    struct stat status;
    if (lstat(name->final, &status) == 0)
        return -EEXIST;
    int fd = open(name->partial, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return -errno;
    /* Another weir that starts now may have found the file before we locked it, and removed it. */
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &status) < 0 || !status.st_nlink) {
        close(fd);
        return -EEXIST;
    }
    return fd;
}

int file_names_create(struct file_names *names, struct file_name *name)
{
    time_t now = time(NULL);
    char first[PATH_MAX];
    int error = expand(names, now, 1, first);
    if (error < 0)
        return error;
    if (strcmp(first, names->first) != 0) {
        memcpy(names->first, first, sizeof first);
        names->number = 0;
    }
    error = make_folders(first);
    if (error < 0)
        return error;
    while (names->number < NUMBER_MOST) {
        error = expand(names, now, ++names->number, name->final);
        if (error < 0)
            return error;
        strcpy(stpcpy(name->partial, name->final), FILE_PARTIAL); /* file_name_number() saw to the room */
        int fd = create_locked(name);
        if (fd != -EEXIST) {
            if (fd < 0)
                names->number--; /* the same name is tried again */
            return fd;
        }
    }
    return -EEXIST;
}

/* rename() that never replaces; for file systems that cannot do that by themselves, by a link. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (link(from, to) == 0)
        return unlink(from) < 0 ? -errno : 0;
    if (errno == EEXIST)
        return -EEXIST;
    struct stat status;
    if (lstat(to, &status) == 0)
        return -EEXIST;
    return rename(from, to) < 0 ? -errno : 0;
}

int file_name_finish(struct file_name *name)
{
    char plain[PATH_MAX];
    memcpy(plain, name->final, sizeof plain);
    int error = -EEXIST;
    for (uint32_t number = 1; error == -EEXIST && number < NUMBER_MOST; number++) {
        if (file_name_number(name->final, plain, number) < 0)
            return -ENAMETOOLONG;
        error = rename_new(name->partial, name->final);
    }
    return error;
}
