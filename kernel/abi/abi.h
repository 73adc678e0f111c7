/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's binary interface: call numbers, rights, message layout, constants. Included by kernel and libsys
 * (and by assembly, hence the __ASSEMBLER__ guard); includes nothing but status.h. README.md beside this file
 * describes every call with its errors.
 *
 * Registers. A system call is `svc #number`. Arguments are x0..x9; a deadline is x10. Results: x0 status (negative:
 * an error of err.def), x1.. values. x19..x30, sp are kept; everything else (x0..x18, flags) is clobbered: results
 * or zero. TPIDR_EL0 belongs to the thread, but the kernel only restores the value given to thread_create or
 * thread_control(THREAD_SET_TP): writing the register directly does not survive a switch.
 *
 * Messages. Eight words in x2..x9, and `info` in x1:
 *   bits 31:0   op (call) or status_t (reply), not looked at by the kernel
 *   bits 34:32  number of handles sent, 0..4: the last words (x9 downwards: n handles are words 8-n .. 7) are handles
 *               of the sender (with TRANSFER; it keeps them) and arrive as handles of the receiver with the same rights
 *               and badge
 *   bits 38:36  number of handles that this thread takes in the message it now waits for; a message with more
 *               fails at its sender with E_FULL. With 0, words arrive as words
 *
 * Receiving: x0 >= 0 is RECV_KIND << 32 | badge, x1 info, x2..x9 words:
 *   RECV_CALL       a call; the badge is that of the caller's handle. Answer with reply_receive, reply, or keep it
 *   RECV_EVENTS     x2 = event bits that had been set by notify and timers, now cleared
 *   RECV_INTERRUPT  root interrupt server only: the CPU took an IRQ. x2 = INTID (GICv3) or INTID_UNKNOWN: ask the
 *                   controller, once
 *   RECV_CLOSED     the last handle with this badge is gone; comes before any call
 *   RECV_FAULT      a thread whose fault port this is stopped: x2 cause (FAULT_*), x3 address, x4 pc, x5 ESR_EL1,
 *                   x6 sp, x7 thread id, x8 exit code for FAULT_EXIT. badge: the one given to process_create. It is
 *                   answered like a call: status E_OK lets the thread try again (FAULT_EXIT: never), any other ends
 *                   the thread
 *
 * Deadlines are absolute, in ticks of CNTVCT_EL0 (which EL0 may read, with CNTFRQ_EL0), DEADLINE_NEVER = wait.
 */
#pragma once

#define ABI_VERSION 1

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096

#define PRIORITY_COUNT    32 /* 0 lowest .. 31 highest */
#define HANDLE_INDEX_BITS 12 /* a handle is generation << 12 | index; generation is never 0 */
#define MSG_WORDS         8
#define MSG_HANDLES       4
#define DEVICE_WINDOWS    4 /* windows in one device object; a node with more gets several devices */
#define PROCESS_NAME_LEN  16 /* bytes, zero padded */

/* Rights of a handle. CALL, NOTIFY and RECEIVE exist for ports only, so one bit tells type and right. */
#define RIGHT_CALL    0x01 /* port: call */
#define RIGHT_NOTIFY  0x02 /* port: notify */
#define RIGHT_RECEIVE 0x04 /* port: receive, timer_set. When the last such handle goes, callers get E_DEAD */
#define RIGHT_READ    0x08 /* memory, device: map or access for reading */
#define RIGHT_WRITE   0x10 /* memory, device: likewise for writing; /chosen: write the log */
#define RIGHT_EXEC    0x20 /* memory: map executable */
/* port: mint badges, reset. memory: its physical address. device: derive, revoke. process: everything. thread: control */
#define RIGHT_MANAGE 0x40
#define RIGHT_TRANSFER    0x80 /* may be duplicated and sent in messages */
#define RIGHT_BIT_CALL    0
#define RIGHT_BIT_NOTIFY  1
#define RIGHT_BIT_RECEIVE 2
#define RIGHT_BIT_READ    3
#define RIGHT_BIT_WRITE   4
#define RIGHTS_ALL        0xff
#define BADGE_MAX         0xffffff /* badges have 24 bits; 0 = none: no *closed* is delivered for it */

