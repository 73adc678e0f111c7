/* SPDX-License-Identifier: BSD-2-Clause
 * What the kernel's files offer each other. All of it runs with the kernel lock held and interrupts masked.
 *
 * thing_step() does a bounded part of something long and says whether it is finished; until then the object is consistent
 * but useless, and the call is entered again.
 */
#pragma once
#include "objects.h"
#include <arch/aarch64/cpu.h>

/* ---- log.c: assertions, ends, the log ---- */

/* For what only our own bug can break; on in every build. Prints file, line, the expression and the way there. */
#define assert(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *expression, const char *file, int line);
/* Panic: init faulted, or the kernel (t: vectors.S:kernel_bad). Reports the cause, the registers, the way there, and stops. */
_Noreturn void stop_at_fault(struct thread *t);
/* The word at va of p's memory, or (NULL) of this core's stack; NULL: there is none, or it is a device's. */
const uint64_t *word_at(struct process *p, uint64_t va);
extern uint64_t init_base; /* where init's image lies */
/* The boot cannot go on and nobody's code is wrong: says why, stops. */
#define halt_with_reason(...) (console_on = true, kprintf("halted: " __VA_ARGS__), stop())
_Noreturn void stop(void);
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_port_gone(struct port *port);
enum { LINE_LEN = 252 };

/* ---- console.c: the early console ---- */
void console_bind(const void *fdt); /* by /chosen stdout-path */
void console_put(const char *text, uint64_t len);
extern bool console_on;
void console_flush(void); /* prints what the log held before there was a console */

/* ---- trace.c ---- */
extern bool trace_on;
void trace_record(enum trace_event event, const struct thread *t, uint64_t argument);
void trace_switch(bool on);
status_t trace_read(uint64_t *x);
/* Always inline: a test of the flag is all that slow paths pay. */
static inline __attribute__((always_inline)) void trace(enum trace_event event, const struct thread *t, uint64_t argument)
{
    if (trace_on) {
        trace_record(event, t, argument);
    }
}
/* fast_in of a thread that needs no care. */
static inline uint32_t fast_core(const struct core *core)
{
    return trace_on ? FAST_NEVER : core->number;
}

/* ---- frames.c: pages of RAM ---- */
enum { FRAME_ORDERS = 19, FRAME_NUMBER = (1 << 27) - 1 }; /* blocks of 2^0 .. 2^18 pages */
struct frame {                                            /* 16 bytes per page of RAM */
    /* whose block this page belongs to; of a free block: its pool */
    struct memory *owner;
    /* frame number of the next block (of a memory, or free), 0: none; block heads only, as is order */
    uint32_t next : 27;
    uint32_t order : 5;
    uint32_t prev : 27; /* free blocks */
    uint32_t free : 1;  /* head of a free block */
};
/* Boot: declares [pa, pa+len) to be RAM, with its frame array at `frames` (zeroed); then gives parts of it to the
 * allocator. */
void frames_add_range(uint64_t pa, uint64_t len, struct frame *frames);
void frames_add_free(uint64_t pa, uint64_t len, bool dma);
struct frame *frame_at(uint64_t number); /* NULL: no RAM there */
/* A block of 2^order pages below `limit` (0: anywhere); its number, or 0. Not zeroed. */
uint64_t frames_alloc(unsigned order, bool dma, uint64_t limit);
void frames_free(uint64_t number, unsigned order, bool dma);
extern struct frame_pool {
    uint64_t total, free;        /* pages */
    uint32_t head[FRAME_ORDERS]; /* of the free blocks of an order; 0: none */
} frame_pools[2];                /* cacheable, DMA */
void page_zero(uint64_t pa, bool dma);

/* ---- slab.c: objects out of a process's budget ---- */
void budget_return(struct process *p, uint64_t pages);
void *object_alloc(struct process *payer, uint64_t size); /* zeroed; NULL: E_BUDGET (or no RAM) */
/* A new object (no thread) for which `pages` more are charged. */
void *object_create(struct process *payer, enum object_type type, uint64_t size, uint64_t pages);
void object_free(void *p);                                /* p may point into it */
/* One page for tables, zeroed and charged; 0: none. */
uint64_t page_alloc(struct process *payer);
void page_free(struct process *payer, uint64_t pa);
extern uint64_t object_counts[COUNTS];

