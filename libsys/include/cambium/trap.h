/* SPDX-License-Identifier: BSD-2-Clause
 * The system call instruction, and the short IPC calls inline, so that message words stay in registers. Included by
 * sys.h only, which documents the functions; sys.c has the other calls.
 *
 * Every register is in and out: the kernel enters a long call (map, unmap, process_kill) again by moving the pc back to
 * the svc with the registers advanced, and clears what is no result.
 */
#pragma once
#include <cambium/sys.h> /* for what is declared there; it includes us at its end */

/* x0..x10 of a system call. Lives in registers: whatever uses it is inlined. */
struct regs {
    uint64_t x[11];
};

/* trap_NAME(&regs) for every call of calls.def. */
#define CALL(number, name, ...)                                                                    \
    __attribute__((always_inline, unused)) static inline void trap_##name(struct regs *r)          \
    {                                                                                              \
        register uint64_t x0 __asm__("x0") = r->x[0];                                              \
        register uint64_t x1 __asm__("x1") = r->x[1];                                              \
        register uint64_t x2 __asm__("x2") = r->x[2];                                              \
        register uint64_t x3 __asm__("x3") = r->x[3];                                              \
        register uint64_t x4 __asm__("x4") = r->x[4];                                              \
        register uint64_t x5 __asm__("x5") = r->x[5];                                              \
        register uint64_t x6 __asm__("x6") = r->x[6];                                              \
        register uint64_t x7 __asm__("x7") = r->x[7];                                              \
        register uint64_t x8 __asm__("x8") = r->x[8];                                              \
        register uint64_t x9 __asm__("x9") = r->x[9];                                              \
        register uint64_t x10 __asm__("x10") = r->x[10];                                           \
        __asm__ volatile("svc %[call]"                                                             \
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),   \
                           "+r"(x7), "+r"(x8), "+r"(x9), "+r"(x10)                                 \
                         : [call] "i"(number)                                                      \
                         : "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "cc",           \
                           "memory");                                                              \
        r->x[0] = x0, r->x[1] = x1, r->x[2] = x2, r->x[3] = x3, r->x[4] = x4, r->x[5] = x5;        \
        r->x[6] = x6, r->x[7] = x7, r->x[8] = x8, r->x[9] = x9;                                    \
    }
#include <abi/calls.def>
#undef CALL

/* Written out: in a loop the compiler keeps struct regs in memory, three times the instructions. */
static inline void regs_put_msg(struct regs *r, const struct msg *m)
{
    r->x[1] = m->info;
    r->x[2] = m->w[0], r->x[3] = m->w[1], r->x[4] = m->w[2], r->x[5] = m->w[3];
    r->x[6] = m->w[4], r->x[7] = m->w[5], r->x[8] = m->w[6], r->x[9] = m->w[7];
}

static inline void regs_get_msg(const struct regs *r, struct msg *m)
{
    m->info = r->x[1];
    m->w[0] = r->x[2], m->w[1] = r->x[3], m->w[2] = r->x[4], m->w[3] = r->x[5];
    m->w[4] = r->x[6], m->w[5] = r->x[7], m->w[6] = r->x[8], m->w[7] = r->x[9];
}

static inline status_t sys_call(handle_t port, struct msg *m)
{
    struct regs r = { { port } };

    regs_put_msg(&r, m);
    trap_call(&r);
    regs_get_msg(&r, m);
    return (status_t)r.x[0];
}

static inline status_t msg_call(handle_t port, struct msg *m)
{
    status_t err = sys_call(port, m);

    return err != E_OK ? err : (status_t)info_op(m->info);
}

static inline int64_t sys_receive(handle_t port, struct msg *m, uint64_t deadline)
{
    struct regs r = { { port, m->info, [10] = deadline } };

    trap_receive(&r);
    regs_get_msg(&r, m);
    return (int64_t)r.x[0];
}

static inline int64_t sys_reply_receive(handle_t port, struct msg *m)
{
    struct regs r = { { port } };

    regs_put_msg(&r, m);
    trap_reply_receive(&r);
    regs_get_msg(&r, m);
    return (int64_t)r.x[0];
}

static inline int64_t sys_reply_to_receive(handle_t reply, handle_t port, struct msg *m)
{
    struct regs r = { { port, [10] = reply } };

    regs_put_msg(&r, m);
    trap_reply_to_receive(&r);
    regs_get_msg(&r, m);
    return (int64_t)r.x[0];
}

static inline int64_t sys_notify_receive(handle_t target, uint64_t bits, handle_t port,
                                         struct msg *m)
{
    /* not the order of the prototype: x2 = own port, x3 = info */
    struct regs r = { { target, bits, port, m->info } };

    trap_notify_receive(&r);
    regs_get_msg(&r, m);
    return (int64_t)r.x[0];
}

static inline status_t sys_notify(handle_t port, uint64_t bits)
{
    struct regs r = { { port, bits } };

    trap_notify(&r);
    return (status_t)r.x[0];
}

/* Not through struct regs: fewer registers to fill, and this is on the way of interrupts. Gives x0, and x1. */
__attribute__((always_inline)) static inline status_t
device_trap(handle_t device, unsigned window, uint64_t op, uint64_t from, uint64_t value, uint64_t to,
            uint64_t *out)
{
    register uint64_t x0 __asm__("x0") = device;
    register uint64_t x1 __asm__("x1") = window;
    register uint64_t x2 __asm__("x2") = op;
    register uint64_t x3 __asm__("x3") = from;
    register uint64_t x4 __asm__("x4") = value;
    register uint64_t x5 __asm__("x5") = to;
    __asm__ volatile("svc %[call]"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5)
                     : [call] "i"(SYS_device_access)
                     : "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "x18", "cc", "memory");
    *out = x1;
    return (status_t)x0;
}

static inline status_t sys_device_access(handle_t device, unsigned window, uint32_t op,
                                         uint64_t offset, uint64_t *value)
{
    uint64_t out;
    status_t err = device_trap(device, window, op, offset, *value, offset, &out);

    if (err == E_OK && (op & DEVICE_WRITE) == 0) {
        *value = out;
    }
    return err;
}

static inline status_t sys_device_take(handle_t device, unsigned window, uint32_t width, uint64_t from,
                                       uint64_t bits, uint64_t to, uint64_t *out_value)
{
    return device_trap(device, window, width | DEVICE_TAKE, from, bits, to, out_value);
}
