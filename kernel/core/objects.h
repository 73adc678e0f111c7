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
#include "list.h"
#include "ordered.h"

enum object_type {
    OBJECT_NONE = 0,
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_PORT,
    OBJECT_MEMORY,
    OBJECT_DEVICE,
    OBJECT_TYPES,
    COUNT_BADGES = OBJECT_TYPES, /* beside the objects in object_counts */
    COUNT_REPLIES,               /* kept ones */
    COUNTS
};

/* Embedded in every object, first in all but struct thread; handle entries point at it. */
struct object {
    uint32_t refs;         /* handles, and whatever else keeps the object */
    uint8_t type;          /* enum object_type */
    bool dead;             /* no new use; what is left is being taken apart */
    struct process *payer; /* whose budget holds it */
};

/* A slot of a handle table. A free slot has self == 0, rights 0, and in `object` the index of the next free one. A
 * kept reply has rights 0: object is then the caller's struct thread, or NULL once the caller is gone (it is the pointer
 * that the caller's `wait` points at). self: the full handle, so that one compare checks index, generation, liveness. */
struct handle_entry {
    void *object;
    uint32_t self;
    uint32_t meta; /* badge << 8 | rights */
};
_Static_assert(sizeof(struct handle_entry) == 16, "fast paths shift by 4");

enum {
    HANDLES_PER_PAGE = PAGE_SIZE / 16,
    HANDLE_PAGES = 16,
    THREADS_PER_PROCESS = 128,
    PROCESS_DEPTH = 8,
    CORES = 4
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
    /* offset 0: whom this thread must answer; the caller's `wait` points here */
    struct thread *caller;
    uintptr_t wait;               /* see enum thread_state */
    struct handle_entry *handles; /* first page of the process's table */
    struct thread *next;          /* ready queue, receiver pool, port queue, futex waiters */
    uint32_t fast_in, fast_out;   /* the core's number, or FAST_NEVER when switching needs care */
    uint8_t level;                /* effective priority + 1 */
    uint8_t base;                 /* without callers: own, or inherited through futexes */
    uint8_t own;                  /* as set */
    uint8_t state;
    uint32_t from; /* lower half of the address of the thread that ran here before it */
    uint64_t ttbr0, tpidr;
    /* second line. spsr0: SPSR of a thread that a message resumes; I set for a root interrupt server */
    uint64_t spsr0, cpacr;
    uint64_t sp_el0, elr;
    uint64_t x19_x30[12];
    /* fourth line: full frame, saved when interrupted or on a slow path */
    uint64_t spsr;
    uint64_t deadline; /* x10 of the call being done */
    uint64_t x[19];    /* x0..x18 */

    struct object object;
    struct process *process;
    struct core *core;
    struct thread *prev; /* where `next` is a queue's */
    bool ready;          /* in a ready queue */
    bool fault;          /* its pending "call" is a fault: the reply does not touch its registers */
    bool kept;           /* its caller link was moved into a reply handle */
    bool doomed;         /* its fault was dropped unanswered: the next one ends it */
    uint32_t id;
    uint32_t badge;         /* of the handle it called with */
    struct port *queued_at; /* TS_QUEUED */
    struct port *serving;   /* the port it last received from by the slow path */
    uint64_t fault_words[MSG_WORDS]; /* RECV_FAULT's */
    struct ordered_node timer; /* key: deadline */
    uint64_t slice_end;        /* then it lets its equals go first; 0: a new slice begins when it runs */
    uint64_t futex_address;
    struct thread *futex_owner;
    struct link process_link;
    struct fp_state *fp;
};

struct port {
    struct object object;
    struct thread *receiver; /* pool of waiting receivers, last in first out */
    uint64_t events;
    uint64_t attention;       /* ATTENTION_*: receive must look */
    struct queue callers;     /* in order of arrival */
    struct thread *server;    /* who inherits the callers' priorities */
    uint32_t receive_handles; /* handles with RIGHT_RECEIVE */
    uint8_t top;              /* highest level that was queued since the queue was empty */
    struct ordered badges;    /* struct badge by number */
    struct badge *closed, *closed_tail; /* to be delivered, oldest first */
    struct ordered_node timer;
    uint64_t timer_bits;
    struct core *timer_core;
};
enum { ATTENTION_CALLERS = 1, ATTENTION_CLOSED = 2 };

