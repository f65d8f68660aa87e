/* SPDX-License-Identifier: MIT */
/* Admission at a TCP address. */
#include "wire/auth_check.h"

#include "wire/address.h"

#include <string.h>

static bool auth_check_knows(void *context, const char *host, size_t n)
{
    const struct wi_auth_check *auth_check = context;
    char name[272];
    if (!auth_check->is_loopback) {
        return true;
    }
    if (n >= sizeof(name) || memchr(host, '\0', n)) {
        return false;
    }
    memcpy(name, host, n);
    name[n] = '\0';
    return wi_host_passes(name, auth_check->hosts);
}

static bool auth_check_admits(void *context, const char *authorization, size_t n)
{
    const struct wi_auth_check *auth_check = context;
    return authorization && wi_token_admits(auth_check->token, authorization, n);
}

struct wi_auth_ops wi_auth_check_ops(struct wi_auth_check *auth_check)
{
    return (struct wi_auth_ops){auth_check_knows, auth_check->token ? auth_check_admits : NULL,
                                auth_check};
}
