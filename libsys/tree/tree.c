/* SPDX-License-Identifier: BSD-2-Clause
 * The blob's check, walks, paths and plain properties. libfdt reads every token here; what is added is that a question
 * costs one walk at most: libfdt's own property search reads each token three times, and its search for a parent
 * starts again at the root for every ancestor.
 */
#include "tree_chain.h"

/* ---- the check ---- */

/* One walk over all tokens; after it, offsets and names inside the structure block may be trusted. */
static status_t tree_check_tokens(const void *fdt)
{
    unsigned depth = 0;
    bool root_ended = false;
    int offset, next = 0, name_len;

    for (;;) {
        offset = next;
        uint32_t tag = fdt_next_tag(fdt, offset, &next);

        if (next < 0 || (root_ended && tag != FDT_END && tag != FDT_NOP)) {
            return E_FORMAT;
        }
        switch (tag) {
        case FDT_BEGIN_NODE:
            if (depth == 0 && (offset != 0 || *(const char *)fdt_offset_ptr(fdt, FDT_TAGSIZE, 1) != '\0')) {
                return E_FORMAT; /* a node is its offset and the root is 0; its name is empty */
            }
            if (depth++ == TREE_MAX_DEPTH) {
                return E_LIMIT;
            }
            break;
        case FDT_END_NODE:
            if (depth == 0) {
                return E_FORMAT;
            }
            root_ended = --depth == 0;
            break;
        case FDT_PROP: {
            const struct fdt_property *prop = fdt_offset_ptr(fdt, offset, sizeof(*prop));

            if (depth == 0 || !prop || !fdt_get_string(fdt, (int)fdt32_to_cpu(prop->nameoff), &name_len)) {
                return E_FORMAT;
            }
            break;
        }
        case FDT_END:
            return root_ended ? E_OK : E_FORMAT;
        default:
            break;
        }
    }
}

status_t tree_check(const void *fdt, size_t len)
{
    if (((uintptr_t)fdt & 7) != 0) {
        return E_INVAL;
    }
    if (len < sizeof(struct fdt_header)) {
        return E_RANGE;
    }
    if (fdt_magic(fdt) != FDT_MAGIC || fdt_version(fdt) < 16 || fdt_totalsize(fdt) < sizeof(struct fdt_header)) {
        return E_FORMAT;
    }
    if (fdt_totalsize(fdt) > len || fdt_totalsize(fdt) > TREE_MAX_LEN) {
        return E_RANGE;
    }
    /* libfdt reads both blocks through pointers that promise their alignment. */
    if (fdt_check_header(fdt) != 0 || fdt_off_mem_rsvmap(fdt) % 8 != 0 || fdt_off_dt_struct(fdt) % 4 != 0 ||
        fdt_num_mem_rsv(fdt) < 0) {
        return E_FORMAT;
    }
    return tree_check_tokens(fdt);
}

size_t tree_len(const void *fdt)
{
    return fdt_totalsize(fdt);
}

/* ---- walks ---- */

int tree_next(const void *fdt, int node, int *depth)
{
    int next = fdt_next_node(fdt, node, depth);

    /* Behind the last node of a subtree libfdt returns the offset of something else, with a negative depth. */
    return next < 0 || (depth && *depth < 0) ? -1 : next;
}

status_t tree_chain_of(const void *fdt, int node, struct tree_chain *out)
{
    unsigned depth = 0;
    int offset, next = 0;

    do {
        offset = next;
        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            if (depth == TREE_MAX_DEPTH) {
                return E_LIMIT;
            }
            out->node[depth++] = offset;
            break;
        case FDT_END_NODE:
            if (depth == 0) {
                return E_INVAL;
            }
            depth--;
            break;
        case FDT_END:
            return E_INVAL;
        default:
            break;
        }
    } while (offset < node);
    if (depth == 0 || out->node[depth - 1] != node) {
        return E_INVAL;
    }
    out->count = depth;
    return E_OK;
}

static const char *tree_name(const void *fdt, int node)
{
    const char *name = fdt_get_name(fdt, node, NULL);

    return name ? name : "";
}

