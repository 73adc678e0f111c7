/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of class msi (msi_server.h).
 *
 * A slot is free (caller 0), allocated, or attached (port). Detaching tells the controller first and closes the port then, and a
 * slot is free only when it is detached: so a line is nobody's before it can be somebody else's.
 */
#include <cambium/client.h>
#include <cambium/command.h>
#include <cambium/msi_server.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>
#include <tree.h>

enum { CALL_TRIES = 3 }; /* of the controller, while it is restarted again and again */

/* ---- the controller above ---- */

/* The run that a slot with an owner belongs to. */
static struct msi_run run_of(const struct msi_server *s, uint32_t slot)
{
    const struct msi_slot *v = &s->slots[slot];
    struct msi_run run = { v->device, slot - v->vector, 1, v->is_shared };

    while (run.first + run.count < s->slot_count && s->slots[run.first + run.count].caller != 0 &&
           s->slots[run.first + run.count].vector == run.count) {
        run.count++;
    }
    return run;
}

/* bits 0: nobody is told any more. E_DEAD: it was restarted while we asked; its port lives on, so ask again. */
static status_t line_tell(struct msi_server *s, uint32_t slot, uint64_t bits, handle_t port)
{
    status_t err = E_DEAD;

    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        struct msg m = { msg_info(IRQ_OP_MESSAGE, port != 0, 0),
                         { s->first_line + slot, bits, [7] = port } };
        err = msg_call(s->parent, &m);
    }
    if (err == E_OK && s->ops->changed != NULL) {
        struct msi_run run = run_of(s, slot);
        s->ops->changed(s, &run, s->slots[slot].vector);
    }
    return err;
}

static void slot_detach(struct msi_server *s, uint32_t slot)
{
    struct msi_slot *v = &s->slots[slot];

    if (v->port != 0) {
        (void)line_tell(s, slot, 0,
                        0); /* an error says that a new incarnation knows nothing of it */
        (void)sys_handle_close(v->port); /* ours since ATTACH */
        v->port = 0;
    }
}

/* ---- slots ---- */