/* ---- handle.c ---- */
/* These two are inline since every slow call begins with them. NULL: no such handle. */
static inline struct handle_entry *handle_lookup(struct process *p, uint64_t h)
{
    struct handle_entry *page = p->handle_page[h / HANDLES_PER_PAGE % HANDLE_PAGES],
                        *e = page != NULL ? &page[h % HANDLES_PER_PAGE] : NULL;

    return e != NULL && e->self == (handle_t)h && (handle_t)h != 0 ? e : NULL;
}
/* What is wrong with a handle where an object of this type with these rights is wanted: E_HANDLE, E_TYPE (so for a kept
 * reply), E_RIGHTS. */
static inline status_t handle_check(const struct handle_entry *e, unsigned type, uint32_t rights)
{
    return e == NULL ? E_HANDLE
           : (e->meta & RIGHTS_ALL) == 0 || ((const struct object *)e->object)->type != type ? E_TYPE
           : (e->meta & rights) != rights ? E_RIGHTS
                                          : E_OK;
}
/* The object of a handle; NULL, and *error: as handle_check. */
void *object_get(struct process *p, uint64_t h, enum object_type type, uint32_t rights,
                 status_t *error);
/* A new handle: takes a reference (and counts the badge). E_FULL, E_BUDGET, E_DEAD (p is ending), E_BUSY (badge still
 * closing). */
status_t handle_install(struct process *p, struct object *o, uint32_t rights, uint32_t badge,
                        struct process *payer, uint64_t *out);
/* A new object's first handle, in t's process; on failure the object goes again. */
status_t handle_install_new(struct thread *t, struct object *o, uint32_t rights, uint64_t *out);
status_t handle_install_reply(struct process *p, struct thread *caller, uint64_t *out);
bool handle_close_step(struct process *p, struct handle_entry *e);
void object_init(struct object *o, enum object_type type, struct process *payer);
void object_delete(struct object *o);
/* Drops one reference that is not a handle's; nothing is dropped until it returns true. */
bool object_release_step(struct object *o);
static inline struct thread *object_thread(struct object *o)
{
    return CONTAINER(o, struct thread, object);
}
#define RIGHTS_DEVICE (RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER)

/* ---- port.c ---- */
bool port_release_step(struct port *port);
bool port_deafen_step(struct port *port);
void port_notify(struct port *port, uint64_t bits);
status_t badge_count_up(struct port *port, uint32_t badge, struct process *payer);
void badge_count_down(struct port *port, uint32_t badge);
uint32_t badge_take_closed(struct port *port);

/* ---- ipc.c ---- */
int64_t ipc_call(struct thread *t, struct port *port, uint32_t badge, uint64_t deadline);
int64_t ipc_receive(struct thread *t, struct port *port, uint64_t deadline);
void ipc_fail_caller(struct thread *caller, status_t error); /* NULL: nobody waits any more */
/* Wakes a thread that waits, off every list, with x0. */
void ipc_wake(struct thread *t, int64_t x0);
void ipc_wake_receiver(struct port *port, int64_t kind, uint64_t x2);
void ipc_queue_unlink(struct thread *t);
void ipc_pool_unlink(struct thread *t);

/* ---- thread.c ---- */
/* NULL: no budget. It is ready. */
struct thread *thread_create(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg,
                             unsigned priority, uint64_t tp);
struct thread *thread_next(const struct thread *t); /* of all; NULL: the first, or after the last */
/* Ends it, whatever it does or waits for. Its caller, if any, gets E_DEAD. */
void thread_end(struct thread *t);
/* Lets it wait no more, without result. */
void thread_unblock(struct thread *t);
void thread_raise(struct thread *t, unsigned level);
const uint64_t *thread_value(const struct thread *t, uint64_t n); /* as THREAD_GET_REG */
void thread_fault(struct thread *t, uint32_t cause, uint64_t address, uint64_t esr, uint64_t code);
void fp_trap(struct thread *t);

/* ---- sched.c ---- */
void queue_push(struct queue *q, struct thread *t, bool first);
void queue_remove(struct queue *q, struct thread *t);
void sched_ready(struct thread *t);       /* tail of its level */
void sched_ready_again(struct thread *t); /* head, while its slice lasts */
void sched_unready(struct thread *t);
void sched_set_level(struct thread *t, unsigned level);
void sched_deadline(struct thread *t, uint64_t deadline); /* arms; DEADLINE_NEVER: nothing */
void sched_cancel(struct thread *t);
void timer_insert(struct core *core, struct ordered_node *n, uint32_t kind, uint64_t deadline);
void timer_remove(struct core *core, struct ordered_node *n);
enum { TIMER_THREAD = 0, TIMER_PORT = 1 };
bool preempt_pending(void); /* an interrupt waits: leave a long call at a consistent point */