bool tree_is_meta(const void *fdt, int node)
{
    struct tree_chain chain;

    if (tree_chain_of(fdt, node, &chain) != E_OK) {
        return false;
    }
    for (unsigned i = 1; i < chain.count; i++) {
        const char *name = tree_name(fdt, chain.node[i]);

        if (name[0] == '_' && name[1] == '_') {
            return true;
        }
    }
    return false;
}

bool tree_enabled(const void *fdt, int node)
{
    struct tree_chain chain;

    if (tree_chain_of(fdt, node, &chain) != E_OK) {
        return false;
    }
    for (unsigned i = 0; i < chain.count; i++) {
        if (!tree_status_okay(fdt, chain.node[i])) {
            return false;
        }
    }
    return true;
}

void tree_path(const void *fdt, int node, char *out, size_t len)
{
    struct tree_chain chain;
    size_t at = 0;

    if (len == 0) {
        return;
    }
    if (tree_chain_of(fdt, node, &chain) != E_OK) {
        chain.count = 0;
    }
    for (unsigned i = chain.count == 1 ? 0 : 1; i < chain.count; i++) {
        const char *name = tree_name(fdt, chain.node[i]);

        if (at + 1 < len) {
            out[at++] = '/';
        }
        for (; *name && at + 1 < len; name++) {
            out[at++] = *name;
        }
    }
    out[at] = '\0';
}

/* ---- properties ---- */

static bool tree_text_equal(const char *a, const char *b)
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

    if (node < 0 || node % FDT_TAGSIZE != 0 || fdt_next_tag(fdt, node, &next) != FDT_BEGIN_NODE) {
        return NULL;
    }
    do {
        offset = next;
        tag = fdt_next_tag(fdt, offset, &next);
        if (tag == FDT_PROP) {
            const struct fdt_property *prop = fdt_offset_ptr(fdt, offset, sizeof(*prop));

            if (tree_text_equal(strings + fdt32_to_cpu(prop->nameoff), name)) {
                *out_len = (int)fdt32_to_cpu(prop->len);
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

status_t tree_name_index(const void *fdt, int node, const char *names, const char *name, unsigned *out)
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

status_t tree_cells(const void *fdt, int node, const char *name, unsigned otherwise, unsigned max, unsigned *out)
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
    status_t err =
        tree_cells(fdt, bus, "#address-cells", TREE_DEFAULT_ADDRESS_CELLS, TREE_MAX_ADDRESS_CELLS, &address);

    err = err ? err : tree_cells(fdt, bus, "#size-cells", TREE_DEFAULT_SIZE_CELLS, TREE_MAX_ADDRESS_CELLS, &size);
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

/* ---- names of nodes ---- */

status_t tree_find(const void *fdt, const char *path, int *out)
{
    int node = 0, len, aliases;
    const char *end = path;

    while (*end && *end != ':') {
        end++;
    }
    if (*path != '/') { /* an alias, perhaps with a path below it; its value must be a path, or libfdt would recurse */
        char name[TREE_PATH_LEN];
        const char *slash = path;

        while (slash < end && *slash != '/') {
            slash++;
        }
        size_t name_len = (size_t)(slash - path);
        aliases = fdt_path_offset(fdt, "/aliases");
        if (aliases < 0 || name_len == 0 || name_len >= sizeof(name)) {
            return E_NOTFOUND;
        }
        memcpy(name, path, name_len);
        name[name_len] = '\0';
        const char *target = tree_prop(fdt, aliases, name, &len);
        if (!target || len < 2 || target[0] != '/' || target[len - 1] != '\0') {
            return E_NOTFOUND;
        }
        node = fdt_path_offset(fdt, target);
        path = slash;
    }
    while (node >= 0 && path < end) { /* one component at a time: libfdt starts every path at the root */
        const char *part = path;

        while (path < end && *path != '/') {
            path++;
        }
        if (path > part) {
            node = fdt_subnode_offset_namelen(fdt, node, part, (int)(path - part));
        }
        path += path < end;
    }
    if (node < 0) {
        return E_NOTFOUND;
    }
    *out = node;
    return E_OK;
}
