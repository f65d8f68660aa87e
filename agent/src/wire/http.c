/* SPDX-License-Identifier: MIT */
/*
 * Connects the exporter and the HTTP engine. The listening socket is made here, by the same rules
 * as gRPC's, so that an error in the address is reported before an engine is loaded.
 */
#include "wire/http.h"

#include "segment/file.h"
#include "weir/expect.h"
#include "wire/address.h"
#include "wire/auth_check.h"
#include "wire/module.h"
#include "wire/scrape.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HTTP_MAX_EXPOSITION (32U << 20)
#define HTTP_MAGIC          0x77656874U

struct wi_http {
    uint32_t magic; /* HTTP_MAGIC: what the engine gives back is one */
    struct wi_process_views *views;
    const struct wi_http_module *module;
    struct wi_http_engine *engine; /* NULL: none */
    struct wi_http_backend backend;
    struct wi_auth_check auth_check;
    struct wi_address address;
    char *hosts;     /* NULL: none */
    size_t usual[2]; /* bytes of the last exposition, by enum wi_format */
    bool without_process;
};

/* ---- the engine's operations ------------------------------------------------------------------- */

static bool http_refresh(void *context, uint64_t now_nanos)
{
    const struct wi_http *http = context;
    if (!WI_EXPECT(http->magic == HTTP_MAGIC)) {
        return false;
    }
    struct wi_process_views *views = http->views;
    bool is_well = true;
    for (struct wi_served *served = views->first; served; served = served->next) {
        uint64_t read_at = served->refreshed_nanos;
        bool is_fresh = served->has_refreshed && now_nanos >= read_at &&
                        now_nanos - read_at <= WI_HTTP_FRESH && served->status == WEIR_OK;
        is_well &= is_fresh || served->has_ended ||
                   wi_process_views_refresh(views, served, now_nanos, NULL) == WEIR_OK;
    }
    return is_well || views->is_changing;
}

static bool http_expose(void *context, enum wi_format format, struct wi_http_body *ret_body)
{
    struct wi_http *http = context;
    struct wi_buffer buffer;
    if (!WI_EXPECT(http->magic == HTTP_MAGIC && (size_t)format < 2)) {
        return false;
    }
    size_t usual = http->usual[format];
    wi_buffer_init(&buffer, HTTP_MAX_EXPOSITION);
    if (usual > 0) {
        wi_buffer_reserve(&buffer, usual + usual / 16);
        wi_buffer_clear(&buffer);
    }
    if (wi_scrape_encode(http->views, format, http->without_process, &buffer) != WEIR_OK) {
        wi_buffer_finish(&buffer);
        return false;
    }
    http->usual[format] = buffer.length;
    *ret_body = (struct wi_http_body){
        .bytes = buffer.bytes,
        .length = buffer.length,
        .type = wi_prometheus_content_type(format),
    };
    return true;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static enum weir_status http_start(struct wi_http *http, int taken_listener,
                                   struct weir_error *ret_error)
{
    http->module = wi_module_find(ret_error);
    if (!http->module) {
        close(taken_listener);
        return WEIR_E_NOT_FOUND;
    }
    return http->module->create(taken_listener, &http->backend, &http->engine, ret_error);
}

enum weir_status wi_http_create(const struct wi_http_options *options,
                                struct wi_process_views *views, struct wi_http **ret_http,
                                struct weir_error *ret_error)
{
    int listener;
    struct wi_http *http = calloc(1, sizeof(*http));
    if (http && options->hosts) {
        http->hosts = strdup(options->hosts);
    }
    if (!http || (options->hosts && !http->hosts)) {
        free(http);
        wi_error_set(ret_error, "no HTTP: there is no memory");
        return WEIR_E_MEMORY;
    }
    http->magic = HTTP_MAGIC;
    http->views = views;
    http->without_process = options->without_process_metrics;
    enum weir_status status = wi_address_listen(options->address, "HTTP", options->token != NULL,
                                                &http->address, &listener, ret_error);
    if (status == WEIR_OK) {
        http->auth_check =
            (struct wi_auth_check){options->token, http->hosts, http->address.is_loopback};
        http->backend = (struct wi_http_backend){
            .context = http,
            .self = views->self,
            .auth = wi_auth_check_ops(&http->auth_check),
            .refresh = http_refresh,
            .expose = http_expose,
        };
        status = http_start(http, listener, ret_error);
    }
    if (status != WEIR_OK) {
        wi_http_destroy(http);
        return status;
    }
    *ret_http = http;
    return WEIR_OK;
}

void wi_http_destroy(struct wi_http *http)
{
    if (!http) {
        return;
    }
    if (http->engine) {
        http->module->destroy(http->engine);
    }
    http->magic = 0;
    free(http->hosts);
    free(http);
}

void wi_http_forget(struct wi_http *http)
{
    if (http) {
        http->module->forget(http->engine);
    }
}

void wi_http_abandon(struct wi_http *http)
{
    if (http) {
        http->module->abandon(http->engine);
    }
}

/* ---- while it runs ---------------------------------------------------------------------------- */

int wi_http_fd(const struct wi_http *http)
{
    return http->module->fd(http->engine);
}

int wi_http_run(struct wi_http *http, uint64_t now_nanos)
{
    http->backend.self = http->views->self; /* it changes while several processes are served */
    return http->module->run(http->engine, now_nanos);
}

const char *wi_http_address(const struct wi_http *http)
{
    return http->address.text;
}

unsigned wi_http_port(const struct wi_http *http)
{
    return http->address.port;
}
