/* SPDX-License-Identifier: BSD-2-Clause
 * This core: TPIDR_EL1 holds its struct core for the kernel's whole life.
 */
#pragma once

struct core;

static inline struct core *this_core(void)
{
    struct core *core;
    __asm__ volatile("mrs %[core], tpidr_el1" : [core] "=r"(core));
    return core;
}
