/* SPDX-License-Identifier: BSD-2-Clause
 * plan_replace - whether another image can serve what a service serves now (`restart NAME --from FILE`). Order, windows and
 * handles were decided for the first image; one that fits needs no others.
 */
#include "plan.h"
#include <stdio.h>
#include <string.h>

enum { PLAN_SERVICE_REFS = 192 }; /* more than one service can have: see plan_resolve_service */

static const struct dev_match *match_of(const struct plan_image *image, const char *compatible,
                                        uint32_t flag)
{
    for (unsigned i = 0; i < image->match_count; i++) {
        const struct dev_match *m = &image->match[i];
        if ((m->flags & MATCH_SERVICE) == flag && strcmp(m->compatible, compatible) == 0) {
            return m;
        }
    }
    return NULL;
}

/* The entry of the image's match table for that service: of its node's compatibles the most specific; NULL: none. */
static const struct dev_match *find_match(const struct plan *p, const struct plan_service *s,
                                          const struct plan_image *image)
{
    const struct dev_match *match = NULL;
    const char *compatible;

    if (s->node < 0) {
        return match_of(image, s->match->compatible, MATCH_SERVICE);
    }
    for (unsigned i = 0;
         match == NULL &&
         (compatible = tree_string_at(p->fdt, p->nodes[s->node].offset, "compatible", i)) != NULL;
         i++) {
        match = match_of(image, compatible, 0);
    }
    /* or the very entry that registers decided for (plan_look.c): they say the same to another image */
    return match != NULL ? match : match_of(image, s->match->compatible, 0);
}

/* Whether the match table alone fits; if not, why. */
static bool fits(const struct plan *p, const struct plan_service *s, const struct plan_image *image,
                 const struct dev_match *m, char *why, size_t len)
{
    if (m == NULL) {
        (void)snprintf(why, len, "it serves \"%s\"%s, and not \"%s\"", image->match[0].compatible,
                       image->match_count > 1 ? " and others" : "", s->match->compatible);
    } else if (strcmp(m->provides, s->match->provides) != 0) {
        (void)snprintf(why, len, "it is of class \"%s\", and clients of this server know \"%s\"",
                       m->provides, s->match->provides);
    } else if (s->class == PLAN_IRQ_ROOT && !(m->flags & MATCH_IRQ_ROOT)) {
        (void)snprintf(why, len, "it cannot be the root of interrupts");
    } else if (s->node >= 0 && p->nodes[s->node].window_count == 0 && plan_requires_reg(m)) {
        (void)snprintf(why, len, "it needs a reg, which the node has not");
    } else {
        return true;
    }
    return false;
}

/* The same reference of the service as it is; NULL: it has none, so that it got no handle for it. */
static struct plan_ref *find_ref(struct plan *p, const struct plan_service *s,
                                 const struct plan_ref *like)
{
    for (unsigned i = 0; i < s->ref_count; i++) {
        struct plan_ref *ref = &p->refs[s->ref + i];
        if (ref->property == like->property && ref->index == like->index &&
            ref->provider == like->provider) {
            return ref;
        }
    }
    return NULL;
}

/* Whether a required reference of the other image's has a handle; if not, why. */
static bool is_met(struct plan *p, unsigned service, const struct plan_ref *ref, char *why,
                   size_t len)
{
    const struct plan_service *s = &p->services[service];
    const struct plan_service *provider = &p->services[ref->provider];
    char index[8];

    if (!ref->is_required ||
        (ref->provider < (int)service && !provider->is_waiting && find_ref(p, s, ref) != NULL)) {
        return true;
    }
    (void)snprintf(index, sizeof(index), "%u", ref->index); /* fits: below PLAN_NODE_REFS */
    (void)snprintf(
        why, len, "it cannot do without %s %s, for which %s got no handle", ref->property,
        ref->property == plan_service_property ? provider->match->provides : index, s->image->name);
    return false;
}

status_t plan_replace(struct plan *p, unsigned service, const struct plan_image *image, char *why,
                      size_t len)
{
    struct plan_service *s = &p->services[service];
    struct plan_ref refs[PLAN_SERVICE_REFS];
    struct plan fit = *p; /* its references, if it were there instead */
    struct plan_service other = {
        .image = image, .node = s->node, .class = s->class, .need_node = -1
    };
    char need[256];

    other.match = find_match(p, s, image);
    if (!fits(p, s, image, other.match, why, len)) {
        return E_INVAL;
    }
    fit.refs = refs;
    fit.ref_count = 0;
    plan_resolve_service(&fit, &other);
    if (other.is_waiting) {
        plan_why_waiting(&fit, &other, need, sizeof(need));
        (void)snprintf(why, len, "it cannot do without %s", need);
        return E_INVAL;
    }
    for (unsigned i = 0; i < other.ref_count; i++) {
        if (!is_met(p, service, &refs[i], why, len)) {
            return E_INVAL;
        }
    }
    for (unsigned i = 0; i < other.ref_count; i++) {
        struct plan_ref *ref = find_ref(p, s, &refs[i]);
        if (ref != NULL && refs[i].is_required) {
            ref->is_required = true;
        }
    }
    return E_OK;
}
