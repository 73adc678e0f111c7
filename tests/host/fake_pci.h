/* SPDX-License-Identifier: BSD-2-Clause
 * Fake of <cambium/pci.h> for host tests: a function with BARs, configuration space and vectors, as its bus's server shows it. BAR n is
 * window n of fake_mmio.h, in part or whole; what is asked of the server goes into the trace (FAKE_PCI), in order with accesses to registers.
 */
#pragma once
#include <cambium/pci.h>
#include "fake_frame.h"

enum { FAKE_PCI_BARS = 6, FAKE_PCI_CONFIG = 256 };

struct fake_pci {
    uint64_t bar_len[FAKE_PCI_BARS]; /* 0: no such BAR, or it was not placed */
    uint8_t config[FAKE_PCI_CONFIG];
    unsigned vectors_max, mode;      /* what function, bridge and controller have: PCI_IRQ_* */
    status_t bar_error, enable_error, vectors_error, read_error, reset_error, attach_error, children_error;
    status_t line_error;             /* of pci_attach, where the function has no vectors */
    /* what the driver did */
    uint32_t enabled;                /* PCI_ENABLE_* */
    unsigned vectors;                /* that it has */
    unsigned bars_mapped;            /* a bit per BAR; a second mapping fails the test */
    uint64_t attached;               /* a bit per vector: pci_attach */
    uint64_t bits[PCI_VECTORS_MAX];  /* that it tells */
    int children_of;                 /* pci_children; -1 */
};
extern struct fake_pci fake_pci;

/* After fake_frame_reset: a function without BARs and capabilities, which can have sixteen vectors of MSI-X. Its node has a vendor-id,
 * as nodes of functions do. */
void fake_pci_reset(uint16_t vendor, uint16_t device);
/* Writes `len` (1, 2 or 4) bytes of its configuration space. */
void fake_pci_config(unsigned offset, unsigned len, uint32_t value);
/* Puts a capability in front of its list: `len` bytes at `at`, whose first two are ID and next. */
void fake_pci_capability(unsigned at, uint8_t id, const void *rest, unsigned len);
