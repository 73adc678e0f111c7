/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of interrupt controllers: what irq_server.h promises and does not inline.
 */
#include <cambium/command.h>
#include <cambium/irq_server.h>
#include <string.h>
#include <tree.h>
#include "irq_shared.h"

/* ---- the tree ---- */

static bool node_is_timer(const void *tree, int node)
{
    return tree_compatible(tree, node, "arm,armv8-timer") >= 0 ||
           tree_compatible(tree, node, "arm,armv7-timer") >= 0;
}

/* Which interrupt of the timer's node is the virtual timer's, the one that the kernel uses. */
static unsigned timer_index(const void *tree, int node)
{
    unsigned index;

    /* without names the order is that of arm,arch_timer.yaml: secure, non-secure, virtual, hypervisor */
    return tree_name_index(tree, node, "interrupt-names", "virt", &index) == E_OK ? index : 2;
}

void irq_server_read_tree(struct irq_server *s)
{
    const void *tree = s->node.tree;
    struct tree_interrupt_walk walk = { 0 };
    struct tree_ref ref;

    s->timer_line = s->line_max;
    s->route_count = 0;
    while (s->route_count < IRQ_ROUTES_MAX && tree_interrupt_next(tree, &walk, &ref)) {
        uint32_t line = s->line_max;
        bool edge = false;
        if (ref.node != s->node.offset || s->ops->decode(s, &ref, &line, &edge) == E_FORMAT) {
            continue; /* another controller's, or nonsense */
        }
        s->routes[s->route_count++] =
            (struct irq_route){ (uint32_t)walk.node, walk.index, line, edge };
        if (node_is_timer(tree, walk.node) && walk.index == timer_index(tree, walk.node)) {
            s->timer_line = line;
            s->timer_edge = edge;
        }
    }
    if (s->route_count == IRQ_ROUTES_MAX) {
        log_warn("more than %u interrupts in the tree: the last ones cannot be attached",
                 (unsigned)IRQ_ROUTES_MAX);
    }
}

