/* SPDX-License-Identifier: BSD-2-Clause
 * What the servers of all PCI host bridges share (class pci, <cambium/proto/pci.h>): finding functions and buses, placing what
 * they decode, capabilities, interrupts, nodes for init, the end of a driver, removal. The bridge itself is a few functions,
 * pci_host_ops: how configuration space is reached. Its server claims what it needs, and then is
 *
 *     err = pci_host_open(&h, node, &ops, NULL);      the tree: buses, windows, interrupts
 *     err = err ? err : pci_host_start(&h);           what is there, placed and told to init
 *     while (!err) {
 *         struct event ev = event_wait();
 *         err = pci_host_event(&h, &ev);              finishes the event
 *     }
 *
 * Documents: PCI Local Bus 3.0, PCI-to-PCI Bridge Architecture 1.2, PCI Express Base 3.0; IEEE Std 1275 PCI Bus Binding 2.1.
 * libsys/pci_host.md tells how the parts fit. One thread uses a host.
 *
 * Nothing that a device says is trusted. Each of its lies costs it a BAR, its interrupts or itself, is said once with its name,
 * and changes nothing for the others.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/irq_server.h>
#include <cambium/proto/pci.h>

#define PCI_EVENT_SLOT ((uint64_t)1 << 61) /* at the server's port: its timer */
enum {
    PCI_FUNCTIONS_MAX = 128, /* of one host bridge, bridges included */
    PCI_APERTURES_MAX = 8,   /* entries of the node's ranges */
    PCI_LEVELS_MAX = 24,     /* of buses: each is a level of nodes, and a tree has TREE_MAX_DEPTH */
    PCI_LINES_MAX = 16,      /* of the parent, for INTx */
    PCI_OWN_MAX = 32,        /* messages of a bridge that is their controller itself */
    PCI_BUS_CONFIG_LEN = 0x100000 /* bytes of configuration space of one bus */
};

struct pci_host;

/* Configuration space, in words of 32 bits: all that every bridge can do. `id` is bus << 8 | device << 3 | function, `offset` a
 * multiple of 4. A register that shares its word with a status which ones clear is written with zeroes there. */
struct pci_host_ops {
    /* All ones: nobody answers. Never an exception. */
    uint32_t (*read)(struct pci_host *h, unsigned id, unsigned offset);
    void (*write)(struct pci_host *h, unsigned id, unsigned offset, uint32_t value);
    /* Whether there can be such a device on a bus, and it may be asked. NULL: anywhere. */
    bool (*may_exist)(struct pci_host *h, unsigned bus, unsigned device);
    /* Whether a message that a function writes to that address of the bus gets to its controller. NULL: all do. */
    bool (*is_let_in)(struct pci_host *h, uint64_t address);
    /* Whether what is behind the bridge can be reached now. With it pci_host_event ends with E_IO when that, or a function that was
     * switched on, was lost: it looks four times a second. The server starts anew then. NULL: nobody looks. */
    bool (*is_up)(struct pci_host *h);
};

/* A bridge that is a controller of messages itself (MSI, MSI-X): some are its, and all of them raise one interrupt of its node. Bit n
 * of a word is message n. None of these waits. */
struct pci_own_ops {
    uint32_t (*pending)(struct pci_host *h);           /* which came, be they masked or not */
    void (*clear)(struct pci_host *h, uint32_t which); /* these are seen: another one is another event */
    void (*mask)(struct pci_host *h, uint32_t which, bool is_masked); /* one that is masked is kept, and raises nothing */
};

/* What a range of addresses is for: each bridge has one window of each. */
enum pci_space { PCI_SPACE_IO, PCI_SPACE_MEMORY, PCI_SPACE_PREFETCH, PCI_SPACES };

/* Addresses that a function decodes, or a bridge hands on. */
struct pci_range {
    uint64_t address; /* on the bus */
    uint64_t len;     /* 0: nothing */
    uint64_t align;   /* of a bridge's window: what is behind it needs */
    uint8_t flags;    /* PCI_BAR_* */
    uint8_t space;    /* enum pci_space: from which window of the bridge above */
    bool is_set;      /* `address` was found, not chosen */
    bool is_lost;     /* the tree has `address`, the register not */
    bool is_kept;     /* and it is good: not written. A closed window, too */
    bool is_fixed;    /* `address` is final */
};

enum { PCI_BARS = 6, PCI_ROM = PCI_BARS, PCI_WINDOW, PCI_RANGES = PCI_WINDOW + PCI_SPACES }; /* as PCI_OP_BAR counts */
enum { PCI_NONE = 0xffff };

/* Who is told of a message. */
struct pci_vector {
    handle_t port; /* 0: nobody */
    uint64_t bits;
};

