/* SPDX-License-Identifier: BSD-2-Clause
 * The blob's check, by libfdt, and then the walks and paths, which trust it: a question costs one walk over the tokens
 * at most, where libfdt would start again at the root for every ancestor.
 */
#include "tree_chain.h"

/* ---- the check ---- */

/* A property's name must end inside the strings block; fdt_next_tag has looked at the value. */
static bool tree_check_property(const void *fdt, int offset)
{
    const struct fdt_property *prop = fdt_offset_ptr(fdt, offset, sizeof(*prop));
    int len;

    return prop && fdt_get_string(fdt, (int)fdt32_to_cpu(prop->nameoff), &len);
}

/* Where the structure block can be ended: behind sound tokens, with room for what closes `depth` nodes and the block. */
struct cut {
    int offset;
    unsigned depth;
};

/* One walk over all tokens; after it, offsets and names inside the structure block may be trusted. *cut is the last place
 * before the damage. */
static status_t tree_check_tokens(const void *fdt, struct cut *cut)
{
    const uint32_t room = fdt_size_dt_struct(fdt);
    unsigned depth = 0;
    bool root_ended = false;
    int offset, next = 0;

    for (;;) {
        offset = next;
        if ((uint32_t)offset + (depth + 1) * FDT_TAGSIZE <= room) {
            *cut = (struct cut){ .offset = offset, .depth = depth };
        }
        uint32_t tag = fdt_next_tag(fdt, offset, &next);

        if (next < 0) {
            return E_FORMAT;
        }
        switch (tag) {
        case FDT_BEGIN_NODE:
            if (depth == 0 &&
                (offset != 0 || *(const char *)fdt_offset_ptr(fdt, FDT_TAGSIZE, 1) != '\0')) {
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
        case FDT_PROP:
            if (depth == 0 || !tree_check_property(fdt, offset)) {
                return E_FORMAT;
            }
            break;
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
    if (fdt_magic(fdt) != FDT_MAGIC || fdt_version(fdt) < 16 ||
        fdt_totalsize(fdt) < sizeof(struct fdt_header)) {
        return E_FORMAT;
    }
    if (fdt_totalsize(fdt) > len || fdt_totalsize(fdt) > TREE_MAX_LEN) {
        return E_RANGE;
    }
    /* libfdt reads both blocks through pointers that promise their alignment. */
    if (fdt_check_header(fdt) != 0 || fdt_off_mem_rsvmap(fdt) % 8 != 0 ||
        fdt_off_dt_struct(fdt) % 4 != 0 || fdt_num_mem_rsv(fdt) < 0) {
        return E_FORMAT;
    }
    struct cut cut;

    return tree_check_tokens(fdt, &cut);
}

/* Bytes that a block may have at `offset` of a blob of `len`. */
static uint32_t tree_room(uint32_t offset, uint32_t size, uint32_t len)
{
    uint32_t room = offset < len ? len - offset : 0;

    return size < room ? size : room;
}

status_t tree_mend(void *fdt, size_t len)
{
    struct cut cut = { .offset = -1 };
    uint32_t total;

    if (((uintptr_t)fdt & 7) != 0) {
        return E_INVAL;
    }
    if (len < sizeof(struct fdt_header) || fdt_magic(fdt) != FDT_MAGIC || fdt_version(fdt) < 17) {
        return E_FORMAT; /* version 16 does not tell the structure block's size */
    }
    len = len < TREE_MAX_LEN ? len : TREE_MAX_LEN;
    total = tree_room(0, fdt_totalsize(fdt), (uint32_t)len);
    fdt_set_totalsize(fdt, total);
    fdt_set_size_dt_struct(fdt,
                           tree_room(fdt_off_dt_struct(fdt), fdt_size_dt_struct(fdt), total) & ~3u);
    fdt_set_size_dt_strings(fdt,
                            tree_room(fdt_off_dt_strings(fdt), fdt_size_dt_strings(fdt), total));
    if (fdt_check_header(fdt) != 0 || fdt_off_dt_struct(fdt) % 4 != 0) {
        return E_FORMAT;
    }
    if (tree_check_tokens(fdt, &cut) != E_OK) {
        if (cut.offset < 0) {
            return E_FORMAT; /* no room for a single token */
        }
        fdt32_t *end = (fdt32_t *)(void *)((char *)fdt + fdt_off_dt_struct(fdt) + cut.offset);

        for (; cut.depth > 0; cut.depth--) {
            *end++ = cpu_to_fdt32(FDT_END_NODE);
        }
        *end = cpu_to_fdt32(FDT_END);
    }
    return tree_check(fdt, len);
}

size_t tree_len(const void *fdt)
{
    return fdt_totalsize(fdt);
}

/* ---- walks ---- */

int tree_next(const void *fdt, int node, int *depth)
{
    int offset, next = 0, level = depth ? *depth : 0;

    if (node >= 0) {
        (void)tree_token(fdt, node, &next); /* its own BEGIN_NODE */
    }
    for (;;) {
        offset = next;
        switch (tree_token(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            if (depth) {
                *depth = level + 1;
            }
            return offset;
        case FDT_END_NODE:
            level--;
            if (depth && level < 0) {
                *depth = level;
                return -1;
            }
            break;
        case FDT_END:
            return -1;
        default:
            break;
        }
    }
}

int tree_next_child(const void *fdt, int parent, int child)
{
    int depth = child < 0 ? 0 : 1;
    int node = child < 0 ? parent : child;

    do {
        node = tree_next(fdt, node, &depth);
    } while (node >= 0 && depth > 1);
    return depth == 1 ? node : -1;
}

status_t tree_chain_of(const void *fdt, int node, struct tree_chain *out)
{
    unsigned depth = 0;
    int offset, next = 0;

    do {
        offset = next;
        switch (tree_token(fdt, offset, &next)) {
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

/* ---- names of nodes ---- */

/* The child with this name; a name without unit address also finds the first child that has one (as libfdt does). */
static int tree_child_named(const void *fdt, int parent, const char *name, size_t len)
{
    for (int child = tree_next_child(fdt, parent, -1); child >= 0;
         child = tree_next_child(fdt, parent, child)) {
        const char *theirs = tree_name(fdt, child);

        if (strnlen(theirs, len) == len && memcmp(theirs, name, len) == 0 &&
            (theirs[len] == '\0' || theirs[len] == '@')) {
            return child;
        }
    }
    return -1;
}

/* Goes down from the root along [path, end). */
static int tree_descend(const void *fdt, int node, const char *path, const char *end)
{
    while (node >= 0 && path < end) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *stop = slash ? slash : end;

        if (stop > path) {
            node = tree_child_named(fdt, node, path, (size_t)(stop - path));
        }
        path = slash ? slash + 1 : end;
    }
    return node;
}

/* The path that /aliases gives for [name, end); NULL if none. It must be a path: aliases of aliases could loop. */
static const char *tree_alias(const void *fdt, const char *name, const char *end)
{
    static const char path[] = "aliases";
    int aliases = tree_child_named(fdt, 0, path, sizeof(path) - 1), len;
    char key[32]; /* Devicetree Specification 2.2.4: at most 31 characters */
    size_t key_len = (size_t)(end - name);

    if (aliases < 0 || key_len >= sizeof(key)) {
        return NULL;
    }
    memcpy(key, name, key_len);
    key[key_len] = '\0';
    const char *target = tree_prop(fdt, aliases, key, &len);
    return target && len > 1 && target[0] == '/' && target[len - 1] == '\0' ? target : NULL;
}

status_t tree_find(const void *fdt, const char *path, int *out)
{
    const char *colon = memchr(path, ':', strlen(path));
    const char *end = colon ? colon : path + strlen(path);
    int node = 0;

    if (path == end) {
        return E_NOTFOUND;
    }
    if (*path != '/') {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *name_end = slash ? slash : end;
        const char *target = tree_alias(fdt, path, name_end);

        node = target ? tree_descend(fdt, 0, target, target + strlen(target)) : -1;
        path = name_end;
    }
    node = tree_descend(fdt, node, path, end);
    if (node < 0) {
        return E_NOTFOUND;
    }
    *out = node;
    return E_OK;
}
