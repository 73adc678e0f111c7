/* SPDX-License-Identifier: BSD-2-Clause
 * grow - the tree grows: what the server of a PCI host bridge finds becomes nodes below that bridge's node, and is planned and
 * served as all others (INIT_OP_GROW in proto/init.h).
 *
 * Everybody has the tree mapped, and names nodes by their offsets, which must stay. So init copies the kernel's tree, before
 * it makes the plan, and puts below each host bridge a node PLAN_ROOM, whose one property is as long as what may come. Growing
 * writes the new nodes into that property's value, where nobody looks, behind the token that ends the node, and with a new
 * PLAN_ROOM at their end; then one store sets the property's length to 0. Whoever walks the tree meanwhile sees the old tree or the
 * new one. Names of properties stand in the tree's block of strings, which cannot grow: those of the PCI bus binding are put
 * there from the start.
 */
#include <assert.h>
#include <cambium/client.h>
#include <stdlib.h>
#include <string.h>
#include <tree_chain.h>
#include "init.h"

enum {
    /* Per host bridge, for some 64 functions. Whoever starts maps it: each page costs instructions. */
    ROOM_LEN = 26 * 1024,
    ROOM_HEAD = 64, /* of that, what the PLAN_ROOM behind new nodes takes */
    HOSTS_MAX = 8,
    NAMES_LEN =
        1024,      /* more than strings and empty properties of the names below take, per bridge */
    NAMES_MAX = 32 /* different names of properties in one blob */
};
static const char room_property[] = "room";

/* IEEE Std 1275 PCI Bus Binding, rev. 2.1, 4.1 and 4.2, and what the Devicetree Specification has for buses. */
static const char *const names[] = { "#address-cells", "#size-cells",  "assigned-addresses",
                                     "bus-range",      "class-code",   "compatible",
                                     "device-id",      "device_type",  "dma-ranges",
                                     "interrupts",     "ranges",       "reg",
                                     "revision-id",    "subsystem-id", "subsystem-vendor-id",
                                     "vendor-id" };
enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* ---- room ---- */

static bool is_host(const void *fdt, int node)
{
    return tree_is_pci(fdt, node) && tree_enabled(fdt, node) &&
           !tree_is_pci(fdt, fdt_parent_offset(fdt, node));
}

static unsigned count_hosts(const void *fdt)
{
    unsigned count = 0;

    for (int depth = -1, node = tree_next(fdt, -1, &depth); node >= 0 && count < HOSTS_MAX;
         node = tree_next(fdt, node, &depth)) {
        count += is_host(fdt, node);
    }
    return count;
}

static int add_room(void *fdt, int host)
{
    void *unused;
    int room = fdt_add_subnode(fdt, host, PLAN_ROOM);
    int err = room < 0 ? room : 0;

    for (unsigned i = 0; err == 0 && i < NAMES; i++) {
        err = fdt_setprop_empty(fdt, room, names[i]);
    }
    for (unsigned i = 0; err == 0 && i < NAMES; i++) {
        err = fdt_delprop(fdt, room, names[i]); /* its name stays among the strings */
    }
    return err ? err : fdt_setprop_placeholder(fdt, room, room_property, ROOM_LEN, &unused);
}

/* Makes the copy, in `len` bytes at `to`. */
static int copy_tree(const void *from, void *to, size_t len)
{
    int err = fdt_open_into(from, to, (int)len);
    unsigned left = HOSTS_MAX;

    for (int depth = -1, node = tree_next(to, -1, &depth); err == 0 && node >= 0 && left > 0;
         node = tree_next(to, node, &depth)) {
        if (is_host(to, node)) {
            left--;
            err = add_room(to, node);
        }
    }
    return err;
}

