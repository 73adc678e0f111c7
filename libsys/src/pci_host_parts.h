/* SPDX-License-Identifier: BSD-2-Clause
 * What the files of the PCI host library tell each other. Inside libsys only; pci_host.md has the picture.
 */
#pragma once
#include <cambium/pci_host.h>
#include "pci_regs.h"

static inline uint32_t pci_config_read(struct pci_host *h, const struct pci_function *f, unsigned offset)
{
    return h->ops->read(h, f->id, offset);
}
static inline void pci_config_write(struct pci_host *h, const struct pci_function *f, unsigned offset, uint32_t value)
{
    h->ops->write(h, f->id, offset, value);
}

/* "1:0.0": until the next call. */
const char *pci_function_name(struct pci_host *h, const struct pci_function *f);
/* The bridge above; NULL: on the root bus. */
struct pci_function *pci_function_parent(struct pci_host *h, const struct pci_function *f);
/* The functions of the bus behind a bridge (NULL: the root bus). */
struct pci_function *pci_bus_functions(struct pci_host *h, const struct pci_function *bridge, unsigned *out_count);
/* The function of a node; NULL: none. */
struct pci_function *pci_function_of_node(struct pci_host *h, uint32_t node);
/* Writes COMMAND whole. */
void pci_command_write(struct pci_host *h, struct pci_function *f, uint16_t command);

static inline bool pci_range_is_placed(const struct pci_range *r)
{
    return r->len != 0 && (r->flags & (PCI_BAR_UNPLACED | PCI_BAR_BROKEN)) == 0;
}

/* pci_host_scan.c: fills functions[]; bridges get their bus numbers. E_IO: the root bus does not answer. */
status_t pci_scan(struct pci_host *h) WARN_UNUSED;

/* pci_host_capability.c: notes where the capabilities are that the library uses. A list that makes no sense is said. */
void pci_capabilities_find(struct pci_host *h, struct pci_function *f);
/* The k-th capability, extended ones behind the others: its first word, and where it is. E_NOTFOUND: no more; E_FORMAT: the list
 * makes no sense from here on. */
status_t pci_capability_at(struct pci_host *h, const struct pci_function *f, unsigned k, unsigned *out_offset,
                           uint32_t *out_first) WARN_UNUSED;

/* pci_host_bars.c: how long the BARs are, where they are, and for bridges the windows. Leaves COMMAND as it was. */
void pci_bars_read(struct pci_host *h, struct pci_function *f);
/* Writes the address of BAR or window n, which has none yet or another; one without an address is put where nothing is. */
void pci_bar_write(struct pci_host *h, struct pci_function *f, unsigned n);
/* Opens the windows of a bridge that are wanted and not open, closes those that are not, reads back. */
void pci_windows_write(struct pci_host *h, struct pci_function *f);

/* pci_host_place.c: gives everything without a fixed address one, as far as there is room. */
void pci_place(struct pci_host *h);
/* Whether the tree wants something of memory to lie at address 0, which else nothing gets. */
static inline bool pci_is_zero_good(const struct pci_host *h)
{
    return h->wanted.is_there && h->wanted.address == 0;
}
/* Whether addresses go to this aperture by themselves, in this space of the root bus. */
bool pci_aperture_has(const struct pci_aperture *a, enum pci_space space);
/* The CPU's address for a range that is placed. */
uint64_t pci_range_cpu(const struct pci_host *h, const struct pci_range *r);

/* The first cell of an address in the tree (PCI Bus Binding, 2.2.1.1). */
#define PHYS_FIXED    BIT(31) /* assigned-addresses: it is no offset */
#define PHYS_PREFETCH BIT(30)
#define PHYS_SPACE    FIELD(25, 24)
enum { PHYS_CONFIG = 0, PHYS_IO = 1, PHYS_MEMORY = 2, PHYS_MEMORY_64 = 3 };
#define PHYS_ID       FIELD(23, 8)
#define PHYS_FUNCTION FIELD(15, 8)
#define PHYS_REGISTER FIELD(7, 0)

/* pci_host_blob.c: the first `count` functions as a device tree; its length, 0: it has no room in `len` bytes. */
uint32_t pci_blob_write(struct pci_host *h, unsigned count, void *out, uint32_t len);

