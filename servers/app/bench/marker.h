/* SPDX-License-Identifier: BSD-2-Clause
 * What bin/bench and bench-peer share: the markers by which they speak to tools/bench-plugin.c, and the requests of the
 * peer. A marker is a NOP to the CPU, so all runs without the plugin as well.
 */
#pragma once
#include <stdint.h>

#define MARK(k) __asm__ volatile("hint #(0x70 + %[kind])" : : [kind] "i"(k) : "memory")

enum { MARK_START = 1, MARK_END, MARK_LAP, MARK_FROM, MARK_TO, MARK_IRQ, MARK_ACK_FROM, MARK_ACK_TO, MARK_EXIT = 15 };

enum { BENCH_LAPS = 200 };

/* PEER_OP_SERVE: w0 = how (PEER_*), w1 = priority; handle w7: NOTIFY of the caller's port -> w7 = CALL and NOTIFY of a
 * port that a new thread of the peer, in its own address space, serves in that way.
 * PEER_OP_IRQ: w0 = what to mark from the next interrupt on (0 nothing, MARK_IRQ, MARK_ACK_FROM) -> w0 = interrupts so far */
enum { PEER_OP_SERVE = 1, PEER_OP_IRQ };
enum peer_how {
    PEER_ECHO,   /* answers each call */
    PEER_HANDLE, /* takes one handle a call; a call without one closes it */
    PEER_DEFER,  /* keeps each reply, then gives it */
    PEER_NOTIFY, /* notifies back */
    PEER_YIELD,  /* when notified yields 2 * BENCH_LAPS times */
    PEER_IRQ,    /* each call makes the peer's line pending */
    PEER_COUNT
};
