/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for interrupt controllers, inside: lines that several nodes have (irq_shared.c), messages
 * (irq_message.c), and what its files share.
 */
#pragma once
#include <cambium/irq_server.h>

static inline bool irq_is_shared(const struct irq_server *s, uint32_t line)
{
    return s->watch[line].sharers != 0;
}

/* The line fired and is held: everybody who has it is told. */
void irq_shared_fire(struct irq_server *s, uint32_t line);
/* Attaches one more node, or one that has it anew, to a line that somebody has. Errors as IRQ_OP_ATTACH. */
status_t irq_shared_attach(struct irq_server *s, const struct irq_route *route, uint64_t bits,
                           handle_t port) WARN_UNUSED;
/* (node, index) of a shared line; NULL: it has not that. */
struct irq_sharer *irq_sharer_find(struct irq_server *s, uint32_t line, uint32_t node, uint64_t index);
/* The n-th that shares the line; NULL: fewer do. */
struct irq_sharer *irq_sharer_at(struct irq_server *s, uint32_t line, uint64_t n);
void irq_sharer_ack(struct irq_server *s, struct irq_sharer *sharer);
void irq_sharer_detach(struct irq_server *s, struct irq_sharer *sharer);

static inline bool irq_is_message(const struct irq_server *s, uint32_t line)
{
    return (s->watch[line].flags & IRQ_STAT_MESSAGE) != 0;
}

/* IRQ_OP_MESSAGE of `node`; E_OK, and bits: the handle is the table's. */
status_t irq_message_serve(struct irq_server *s, uint32_t node, const struct msg *m, handle_t port) WARN_UNUSED;
/* IRQ_OP_FRAME of `node`. */
status_t irq_message_frame(struct irq_server *s, uint32_t node, struct msg *m) WARN_UNUSED;
/* The message came: who is to be told, if anybody. */
const struct irq_line *irq_message_fire(struct irq_server *s, uint32_t line);
/* Detaches all that a frame has. */
void irq_message_closed(struct irq_server *s, uint32_t node);
/* IRQ_OP_STAT of a line that is a message. */
void irq_message_stat(struct irq_server *s, uint32_t line, struct msg *m);

/* irq_server.c: nobody is at work on the line any more, it may fire again. Looks for storms. */
void irq_line_release(struct irq_server *s, uint32_t number);
/* Nobody has the line. */
void irq_line_clear(struct irq_line *line);
/* What people call the line. */
uint32_t irq_line_number(struct irq_server *s, uint32_t line);
