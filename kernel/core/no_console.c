/* SPDX-License-Identifier: BSD-2-Clause
 * Stands for console.c when the early console is left out (early_console=false): the log is then seen only by
 * servers.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>

BOOT_CODE void console_bind(const void *fdt)
{
    (void)fdt;
}
void console_put(const char *text, uint64_t len)
{
    (void)text, (void)len;
}
void console_on(bool on)
{
    (void)on;
}
