/* SPDX-License-Identifier: MIT */
/* Pages and renderings. */
#include "wire/response.h"

#include "encode/buffer.h"
#include "encode/gzip.h"
#include "encode/prometheus.h"
#include "wire/scrape.h"

#include <stdlib.h>
#include <string.h>

#define RESPONSE_MAX_EXPOSITION (32U << 20)

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

/* Takes the buffer's bytes. */
static struct MHD_Response *response_of_render(enum wi_format format, struct wi_buffer *buffer)
{
    return response_with(wi_response_make(wi_prometheus_content_type(format), buffer->bytes,
                                          buffer->length, MHD_RESPMEM_MUST_FREE),
                         MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
}

bool wi_render_make(struct wi_render *render, struct wi_process_views *views, enum wi_format format,
                    bool without_process, uint64_t now_nanos)
{
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, RESPONSE_MAX_EXPOSITION);
    if (render->length > 0) {
        wi_buffer_reserve(&buffer, render->length + render->length / 16);
        wi_buffer_clear(&buffer);
    }
    if (wi_scrape_encode(views, format, without_process, &buffer) != WEIR_OK) {
        wi_buffer_finish(&buffer);
        return false;
    }
    struct MHD_Response *plain = response_of_render(format, &buffer);
    if (!plain) {
        return false;
    }
    wi_render_drop(render);
    *render = (struct wi_render){
        .plain = plain, .bytes = buffer.bytes, .length = buffer.length, .at = now_nanos};
    return true;
}

struct MHD_Response *wi_render_gzip(struct wi_render *render, enum wi_format format)
{
    if (render->gzip || render->is_incompressible) {
        return render->gzip;
    }
    struct wi_buffer buffer;
    wi_buffer_init(&buffer, render->length);
    enum weir_status status = wi_gzip(render->bytes, render->length, &buffer);
    if (status != WEIR_OK) {
        render->is_incompressible = status == WEIR_E_LIMIT;
        wi_buffer_finish(&buffer);
        return NULL;
    }
    render->gzip = response_with(response_of_render(format, &buffer),
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
