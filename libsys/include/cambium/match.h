/* SPDX-License-Identifier: BSD-2-Clause
 * What a driver serves, and what a program needs: read from the ELF by init and tests, without relocation.
 */
#pragma once
#include <abi/abi.h>

/* One entry of section .cambium.match: strings in place. `compatible` is one string of the property of that name, and may go
 * on with conditions on registers of the node's first window, for sockets of which the tree does not say what is in them:
 * " OFFSET=VALUE" with both in hexadecimal without a prefix, each a word of 32 bits. "virtio,mmio 0=74726976 8=4" is a virtio
 * entropy device. init reads them once, when it starts, and only of nodes with that compatible; they must bear it. `requires` lists references of the node without which the
 * server cannot start, separated by blanks ("interrupts", "clocks 0", "resets bridge"), and classes of servers that it calls
 * without the tree saying so ("service firmware", or "uses firmware" if it can do without); "opens CLASS": it may open servers of that
 * class by INIT_OP_OPEN, and is told by COMMAND_REBIND when one is ready (muxes); "parent": the server of the bus or controller that
 * the node is below of, which functions that a bus found get in any case. `provides` is the class. */
struct dev_match {
    char compatible[48];
    char provides[16]; /* "serial", "irq", "mux", ...; class of proto/ */
    char requires[64];
    uint32_t flags; /* MATCH_* */
    uint32_t abi;   /* ABI_VERSION */
};
enum {
    MATCH_IRQ_ROOT = 1, /* an interrupt controller that can be the root */
    MATCH_SERVICE = 2,  /* no node: `compatible` is the name of the service ("console") */
    MATCH_EMPTY = 4,    /* a node like this is an empty socket: no server is started for it */
    MATCH_FIRST_REG = 16, /* of `reg` only the first entry is the CPU's: the others say what devices see (message controllers) */
    MATCH_POWER_OFF = 8 /* may switch the machine off (INIT_OP_POWER with POWER_OFF, nothing else of that kind): a power
                         * button. Where the firmware cannot, "uses power" gives it the server that does */
};
/* What a program would like to be allowed beside the console, words as in the list of INIT_OP_SPAWN with blanks between
 * them: PROGRAM_NEEDS("irq +info"); once in a program, at most 255 bytes. Asking gives nothing: it gets of it what its
 * starter lists, or with "+needs" what its starter may itself. */
#define PROGRAM_NEEDS(words)                                                                       \
    __attribute__((section(".cambium.needs"), used)) static const char program_needs[] = words

#define DEV_MATCH_TABLE __attribute__((section(".cambium.match"), used)) static const
#define DEV_MATCH(c, p, r, f)                                                                      \
    {                                                                                              \
        .compatible = c, .provides = p, .requires = r, .flags = f, .abi = ABI_VERSION              \
    }
