/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of entropy (proto/entropy.h, driver side): requests are kept in their order, one for each client, for a
 * second at most. What a driver adds is its device: whenever that has bytes, it gives them to the first who waits.
 *
 *     entropy_server_open(&s, 0);
 *     loop:   ev = event_wait();  kept = entropy_server_event(&s, &ev, &status);  the driver's own
 *             while somebody waits and the device has bytes:  entropy_server_give(&s, bytes, len)
 *             if (!kept)  event_done(&ev, status)
 */
#pragma once
#include <cambium/driver.h>
#include <cambium/proto/entropy.h>
#include <stdbool.h>

enum {
    ENTROPY_WAITING = 16,                               /* clients at a time */
    ENTROPY_ALL_LEN = ENTROPY_WAITING * ENTROPY_READ_LEN /* what they can want together */
};
#define ENTROPY_TIMEOUT_NS 1000000000ull
#define ENTROPY_BITS_FREE  (EVENT_BITS_OWN & ~(1ull << 16)) /* of EVENT_BITS_OWN: the driver's */

struct entropy_request {
    handle_t reply;
    uint32_t client, len;
    uint64_t deadline_ns;
};

struct entropy_server {
    handle_t port;
    struct entropy_request waiting[ENTROPY_WAITING]; /* in order, deadlines too */
    unsigned waiting_count;
    uint64_t poll_ns; /* not 0: the device has no interrupt, and there is an event so often while somebody waits */
    bool is_silent; /* said in the log, until something comes */
    uint64_t answer_count, byte_count, fail_count;
    uint64_t fill_count; /* the driver's to count: buffers that the device filled */
};

/* Once, before the first event. Nobody may bring a handle. `poll_ns`: 0, or as above. */
void entropy_server_open(struct entropy_server *s, uint64_t poll_ns);
/* Serves what an event asks of the class; true: it is kept, and event_done comes with its answer. *out is for event_done. */
bool entropy_server_event(struct entropy_server *s, struct event *ev, status_t *out) WARN_UNUSED;
/* Whether there is anybody to give to. */
static inline bool entropy_server_waits(const struct entropy_server *s)
{
    return s->waiting_count != 0;
}
/* Bytes that all who wait want together; at most ENTROPY_ALL_LEN. */
uint32_t entropy_server_wanted(const struct entropy_server *s);
/* Answers the first who waits, of whom there must be one, with at most `len` bytes; how many it took: at least 1. */
uint32_t entropy_server_give(struct entropy_server *s, const void *bytes, uint32_t len);
