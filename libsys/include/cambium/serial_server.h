/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of UARTs: the queues of bytes and the one client of <cambium/proto/serial.h>, driver side. What
 * the device does is the driver's: after every event it moves bytes between device and rings, derives its interrupt mask
 * from them, and calls serial_server_signal. What the rings hold is lost when it dies, and the client knows how much: each byte is
 * counted in its memory as it goes.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/serial.h>
#include <cambium/ring.h>
#include <stdbool.h>
#include <stddef.h>

struct serial_server {
    struct ring rx, tx; /* touched only from the event loop, so no lock */
    uint32_t beside;    /* bytes that were taken from the device and are not in the ring yet */
    bool tx_refused;    /* a write came up short: the client waits for SERIAL_EV_WRITABLE */
    uint32_t client;    /* badge of the one that attached; valid while buf is not NULL */
    uint8_t *buf;       /* its memory, SERIAL_BUF_LEN bytes */
    struct serial_counts *counts; /* in that, or `nobodys`; NULL: nobody has attached yet */
    struct serial_counts nobodys;
    uint64_t given, accepted;       /* all bytes read and written */
    uint64_t lost_count, irq_count; /* for SERIAL_OP_STAT; the first is counted by the driver */
};

/* All bytes that the device gave, and that it got. */
static inline uint64_t serial_server_received(const struct serial_server *s)
{
    return s->given + ring_count(&s->rx) + s->beside;
}
static inline uint64_t serial_server_transmitted(const struct serial_server *s)
{
    return s->accepted - ring_count(&s->tx);
}
/* Bytes that may be taken from the device now. Before anybody attached: none. They stay where they are, so that the death of a new
 * incarnation that nobody has attached to yet loses nothing. */
static inline uint32_t serial_server_room(const struct serial_server *s)
{
    return s->counts == NULL ? 0 : RING_LEN - ring_count(&s->rx);
}
/* A byte that was taken from the device; only where serial_server_room says so. The count is what the ring's own are, and atomic, so
 * that no compiler moves it: struct serial_counts says what a death in between makes of it. */
static inline void serial_server_put(struct serial_server *s, uint8_t byte)
{
    ring_put(&s->rx, byte);
    __atomic_store_n(&s->counts->taken, s->rx.tail, __ATOMIC_RELAXED);
}
/* Bytes that came into buffers of the driver's, at any time: SERIAL_HELD_MAX - RING_LEN at most. Those that go on into the ring are
 * taken off `beside`. For drivers that never use serial_server_put. */
static inline void serial_server_took(struct serial_server *s, uint32_t count)
{
    s->beside += count;
    if (s->counts != NULL) {
        __atomic_store_n(&s->counts->taken, s->rx.tail + s->beside, __ATOMIC_RELAXED);
    }
}
/* What was in the transmit ring before, and is not any more, went to the device. */
static inline void serial_server_sent(struct serial_server *s)
{
    if (s->counts != NULL) {
        __atomic_store_n(&s->counts->sent, s->tx.head, __ATOMIC_RELAXED);
    }
}

/* Before the event loop: messages may bring the two handles of an attachment. */
void serial_server_open(void);
/* Serves what any event asks of the class, and counts interrupts; returns the status for event_done. The driver moves
 * bytes between the two. Errors to callers: those of proto/serial.h; E_NOTFOUND not attached, E_BUSY another badge is,
 * E_INVAL handles or bits that do not fit the request, E_RANGE beyond the buffer or the slots, E_NOMEM, those of map. */
status_t serial_server_event(struct serial_server *s, struct event *ev) WARN_UNUSED;
/* Tells the client what it may do now: to be called whenever bytes were moved. */
void serial_server_signal(struct serial_server *s);
