/* SPDX-License-Identifier: BSD-2-Clause
 * The three message calls of the kernel's fast paths as inline functions, for loops in which every instruction
 * counts: words that the caller does not look at are never stored. Same meaning as sys_call, sys_reply_receive and
 * sys_notify_receive (sys.h), which everybody else uses. Keep *m local and give nobody its address, or it lives in
 * memory after all.
 *
 * On the host (tests) they are those functions, which a fake provides.
 */
#pragma once
#include <cambium/sys.h>

#ifdef __aarch64__
#define IPC_INLINE __attribute__((always_inline)) static inline
#define IPC_CLOBBERS "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "cc", "memory"

/* The words of a message travel in x2..x9 both ways. */
#define IPC_WORDS_IN(m)                                                                            \
    register uint64_t x2 __asm__("x2") = (m)->w[0];                                                \
    register uint64_t x3 __asm__("x3") = (m)->w[1];                                                \
    register uint64_t x4 __asm__("x4") = (m)->w[2];                                                \
    register uint64_t x5 __asm__("x5") = (m)->w[3];                                                \
    register uint64_t x6 __asm__("x6") = (m)->w[4];                                                \
    register uint64_t x7 __asm__("x7") = (m)->w[5];                                                \
    register uint64_t x8 __asm__("x8") = (m)->w[6];                                                \
    register uint64_t x9 __asm__("x9") = (m)->w[7]
#define IPC_WORDS_OUT(m)                                                                           \
    (m)->info = x1, (m)->w[0] = x2, (m)->w[1] = x3, (m)->w[2] = x4, (m)->w[3] = x5, (m)->w[4] = x6, \
    (m)->w[5] = x7, (m)->w[6] = x8, (m)->w[7] = x9

/* The number is the macro's: an asm's constant must be one without optimisation, too. */
#define IPC_TRAP(name, number)                                                                     \
    IPC_INLINE int64_t name(handle_t port, struct msg *m)                                          \
    {                                                                                              \
        register uint64_t x0 __asm__("x0") = port;                                                 \
        register uint64_t x1 __asm__("x1") = m->info;                                              \
        IPC_WORDS_IN(m);                                                                           \
        __asm__ volatile("svc %[call]"                                                             \
                         : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),   \
                           "+r"(x7), "+r"(x8), "+r"(x9)                                            \
                         : [call] "i"(number)                                                      \
                         : IPC_CLOBBERS);                                                          \
        IPC_WORDS_OUT(m);                                                                          \
        return (int64_t)x0;                                                                        \
    }
IPC_TRAP(ipc_trap_call, SYS_call)
IPC_TRAP(ipc_reply_receive, SYS_reply_receive)

IPC_INLINE status_t ipc_call(handle_t port, struct msg *m)
{
    return (status_t)ipc_trap_call(port, m);
}

/* Sends no words; of *m only info goes in. */
IPC_INLINE int64_t ipc_notify_receive(handle_t target, uint64_t bits, handle_t port, struct msg *m)
{
    register uint64_t x0 __asm__("x0") = target;
    register uint64_t x1 __asm__("x1") = bits;
    register uint64_t x2 __asm__("x2") = port;
    register uint64_t x3 __asm__("x3") = m->info;
    register uint64_t x4 __asm__("x4");
    register uint64_t x5 __asm__("x5");
    register uint64_t x6 __asm__("x6");
    register uint64_t x7 __asm__("x7");
    register uint64_t x8 __asm__("x8");
    register uint64_t x9 __asm__("x9");
    __asm__ volatile("svc %[call]"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "=r"(x4), "=r"(x5), "=r"(x6), "=r"(x7),
                       "=r"(x8), "=r"(x9)
                     : [call] "i"(SYS_notify_receive)
                     : IPC_CLOBBERS);
    IPC_WORDS_OUT(m);
    return (int64_t)x0;
}
#undef IPC_TRAP
#undef IPC_WORDS_IN
#undef IPC_WORDS_OUT
#undef IPC_CLOBBERS
#undef IPC_INLINE
#else
#define ipc_call sys_call
#define ipc_reply_receive sys_reply_receive
#define ipc_notify_receive sys_notify_receive
#endif
