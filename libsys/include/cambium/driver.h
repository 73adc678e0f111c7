/* SPDX-License-Identifier: BSD-2-Clause
 * The driver frame: what a server of a node needs. A driver's main claims its resources, programs the device, then
 * loops over event_wait / event_done. servers/README.md shows one whole.
 *
 * The frame owns the server's port: it answers init's commands (ready, alive, rebind) itself, keeps the pending event
 * bits, and combines the answer to one call with the wait for the next event. One thread per frame.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/match.h>
#include <cambium/mmio.h>
#include <cambium/sys.h>
#include <stdbool.h>

/* ---- the own node ---- */

struct node {
    const void *tree;
    int offset;
};

/* The node that this server was started for. */
struct node driver_node(void);
/* Its path, as the tree writes it; "" if the server has no node. */
const char *driver_path(void);
/* Window `index` of reg: mapped, or checked access if it shares its page. E_NOTFOUND: no such window; E_RANGE: it is
 * smaller than `len` bytes. */
status_t node_mmio(struct node node, unsigned index, uint64_t len, struct mmio *out) WARN_UNUSED;
/* The same, never mapped: every access is a checked one. For a window that is long and looked at once. E_NOSYS: it does not begin
 * with a page, so that others' registers, or the rest of its page, may lie before it. */
status_t node_mmio_checked(struct node node, unsigned index, uint64_t len, struct mmio *out) WARN_UNUSED;
/* [offset, offset + len) of window `index`, mapped; once for each window. Errors as node_mmio's; E_NOSYS: the window
 * shares its page. */
status_t node_mmio_part(struct node node, unsigned index, uint64_t offset, uint64_t len, struct mmio *out) WARN_UNUSED;
/* For the server of a bus: [offset, offset + len) of the `range`-th entry of the node's `ranges`, by checked accesses, which are
 * nGnRnE. The device in *out is the caller's to close. E_NOTFOUND: no such entry; E_RANGE: beyond its end; as sys_device_derive. */
status_t node_aperture_mmio(struct node node, unsigned range, uint64_t offset, uint64_t len, struct mmio *out) WARN_UNUSED;
/* Attaches interrupt `index` of the node: it arrives as EV_IRQ with that index. What has no interrupt controller in the tree
 * (messages of a PCI function) is the server's of the bus. E_NOTFOUND: the node has none. `index` 0..15. */
status_t node_irq(struct node node, unsigned index) WARN_UNUSED;
/* Rate of a clock: by name in clock-names (NULL: the first); a fixed one's stands in the tree, else its controller's server
 * is asked, as soon as it runs. E_NOTFOUND: no such clock, or nobody who knows it; else as CLOCK_OP_RATE (proto/clock.h) and
 * sys_call: E_DEAD, E_BROKEN. */
status_t node_clock_hz(struct node node, const char *name, uint32_t *out) WARN_UNUSED;
/* Has clock `index` of the node run, where a server switches it. E_NOTFOUND: none does, or it was not to be had when
 * this server was started. Errors: as CLOCK_OP_ENABLE; E_BROKEN: the clock's server will not come back. */
status_t node_clock_enable(struct node node, unsigned index) WARN_UNUSED;
/* Has it set; *out is what it is now. Others may be fed by it. E_NOSYS: it is fixed; else as CLOCK_OP_SET and above. */
status_t node_clock_set_hz(struct node node, const char *name, uint32_t hz, uint32_t *out) WARN_UNUSED;
/* Puts the block behind a reset into it, or takes it out; by name in reset-names (NULL: the first). E_NOTFOUND: no such reset, or
 * no server for it; else as RESET_OP_ASSERT (proto/reset.h), and E_DEAD, E_BROKEN. */
status_t node_reset_set(struct node node, const char *name, bool is_asserted) WARN_UNUSED;
/* Whether the block is in reset. Errors: likewise. */
status_t node_reset_get(struct node node, const char *name, bool *out) WARN_UNUSED;
/* Once through it. Errors: as RESET_OP_PULSE, and likewise. */
status_t node_reset_pulse(struct node node, const char *name) WARN_UNUSED;
/* A one-cell property. */
status_t node_u32(struct node node, const char *name, uint32_t *out) WARN_UNUSED;
uint32_t node_u32_or(struct node node, const char *name, uint32_t fallback);

/* ---- memory for DMA: belongs to the node, outlives the process (proto/init.h, "DMA") ---- */

struct dma {
    void *at;        /* mapped, not cached: the same for a device that is coherent and for one that is not */
    uint64_t bus;    /* contiguous from here, as the device must be told */
    uint64_t pa;     /* the same for the CPU */
    uint64_t len;    /* as rounded up */
    handle_t memory; /* READ, WRITE, MANAGE */
    bool is_old;     /* holds what an earlier incarnation, or this one, left there; else zero */
};

/* Memory number `index` of the node: the same index and length give every incarnation the same memory. `limit`: highest
 * bus address + 1 that the device can use, 0 any; what lies between the node and RAM (dma-ranges) is taken into account.
 * `flags`: INIT_DMA_KEEP or 0. Errors: as INIT_OP_DMA; E_RANGE: the device reaches no RAM, or not what there was; E_NOMEM no
 * address space; E_BUDGET tables. After an error behind init's answer the node holds the memory all the same. */
