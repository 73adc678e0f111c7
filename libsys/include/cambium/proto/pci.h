/* SPDX-License-Identifier: BSD-2-Clause
 * Class pci: the server of a PCI host bridge. It has two kinds of callers.
 *
 * The server of a function has it as its handle "parent"; the badge is the function's node in the tree, so that it can speak of its
 * own function only. Drivers use <cambium/pci.h>. To them the server is their interrupt controller, too: the requests of
 * <cambium/proto/irq.h> with index = vector (0 without PCI_OP_VECTORS: INTx). A message is an edge and needs no ACK, which is
 * answered E_OK all the same.
 *
 * Anybody else, who opened the class or the bridge's path (badge: a session), can look: PCI_OP_BRIDGE to PCI_OP_CAPABILITY.
 */
#pragma once
#include <stdint.h>

enum pci_op {
    /* of a function's server, about its function; from others E_RIGHTS */
    PCI_OP_ENABLE = 32, /* w0 = PCI_ENABLE_*, all that shall be on; the others go off; read back -> w0 = as read back. E_IO: it
                         * does not hold; E_RANGE: a kind of space of which it has no BAR that was placed; E_DEAD: the
                         * function is gone */
    PCI_OP_VECTORS,     /* w0 = wanted (1..PCI_VECTORS_MAX) -> w0 = vectors that it has now (1 to wanted), w1 = PCI_IRQ_*: the
                         * best that function, bridge and controller have. What was attached is detached; nothing is
                         * delivered before IRQ_OP_ATTACH. w0 = 0 gives all back, INTx too. E_NOTFOUND: neither messages nor
                         * a pin; E_FULL: the vectors are used up and it has no pin; E_IO; E_DEAD */
    PCI_OP_READ,        /* w0 = offset in its configuration space, w1 = bytes (1, 2, 4), aligned -> w0. E_RANGE; E_DEAD */
    PCI_OP_RESET,       /* function-level reset, if it has one; its BARs and what was enabled is restored afterwards, vectors are
                         * given back, bus-mastering is off. E_NOSYS: it cannot; E_IO: it does not come back; E_DEAD */

    /* of anybody */
    PCI_OP_BRIDGE = 40, /* -> w0 = functions, bridges included; w1 = node offset of the host bridge; w2 = first bus | last << 8 */
    PCI_OP_FUNCTION,    /* w0 = n: the n-th function, in the order of lspci -> w0 = requester ID | header type << 16 | bus behind
                         * it (bridges) << 24 | last bus << 32; w1 = vendor | device << 16 | subsystem vendor << 32 |
                         * subsystem << 48; w2 = revision | class code << 8; w3 = node offset, or -1: init does not have it;
                         * w4 = PCI_IRQ_* | vectors << 8 | line at the root of interrupts << 32; w5 = command | status << 16;
                         * w6 = PCI_STATE_*; w7 = number of the bridge that it is behind, or -1. E_NOTFOUND: no more */
    PCI_OP_BAR,         /* w0 = n, w1 = BAR 0..5, 6: the expansion ROM; of bridges 7..9: their windows (I/O, memory,
                         * prefetchable) -> w0 = address on the bus, w1 = length (0: none), w2 = PCI_BAR_*, w3 = the CPU's
                         * address. E_NOTFOUND: no such function or BAR */
    PCI_OP_CAPABILITY   /* w0 = n, w1 = k: its k-th capability, extended ones behind the others -> w0 = ID | version << 16
                         * (extended ones), w1 = offset, w2, w3 = its first sixteen bytes. E_NOTFOUND: no more */
};
enum { PCI_ENABLE_IO = 1, PCI_ENABLE_MEMORY = 2, PCI_ENABLE_MASTER = 4 }; /* the bits of the command register */
enum { PCI_VECTORS_MAX = 64 };
enum { PCI_IRQ_NONE = 0, PCI_IRQ_INTX, PCI_IRQ_MSI, PCI_IRQ_MSIX };
enum { PCI_BAR_IO = 1, PCI_BAR_64 = 2, PCI_BAR_PREFETCH = 4, PCI_BAR_UNPLACED = 8, PCI_BAR_BROKEN = 16 };
enum { PCI_STATE_OK = 0, PCI_STATE_BROKEN /* left alone, the log says why */, PCI_STATE_GONE };
