/* SPDX-License-Identifier: BSD-2-Clause
 * Plain properties of one node: strings, lists of strings, numbers, counts of cells. Nothing here leaves the node.
 */
#include "tree_chain.h"

bool tree_text_equal(const char *a, const char *b)
{
    while (*a == *b && *a) {
        a++;
        b++;
    }
    return *a == *b;
}

const void *tree_prop(const void *fdt, int node, const char *name, int *out_len)
{
    const char *strings = (const char *)fdt + fdt_off_dt_strings(fdt);
    int offset, next;
    uint32_t tag;

    if (node < 0 || tree_token(fdt, node, &next) != FDT_BEGIN_NODE) {
        return NULL;
    }
    do {
        offset = next;
        tag = tree_token(fdt, offset, &next);
        if (tag == FDT_PROP) {
            const struct fdt_property *prop = tree_property(fdt, offset);

            if (tree_text_equal(strings + fdt32_ld(&prop->nameoff), name)) {
                *out_len = (int)fdt32_ld(&prop->len);
                return prop->data;
            }
        }
    } while (tag == FDT_PROP || tag == FDT_NOP);
    return NULL;
}

/* A list of strings from its first byte to the NUL of its last; NULL if absent or not terminated. */
static const char *tree_list(const void *fdt, int node, const char *name, const char **out_end)
{
    int len;
    const char *list = tree_prop(fdt, node, name, &len);

    if (!list || len == 0 || list[len - 1] != '\0') {
        return NULL;
    }
    *out_end = list + len;
    return list;
}

const char *tree_string(const void *fdt, int node, const char *name)
{
    const char *end;

    return tree_list(fdt, node, name, &end);
}

const char *tree_string_at(const void *fdt, int node, const char *name, unsigned index)
{
    const char *end;
    const char *at = tree_list(fdt, node, name, &end);

    for (; at && index > 0; index--) {
        at += strlen(at) + 1;
        at = at < end ? at : NULL;
    }
    return at;
}

/* Index of `string` in a list, -1 if it is not there. */
static int tree_list_index(const void *fdt, int node, const char *name, const char *string)
{
    const char *end;
    const char *at = tree_list(fdt, node, name, &end);

    for (int i = 0; at && at < end; i++, at += strlen(at) + 1) {
        if (tree_text_equal(at, string)) {
            return i;
        }
    }
    return -1;
}

int tree_compatible(const void *fdt, int node, const char *compatible)
{
    return tree_list_index(fdt, node, "compatible", compatible);
}

status_t tree_name_index(const void *fdt, int node, const char *names, const char *name,
                         unsigned *out)
{
    int index = tree_list_index(fdt, node, names, name);

    if (index < 0) {
        return E_NOTFOUND;
    }
    *out = (unsigned)index;
    return E_OK;
}

bool tree_status_okay(const void *fdt, int node)
{
    int len;
    const char *end;
    const char *status = tree_list(fdt, node, "status", &end);

    if (!status) {
        return tree_prop(fdt, node, "status", &len) == NULL;
    }
    return tree_text_equal(status, "okay") || tree_text_equal(status, "ok");
}

status_t tree_u32(const void *fdt, int node, const char *name, uint32_t *out)
{
    int len;
    const fdt32_t *cell = tree_prop(fdt, node, name, &len);

    if (!cell || len != 4) {
        return cell ? E_FORMAT : E_NOTFOUND;
    }
    *out = fdt32_to_cpu(*cell);
    return E_OK;
}

status_t tree_u64(const void *fdt, int node, const char *name, uint64_t *out)
{
    int len;
    const fdt32_t *cells = tree_prop(fdt, node, name, &len);

    if (!cells || (len != 4 && len != 8)) {
        return cells ? E_FORMAT : E_NOTFOUND;
    }
    return tree_number(cells, (unsigned)len / 4, out);
}

status_t tree_cells(const void *fdt, int node, const char *name, unsigned otherwise, unsigned max,
                    unsigned *out)
{
    uint32_t cells;
    status_t err = tree_u32(fdt, node, name, &cells);

    if (err == E_NOTFOUND) {
        *out = otherwise;
        return E_OK;
    }
    if (err != E_OK || cells > max) {
        return E_FORMAT;
    }
    *out = cells;
    return E_OK;
}

status_t tree_bus_cells(const void *fdt, int bus, unsigned *out_address, unsigned *out_size)
{
    unsigned address = 0, size = 0;
    status_t err = tree_cells(fdt, bus, "#address-cells", TREE_DEFAULT_ADDRESS_CELLS,
                              TREE_MAX_ADDRESS_CELLS, &address);

    err = err ? err
              : tree_cells(fdt, bus, "#size-cells", TREE_DEFAULT_SIZE_CELLS, TREE_MAX_ADDRESS_CELLS,
                           &size);
    if (err == E_OK) {
        *out_address = address;
        *out_size = size;
    }
    return err;
}

status_t tree_number(const fdt32_t *cells, unsigned count, uint64_t *out)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < count; i++) {
        if (number >> 32 != 0) {
            return E_RANGE;
        }
        number = number << 32 | fdt32_to_cpu(cells[i]);
    }
    *out = number;
    return E_OK;
}
