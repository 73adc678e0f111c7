/* SPDX-License-Identifier: BSD-2-Clause
 * System call stubs (sys.h) but for the short IPC calls, which trap.h has inline. Registers as abi.h says; the order of
 * the arguments is that of the prototypes unless a stub says otherwise.
 */
#include <cambium/sys.h>
#include <stddef.h>
#include <string.h>

static inline status_t status_of(const struct regs *r)
{
    return (status_t)r->x[0];
}

/* Status of a call whose one result is a handle. */
static inline status_t handle_result(const struct regs *r, handle_t *out)
{
    if (status_of(r) == E_OK) {
        *out = (handle_t)r->x[1];
    }
    return status_of(r);
}

/* ---- messages: what trap.h does not do inline ---- */

status_t sys_call_deadline(handle_t port, struct msg *m, uint64_t deadline)
{
    struct regs r = { { port, [10] = deadline } };

    regs_put_msg(&r, m);
    trap_call_deadline(&r);
    regs_get_msg(&r, m);
    return status_of(&r);
}

status_t sys_reply(handle_t reply, const struct msg *m)
{
    struct regs r = { { reply } };

    regs_put_msg(&r, m);
    trap_reply(&r);
    return status_of(&r);
}

status_t sys_reply_keep(handle_t *out_reply)
{
    struct regs r = { { 0 } };

    trap_reply_keep(&r);
    return handle_result(&r, out_reply);
}

void sys_yield(void)
{
    struct regs r = { { 0 } };

    trap_yield(&r);
}

uint32_t sys_abi_version(void)
{
    struct regs r = { { 0 } };

    trap_abi_version(&r);
    return (uint32_t)r.x[0];
}

/* ---- handles, ports ---- */

status_t sys_handle_dup(handle_t h, uint32_t rights, uint32_t badge, handle_t *out)
{
    struct regs r = { { h, rights, badge } };

    trap_handle_dup(&r);
    return handle_result(&r, out);
}

status_t sys_handle_close(handle_t h)
{
    struct regs r = { { h } };

    trap_handle_close(&r);
    return status_of(&r);
}

status_t sys_port_create(handle_t *out)
{
    struct regs r = { { 0 } };

    trap_port_create(&r);
    return handle_result(&r, out);
}

status_t sys_port_reset(handle_t port, int fail_callers)
{
    struct regs r = { { port, (uint64_t)fail_callers } };

    trap_port_reset(&r);
    return status_of(&r);
}

/* ---- memory, devices ---- */

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    struct regs r = { { len, flags, limit } };

    trap_memory_create(&r);
    return handle_result(&r, out);
}

status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    struct regs r = { { memory, offset } };

    trap_memory_info(&r);
    if (status_of(&r) == E_OK) {
        if (out_len != NULL) {
            *out_len = r.x[1];
        }
        if (out_pa != NULL) {
            *out_pa = r.x[2];
        }
    }
    return status_of(&r);
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    /* not the order of the prototype: the window comes last, since only devices have one */
    struct regs r = { { process, object, offset, len, va, flags, window } };

    /* x7 counts the bytes mapped through all entries of the call; the kernel leaves it where the call failed */
    trap_map(&r);
    if (status_of(&r) != E_OK && r.x[7] != 0) {
        (void)sys_unmap(process, va, r.x[7]); /* just mapped, so it can be unmapped */
    }
    return status_of(&r);
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    struct regs r = { { process, va, len } };

    trap_unmap(&r);
    return status_of(&r);
}

status_t sys_device_derive(handle_t parent, uint32_t flags, unsigned count,
                           const struct device_window *windows, handle_t *out)
{
    struct regs r = { { parent, flags | (uint64_t)count << 32 } };

    if (count > DEVICE_WINDOWS) {
        return E_INVAL;
    }
    for (unsigned i = 0; i < DEVICE_WINDOWS; i++) {
        if (i < count) {
            r.x[2 + 2 * i] = windows[i].pa;
            r.x[3 + 2 * i] = windows[i].len;
        }
    }
    trap_device_derive(&r);
    return handle_result(&r, out);
}

status_t sys_device_revoke(handle_t device)
{
    struct regs r = { { device } };

    trap_device_revoke(&r);
    return status_of(&r);
}

/* ---- processes, threads ---- */

status_t sys_process_create(handle_t parent, const char *name, uint64_t pages, unsigned ceiling,
                            handle_t fault_port, uint32_t badge, handle_t *out)
{
    uint64_t words[PROCESS_NAME_LEN / sizeof(uint64_t)] = { 0 };

    memcpy(words, name, strnlen(name, PROCESS_NAME_LEN - 1));
    struct regs r = { { parent, words[0], words[1], pages, ceiling, fault_port, badge } };
    trap_process_create(&r);
    return handle_result(&r, out);
}

status_t sys_process_kill(handle_t process)
{
    struct regs r = { { process } };

    trap_process_kill(&r);
    return status_of(&r);
}

status_t sys_process_grant(handle_t process, handle_t h, uint32_t rights, uint32_t badge,
                           handle_t *out)
{
    struct regs r = { { process, h, rights, badge } };

    trap_process_grant(&r);
    return handle_result(&r, out);
}

_Noreturn void sys_process_exit(int code)
{
    struct regs r = { { (uint64_t)(int64_t)code } };

    trap_process_exit(&r);
    __builtin_trap(); /* the call does not return; if it did, a fault is the honest end */
}