/* device_access: op = width in bytes (1, 2, 4, 8), ORed with DEVICE_WRITE, or with DEVICE_TAKE: reads and, of what was read,
 * writes the bits that are asked for to another register, so that a status is masked or acknowledged in the same entry. */
#define DEVICE_WRITE 0x10
#define DEVICE_TAKE  0x20

#define INFO_HANDLES_SHIFT 32
#define INFO_ACCEPT_SHIFT  36

#define RECV_CALL      0
#define RECV_EVENTS    1
#define RECV_INTERRUPT 2
#define RECV_CLOSED    3
#define RECV_FAULT     4
#define INTID_UNKNOWN  (-1)

#define DEADLINE_NEVER (-1)       /* all ones */
#define HANDLE_SELF    0xffffffff /* where a process handle is wanted: the caller's own process */

#ifndef __ASSEMBLER__
#include <stdint.h>
#include "status.h"

typedef uint32_t handle_t; /* 0 is never a handle */

enum syscall {
#define CALL(number, name, ...) SYS_##name = number,
#include "calls.def"
#undef CALL
    SYS_COUNT
};

/* Causes in RECV_FAULT. */
enum fault {
    FAULT_READ = 1, /* address: what could not be read */
    FAULT_WRITE,
    FAULT_EXECUTE,
    FAULT_ALIGNMENT,
    FAULT_INSTRUCTION, /* undefined, or not allowed at EL0 */
    FAULT_BREAKPOINT,  /* brk */
    FAULT_BUS,         /* external abort: address if the CPU knows it */
    FAULT_SERROR,      /* asynchronous external abort charged to this process */
    FAULT_SYSCALL,     /* svc with a number that does not exist */
    FAULT_EXIT         /* process_exit: x8 = exit code */
};

/* map's and memory_create's flags. */
enum {
    MAP_READ = 1,
    MAP_WRITE = 2,
    MAP_EXEC = 4,
    MAP_STRONG = 8 /* device: nGnRnE for configuration space */
};
enum { MEMORY_CONTIGUOUS = 1, MEMORY_DMA = 2 /* from the DMA pool: contiguous, not cacheable */ };

/* device_derive's flags. Each is refused unless the parent has it. */
enum {
    DERIVE_IRQ_ROOT = 1, /* may become root interrupt server (irq_root) */
    DERIVE_CHOSEN = 2,   /* log, info */
    DERIVE_POWER = 4     /* power */
};

/* thread_control operations. */
enum {
    THREAD_KILL = 0,     /* ends the thread; its pending call is dropped */
    THREAD_SET_PRIORITY, /* x2 = 0..31, not above the process's ceiling */
    THREAD_SET_TP,       /* x2 = TPIDR_EL0; handle 0 = the calling thread */
    /* of a thread stopped in a fault (handle 0: whose fault the caller received last and did not answer yet): x2 = 0..30 x
     * registers, 31 sp, 32 pc, 33 pstate, above: a multiple of 8, the address of a word of its memory -> x1 */
    THREAD_GET_REG,
    THREAD_EXIT, /* handle 0: ends the calling thread only */
    THREAD_SELF /* handle 0: -> x1 = a handle (MANAGE) of the calling thread: mutexes are owned by handles */
};

