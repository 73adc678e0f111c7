/* SPDX-License-Identifier: BSD-2-Clause
 * plan_order - the one order of all servers, from which law 5 follows: who may call whom.
 *
 * Required references order and hold back; what waits for something unmet waits, and so does what is in a cycle.
 * References that are not required only break ties. Among services that could be next, a lower class goes first (root
 * interrupt controllers, other controllers, buses, drivers, muxes), then the one whose optional references are all
 * placed, then the tree's order. A service's rank is its index + 1 afterwards, and above that of muxes there is room for what
 * buses find later; the waiting ones stand behind.
 */
#include "plan.h"
#include <stdio.h>
#include <string.h>
#include <tree.h>

enum placing { UNPLACED = -1, NEVER = -2 };

bool plan_wait_for_waiting(const struct plan *p, struct plan_service *s)
{
    for (unsigned r = 0; r < s->ref_count && !s->is_waiting; r++) {
        const struct plan_ref *ref = &p->refs[s->ref + r];
        const struct plan_service *provider = &p->services[ref->provider];
        if (ref->is_required && provider->is_waiting) {
            s->is_waiting = true;
            s->need = ref->property;
            s->need_len = (unsigned)strlen(ref->property);
            s->need_node = provider->node;
            return true;
        }
    }
    return false;
}

/* Marks as waiting whatever requires, through others, what waits already. */
static void spread_waiting(struct plan *p)
{
    bool changed = true;

    while (changed) { /* each turn settles at least one service */
        changed = false;
        for (unsigned i = 0; i < p->service_count; i++) {
            changed = plan_wait_for_waiting(p, &p->services[i]) || changed;
        }
    }
}

/* How many references of this kind are not placed yet. */
static unsigned count_missing(const struct plan *p, const struct plan_service *s, const int *place,
                              bool is_required)
{
    unsigned missing = 0;

    for (unsigned r = 0; r < s->ref_count; r++) {
        const struct plan_ref *ref = &p->refs[s->ref + r];
        missing += ref->is_required == is_required && place[ref->provider] == UNPLACED;
    }
    return missing;
}

/* The next service to place; -1: all that are left require each other. */
static int pick_next(const struct plan *p, const int *place)
{
    int best = -1;
    unsigned best_missing = 0;

    for (unsigned i = 0; i < p->service_count; i++) {
        const struct plan_service *s = &p->services[i];
        if (place[i] != UNPLACED || count_missing(p, s, place, true) != 0) {
            continue;
        }
        unsigned missing = count_missing(p, s, place, false);
        if (best < 0 || s->class < p->services[best].class ||
            (s->class == p->services[best].class && missing == 0 && best_missing != 0)) {
            best = (int)i;
            best_missing = missing;
        }
    }
    return best;
}

/* What pick_next left is in a cycle or requires something that is. */
static void mark_cycles(struct plan *p, const int *place)
{
    for (unsigned i = 0; i < p->service_count; i++) {
        struct plan_service *s = &p->services[i];
        if (place[i] != UNPLACED) {
            continue;
        }
        for (unsigned r = 0; r < s->ref_count; r++) {
            const struct plan_ref *ref = &p->refs[s->ref + r];
            if (ref->is_required && place[ref->provider] == UNPLACED) {
                s->is_waiting = true;
                s->is_cyclic = true;
                s->need = ref->property;
                s->need_len = (unsigned)strlen(ref->property);
                s->need_node = p->services[ref->provider].node;
                break;
            }
        }
    }
}

/* Moves the services to their places and rewrites every index of them. */
static void apply_order(struct plan *p, const int *place)
{
    static struct plan_service
        sorted[PLAN_SERVICES_MAX]; /* too big for a stack; written whole before it is read */

    for (unsigned i = 0; i < p->service_count; i++) {
        sorted[place[i]] = p->services[i];
    }
    memcpy(p->services, sorted, p->service_count * sizeof(sorted[0]));
    for (unsigned i = 0; i < p->ref_count; i++) {
        p->refs[i].provider = (int16_t)place[p->refs[i].provider];
    }
    for (unsigned i = 0; i < p->service_count; i++) {
        struct plan_service *s = &p->services[i];
        s->rank = (uint16_t)(i + 1 + (i + 1 < p->found_rank ? 0 : p->found_max));
        if (s->node < 0) {
            continue;
        }
        struct plan_node *n = &p->nodes[s->node];
        n->service = (int16_t)i;
        if (s->is_waiting) {
            n->state = NODE_WAITING;
            n->other = s->need_node;
        }
    }
}

void plan_order(struct plan *p)
{
    int place[PLAN_SERVICES_MAX];
    int next_place = 0;
    int next;

    spread_waiting(p);
    for (unsigned i = 0; i < p->service_count; i++) {
        place[i] = p->services[i].is_waiting ? NEVER : UNPLACED;
    }
    while ((next = pick_next(p, place)) >= 0) {
        place[next] = next_place++;
        p->found_rank += p->services[next].class != PLAN_MUX;
    }
    p->found_rank++;
    mark_cycles(p, place);
    for (unsigned i = 0; i < p->service_count; i++) {
        if (place[i] < 0) {
            place[i] = next_place++;
        }
    }
    apply_order(p, place);
}

static const char *node_why(const struct plan *p, int node)
{
    switch (p->nodes[node].state) {
    case NODE_DISABLED:
        return "which is disabled";
    case NODE_WAITING:
        return "which waits";
    case NODE_COVERED:
        return "which is covered by another node";
    case NODE_REFUSED:
        return "which is refused";
    case NODE_SERVED:
        return "which is served";
    default:
        return p->nodes[node].other >= 0 && p->nodes[node].state == NODE_UNCLAIMED
                   ? "which its bus has not found"
                   : "which no server claims";
    }
}

void plan_why_waiting(const struct plan *p, const struct plan_service *s, char *out, size_t len)
{
    char path[TREE_PATH_LEN];
    size_t at = 0;

    if (len == 0) {
        return;
    }
    out[0] = '\0';
    /* the chain: every service once at most, so it ends in a cycle too */
    for (unsigned hop = 0; hop < p->service_count && at + 1 < len; hop++) {
        int n;
        if (s->need_node < 0) {
            n = snprintf(out + at, len - at, "%.*s%s, which leads nowhere", (int)s->need_len,
                         s->need, s->node < 0 ? " of /chosen" : "");
        } else {
            tree_path(p->fdt, p->nodes[s->need_node].offset, path, sizeof(path));
            n = snprintf(out + at, len - at, "%.*s of %s, %s", (int)s->need_len, s->need, path,
                         hop + 1 == p->service_count && s->is_cyclic ? "a cycle"
                         : s->is_other_class ? "whose server is of another class"
                                             : node_why(p, s->need_node));
        }
        at += n > 0 ? (size_t)n : 0;
        int next = s->need_node < 0 || s->is_other_class ? -1 : p->nodes[s->need_node].service;
        if (next < 0 || !p->services[next].is_waiting || at + 1 >= len) {
            break;
        }
        if (s->is_cyclic && hop > 0) {
            break; /* two of a cycle are enough to see it */
        }
        s = &p->services[next];
        n = snprintf(out + at, len - at, " for ");
        at += n > 0 ? (size_t)n : 0;
    }
}
