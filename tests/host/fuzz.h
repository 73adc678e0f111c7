/* SPDX-License-Identifier: BSD-2-Clause
 * Between fuzz_boot.c and fuzz_plan.c.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tree.h>

#define MUST(x) ((x) ? (void)0 : (fprintf(stderr, "does not hold: %s\n", #x), abort()))

/* Whether [base, base + len) and the range have an address in common. */
bool fuzz_meets(uint64_t base, uint64_t len, struct tree_range r);
/* Whether it meets any RAM, or any reservation, that the tree names. */
bool fuzz_over_ram(const void *fdt, uint64_t base, uint64_t len);
bool fuzz_over_reservation(const void *fdt, uint64_t base, uint64_t len);
/* Makes init's plan and aborts if it breaks a rule. */
void fuzz_plan(const void *fdt);
