/* SPDX-License-Identifier: BSD-2-Clause
 * What the parts of the program pci share.
 */
#pragma once
#include <cambium/client.h>
#include <cambium/proto/pci.h>
#include <cambium/start.h>
#include <stdbool.h>

enum { HEADER_BRIDGE = 1, NAME_LEN = 32 };

/* A function, as PCI_OP_FUNCTION tells of it. */
struct function {
    unsigned number;       /* its n */
    unsigned id;           /* bus << 8 | device << 3 | function */
    unsigned header;       /* HEADER_BRIDGE, ... */
    unsigned bus, bus_last; /* behind it, of bridges */
    unsigned vendor, device, subsystem_vendor, subsystem;
    unsigned revision, class_code;
    int node;              /* -1: init does not have it */
    unsigned irq, vectors, line;
    unsigned command, status, state;
    int behind;            /* number of the bridge, or -1 */
    bool is_printed;
};

/* A host bridge with all its functions. */
struct host {
    uint64_t server; /* where the walk over init's servers goes on */
    int node;
    char path[256];
    handle_t service; /* 0: it cannot be asked, `error` says why */
    status_t error;
    unsigned bus, bus_last;
    struct function *functions;
    unsigned count;
};

/* Who drives a node, as init says. */
struct driver {
    uint32_t state; /* NODE_* */
    char name[NAME_LEN + 1]; /* of the server, without its folder; "" unless the node is served */
    uint32_t server_state, restarts;
};

const void *pci_tree(void);
/* A request to a host bridge's server; asks again if that was restarted over it. */
status_t pci_ask(const struct host *h, uint32_t op, uint64_t w0, uint64_t w1, struct msg *out);
struct driver pci_driver(int node);

/* All of one function; false: the server stopped answering. */
bool pci_print_details(const struct host *h, const struct function *f);

/* "USB controller"; what is in no table is what its base class is. `class_code`: 24 bits. */
const char *pci_class_name(unsigned class_code);
/* "MSI-X", or NULL. */
const char *pci_capability_name(unsigned id, bool is_extended);
const char *pci_interrupt_name(unsigned irq);
const char *pci_driver_state(const struct driver *d);
