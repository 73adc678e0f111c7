/* SPDX-License-Identifier: BSD-2-Clause
 * What is around the PCI host library in its tests: a tree with a host bridge, init, which hangs nodes below it, and a check of
 * everything that was placed, which knows nothing of how.
 */
#pragma once
#include <stdbool.h>
#include "fake_frame.h"
#include "fake_config.h"

struct pci_world {
    struct pci_host host;
    const struct pci_host_ops *ops; /* NULL: fake_config_ops */
    void *tree;
    status_t grow_error;
    unsigned grown; /* INIT_OP_GROW that init did */
    unsigned drivers; /* that init had for what was new; 1 */
    unsigned gone;  /* and INIT_OP_GONE */
    unsigned renewed; /* INIT_OP_RENEW, */
    uint32_t renewed_node; /* and the last's */
    status_t gone_error;
    uint64_t grow_max;  /* bytes of a blob that init has room for; 0: any */
    /* the controller of messages: vectors of requester R have address `msi_address`, data R % 256 * 32 and so on, line that + 100 */
    uint64_t msi_address;
    uint32_t msi_data;      /* added to each */
    unsigned msi_max;       /* vectors in one piece; 0: E_FULL always */
    status_t msi_attach_error;
    unsigned msi_allocs, msi_frees, msi_attaches, msi_detaches;
    uint64_t msi_writer;    /* of the last allocation: w2 */
    uint64_t msi_bits;      /* of the last attach, */
    handle_t msi_port;      /* and whom it tells */
    const struct pci_own *own; /* the bridge's own controller of messages, which pci_world_start opens; NULL: it has none */
    status_t own_error;        /* what that gave */
};
extern struct pci_world world;

struct pci_world_aperture {
    uint32_t space; /* phys.hi */
    uint64_t bus, cpu, len;
};
/* As QEMU's: 64 KiB of I/O, 768 MiB below and 512 GiB above 4 GiB. */
extern const struct pci_world_aperture pci_world_usual[3];

/* A fresh fake_frame, fake_config and tree. `extra` (or NULL): one more property of /chosen, one cell of 1. */
void pci_world_reset(const struct pci_world_aperture *apertures, unsigned count, unsigned bus_first, unsigned bus_last,
                     const char *extra);
/* Starts the server anew: nothing is left of it but the tree and the functions. */
status_t pci_world_start(void);
/* The library's function of a fake one; NULL: it has none. */
struct pci_function *pci_world_function(int n);
/* What is wrong with what functions decode now, or NULL: every BAR that the library calls placed is where it says, in a window of
 * the host bridge and of each bridge above, and no two overlap. */
const char *pci_world_check(void);
/* What the server does with an event; of a call the answer is in fake.reply. */
status_t pci_world_event(struct event ev);
/* What was to be sent with the next event goes out. */
void pci_world_flush(void);
/* A request; `handle` 0: none comes with it. */
status_t pci_world_ask(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1, handle_t handle);
/* The node of a fake function, which is the badge of its driver. */
uint32_t pci_world_node(int n);