status_t sys_thread_create(handle_t process, uint64_t entry, uint64_t sp, uint64_t arg,
                           unsigned priority, uint64_t tp, handle_t *out)
{
    struct regs r = { { process, entry, sp, arg, priority, tp } };

    trap_thread_create(&r);
    return handle_result(&r, out);
}

status_t sys_thread_control(handle_t thread, uint32_t op, uint64_t value, uint64_t *out)
{
    struct regs r = { { thread, op, value } };

    trap_thread_control(&r);
    if (status_of(&r) == E_OK && out != NULL) {
        *out = r.x[1];
    }
    return status_of(&r);
}

/* ---- time, futex ---- */

status_t sys_timer_set(handle_t port, uint64_t deadline, uint64_t bits)
{
    struct regs r = { { port, deadline, bits } };

    trap_timer_set(&r);
    return status_of(&r);
}

status_t sys_futex_wait(const uint32_t *word, uint32_t expected, handle_t owner, uint64_t deadline)
{
    struct regs r = { { (uint64_t)word, expected, owner, [10] = deadline } };

    trap_futex_wait(&r);
    return status_of(&r);
}

int64_t sys_futex_wake(const uint32_t *word, uint32_t count, handle_t owner)
{
    struct regs r = { { (uint64_t)word, count, owner } };

    trap_futex_wake(&r);
    return status_of(&r) == E_OK ? (int64_t)r.x[1] : status_of(&r);
}

/* ---- /chosen, controllers, power ---- */

enum { LOG_WORDS = 7, LOG_CHUNK = LOG_WORDS * sizeof(uint64_t) };

status_t sys_log_write(handle_t chosen, unsigned level, const char *text, uint64_t len)
{
    while (len > 0) {
        struct regs r = { { chosen, LOG_WRITE, level } };
        uint64_t chunk = len < LOG_CHUNK ? len : LOG_CHUNK;

        memcpy(&r.x[3], text, chunk);
        trap_log(&r);
        if (status_of(&r) != E_OK) {
            return status_of(&r);
        }
        text += chunk;
        len -= chunk;
    }
    return E_OK;
}

status_t sys_log_read(handle_t chosen, uint64_t seq, char *buf, uint64_t len, uint64_t *out_seq,
                      uint64_t *out_len)
{
    uint64_t first = seq, done = 0;

    while (done < len) {
        struct regs r = { { chosen, LOG_READ, seq } };

        trap_log(&r);
        if (status_of(&r) != E_OK) {
            return status_of(&r);
        }
        if (done == 0) {
            first = seq = r.x[1];
        }
        uint64_t got = r.x[2] < LOG_CHUNK ? r.x[2] : LOG_CHUNK;
        if (got == 0 || r.x[1] != seq) {
            break; /* the end, or the ring overtook us: the next call starts behind the gap */
        }
        got = got < len - done ? got : len - done;
        memcpy(buf + done, &r.x[3], got);
        done += got;
        seq += got;
    }
    *out_seq = first;
    *out_len = done;
    return E_OK;
}

status_t sys_log_subscribe(handle_t chosen, handle_t port, uint64_t bits)
{
    struct regs r = { { chosen, LOG_SUBSCRIBE, port, bits } };

    trap_log(&r);
    return status_of(&r);
}

status_t sys_trace(handle_t chosen, int on)
{
    struct regs r = { { chosen, LOG_TRACE, (uint64_t)on } };

    trap_log(&r);
    return status_of(&r);
}

status_t sys_trace_read(handle_t chosen, uint64_t seq, struct trace_record *out)
{
    struct regs r = { { chosen, LOG_TRACE_READ, seq } };

    trap_log(&r);
    if (status_of(&r) == E_OK) {
        *out = (struct trace_record){ .seq = r.x[1],
                                      .next_seq = r.x[2],
                                      .ticks = r.x[3],
                                      .event = (enum trace_event)(r.x[4] & 0xff),
                                      .core = r.x[4] >> 8 & 0xff,
                                      .thread = (uint32_t)(r.x[4] >> 32),
                                      .argument = r.x[5] };
    }
    return status_of(&r);
}

status_t sys_log_console(handle_t chosen, int on, uint64_t *out_seq)
{
    struct regs r = { { chosen, LOG_CONSOLE, (uint64_t)on } };

    trap_log(&r);
    if (status_of(&r) == E_OK && out_seq != NULL) {
        *out_seq = r.x[1];
    }
    return status_of(&r);
}

status_t sys_info(handle_t chosen, uint32_t op, uint64_t arg, uint64_t w[8])
{
    struct regs r = { { chosen, op, arg } };

    trap_info(&r);
    if (status_of(&r) == E_OK) {
        memcpy(w, &r.x[1], 8 * sizeof(uint64_t));
    }
    return status_of(&r);
}

status_t sys_irq_root(handle_t device, handle_t port, uint32_t flags, uint64_t *out_affinity)
{
    struct regs r = { { device, IRQ_ROOT_REGISTER, port, flags } };

    trap_irq_root(&r);
    if (status_of(&r) == E_OK && out_affinity != NULL) {
        *out_affinity = r.x[1];
    }
    return status_of(&r);
}

status_t sys_power(handle_t psci, uint32_t op)
{
    struct regs r = { { psci, op } };

    trap_power(&r);
    return status_of(&r);
}
