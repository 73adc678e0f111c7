/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's objects. Who may touch what: everything here is guarded by the one kernel lock, which is taken on
 * every entry; the kernel runs with interrupts masked and never sleeps.
 *
 * Fields that the assembly paths use have their offsets in the generated offsets.h; the first lines of struct thread
 * are one cache line of links and tests, then two of saved state (kernel/arch/aarch64/fastpath.S).
 */
#pragma once
#include <abi/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include "ordered.h"

enum object_type {
    OBJECT_FREE = 0,
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_PORT,
    OBJECT_MEMORY,
    OBJECT_DEVICE,
    OBJECT_TYPES
};

/* Embedded in every object, first in all but struct thread; handle entries point at it. */
struct object {
    uint32_t refs; /* handles, and whatever else keeps the object */
    uint8_t type;  /* enum object_type */
    uint8_t dead;  /* no new use; what is left is being taken apart */
    uint16_t reserved;
    struct process *payer; /* whose budget holds it */
};

/* A slot of a handle table, 16 bytes. A free slot has self == 0. A kept reply has rights 0: object is then the caller's
 * struct thread, or NULL once the caller is gone (it is the pointer that the caller's `wait` points at). */
struct handle_entry {
    void *object;
    uint32_t self; /* the full handle: one compare checks index, generation and liveness */
    uint32_t meta; /* badge << 8 | rights */
};
_Static_assert(sizeof(struct handle_entry) == 16, "fast paths shift by 4");

enum {
    HANDLES_PER_PAGE = PAGE_SIZE / 16,
    HANDLE_PAGES = 16,
    THREADS_PER_PROCESS = 128,
    PROCESS_DEPTH = 8
};

/* What a thread does. RUN covers the states that the fast paths make, told apart by `wait`: 0 running or ready, bit 0
 * set receiving in a pool (wait & ~1 = port), else waiting for a reply (wait = address of the pointer to it). */
enum thread_state {
    TS_RUN = 0,
    TS_QUEUED, /* its call waits in a port's queue */
    TS_FUTEX,
    TS_DEAD /* off every list; memory freed when the last handle goes */
};

#define FAST_NEVER 0x100 /* in fast_in, fast_out: take the slow path */

struct thread {
    struct thread
        *caller;    /* offset 0: whom this thread must answer; the caller's `wait` points here */
    uintptr_t wait; /* see enum thread_state */
    struct handle_entry *handles; /* first page of the process's table */
    struct thread *next;          /* ready queue, receiver pool, or port queue */
    uint32_t fast_in, fast_out;   /* the core's number, or FAST_NEVER when switching needs care */
    uint8_t level;                /* effective priority + 1 */
    uint8_t base; /* priority + 1 without callers: own, or inherited through futexes */
    uint8_t own;  /* priority + 1 as set */
    uint8_t state;
    uint32_t timed_out; /* the timer ended the wait */
    uint64_t ttbr0, tpidr;
    /* second line */
    uint64_t spsr0,
        cpacr; /* SPSR of a thread that a message resumes; I set for a root interrupt server */
    uint64_t sp_el0, elr;
    uint64_t x19_x30[12];
    /* fourth line: full frame, saved when interrupted or on a slow path */
    uint64_t spsr;
    uint64_t reserved;
    uint64_t x[19]; /* x0..x18 */

    struct object object;
    struct process *process;
    struct core *core;
    struct thread *prev; /* ready queue, port queue */
    bool ready;          /* in a ready queue */
    bool fault;          /* its pending "call" is a fault: the reply does not touch its registers */
    bool irq_server;
    uint8_t futex_top; /* highest level waiting on a futex that this thread owns */
    uint32_t id;
    struct port *queued_at; /* TS_QUEUED */
    struct port *serving;   /* the port it last received from by the slow path */
    bool kept;              /* its caller link was moved into a reply handle */
    uint32_t badge;         /* of the handle it called with */
    uint32_t fault_cause;
    uint64_t fault_address, fault_esr, fault_code;
    struct ordered_node timer; /* key: deadline; armed while in a queue */
    uint64_t futex_address;
    uint64_t deadline; /* x10 of the call being done */
    struct thread *futex_owner;
    struct thread *process_next;
    struct fp_state *fp;
};

