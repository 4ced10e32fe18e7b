/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "app/doctor/checks.h"
#include "app/rights.h"
#include "export/memory/memory.h"

#define PATH_MOST 4096
#define MIB       ((unsigned long long)1 << 20)
#define GIB       (MIB << 10)
#define OVERLAYFS 0x794c7630 /* linux/magic.h has it under several names */
#define XFS       0x58465342
#define BTRFS     0x9123683e

static const char *system_name(long type)
{
    static const struct {
        long type;
        const char *name;
    } rows[] = {{EXT4_SUPER_MAGIC, "ext4"}, {XFS, "xfs"},         {BTRFS, "btrfs"},     {TMPFS_MAGIC, "tmpfs"},
                {OVERLAYFS, "overlay"},     {0x6969, "NFS"},      {0x01021997, "9p"},   {0x65735546, "FUSE"},
                {0x2fc12fc1, "ZFS"},        {0xf2f52010, "f2fs"}, {0xff534d42L, "CIFS"}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type)
            return rows[i].name;
    return "an unknown file system";
}

/* The folder itself, or what is there of the way to it: weir makes the rest. */
static void folder_nearest(char path[PATH_MOST])
{
    while (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) < 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        if (!slash)
            snprintf(path, PATH_MOST, ".");
        else
            slash[slash == path] = 0;
        if (slash == path)
            return;
    }
}

/* From the working directory, where it is relative. */
static const char *folder_absolute(const char *folder, char whole[PATH_MOST])
{
    char here[PATH_MOST / 2];
    if (*folder == '/' || !getcwd(here, sizeof here))
        return folder;
    bool itself = strcmp(folder, ".") == 0;
    snprintf(whole, PATH_MOST, "%s%s%.2000s", here, itself ? "" : "/", itself ? "" : folder);
    return whole;
}

/* Can a file there be written past the page cache? It has no name. 1, 0, or -1 where no such file can be made. */
static int direct_try(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EINVAL ? 0 : -1;
    close(fd);
    return 1;
}

static void folder_judge(struct report *report, const char *what, const char *folder, uint64_t wanted_bytes)
{
    struct statfs system;
    char path[PATH_MOST], whole[PATH_MOST];
    folder = folder_absolute(folder, whole);
    snprintf(path, sizeof path, "%s", folder);
    folder_nearest(path);
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0) {
        report_add(report, FINDING_STOP, "%s: %s cannot be written to: %s", what, path, strerror(errno));
        if (strcmp(path, folder) == 0)
            report_remedy(report, "setfacl -m u:USER:rwx %s    # USER: whom weir runs as; or name another folder",
                          folder);
        else
            report_remedy(report, "install -d -o USER %s    # USER: whom weir runs as", folder);
        return;
    }
    if (statfs(path, &system) < 0) {
        report_add(report, FINDING_UNKNOWN, "%s: %s: %s", what, path, strerror(errno));
        return;
    }
    unsigned long long free_bytes = (unsigned long long)system.f_bavail * (unsigned long long)system.f_bsize;
    const char *direct = direct_try(path) == 0 ? "; its files go through the page cache" : "";
    if (free_bytes < wanted_bytes) {
        report_add(report, FINDING_CHANGE, "%s: %s (%s) has %llu MiB free, and may be filled with %llu MiB%s", what,
                   path, system_name((long)system.f_type), free_bytes / MIB, (unsigned long long)wanted_bytes / MIB,
                   direct);
        report_remedy(report, "df -h %s    # make room, or set the size in the configuration lower", path);
    } else {
        report_add(report, FINDING_OK, "%s: %s (%s), %llu.%llu GiB free%s", what, path,
                   system_name((long)system.f_type), free_bytes / GIB, free_bytes % GIB * 10 / GIB, direct);
    }
}

/* The folder of a pattern: what stands before the part that changes. */
static void pattern_judge(struct report *report, const char *what, const char *pattern)
{
    char path[PATH_MOST];
    snprintf(path, sizeof path, "%.*s", (int)strcspn(pattern, "%"), pattern);
    char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(path, sizeof path, ".");
    else
        slash[slash == path] = 0;
    folder_judge(report, what, path, 0);
}

static void output_judge(struct report *report, const struct output_config *output)
{
    char what[128];
    if (output->kind == OUTPUT_FILE && strncmp(output->path, "/dev/", 5) != 0) {
        snprintf(what, sizeof what, "output %.40s", output->name);
        pattern_judge(report, what, output->path);
    }
    if (output->elastic.dead_letter && *output->elastic.dead_letter) {
        snprintf(what, sizeof what, "dead letters of %.40s", output->name);
        pattern_judge(report, what, output->elastic.dead_letter);
    }
    if (output->spool.path && *output->spool.path) {
        snprintf(what, sizeof what, "spool of %.40s", output->name);
        folder_judge(report, what, output->spool.path, output->spool.size);
    }
}

static void memory_judge(const struct machine *machine, struct report *report)
{
    const char *folders[MEMORY_FOLDERS_MOST];
    struct memory_shape shape = memory_shape_of(machine->config, machine->workers);
    struct memory_layout layout;
    if (memory_folders(machine->config, folders) && memory_layout_of(&shape, &layout))
        folder_judge(report, "memory that outlives a kill", folders[0], layout.total);
}

static void folders_judge(const struct machine *machine, struct report *report)
{
    const struct config *config = machine->config;
    uint32_t before = report->count;
    for (uint32_t i = 0; i < config->output_count; i++)
        output_judge(report, &config->outputs[i]);
    if (*config->templates.path)
        folder_judge(report, "journal of templates", config->templates.path, config->templates.size);
    memory_judge(machine, report);
    if (report->count == before)
        report_add(report, FINDING_OK, "none is written to");
}

/* As option user, where root asks for it. */
void check_folders(const struct machine *machine, struct report *report, const char *interface)
{
    struct rights_user user;
    bool other = *machine->config->user && geteuid() == 0 && rights_find(machine->config, &user);
    gid_t group = getegid();
    if (other && (setegid(user.gid) < 0 || seteuid(user.uid) < 0))
        report_add(report, FINDING_UNKNOWN, "cannot look as user %s: %s", machine->config->user, strerror(errno));
    folders_judge(machine, report);
    if (other && (seteuid(0) < 0 || setegid(group) < 0))
        report_add(report, FINDING_UNKNOWN, "cannot become root again: %s", strerror(errno));
}
