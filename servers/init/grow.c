/* SPDX-License-Identifier: BSD-2-Clause
 * grow - the tree grows: what the server of a PCI host bridge finds becomes nodes below that bridge's node, and is planned and
 * served as all others (INIT_OP_GROW in proto/init.h).
 *
 * Everybody has the tree mapped, and names nodes by their offsets, which must stay. So init copies the kernel's tree, before
 * it makes the plan, and puts below each host bridge a node PLAN_ROOM, whose one property is as long as what may come. Growing
 * writes the new nodes into that property's value, where nobody looks, behind the token that ends the node, and with a new
 * PLAN_ROOM at their end; then one store sets the property's length to 0. Whoever walks the tree meanwhile sees the old tree or the
 * new one. A function that the firmware's tree has already bears such a property itself, for those of what the bus's server says of it
 * that it lacks. Names of properties stand in the tree's block of strings, which cannot grow: those of the PCI bus binding are put
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
    ROOM_HEAD = 64,          /* of that, what the PLAN_ROOM behind new nodes takes */
    FUNCTION_ROOM_LEN = 512, /* per function that the tree has already: properties, no nodes */
    HOSTS_MAX = 8,
    NAMES_LEN =
        1024,      /* more than strings and empty properties of the names below take, per bridge */
    NAMES_MAX = 32 /* different names of properties in one blob */
};
/* IEEE Std 1275 PCI Bus Binding, rev. 2.1, 4.1 and 4.2, and what the Devicetree Specification has for buses. */
static const char *const names[] = { "#address-cells", "#size-cells",  "assigned-addresses",
                                     "bus-range",      "class-code",   "compatible",
                                     "device-id",      "device_type",  "dma-ranges",
                                     "interrupts",     "ranges",       "reg",
                                     "revision-id",    "subsystem-id", "subsystem-vendor-id",
                                     "vendor-id" };
enum { NAMES = sizeof(names) / sizeof(names[0]) };

/* ---- room ---- */

/* Whether a node stands for a function: its reg is in configuration space, and its parent a bus of PCI. */
static bool is_function(const void *fdt, int node, bool is_parent_pci)
{
    enum { SPACE_SHIFT = 24, SPACE_MASK = 3, ROW_CELLS = 5 };
    int len = 0;
    const fdt32_t *reg = is_parent_pci ? tree_prop(fdt, node, "reg", &len) : NULL;

    return reg != NULL && len >= ROW_CELLS * (int)sizeof(*reg) &&
           (fdt32_ld(reg) >> SPACE_SHIFT & SPACE_MASK) == 0;
}

/* The next node, from `node` on, that gets room: a host bridge, or a function that the tree has; -1. *depth is tree_next's. */
struct room_walk {
    int depth, node;
    unsigned hosts;                  /* so far */
    bool is_pci[TREE_MAX_DEPTH + 1]; /* of the nodes above, as buses */
    bool is_host;                    /* the last one */
};

static int room_walk_next(const void *fdt, struct room_walk *w)
{
    while ((w->node = tree_next(fdt, w->node, &w->depth)) >= 0) {
        int level = w->depth > TREE_MAX_DEPTH ? TREE_MAX_DEPTH : w->depth;
        bool is_parent_pci = level > 0 && w->is_pci[level - 1];

        w->is_pci[level] = tree_is_pci(fdt, w->node);
        w->is_host = w->is_pci[level] && !is_parent_pci && tree_enabled(fdt, w->node);
        if (w->is_host && w->hosts == HOSTS_MAX) {
            return -1;
        }
        w->hosts += w->is_host;
        if (w->is_host || is_function(fdt, w->node, is_parent_pci)) {
            return w->node;
        }
    }
    return -1;
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
    return err ? err : fdt_setprop_placeholder(fdt, room, PLAN_ROOM_PROPERTY, ROOM_LEN, &unused);
}

