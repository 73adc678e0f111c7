/* SPDX-License-Identifier: BSD-2-Clause
 * libfdt includes it and uses nothing of it.
 */
#pragma once
