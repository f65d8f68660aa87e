/* SPDX-License-Identifier: MIT */
/* A program that uses the installed weir: hooks, the exporter and what it came to. C11 and C++17. */
#ifdef WITH_AGENT
#include <weir/agent.h>
#endif
#include <weir/weir.h>

#include <stdio.h>

static struct weir_counter *early;

/* As a constructor of a static object does: before weir_start. */
__attribute__((constructor)) static void construct(void)
{
    struct weir_value_options options = WEIR_VALUE_INIT("early");
    early = weir_counter_open(&options);
    weir_counter_add(early, 1);
}

int main(void)
{
    struct weir_options options = WEIR_OPTIONS_INIT;
    options.name = "consumer";
    struct weir_error error;
    enum weir_status status = weir_start(&options, &error);
    if (status != WEIR_OK) {
        fprintf(stderr, "weir_start: %s: %s\n", weir_status_name(status), error.text);
        return 1;
    }
#ifdef WITH_AGENT
    struct weir_agent_options agent_options = WEIR_AGENT_OPTIONS_INIT;
#ifdef WITH_HTTP
    agent_options.http = "127.0.0.1:0";
#endif
    status = weir_agent_start(&agent_options, &error);
    if (status != WEIR_OK || (agent_options.http && weir_agent_http_port() == 0)) {
        fprintf(stderr, "weir_agent_start: %s: %s\n", weir_status_name(status), error.text);
        return 1;
    }
#endif
    struct weir_channel_options channel_options = WEIR_CHANNEL_INIT("jobs", WEIR_UNBOUNDED);
    struct weir_channel *channel = weir_channel_open(&channel_options);
    for (int i = 0; i < 1000; i++) {
        weir_ticket ticket = weir_channel_send(channel, 64);
        weir_channel_receive(channel, ticket, 64);
    }
    weir_channel_reject(channel, WEIR_REJECT_FULL);

    struct weir_health health;
    health.size = sizeof(health);
    weir_health_read(&health);
    printf("threads %llu, lost %llu\n", (unsigned long long)health.threads,
           (unsigned long long)(health.handles_refused + health.cells_refused));
    weir_channel_close(channel);
#ifdef WITH_AGENT
    weir_agent_stop();
#endif
    weir_stop();
    return channel && early && health.threads == 1 ? 0 : 1;
}
