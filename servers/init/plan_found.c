/* SPDX-License-Identifier: BSD-2-Clause
 * plan_found - nodes that came into the tree after the plan was made: what the server of a bus found. Each is planned as the others
 * were, but for two things: it refers to the bus's server ("parent"), whatever its driver's table says, and its rank is above
 * that of all drivers and below that of the muxes, so that whatever it refers to is lower.
 *
 * Nothing that is planned already changes: who has a page for itself keeps it.
 */
#include "plan.h"
#include <string.h>
#include <tree_chain.h>

static bool found_add(struct plan *p, int offset, int parent)
{
    int index = (int)(p->node_count + p->found_count);
    struct plan_node *n = &p->nodes[index];

    if (p->found_count == p->found_max) {
        p->dropped++;
        return false;
    }
    p->found_count++;
    *n = (struct plan_node){ .offset = offset,
                             .parent = parent,
                             .is_enabled = true,
                             .is_found = true,
                             .service = -1,
                             .other = -1 };
    if (tree_is_pci(p->fdt, offset) || tree_compatible(p->fdt, offset, "pciclass,0600") >= 0) {
        return true; /* a bridge, or the host bridge itself: the bus's server drives it */
    }
    if (!plan_read_windows_of(p, index)) {
        n->error = E_LIMIT;
    }
    plan_match_node(p, n);
    return true;
}

/* False: it has none, or none is to be had. */
static bool found_serve(struct plan *p, int index, unsigned service, unsigned end)
{
    struct plan_node *n = &p->nodes[index];

    if (n->state != NODE_SERVED) {
        return false;
    }
    n->error = service >= end ? E_FULL : n->error;
    plan_take_windows_of(p, n);
    if (n->state != NODE_SERVED) {
        return false;
    }
    plan_put_service(p, service, index);
    p->services[service].rank = p->found_rank;
    if (p->services[service].is_waiting) {
        n->state = NODE_WAITING;
        n->other = p->services[service].need_node;
    } else {
        p->found_rank++;
    }
    return true;
}

unsigned plan_found(struct plan *p, int bus, unsigned next, unsigned end)
{
    int above[TREE_MAX_DEPTH + 1] = { bus };
    unsigned first = p->found_count, service = next;

    end = end < PLAN_SERVICES_MAX ? end : PLAN_SERVICES_MAX;
    for (int depth = 0, offset = tree_next(p->fdt, p->nodes[bus].offset, &depth);
         offset >= 0 && depth > 0; offset = tree_next(p->fdt, offset, &depth)) {
        int level = depth > TREE_MAX_DEPTH ? TREE_MAX_DEPTH : depth;
        int index = plan_node_index(p, offset);
        if (index < 0 && strncmp(tree_name(p->fdt, offset), "__", 2) != 0 &&
            found_add(p, offset, above[level - 1])) {
            index = (int)(p->node_count + p->found_count) - 1;
        }
        above[level] = index >= 0 ? index : bus;
    }
    for (unsigned i = first; i < p->found_count; i++) {
        service += found_serve(p, (int)(p->node_count + i), service, end);
    }
    return service - next;
}
