/* SPDX-License-Identifier: MIT */
/*
 * A host in which weir's own assertions fail: linked with the libraries as an application is, it asks some that do
 * not hold, as code of weir's would.
 *
 *   contradicts        one before weir_start, two after it; then it serves HTTP
 *   contradicts fork   the same in a parent that serves nothing; its child starts weir again, and asks one
 *
 * It prints "ready PID PORT", and ends when its input does.
 */
#include "weir/agent.h"
#include "weir/expect.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static bool start(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "contradicts";
    return weir_start(&options, NULL) == WEIR_OK;
}

static int serve(void)
{
    struct weir_agent_options agent = WEIR_AGENT_OPTIONS_INIT;
    struct weir_error error;
    char byte;
    agent.http = "127.0.0.1:0";
    if (weir_agent_start(&agent, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    printf("ready %d %u\n", (int)getpid(), weir_agent_http_port());
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}

int main(int n, char **arguments)
{
    int one = n > 0;
    (void)arguments;
    bool has_held = WI_EXPECT(one == 1) && WI_EXPECT(one == 2);
    bool has_started = start();
    has_held = WI_EXPECT(one == 3) || WI_EXPECT(one == 4) || has_held;
    if (has_held || !has_started) {
        return 1;
    }
    if (n == 1) {
        return serve();
    }
    pid_t child = fork();
    if (child == 0) {
        return start() && !WI_EXPECT(one == 5) ? serve() : 1;
    }
    int status = 1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
