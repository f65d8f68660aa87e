/* SPDX-License-Identifier: MIT */
/* Facts from /proc, which take about 50 microseconds a second. Memory is RssAnon, because RSS
 * counts the segment itself. */
#include "snapshot/process.h"

#include "segment/cgroup.h"
#include "segment/descriptor.h"
#include "segment/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t process_file(uint32_t pid, const char *name, char *ret_text, size_t room)
{
    char path[64];
    if (pid) {
        snprintf(path, sizeof(path), "/proc/%u/%s", (unsigned)pid, name);
    } else {
        snprintf(path, sizeof(path), "/proc/self/%s", name);
    }
    return wi_file_read(path, ret_text, room);
}

/* " Key:   123 kB" -> 123; 0 when the key is not there. */
static uint64_t process_number(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static double process_cpu(uint32_t pid)
{
    char text[1024];
    unsigned long long user = 0;
    unsigned long long system = 0;
    if (process_file(pid, "stat", text, sizeof(text)) > 0) {
        const char *at = strrchr(text, ')');
        for (int field = 2; at && field < 14; field++) {
            at = strchr(at + 1, ' ');
        }
        if (at) {
            sscanf(at, "%llu %llu", &user, &system);
        }
    }
    long hertz = sysconf(_SC_CLK_TCK);
    return (double)(user + system) / (double)(hertz > 0 ? hertz : 100);
}

/* Since Linux 6.2 the size of /proc/PID/fd is the number of descriptors; before, it is 0, and they
 * are counted. */
static uint64_t process_fds(uint32_t pid)
{
    char path[64];
    struct stat facts;
    snprintf(path, sizeof(path), "/proc/%u/fd", (unsigned)(pid ? pid : (uint32_t)getpid()));
    if (stat(path, &facts) == 0 && facts.st_size > 0) {
        return (uint64_t)facts.st_size;
    }
    uint64_t n = 0;
    DIR *entries = wi_descriptor_opendir(path);
    if (entries) {
        for (struct dirent *entry; (entry = readdir(entries));) {
            n += entry->d_name[0] != '.';
        }
        closedir(entries);
        n -= pid == 0 && n > 0; /* the directory itself */
    }
    return n;
}

/* "unlimited" is no number, and so 0. */
static void process_limits(struct wi_process *process, uint32_t pid)
{
    char text[4096];
    if (process_file(pid, "limits", text, sizeof(text)) <= 0) {
        text[0] = '\0';
    }
    process->max_fds = process_number(text, "\nMax open files");
    process->max_virtual_bytes = process_number(text, "\nMax address space");
    process->max_threads = process_number(text, "\nMax processes");
}

static void process_cgroup(struct wi_process *process, uint32_t pid)
{
    char text[WI_CGROUP_TEXT_MAX];
    process->has_memory_limit = process_file(pid, "cgroup", text, sizeof(text)) > 0 &&
                                wi_cgroup_least(WI_CGROUP_ROOT, text, &process->memory_limit_bytes,
                                                &process->memory_used_bytes);
}

void wi_process_read(struct wi_process *process, uint32_t pid)
{
    char text[4096];
    process->is_known = process_file(pid, "status", text, sizeof(text)) > 0;
    if (!process->is_known) {
        return;
    }
    process->rss_bytes = process_number(text, "\nVmRSS:") * 1024;
    process->anon_bytes = process_number(text, "\nRssAnon:") * 1024;
    process->virtual_bytes = process_number(text, "\nVmSize:") * 1024;
    process->threads = process_number(text, "\nThreads:");
    process->cpu_seconds = process_cpu(pid);
    process->fds = process_fds(pid);
    process_limits(process, pid);
    process_cgroup(process, pid);
    process->has_heap = pid == 0 && wi_heap_read(&process->heap, &process->heap_bytes,
                                                 &process->heap_resident_bytes);
}
