/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rights_paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define PATH_MOST 4096

/* What is to be possible with a path, and how to make it so. */
struct wish {
    const char *key;  /* of the option */
    const char *mode; /* what cannot be done, as a word */
    int bits;
};

static bool refused(const struct wish *wish, const char *path)
{
    if (faccessat(AT_FDCWD, path, wish->bits, AT_EACCESS) == 0 || (errno != EACCES && errno != EROFS && errno != EPERM))
        return false; /* what is not there at all is made, or missed, by whoever opens it */
    log_error("%s: %s cannot be %s by uid %u: %s; chown it, or set user to who owns it", wish->key, path, wish->mode,
              geteuid(), strerror(errno));
    return true;
}

static bool file_look(const char *key, const char *path)
{
    const struct wish wish = {.key = key, .mode = "read", .bits = R_OK};
    return !path || !*path || !refused(&wish, path);
}

/* The folder, or what is there of the way to it; and what lies in it, which an earlier run as root may have left. */
static bool folder_look(const char *key, const char *path, bool contents)
{
    const struct wish folder_wish = {.key = key, .mode = "written to", .bits = W_OK | X_OK};
    const struct wish file_wish = {.key = key, .mode = "read and written", .bits = R_OK | W_OK};
    char place[PATH_MOST], file[PATH_MOST + NAME_MAX + 2];
    if (!path || !*path)
        return true;
    snprintf(place, sizeof place, "%s", path);
    while (faccessat(AT_FDCWD, place, F_OK, AT_EACCESS) < 0 && errno == ENOENT) {
        char *slash = strrchr(place, '/');
        if (!slash)
            snprintf(place, sizeof place, ".");
        else
            slash[slash == place] = 0;
    }
    bool good = !refused(&folder_wish, place);
    DIR *folder = contents && good && strcmp(place, path) == 0 ? opendir(path) : NULL;
    for (const struct dirent *entry; folder && good && (entry = readdir(folder));) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            good = !refused(&file_wish, file);
    }
    if (folder)
        closedir(folder);
    return good;
}

/* A pattern of files: the folder before the part that changes. */
static bool pattern_look(const char *key, const char *pattern)
{
    char place[PATH_MOST];
    if (!pattern || !*pattern || strncmp(pattern, "/dev/", 5) == 0)
        return true;
    snprintf(place, sizeof place, "%.*s", (int)strcspn(pattern, "%"), pattern);
    char *slash = strrchr(place, '/');
    if (!slash)
        snprintf(place, sizeof place, ".");
    else
        slash[slash == place] = 0;
    return folder_look(key, place, false);
}

static bool tls_look(const struct output_config *output)
{
    bool good = file_look("tls.ca", output->tls.ca);
    good &= file_look("tls.certificate", output->tls.certificate);
    good &= file_look("tls.key", output->tls.key);
    return good;
}

static bool output_look(const struct output_config *output)
{
    bool good = output->kind != OUTPUT_FILE || pattern_look("output.path", output->path);
    good &= pattern_look("output.elasticsearch.dead_letter", output->elastic.dead_letter);
    good &= folder_look("output.spool.path", output->spool.path, true);
    good &= tls_look(output);
    return good;
}

bool rights_paths_look(const struct config *config)
{
    bool good = folder_look("templates.path", config->templates.path, true);
    good &= tls_look(&config->templates.kafka);
    for (uint32_t i = 0; i < config->output_count; i++)
        good &= output_look(&config->outputs[i]);
    return good;
}
