/* SPDX-License-Identifier: BSD-2-Clause
 * The compiler'"'"'s own limits.h wants a C library'"'"'s behind it; libfdt needs these two.
 */
#pragma once
#define INT_MAX  __INT_MAX__
#define UINT_MAX (__INT_MAX__ * 2u + 1u)