/* Index of the first route that is not before (node, index). */
static uint32_t route_search(const struct irq_server *s, uint32_t node, uint64_t index)
{
    uint32_t low = 0, high = s->route_count;

    while (low < high) { /* at most 10 times */
        uint32_t middle = (low + high) / 2;
        const struct irq_route *r = &s->routes[middle];
        if (r->node < node || (r->node == node && r->index < index)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct irq_route *route_of(const struct irq_server *s, uint32_t node, uint64_t index)
{
    uint32_t at = route_search(s, node, index);
    const struct irq_route *found = &s->routes[at];

    return at < s->route_count && found->node == node && found->index == index ? found : NULL;
}

/* ---- lines ---- */

void irq_line_clear(struct irq_line *line)
{
    line->bits = 0;
    line->port = 0;
    line->events = 0;
    line->key = IRQ_KEY_NONE;
}

void irq_server_reset(struct irq_server *s)
{
    for (uint32_t line = 0; line < s->line_count; line++) {
        irq_line_clear(&s->lines[line]);
        s->watch[line] = (struct irq_watch){ 0 };
    }
    irq_line_clear(&s->lines[s->line_max]);
    s->message_count = 0;
    s->message_said = 0;
    s->sharer_count = 0;
    s->silent_ns = 0;
    s->recent = s->recent_table;
    for (uint32_t slot = 0; slot < IRQ_RECENT_LEN; slot++) {
        s->recent[slot] = &s->lines[s->line_max];
    }
}

status_t irq_server_open_timer(struct irq_server *s)
{
    if (s->timer_line == s->line_max) {
        log_error("no timer node names a line of this controller: time will stand still");
        return E_OK;
    }
    s->ops->close(s, s->timer_line);
    status_t err = s->ops->program(s, s->timer_line, s->timer_edge);
    if (!err) {
        s->ops->open(s, s->timer_line);
    }
    return err;
}

static void line_detach(struct irq_server *s, uint32_t number)
{
    s->ops->close(s, number);
    /* ours for certain; nothing could be done about an error either */
    (void)sys_handle_close(s->lines[number].port);
    irq_line_clear(&s->lines[number]);
}

/* Detaches what the route's node has of its line. */
static void route_detach(struct irq_server *s, const struct irq_route *route)
{
    struct irq_sharer *sharer = irq_sharer_find(s, route->line, route->node, route->index);
    const struct irq_line *line = &s->lines[route->line];

    if (sharer != NULL) {
        irq_sharer_detach(s, sharer);
    } else if (line->port != 0 && line->key == irq_line_key(route->node, route->index)) {
        line_detach(s, route->line);
    }
}

void irq_server_closed(struct irq_server *s, uint32_t node)
{
    for (uint32_t at = route_search(s, node, 0); at < s->route_count && s->routes[at].node == node;
         at++) {
        const struct irq_route *route = &s->routes[at];
        route_detach(s, route);
    }
    irq_message_closed(s, node);
}

status_t irq_server_route_add(struct irq_server *s, uint32_t node, uint32_t index, uint32_t line,
                              bool edge)
{
    uint32_t at = route_search(s, node, index);
    struct irq_route *route = &s->routes[at];

    if (at < s->route_count && route->node == node && route->index == index) {
        if (route->line != line) {
            route_detach(s, route);
        }
    } else if (s->route_count == IRQ_ROUTES_MAX) {
        return E_FULL;
    } else {
        memmove(route + 1, route, (s->route_count - at) * sizeof(*route));
        s->route_count++;
    }
    *route = (struct irq_route){ node, index, line, edge };
    return E_OK;
}

void irq_server_route_remove(struct irq_server *s, uint32_t node)
{
    uint32_t first = route_search(s, node, 0), end = first;

    irq_server_closed(s, node);
    while (end < s->route_count && s->routes[end].node == node) {
        end++;
    }
    memmove(&s->routes[first], &s->routes[end], (s->route_count - end) * sizeof(s->routes[0]));
    s->route_count -= end - first;
}

/* The attached line of (node, index), if it has it alone; NULL: none. */
static struct irq_line *line_find(struct irq_server *s, uint32_t node, uint64_t index)
{
    const struct irq_route *route = route_of(s, node, index);
    struct irq_line *line = route != NULL ? &s->lines[route->line] : NULL;

    if (line == NULL || line->key != irq_line_key(node, index)) {
        return NULL;
    }
    if ((s->watch[route->line].flags & IRQ_STAT_STORM) == 0) {
        s->recent[irq_recent_slot(node)] = line;
    }
    return line;
}

/* What (node, index) has of a shared line; NULL: it has none. */
static struct irq_sharer *sharer_find(struct irq_server *s, uint32_t node, uint64_t index)
{
    const struct irq_route *route = route_of(s, node, index);

    return route != NULL ? irq_sharer_find(s, route->line, node, index) : NULL;
}

uint32_t irq_line_number(struct irq_server *s, uint32_t line)
{
    return s->ops->number != NULL ? s->ops->number(s, line) : line;
}

/* ---- on the way of an interrupt ---- */

const struct irq_line *irq_server_unclaimed(struct irq_server *s, uint32_t line)
{
    if (irq_is_message(s, line)) {
        return irq_message_fire(s, line);
    }
    if (irq_is_shared(s, line)) {
        irq_shared_fire(s, line);
    } else if (line == s->timer_line) {
        s->ops->release(s, line);
    } else {
        s->ops->close(s, line);
    }
    return &s->lines[line];
}

void irq_server_sample(struct irq_server *s, const struct irq_line *line)
{
    s->recent[irq_recent_slot(line->key)] = &s->lines[s->line_max];
}

static void line_storm(struct irq_server *s, uint32_t number)
{
    const struct irq_line *line = &s->lines[number];
    char path[TREE_PATH_LEN];

    s->ops->close(s, number);
    s->watch[number].flags |= IRQ_STAT_STORM;
    s->watch[number].samples = 0;
    if (irq_is_shared(s, number)) {
        log_warn("line %u, shared by %u, stays asserted: masked until a driver attaches again",
                 (unsigned)irq_line_number(s, number), (unsigned)s->watch[number].sharers);
        return;
    }
    irq_server_sample(s, line); /* the short way of an ACK would open it where held means masked */
    tree_path(s->node.tree, (int)(uint32_t)line->key, path, sizeof(path));
    log_warn("line %u, interrupt %u of %s, stays asserted: masked until its driver attaches again",
             (unsigned)irq_line_number(s, number), (unsigned)(line->key >> 40), path);
}

void irq_line_release(struct irq_server *s, uint32_t number)
{
    struct irq_watch *watch = &s->watch[number];

    if ((watch->flags & IRQ_STAT_STORM) != 0) {
        return; /* closed: where a held line is a masked one, release would open it */
    }
    s->ops->release(s, number);
    bool is_edge = (watch->flags & IRQ_STAT_EDGE) != 0;
    if (s->lines[number].events % IRQ_SAMPLE_EVENTS != 0 || (is_edge && !s->ops->is_edge_seen)) {
        return; /* a further edge is a further event */
    }
    watch->samples = s->ops->asserted(s, number) ? watch->samples + 1 : 0;
    if (watch->samples == IRQ_STORM_SAMPLES) {
        line_storm(s, number);
    }
}

/* ---- requests ---- */

/* The driver is done with the event: the line may fire again. The short way of the same stands in irq_server_run. */
static status_t serve_ack(struct irq_server *s, uint32_t node, uint64_t index)
{
    struct irq_line *line = line_find(s, node, index);
    struct irq_sharer *sharer = line == NULL ? sharer_find(s, node, index) : NULL;

    if (line != NULL) {
        irq_line_release(s, (uint32_t)(line - s->lines));
    } else if (sharer != NULL) {
        irq_sharer_ack(s, sharer);
    } else {
        return E_NOTFOUND;
    }
    return E_OK;
}

/* What the tree says of an interrupt cannot be: to its driver that is an error number only. */
static void attach_say(const struct irq_server *s, uint32_t node, uint64_t index, const char *why)
{
    char path[TREE_PATH_LEN];

    tree_path(s->node.tree, (int)node, path, sizeof(path));
    log_warn("interrupt %u of %s: %s", (unsigned)index, path, why);
}

/* Whether the tree sends that interrupt here, though no route does. */
static bool is_ours(const struct irq_server *s, uint32_t node, uint64_t index)
{
    struct tree_ref ref;

    return node < tree_len(s->node.tree) && index < IRQ_ROUTES_MAX &&
           tree_interrupt(s->node.tree, (int)node, (unsigned)index, &ref) == E_OK &&
           ref.node == s->node.offset;
}

static status_t serve_attach(struct irq_server *s, uint32_t node, uint64_t index, uint64_t bits,
                             handle_t port)
{
    const struct irq_route *route = route_of(s, node, index);

    if (route == NULL && is_ours(s, node, index)) {
        attach_say(s, node, index, "its specifier means nothing here");
    }
    if (route == NULL) {
        return E_NOTFOUND;
    }
    uint32_t number = route->line;
    if (number == s->line_max) {
        attach_say(s, node, index, "this controller has no such line");
        return E_RANGE;
    }
    struct irq_line *line = &s->lines[number];
    if (number == s->timer_line || irq_is_message(s, number)) {
        return E_BUSY;
    }
    if (irq_is_shared(s, number) || (line->port != 0 && line->key != irq_line_key(node, index))) {
        status_t shared = irq_shared_attach(s, route, bits, port);
        if (shared == E_BUSY) {
            attach_say(s, node, index,
                       "on a line that is another's, one calls it a level and one an edge");
        }
        return shared;
    }
    if (port == 0 || bits == 0) {
        return E_INVAL;
    }
    if (line->port != 0) {
        (void)sys_handle_close(line->port); /* attaching again replaces */
    }
    irq_line_clear(line);
    s->ops->close(s, number);
    status_t err = s->ops->program(s, number, route->edge);
    if (err) {
        return err;
    }
    line->bits = bits;
    line->port = port;
    line->key = irq_line_key(node, index);
    s->watch[number] = (struct irq_watch){ .flags = route->edge ? IRQ_STAT_EDGE : 0 };
    s->recent[irq_recent_slot(node)] = line;
    s->ops->open(s, number);
    (void)sys_notify(port, bits); /* the one spurious event; a dead driver is *closed* soon */
    return E_OK;
}

static status_t serve_detach(struct irq_server *s, uint32_t node, uint64_t index)
{
    const struct irq_line *line = line_find(s, node, index);
    struct irq_sharer *sharer = line == NULL ? sharer_find(s, node, index) : NULL;

    if (line != NULL) {
        line_detach(s, (uint32_t)(line - s->lines));
    } else if (sharer != NULL) {
        irq_sharer_detach(s, sharer);
    } else {
        return E_NOTFOUND;
    }
    return E_OK;
}

static status_t serve_pend(struct irq_server *s, uint32_t node, uint64_t index)
{
    const struct irq_line *line = line_find(s, node, index);
    const struct irq_sharer *sharer = line == NULL ? sharer_find(s, node, index) : NULL;

    if (s->ops->pend == NULL) {
        return E_NOSYS;
    }
    if (line == NULL && sharer == NULL) {
        return E_NOTFOUND;
    }
    s->ops->pend(s, line != NULL ? (uint32_t)(line - s->lines) : sharer->line);
    return E_OK;
}

static status_t serve_gate(struct irq_server *s, uint32_t node, struct msg *m)
{
    const struct irq_line *line = line_find(s, node, m->w[0]);
    handle_t device = 0;

    if (s->ops->gate == NULL || line == NULL) {
        return line == NULL ? E_NOTFOUND : E_NOSYS;
    }
    status_t err = s->ops->gate(s, (uint32_t)(line - s->lines), &device, &m->w[0]);
    if (!err) {
        m->w[MSG_WORDS - 1] = device;
        m->info = msg_info(0, 1, 0); /* the answer brings it */
    }
    return err;
}

/* Of one who shares the line. */
static void stat_sharer(struct irq_server *s, const struct irq_sharer *sharer, struct msg *m)
{
    const struct irq_watch *watch = &s->watch[sharer->line];
    bool is_open = sharer->silent_ns != 0;

    m->w[0] = irq_line_number(s, sharer->line);
    m->w[1] = sharer->node;
    m->w[2] = sharer->events;
    m->w[3] = watch->flags | (is_open ? IRQ_STAT_ACTIVE : 0u);
    m->w[4] = sharer->index;
    m->w[5] = sharer->events - is_open;
    m->w[6] = watch->sharers;
}

/* Whether somebody has the line, apart from the first `skip` of them. */
static bool stat_has(struct irq_server *s, uint32_t line, uint64_t skip)
{
    if (irq_is_shared(s, line)) {
        return irq_sharer_at(s, line, skip) != NULL;
    }
    return skip == 0 && (irq_is_message(s, line) || s->lines[line].port != 0);
}

/* Of the lines that somebody has, the one with the lowest number from `from` on; line_count: none. Numbers of the controller's own
 * need not be in the lines' order. */
static uint32_t stat_find(struct irq_server *s, uint64_t from, uint64_t skip)
{
    uint32_t found = s->line_count, lowest = 0;

    for (uint32_t line = 0; line < s->line_count; line++) {
        uint32_t number = stat_has(s, line, 0) ? irq_line_number(s, line) : 0;
        if (number < from || !stat_has(s, line, number == from ? skip : 0) ||
            (found != s->line_count && number >= lowest)) {
            continue;
        }
        found = line;
        lowest = number;
        if (s->ops->number == NULL) {
            break;
        }
    }
    return found;
}

static status_t serve_stat(struct irq_server *s, struct msg *m)
{
    uint32_t found = stat_find(s, m->w[0], m->w[1]);

    if (found == s->line_count) {
        return E_NOTFOUND;
    }
    const struct irq_line *line = &s->lines[found];
    if (irq_is_shared(s, found)) {
        uint64_t skip = irq_line_number(s, found) == m->w[0] ? m->w[1] : 0;
        stat_sharer(s, irq_sharer_at(s, found, skip), m);
        return E_OK;
    }
    if (irq_is_message(s, found)) {
        irq_message_stat(s, found, m);
        return E_OK;
    }
    bool held = s->ops->held(s, found);
    m->w[0] = irq_line_number(s, found);
    m->w[1] = (uint32_t)line->key;
    m->w[2] = line->events;
    m->w[3] = s->watch[found].flags | (held ? IRQ_STAT_ACTIVE : 0u);
    m->w[4] = line->key >> 40;
    m->w[5] = line->events - (held && line->events > 0); /* it fires again only after its ACK */
    m->w[6] = 0;
    return E_OK;
}

status_t irq_server_request(struct irq_server *s, uint32_t node, struct msg *m)
{
    handle_t given = info_handles(m->info) != 0 ? (handle_t)m->w[MSG_WORDS - 1] : 0;
    status_t err = E_NOSYS;

    switch (info_op(m->info)) {
    case IRQ_OP_ACK:
        err = serve_ack(s, node, m->w[0]);
        break;
    case IRQ_OP_ATTACH:
        return serve_attach(s, node, m->w[0], m->w[1],
                            given); /* E_OK: the line has the handle now */
    case IRQ_OP_DETACH:
        err = serve_detach(s, node, m->w[0]);
        break;
    case IRQ_OP_STAT:
        err = serve_stat(s, m);
        break;
    case IRQ_OP_SET_PENDING:
        err = serve_pend(s, node, m->w[0]);
        break;
    case IRQ_OP_GATE:
        err = serve_gate(s, node, m);
        break;
    case IRQ_OP_MESSAGE:
        err = irq_message_serve(s, node, m, given);
        given = m->w[1] != 0 ? 0 : given; /* as with ATTACH */
        break;
    case IRQ_OP_FRAME:
        err = irq_message_frame(s, node, m);
        break;
    }
    if (given != 0 && err == E_OK) {
        (void)sys_handle_close(given); /* not wanted: it must not fill our table */
    }
    return err;
}

status_t irq_server_command(struct irq_server *s, const struct msg *command)
{
    if (info_op(command->info) != COMMAND_IRQ_QUIESCE) {
        return E_NOSYS;
    }
    irq_server_closed(s, (uint32_t)command->w[0]);
    return E_OK;
}

/* ---- a root server's loop ---- */

void irq_server_serve(int64_t from, struct irq_request *request)
{
    struct msg *m = &request->msg;
    handle_t given = info_handles(m->info) != 0 ? (handle_t)m->w[MSG_WORDS - 1] : 0;
    status_t err = irq_server_request(request->server, (uint32_t)from, m);

    if (err != E_OK && given != 0) {
        (void)sys_handle_close(given);
    }
    m->info = msg_info((uint32_t)err, info_op(m->info) == 0 ? info_handles(m->info) : 0, 0);
}

int64_t irq_server_event(struct irq_server *s, int64_t from, struct msg *m)
{
    struct event command;

    if (from >> 32 == RECV_CLOSED) {
        irq_server_closed(s, (uint32_t)from);
    } else if (from >> 32 == RECV_EVENTS) {
        irq_server_silent(s); /* whichever event it was */
        if (driver_command(&command)) {
            event_done(&command, irq_server_command(s, &command.msg));
        }
    } /* else negative: the notify failed, the driver's port is gone, and *closed* follows */
    m->info = IRQ_TAKE_ONE;
    return sys_notify_receive(0, 0, s->port, m);
}

/* ---- below another controller ---- */

struct irq_gate irq_gate_open(handle_t parent)
{
    struct msg m = { .info = msg_info(IRQ_OP_GATE, 0, 1), .w = { 0 } };
    status_t err = sys_call(parent, &m);

    bool is_given = err == E_OK && info_op(m.info) == 0 && info_handles(m.info) == 1;
    return (struct irq_gate){ .device = is_given ? (handle_t)m.w[MSG_WORDS - 1] : 0,
                              .value = m.w[0] };
}

void irq_gate_ack(handle_t parent, struct irq_gate *gate)
{
    struct msg m = { .info = IRQ_OP_ACK };
    uint32_t idle = gate->idle;

    if (idle >= IRQ_IDLE_MAX) {
        if (idle == IRQ_IDLE_MAX) {
            log_warn("the parent's line stays asserted, and nothing is up: masked until it is "
                     "attached again");
        }
        return;
    }
    status_t err = sys_call(parent, &m);
    (void)err;               /* then the parent starts anew, and attaching again opens the line */
    if (gate->device != 0) { /* it was refused: its controller's server is a new one */
        (void)sys_handle_close(gate->device);
        *gate = irq_gate_open(parent);
        gate->idle = idle;
    }
}
