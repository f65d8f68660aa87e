/* SPDX-License-Identifier: MIT */
/* Pages and renderings. */
#include "http/response.h"

#include "encode/buffer.h"
#include "http/gzip.h"
#include "weir/expect.h"

#include <stdlib.h>

static struct MHD_Response *response_with(struct MHD_Response *response, const char *name,
                                          const char *value)
{
    if (response && MHD_add_response_header(response, name, value) != MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

struct MHD_Response *wi_response_make(const char *type, void *bytes, size_t length,
                                      enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(length, bytes, mode);
    if (!response && mode == MHD_RESPMEM_MUST_FREE) {
        free(bytes);
    }
    response = response_with(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    response = response_with(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    return response_with(response, "X-Content-Type-Options", "nosniff");
}

/* Takes the bytes. */
static struct MHD_Response *response_of_render(const char *type, uint8_t *bytes, size_t length)
{
    return response_with(wi_response_make(type, bytes, length, MHD_RESPMEM_MUST_FREE),
                         MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
}

bool wi_render_make(struct wi_render *render, const struct wi_http_backend *backend,
                    enum wi_format format, uint64_t now_nanos)
{
    struct wi_http_body body;
    if (!backend->expose(backend->context, format, &body)) {
        return false;
    }
    struct MHD_Response *plain = response_of_render(body.type, body.bytes, body.length);
    if (!plain) {
        return false;
    }
    wi_render_drop(render);
    *render = (struct wi_render){.plain = plain, .body = body, .at = now_nanos};
    return true;
}

struct MHD_Response *wi_render_gzip(struct wi_render *render)
{
    if (render->gzip || render->is_incompressible) {
        return render->gzip;
    }
    if (!WI_EXPECT(render->plain && render->body.bytes)) {
        return NULL;
    }
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, render->body.length);
    enum weir_status status = wi_gzip(render->body.bytes, render->body.length, &buffer);
    if (status != WEIR_OK) {
        render->is_incompressible = status == WEIR_E_LIMIT;
        wi_buffer_finish(&buffer);
        return NULL;
    }
    render->gzip = response_with(response_of_render(render->body.type, buffer.bytes, buffer.length),
                                 MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return render->gzip;
}

void wi_render_drop(struct wi_render *render)
{
    if (render->plain) {
        MHD_destroy_response(render->plain);
        render->plain = NULL;
    }
    if (render->gzip) {
        MHD_destroy_response(render->gzip);
        render->gzip = NULL;
    }
}
