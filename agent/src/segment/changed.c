/* SPDX-License-Identifier: MIT */
/* Reads /proc/net/unix, and the owners of the directories named there. */
#include "segment/changed.h"

#include "segment/descriptor.h"
#include "segment/file.h"
#include "segment/owner.h"
#include "segment/stem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGED_LISTENS 0x10000U /* a socket's flag: it accepts connections */

/* "0000...: 00000002 00000000 00010000 0001 01 5678 /dev/shm/weir-0/PID-START-ID.sock" */
static bool changed_read(char *line, struct wi_changed *ret_changed, char *ret_path, size_t room)
{
    unsigned flags;
    struct wi_stem stem;
    struct stat facts;
    char *path = strchr(line, '/');
    char *name = path ? strrchr(path, '/') + 1 : NULL;
    if (!path || sscanf(line, "%*s %*x %*x %x", &flags) != 1 || !(flags & CHANGED_LISTENS)) {
        return false;
    }
    path[strcspn(path, "\n")] = '\0';
    if (!wi_stem_read(name, ".sock", &stem) || wi_owner_uid(stem.pid) != geteuid() ||
        wi_file_start_ticks(stem.pid) != stem.start_ticks) {
        return false;
    }
    int written =
        snprintf(ret_path, room, "%.*s.weir", (int)(strlen(path) - strlen(".sock")), path);
    name[-1] = '\0';
    if (written < 0 || (size_t)written >= room || name - 1 == path || stat(path, &facts) != 0) {
        return false;
    }
    *ret_changed = (struct wi_changed){stem.pid, geteuid(), facts.st_uid, ret_path};
    return facts.st_uid != geteuid();
}

void wi_changed_each(void (*visit)(void *context, const struct wi_changed *changed), void *context)
{
    char line[512];
    char path[WI_PATH_MAX];
    int fd = wi_descriptor_open("/proc/net/unix", O_RDONLY, 0);
    FILE *sockets = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!sockets) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while (fgets(line, sizeof(line), sockets)) {
        struct wi_changed changed;
        if (changed_read(line, &changed, path, sizeof(path))) {
            visit(context, &changed);
        }
    }
    fclose(sockets);
}

void wi_changed_tell(const struct wi_changed *changed, char *ret_text, size_t room)
{
    snprintf(ret_text, room,
             "process %u runs as uid %u, its segment belongs to uid %u: run weir as root, or let "
             "the process start weir after setuid",
             (unsigned)changed->pid, (unsigned)changed->uid, (unsigned)changed->owner);
}

bool wi_changed_is_closed(uint32_t pid)
{
    char path[64];
    struct stat facts;
    snprintf(path, sizeof(path), "/proc/%u/maps", (unsigned)pid);
    return wi_owner_uid(pid) == geteuid() && stat(path, &facts) == 0 && facts.st_uid != geteuid();
}