/* Counts the handles of one port with one badge; paid by whoever minted it first. */
struct badge {
    struct ordered_node node; /* key: badge */
    struct badge *next;       /* closed list */
    uint32_t count;           /* 0: it is in that list */
};

struct memory {
    struct object object;
    uint64_t pages;  /* 0 until it is complete, and from when it is taken apart: nothing is in range */
    uint64_t mapped; /* page-table entries that show it */
    uint64_t first;  /* frame number of the first block; blocks are linked through struct frame */
    uint64_t wanted, done; /* pages: to be made, and made so far */
    uint64_t limit;        /* they lie below; 0: anywhere */
    /* a block and its first page: the one being filled, later the one where the last search ended */
    uint64_t at, at_page;
    bool contiguous;
    bool dma;     /* not cacheable */
    bool foreign; /* frames are not the allocator's (boot archive): never freed */
};

struct window {
    uint64_t pa, len;
    uint64_t pages; /* so many are mapped, from va on in process; 0: nobody has it */
    uint64_t va;
    struct process *process;
    struct link process_link;
};

/* A window's words for fastpath.S: how many there are, where the kernel has the first, and the page-table entry that must
 * show them there. None before the first access, or if they lie in two pages. */
struct window_words {
    uint64_t count, va;
    const uint64_t *entry;
    uint64_t expected;
};

#define DEVICE_ALL 0x80000000u /* the root: every address that is not RAM */

struct device {
    struct object object;
    struct device *parent;
    struct link *children; /* derived from this one */
    struct link sibling;
    uint32_t flags; /* DERIVE_* */
    uint16_t depth;
    uint16_t count;
    struct window window[DEVICE_WINDOWS];
    struct window_words words[DEVICE_WINDOWS];
};

enum { SLAB_CLASSES = 5 }; /* 64, 128, 256, 512, 1024 */

struct process {
    struct object object; /* payer = the parent */
    char name[PROCESS_NAME_LEN];
    uint32_t id;
    uint16_t depth;
    bool has_device; /* mapped one or accessed one, ever */
    bool gone;       /* nothing is left but the struct, and what is charged to it */
    uint8_t ceiling; /* highest priority + 1 */
    uint64_t pages_limit, pages_used;
    uint64_t ttbr0; /* table and ASID */
    uint64_t *table;
    struct handle_entry *handle_page[HANDLE_PAGES];
    uint32_t handle_count;
    uint32_t handle_free; /* index of the first freed slot; 0: none */
    uint32_t handle_top;  /* slots from here on were never used */
    uint32_t thread_count;
    struct link *threads;
    struct queue futex_waiters;
    struct link *windows;
    struct port *fault_port;
    uint32_t fault_badge;
    uint32_t kill_handle; /* progress of process_kill_step */
    uint64_t kill_va;
    uint64_t cpu_ticks;
    struct link *slabs[SLAB_CLASSES]; /* those with free slots */
    struct link all_link;
    struct line *log_line; /* not yet ended; allocated at first use */
};

struct core {
    struct thread *current;    /* who runs, or ran until this entry */
    struct thread *irq_thread; /* root interrupt server, NULL: none */
    struct port *irq_port;
    uint64_t ready; /* bit n: a thread of level n is ready */
    uint64_t stack_top;
    uint32_t number;
    bool dirty;     /* somebody became ready or a timer was set: schedule() must look */
    bool mask_once; /* an IRQ came while no root server waited: set I for the next return only */
    struct queue queue[PRIORITY_COUNT + 1];
    struct ordered timers;
    uint64_t armed; /* what CNTV_CVAL_EL0 holds */
    uint64_t slice_ticks;
    uint64_t last_switch;
    struct thread *fp_owner;
    uint64_t fixup; /* where a fault of the kernel's own access continues; 0: panic */
    uint64_t irqs, irqs_absent;
    int64_t irq_intid; /* what the root server gets: INTID_UNKNOWN, or 0: what the ICC registers say */
};
extern struct core cores[CORES];
