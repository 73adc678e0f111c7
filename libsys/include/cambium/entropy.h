/* SPDX-License-Identifier: BSD-2-Clause
 * The client's side of class entropy.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/proto/entropy.h>
#include <stddef.h>

/* Fills all of [out, out + len) with random bytes, until the absolute `deadline`; asks again where the server was restarted, or
 * too many waited. Errors: as ENTROPY_OP_READ and sys_call; `out` is then partly written and must not be used. */
status_t entropy_read(handle_t service, void *out, size_t len, uint64_t deadline) WARN_UNUSED;
