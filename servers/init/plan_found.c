/* SPDX-License-Identifier: BSD-2-Clause
 * plan_found - nodes that get their servers after the plan was made: what the server of a bus found, and what lies below that in the
 * firmware's tree. Each is planned as the others were, but for two things: what was found refers to the bus's server ("parent"),
 * whatever its driver's table says; and its rank is above that of all drivers and below that of the muxes, in an order in which
 * whatever it refers to is lower. A service that waited for one of these waits no more, and gets such a rank, too.
 *
 * Nothing else of what is planned already changes: who has a page for itself keeps it, and who runs keeps its handles.
 */
#include "plan.h"
#include <string.h>
#include <tree_chain.h>

/* A function: unlike other nodes it has its BARs, not what reg says. */
static void function_plan(struct plan *p, int index)
{
    struct plan_node *n = &p->nodes[index];

    n->is_found = true;
    n->is_fresh = true;
    n->error = E_OK;
    n->state = NODE_NONE;
    n->other = -1;
    if (tree_is_pci(p->fdt, n->offset) ||
        tree_compatible(p->fdt, n->offset, "pciclass,0600") >= 0) {
        return; /* a bridge, or the host bridge itself: the bus's server drives it */
    }
    n->window_count = 0;
    if (!plan_read_windows_of(p, index)) {
        n->error = E_LIMIT;
    }
    plan_match_node(p, n);
}

static bool found_add(struct plan *p, int offset, int parent)
{
    int index = (int)(p->node_count + p->found_count);

    if (p->found_count == p->found_max) {
        p->dropped++;
        return false;
    }
    p->found_count++;
    p->nodes[index] = (struct plan_node){ .offset = offset,
                                          .parent = parent,
                                          .is_enabled = true,
                                          .service = -1,
                                          .keeper = -1,
                                          .other = -1 };
    function_plan(p, index);
    return true;
}

/* Whether a node of the firmware's tree was completed by its bus's server, and nobody has taken note. */
static bool is_confirmed(const struct plan *p, int index)
{
    const struct plan_node *n = &p->nodes[index];
    int len = 1;

    return !n->is_found && n->is_enabled && !n->is_meta &&
           tree_prop(p->fdt, n->offset, PLAN_ROOM_PROPERTY, &len) != NULL && len == 0;
}

/* ---- services ---- */

/* A service at `index` for a node that is claimed. One that waits for something is put only if it `may_wait`: another of the
 * same bus, not put yet, may be what it waits for. */
static bool found_serve(struct plan *p, int node, unsigned index, bool may_wait)
{
    struct plan_node *n = &p->nodes[node];
    struct plan_service *s = &p->services[index];

    plan_put_service(p, index, node);
    plan_wait_for_waiting(p, s);
    if (s->is_waiting && !may_wait) {
        p->ref_count = s->ref;
        n->service = -1;
        return false;
    }
    s->rank = p->found_rank;
    if (s->is_waiting) {
        n->state = NODE_WAITING;
        n->other = s->need_node;
    } else {
        p->found_rank++;
    }
    return true;
}

/* What waited from the beginning, and waits no more. */
static bool wake(struct plan *p, struct plan_service *s)
{
    struct plan_service before = *s;
    unsigned refs = p->ref_count;

    s->is_waiting = s->is_cyclic = s->is_other_class = false;
    s->ref_count = 0;
    plan_resolve_service(p, s);
    plan_wait_for_waiting(p, s);
    if (s->is_waiting) {
        p->ref_count = refs;
        *s = before;
        return false;
    }
    s->rank = s->class == PLAN_MUX ? s->rank : p->found_rank++;
    if (s->node >= 0) {
        p->nodes[s->node].state = NODE_SERVED;
        p->nodes[s->node].other = -1;
        p->nodes[s->node].is_fresh = true;
    }
    return true;
}

static unsigned node_end(const struct plan *p)
{
    return p->node_count + p->found_count;
}

