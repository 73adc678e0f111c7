/* SPDX-License-Identifier: BSD-2-Clause
 * command - what init wants of servers, without ever waiting for one (law 5).
 *
 * A command goes into the page that init shares with the server: op and args, then seq (release), then bit
 * EVENT_BIT_COMMAND at the server's port. The server writes status, then done = seq (release), and notifies init. There
 * is one open command per server; what else is wanted stands in its sets and follows. Order among them: masking a dead
 * child's lines first (its restart waits for that), then news about other servers, then the question whether it lives.
 *
 * The other side is libsys/src/driver.c. Nothing that a server writes into the page is trusted: a wrong `done` only makes
 * that server late.
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/thread.h>
#include <string.h>
#include "init.h"

static int server_node(const struct init *init, const struct server *s)
{
    return s->plan->node >= 0 ? init->plan.nodes[s->plan->node].offset : -1;
}

/* The node for which a server speaks beside its own (INIT_OP_CHILDREN); 0: none. */
static int server_kept(const struct init *init, const struct server *s)
{
    const struct plan *p = &init->plan;

    for (unsigned i = 0; i < p->node_count; i++) {
        if (p->nodes[i].keeper == (int)s->number && (int)i != s->plan->node) {
            return p->nodes[i].offset;
        }
    }
    return 0;
}

static void command_send(struct server *s, enum command_op op, unsigned about, int64_t arg,
                         const char *name, int kept)
{
    struct command_page *page = s->child.command;

    page->op = op;
    memset(page->arg, 0, sizeof(page->arg));
    page->arg[0] = (uint64_t)arg;
    page->arg[4] = (uint64_t)kept;
    if (name != NULL) {
        size_t len = strlen(name);
        size_t room = 3 * sizeof(page->arg[0]) - 1;
        memcpy(&page->arg[1], name, len < room ? len : room);
    }
    __atomic_store_n(&page->seq, page->seq + 1,
                     __ATOMIC_RELEASE); /* pairs with the server's acquire of seq */
    s->command_open = true;
    s->command_op = op;
    s->command_about = about;
    s->command_ns = time_now_ns();
    (void)sys_notify(s->port, 1ull << EVENT_BIT_COMMAND); /* our port */
}

void command_pump(struct init *init, struct server *s)
{
    int about;

    if (s->child.process == 0 || s->plan == NULL || s->command_open) {
        return;
    }
    if ((about = set_first(&s->quiesce)) >= 0) {
        set_remove(&s->quiesce, (unsigned)about);
        command_send(s, COMMAND_IRQ_QUIESCE, (unsigned)about,
                     server_node(init, &init->servers[about]), NULL, 0);
    } else if ((about = set_first(&s->dma_off)) >= 0) {
        set_remove(&s->dma_off, (unsigned)about);
        command_send(s, COMMAND_DMA_OFF, (unsigned)about, server_node(init, &init->servers[about]),
                     NULL, 0);
    } else if ((about = set_first(&s->rebind)) >= 0) {
        const struct server *fresh = &init->servers[about];
        set_remove(&s->rebind, (unsigned)about);
        command_send(s, COMMAND_REBIND, (unsigned)about, server_node(init, fresh),
                     fresh->plan->node < 0 ? fresh->plan->match->compatible : NULL,
                     server_kept(init, fresh));
    } else if (s->is_level_due) {
        s->is_level_due = false;
        command_send(s, COMMAND_LOG_LEVEL, s->number, s->log_level, NULL, 0);
    } else if (s->asked == ASKED_NOT_YET) {
        s->asked = ASKED_OPEN;
        command_send(s, COMMAND_PING, s->number, 0, NULL, 0);
    }
}

