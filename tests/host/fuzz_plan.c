/* SPDX-License-Identifier: BSD-2-Clause
 * The second half of fuzz_boot.c, which knows nothing of the kernel: init's plan of a blob that passed the check, and what
 * must hold of it. And the plain questions about memory with which the kernel's answers are compared.
 */
#include "fuzz.h"
#include "plan.h"
#include <tree.h>

bool fuzz_meets(uint64_t base, uint64_t len, struct tree_range r)
{
    return len != 0 && r.len != 0 && base <= r.base + (r.len - 1) && r.base <= base + (len - 1);
}

bool fuzz_over_ram(const void *fdt, uint64_t base, uint64_t len)
{
    struct tree_range r;
    status_t err;

    for (unsigned i = 0; (err = tree_memory(fdt, i, &r)) != E_NOTFOUND; i++) {
        if (!err && fuzz_meets(base, len, r)) {
            return true;
        }
    }
    return false;
}

bool fuzz_over_reservation(const void *fdt, uint64_t base, uint64_t len)
{
    struct tree_range r;
    bool no_map;
    status_t err;

    for (unsigned i = 0; (err = tree_reservation(fdt, i, &r, &no_map)) != E_NOTFOUND; i++) {
        if (!err && fuzz_meets(base, len, r)) {
            return true;
        }
    }
    return false;
}

static const struct dev_match gic[] = { DEV_MATCH("arm,cortex-a15-gic", "irq", "reg",
                                                  MATCH_IRQ_ROOT),
                                        DEV_MATCH("arm,gic-v3", "irq", "reg", MATCH_IRQ_ROOT) };
static const struct dev_match uart[] = { DEV_MATCH("arm,pl011", "serial", "reg interrupts", 0) };
static const struct dev_match misc[] = {
    DEV_MATCH("virtio,mmio", "bus", "reg interrupts 0", 0),
    DEV_MATCH("arm,pl061", "gpio", "clocks \"apb_pclk\" resets 1", 0),
    DEV_MATCH("arm,pl031", "clock", "clocks interrupts 0", 0)
};
static const struct dev_match mux[] = { DEV_MATCH("console", "serial", "stdout-path",
                                                  MATCH_SERVICE) };
static const struct plan_image plan_images[] = { { "drv/gic", gic, 2 },
                                                 { "drv/uart", uart, 1 },
                                                 { "drv/misc", misc, 3 },
                                                 { "mux/serial", mux, 1 } };

static void check_node(const struct plan *p, const struct plan_node *n)
{
    char why[200];
    uint64_t base, len;

    plan_why_refused(p, n, why, sizeof(why));
    MUST((n->state == NODE_REFUSED || n->state == NODE_COVERED) == (why[0] != '\0'));
    for (unsigned i = 0; n->state == NODE_SERVED && i < n->window_count; i++) {
        plan_window_device(p, n, i, &base, &len);
        MUST(base + len >= base && base + len <= 1ull << 48);
        MUST(!fuzz_over_ram(p->fdt, base, len) && !fuzz_over_reservation(p->fdt, base, len));
    }
}

void fuzz_plan(const void *fdt)
{
    size_t len = plan_arena_len(fdt);
    void *arena = malloc(len);
    char why[200];
    struct plan p;

    MUST(plan_make(fdt, plan_images, 4, NULL, arena, len, &p) == E_OK);
    for (unsigned i = 0; i < p.node_count; i++) {
        MUST(plan_node_index(&p, p.nodes[i].offset) == (int)i);
        check_node(&p, &p.nodes[i]);
    }
    for (unsigned i = 0; i < p.service_count; i++) {
        const struct plan_service *s = &p.services[i];

        for (unsigned r = s->ref; !s->is_waiting && r < s->ref + s->ref_count; r++) {
            MUST(!p.refs[r].is_required || (unsigned)p.refs[r].provider < i);
        }
        plan_why_waiting(&p, s, why, sizeof(why));
    }
    free(arena);
}
