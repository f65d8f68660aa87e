/* SPDX-License-Identifier: MIT */
/* grpc.health.v1.Health: whether the exporter serves, for probes and load balancers. No I/O; the exporter's
 * thread. */
#ifndef WI_SESSION_HEALTH_H
#define WI_SESSION_HEALTH_H

#include "session/call.h"

/* Between two looks at whether the status has changed. */
#define WI_HEALTH_INTERVAL_NANOS UINT64_C(1000000000)

/* Starts of wi_method. */
bool wi_health_check(const struct wi_call_context *context, struct wi_served *served,
                     struct wi_peer *peer, const uint8_t *request, size_t n, uint64_t now_nanos,
                     struct wi_call **ret_call, struct wi_fault *ret_fault);
bool wi_health_watch(const struct wi_call_context *context, struct wi_served *served,
                     struct wi_peer *peer, const uint8_t *request, size_t n, uint64_t now_nanos,
                     struct wi_call **ret_call, struct wi_fault *ret_fault);
bool wi_health_list(const struct wi_call_context *context, struct wi_served *served,
                    struct wi_peer *peer, const uint8_t *request, size_t n, uint64_t now_nanos,
                    struct wi_call **ret_call, struct wi_fault *ret_fault);

#endif
