/* SPDX-License-Identifier: MIT */
/* The methods as calls; those of weir.v1.Agent are here. No I/O; the exporter's thread. */
#ifndef WI_SESSION_SERVICE_H
#define WI_SESSION_SERVICE_H

#include "session/call.h"

#define WI_QUERIES_MAX 16
#define WI_TOPICS_MAX  64
#define WI_GLOBS_MAX   64

#define WI_INTERVAL_MIN_MILLIS     100
#define WI_INTERVAL_MAX_MILLIS     60000
#define WI_INTERVAL_DEFAULT_MILLIS 1000

/* List, Describe, Watch, Subscribe, Snapshot, History, and those of session/health.h and session/tokio.h; the
 * methods of one service one after the other. Owns: static. */
extern const struct wi_method wi_service_methods[];
extern const size_t wi_service_n_methods;

#endif
