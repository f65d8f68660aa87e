/* SPDX-License-Identifier: MIT */
/* grpc.health.v1.Health: whether the exporter serves, for probes and load balancers. No I/O; the exporter's
 * thread. */
#ifndef WI_SESSION_HEALTH_H
#define WI_SESSION_HEALTH_H

#include "session/call.h"

/* Between two checks whether the status has changed. */
#define WI_HEALTH_INTERVAL_NANOS UINT64_C(1000000000)

wi_call_begin wi_health_check;
wi_call_begin wi_health_watch;
wi_call_begin wi_health_list;

#endif
