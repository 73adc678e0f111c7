/* SPDX-License-Identifier: BSD-2-Clause
 * Messages: lines that a write to a frame below the controller raises (GICv2m, ITS), for whomever the frame's server names.
 *
 * What always holds. A line with IRQ_STAT_MESSAGE has one entry in s->messages, and its irq_line names nobody (port 0, no
 * key) but that entry's place, in `bits`. No route leads to it, and each entry has a port. The table has no holes: who
 * leaves is replaced by the last.
 *
 * A message is released before anybody is told, so that one more from now on is one more event; nobody has to answer. So what
 * keeps a line from taking the CPU - that its driver has to come to its ACK - is not there: of each message every
 * IRQ_SAMPLE_EVENTS the kit looks whether it is pending again already, or whether they came in less time than any driver
 * could use.
 */
#include <cambium/thread.h>
#include <tree.h>
#include "irq_shared.h"

/* ---- who may have what ---- */

enum { FRAME_RUNS_MAX = 8 }; /* of a frame's `msi-ranges` */

/* Whether the caller serves a frame: its node is one of this controller's, for messages, or says that they raise its lines. */
static bool is_frame(const struct irq_server *s, uint32_t node)
{
    const void *tree = s->node.tree;
    struct tree_ref ref;
    uint32_t count;
    int len, depth = 0;

    if (node >= tree_len(tree) || tree_prop(tree, (int)node, "msi-controller", &len) == NULL) {
        return false;
    }
    for (int child = tree_next(tree, s->node.offset, &depth); child >= 0 && depth > 0;
         child = tree_next(tree, child, &depth)) {
        if ((uint32_t)child == node) {
            return depth == 1;
        }
    }
    for (unsigned i = 0;
         i < FRAME_RUNS_MAX && tree_msi_lines(tree, (int)node, i, &ref, &count) == E_OK; i++) {
        if (ref.node == s->node.offset) {
            return true;
        }
    }
    return false;
}

/* Whether a node of the tree has the line, or may attach it. */
static bool is_routed(const struct irq_server *s, uint32_t line)
{
    for (uint32_t i = 0; i < s->route_count; i++) {
        if (s->routes[i].line == line) {
            return true;
        }
    }
    return line == s->timer_line;
}

/* ---- the table ---- */

static struct irq_line *message_of(const struct irq_server *s, uint32_t line)
{
    return &s->messages[s->lines[line].bits];
}

static void message_detach(struct irq_server *s, uint32_t line)
{
    struct irq_line *message = message_of(s, line);
    const struct irq_line *last = &s->messages[--s->message_count];

    s->ops->close(s, line);
    (void)sys_handle_close(message->port); /* ours for certain */
    s->lines[last->at].bits = (uint64_t)(message - s->messages);
    *message = *last;
    irq_line_clear(&s->lines[line]);
    s->watch[line] = (struct irq_watch){ 0 };
}

static status_t message_attach(struct irq_server *s, uint32_t node, uint32_t line, uint64_t bits,
                               handle_t port)
{
    bool is_new = !irq_is_message(s, line);

    if (port == 0) {
        return E_INVAL;
    }
    if (is_new && s->message_count == s->message_max) {
        return E_FULL;
    }
    s->ops->close(s, line);
    status_t err = s->ops->program(s, line, true);
    if (err) {
        return err; /* what was there stays, shut: it may be attached again, or detached */
    }
    if (is_new) {
        s->lines[line].bits = s->message_count;
        s->messages[s->message_count++] = (struct irq_line){ .at = line, .key = node };
    } else {
        (void)sys_handle_close(message_of(s, line)->port);
    }
    struct irq_line *message = message_of(s, line);
    message->port = port;
    message->bits = bits;
    s->watch[line] = (struct irq_watch){ .flags = IRQ_STAT_EDGE | IRQ_STAT_MESSAGE };
    s->ops->open(s, line);
    if (is_new && s->ops->say != NULL && s->message_said < IRQ_SAID_MAX) {
        s->message_said++;
        s->ops->say(s, line);
    }
    (void)sys_notify(
        port, bits); /* the one spurious event; who is gone is detached by the frame's server */
    return E_OK;
}

/* ---- what irq_server.c asks for ---- */

status_t irq_message_serve(struct irq_server *s, uint32_t node, const struct msg *m, handle_t port)
{
    uint32_t line = 0;

    if (s->ops->message == NULL) {
        return E_NOSYS;
    }
    if (!is_frame(s, node)) {
        return E_RIGHTS;
    }
    status_t err = s->ops->message(s, m->w[0], &line);
    if (err) {
        return err;
    }
    bool is_message = irq_is_message(s, line);
    if ((is_message && message_of(s, line)->key != node) || is_routed(s, line)) {
        return E_BUSY;
    }
    if (m->w[1] != 0) {
        return message_attach(s, node, line, m->w[1], port);
    }
    if (!is_message) {
        return E_NOTFOUND;
    }
    message_detach(s, line);
    return E_OK;
}

status_t irq_message_frame(struct irq_server *s, uint32_t node, struct msg *m)
{
    if (s->ops->frame == NULL) {
        return E_NOSYS;
    }
    return is_frame(s, node) ? s->ops->frame(s, m->w) : E_RIGHTS;
}

/* Of IRQ_SAMPLE_EVENTS messages the last was released. */
static void message_sample(struct irq_server *s, struct irq_line *message)
{
    struct irq_watch *watch = &s->watch[message->at];
    uint32_t now_us = (uint32_t)(time_now_ns() / 1000);
    bool is_fast = now_us - message->bit < IRQ_SAMPLE_EVENTS * IRQ_MESSAGE_NS / 1000;
    char path[TREE_PATH_LEN];

    message->bit =
        now_us; /* comes round after an hour, which one look in a row may take for a moment */
    watch->samples = is_fast || s->ops->asserted(s, message->at) ? watch->samples + 1 : 0;
    if (watch->samples < IRQ_STORM_SAMPLES) {
        return;
    }
    s->ops->close(s, message->at);
    watch->flags |= IRQ_STAT_STORM;
    tree_path(s->node.tree, (int)(uint32_t)message->key, path, sizeof(path));
    log_warn("line %u, a message of %s, comes without end: masked until it is attached again",
             (unsigned)irq_line_number(s, message->at), path);
}

const struct irq_line *irq_message_fire(struct irq_server *s, uint32_t line)
{
    struct irq_line *message = message_of(s, line);

    if ((s->watch[line].flags & IRQ_STAT_STORM) != 0) {
        s->ops->close(
            s,
            line); /* it was on its way; where a held line is a masked one, release would open it */
        return &s->lines[line];
    }
    s->ops->release(s, line);
    if (++message->events % IRQ_SAMPLE_EVENTS == 0) {
        message_sample(s, message);
    }
    return message;
}

void irq_message_closed(struct irq_server *s, uint32_t node)
{
    for (uint32_t i = s->message_count; i > 0;
         i--) { /* from the end: who leaves is replaced by the last */
        if (s->messages[i - 1].key == node) {
            message_detach(s, s->messages[i - 1].at);
        }
    }
}

void irq_message_stat(struct irq_server *s, uint32_t line, struct msg *m)
{
    const struct irq_line *message = message_of(s, line);

    m->w[0] = irq_line_number(s, line);
    m->w[1] = message->key;
    m->w[2] = message->events;
    m->w[3] = s->watch[line].flags;
    m->w[4] = 0;
    m->w[5] = message->events;
    m->w[6] = 0;
}
