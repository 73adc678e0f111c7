/* SPDX-License-Identifier: BSD-2-Clause
 * Lines that several nodes have (PCIe's INTx, the Pi's UARTs): everybody is told, and a level line is held until all have
 * answered. One that is silent for a second is detached and said, so that it cannot keep the others' line shut.
 *
 * What always holds. A line with a sharer has two or more of them; its irq_line names nobody (port 0, no key), so that
 * what is inlined for lines of one node never meets it and costs nothing for this. `unanswered` counts its sharers with a
 * `silent_ns`; while it is not 0, the line is held, and the port's timer is set to the earliest of all or before.
 * tests/models/irq_shared.pml goes through the orders in which drivers come, answer, leave and hang.
 *
 * An edge is told and released at once: the device does not wait for anybody, and the next edge is the next event.
 */
#include "irq_shared.h"
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <string.h>
#include <tree.h>

/* ---- the port's timer ---- */

/* When the earliest of those who have not answered will have been silent too long; 0: all have. */
static uint64_t earliest_ns(const struct irq_server *s)
{
    uint64_t earliest = 0;

    for (uint32_t i = 0; i < s->sharer_count; i++) {
        uint64_t ns = s->sharers[i].silent_ns;
        earliest = ns != 0 && (earliest == 0 || ns < earliest) ? ns : earliest;
    }
    return earliest;
}

/* Answers do not stop the timer: it finds nothing then, once in a second at most. */
static void timer_start(struct irq_server *s, uint64_t now, uint64_t silent_ns)
{
    s->silent_ns = silent_ns;
    status_t err = sys_timer_set(s->port, time_deadline(silent_ns > now ? silent_ns - now : 0),
                                 IRQ_EVENT_SILENT);
    if (err) {
        s->silent_ns = 0;
        log_error("no timer for lines that are shared (%d): a silent driver shuts them", err);
    }
}

static void sharer_wait(struct irq_server *s, struct irq_sharer *sharer, uint64_t now)
{
    sharer->silent_ns = now + IRQ_SILENT_NS;
    s->watch[sharer->line].unanswered++;
    if (s->silent_ns == 0) { /* else it is set to an earlier moment */
        timer_start(s, now, sharer->silent_ns);
    }
}

void irq_server_silent(struct irq_server *s)
{
    char path[TREE_PATH_LEN];

    if (s->silent_ns == 0) {
        return;
    }
    uint64_t now = time_now_ns();
    for (uint32_t i = 0; i < s->sharer_count;) {
        struct irq_sharer *sharer = &s->sharers[i];
        if (sharer->silent_ns == 0 || sharer->silent_ns > now) {
            i++;
            continue;
        }
        tree_path(s->node.tree, (int)sharer->node, path, sizeof(path));
        log_warn("line %u, which others share, waited a second for %s: detached until it attaches "
                 "again",
                 (unsigned)irq_line_number(s, sharer->line), path);
        irq_sharer_detach(s, sharer);
        i = 0; /* others moved; ends, since each time there is one less */
    }
    s->silent_ns = 0;
    uint64_t next = earliest_ns(s);
    if (next != 0) {
        timer_start(s, now, next);
    }
}

/* ---- the table ---- */

struct irq_sharer *irq_sharer_at(struct irq_server *s, uint32_t line, uint64_t n)
{
    for (uint32_t i = 0; i < s->sharer_count; i++) {
        if (s->sharers[i].line == line && n-- == 0) {
            return &s->sharers[i];
        }
    }
    return NULL;
}

struct irq_sharer *irq_sharer_find(struct irq_server *s, uint32_t line, uint32_t node,
                                   uint64_t index)
{
    for (uint32_t i = 0; i < s->sharer_count; i++) {
        struct irq_sharer *sharer = &s->sharers[i];
        if (sharer->line == line && sharer->node == node && sharer->index == index) {
            return sharer;
        }
    }
    return NULL;
}

static void sharer_add(struct irq_server *s, const struct irq_sharer *sharer)
{
    s->sharers[s->sharer_count++] = *sharer;
    s->watch[sharer->line].sharers++;
}

static void sharer_remove(struct irq_server *s, struct irq_sharer *sharer)
{
    struct irq_watch *watch = &s->watch[sharer->line];
    size_t behind = (size_t)(&s->sharers[--s->sharer_count] - sharer);

    watch->sharers--;
    watch->unanswered -= sharer->silent_ns != 0;
    memmove(sharer, sharer + 1, behind * sizeof(*sharer));
}

