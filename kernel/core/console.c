/* SPDX-License-Identifier: BSD-2-Clause
 * The early console: prints, and only prints, on the UART that /chosen stdout-path names (or, if that cannot be used, on
 * another that the tree has), with whatever settings the firmware left. Bound by compatible; nothing here is an address. It is on from boot until the console server says that
 * it took over (LOG_CONSOLE), and again in a panic. The build option early_console=false leaves the file out.
 *
 * Registers: PL011 (Arm DDI 0183G, 3.3), 16550 and its like, the BCM2835 mini UART (same layout from its IO register on).
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <tree.h>

enum { WAIT_MAX = 100000 }; /* polls of a full FIFO before a character is given up */

struct early_uart {
    const char *compatible;
    uint16_t data, status;
    uint32_t mask, idle; /* (status & mask) == idle: it takes a character */
    bool shifted;        /* offsets are register numbers, scaled by reg-shift */
};

static const struct early_uart uarts[] = {
    { "arm,pl011", 0x00, 0x18, 1 << 5, 0, false }, /* UARTDR, UARTFR.TXFF */
    { "arm,pl011-axi", 0x00, 0x18, 1 << 5, 0, false },
    { "arm,sbsa-uart", 0x00, 0x18, 1 << 5, 0, false },
    /* AUX_MU_IO, AUX_MU_LSR: transmitter can take one */
    { "brcm,bcm2835-aux-uart", 0x00, 0x14, 1 << 5, 1 << 5, false },
    { "ns16550a", 0, 5, 1 << 5, 1 << 5, true }, /* THR, LSR.THRE */
    { "snps,dw-apb-uart", 0, 5, 1 << 5, 1 << 5, true },
};

static const struct early_uart *uart;
static uint64_t uart_va;
static unsigned uart_shift, uart_width = 4;
static bool enabled = true;

void console_on(bool on)
{
    enabled = on;
}

static uint64_t uart_at(unsigned offset)
{
    return uart_va + ((uint64_t)offset << uart_shift);
}

/* An abort means that there is no UART after all. */
static void uart_put(char c)
{
    uint64_t value = 0;
    unsigned polls = 0;
    int error;

    do {
        error = device_access_at(uart_at(uart->status), uart_width, false, &value);
    } while (error == 0 && (value & uart->mask) != uart->idle && ++polls < WAIT_MAX);
    value = (uint8_t)c;
    if (error != 0 || device_access_at(uart_at(uart->data), uart_width, true, &value) != 0) {
        uart = NULL;
    }
}

void console_put(const char *text, uint64_t len)
{
    for (uint64_t i = 0; enabled && i < len; i++) {
        if (uart != NULL && text[i] == '\n') {
            uart_put('\r');
        }
        if (uart != NULL) {
            uart_put(text[i]);
        }
    }
}

/* What lies over RAM is no UART, whatever the tree says: writing to it would destroy something. */
static BOOT_CODE bool overlaps_ram(const void *fdt, struct tree_range reg)
{
    struct tree_range ram;
    status_t error;

    for (unsigned i = 0; i < TREE_MAX_LEN / 8 && (error = tree_memory(fdt, i, &ram)) != E_NOTFOUND;
         i++) {
        if (error == E_OK && reg.base < ram.base + ram.len && ram.base < reg.base + reg.len) {
            return true;
        }
    }
    return false;
}

static BOOT_CODE bool bind_node(const void *fdt, int node)
{
    struct tree_range reg;
    uint32_t value;
    unsigned i = 0;

    while (i < sizeof(uarts) / sizeof(uarts[0]) &&
           tree_compatible(fdt, node, uarts[i].compatible) < 0) {
        i++;
    }
    if (i == sizeof(uarts) / sizeof(uarts[0]) || !tree_enabled(fdt, node) ||
        tree_reg(fdt, node, 0, &reg) != E_OK || reg.len < 8 || reg.base + reg.len > PTE_ADDRESS ||
        overlaps_ram(fdt, reg)) {
        return false;
    }
    uart = &uarts[i];
    if (uart->shifted) {
        uart_shift = tree_u32(fdt, node, "reg-shift", &value) == E_OK && value <= 3 ? value : 0;
        uart_width = 1;
    }
    if (tree_u32(fdt, node, "reg-io-width", &value) == E_OK && (value == 1 || value == 4)) {
        uart_width = value;
    }
    uart_va = (uint64_t)mmu_window(WINDOW_CONSOLE, reg.base,
                                   PTE_ATTR(MAIR_NGNRE) | PTE_AF | PTE_PXN | PTE_UXN);
    return true;
}

/* /chosen's choice; where there is none that can be used, serial0, then any: boot is never silent. */
BOOT_CODE void console_bind(const void *fdt)
{
    const char *path = NULL;
    int chosen, node;

    if (tree_find(fdt, "/chosen", &chosen) == E_OK) {
        path = tree_string(fdt, chosen, "stdout-path");
        path = path != NULL ? path : tree_string(fdt, chosen, "linux,stdout-path");
    }
    if ((path != NULL && tree_find(fdt, path, &node) == E_OK && bind_node(fdt, node)) ||
        (tree_find(fdt, "serial0", &node) == E_OK && bind_node(fdt, node))) {
        return;
    }
    for (node = tree_next(fdt, -1, NULL); node >= 0 && !bind_node(fdt, node);) {
        node = tree_next(fdt, node, NULL);
    }
}
