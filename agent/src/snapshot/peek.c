/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv, also of this process: the kernel checks the addresses, so an object that was freed, or whose memory
 * was given back, is an error for its part only.
 *
 * Outside, a pid in the file decides whose memory is read, and the file may be forged. So the process must
 * have this very file mapped, and run as the file's owner: then it is at worst another process of the same
 * user that has opened the segment. A program that was executed in place of the process has no such mapping.
 */
#include "snapshot/peek.h"

#include "segment/maps.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char peek_denied[] =
    "the kernel does not permit it: be root, or set kernel.yama.ptrace_scope to 0, or let the "
    "process serve itself (weir_agent_start)";

static const char peek_filtered[] =
    "the process's filter of system calls does not permit process_vm_readv";

struct peek_search {
    dev_t device;
    ino_t inode;
    bool has_mapped;
};

static bool peek_visit(void *context, const struct wi_mapping *mapping)
{
    struct peek_search *search = context;
    search->has_mapped = mapping->inode == search->inode && mapping->device == search->device;
    return !search->has_mapped;
}

uint32_t wi_peek_pid(const struct wi_source *source, const char **ret_why)
{
    struct peek_search search = {.has_mapped = false};
    uid_t uid;
    *ret_why = NULL;
    if (wi_source_is_self(source)) {
        return (uint32_t)getpid();
    }
    uint32_t pid = wi_source_owner(source).pid;
    if (wi_source_state(source) == WI_STATE_DEAD) {
        *ret_why = "the process has ended";
    } else if (wi_source_state(source) != WI_STATE_RUNNING || !pid ||
               !wi_source_file(source, &search.device, &search.inode, &uid)) {
        *ret_why = "the process is not visible here";
    } else if (wi_owner_uid(pid) != uid) {
        *ret_why = "the process runs as another user than the owner of its segment's file";
    } else {
        wi_maps_each(pid, peek_visit, &search);
        *ret_why = search.has_mapped ? NULL : "the process does not show this segment in its maps";
    }
    return *ret_why ? 0 : pid;
}

/* NULL: only the first part cannot be read. */
static const char *peek_why(uint32_t pid, int error)
{
    switch (error) {
    case EFAULT:
        return NULL;
    case EPERM:
        return pid == (uint32_t)getpid() ? peek_filtered : peek_denied;
    case ESRCH:
        return "the process has ended";
    case ENOSYS:
        return "the kernel cannot copy the memory of processes";
    default:
        return "the kernel could not copy their memory";
    }
}

size_t wi_peek_copy(uint32_t pid, const struct wi_peek_part *parts, size_t n, void *to,
                    const char **ret_why)
{
    struct iovec from[WI_PEEK_PARTS] = {{NULL, 0}};
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        from[i].iov_base = (void *)(uintptr_t)parts[i].address; /* never used as one here */
        from[i].iov_len = parts[i].bytes;
        total += parts[i].bytes;
    }
    const struct iovec local = {to, total};
    ssize_t copied = process_vm_readv((pid_t)pid, &local, 1, from, n, 0);
    if (copied < 0) {
        *ret_why = peek_why(pid, errno);
        return 0;
    }
    size_t whole = 0;
    for (size_t left = (size_t)copied; whole < n && left >= parts[whole].bytes; whole++) {
        left -= parts[whole].bytes;
    }
    return whole;
}
