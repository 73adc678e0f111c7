/* SPDX-License-Identifier: BSD-2-Clause
 * Skeleton so that others can link: the real bodies follow.
 */
#include "tree.h"
#include <libfdt.h>

status_t tree_phandle(const void *fdt, uint32_t phandle, int *out)
{
    (void)fdt;
    (void)phandle;
    (void)out;
    return E_NOSYS;
}

status_t tree_reference(const void *fdt, int node, const char *property, const char *cells_name, unsigned index,
                        struct tree_ref *out)
{
    (void)fdt;
    (void)node;
    (void)property;
    (void)cells_name;
    (void)index;
    (void)out;
    return E_NOSYS;
}

status_t tree_name_index(const void *fdt, int node, const char *names, const char *name, unsigned *out)
{
    (void)fdt;
    (void)node;
    (void)names;
    (void)name;
    (void)out;
    return E_NOSYS;
}

status_t tree_interrupt(const void *fdt, int node, unsigned index, struct tree_ref *out)
{
    (void)fdt;
    (void)node;
    (void)index;
    (void)out;
    return E_NOSYS;
}

status_t tree_interrupt_parent(const void *fdt, int node, int *out)
{
    (void)fdt;
    (void)node;
    (void)out;
    return E_NOSYS;
}

unsigned tree_interrupt_count(const void *fdt, int node)
{
    (void)fdt;
    (void)node;
    return 0;
}