struct pci_function {
    uint16_t id;
    uint16_t requester;       /* as whom it writes: behind a bridge to conventional PCI the bridge's, */
    bool is_written_for;      /* which others behind it share */
    uint16_t parent;          /* number of the bridge above, or PCI_NONE: on the root bus */
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code;      /* 24 bits: class, subclass, interface */
    uint8_t revision, header, pin;
    uint8_t state;            /* PCI_STATE_* */
    bool is_bridge, is_running; /* as found: it decoded addresses when the server started */
    uint8_t port;             /* PCI Express: device/port type, else PCI_PORT_NONE */
    bool has_slot;            /* of such a port, by its capability */
    uint8_t slot;             /* enum pci_slot */
    bool is_leaving;          /* init ends its driver, for good */
    bool is_said;             /* the log has it */
    uint8_t pm, msi, msix, express, af; /* offsets of capabilities, 0: none */
    uint16_t command;         /* as last written */
    int node;                 /* in the tree; -1: none */
    bool is_known;            /* init had the node before: an earlier incarnation made it */
    struct pci_range ranges[PCI_RANGES];
    /* interrupts */
    uint8_t mode;             /* PCI_IRQ_*, as PCI_OP_VECTORS gave it */
    uint8_t vector_count;
    handle_t msi_server;      /* who gave the messages; 0: the bridge itself */
    uint32_t msi_data, msi_line; /* of vector 0; the line as the root of interrupts calls it */
    uint64_t msi_address;
    struct mmio table;        /* MSI-X; device 0: none is open */
    struct pci_vector *vectors; /* vector_count, while its mode is MSI or MSI-X; else NULL */
    /* of bridges */
    uint8_t secondary, subordinate;
    bool is_numbered;         /* as found */
    uint16_t first, count;    /* functions behind it */
};

enum pci_slot { PCI_SLOT_NONE = 0, PCI_SLOT_IDLE, PCI_SLOT_LEAVING };

/* An entry of the host bridge's ranges. */
struct pci_aperture {
    uint64_t bus, cpu, len;
    unsigned entry; /* of ranges */
    bool is_io, is_prefetch, is_64;
};

/* Where the tree has something that is inside of a function, whose node it is not (RP1 of the Raspberry Pi 5): a BAR must lie
 * there. */
struct pci_wanted {
    bool is_there;
    int node;
    uint64_t address; /* on the bus */
};

/* One line of the parent: that of all rows of interrupt-map which lead there. */
struct pci_line {
    unsigned index;    /* of the node's interrupts: it is attached as this one */
    int controller;
    unsigned cell_count;
    uint32_t cells[4]; /* its specifier */
    bool is_held;      /* it fired, and the parent waits for the ACK */
    uint32_t number;   /* at the root of interrupts; 0: not asked yet */
};

/* The bridge's own messages. Its server fills the first group for pci_own_open. */
struct pci_own {
    const struct pci_own_ops *ops;
    uint64_t address;  /* where functions write, on the bus */
    uint32_t data;     /* and what, for message 0: a multiple of `count` */
    unsigned count;    /* a power of two, at most PCI_OWN_MAX; 0: it has none */
    unsigned index;    /* the interrupt of the bridge's node that they raise */

    uint32_t line;     /* which that is at the root; 0: it is not known */
    uint32_t open;     /* who is told of these; never any that nobody has */
    uint32_t storm;    /* these came without end, and are masked */
    uint32_t fired;    /* how often the interrupt came, */
    unsigned samples;  /* and how often in a row somebody wanted it again at once */
    struct {
        struct pci_function *owner; /* NULL: it is free. The messages of one are side by side, vector 0 first */
        unsigned vector;            /* of its owner's */
        uint32_t events;
    } slots[PCI_OWN_MAX];
};

struct pci_host {
    const struct pci_host_ops *ops;
    void *bridge; /* the server's own */
    struct node node;
    handle_t init, port;
    unsigned bus_first, bus_last;
    bool is_probe_only; /* /chosen linux,pci-probe-only: nothing is moved */
    unsigned aperture_count;
    struct pci_aperture apertures[PCI_APERTURES_MAX];
    struct pci_wanted wanted;
    unsigned said; /* functions of which the log has who they are */
    unsigned function_count, root_count; /* the first ones are on the root bus */
    unsigned line_count;
    struct pci_line lines[PCI_LINES_MAX];
    struct irq_line irq_lines[PCI_LINES_MAX + 1];
    struct irq_watch irq_watch[PCI_LINES_MAX];
    struct pci_own own;
    char name[16];         /* pci_function_name */
    /* from here on not zeroed at once: most of it is never used */
    struct irq_server irq; /* INTx: who has which of these lines; without `ops`: nobody had one yet */
    uint16_t order[PCI_FUNCTIONS_MAX];                /* numbers of functions, ascending by id */
    struct pci_function functions[PCI_FUNCTIONS_MAX]; /* those of a bus together, behind their bridge */
};

/* Reads what the tree says of the bridge; nothing is touched. Errors, with a line in the log: E_FORMAT: bus-range makes no
 * sense; E_NOTFOUND: no ranges that could be used. */
status_t pci_host_open(struct pci_host *h, struct node node, const struct pci_host_ops *ops, void *bridge) WARN_UNUSED;
/* Finds, places, programs, and tells init. What fails is a function's affair, and said. E_IO: not even the root bus answers. */
status_t pci_host_start(struct pci_host *h) WARN_UNUSED;
/* Whether the tree (msi-parent, msi-map) sends messages to the bridge itself. */
bool pci_own_is_named(const struct pci_host *h);
/* Between pci_host_open and pci_host_start, for a bridge that is named so: serves its messages, all of which are masked already.
 * Without it, and with an error, functions have their lines. Errors: as node_irq. */
status_t pci_own_open(struct pci_host *h, const struct pci_own *own) WARN_UNUSED;
/* Any event, which is finished. An error ends the server. */
status_t pci_host_event(struct pci_host *h, struct event *ev) WARN_UNUSED;