/* ---- memory.c, device.c ---- */
status_t memory_create(struct process *payer, uint64_t pages, uint32_t flags, uint64_t limit,
                       struct memory **out);
status_t memory_fill_step(struct memory *m);
/* A memory made of RAM that is not the allocator's (boot archive). */
struct memory *memory_adopt(struct process *payer, uint64_t pa, uint64_t pages);
bool memory_free_step(struct memory *m);
/* Takes [va, va + len) out of p's space, step by step: advances *va. */
bool space_unmap_step(struct process *p, uint64_t *va, uint64_t end);
struct device *device_create(struct process *payer, uint32_t flags);
bool device_release_step(struct device *d);
bool window_unmap_step(struct window *w);
bool ram_overlaps(uint64_t pa, uint64_t len); /* boot/ram.c: RAM or a reservation */

/* ---- process.c, futex.c ---- */
extern struct link *process_all;
#define INIT_NAME "init\0\0\0\0\0\0\0\0\0\0\0" /* PROCESS_NAME_LEN bytes */
struct process *process_create(struct process *parent, const char *name, uint64_t pages,
                               unsigned ceiling);
bool process_kill_step(struct process *p);
/* Frees it when it is gone, unreferenced and nothing is charged to it any more. */
void process_try_free(struct process *p);
struct process *process_next(const struct process *p); /* of all; NULL: the first, or after the last */
void futex_unlink(struct thread *t);
void futex_rebase(struct thread *owner);
void futex_owner_gone(struct thread *owner);

/* ---- irq.c ---- */
bool irq_deliver(struct core *core);
/* The root server is there and waits; else IRQs cannot be taken, and the timer's may not even arrive. */
static inline bool irq_waiting(const struct core *core)
{
    return core->irq_thread != NULL && core->irq_port->receiver == core->irq_thread;
}
void irq_thread_gone(struct thread *t);
void irq_port_gone(struct port *port);

/* ---- calls.c ---- */
enum { CALL_BLOCKED = 1 << 30, CALL_RESTART }; /* what a call returns besides status_t */
typedef int64_t syscall_fn(struct thread *t, uint64_t *x, void *object, uint32_t meta);
/* A system call: x = x0..x9; the object that calls.def wants in x0, and badge << 8 | rights of its handle. */
#define SYSCALL(name)                                                                              \
    int64_t sys_##name(struct thread *t __attribute__((unused)),                                   \
                       uint64_t *x __attribute__((unused)), void *object __attribute__((unused)),  \
                       uint32_t meta __attribute__((unused)))
#define CALL(number, name, ...) SYSCALL(name);
#include <abi/calls.def>
#undef CALL

/* ---- what vectors.S and fastpath.S call ---- */
int64_t syscall(struct thread *t, uint64_t *x, uint64_t number);
void exception_sync(struct thread *t);
uint32_t fault_cause(uint64_t esr); /* FAULT_* */
void exception_serror(struct thread *t);
void irq_slow(void);
void timer_tick(struct thread *current);
struct thread *schedule(void);

/* ---- arch ---- */
/* access.c: accesses that may fault; 0, or -1 when they did. user_: with EL0's rights. op: 1, 2, 4 or 8 bytes, DEVICE_WRITE. */
int user_load32(uint64_t va, uint32_t *out);
int device_access_at(uint64_t va, uint64_t op, uint64_t *inout);
struct fp_state {
    uint8_t q[512];
    uint64_t fpcr, fpsr;
};
void fp_save(struct fp_state *fp);
void fp_load(const struct fp_state *fp);
void kernel_unlock(void);
void kernel_lock_take(void);
/* icc.c: GICv3's registers of this CPU. icc_open: false, there are none, or they cannot be used. icc_acknowledge: false, no
 * interrupt was pending any more. */
enum { INTID_SPECIAL = 1020, INTID_SPECIAL_COUNT = 4 }; /* INTIDs that say: nothing to handle (IHI 0069H, 2.2.1) */
bool icc_open(void);
bool icc_acknowledge(uint64_t *out_intid);
/* psci.c: power off or reboot by the firmware; comes back only if it cannot. */
void psci_bind(const void *fdt);
void psci_system(bool reboot);
