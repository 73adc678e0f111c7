/* SPDX-License-Identifier: BSD-2-Clause
 * What the driver of a PCI function has beside <cambium/driver.h>. Its node is one that the bus's server had init add to the tree, as
 * IEEE 1275's PCI bus binding writes it (`reg`, `assigned-addresses`, `class-code`, ...): so node_dma, driver_path and the log work as
 * for any other. Configuration space stays with the bus's server (<cambium/proto/pci.h>).
 *
 * A driver claims a function by IDs, as the binding spells them: DEV_MATCH("pci1af4,1044", ...), lower case and without leading
 * zeros, or by class: "pciclass,010802", "pciclass,0108". In this order:
 *
 *     pci_bar(node, 0, len, &regs);                     the registers; memory space is on from the first pci_enable
 *     pci_enable(node, PCI_ENABLE_MEMORY);
 *     reset the device; node_dma(...) tell it where
 *     pci_vectors(node, 1, &count, NULL); node_irq(node, 0);
 *     pci_enable(node, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER);
 *
 * When a driver dies, bus-mastering and vectors are off, and read back, before it is started anew; so each incarnation goes through
 * all of it. A function that was unplugged reads as all ones; its driver is ended by init.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/pci.h>

/* BAR `bar` (0..5) of the own function, as node_mmio gives a window. E_NOTFOUND: it has none, or it could not be placed; E_RANGE: it
 * is smaller than `len`. */
status_t pci_bar(struct node node, unsigned bar, uint64_t len, struct mmio *out) WARN_UNUSED;
/* [offset, offset + len) of a BAR; each BAR once. Errors: as pci_bar and node_mmio_part. */
status_t pci_bar_part(struct node node, unsigned bar, uint64_t offset, uint64_t len, struct mmio *out) WARN_UNUSED;
/* Switches on exactly these PCI_ENABLE_*. Errors: as PCI_OP_ENABLE. */
status_t pci_enable(struct node node, uint32_t what) WARN_UNUSED;
/* Up to `wanted` interrupt vectors; node_irq(node, n) attaches the n-th. *out_mode (or NULL) is PCI_IRQ_*. A driver whose
 * interrupts share one vector must look at all causes. Errors: as PCI_OP_VECTORS. */
status_t pci_vectors(struct node node, unsigned wanted, unsigned *out_count, unsigned *out_mode) WARN_UNUSED;
/* For who hands its vectors on: the vector tells the own port these bits. Again, after COMMAND_REBIND of the bus's server. Errors: as
 * IRQ_OP_ATTACH (proto/irq.h). */
status_t pci_attach(struct node node, unsigned vector, uint64_t bits) WARN_UNUSED;
/* A line (PCI_IRQ_INTX) that was attached so may fire again. Errors: as IRQ_OP_ACK. */
status_t pci_ack(struct node node, unsigned vector);
/* The own server speaks for a node of the firmware's tree, whose children get their servers now: *out_served are new. Errors: as
 * INIT_OP_CHILDREN (proto/init.h). */
status_t pci_children(struct node node, int of, unsigned *out_served) WARN_UNUSED;
/* 1, 2 or 4 bytes of the own configuration space. Errors: as PCI_OP_READ. */
status_t pci_read(struct node node, unsigned offset, unsigned len, uint32_t *out) WARN_UNUSED;
/* Offset of the first capability `id` behind `after` (0: from the beginning). E_NOTFOUND; E_FORMAT: the list makes no sense. */
status_t pci_capability(struct node node, unsigned id, unsigned after, unsigned *out) WARN_UNUSED;
/* Errors: as PCI_OP_RESET. */
status_t pci_reset(struct node node) WARN_UNUSED;
