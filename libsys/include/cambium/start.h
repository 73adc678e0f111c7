/* SPDX-License-Identifier: BSD-2-Clause
 * What this process was started with: struct start_info and the names of its handles are in abi/start.h.
 */
#pragma once
#include <abi/start.h>

extern const struct start_info *start_info;

/* The handle with this name, 0 if there is none. */
handle_t start_handle(const char *name);