status_t grow_prepare(struct init *init)
{
    unsigned hosts = count_hosts(init->fdt);
    uint64_t len = tree_used(init->fdt) + hosts * (uint64_t)(ROOM_LEN + NAMES_LEN);
    handle_t memory;

    len = (len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    if (hosts == 0) {
        return E_OK;
    }
    status_t err = len > TREE_MAX_LEN ? E_LIMIT : sys_memory_create(len, 0, 0, &memory);
    if (err) {
        return err;
    }
    uint64_t va = vm_reserve(len);
    err = va == 0 ? E_NOMEM : sys_map(HANDLE_SELF, memory, 0, 0, len, va, MAP_READ | MAP_WRITE);
    if (err == E_OK && copy_tree(init->fdt, (void *)va, len) != 0) {
        err = E_FORMAT;
        (void)sys_unmap(HANDLE_SELF, va, len); /* ours */
    }
    if (err) {
        if (va != 0) {
            vm_release(va, len);
        }
        (void)sys_handle_close(memory); /* ours and open */
        return err;
    }
    init->fdt = (const void *)va;
    init->tree = memory;
    init->tree_len = len;
    return E_OK;
}

/* ---- growing ---- */

/* Where new nodes are written: the value of the last PLAN_ROOM's property below a bus. */
struct room {
    struct fdt_property *property;
    uint8_t *at, *end;
};

static bool room_find(const void *fdt, int bus, struct room *out)
{
    bool is_found = false;

    for (int node = tree_next_child(fdt, bus, -1); node >= 0;
         node = tree_next_child(fdt, bus, node)) {
        int len;
        const void *value = strcmp(tree_name(fdt, node), PLAN_ROOM) == 0
                                ? tree_prop(fdt, node, room_property, &len)
                                : NULL;
        if (value != NULL && len > ROOM_HEAD) {
            uint8_t *at = (uint8_t *)(uintptr_t)value; /* in our copy, which is writable */
            *out = (struct room){ (struct fdt_property *)(void *)(at - sizeof(struct fdt_property)),
                                  at, at + len };
            is_found = true;
        }
    }
    return is_found;
}

static bool room_put(struct room *room, const void *bytes, size_t len)
{
    size_t padded = (len + FDT_TAGSIZE - 1) & ~(size_t)(FDT_TAGSIZE - 1);

    if (padded + ROOM_HEAD > (size_t)(room->end - room->at)) {
        return false;
    }
    memcpy(room->at, bytes, len);
    memset(room->at + len, 0, padded - len);
    room->at += padded;
    return true;
}

static bool room_put_tag(struct room *room, uint32_t tag)
{
    fdt32_t cell = cpu_to_fdt32(tag);

    return room_put(room, &cell, sizeof(cell));
}

/* What a name of the blob's strings is among the tree's. */
struct dictionary {
    const void *blob, *fdt;
    unsigned count;
    uint32_t there[NAMES_MAX], here[NAMES_MAX];
};

static bool dictionary_find(struct dictionary *d, uint32_t there, uint32_t *out)
{
    const char *name = fdt_string(d->blob, (int)there);
    const char *strings = (const char *)d->fdt + fdt_off_dt_strings(d->fdt);

    for (unsigned i = 0; i < d->count; i++) {
        if (d->there[i] == there) {
            *out = d->here[i];
            return true;
        }
    }
    bool is_known = false;
    for (unsigned i = 0; name != NULL && i < NAMES; i++) {
        is_known = is_known || strcmp(names[i], name) == 0;
    }
    size_t len = is_known ? strlen(name) : 0; /* libfdt writes no name that is the end of another */
    for (uint32_t at = 0, end; is_known && d->count < NAMES_MAX && at < fdt_size_dt_strings(d->fdt);
         at = end + 1) {
        end = at + (uint32_t)strlen(strings + at);
        if (end - at >= len && strcmp(strings + end - len, name) == 0) {
            d->there[d->count] = there;
            d->here[d->count++] = end - (uint32_t)len;
            *out = end - (uint32_t)len;
            return true;
        }
    }
    return false;
}

static status_t put_property(struct room *room, struct dictionary *d, int offset)
{
    const struct fdt_property *p = tree_property(d->blob, offset);
    uint32_t len = fdt32_ld(&p->len), name;

    if (!dictionary_find(d, fdt32_ld(&p->nameoff), &name)) {
        return E_FORMAT;
    }
    struct fdt_property head = { cpu_to_fdt32(FDT_PROP), p->len, cpu_to_fdt32(name) };
    return room_put(room, &head, sizeof(head)) && room_put(room, p->data, len) ? E_OK : E_LIMIT;
}

/* Of a device: those with two underscores are data. */
static bool is_name(const char *name)
{
    return name[0] != '\0' && strncmp(name, "__", 2) != 0 && strchr(name, '/') == NULL;
}

static status_t put_begin(struct room *room, const char *name, unsigned depth)
{
    if (!is_name(name)) {
        return E_FORMAT;
    }
    bool has_room = depth <= TREE_MAX_DEPTH && room_put_tag(room, FDT_BEGIN_NODE) &&
                    room_put(room, name, strlen(name) + 1);
    return has_room ? E_OK : E_LIMIT;
}

/* A node with all that is below it; the tokens are those of a blob that tree_check accepted. */
static status_t put_node(struct room *room, struct dictionary *d, int node, unsigned depth)
{
    int next = node, level = 0;
    status_t err = E_OK;

    do {
        int offset = next;
        uint32_t tag = tree_token(d->blob, offset, &next);

        switch (tag) {
        case FDT_BEGIN_NODE:
            level++;
            err = put_begin(room, tree_name(d->blob, offset), depth + (unsigned)level);
            break;
        case FDT_PROP:
            err = put_property(room, d, offset);
            break;
        case FDT_END_NODE:
            level--;
            err = room_put_tag(room, tag) ? E_OK : E_LIMIT;
            break;
        default:
            break; /* FDT_NOP; the end cannot come before this node's */
        }
    } while (err == E_OK && level > 0);
    return err;
}

/* The rest of the room behind the new nodes; then all of it becomes the tree's. */
static void room_publish(struct room *room)
{
    struct fdt_property head = { cpu_to_fdt32(FDT_PROP), 0, room->property->nameoff };
    fdt32_t begin = cpu_to_fdt32(FDT_BEGIN_NODE);
    char name[(sizeof(PLAN_ROOM) + FDT_TAGSIZE - 1) / FDT_TAGSIZE * FDT_TAGSIZE] = PLAN_ROOM;

    static_assert(sizeof(begin) + sizeof(name) + sizeof(head) <= ROOM_HEAD,
                  "room_put leaves so much");
    memcpy(room->at, &begin, sizeof(begin));
    memcpy(room->at + sizeof(begin), name, sizeof(name));
    room->at += sizeof(begin) + sizeof(name);
    head.len = cpu_to_fdt32((uint32_t)((size_t)(room->end - room->at) - sizeof(head)));
    memcpy(room->at, &head, sizeof(head));
    __atomic_store_n(&room->property->len, 0, __ATOMIC_RELEASE); /* what is behind it is whole */
}

static bool has_child(const void *fdt, int bus, const char *name)
{
    for (int node = tree_next_child(fdt, bus, -1); node >= 0;
         node = tree_next_child(fdt, bus, node)) {
        if (strcmp(tree_name(fdt, node), name) == 0) {
            return true;
        }
    }
    return false;
}

/* Writes those of the blob's nodes that the bus has not got yet; *out_new: there are some. */
static status_t graft(const void *fdt, int bus, const void *blob, bool *out_new)
{
    struct dictionary d = { .blob = blob, .fdt = fdt };
    struct tree_chain chain;
    struct room room = { 0 };
    status_t err = tree_chain_of(fdt, bus, &chain);

    *out_new = false;
    if (err || !room_find(fdt, bus, &room)) {
        return err ? err : E_LIMIT;
    }
    err = room_put_tag(&room, FDT_END_NODE) ? E_OK
                                            : E_LIMIT; /* of the PLAN_ROOM that they stand in */
    for (int node = tree_next_child(blob, 0, -1); !err && node >= 0;
         node = tree_next_child(blob, 0, node)) {
        if (!is_name(tree_name(blob, node))) {
            err = E_FORMAT;
        } else if (!has_child(fdt, bus, tree_name(blob, node))) {
            err = put_node(&room, &d, node, chain.count);
            *out_new = true;
        }
    }
    if (err == E_OK && *out_new) {
        room_publish(&room);
    }
    return err;
}

/* A copy of the blob: its sender could go on writing while it is looked at. The caller's to free. */
static status_t blob_read(const struct msg *m, void **out)
{
    handle_t memory = (handle_t)m->w[MSG_WORDS - 1];
    uint64_t len = m->w[0], have = 0, pa;

    if (info_handles(m->info) != 1) {
        return E_INVAL;
    }
    if (len == 0 || len > ROOM_LEN) {
        return E_LIMIT;
    }
    status_t err = sys_memory_info(memory, 0, &have, &pa);
    if (err || have < len) {
        return err ? err : E_RANGE;
    }
    uint64_t span = (len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t va = vm_reserve(span);
    void *blob = malloc(len);
    err =
        va == 0 || blob == NULL ? E_NOMEM : sys_map(HANDLE_SELF, memory, 0, 0, span, va, MAP_READ);
    if (err == E_OK) {
        memcpy(blob, (const void *)va, len);
        (void)sys_unmap(HANDLE_SELF, va, span); /* mapped above */
        err = tree_check(blob, len);
        err = err == E_RANGE || err == E_LIMIT || err == E_OK ? err : E_FORMAT;
    }
    if (va != 0) {
        vm_release(va, span);
    }
    if (err) {
        free(blob);
        return err;
    }
    *out = blob;
    return E_OK;
}

/* ---- requests ---- */

static void report_found(struct init *init, unsigned first)
{
    char path[TREE_PATH_LEN], why[TREE_PATH_LEN];
    const struct plan *p = &init->plan;

    for (unsigned i = first; i < p->found_count; i++) {
        const struct plan_node *n = &p->nodes[p->node_count + i];
        if (n->state == NODE_REFUSED || n->state == NODE_COVERED || n->state == NODE_WAITING) {
            tree_path(p->fdt, n->offset, path, sizeof(path));
            if (n->state == NODE_WAITING) {
                plan_why_waiting(p, &p->services[n->service], why, sizeof(why));
            } else {
                plan_why_refused(p, n, why, sizeof(why));
            }
            report(init, LOG_WARN, "%s: %s%s", path,
                   n->state == NODE_WAITING   ? "waits for "
                   : n->state == NODE_REFUSED ? "refused: "
                                              : "",
                   why);
        }
    }
}

static status_t grow(struct init *init, const struct server *s, struct msg *m)
{
    struct plan *p = &init->plan;
    unsigned first = p->found_count, served = 0, dropped = p->dropped;
    void *blob = NULL;
    bool is_new = false;
    char path[TREE_PATH_LEN];
    status_t err = blob_read(m, &blob);

    if (err) {
        return err;
    }
    err = graft(init->fdt, p->nodes[s->plan->node].offset, blob, &is_new);
    free(blob);
    if (err == E_OK && is_new) {
        served = plan_found(p, s->plan->node, init->server_count, init->server_max);
        for (unsigned i = 0; i < served; i++) {
            server_add(init);
        }
        allow_renew(init);
        report_found(init, first);
        init->dirty = true;
    }
    if (p->dropped != dropped) {
        report_server_name(init, s, path, sizeof(path));
        report(init, LOG_ERROR,
               "%s: %u devices or references left out: more than init's tables hold", path,
               p->dropped - dropped);
    }
    m->w[0] = p->found_count - first;
    m->w[1] = served;
    return err;
}

static status_t gone(struct init *init, const struct server *s, uint64_t offset)
{
    int index = offset <= TREE_MAX_LEN ? plan_node_index(&init->plan, (int)offset) : -1;
    struct plan_node *n = index >= 0 ? &init->plan.nodes[index] : NULL;
    const struct plan_ref *ref;

    if (n == NULL || !n->is_found || n->service < 0) {
        return E_NOTFOUND;
    }
    struct server *child = &init->servers[n->service];
    if (server_provider(init, child, 0, &ref) != s) { /* its first reference is its bus */
        return E_RIGHTS;
    }
    n->state = NODE_EMPTY;
    supervise_gone(init, child);
    return E_OK;
}

status_t grow_serve(struct init *init, const struct server *s, struct msg *m)
{
    if (s->plan->class != PLAN_BUS || s->plan->node < 0) {
        return E_RIGHTS;
    }
    return info_op(m->info) == INIT_OP_GROW ? grow(init, s, m) : gone(init, s, m->w[0]);
}
