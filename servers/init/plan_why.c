/* SPDX-License-Identifier: BSD-2-Clause
 * plan_why - why a node is refused or covered, and what a server refers to, in a sentence for the log and the command tree. The plan keeps an error
 * code only; what exactly is wrong is looked up again when somebody asks. (Why one waits: plan_order.c.)
 */
#include "plan.h"
#include <stdio.h>

/* Which reg entry is wrong, and how. */
static void plan_why_reg(const struct plan *p, const struct plan_node *n, char *out, size_t len)
{
    const char *flaw = NULL;
    struct tree_range r;
    status_t err = E_OK;
    unsigned i;

    for (i = 0; flaw == NULL && !err && i < PLAN_NODE_WINDOWS; i++) {
        err = plan_reg(p, (int)(n - p->nodes), i, &r);
        flaw = err ? NULL : plan_window_flaw(p, r.base, r.len);
    }
    if (flaw != NULL) {
        (void)snprintf(out, len, "reg %u, 0x%llx with 0x%llx bytes, %s", i - 1,
                       (unsigned long long)r.base, (unsigned long long)r.len, flaw);
    } else if (err == E_RANGE) {
        (void)snprintf(out, len, "reg %u wraps, or is not in the ranges of a bus above", i - 1);
    } else if (err == E_NOSYS) {
        (void)snprintf(out, len, "a bus above has no ranges: the CPU cannot reach it");
    } else {
        (void)snprintf(out, len,
                       "its reg, or a ranges above, is cut short, or cells are out of range");
    }
}

void plan_why_refused(const struct plan *p, const struct plan_node *n, char *out, size_t len)
{
    char path[TREE_PATH_LEN] = "";

    if (len > 0) {
        out[0] = '\0';
    }
    if (n->other >= 0) {
        tree_path(p->fdt, p->nodes[n->other].offset, path, sizeof(path));
    }
    if (n->state == NODE_COVERED) {
        (void)snprintf(out, len, "covered by %s", path);
    } else if (n->state != NODE_REFUSED) {
        return;
    } else if (n->error == E_BUSY) {
        (void)snprintf(out, len, "a second root; the CPU's is %s", path);
    } else if (n->error == E_FULL) {
        (void)snprintf(out, len, "more than %d servers", PLAN_SERVICES_MAX);
    } else if (n->error == E_LIMIT) {
        (void)snprintf(out, len, "more than %d windows", PLAN_NODE_WINDOWS);
    } else if (n->error == E_IO) {
        (void)snprintf(out, len, "nothing answers at its reg 0, which would say what is there");
    } else if (n->error == E_NOTFOUND) {
        (void)snprintf(out, len, "it has no reg, which %s needs", n->image->name);
    } else {
        plan_why_reg(p, n, out, len);
    }
}

/* Whether the next reference is the same property's next index, with the same provider. */
static bool ref_goes_on(const struct plan_ref *ref)
{
    return ref[1].property == ref->property && ref[1].index == ref->index + 1 &&
           ref[1].provider == ref->provider;
}

void plan_references(const struct plan *p, const struct plan_service *s, char *out, size_t len)
{
    char path[TREE_PATH_LEN];
    size_t at = 0;

    if (len > 0) {
        out[0] = '\0';
    }
    for (unsigned i = 0; i < s->ref_count && at + 1 < len; i++) {
        const struct plan_ref *ref = &p->refs[s->ref + i];
        const struct plan_service *to = &p->services[ref->provider];
        unsigned last = ref->index; /* of a run to the same provider: a PCI bus has a dozen */

        while (i + 1 < s->ref_count && ref_goes_on(&p->refs[s->ref + i])) {
            last = p->refs[s->ref + ++i].index;
        }
        (void)snprintf(path, sizeof(path), "%s",
                       to->match->provides); /* fits: shorter than a path */
        if (to->node >= 0) {
            tree_path(p->fdt, p->nodes[to->node].offset, path, sizeof(path));
        }
        const char *separator = at > 0 ? ", " : "";
        int n = last != ref->index ? snprintf(out + at, len - at, "%s%s %u..%u -> %s", separator,
                                              ref->property, ref->index, last, path)
                : s->node >= 0 && ref->property != plan_service_property &&
                        ref->property != plan_parent_property
                    ? snprintf(out + at, len - at, "%s%s %u -> %s", separator, ref->property,
                               ref->index, path)
                    : snprintf(out + at, len - at, "%s%s -> %s", separator, ref->property, path);
        at += n > 0 ? (size_t)n : 0;
    }
}