/* Makes the copy, in `len` bytes at `to`. */
static int copy_tree(const void *from, void *to, size_t len)
{
    int err = fdt_open_into(from, to, (int)len);
    struct room_walk walk = { .depth = -1, .node = -1 };
    void *unused;

    while (err == 0 && room_walk_next(to, &walk) >= 0) {
        err = walk.is_host ? add_room(to, walk.node)
                           : fdt_setprop_placeholder(to, walk.node, PLAN_ROOM_PROPERTY,
                                                     FUNCTION_ROOM_LEN, &unused);
    }
    return err;
}

status_t grow_prepare(struct init *init)
{
    struct room_walk walk = { .depth = -1, .node = -1 };
    uint64_t len = tree_used(init->fdt);
    handle_t memory;

    while (room_walk_next(init->fdt, &walk) >= 0) {
        len +=
            walk.is_host ? ROOM_LEN + NAMES_LEN : FUNCTION_ROOM_LEN + sizeof(struct fdt_property);
    }
    len = (len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    if (walk.hosts == 0) {
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
                                ? tree_prop(fdt, node, PLAN_ROOM_PROPERTY, &len)
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

static int child_named(const void *fdt, int bus, const char *name)
{
    int node = tree_next_child(fdt, bus, -1);

    while (node >= 0 && strcmp(tree_name(fdt, node), name) != 0) {
        node = tree_next_child(fdt, bus, node);
    }
    return node;
}

/* What a blob adds to the tree. Nobody sees any of it before all of it is written. */
struct graft {
    struct dictionary dictionary;
    struct room room; /* below the bus, for nodes */
    bool has_nodes;
    unsigned count; /* of nodes of the tree that are completed */
    struct fdt_property *completed[PLAN_FOUND_MAX];
    unsigned left_out; /* nodes below a function of the tree, where no room is */
};

/* Those properties that a function of the tree lacks are written where its PLAN_ROOM_PROPERTY has its value. Once. */
static status_t complete(struct graft *g, int there, int node)
{
    const void *fdt = g->dictionary.fdt, *blob = g->dictionary.blob;
    int len = 0, ignored;
    uint8_t *at =
        (uint8_t *)(uintptr_t)tree_prop(fdt, there, PLAN_ROOM_PROPERTY, &len); /* in our copy */
    status_t err = E_OK;

    if (at == NULL || len == 0) {
        return E_OK;
    }
    struct room room = { (struct fdt_property *)(void *)(at - sizeof(struct fdt_property)), at,
                         at + len };
    if (g->count == PLAN_FOUND_MAX) {
        return E_LIMIT;
    }
    for (int offset = fdt_first_property_offset(blob, node); offset >= 0 && !err;
         offset = fdt_next_property_offset(blob, offset)) {
        const char *name = fdt_string(blob, (int)fdt32_ld(&tree_property(blob, offset)->nameoff));
        if (name == NULL || tree_prop(fdt, there, name, &ignored) == NULL) {
            err = put_property(&room, &g->dictionary, offset);
        }
    }
    for (fdt32_t nop = cpu_to_fdt32(FDT_NOP); room.at < room.end; room.at += sizeof(nop)) {
        memcpy(room.at, &nop, sizeof(nop));
    }
    g->completed[g->count++] = room.property;
    return err;
}

/* Writes what the tree lacks of the blob: nodes right below the bus with all that is below them, and properties of functions that it
 * has. */
static status_t graft_write(struct graft *g, int bus, unsigned depth)
{
    const void *fdt = g->dictionary.fdt, *blob = g->dictionary.blob;
    int there[TREE_MAX_DEPTH + 1] = {
        bus
    }; /* what each level of the way is in the tree; -1: not there */
    status_t err = E_OK;

    for (int level = 0, node = tree_next(blob, 0, &level); node >= 0 && level > 0 && !err;
         node = tree_next(blob, node, &level)) {
        if (level > TREE_MAX_DEPTH) {
            return E_LIMIT;
        }
        if (!is_name(tree_name(blob, node))) {
            return E_FORMAT;
        }
        int above = there[level - 1];
        there[level] = above < 0 ? -1 : child_named(fdt, above, tree_name(blob, node));
        if (there[level] >= 0) {
            err = complete(g, there[level], node);
        } else if (level == 1) {
            err = put_node(&g->room, &g->dictionary, node, depth);
            g->has_nodes = true;
        } else if (above >= 0) {
            g->left_out++;
        }
    }
    return err;
}

/* Adds to the tree what it lacks of the blob. *out_new: there is something; *out_left_out: what no room is for. */
static status_t graft(const void *fdt, int bus, const void *blob, bool *out_new,
                      unsigned *out_left_out)
{
    struct graft g = { .dictionary = { .blob = blob, .fdt = fdt } };
    struct tree_chain chain;
    status_t err = tree_chain_of(fdt, bus, &chain);

    if (err || !room_find(fdt, bus, &g.room)) {
        return err ? err : E_LIMIT;
    }
    /* of the PLAN_ROOM that they stand in */
    err = room_put_tag(&g.room, FDT_END_NODE) ? graft_write(&g, bus, chain.count) : E_LIMIT;
    if (err) {
        return err;
    }
    if (g.has_nodes) {
        room_publish(&g.room);
    }
    for (unsigned i = 0; i < g.count; i++) {
        __atomic_store_n(&g.completed[i]->len, 0,
                         __ATOMIC_RELEASE); /* what is behind it is whole */
    }
    *out_new = g.has_nodes || g.count != 0;
    *out_left_out = g.left_out;
    return E_OK;
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

/* Says of what was planned just now why it gets no server; how many of them the bus found. */
static unsigned report_fresh(struct init *init)
{
    char path[TREE_PATH_LEN], why[TREE_PATH_LEN];
    struct plan *p = &init->plan;
    unsigned found = 0;

    for (int i = -1; (i = plan_fresh(p, i + 1)) >= 0;) {
        const struct plan_node *n = &p->nodes[i];
        found += n->is_found;
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
    return found;
}

/* The plan has `served` services more, and `dropped` was what it had dropped before; -> nodes that the bus found. */
static unsigned take_services(struct init *init, const struct server *s, unsigned served,
                              unsigned dropped)
{
    char path[TREE_PATH_LEN];
    const struct plan *p = &init->plan;

    for (unsigned i = 0; i < served; i++) {
        server_add(init);
    }
    servers_wake(init);
    allow_renew(init);
    init->dirty = true;
    if (p->dropped != dropped) {
        report_server_name(init, s, path, sizeof(path));
        report(init, LOG_ERROR,
               "%s: %u devices or references left out: more than init's tables hold", path,
               p->dropped - dropped);
    }
    return report_fresh(init);
}

static status_t grow(struct init *init, const struct server *s, struct msg *m)
{
    struct plan *p = &init->plan;
    unsigned served = 0, found = 0, dropped = p->dropped, left_out = 0;
    void *blob = NULL;
    bool is_new = false;
    status_t err = blob_read(m, &blob);

    if (err) {
        return err;
    }
    err = graft(init->fdt, p->nodes[s->plan->node].offset, blob, &is_new, &left_out);
    free(blob);
    p->dropped += left_out;
    if (err == E_OK && is_new) {
        served = plan_found(p, s->plan->node, init->server_count, init->server_max);
    }
    if (err == E_OK && (is_new || left_out != 0)) {
        found = take_services(init, s, served, dropped);
    }
    m->w[0] = found;
    m->w[1] = served;
    return err;
}

static status_t children(struct init *init, const struct server *s, struct msg *m)
{
    struct plan *p = &init->plan;
    unsigned served = 0, dropped = p->dropped;
    int node = m->w[0] <= TREE_MAX_LEN ? plan_node_index(p, (int)m->w[0]) : -1;
    status_t err =
        node < 0 ? E_NOTFOUND
                 : plan_keep(p, s->number, node, init->server_count, init->server_max, &served);

    if (err == E_OK) {
        (void)take_services(init, s, served, dropped); /* none of these was found by a bus */
    }
    m->w[0] = served;
    return err;
}

/* The node of a function that the bus of `s` found, and that has a server; its index. */
static status_t function_at(struct init *init, const struct server *s, uint64_t offset,
                            int *out_index)
{
    int index = offset <= TREE_MAX_LEN ? plan_node_index(&init->plan, (int)offset) : -1;
    const struct plan_node *n = index >= 0 ? &init->plan.nodes[index] : NULL;
    const struct plan_ref *ref;

    if (n == NULL || !n->is_found || n->service < 0) {
        return E_NOTFOUND;
    }
    *out_index = index;
    return server_provider(init, &init->servers[n->service], 0, &ref) == s
               ? E_OK
               : E_RIGHTS; /* its first reference is its bus */
}

static status_t gone(struct init *init, const struct server *s, uint64_t offset)
{
    int index = -1;
    status_t err = function_at(init, s, offset, &index);

    if (!err) {
        init->plan.nodes[index].state = NODE_EMPTY;
        supervise_gone(init, &init->servers[init->plan.nodes[index].service]);
    }
    return err;
}

/* Whether a server has state in what lies below a function: its device, or pins, lines or clocks of one that is in the set. */
static bool has_state_below(struct init *init, const struct server *s, int function,
                            const struct server_set *below)
{
    const struct plan_ref *ref;
    const struct server *provider;

    if (s->plan == NULL || s->plan->node < 0) {
        return false; /* a mux binds itself to its driver's next incarnation */
    }
    if (plan_is_below(&init->plan, s->plan->node, function)) {
        return true;
    }
    for (unsigned i = 0; (provider = server_provider(init, s, i, &ref)) != NULL; i++) {
        if (set_has(below, provider->number)) {
            return true;
        }
    }
    return false;
}

/* All have lost their devices' state at once: so all end before the first of them begins. */
static status_t renew(struct init *init, const struct server *s, struct msg *m)
{
    struct plan *p = &init->plan;
    char path[TREE_PATH_LEN];
    struct server_set below = { 0 };
    unsigned renewed = 0;
    int index = -1;
    status_t err = function_at(init, s, m->w[0], &index);

    if (err) {
        return err;
    }
    p->nodes[index].state = NODE_SERVED;
    for (bool has_news = true; has_news;) { /* what one refers to may have a higher number */
        has_news = false;
        for (unsigned i = 0; i < init->server_count; i++) {
            if (!set_has(&below, i) && has_state_below(init, &init->servers[i], index, &below)) {
                set_add(&below, i);
                has_news = true;
            }
        }
    }
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *lost = &init->servers[i];
        bool begins_anew = lost->state == SERVICE_WAITING || lost->state == SERVICE_RESTARTING;
        if (set_has(&below, i) && !begins_anew) {
            lost->is_gone = false;
            supervise_restart(init, lost);
            renewed++;
        }
    }
    m->w[0] = renewed;
    if (renewed == 0) {
        return E_OK; /* said before */
    }
    init->dirty = true;
    tree_path(init->fdt, p->nodes[index].offset, path, sizeof(path));
    report(init, LOG_WARN, "%s: was reset: %u server%s begin%s anew", path, renewed,
           renewed == 1 ? "" : "s", renewed == 1 ? "s" : "");
    return E_OK;
}

status_t grow_serve(struct init *init, const struct server *s, struct msg *m)
{
    if (s->plan->node < 0) {
        return E_RIGHTS;
    }
    if (info_op(m->info) == INIT_OP_CHILDREN) {
        return children(init, s, m);
    }
    if (s->plan->class != PLAN_BUS) {
        return E_RIGHTS;
    }
    switch (info_op(m->info)) {
    case INIT_OP_GROW:
        return grow(init, s, m);
    case INIT_OP_GONE:
        return gone(init, s, m->w[0]);
    default:
        return renew(init, s, m);
    }
}
