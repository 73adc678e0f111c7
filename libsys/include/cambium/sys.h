/* SPDX-License-Identifier: BSD-2-Clause
 * System call stubs: one function per call, documented in kernel/abi/README.md, errors included. The IPC calls are
 * inline so that words stay in registers.
 */
#pragma once
#include <abi/abi.h>

/* On the host (tests) all are ordinary functions, for the test to define. */
#ifdef __aarch64__
#define SYS_INLINE static inline
#else
#define SYS_INLINE
#endif

/* A message as the stubs move it. `info` is that of abi.h; after a receive, `from` is what x0 held. */
struct msg {
    uint64_t info;
    uint64_t w[MSG_WORDS];
};

/* Calls `port` with *m and waits for the answer, which replaces *m.
 * Returns E_OK when an answer came - its status is (status_t)info_op(m->info) - else why none came. */
SYS_INLINE status_t sys_call(handle_t port, struct msg *m) WARN_UNUSED;
/* sys_call that gives the answer's status, or why none came. */
SYS_INLINE status_t msg_call(handle_t port, struct msg *m);
/* The same as sys_call, until the absolute `deadline` (CNTVCT ticks): E_TIMEOUT. */
status_t sys_call_deadline(handle_t port, struct msg *m, uint64_t deadline) WARN_UNUSED;
/* Receives on `port` into *m: a negative status_t, or RECV_KIND << 32 | badge. m->info says how many handles are taken. */
SYS_INLINE int64_t sys_receive(handle_t port, struct msg *m, uint64_t deadline) WARN_UNUSED;
/* Answers the current caller with *m (no caller: nothing), then receives as sys_receive does, for ever. */
SYS_INLINE int64_t sys_reply_receive(handle_t port, struct msg *m) WARN_UNUSED;
/* The same for a kept reply, which is used up (gone already, it is just closed), while there is no current caller. On
 * another error, of handles sent, it is kept and nothing was received. */
SYS_INLINE int64_t sys_reply_to_receive(handle_t reply, handle_t port, struct msg *m) WARN_UNUSED;
/* Sets `bits` at `target` (0: nowhere), then receives. */
SYS_INLINE int64_t sys_notify_receive(handle_t target, uint64_t bits, handle_t port,
                                      struct msg *m) WARN_UNUSED;
SYS_INLINE status_t sys_notify(handle_t port, uint64_t bits);
/* Answers the caller of a kept reply, or (0) the current one. */
status_t sys_reply(handle_t reply, const struct msg *m);
/* Turns the duty to answer the current caller into a handle; receive may then be called again. */
status_t sys_reply_keep(handle_t *out_reply) WARN_UNUSED;
void sys_yield(void);
uint32_t sys_abi_version(void);

/* `badge` 0 keeps the badge; another needs RIGHT_MANAGE on a port. Rights can only shrink. */
status_t sys_handle_dup(handle_t h, uint32_t rights, uint32_t badge, handle_t *out) WARN_UNUSED;
status_t sys_handle_close(handle_t h);
status_t sys_port_create(handle_t *out) WARN_UNUSED;
/* RIGHT_MANAGE: clears events and pending *closed*; fail_callers: also answers all queued callers with E_BROKEN. */
status_t sys_port_reset(handle_t port, int fail_callers);
/* `len` bytes, a multiple of PAGE_SIZE, zeroed. `limit`: highest physical address allowed + 1, 0 = any (MEMORY_DMA). */
status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out) WARN_UNUSED;
/* Length, and with RIGHT_MANAGE the physical address of `offset` (0 without). */
status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa);
/* Maps [offset, offset + len) of a memory, or of window `window` of a device, at `va` in `process` (or HANDLE_SELF).
 * On an error nothing stays mapped. */
status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags) WARN_UNUSED;
status_t sys_unmap(handle_t process, uint64_t va, uint64_t len);
struct device_window {
    uint64_t pa, len;
};
status_t sys_device_derive(handle_t parent, uint32_t flags, unsigned count,
                           const struct device_window *windows, handle_t *out) WARN_UNUSED;