status_t node_dma(struct node node, unsigned index, uint64_t len, uint64_t limit, uint32_t flags,
                  struct dma *out) WARN_UNUSED;
/* Unmaps it (`dma` NULL: this process has not got it) and gives it back, after the device was reset. Errors: as
 * INIT_OP_DMA_RETURN; it is unmapped then all the same. */
status_t node_dma_return(struct node node, unsigned index, struct dma *dma) WARN_UNUSED;
/* To be called before the address of a client's memory goes to the device: init keeps it alive. The handle stays the
 * caller's. *out is for node_buffer_unregister. Errors: as INIT_OP_DMA_REGISTER. */
status_t node_buffer_register(struct node node, handle_t memory, uint32_t *out) WARN_UNUSED;
/* What a device is told of a client's memory (MANAGE): bus addresses of its first `pages` pages. Nothing in between makes caches
 * agree, so it is for devices that see what the CPU wrote (dma-coherent, virtual machines). E_RANGE: it has not so many, or the
 * device does not reach one; E_RIGHTS; as sys_memory_info. *out then holds nothing of use. */
status_t node_buffer_bus(struct node node, handle_t memory, unsigned pages, uint64_t *out) WARN_UNUSED;
/* The device is done with it; INIT_DMA_EARLIER: with all that dead incarnations registered, since it was reset.
 * E_NOTFOUND. */
status_t node_buffer_unregister(struct node node, uint32_t number);

/* ---- the event loop ---- */

enum event_kind {
    EV_CALL,   /* msg is the request, badge the caller's; finish with event_done, or event_keep */
    EV_IRQ,    /* irq is the index; finish with event_done, which re-arms the line */
    EV_NOTIFY, /* bits: those of the 64 that are the driver's own (EVENT_BITS_OWN) */
    EV_CLOSED, /* no handle with this badge is left */
    EV_COMMAND, /* a command of init that the frame does not finish itself, COMMAND_REBIND included (lines are
                 * attached again already; renew subscriptions): msg.info = op, msg.w = arguments; finish with event_done,
                 * which gives init the status and w[0..3]. E_NOSYS for what the driver does not know */
    EV_INTERRUPT /* root interrupt server only: irq = INTID or (unsigned)INTID_UNKNOWN; finish with event_done */
};

struct event {
    enum event_kind kind;
    uint32_t badge;
    unsigned irq;
    uint64_t bits;
    status_t error;
    struct msg msg; /* EV_CALL: request, then answer: w[] is sent back with event_done's status */
};

/* Event bits of a server's port. */
#define EVENT_BITS_IRQ    0x000000000000ffffull /* bit n: interrupt index n */
#define EVENT_BITS_OWN    0x7fffffffffff0000ull /* free for the driver */
#define EVENT_BIT_COMMAND 63                    /* init wrote the command page */

/* Takes `handles` handles with the next message (default 1). */
void event_accept(unsigned handles);
/* Waits for the next event. The first call tells init that the server is ready. */
struct event event_wait(void);
/* Finishes an event exactly once: answers the call with `status` and ev->msg.w, or acknowledges the interrupt, or
 * finishes the command. To send n handles with an answer (the last n words), set ev->msg.info = msg_info(0, n, 0).
 * Handles that came with a request are the driver's if it answers E_OK; with an error the frame closes them. */
void event_done(struct event *ev, status_t status);
/* In place of event_done, for an EV_IRQ that is handed on: the line stays held over further events, until event_done with
 * { .kind = EV_IRQ, .irq = ev->irq }. */
void event_hold(struct event *ev);
/* Sets `bits` at `target` (0: nobody) with the next event_wait: one entry into the kernel for both. */
void event_notify(handle_t target, uint64_t bits);
/* Keeps the answer to a call for later; event_done must not follow. Errors: E_FULL, E_BUDGET (the handle table). */
status_t event_keep(struct event *ev, handle_t *out_reply) WARN_UNUSED;
/* Gives a kept answer, with the next event_wait: one entry into the kernel for both. The reply is used up. */
void event_answer(handle_t reply, status_t status, struct msg *m);
/* The client that event_signal tells, in place of the former (whose handle is closed): bit k arrives at `client` as
 * base << k. Nothing counts as told yet. `client` 0: nobody. */
void event_subscribe(handle_t client, uint64_t base);
/* Tells the subscribed client (class protocols; see proto/serial.h) that `bits` hold. Signals changes only,
 * with the next event_wait: one entry into the kernel for both. */
void event_signal(uint32_t bits);

/* For a server whose loop is its own. Tells init that the server is ready (event_wait does it by itself). */
void driver_ready(void);
/* After EVENT_BIT_COMMAND: true if there is a command for the server, as EV_COMMAND; the frame's own are done here. */
bool driver_command(struct event *out) WARN_UNUSED;

/* ---- logging ---- */

/* Writes "[server] path: text" to the kernel's log. printf formats without floating point; a line of at most 200
 * characters. Callable from root interrupt servers: it calls no server. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
