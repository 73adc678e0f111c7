/* SPDX-License-Identifier: BSD-2-Clause
 * Fake of the configuration space behind a PCI host bridge: functions with registers and masks of what can be written, and
 * bridges that hand on what their bus numbers say. It decodes addresses as a bus does, so that a test can ask who would answer.
 * Written from PCI Local Bus 3.0 and PCI-to-PCI Bridge Architecture 1.2, apart from what it tests.
 */
#pragma once
#include <cambium/pci_host.h>

enum { FAKE_CONFIG_MAX = 300, FAKE_CONFIG_WORDS = 0x180 / 4, FAKE_CONFIG_ROOT = -1 };

struct fake_config_function {
    int parent; /* number of the bridge, or FAKE_CONFIG_ROOT */
    unsigned device, function;
    bool is_bridge, is_gone;
    uint32_t regs[FAKE_CONFIG_WORDS], writable[FAKE_CONFIG_WORDS], cleared[FAKE_CONFIG_WORDS]; /* by ones */
    uint64_t bar_len[6];
    unsigned last_capability; /* offset */
    unsigned reads, writes;
};

struct fake_config {
    unsigned count;
    struct fake_config_function functions[FAKE_CONFIG_MAX];
    unsigned bus_first;
    unsigned reads, writes; /* of anything */
    /* what is read instead; NULL: the truth. `n` -1: nobody is there */
    uint32_t (*lie)(int n, unsigned offset, uint32_t value);
};
extern struct fake_config fake_config;
extern const struct pci_host_ops fake_config_ops;

void fake_config_reset(void);
/* A function on the bus behind `parent`; its number. */
int fake_config_add(int parent, unsigned device, unsigned function, uint32_t names, uint32_t class);
/* A bridge: a PCI Express port of type `port`, or (PCI_PORT_NONE) of conventional PCI. */
int fake_config_add_bridge(int parent, unsigned device, unsigned port);
/* `flags`: PCI_BAR_*. */
void fake_config_bar(int n, unsigned bar, unsigned flags, uint64_t len);
/* Adds `words` words at the next free place of the list, the first with ID and link filled in; its offset. */
unsigned fake_config_capability(int n, unsigned id, const uint32_t *words, const uint32_t *writable, unsigned count);
/* Its bus, device and function as numbered now; -1: configuration requests do not reach it. */
int fake_config_id(int n);
uint64_t fake_config_bar_address(int n, unsigned bar);
/* Whether an access to memory (or I/O) of that address on the root bus reaches the function's bus, and its BAR is on. */
bool fake_config_decodes(int n, unsigned bar);
