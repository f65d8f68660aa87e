/* SPDX-License-Identifier: MIT */
/*
 * A host with HTTP, told by its arguments what to do one after another. WEIR_HTTP or --http says whether it is on.
 *   --http ADDRESS   by the options    start, stop    mapped (how many libraries of HTTP are)
 *   close FD, closed FD (whether it is again, at the latest in five seconds)
 *   cycle N (starts and stops)   fork (a start in a child)   wait (until the input ends)
 *   chdir DIR, chroot DIR, run PROGRAM   scarce (starts in children, each without its n-th allocation)
 */
#include <weir/agent.h>
#include <weir/weir.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ALLOCATIONS  20000
#define FIRST_ALLOCATIONS 100
#define ALLOCATION_STEP   47

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *bytes, size_t n);

static long countdown; /* to the allocation that fails; 0: none does */

static int must_fail(void)
{
    return countdown > 0 && --countdown == 0;
}

/* These stand before the C library's, for all libraries. */
void *malloc(size_t n)
{
    return must_fail() ? (errno = ENOMEM, NULL) : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return must_fail() ? (errno = ENOMEM, NULL) : __libc_calloc(n, size);
}

void *realloc(void *bytes, size_t n)
{
    return must_fail() ? (errno = ENOMEM, NULL) : __libc_realloc(bytes, n);
}

static struct weir_agent_options options = WEIR_AGENT_OPTIONS_INIT;

static enum weir_status start(const char *what)
{
    struct weir_error error = {""};
    enum weir_status status = weir_agent_start(&options, &error);
    if (what) {
        printf("%s: %s: port %u: %s\n", what, weir_status_name(status), weir_agent_http_port(),
               error.text);
        fflush(stdout);
    }
    return status;
}

static void print_mapped(void)
{
    static const char *const names[] = {"libweir-agent-http", "libmicrohttpd", "libgnutls",
                                        "libp11", "libz."};
    char line[4096];
    unsigned n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof(line), maps)) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            n += strstr(line, names[i]) != NULL;
        }
    }
    fclose(maps);
    printf("mapped: %u\n", n);
    fflush(stdout);
}

/* Ends the program unless the child came to a clean end. Returns its exit status. */
static int await(pid_t child)
{
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        fprintf(stderr, "a child was killed by signal %d\n", WTERMSIG(status));
        exit(1);
    }
    return WEXITSTATUS(status);
}

static void start_in_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct weir_options hooks = WEIR_OPTIONS_INIT;
        hooks.name = "child";
        if (weir_start(&hooks, NULL) != WEIR_OK) {
            _exit(1);
        }
        start("fork");
        weir_agent_stop();
        weir_stop();
        _exit(0);
    }
    await(child);
}

/* The exporter starts, or says in one line that there is no memory, whichever allocation fails. */
static void start_scarce(void)
{
    unsigned n_refused = 0;
    /* Most of them are those of the module's libraries while they are loaded: a sample of these is enough. */
    for (long n = 1; n < MOST_ALLOCATIONS; n += n < FIRST_ALLOCATIONS ? 1 : ALLOCATION_STEP) {
        pid_t child = fork();
        if (child == 0) {
            struct weir_error error = {""};
            weir_start(NULL, NULL);
            countdown = n;
            enum weir_status status = weir_agent_start(&options, &error);
            int has_failed = countdown == 0;
            countdown = 0;
            int is_told = status == WEIR_OK || (error.text[0] && !strchr(error.text, '\n'));
            weir_agent_stop();
            weir_stop();
            _exit(!is_told ? 3 : !has_failed ? 2 : status != WEIR_OK);
        }
        int status = await(child);
        if (status > 2) {
            printf("scarce: without allocation %ld: %s\n", n,
                   status == 3 ? "no line says so" : "the host is ended");
            exit(1);
        }
        n_refused += status == 1;
        if (status == 2) {
            printf("scarce: %u of %ld\n", n_refused, n - 1);
            return;
        }
    }
}

static void cycle(int n)
{
    for (int i = 0; i < n; i++) {
        if (start(NULL) != WEIR_OK || weir_agent_http_port() == 0) {
            printf("cycle %d failed\n", i);
            exit(1);
        }
        weir_agent_stop();
    }
    printf("cycle: %d\n", n);
}

/* What the exporter's thread opens has the number for a moment, until it has a higher one. */
static int is_closed_soon(int fd)
{
    for (int waited = 0; fcntl(fd, F_GETFD) != -1; waited++) {
        if (waited == 5000) {
            return 0;
        }
        poll(NULL, 0, 1);
    }
    return 1;
}

static int change(const char *word, const char *what)
{
    if (strcmp(word, "chdir") == 0) {
        return chdir(what) == 0;
    }
    if (strcmp(word, "chroot") == 0) {
        return chroot(what) == 0;
    }
    if (strcmp(word, "close") == 0) {
        return close(atoi(what)) == 0;
    }
    if (strcmp(word, "closed") == 0) {
        return is_closed_soon(atoi(what));
    }
    return strcmp(word, "run") == 0 && system(what) == 0;
}

int main(int argc, char **argv)
{
    struct weir_options hooks = WEIR_OPTIONS_INIT;
    hooks.name = "host";
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "--http") == 0) {
            options.http = argv[++i];
        } else if (strcmp(word, "hooks") == 0) {
            weir_start(&hooks, NULL);
        } else if (strcmp(word, "start") == 0) {
            start("start");
        } else if (strcmp(word, "stop") == 0) {
            weir_agent_stop();
        } else if (strcmp(word, "mapped") == 0) {
            print_mapped();
        } else if (strcmp(word, "cycle") == 0) {
            cycle(atoi(argv[++i]));
        } else if (strcmp(word, "fork") == 0) {
            start_in_child();
        } else if (strcmp(word, "scarce") == 0) {
            start_scarce();
        } else if (strcmp(word, "wait") == 0) {
            while (getchar() != EOF) {
            }
        } else if (!change(word, argv[++i])) {
            fprintf(stderr, "%s is not known or failed\n", word);
            return 2;
        }
    }
    weir_agent_stop();
    weir_stop();
    return 0;
}