/* log operations; the handle is that of /chosen. */
enum {
    /* RIGHT_WRITE; x2 = level, x3..x9 = up to 56 bytes of text, ended by a NUL or the registers; a line may come in several
     * calls, '\n' ends it */
    LOG_WRITE = 0,
    LOG_READ, /* RIGHT_READ; x2 = sequence number of the first byte wanted -> x1 = sequence number of the first
                     * byte returned, x2 = number of bytes, x3..x9 = up to 56 bytes */
    LOG_SUBSCRIBE, /* RIGHT_READ; x2 = port (RIGHT_NOTIFY), x3 = bits to set when a line was added; one subscriber */
    LOG_CONSOLE, /* RIGHT_MANAGE; x2 = 1 early console on, 0 off -> x1 = sequence number of the next byte */
    LOG_TRACE, /* RIGHT_READ; x2 = 1: record what happens (enum trace_event) from now on, 0: no more */
    LOG_TRACE_READ /* RIGHT_READ; x2 = number of the first record wanted -> x1 = number of the one returned, x2 = of the
                     * next to be written, x3 = CNTVCT_EL0, x4 = event | core << 8 | thread id << 32, x5 = argument */
};
/* What the trace records of a thread, and the argument. Thread 0 is none. Later numbers are other events. */
enum trace_event {
    TRACE_SWITCH = 1, /* it runs now, or goes on; thread 0: the core is idle */
    TRACE_CALL,       /* its call was received by thread (63:32); op of its info (31:0); or its fault was, op 0 */
    TRACE_REPLY,      /* it answered thread (63:32); status in its info (31:0) */
    TRACE_NOTIFY,     /* event bits (argument) woke it */
    TRACE_IRQ,        /* the root interrupt server got an interrupt: INTID (argument) */
    TRACE_FAULT,      /* it stopped: FAULT_* (argument) */
    TRACE_PENDING,    /* event bits (argument) came to its port while it was at work */
    TRACE_EVENTS,     /* it took event bits (argument), which came while it was at work */
    TRACE_WAKE,       /* it waits no more and gets argument as x0: RECV_CLOSED << 32 | badge, an error, E_OK from a futex */
    TRACE_TIMER,      /* a deadline (argument) passed: events follow as TRACE_NOTIFY, else its wait ended; 0: nobody waited */
    TRACE_SLICE,      /* its time slice ended while others wait for their turn */
    TRACE_START,      /* it begins: process id (argument) */
    TRACE_END,        /* it ends: process id (argument) */
    TRACE_NAME        /* twice after TRACE_END: 8 bytes of its process's name (argument); who lives has INFO_THREAD */
};
/* A line in the ring: "[seconds.micros] text", and for other levels than info "[seconds.micros] warn: text" ("error: ",
 * "debug: "). */
enum log_level { LOG_ERROR = 0, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* info operations; the handle is that of /chosen (RIGHT_READ). */
enum {
    /* -> x1 pages of RAM, x2 pages free, x3 DMA pool pages, x4 free of those, x5 CPUs running, x6 IRQs taken, x7 IRQs while no
     * root server waited */
    INFO_SYSTEM = 0,
    INFO_PROCESS, /* x2 = id: the first process with an id >= x2 -> x1 id, x2/x3 name, x4 pages used, x5 limit,
                      * x6 threads << 32 | handles, x7 highest priority << 8 | dead, x8 CPU ticks; E_NOTFOUND: none */
    INFO_OBJECTS, /* -> x1 processes, x2 threads, x3 ports, x4 memories, x5 devices, x6 badges, x7 replies kept */
    INFO_THREAD /* x2 = id: the first thread with an id >= x2 -> x1 id, x2 process id, x3 state, x4 priority */
};

/* irq_root operations; the handle is that of the root controller's node (RIGHT_MANAGE). */
enum {
    /* x2 = port: the calling thread becomes this core's root interrupt server: pinned, runs with PSTATE.I set from its next
     * receive on; x3 = IRQ_ROOT_ICC or 0 -> x1 = this core's affinity, as MPIDR_EL1 has it (Aff3 in 39:32, Aff2..0 in 23:0) */
    IRQ_ROOT_REGISTER = 0
};
/* irq_root's flags for IRQ_ROOT_REGISTER. ICC: GICv3, the kernel acknowledges at the CPU's own registers and hands over the
 * INTID. */
enum { IRQ_ROOT_ICC = 1 };

/* power operations; the handle is that of /psci (RIGHT_MANAGE). */
enum { POWER_OFF = 0, POWER_REBOOT };

static inline uint64_t msg_info(uint32_t op, unsigned handles, unsigned accept)
{
    return op | (uint64_t)handles << INFO_HANDLES_SHIFT | (uint64_t)accept << INFO_ACCEPT_SHIFT;
}
static inline uint32_t info_op(uint64_t info)
{
    return (uint32_t)info;
}
static inline unsigned info_handles(uint64_t info)
{
    return (info >> INFO_HANDLES_SHIFT) & 7;
}
static inline unsigned info_accept(uint64_t info)
{
    return (info >> INFO_ACCEPT_SHIFT) & 7;
}
#endif