status_t sys_device_revoke(handle_t device);
/* One checked register access; `op` = width | DEVICE_WRITE. */
SYS_INLINE status_t sys_device_access(handle_t device, unsigned window, uint32_t op, uint64_t offset,
                                      uint64_t *value);
/* Reads the register at `from`; those of its bits that are in `bits`, if any, it then writes to the one at `to`. */
SYS_INLINE status_t sys_device_take(handle_t device, unsigned window, uint32_t width, uint64_t from,
                                    uint64_t bits, uint64_t to, uint64_t *out_value);
/* A process charged to `parent` (RIGHT_MANAGE, no HANDLE_SELF): `pages` budget, threads up to `ceiling`, faults and
 * exit to `fault_port` (the badge goes into RECV_FAULT). */
status_t sys_process_create(handle_t parent, const char *name, uint64_t pages, unsigned ceiling,
                            handle_t fault_port, uint32_t badge, handle_t *out) WARN_UNUSED;
/* Ends the process and every process that it created, frees all they held; returns when it is done. E_INVAL: the own
 * process, or one that it descends from. */
status_t sys_process_kill(handle_t process);
/* Installs a duplicate of `h` in the process: its handle value there. */
status_t sys_process_grant(handle_t process, handle_t h, uint32_t rights, uint32_t badge,
                           handle_t *out) WARN_UNUSED;
_Noreturn void sys_process_exit(int code);
status_t sys_thread_create(handle_t process, uint64_t entry, uint64_t sp, uint64_t arg,
                           unsigned priority, uint64_t tp, handle_t *out) WARN_UNUSED;
status_t sys_thread_control(handle_t thread, uint32_t op, uint64_t value, uint64_t *out);
/* Sets `bits` at `port` (RIGHT_RECEIVE) when `deadline` is reached; one timer per port, a later call replaces it. */
status_t sys_timer_set(handle_t port, uint64_t deadline, uint64_t bits);
/* Waits while *word == expected: E_AGAIN if it is not. `owner`: a thread of this process that inherits the priority,
 * or 0. */
status_t sys_futex_wait(const uint32_t *word, uint32_t expected, handle_t owner, uint64_t deadline);
/* Wakes up to `count` waiters, highest priority first; returns how many, or an error. The rest wait on `owner`. */
int64_t sys_futex_wake(const uint32_t *word, uint32_t count, handle_t owner);
/* Writes a line (or part of one: '\n' ends it) to the kernel's log. */
status_t sys_log_write(handle_t chosen, unsigned level, const char *text, uint64_t len);
/* RIGHT_READ. Starts (1) or stops (0) recording what threads do (enum trace_event); slower IPC meanwhile. */
status_t sys_trace(handle_t chosen, int on);
struct trace_record {
    uint64_t seq, next_seq; /* its number, and that of the record to be written next */
    uint64_t ticks;         /* CNTVCT_EL0 */
    enum trace_event event;
    uint32_t core, thread; /* the kernel's thread id */
    uint64_t argument;
};
/* RIGHT_READ. The record with number `seq`, or the oldest one after it that the ring still has. E_AGAIN: none yet. */
status_t sys_trace_read(handle_t chosen, uint64_t seq, struct trace_record *out) WARN_UNUSED;
/* Reads the log from byte `seq` on: up to `len` bytes; *out_seq is the number of the first byte returned. */
status_t sys_log_read(handle_t chosen, uint64_t seq, char *buf, uint64_t len, uint64_t *out_seq,
                      uint64_t *out_len);
status_t sys_log_subscribe(handle_t chosen, handle_t port, uint64_t bits);
status_t sys_log_console(handle_t chosen, int on, uint64_t *out_seq);
/* info: results land in w[0..7] = x1..x8. */
status_t sys_info(handle_t chosen, uint32_t op, uint64_t arg, uint64_t w[8]);
/* `flags`: IRQ_ROOT_ICC or 0. *out_affinity (or NULL): this core's, as MPIDR_EL1 has it. */
status_t sys_irq_root(handle_t device, handle_t port, uint32_t flags, uint64_t *out_affinity);
status_t sys_power(handle_t psci, uint32_t op);

#ifdef __aarch64__
#include <cambium/trap.h>
#endif
