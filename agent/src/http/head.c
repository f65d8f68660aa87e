/* SPDX-License-Identifier: MIT */
/* The head of an HTTP request. */
#include "http/head.h"

#include <string.h>
#include <strings.h>

/* The state while the header fields are read. */
struct head_reading {
    const struct wi_auth_ops *auth;
    struct wi_head *head;
    unsigned n_hosts, n_known;
    unsigned n_authorizations, n_admitted;
};

const char *wi_target_path(const char *target, const char **ret_authority, size_t *ret_n)
{
    static const char scheme[] = "http://";
    *ret_authority = NULL;
    *ret_n = 0;
    if (strncasecmp(target, scheme, sizeof(scheme) - 1) != 0) {
        return target;
    }
    *ret_authority = target + sizeof(scheme) - 1;
    *ret_n = strcspn(*ret_authority, "/?#");
    const char *path = *ret_authority + *ret_n;
    return *path == '/' ? path : "/";
}

static enum MHD_Result head_on_field(void *context, enum MHD_ValueKind kind, const char *key,
                                     const char *value)
{
    struct head_reading *reading = context;
    struct wi_head *head = reading->head;
    const struct wi_auth_ops *auth = reading->auth;
    (void)kind;
    if (strcasecmp(key, MHD_HTTP_HEADER_HOST) == 0) {
        reading->n_hosts++;
        reading->n_known += value && auth->knows(auth->context, value, strlen(value));
    } else if (auth->admits && strcasecmp(key, MHD_HTTP_HEADER_AUTHORIZATION) == 0) {
        reading->n_authorizations++;
        reading->n_admitted += value && auth->admits(auth->context, value, strlen(value));
    } else if (strcasecmp(key, MHD_HTTP_HEADER_ACCEPT_ENCODING) == 0) {
        wi_accept_codings(&head->codings, value);
    } else if (strcasecmp(key, MHD_HTTP_HEADER_ACCEPT) == 0 && !head->accept) {
        head->accept = value;
    }
    return MHD_YES;
}

/* Whether requests for an authority are answered. An authority with a user in it is no host's name,
 * even beyond loopback. */
static bool head_knows(const struct wi_auth_ops *auth, const char *authority, size_t n)
{
    return n > 0 && !memchr(authority, '@', n) && auth->knows(auth->context, authority, n);
}

void wi_head_read(struct MHD_Connection *connection, const struct wi_auth_ops *auth,
                  const char *target, const char *version, struct wi_head *ret_head)
{
    struct head_reading reading = {.auth = auth, .head = ret_head};
    const char *authority;
    size_t n;
    *ret_head = (struct wi_head){.codings = WI_CODINGS_NONE};
    ret_head->path = wi_target_path(target, &authority, &n);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, head_on_field, &reading);
    bool has_one = reading.n_hosts == 1 ||
                   (reading.n_hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_0) == 0);
    bool is_known = authority ? head_knows(auth, authority, n) : reading.n_known == reading.n_hosts;
    ret_head->has_host = has_one && is_known;
    ret_head->has_token =
        !auth->admits || (reading.n_authorizations == 1 && reading.n_admitted == 1);
}
