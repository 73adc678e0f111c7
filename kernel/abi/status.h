/* SPDX-License-Identifier: BSD-2-Clause
 * status_t: 0 is success, negative an error from err.def. Everything that can fail returns one.
 */
#pragma once

typedef int status_t;

enum {
#define ERR(name, value, sentence) name = value,
#include "err.def"
#undef ERR
};

#define WARN_UNUSED __attribute__((warn_unused_result))
