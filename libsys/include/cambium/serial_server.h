/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of UARTs: the queues of bytes and the one client of <cambium/proto/serial.h>, driver side. What
 * the device does is the driver's: after every event it moves bytes between device and rings, derives its interrupt mask
 * from them, and calls serial_server_signal.
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/serial.h>
#include <cambium/ring.h>
#include <stdbool.h>

struct serial_server {
    struct ring rx, tx; /* touched only from the event loop, so no lock */
    bool tx_refused;    /* a write came up short: the client waits for SERIAL_EV_WRITABLE */
    uint32_t client;    /* badge of the one that attached; valid while buf is not NULL */
    uint8_t *buf;       /* its memory, SERIAL_BUF_LEN bytes */
    uint64_t rx_count, tx_count, lost_count, irq_count; /* counted by the driver, for SERIAL_OP_STAT */
};

/* Before the event loop: messages may bring the two handles of an attachment. */
void serial_server_open(void);
/* Serves what any event asks of the class, and counts interrupts; returns the status for event_done. The driver moves
 * bytes between the two. Errors to callers: those of proto/serial.h; E_NOTFOUND not attached, E_BUSY another badge is,
 * E_INVAL handles or bits that do not fit the request, E_RANGE beyond the buffer, E_NOMEM, those of map. */
status_t serial_server_event(struct serial_server *s, struct event *ev) WARN_UNUSED;
/* Tells the client what it may do now: to be called whenever bytes were moved. */
void serial_server_signal(struct serial_server *s);