/* The function's run. E_NOTFOUND: it has none. */
static status_t run_find(const struct msi_server *s, uint32_t caller, uint64_t requester,
                         struct msi_run *out)
{
    for (uint32_t slot = 0; slot < s->slot_count; slot++) { /* its first comes first */
        const struct msi_slot *v = &s->slots[slot];
        if (v->caller == caller && v->requester == requester) {
            *out = run_of(s, slot);
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

static void run_free(struct msi_server *s, const struct msi_run *run)
{
    for (uint32_t n = 0; n < run->count; n++) {
        slot_detach(s, run->first + n);
    }
    s->ops->unmap(s, run);
    for (uint32_t n = 0; n < run->count; n++) {
        s->slots[run->first + n] = (struct msi_slot){ 0 };
    }
}

/* `count` free slots, which begin where the data may. */
static status_t run_room(const struct msi_server *s, uint32_t count, uint32_t *out)
{
    uint32_t align = 1;

    while (align < count) {
        align *= 2;
    }
    uint32_t skip = (align - s->first_data % align) % align;
    for (uint32_t first = skip; first + count <= s->slot_count; first += align) {
        uint32_t n = 0;
        while (n < count && s->slots[first + n].caller == 0) {
            n++;
        }
        if (n == count) {
            *out = first;
            return E_OK;
        }
    }
    return E_FULL;
}

/* ---- requests ---- */

/* What the tree calls who writes with this ID. E_RANGE: nobody whom it sends here. */
static status_t device_find(const struct msi_server *s, uint32_t caller, uint64_t writer,
                            uint32_t *out)
{
    struct tree_ref ref;

    /* only init's badges for nodes are that small */
    if (caller >= tree_len(s->node.tree) || writer > UINT16_MAX ||
        tree_msi(s->node.tree, (int)caller, (uint32_t)writer, &ref) != E_OK ||
        ref.node != s->node.offset) {
        return E_RANGE;
    }
    *out = ref.cell_count != 0 ? ref.cells[0] : (uint32_t)writer;
    return E_OK;
}

static status_t serve_alloc(struct msi_server *s, uint32_t caller, struct msg *m)
{
    uint64_t requester = m->w[0], count = m->w[1], writer = m->w[2];
    struct msi_run run = { .is_shared = writer != 0 }, old;
    uint64_t data = 0;

    if (count == 0 || count > MSI_VECTORS_MAX) {
        return E_INVAL;
    }
    run.count = (uint32_t)count;
    if (requester > UINT16_MAX ||
        device_find(s, caller, run.is_shared ? writer : requester, &run.device) != E_OK) {
        return E_RANGE;
    }
    if (run_find(s, caller, requester, &old) == E_OK) {
        run_free(s, &old);
    }
    status_t err = run_room(s, run.count, &run.first);
    err = err ? err : s->ops->map(s, &run, &data);
    if (err) {
        return err;
    }
    for (uint32_t n = 0; n < run.count; n++) {
        s->slots[run.first + n] = (struct msi_slot){ .caller = caller,
                                                     .requester = (uint16_t)requester,
                                                     .vector = (uint16_t)n,
                                                     .device = run.device,
                                                     .is_shared = run.is_shared };
    }
    m->w[0] = s->address;
    m->w[1] = data;
    m->w[2] = s->first_line + run.first;
    return E_OK;
}

/* The slot of a vector. E_NOTFOUND. */
static status_t vector_find(const struct msi_server *s, uint32_t caller, const struct msg *m,
                            uint32_t *out)
{
    struct msi_run run = { .count = 0 };
    status_t err = run_find(s, caller, m->w[0], &run);

    if (err || m->w[1] >= run.count) {
        return E_NOTFOUND;
    }
    *out = run.first + (uint32_t)m->w[1];
    return E_OK;
}

static status_t serve_attach(struct msi_server *s, uint32_t caller, const struct msg *m,
                             handle_t port)
{
    uint32_t slot = 0;
    status_t err = vector_find(s, caller, m, &slot);

    if (err || port == 0 || m->w[2] == 0) {
        return err ? err : E_INVAL;
    }
    if (s->slots[slot].port == 0 && s->ops->say != NULL) {
        struct msi_run run = run_of(s, slot);
        s->ops->say(s, &run, s->slots[slot].vector);
    }
    err = line_tell(s, slot, m->w[2], port);
    if (err) {
        return err; /* what was attached before is either still told, or masked */
    }
    if (s->slots[slot].port != 0) {
        (void)sys_handle_close(s->slots[slot].port); /* attaching again replaces */
    }
    s->slots[slot].port = port;
    s->slots[slot].bits = m->w[2];
    return E_OK;
}

static status_t msi_server_request(struct msi_server *s, uint32_t caller, struct msg *m)
{
    handle_t given = info_handles(m->info) != 0 ? (handle_t)m->w[MSG_WORDS - 1] : 0;
    struct msi_run run = { .count = 0 };
    uint32_t slot = 0;
    status_t err = E_NOSYS;

    switch (info_op(m->info)) {
    case MSI_OP_ALLOC:
        err = serve_alloc(s, caller, m);
        break;
    case MSI_OP_FREE:
        err = run_find(s, caller, m->w[0], &run);
        if (!err) {
            run_free(s, &run);
        }
        break;
    case MSI_OP_ATTACH:
        return serve_attach(s, caller, m, given); /* E_OK: the slot has the handle now */
    case MSI_OP_DETACH:
        err = vector_find(s, caller, m, &slot);
        if (!err) {
            slot_detach(s, slot);
        }
        break;
    }
    if (given != 0 && err == E_OK) {
        (void)sys_handle_close(given); /* not wanted: it must not fill our table */
    }
    return err;
}

/* ---- events ---- */

static void msi_server_closed(struct msi_server *s, uint32_t caller)
{
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        if (s->slots[slot].caller == caller) {
            struct msi_run run = run_of(s, slot);
            run_free(s, &run);
        }
    }
}

/* A new incarnation of the controller knows of no message. */
static status_t msi_server_rebind(struct msi_server *s)
{
    status_t err = E_OK;

    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        const struct msi_slot *v = &s->slots[slot];
        status_t e = v->port != 0 ? line_tell(s, slot, v->bits, v->port) : E_OK;
        err = err ? err : e;
    }
    return err;
}

status_t msi_server_open(struct msi_server *s)
{
    s->parent = start_handle("parent");
    s->parent = s->parent != 0 ? s->parent : start_handle("msi-ranges 0");
    if (s->parent == 0) {
        log_error("no handle to the server of the interrupt controller above");
        return E_NOTFOUND;
    }
    event_accept(1);
    return E_OK;
}

status_t msi_server_event(struct msi_server *s, struct event *ev)
{
    switch (ev->kind) {
    case EV_CALL:
        return ev->badge != 0 ? msi_server_request(s, ev->badge, &ev->msg) : E_RANGE;
    case EV_CLOSED:
        msi_server_closed(s, ev->badge);
        return E_OK;
    case EV_COMMAND:
        return info_op(ev->msg.info) == COMMAND_REBIND ? msi_server_rebind(s) : E_NOSYS;
    default:
        return E_OK; /* nothing else was asked for */
    }
}
