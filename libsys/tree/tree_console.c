/* SPDX-License-Identifier: BSD-2-Clause
 * Which UART is the console: the order of the candidates for all, and which of them shows what is said before any server
 * runs. What the tree says is followed as far as it can be; a boot without any sign of life is worse than one on another
 * UART.
 */
#include "tree_chain.h"

/* Bindings: arm,pl011 and sbsa-uart; 8250; snps-dw-apb-uart; brcm,bcm2835-aux-uart. */
static const struct {
    const char *compatible;
    enum tree_console_kind kind;
} tree_consoles[] = {
    { "arm,pl011", TREE_CONSOLE_PL011 },     { "arm,pl011-axi", TREE_CONSOLE_PL011 },
    { "arm,sbsa-uart", TREE_CONSOLE_PL011 }, { "brcm,bcm2835-aux-uart", TREE_CONSOLE_AUX },
    { "ns16550a", TREE_CONSOLE_8250 },       { "snps,dw-apb-uart", TREE_CONSOLE_8250 },
};

/* What lies over RAM is no UART, whatever the tree says: writing to it would destroy something. */
static bool over_ram(const void *fdt, struct tree_range reg)
{
    struct tree_range ram;
    status_t err;

    for (unsigned i = 0; i < TREE_MAX_LEN / 8 && (err = tree_memory(fdt, i, &ram)) != E_NOTFOUND;
         i++) {
        if (err == E_OK && reg.base < ram.base + ram.len && ram.base < reg.base + reg.len) {
            return true;
        }
    }
    return false;
}

/* Nothing behind a PCI host bridge answers before its server has been there. */
static bool console_node(const void *fdt, int node, uint64_t end, struct tree_console *out)
{
    const unsigned count = sizeof(tree_consoles) / sizeof(tree_consoles[0]);
    struct tree_console c = { .node = node, .width = 4 };
    uint32_t value;
    unsigned i = 0;

    while (i < count && tree_compatible(fdt, node, tree_consoles[i].compatible) < 0) {
        i++;
    }
    int host;
    if (i == count || !tree_enabled(fdt, node) || tree_pci_host(fdt, node, &host) == E_OK ||
        tree_reg(fdt, node, 0, &c.reg) != E_OK || c.reg.len < 8 || c.reg.base + c.reg.len > end ||
        over_ram(fdt, c.reg)) {
        return false;
    }
    c.kind = tree_consoles[i].kind;
    if (c.kind == TREE_CONSOLE_8250) {
        c.shift = tree_u32(fdt, node, "reg-shift", &value) == E_OK && value <= 3 ? value : 0;
        c.width = 1;
    }
    if (tree_u32(fdt, node, "reg-io-width", &value) == E_OK && (value == 1 || value == 4)) {
        c.width = value;
    }
    *out = c;
    return true;
}

int tree_console_next(const void *fdt, struct tree_console_walk *walk)
{
    static const char *const names[] = { "stdout-path", "linux,stdout-path", "serial0" };
    enum { ALIAS = 2, NAMES = 3 };
    int chosen, node;

    while (walk->next < NAMES) {
        const char *path = walk->from = names[walk->next];

        if (walk->next++ != ALIAS) {
            path =
                tree_find(fdt, "/chosen", &chosen) == E_OK ? tree_string(fdt, chosen, path) : NULL;
        }
        if (path != NULL && tree_find(fdt, path, &node) == E_OK) {
            return node;
        }
    }
    walk->node = tree_next(fdt, walk->next++ == NAMES ? -1 : walk->node, NULL);
    walk->from = NULL;
    return walk->node;
}

status_t tree_console(const void *fdt, uint64_t end, struct tree_console *out)
{
    struct tree_console_walk walk = { .next = 0 };
    int node;

    while ((node = tree_console_next(fdt, &walk)) >= 0) {
        if (console_node(fdt, node, end, out)) {
            return E_OK;
        }
    }
    return E_NOTFOUND;
}
