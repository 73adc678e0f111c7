/* SPDX-License-Identifier: BSD-2-Clause
 * What `bench disk` and tools/bench have agreed on.
 */
#pragma once

enum { DISK_LAP = 160 /* requests in a lap of blk_read_4k_qd16 */ };

/* The series of disk_keys.def on a unit of class block, whose data they overwrite; a status of main. */
int bench_disk(const char *name);
