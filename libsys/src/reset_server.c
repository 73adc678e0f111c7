/* SPDX-License-Identifier: BSD-2-Clause
 * Servers of reset controllers (reset_server.h): who may reset what.
 */
#include <cambium/reset_server.h>
#include <tree.h>

/* Which reset entry `index` of the caller's `resets` means. */
static status_t reset_find(struct node node, const struct reset_server_ops *ops, uint32_t caller,
                           uint64_t index, struct tree_ref *out)
{
    if (caller == 0 || caller >= tree_len(node.tree)) {
        return E_RIGHTS; /* a program's session: only init's badges for nodes are that small */
    }
    if (index > UINT32_MAX ||
        tree_reference(node.tree, (int)caller, "resets", "#reset-cells", (unsigned)index, out) !=
            E_OK ||
        out->node != node.offset) {
        return E_NOTFOUND;
    }
    return out->cell_count == ops->cell_count ? E_OK : E_RANGE;
}

static status_t reset_serve(struct node node, const struct reset_server_ops *ops, void *controller,
                            uint32_t caller, struct msg *m)
{
    uint32_t op = info_op(m->info);
    struct tree_ref ref;
    bool is_asserted = false;

    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    if (op < RESET_OP_ASSERT || op > RESET_OP_PULSE) {
        return E_NOSYS;
    }
    status_t err = reset_find(node, ops, caller, m->w[0], &ref);
    if (err) {
        return err;
    }
    if (op == RESET_OP_PULSE) {
        return ops->pulse != NULL ? ops->pulse(controller, ref.cells) : E_NOSYS;
    }
    if (op != RESET_OP_STATUS) {
        return ops->set != NULL ? ops->set(controller, ref.cells, op == RESET_OP_ASSERT) : E_NOSYS;
    }
    err = ops->get != NULL ? ops->get(controller, ref.cells, &is_asserted) : E_NOSYS;
    m->w[0] = is_asserted;
    return err;
}

_Noreturn void reset_server_run(struct node node, const struct reset_server_ops *ops,
                                void *controller)
{
    event_accept(0); /* no request brings a handle */
    for (;;) {
        struct event ev = event_wait();
        status_t err = ev.kind == EV_COMMAND ? E_NOSYS : E_OK;

        if (ev.kind == EV_CALL) {
            err = reset_serve(node, ops, controller, ev.badge, &ev.msg);
        }
        event_done(&ev, err);
    }
}
