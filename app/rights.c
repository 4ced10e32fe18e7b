/* SPDX-License-Identifier: Apache-2.0 */
#include "app/rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "app/rights_paths.h"
#include "base/log.h"

bool rights_find(const struct config *config, struct rights_user *user)
{
    const struct passwd *entry = getpwnam(config->user);
    const struct group *group = *config->group ? getgrnam(config->group) : NULL;
    if (!entry)
        log_error("user: there is no user %s; useradd --system --shell /usr/sbin/nologin %s makes one", config->user,
                  config->user);
    else if (*config->group && !group)
        log_error("group: there is no group %s; groupadd --system %s makes one", config->group, config->group);
    if (!entry || (*config->group && !group))
        return false;
    *user = (struct rights_user){.uid = entry->pw_uid, .gid = group ? group->gr_gid : entry->pw_gid};
    return true;
}

/* Before Linux 6.0, where kernel.unprivileged_bpf_disabled is set, no map can be read or changed without CAP_BPF. */
static bool maps_need_rights(void)
{
    struct utsname name;
    unsigned major = 0;
    return uname(&name) == 0 && sscanf(name.release, "%u", &major) == 1 && major < 6;
}

/* The state that libcap-ng is to make: nothing, or CAP_BPF alone. */
static void capabilities_choose(bool keep_bpf)
{
    capng_get_caps_process();
    capng_clear(CAPNG_SELECT_ALL);
    if (keep_bpf)
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF);
}

static int user_become(const struct config *config, const struct rights_user *user, bool keep_bpf)
{
    capabilities_choose(keep_bpf);
    int result = capng_change_id((int)user->uid, (int)user->gid,
                                 CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT);
    if (!result)
        return 0;
    log_error("user: cannot become %s (step %d of capng_change_id(3)): %s; start weir as root, or with CAP_SETUID, "
              "CAP_SETGID and CAP_SETPCAP",
              config->user, -result, strerror(errno));
    return -EPERM;
}

/* Who has started weir stays; its capabilities go. The bounding set needs CAP_SETPCAP, and is moot without new ones. */
static int capabilities_drop(bool keep_bpf)
{
    capng_get_caps_process();
    bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    capabilities_choose(keep_bpf);
    if (capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) == 0)
        return 0;
    log_error("cannot drop capabilities: %s", strerror(errno));
    return -EPERM;
}

int rights_drop(const struct config *config, bool xdp)
{
    bool keep_bpf = xdp && maps_need_rights();
    struct rights_user user = {.uid = geteuid(), .gid = getegid()};
    int result;
    if (*config->user && !rights_find(config, &user))
        return -ENOENT;
    if (!*config->user && geteuid() == 0) {
        log_debug("weir goes on as root; option user names somebody with fewer rights");
        return 0;
    }
    if (user.uid != geteuid() || user.gid != getegid())
        result = user_become(config, &user, keep_bpf);
    else
        result = capabilities_drop(keep_bpf);
    if (!result && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        log_error("cannot take no_new_privs: %s", strerror(errno));
        result = -EPERM;
    }
    if (result)
        return result;
    if (keep_bpf)
        log_info("CAP_BPF is kept: this kernel, older than 6.0, has no other way to the maps of the XDP program");
    return rights_paths_look(config) ? 0 : -EACCES;
}