/* From one node's line to a shared one. If it is held, that node has yet to answer. */
static void line_share(struct irq_server *s, uint32_t number)
{
    struct irq_line *line = &s->lines[number];
    struct irq_sharer first = { .line = number,
                                .node = (uint32_t)line->key,
                                .index = (uint32_t)(line->key >> 40),
                                .events = line->events,
                                .port = line->port,
                                .bits = line->bits };

    bool is_held = s->ops->held(s, number);
    irq_line_clear(line);
    line->events = first.events;
    sharer_add(s, &first);
    if (is_held && (s->watch[number].flags & IRQ_STAT_EDGE) != 0) {
        s->ops->release(s, number);
    } else if (is_held) {
        sharer_wait(s, &s->sharers[s->sharer_count - 1], time_now_ns());
    }
}

/* And back, when one is left. Held, if it has yet to answer, until its ACK. */
static void line_unshare(struct irq_server *s, uint32_t number)
{
    struct irq_line *line = &s->lines[number];
    struct irq_sharer *last = irq_sharer_at(s, number, 0);

    line->bits = last->bits;
    line->port = last->port;
    line->events = last->events;
    line->key = irq_line_key(last->node, last->index);
    irq_server_sample(s, line); /* a hint from before: after a storm, the short way would open it */
    sharer_remove(s, last);
}

/* ---- what irq_server.c asks for ---- */

void irq_shared_fire(struct irq_server *s, uint32_t line)
{
    bool is_edge = (s->watch[line].flags & IRQ_STAT_EDGE) != 0;
    uint64_t now = is_edge ? 0 : time_now_ns();

    s->lines[line].events++;
    if (is_edge) {
        s->ops->release(s, line); /* first: an edge from now on is one more event */
    }
    for (uint32_t i = 0; i < s->sharer_count; i++) {
        struct irq_sharer *sharer = &s->sharers[i];
        if (sharer->line != line) {
            continue;
        }
        sharer->events++;
        if (!is_edge && sharer->silent_ns == 0) {
            sharer_wait(s, sharer, now);
        }
        (void)sys_notify(sharer->port, sharer->bits); /* a dead driver is *closed* soon */
    }
}

void irq_sharer_ack(struct irq_server *s, struct irq_sharer *sharer)
{
    struct irq_watch *watch = &s->watch[sharer->line];

    if (sharer->silent_ns == 0) {
        return; /* of the event that attaching told, or of an edge */
    }
    sharer->silent_ns = 0;
    if (--watch->unanswered == 0) {
        irq_line_release(s, sharer->line);
    }
}

void irq_sharer_detach(struct irq_server *s, struct irq_sharer *sharer)
{
    uint32_t line = sharer->line;
    bool was_last = sharer->silent_ns != 0 && s->watch[line].unanswered == 1;

    (void)sys_handle_close(sharer->port); /* ours for certain */
    sharer_remove(s, sharer);
    if (s->watch[line].sharers == 1) {
        line_unshare(s, line);
    }
    if (was_last) {
        irq_line_release(s, line);
    }
}

/* A line that stormed starts anew, as with any attach. Nobody is waited for then. */
static status_t line_restart(struct irq_server *s, uint32_t line)
{
    struct irq_watch *watch = &s->watch[line];

    s->ops->close(s, line);
    status_t err = s->ops->program(s, line, false); /* edges do not storm */
    if (err) {
        return err;
    }
    watch->flags = 0;
    watch->samples = 0;
    s->ops->open(s, line);
    return E_OK;
}

status_t irq_shared_attach(struct irq_server *s, const struct irq_route *route, uint64_t bits,
                           handle_t port)
{
    uint32_t line = route->line;
    struct irq_watch *watch = &s->watch[line];
    struct irq_sharer *same = irq_sharer_find(s, line, route->node, route->index);
    uint32_t more = same != NULL ? 0 : watch->sharers == 0 ? 2 : 1;

    if (((watch->flags & IRQ_STAT_EDGE) != 0) != (route->edge != 0)) {
        return E_BUSY;
    }
    if (more > IRQ_SHARERS_MAX - s->sharer_count) {
        return E_FULL;
    }
    if (port == 0 || bits == 0) {
        return E_INVAL;
    }
    status_t err = (watch->flags & IRQ_STAT_STORM) != 0 ? line_restart(s, line) : E_OK;
    if (err) {
        return err;
    }
    if (same != NULL) {
        (void)sys_handle_close(same->port); /* attaching again replaces */
        same->port = port;
        same->bits = bits;
        irq_sharer_ack(s, same); /* whatever the earlier one was told, the new one is told now */
    } else {
        if (watch->sharers == 0) {
            line_share(s, line);
        }
        sharer_add(s, &(struct irq_sharer){ .line = line,
                                            .node = route->node,
                                            .index = route->index,
                                            .port = port,
                                            .bits = bits });
    }
    (void)sys_notify(port, bits); /* the one spurious event */
    return E_OK;
}
