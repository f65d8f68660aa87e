/* SPDX-License-Identifier: MIT */
#include "offered_view.h"

#include "segment/file.h"

enum weir_status __wrap_wi_process_view_open_file(const char *path,
                                                  struct wi_process_view **ret_view,
                                                  struct weir_error *ret_error);

static struct wi_process_view *offered;

void offer_view(struct wi_process_view *taken_view)
{
    offered = taken_view;
}

enum weir_status __wrap_wi_process_view_open_file(const char *path,
                                                  struct wi_process_view **ret_view,
                                                  struct weir_error *ret_error)
{
    if (!offered) {
        wi_error_set(ret_error, "%s: no process view was offered", path);
        return WEIR_E_NOT_FOUND;
    }
    *ret_view = offered;
    offered = NULL;
    return WEIR_OK;
}
