/* SPDX-License-Identifier: BSD-2-Clause
 * Skeleton so that others can link: the real bodies follow.
 */
#include "tree.h"
#include <libfdt.h>

status_t tree_reg(const void *fdt, int node, unsigned index, struct tree_range *out)
{
    (void)fdt;
    (void)node;
    (void)index;
    (void)out;
    return E_NOSYS;
}

status_t tree_translate(const void *fdt, int bus, uint64_t address, uint64_t len, uint64_t *out)
{
    (void)fdt;
    (void)bus;
    (void)address;
    (void)len;
    (void)out;
    return E_NOSYS;
}
