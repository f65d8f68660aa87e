/* SPDX-License-Identifier: MIT */
/* The gate of a TCP address. */
#include "wire/gate.h"

#include "wire/address.h"

#include <string.h>

bool wi_gate_knows(const struct wi_gate *gate, const char *host, size_t n)
{
    char name[272];
    if (!gate->is_loopback) {
        return true;
    }
    if (n >= sizeof(name) || memchr(host, '\0', n)) {
        return false;
    }
    memcpy(name, host, n);
    name[n] = '\0';
    return wi_host_passes(name, gate->hosts);
}

bool wi_gate_admits(const struct wi_gate *gate, const char *authorization, size_t n)
{
    return !gate->token || (authorization && wi_token_admits(gate->token, authorization, n));
}

static bool gate_knows(void *context, const char *authority, size_t n)
{
    return wi_gate_knows(context, authority, n);
}

static bool gate_admits(void *context, const char *authorization, size_t n)
{
    return wi_gate_admits(context, authorization, n);
}

struct wi_door wi_gate_door(struct wi_gate *gate)
{
    return (struct wi_door){gate_knows, gate->token ? gate_admits : NULL, gate};
}
