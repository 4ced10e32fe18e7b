/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/loader.h"
#include "config/value.h"

#define SECRET_MOST (64U << 10) /* bytes of the line: more than a token with many claims, less than harm */

static bool text_holds(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

bool secret_name_is(const char *name)
{
    static const char *const parts[] = {"password",   "passphrase",        "secret", "key", "token",
                                        "credential", "oauthbearer.config"};
    static const char path[] = ".location";
    size_t length = strlen(name);
    if (length >= sizeof path - 1 && strcmp(name + length - (sizeof path - 1), path) == 0)
        return false;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (text_holds(name, parts[i]))
            return true;
    }
    return false;
}

bool secret_setting_is(const char *setting)
{
    const char *scheme = strstr(setting, "://");
    return scheme && strchr(scheme, '@'); /* a URL with a password in it */
}

/* Where a file lies that "file:" names. The loader's, or NULL after reporting why it has no place. */
static const char *place_of(struct loader *loader, const char *key, const char *path, uint32_t line)
{
    static const char variable[] = "${CREDENTIALS_DIRECTORY}/"; /* systemd.exec(5), LoadCredential= */
    const char *folder = loader->source.folder;
    if (strncmp(path, variable, sizeof variable - 1) == 0) {
        folder = getenv("CREDENTIALS_DIRECTORY");
        path += sizeof variable - 1;
        if (!folder) {
            loader_problem(loader, line, "start weir as a service with LoadCredential=, or name the file by its path",
                           "%s: there is no CREDENTIALS_DIRECTORY in the environment", key);
            return NULL;
        }
    }
    if (*path == '/' || !folder)
        return path;
    char *whole = NULL;
    loader_text_replace(loader, &whole, "%s/%s", folder, path);
    path = whole ? loader_text(loader, whole) : NULL;
    free(whole);
    return path;
}

/* Reads the beginning of a regular file: nothing that could make us wait. Returns its length or -errno. */
static ssize_t beginning_read(const char *path, char *text, size_t size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return -errno;
    ssize_t length = fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ? -EINVAL : read(file, text, size);
    if (length == -1)
        length = -errno;
    close(file);
    return length;
}

/* Cuts the text after its first line; what is wrong with that, or NULL. */
static const char *line_cut(char *text, ssize_t length)
{
    char *end = memchr(text, '\n', (size_t)length);
    if (!end && length > (ssize_t)SECRET_MOST)
        return "has a first line of more than 64 KiB";
    size_t kept = end ? (size_t)(end - text) : (size_t)length;
    if (kept > 0 && text[kept - 1] == '\r')
        kept--;
    text[kept] = '\0';
    if (kept == 0)
        return "has nothing on its first line";
    return utf8_valid(text, kept) ? NULL : "has a first line that is not UTF-8 text without NUL";
}

static const char *file_read(struct loader *loader, const char *key, const char *path, uint32_t line)
{
    static const char remedy[] =
        "write file: and the path of a file that weir may read, with the secret on its first line";
    char shown[SHORT_MOST];
    const char *place = place_of(loader, key, path, line), *secret = NULL;
    char *text = place ? malloc(SECRET_MOST + 2) : NULL;
    loader->no_memory |= place && !text;
    if (!text)
        return NULL;
    ssize_t length = beginning_read(place, text, SECRET_MOST + 1);
    const char *what = length >= 0 ? line_cut(text, length) : NULL;
    text_shorten(place, shown);
    if (length < 0)
        loader_problem(loader, line, remedy, "%s: the file \"%s\" cannot be read: %s", key, shown,
                       length == -EINVAL ? "it is no regular file" : strerror((int)-length));
    else if (what)
        loader_problem(loader, line, remedy, "%s: the file \"%s\" %s", key, shown, what);
    else
        secret = loader_text(loader, text);
    explicit_bzero(text, SECRET_MOST + 2);
    free(text);
    return secret;
}

const char *secret_read(struct loader *loader, const char *key, const struct node *value)
{
    static const char start[] = "file:";
    if (strncmp(value->text, start, sizeof start - 1) == 0)
        return file_read(loader, key, value->text + sizeof start - 1, value->line);
    if (strcmp(value->text, SECRET_HIDDEN) == 0)
        loader_warning(loader, value->line, "write the secret, or file: and the path of a file with it",
                       "%s: %s is what weir shows in the place of a secret, not the secret itself", key, SECRET_HIDDEN);
    return value->text;
}