/* Services for all that is fresh and claimed, whatever it needs first; then there may be some that can only wait. */
static unsigned serve_fresh(struct plan *p, unsigned next, unsigned end)
{
    unsigned service = next;
    bool is_last = false, is_over;

    do {
        bool has_moved = false;
        is_over = is_last;
        for (unsigned i = 0; i < node_end(p); i++) {
            struct plan_node *n = &p->nodes[i];
            if (!n->is_fresh || n->state != NODE_SERVED || n->service >= 0) {
                continue;
            }
            n->error = service >= end ? E_FULL : n->error;
            plan_take_windows_of(p, n);
            if (n->state == NODE_SERVED && found_serve(p, (int)i, service, is_last)) {
                service++;
                has_moved = true;
            }
        }
        for (unsigned i = 0; i < next && i < PLAN_SERVICES_MAX; i++) {
            struct plan_service *s = &p->services[i];
            /* without an image: an index that is no service's, but the shell's */
            has_moved = (s->image != NULL && s->is_waiting && wake(p, s)) || has_moved;
        }
        is_last = !has_moved;
    } while (!is_over);
    return service - next;
}

/* ---- what buses and functions say ---- */

unsigned plan_found(struct plan *p, int bus, unsigned next, unsigned end)
{
    int above[TREE_MAX_DEPTH + 1] = { bus };

    for (int depth = 0, offset = tree_next(p->fdt, p->nodes[bus].offset, &depth);
         offset >= 0 && depth > 0; offset = tree_next(p->fdt, offset, &depth)) {
        int level = depth > TREE_MAX_DEPTH ? TREE_MAX_DEPTH : depth;
        int index = plan_node_index(p, offset);
        if (index < 0 && strncmp(tree_name(p->fdt, offset), "__", 2) != 0 &&
            found_add(p, offset, above[level - 1])) {
            index = (int)node_end(p) - 1;
        } else if (index >= 0 && is_confirmed(p, index)) {
            function_plan(p, index);
        }
        above[level] = index >= 0 ? index : bus;
    }
    return serve_fresh(p, next, end < PLAN_SERVICES_MAX ? end : PLAN_SERVICES_MAX);
}

/* The nearest bus with a server above a node; -1. */
static int bus_above(const struct plan *p, int node)
{
    for (node = p->nodes[node].parent; node >= 0; node = p->nodes[node].parent) {
        if (p->nodes[node].service >= 0 && p->services[p->nodes[node].service].class == PLAN_BUS) {
            return node;
        }
    }
    return -1;
}

status_t plan_keep(struct plan *p, unsigned service, int node, unsigned next, unsigned end,
                   unsigned *out_count)
{
    int function = p->services[service].node;
    struct plan_node *n = &p->nodes[node];

    *out_count = 0;
    if (function < 0 || !p->nodes[function].is_found || (unsigned)node >= p->node_count ||
        !n->is_enabled || bus_above(p, node) < 0 || bus_above(p, node) != bus_above(p, function)) {
        return E_RIGHTS;
    }
    if (n->keeper >= 0 || (n->service >= 0 && (unsigned)n->service != service)) {
        return n->keeper == (int)service ? E_OK : E_BUSY;
    }
    n->keeper = (int16_t)service;
    n->other = -1;
    n->state = node == function ? n->state : NODE_NONE;
    for (unsigned i = 0; i < p->nodes[function].window_count;
         i++) { /* its BARs: they are handed on */
        p->windows[p->nodes[function].window + i].is_aperture = true;
    }
    unsigned last = (unsigned)node + 1;
    for (; last < p->node_count && p->nodes[last].parent >= node; last++) {
        struct plan_node *below = &p->nodes[last];
        if (below->is_enabled && !below->is_meta) {
            below->is_fresh = true;
            below->state = NODE_NONE;
            below->other = -1;
        }
    }
    plan_match_nodes(p, (unsigned)node + 1, last);
    *out_count = serve_fresh(p, next, end < PLAN_SERVICES_MAX ? end : PLAN_SERVICES_MAX);
    return E_OK;
}

int plan_fresh(struct plan *p, int from)
{
    for (int i = from; i < (int)node_end(p); i++) {
        if (p->nodes[i].is_fresh) {
            p->nodes[i].is_fresh = false;
            return i;
        }
    }
    return -1;
}
