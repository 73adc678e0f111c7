/* SPDX-License-Identifier: BSD-2-Clause
 * Skeleton so that others can link: the real bodies follow.
 */
#include "tree.h"
#include <libfdt.h>

status_t tree_check(const void *fdt, size_t len)
{
    (void)fdt;
    (void)len;
    return E_NOSYS;
}

size_t tree_len(const void *fdt)
{
    (void)fdt;
    return 0;
}

int tree_next(const void *fdt, int node, int *depth)
{
    (void)fdt;
    (void)node;
    (void)depth;
    return -1;
}

bool tree_enabled(const void *fdt, int node)
{
    (void)fdt;
    (void)node;
    return false;
}

bool tree_is_meta(const void *fdt, int node)
{
    (void)fdt;
    (void)node;
    return false;
}

void tree_path(const void *fdt, int node, char *out, size_t len)
{
    (void)fdt;
    (void)node;
    (void)out;
    (void)len;
}

status_t tree_find(const void *fdt, const char *path, int *out)
{
    (void)fdt;
    (void)path;
    (void)out;
    return E_NOSYS;
}

const char *tree_string(const void *fdt, int node, const char *name)
{
    (void)fdt;
    (void)node;
    (void)name;
    return NULL;
}

const char *tree_string_at(const void *fdt, int node, const char *name, unsigned index)
{
    (void)fdt;
    (void)node;
    (void)name;
    (void)index;
    return NULL;
}

int tree_compatible(const void *fdt, int node, const char *compatible)
{
    (void)fdt;
    (void)node;
    (void)compatible;
    return -1;
}

status_t tree_u32(const void *fdt, int node, const char *name, uint32_t *out)
{
    (void)fdt;
    (void)node;
    (void)name;
    (void)out;
    return E_NOSYS;
}

status_t tree_u64(const void *fdt, int node, const char *name, uint64_t *out)
{
    (void)fdt;
    (void)node;
    (void)name;
    (void)out;
    return E_NOSYS;
}