struct port {
    struct object object;
    struct thread *receiver; /* pool of waiting receivers, last in first out */
    uint64_t reserved;
    uint64_t events;
    uint64_t attention;         /* ATTENTION_*: receive must look */
    struct thread *head, *tail; /* callers */
    struct thread *server;      /* who inherits the callers' priorities */
    uint32_t receive_handles;   /* handles with RIGHT_RECEIVE */
    uint8_t top;                /* highest level that was queued since the queue was empty */
    struct ordered badges;      /* struct badge by number */
    struct badge *closed;       /* to be delivered, oldest first */
    struct badge *closed_tail;
    struct ordered_node timer;
    uint64_t timer_bits;
    struct core *timer_core;
};
enum { ATTENTION_CALLERS = 1, ATTENTION_CLOSED = 2 };

/* Counts the handles of one port with one badge; paid by whoever minted it first. */
struct badge {
    struct ordered_node node; /* key: badge */
    struct port *port;
    struct badge *next; /* closed list */
    struct process *payer;
    uint32_t count;
    bool closed;
};

struct memory {
    struct object object;
    uint64_t pages;
    uint64_t mapped; /* page-table entries that show it */
    uint64_t first;  /* frame number of the first block; blocks are linked through struct frame */
    bool contiguous;
    bool dma;     /* not cacheable */
    bool foreign; /* frames are not the allocator's (boot archive): never freed */
};

struct window {
    uint64_t pa, len;
    struct process *process; /* who mapped it; NULL: nobody */
    uint64_t va, mapped_len;
    uint64_t unmap_va;   /* progress of a revocation */
    struct window *next; /* of the process's mapped windows */
    struct device *device;
};

#define DEVICE_ALL 0x80000000u /* the root: every address that is not RAM */

struct device {
    struct object object;
    struct device *parent, *child, *sibling; /* derivation tree */
    struct device **prev_link;               /* what points at this one in its parent's list */
    uint32_t flags;                          /* DERIVE_* */
    uint16_t depth;
    uint16_t count;
    struct window window[DEVICE_WINDOWS];
};

/* A page of objects of one size, at the start of the page. */
struct slab {
    struct slab *next, *prev; /* of the payer's slabs of this size with free slots */
    struct process *payer;
    void *free;
    uint16_t used, size_class;
    uint32_t magic;
};
enum { SLAB_CLASSES = 5 }; /* 64, 128, 256, 512, 1024 */

enum { PROCESS_LIVE = 0, PROCESS_DYING, PROCESS_GONE };

struct process {
    struct object object; /* payer = the parent */
    char name[PROCESS_NAME_LEN];
    uint32_t id;
    uint16_t depth;
    uint8_t state;
    uint8_t ceiling; /* highest priority + 1 */
    uint64_t pages_limit, pages_used;
    uint64_t ttbr0; /* table and ASID */
    uint64_t *table;
    struct handle_entry *handle_page[HANDLE_PAGES];
    uint32_t handle_pages, handle_count;
    uint32_t handle_free; /* index where the search for a free slot starts */
    uint32_t thread_count;
    uint32_t children; /* processes that this one created (payer) and that have not ended */
    struct thread *threads;
    struct thread *futex_waiters;
    struct window *windows;
    struct port *fault_port;
    uint32_t fault_badge;
    uint32_t kill_step; /* progress of process_kill */
    uint64_t kill_va;
    uint64_t cpu_ticks;
    struct slab *slabs[SLAB_CLASSES];
    struct process *all_next;
    char *log_line; /* a line not yet ended; 256 bytes, allocated at first use */
    uint32_t log_len;
};

struct core {
    struct thread *current;    /* who runs, or ran until this entry */
    struct thread *irq_thread; /* root interrupt server, NULL: none */
    struct port *irq_port;
    uint64_t ready; /* bit n: a thread of level n is ready */
    uint64_t stack_top;
    uint32_t number;
    bool dirty; /* somebody became ready or a timer was set: schedule() must look */
    uint64_t slice_ticks;
    bool mask_once; /* an IRQ came while no root server waited: set I for the next return only */
    struct thread *head[PRIORITY_COUNT + 1], *tail[PRIORITY_COUNT + 1];
    struct ordered timers;
    uint64_t armed;     /* what CNTV_CVAL_EL0 holds */
    uint64_t slice_end; /* of slice_thread; counts only while others wait at its level */
    struct thread *slice_thread;
    uint64_t last_switch;
    struct thread *fp_owner;
    uint64_t fixup; /* where a fault of the kernel's own access continues; 0: panic */
    struct process *last_device_user;
    uint64_t irqs, irqs_absent;
    uint64_t scratch[4];
    struct window *doorbell;
};

enum { CORES = 4 };
extern struct core cores[CORES];

static inline struct thread *object_thread(struct object *o)
{
    return (struct thread *)((char *)o - offsetof(struct thread, object));
}
static inline struct port *object_port(struct object *o)
{
    return (struct port *)o;
}
