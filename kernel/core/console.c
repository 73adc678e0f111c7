/* SPDX-License-Identifier: BSD-2-Clause
 * The early console: prints, and only prints, on the UART that libsys/tree/tree_console.c finds, with whatever settings
 * the firmware left. It is on from boot until the console server says that it took over (LOG_CONSOLE), and again in a
 * panic. The build option early_console=false: it is never bound, and the log is then seen only by servers.
 *
 * Registers: PL011 (Arm DDI 0183G, 3.3), 16550 and its like, the BCM2835 mini UART (same layout from its IO register on).
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <tree.h>

enum { WAIT_MAX = 100000 }; /* polls of a full FIFO before a character is given up */

static const struct early_uart {
    uint8_t data, status;
    uint8_t mask, idle; /* (status & mask) == idle: it takes a character */
} uarts[] = {
    [TREE_CONSOLE_PL011] = { 0x00, 0x18, 1 << 5, 0 },    /* UARTDR, UARTFR.TXFF */
    [TREE_CONSOLE_AUX] = { 0x00, 0x14, 1 << 5, 1 << 5 }, /* AUX_MU_IO, AUX_MU_LSR: can take one */
    [TREE_CONSOLE_8250] = { 0, 5, 1 << 5, 1 << 5 },      /* THR, LSR.THRE */
};

static const struct early_uart *uart;
static struct tree_console console;
static uint64_t uart_va;
bool console_on = true;

static uint64_t uart_at(unsigned offset)
{
    return uart_va + ((uint64_t)offset << console.shift);
}

/* An abort means that there is no UART after all. */
static void uart_put(char c)
{
    uint64_t value = 0;
    unsigned polls = 0;
    int error;

    do {
        error = device_access_at(uart_at(uart->status), console.width, &value);
    } while (error == 0 && (value & uart->mask) != uart->idle && ++polls < WAIT_MAX);
    value = (uint8_t)c;
    if (error != 0 || device_access_at(uart_at(uart->data), console.width | DEVICE_WRITE, &value)) {
        uart = NULL;
    }
}

void console_put(const char *text, uint64_t len)
{
    for (uint64_t i = 0; console_on && i < len; i++) {
        if (uart != NULL && text[i] == '\n') {
            uart_put('\r');
        }
        if (uart != NULL) {
            uart_put(text[i]);
        }
    }
}

BOOT_CODE void console_bind(const void *fdt)
{
    if (EARLY_CONSOLE && tree_console(fdt, PTE_ADDRESS, &console) == E_OK) {
        uart = &uarts[console.kind];
        uart_va = (uint64_t)mmu_window(WINDOW_CONSOLE, console.reg.base,
                                       PTE_ATTR(MAIR_NGNRE) | PTE_AF | PTE_PXN | PTE_UXN);
    }
}
