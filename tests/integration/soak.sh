#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Two minutes of what tests/soak/run does for thirty. ctest: labels=long,plain timeout=300 alone folders=agent,console
exec "$WEIR_SOURCE/tests/soak/run" --for 120
