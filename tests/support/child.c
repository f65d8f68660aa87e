/* SPDX-License-Identifier: MIT */
/* Tests in processes of their own. */
#include "child.h"

#include "weir/nanos.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/wait.h>

void child_dir_make(char *ret_dir, size_t room)
{
    char dir[] = "/dev/shm/weir-test-XXXXXX";
    if (!mkdtemp(dir)) {
        perror("mkdtemp");
        exit(1);
    }
    snprintf(ret_dir, room, "%s", dir);
}

void child_dir_remove(const char *dir)
{
    DIR *entries = opendir(dir);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    if (entries) {
        closedir(entries);
    }
    rmdir(dir);
}

int child_run_in(const char *dir, child_fn *body)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        /* A handler of the test library would go on with the tests in here. */
        static const int fatal[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
        for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
            signal(fatal[i], SIG_DFL);
        }
        setenv("WEIR_DIR", dir, 1);
        body(dir);
        exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(child_fn *body)
{
    char dir[64];
    child_dir_make(dir, sizeof(dir));
    int status = child_run_in(dir, body);
    child_dir_remove(dir);
    return status;
}

int child_count(const char *dir, const char *suffix, char *ret_path, size_t room)
{
    int n = 0;
    DIR *entries = opendir(dir);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        size_t length = strlen(entry->d_name);
        if (length > strlen(suffix) &&
            strcmp(entry->d_name + length - strlen(suffix), suffix) == 0) {
            if (n++ == 0 && ret_path) {
                snprintf(ret_path, room, "%s/%s", dir, entry->d_name);
            }
        }
    }
    if (entries) {
        closedir(entries);
    }
    return n;
}

bool child_wait(bool (*holds)(void *context), void *context)
{
    uint64_t deadline = wi_nanos(CLOCK_MONOTONIC) + 10 * WI_SECOND;
    while (!holds(context)) {
        if (wi_nanos(CLOCK_MONOTONIC) > deadline) {
            return false;
        }
        sched_yield();
    }
    return true;
}
