/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Stands in for libFuzzer in ordinary builds: feeds every file of the folders (or the files) on the command line to the
 * target, and the empty input first. Fails when there was no file, so that a lost corpus does not go unnoticed.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static int replay_file(const char *path, size_t size_bytes)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size_bytes ? size_bytes : 1); /* exactly: ASan sees the first byte behind */
    if (!file || !bytes || fread(bytes, 1, size_bytes, file) != size_bytes) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size_bytes);
    free(bytes);
    return 1;
}

static int replay_folder(const char *path)
{
    int files = 0;
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char name[4096];
        struct stat status;
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (stat(name, &status) == 0 && S_ISREG(status.st_mode))
            files += replay_file(name, (size_t)status.st_size);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return files;
}

int main(int argument_count, char **arguments)
{
    int files = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argument_count; i++) {
        struct stat status;
        if (stat(arguments[i], &status) != 0) {
            fprintf(stderr, "%s: %s\n", arguments[i], strerror(errno));
            return 1;
        }
        files += S_ISDIR(status.st_mode) ? replay_folder(arguments[i])
                                         : replay_file(arguments[i], (size_t)status.st_size);
    }
    printf("%d inputs\n", files);
    return files > 0 ? 0 : 1;
}
