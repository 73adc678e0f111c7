/* SPDX-License-Identifier: BSD-2-Clause
 * What `bench recover` and tools/bench have agreed on: whoever is at the console has to play along.
 */
#pragma once

enum { RECOVER_LAPS = 9 }; /* deaths of each server; after each a key is pressed */

/* A series for each of these servers; a status of main. */
int bench_recover(unsigned count, char *names[]);
