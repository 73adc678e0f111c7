/* SPDX-License-Identifier: BSD-2-Clause
 * Skeleton so that others can link: the real bodies follow.
 */
#include "tree.h"
#include <libfdt.h>

status_t tree_memory(const void *fdt, unsigned index, struct tree_range *out)
{
    (void)fdt;
    (void)index;
    (void)out;
    return E_NOSYS;
}

status_t tree_reservation(const void *fdt, unsigned index, struct tree_range *out, bool *out_no_map)
{
    (void)fdt;
    (void)index;
    (void)out;
    (void)out_no_map;
    return E_NOSYS;
}

status_t tree_initrd(const void *fdt, struct tree_range *out)
{
    (void)fdt;
    (void)out;
    return E_NOSYS;
}