/* pci_host_nodes.c: finds the functions that the tree has; hands all others to init, and finds them then. */
void pci_nodes_find(struct pci_host *h);
void pci_nodes_grow(struct pci_host *h);
/* Has init end the drivers of a function, and start them anew when this server runs. */
void pci_function_renew(struct pci_host *h, const struct pci_function *f);
/* The same for those that had lost their addresses. */
void pci_nodes_renew(struct pci_host *h);
/* Lengths and addresses of a function's BARs from its node, if an earlier incarnation made that. */
bool pci_node_ranges(struct pci_host *h, struct pci_function *f);

/* pci_host_say.c: a function that its driver switches on, in the log: once, and of so many only. */
void pci_function_say(struct pci_host *h, struct pci_function *f);

/* pci_host_request.c */
status_t pci_request(struct pci_host *h, uint32_t badge, struct msg *m) WARN_UNUSED;
/* Whether the function is still there; that it is not is noted, and said once. */
bool pci_function_answers(struct pci_host *h, struct pci_function *f);
/* Switches on exactly these PCI_ENABLE_*; *out is what reads back. E_IO: something else; E_DEAD. */
status_t pci_function_enable(struct pci_host *h, struct pci_function *f, uint16_t what, uint16_t *out) WARN_UNUSED;

/* PCI_OP_RESET. */
status_t pci_function_reset(struct pci_host *h, struct pci_function *f) WARN_UNUSED;

/* pci_host_slot.c: functions that are taken out. */
void pci_slots_open(struct pci_host *h);
/* Looks at all slots where something is, and sets the timer for the next time. */
void pci_slots_look(struct pci_host *h);
/* Whether all functions that are on are as they were left; else E_IO, and it was said. */
status_t pci_functions_look(struct pci_host *h) WARN_UNUSED;
/* Has init end the function's driver for good. */
void pci_function_leave(struct pci_host *h, struct pci_function *f);

/* pci_host_intx.c: lines. */
/* IRQ_OP_* of a function that has its line (or wants it, as ATTACH says). */
status_t pci_intx_request(struct pci_host *h, struct pci_function *f, struct msg *m) WARN_UNUSED;
/* The parent's line fired; it stays shut until all who have it have answered. */
void pci_intx_fire(struct pci_host *h, unsigned index);
/* Nobody of the function's has its line any more. */
void pci_intx_close(struct pci_host *h, struct pci_function *f);
/* Who was silent was detached by the kit: their functions must not raise the line of others. */
void pci_intx_silent(struct pci_host *h);
/* What the root calls the function's line; 0: it is not known, or not attached. */
uint32_t pci_intx_number(struct pci_host *h, const struct pci_function *f);
/* What the root calls an interrupt of the bridge's node that is attached; 0: it does not say. */
uint32_t pci_line_number(struct pci_host *h, unsigned index);

/* pci_host_msi.c: messages. Tries MSI-X, then MSI. E_NOTFOUND: function, bridge or tree have none; E_FULL, E_IO and others: they
 * could not be had. */
status_t pci_msi_open(struct pci_host *h, struct pci_function *f, unsigned wanted) WARN_UNUSED;
void pci_msi_close(struct pci_host *h, struct pci_function *f);
status_t pci_msi_attach(struct pci_host *h, struct pci_function *f, uint64_t vector, uint64_t bits, handle_t port) WARN_UNUSED;
status_t pci_msi_detach(struct pci_host *h, struct pci_function *f, uint64_t vector) WARN_UNUSED;
/* The controller of messages at `node` is a new one: asks for all anew, and writes what it says. */
status_t pci_msi_renew(struct pci_host *h, int node) WARN_UNUSED;

/* pci_host_own.c: the bridge is the controller itself. A request as to one of class msi (proto/msi.h); the port is the caller's. */
status_t pci_own_request(struct pci_host *h, struct pci_function *f, uint32_t op, uint64_t w1, uint64_t bits, handle_t port,
                         struct msg *out) WARN_UNUSED;
/* The bridge's interrupt for them came. */
void pci_own_fire(struct pci_host *h);
/* The k-th of those that are attached, as IRQ_OP_STAT has it. E_NOTFOUND: none whose line is `from` or higher. */
status_t pci_own_stat(struct pci_host *h, uint64_t from, uint64_t k, struct msg *out) WARN_UNUSED;

/* pci_host_irq.c: vectors, whatever they are. */
status_t pci_vectors_open(struct pci_host *h, struct pci_function *f, unsigned wanted) WARN_UNUSED;
void pci_vectors_close(struct pci_host *h, struct pci_function *f);
status_t pci_irq_request(struct pci_host *h, uint32_t badge, struct msg *m) WARN_UNUSED;
status_t pci_command(struct pci_host *h, const struct msg *m) WARN_UNUSED;
