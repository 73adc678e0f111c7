/* SPDX-License-Identifier: BSD-2-Clause
 * PSCI (Arm DEN0022): how the firmware switches the machine off. The conduit is what /psci's method says.
 */
#include <string.h>
#include "mmu.h"
#include <core/core.h>
#include <tree.h>

enum { SYSTEM_OFF = 0x84000008u, SYSTEM_RESET = 0x84000009u };

static enum { CONDUIT_NONE, CONDUIT_HVC, CONDUIT_SMC } conduit;

BOOT_CODE void psci_bind(const void *fdt)
{
    int node;

    if (tree_find(fdt, "/psci", &node) == E_OK && tree_enabled(fdt, node)) {
        const char *method = tree_string(fdt, node, "method");

        method = method != NULL ? method : "";
        conduit = strcmp(method, "hvc") == 0   ? CONDUIT_HVC
                  : strcmp(method, "smc") == 0 ? CONDUIT_SMC
                                               : CONDUIT_NONE;
    }
}

/* SMCCC lets the firmware clobber x0..x17; the immediate must be 0. */
#define PSCI_CALL(instruction, x0)                                                                 \
    __asm__ volatile(instruction " #0"                                                             \
                     : "+r"(x0)::"x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",      \
                       "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory")

void psci_system(bool reboot)
{
    register uint64_t x0 __asm__("x0") = reboot ? SYSTEM_RESET : SYSTEM_OFF;

    if (conduit == CONDUIT_SMC) {
        PSCI_CALL("smc", x0);
    } else if (conduit == CONDUIT_HVC) {
        PSCI_CALL("hvc", x0);
    }
}
