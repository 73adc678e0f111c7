/* SPDX-License-Identifier: BSD-2-Clause
 * What the kernel's files offer each other. All of it runs with the kernel lock held and interrupts masked.
 */
#pragma once
#include "objects.h"
#include <arch/aarch64/cpu.h>

/* ---- assertions and ends (panic.c, boot/halt) ---- */

/* For what only our own bug can break; on in every build. Prints file, line and the expression. */
#define assert(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))
_Noreturn void assert_failed(const char *expression, const char *file, int line);
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The boot cannot go on and nobody's code is wrong: says why, stops. */
_Noreturn void halt_with_reason(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- log.c ---- */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_text(const char *text, uint64_t len);
void console_bind(const void *fdt); /* console.c: early console, by /chosen stdout-path */
void console_put(const char *text, uint64_t len);
bool console_on(bool on);
void console_flush(void);     /* prints what the log held before there was a console */
extern struct port *log_port; /* subscriber, or NULL */
void log_port_gone(struct port *port);

/* ---- frames.c: pages of RAM ---- */
struct frame { /* 16 bytes per page of RAM */
    struct memory
        *owner; /* whose block this page belongs to; of a free block: 1 if it is the DMA pool's */
    uint32_t
        next : 27; /* frame number of the next block (of a memory, or free); 0: none. Block heads only */
    uint32_t order : 5; /* block heads */
    uint32_t prev : 27; /* free blocks */
    uint32_t free : 1;  /* head of a free block */
};
enum { FRAME_ORDERS = 19 }; /* blocks of 2^0 .. 2^18 pages */
/* Boot: declares [pa, pa+len) to be RAM, with its frame array at `frames` (zeroed); then gives parts of it to the
 * allocator. */
void frames_add_range(uint64_t pa, uint64_t len, struct frame *frames);
void frames_add_free(uint64_t pa, uint64_t len, bool dma);
struct frame *frame_at(uint64_t number); /* NULL: no RAM there */
/* A block of 2^order pages below `limit` (0: anywhere); its number, or 0. Not zeroed. */
uint64_t frames_alloc(unsigned order, bool dma, uint64_t limit);
void frames_free(uint64_t number, unsigned order, bool dma);
extern uint64_t frames_total, frames_free_count, frames_dma_total, frames_dma_free;
void page_zero(uint64_t pa, bool dma);

/* Boot, for mmu_map_linear: a zeroed page for a table, and where it is seen. */
uint64_t boot_table_alloc(void);
uint64_t *boot_table_va(uint64_t pa);

/* ---- slab.c: objects out of a process's budget ---- */
status_t budget_take(struct process *p, uint64_t pages);
void budget_return(struct process *p, uint64_t pages);
void *object_alloc(struct process *payer, uint64_t size); /* zeroed; NULL: E_BUDGET (or no RAM) */
void object_free(void *p);
/* One page for tables, zeroed and charged; 0: none. */
uint64_t page_alloc(struct process *payer);
void page_free(struct process *payer, uint64_t pa);
extern uint64_t object_counts[OBJECT_TYPES], badge_count, reply_count;

/* ---- handle.c ---- */
struct handle_entry *handle_lookup(struct process *p, handle_t h);
/* An entry of this type with these rights: E_HANDLE, E_TYPE, E_RIGHTS. */
status_t handle_get(struct process *p, handle_t h, enum object_type type, uint32_t rights,
                    struct object **out);
/* A new handle: takes a reference (and counts the badge). E_FULL, E_BUDGET, E_BUSY (badge still closing). */
status_t handle_install(struct process *p, struct object *o, uint32_t rights, uint32_t badge,
                        struct process *payer, handle_t *out);
status_t handle_install_reply(struct process *p, struct thread *caller, handle_t *out);
/* Closes the entry; false: not finished, call again. */
bool handle_close_step(struct process *p, struct handle_entry *e);
/* Drops one reference that is not a handle's; false: call again (nothing is dropped until it returns true). */
bool object_release_step(struct object *o);

/* ---- port.c ---- */
struct port *port_create(struct process *payer);
bool port_release_step(struct port *port);
bool port_fail_callers_step(struct port *port, status_t error);
void port_notify(struct port *port, uint64_t bits);
status_t badge_count_up(struct port *port, uint32_t badge, struct process *payer);
void badge_count_call(struct port *port, uint32_t badge); /* a queued call counts like a handle */
void badge_count_down(struct port *port, uint32_t badge);
void port_receive_handle_added(struct port *port);
void port_timer_expired(struct port *port);
bool port_reset_step(struct port *port, bool fail_callers);

/* ---- ipc.c ---- */
enum {
    CALL_BLOCKED = 1 << 30,
    CALL_RESTART
}; /* besides status_t: frame is complete, or is to be entered again */
int64_t ipc_call(struct thread *t, struct port *port, uint32_t badge, uint64_t deadline);
int64_t ipc_receive(struct thread *t, struct port *port, uint64_t deadline);
int64_t ipc_reply(struct thread *t, struct thread *caller);
void ipc_fail_caller(struct thread *caller, status_t error);
/* Wakes a thread that waits with this status in x0. */
void ipc_wake_status(struct thread *t, int64_t status);
void ipc_queue_unlink(struct thread *t);
void ipc_pool_unlink(struct thread *t);

/* ---- thread.c ---- */
status_t thread_create(struct process *p, uint64_t entry, uint64_t sp, uint64_t arg,
                       unsigned priority, uint64_t tp, struct thread **out);
/* Ends it, whatever it does or waits for. Its caller, if any, gets E_DEAD. */
void thread_end(struct thread *t);
/* Lets it wait no more, without result. */
void thread_unblock(struct thread *t);
void thread_raise(struct thread *t, unsigned level);
void thread_fault(struct thread *t, uint32_t cause, uint64_t address, uint64_t esr, uint64_t code);
void fp_trap(struct thread *t);

/* ---- sched.c ---- */
void sched_ready(struct thread *t); /* tail of its level */
void sched_ready_head(struct thread *t);
void sched_unready(struct thread *t);
void sched_yield(struct thread *t);
void sched_deadline(struct thread *t, uint64_t deadline); /* arms; DEADLINE_NEVER: nothing */
void sched_cancel(struct thread *t);
void timer_insert(struct core *core, struct ordered_node *n, uint32_t kind, uint64_t deadline);
void timer_remove(struct core *core, struct ordered_node *n);
enum { TIMER_THREAD = 0, TIMER_PORT = 1 };
bool preempt_pending(void); /* an interrupt waits: leave a long call at a consistent point */

/* ---- memory.c, device.c ---- */
status_t memory_create(struct process *payer, uint64_t pages, uint32_t flags, uint64_t limit,
                       struct memory **out);
/* A memory made of RAM that is not the allocator's (boot archive, tree). */
struct memory *memory_adopt(struct process *payer, uint64_t pa, uint64_t pages);
bool memory_free_step(struct memory *m);
bool memory_zero_step(struct memory *m, uint64_t *progress);
uint64_t memory_page_pa(struct memory *m, uint64_t page); /* walks; for contiguous ones one step */
/* Takes [va, va + len) out of p's space, step by step: advances *va, false: call again. */
bool space_unmap_step(struct process *p, uint64_t *va, uint64_t end);
struct device *device_create_root(struct process *payer, uint32_t flags);
bool device_release_step(struct device *d);
void window_detach(struct window *w);
bool window_unmap_step(struct window *w);
bool ram_overlaps(uint64_t pa, uint64_t len); /* boot/ram.c: RAM or a reservation */
bool device_contains(const struct device *d, uint64_t pa, uint64_t len);

/* ---- process.c, futex.c ---- */
struct process *process_create(struct process *parent, const char *name, uint64_t pages,
                               unsigned ceiling);
bool process_kill_step(struct process *p);
void process_try_free(
    struct process *p); /* when it is gone, unreferenced and nothing is charged to it any more */
extern struct process *process_all;
status_t process_get(struct thread *t, uint64_t h, struct process **out);
status_t port_get(struct thread *t, uint64_t h, uint32_t right, struct port **out,
                  uint32_t *out_badge);
int64_t handle_duplicate(struct thread *t, struct process *to, uint64_t *x);
/* A new object's first handle, into *out; on failure the object goes again. */
int64_t handle_install_new(struct thread *t, struct object *o, uint32_t rights, uint64_t *out);
void futex_unlink(struct thread *t);
void futex_owner_gone(struct thread *owner);

/* ---- irq.c ---- */
bool irq_deliver(struct core *core);
/* The root server is there and waits; else IRQs cannot be taken, and the timer's may not even arrive. */
static inline bool irq_waiting(const struct core *core)
{
    return core->irq_thread != NULL && core->irq_port->receiver == core->irq_thread;
}
void irq_thread_gone(struct thread *t);

/* ---- calls.c ---- */
typedef int64_t syscall_fn(struct thread *t, uint64_t *x);
#define CALL(number, name) syscall_fn sys_##name;
#include <abi/calls.def>
#undef CALL
extern syscall_fn *const syscalls[SYS_COUNT];

/* ---- what vectors.S and fastpath.S call ---- */
int64_t do_abi_version(void);
int64_t exception_unknown_call(struct thread *t, uint64_t number);
void exception_sync(struct thread *t);
void exception_serror(struct thread *t);
void irq_slow(struct thread *current);
bool timer_tick(struct thread *current, struct core *core);
struct thread *schedule(void);
_Noreturn void kernel_exception(uint64_t sp, uint64_t lr);

/* ---- arch ---- */
/* access.c: accesses that may fault; 0, or -1 when they did. user_: with EL0's rights. width: 1, 2, 4 or 8 bytes. */
int user_load32(uint64_t va, uint32_t *out);
int device_load(uint64_t va, unsigned width, uint64_t *out);
int device_store(uint64_t va, unsigned width, uint64_t value);
struct fp_state {
    uint8_t q[512];
    uint64_t fpcr, fpsr;
};
void fp_save(struct fp_state *fp);
void fp_load(const struct fp_state *fp);
void kernel_unlock(void);
void kernel_lock_take(void);
unsigned asid_alloc(void); /* 0: none left */
void asid_free(unsigned asid);
/* psci.c: power off or reboot by the firmware; comes back only if it cannot. */
void psci_bind(const void *fdt);
void psci_system(bool reboot);

void *memset(void *d, int c, size_t n);
void *memcpy(void *restrict d, const void *restrict s, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
