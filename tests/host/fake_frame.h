/* SPDX-License-Identifier: BSD-2-Clause
 * Fake of the driver frame (<cambium/driver.h>) and of the system calls that servers make, for host tests. What
 * happens goes into the trace of fake_mmio.h. A test includes the server's .c with `main` renamed, queues events or
 * received messages, and runs its main: when the queue is empty, event_wait leaves it through fake_run, and a receive
 * fails with E_HANDLE.
 */
#pragma once
#include <cambium/command.h>
#include <cambium/driver.h>
#include <cambium/start.h>
#include "fake_mmio.h"

enum { FAKE_BUF_LEN = 16384, FAKE_QUEUE_LEN = 64, FAKE_DERIVED = 70, FAKE_MEMORY = 80 };

/* What the node, the kernel and init say. fake_frame_reset sets the usual. */
struct fake_world {
    struct node node;
    const char *path;
    uint32_t clock_hz;      /* 0: not known */
    /* instead of clock_hz: gives the rate, and sets it before if `set_hz` is not 0 */
    status_t (*clock)(const char *name, uint32_t set_hz, uint32_t *out);
    /* node_reset_*: RESET_OP_*, and what STATUS answers; NULL: the node has no such reset */
    status_t (*reset)(const char *name, uint32_t op, bool *out);
    uint32_t current_speed; /* 0: no such property */
    struct fake_cell {
        const char *name;
        uint32_t value;
    } cell, cells[3];       /* more properties of one cell; NULL: none */
    status_t mmio_error, irq_error, root_error, map_error, notify_error, clock_error;
    status_t access_error, derive_error;
    uint64_t derived_pa, derived_len; /* of the last device: handle FAKE_DERIVED; a copy of any handle is that + 1 */
    uint32_t copied_rights;
    uint64_t affinity;      /* of the core that registers as root server */
    const char *no_handle;  /* start_handle does not know this one; NULL: all that it knows */
    bool shared_page;       /* windows are reached by checked access */
    uint64_t window_len[FAKE_WINDOWS]; /* for node_mmio_checked and node_mmio_part; 0: no such window. Of node_mmio's, where it is longer than asked for */
    uint64_t memory_len;    /* of any memory handle */
    status_t memory_error;
    /* what the server did */
    unsigned accept;
    handle_t subscriber;
    uint64_t subscriber_base;
    uint32_t signalled;
    unsigned aperture;        /* node_aperture_mmio: which was asked for last; it is window 1, from that offset on */
    uint64_t aperture_offset;
    status_t aperture_error;
    unsigned irqs_attached;
    unsigned held; /* a bit per interrupt: event_hold, and no event_done yet */
    unsigned clocks_enabled; /* a bit per index */
    uint32_t root_flags;
    unsigned mapped;        /* mappings that exist */
    struct msg reply;       /* the last answer */
    status_t reply_status;
    bool ready, main_returned;
    int main_result;
    /* calls, time, DMA memory and kept replies, for servers that have them */
    status_t (*call)(handle_t port, struct msg *m); /* sys_call, msg_call, sys_call_deadline; NULL: E_HANDLE */
    uint64_t now_ns, timer_ns;                      /* time_now_ns, what the port's timer is set to */
    uint64_t timer_bits;
    void *dma_at;                                   /* what node_dma gives, with bus and CPU address */
    uint64_t dma_bus, dma_pa;
    uint64_t dma_stride;                            /* from the memory of one index to that of the next */
    bool dma_is_old;
    status_t dma_error, keep_error, timer_error;
    uint64_t dma_len, dma_limit;                    /* asked for */
    uint32_t dma_flags;
    /* clients' memory: what node_buffer_bus gives, a page behind the other, and the numbers that node_buffer_register gave less
     * those that were unregistered */
    uint64_t buffer_bus;
    status_t buffer_error, register_error;
    unsigned buffers, buffers_registered;
    status_t (*memory_info)(handle_t memory, uint64_t *out_len); /* instead of memory_len */
    void *(*reserve)(uint64_t len);                 /* instead of fake_buf: where the next mapping is; NULL: no room */
    unsigned kept;                                  /* replies kept; number n got answers[n] */
    struct fake_answer {
        bool is_given;
        status_t status;
        struct msg m;
    } answers[64];
    char log[256];          /* the last line */
    unsigned log_lines;
};
extern struct fake_world fake;
/* Client memory: what vm_reserve and sys_map lead to; two, used in turn. */
extern uint8_t fake_buf[2][FAKE_BUF_LEN];
extern struct command_page fake_command; /* driver_command gives what is in it, once */
extern struct start_info fake_start;     /* what start_info points to */

void fake_frame_reset(void);
/* How often exactly that line was logged since then, of the first 64 KiB. */
unsigned fake_said(const char *line);

/* For servers on the frame: queues an event; event_done's status and words end in fake.reply. */
void fake_event(struct event ev);
void fake_call(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1);
void fake_call_handles(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1, handle_t h6, handle_t h7);
/* Runs a main until it waits with an empty queue, or returns. */
void fake_run(int (*server_main)(void));

/* For servers with their own loop: queues what a receive returns. */
void fake_receive(int64_t from, uint64_t info, uint64_t w0, uint64_t w1, uint64_t w7);