/* The bus's server says whether its child sends anything any more. */
static void command_dma_is_off(struct init *init, const struct server *s, status_t status)
{
    struct server *child = &init->servers[s->command_about];
    char name[64];

    if (status == E_OK) {
        dma_is_off(init, child);
        return;
    }
    report_server_name(init, child, name, sizeof(name));
    report(init, LOG_WARN, "%s: its bus-mastering could not be taken away (%s): its memory is kept",
           name, err_name(status));
}

void command_look(struct init *init, struct server *s)
{
    const struct command_page *page = s->child.command;
    char name[64];

    if (page == NULL || !s->command_open ||
        __atomic_load_n(&page->done, __ATOMIC_ACQUIRE) != page->seq) {
        return;
    }
    s->command_open = false;
    s->asked = s->asked == ASKED_OPEN ? ASKED_PROVED : s->asked;
    /* somebody's restart waited for it */
    init->dirty =
        init->dirty || s->command_op == COMMAND_IRQ_QUIESCE || s->command_op == COMMAND_DMA_OFF;
    if (s->command_op == COMMAND_DMA_OFF) {
        command_dma_is_off(init, s, page->status);
    }
    if (s->command_op == COMMAND_REBIND && page->status != E_OK && page->status != E_NOSYS &&
        page->status != E_DEAD) {
        report_server_name(init, s, name, sizeof(name));
        report(init, LOG_WARN, "%s: did not bind again to a restarted server: %s", name,
               err_name(page->status));
    }
    command_pump(init, s);
}

void command_reset(struct init *init, struct server *s)
{
    if (s->command_open && s->command_op == COMMAND_DMA_OFF) {
        set_add(&s->dma_off, s->command_about); /* its next incarnation is asked */
    }
    s->command_open = false;
    s->asked = ASKED_PROVED;
    s->is_level_due = s->is_level_set;
    init->suspect = init->suspect >= (int)s->number
                        ? -1
                        : init->suspect;   /* those above may have waited for it */
    s->quiesce = (struct server_set){ 0 }; /* a new controller masks all lines by itself */
    s->rebind = (struct server_set){ 0 };
    init->dirty = true;
}

void command_quiesce(struct init *init, struct server *s)
{
    const struct plan_ref *ref;
    struct server *parent;

    for (unsigned i = 0; (parent = server_provider(init, s, i, &ref)) != NULL; i++) {
        bool is_bus = ref->property == plan_parent_property && parent->plan->class == PLAN_BUS;
        bool is_lines = is_bus || strcmp(ref->property, "interrupts") == 0;
        if (is_bus) { /* whenever it runs */
            set_add(&parent->dma_off, s->number);
        }
        if (is_lines && parent->state == SERVICE_RUNNING) {
            set_add(&parent->quiesce, s->number);
        }
        command_pump(init, parent);
    }
}

bool command_quiescing(struct init *init, const struct server *s)
{
    const struct plan_ref *ref;
    const struct server *parent;

    for (unsigned i = 0; (parent = server_provider(init, s, i, &ref)) != NULL; i++) {
        if (set_has(&parent->quiesce, s->number) || set_has(&parent->dma_off, s->number) ||
            (parent->command_open &&
             (parent->command_op == COMMAND_IRQ_QUIESCE || parent->command_op == COMMAND_DMA_OFF) &&
             parent->command_about == s->number)) {
            return true;
        }
    }
    return false;
}

/* Whether `user` was given a handle to its port. */
static bool is_bound(struct init *init, const struct server *user, const struct server *s)
{
    const struct plan_ref *ref;
    const struct server *provider;

    for (unsigned k = 0; (provider = server_provider(init, user, k, &ref)) != NULL; k++) {
        if (provider == s) {
            return true;
        }
    }
    return false;
}

void command_rebind(struct init *init, const struct server *s)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *user = &init->servers[i];
        bool opens = user->plan != NULL && set_has(&user->allow.servers, s->number);
        if (user->child.process != 0 &&
            (opens || (s->incarnation != 1 && is_bound(init, user, s)))) {
            set_add(&user->rebind, s->number);
        }
        command_pump(init, user);
    }
}
