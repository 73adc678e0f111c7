/* SPDX-License-Identifier: BSD-2-Clause
 * irq_root - the root interrupt server: the timer's line, devices, its death and restart under a spinning thread.
 *
 * Follows: kernel/core/irq.c (irq_deliver, irq_slow, irq_thread_gone), kernel/core/sched.c (schedule),
 *   kernel/core/thread.c (thread_fault, thread_end), kernel/arch/aarch64/fastpath.S (timer_irq, device_irq,
 *   fast_notify_receive), servers/drv/gicv2/gicv2.c (gicv2_take, gicv2_start, gicv2_run), libsys/src/irq_server.c
 *   (irq_server_unclaimed, serve_ack, serve_attach), servers/init/supervise.c (supervise_death),
 *   libsys/src/driver.c (irq_attach, irq_ack, irq_rebind)
 *
 * One core. By priority: root server, init, a driver with a level and an edge line, a thread that only spins. The
 * controller is a GICv2 with EOImode 1: IAR makes a line active and raises the running priority, EOIR drops that,
 * DIR (or ICACTIVER) makes it inactive. It sees the timer's line late, both ways. Each register access of the server
 * is a step; the hardware does what it likes in between, and the server may die between any two of them. An IRQ that
 * is signalled and not masked is taken before the next instruction of EL0.
 *
 * With a GICv3 the kernel takes INTERRUPTED to DROPPED in one entry, while the server waits: the same order of accesses,
 * with fewer points at which the server can die, and in_service is never seen.
 *
 * Assumed: the timer's period is longer than a tick costs; a late line has settled by the time the root server
 * receives again; init is above every thread that spins, and restarts a root server at once.
 *
 * Proved:
 *   storm     there are never more than six IRQ exceptions without an instruction of another thread
 *   present   an IRQ finds the root server waiting, absent, or stopped by a fault; never at work
 *   tick      the kernel's timer ticks for ever (weak fairness), also under the spinning thread
 *   level     an asserted level line is served in the end
 *   edge      an edge is served in the end, also one that comes while its line is active or the server is down
 *
 * @check safety -DCRASHES=2 -DLEVELS=2 -DEDGES=2 | no storm, no IRQ while the server works
 * @check tick   liveness=tick_ok -DCRASHES=2 -DLEVELS=1 -DEDGES=1 | the tick never dies
 * @check level  liveness=level_ok -DCRASHES=1 -DLEVELS=2 -DEDGES=1 | a level interrupt is delivered
 * @check edge   liveness=edge_ok -DCRASHES=1 -DLEVELS=1 -DEDGES=2 | no edge is lost
 * @bug 1  tick   acceptance_cycle | the server reads IAR until nothing is pending
 * @bug 2  tick   acceptance_cycle | the timer's INTID is dropped but not deactivated
 * @bug 3  tick   acceptance_cycle | a new server leaves active what the dead one left active
 * @bug 4  tick   acceptance_cycle | a new server does not drop the running priority
 * @bug 5  tick   acceptance_cycle | init pauses before it restarts the root server
 * @bug 6  tick   acceptance_cycle | the server does not enable the timer's line
 * @bug 7  safety storm            | the kernel does not mask when the server is absent
 * @bug 8  safety storm            | a level line is deactivated before its driver acknowledged
 * @bug 9  level  acceptance_cycle | drivers are not rebound
 * @bug 10 edge   acceptance_cycle | attaching clears what is pending and sends no event
 * @bug 11 safety present          | the server's thread runs with I clear
 * @bug 12 safety storm            | a server that faulted counts as present: no mask until init has ended it
 * @bug 13 level  acceptance_cycle | the driver does not acknowledge
 */
#include "model.h"

#define T 0 /* the timer's line */
#define L 1 /* a device's level line */
#define E 2 /* a device's edge line */
#define LINES 3
#define NONE 3

mtype = { ROOT, INIT, DRIVER, SPIN };                 /* threads, by priority */
mtype = { ABSENT, START, SETUP, WAITS, INTERRUPTED, ACKNOWLEDGED, DROPPED, ACKS, ATTACHES, DONE, FAULTED };
mtype = { IDLE, HANDLES, QUEUED, TAKEN };             /* the driver: in receive, running, in its call */
mtype = { ACK, ATTACH };

/* ---- hardware ---- */
bool istatus;             /* the timer fired and was not re-armed */
bool seen;                /* how the controller sees that line */
bool level;               /* the device's level line */
bool latch;               /* an edge is pending */
bool unmasked[LINES], is_active[LINES];
bool in_service;          /* running priority: IAR without EOIR */

#define PENDING(i) ((i == T && seen) || (i == L && level) || (i == E && latch))
#define SIGNALS(i) (unmasked[i] && !is_active[i] && PENDING(i))
#define IRQ (!in_service && (SIGNALS(T) || SIGNALS(L) || SIGNALS(E)))

/* ---- the core and the kernel ---- */
mtype running = INIT;
bool masked;              /* PSTATE.I */
bool mask_once;
byte streak;              /* IRQ exceptions since another thread than the root server ran */
bool ticked = true;       /* the last time the timer fired was served */
bool worked = true;       /* somebody got on since the last tick */

/* ---- threads ---- */
mtype root = ABSENT;
byte iar = NONE;
bool attached[LINES];     /* in the server's memory */
byte crashes = CRASHES, kills = 1;

bool init_ends = true;    /* init's work: end the dead server and start the next (at boot: the first) */
bool init_rebinds;
bool init_sleeps;         /* mutation 5 */

mtype driver = IDLE;
bool event[LINES];        /* bits at the driver's port */
bool rebind;
mtype request;
byte about = NONE;        /* line of the request */
bool to_attach[LINES], to_ack[LINES];
byte levels = LEVELS, edges = EDGES; /* what the device still does: one that never rests may starve others */
bool owed;                /* ghost: an edge came that the driver has not handled since */

#define ROOT_RUNS (root != ABSENT && root != WAITS && root != FAULTED)
#define REGISTERED (root != ABSENT && root != START)
#define INIT_RUNS ((init_ends || init_rebinds) && !init_sleeps)
#define DRIVER_RUNS (driver == HANDLES)

inline do_tick()
{
    istatus = false;
    ticked = true;
    worked = false;
    init_sleeps = false
}

/* schedule(): who is next, and with which mask. */
inline leave()
{
    if
    :: !REGISTERED && istatus -> COVER(tick_polled); do_tick()
    :: else
    fi;
    if
    :: driver == IDLE && (event[L] || event[E] || rebind) -> driver = HANDLES
    :: else
    fi;
    if
    :: ROOT_RUNS -> running = ROOT
    :: !ROOT_RUNS && INIT_RUNS -> running = INIT
    :: !ROOT_RUNS && !INIT_RUNS && DRIVER_RUNS -> running = DRIVER
    :: else -> running = SPIN
    fi;
#if BUG == 11
    masked = mask_once;
#else
    masked = mask_once || (running == ROOT && REGISTERED);
#endif
    mask_once = false
}

inline take_irq()
{
    PROVE(present, !ROOT_RUNS || root == START);
    streak++;
    PROVE(storm, streak <= 6);
    if
    :: istatus ->
        COVER(tick_by_irq);
        do_tick()
    :: !istatus && root == WAITS ->
        if
        :: seen && !level && !latch -> COVER(late_line)
        :: else
        fi;
        root = INTERRUPTED
    :: else ->
        if
        :: root == FAULTED -> COVER(irq_while_faulted)
        :: root == ABSENT -> COVER(irq_while_absent)
        :: else -> COVER(irq_while_starting)
        fi;
#if BUG != 7
#if BUG == 12
        mask_once = (root != FAULTED)
#else
        mask_once = true
#endif
#endif
    fi;
    leave()
}

/* ---- the root server; every branch is one register access or one kernel entry ---- */
inline root_receives()
{
    iar = NONE;
    seen = seen && istatus; /* settled by now */
    if
    :: driver == QUEUED ->
        driver = TAKEN;
        root = (request == ACK -> ACKS : ATTACHES)
    :: else -> root = WAITS
    fi;
    leave()
}

inline root_replies()
{
    if
    :: driver == TAKEN -> driver = HANDLES; about = NONE
    :: else
    fi;
    root_receives()
}

inline root_goes()
{
    root = ABSENT;
    attached[L] = false;
    attached[E] = false;
    iar = NONE;
    if
    :: driver == TAKEN -> COVER(driver_gets_dead); driver = HANDLES; about = NONE
    :: else
    fi
}

#define TAKE(i) :: d_step { RUN(ROOT) && root == INTERRUPTED && !in_service && SIGNALS(i) -> \
        iar = i; is_active[i] = true; in_service = true; root = ACKNOWLEDGED; \
        if \
        :: i == E -> latch = false \
        :: i == T -> COVER(timer_handed_to_server) \
        :: else \
        fi }
#if BUG == 13
#define CALL(flag, i, what) :: d_step { RUN(DRIVER) && flag[i] && what == ACK -> flag[i] = false } \
    SEND(flag, i, what, what == ATTACH)
#else
#define CALL(flag, i, what) SEND(flag, i, what, true)
#endif
#define SEND(flag, i, what, condition) \
    :: d_step { RUN(DRIVER) && flag[i] && !rebind && condition -> \
        streak = 0; worked = true; flag[i] = false; request = what; about = i; \
        if \
        :: root == WAITS -> driver = TAKEN; root = (what == ACK -> ACKS : ATTACHES) \
        :: else -> driver = QUEUED \
        fi; \
        leave() }
#define RUN(thread) (running == thread && (masked || !IRQ))

proctype cpu()
{
    do
    :: d_step { !masked && IRQ -> take_irq() }

    /* the server starts: registers, then resets the controller (gicv2_start) */
    :: d_step { RUN(ROOT) && root == START -> root = SETUP; leave() }
    :: d_step { RUN(ROOT) && root == SETUP ->
#if BUG != 3
        is_active[T] = false; is_active[L] = false; is_active[E] = false;
#endif
#if BUG != 4
        in_service = false;
#endif
#if BUG != 6
        unmasked[T] = true;
#endif
        unmasked[L] = false; unmasked[E] = false;
        init_rebinds = true;
        root_receives() }

    /* an interrupt: IAR once, EOIR, then the driver's bits and receive in one entry */
    TAKE(T)
    TAKE(L)
    TAKE(E)
    :: d_step { RUN(ROOT) && root == INTERRUPTED && !IRQ -> COVER(nothing_pending); root_receives() }
    :: d_step { RUN(ROOT) && root == ACKNOWLEDGED -> in_service = false; root = DROPPED }
    :: d_step { RUN(ROOT) && root == DROPPED && (iar == T || !attached[iar]) ->
        if
        :: iar != T -> unmasked[iar] = false
        :: else
        fi;
#if BUG != 2
        is_active[iar] = false;
#endif
        iar = NONE;
        root = DONE }
    :: d_step { RUN(ROOT) && root == DROPPED && iar != T && attached[iar] ->
        event[iar] = true;
#if BUG == 8
        is_active[iar] = false;
#endif
        root_receives() }
#if BUG == 1
    :: d_step { RUN(ROOT) && root == DONE && IRQ -> root = INTERRUPTED }
    :: d_step { RUN(ROOT) && root == DONE && !IRQ -> root_receives() }
#else
    :: d_step { RUN(ROOT) && root == DONE -> root_receives() }
#endif

    /* the driver's calls */
    :: d_step { RUN(ROOT) && root == ACKS ->
        if
        :: attached[about] -> is_active[about] = false
        :: else -> COVER(ack_of_unknown_line)
        fi;
        root_replies() }
    :: d_step { RUN(ROOT) && root == ATTACHES && unmasked[about] -> unmasked[about] = false }
    :: d_step { RUN(ROOT) && root == ATTACHES && !unmasked[about] ->
        is_active[about] = false;
#if BUG == 10
        latch = latch && about != E;
#endif
        attached[about] = true;
        unmasked[about] = true;
#if BUG != 10
        event[about] = true; /* the spurious event */
#endif
        root_replies() }

    /* it faults, between any two steps */
    :: d_step { RUN(ROOT) && REGISTERED && crashes > 0 ->
        if
        :: root == ACKNOWLEDGED -> COVER(dies_in_service)
        :: root == DROPPED && iar == T -> COVER(dies_with_timer_active)
        :: root == SETUP -> COVER(dies_in_setup)
        :: else
        fi;
        crashes--;
        root = FAULTED;
        init_ends = true;
        leave() }

    /* init */
    :: d_step { RUN(INIT) && init_ends && root != ABSENT ->
        streak = 0; worked = true;
        root_goes();
#if BUG == 5
        init_sleeps = true;
#endif
        leave() }
    :: d_step { RUN(INIT) && init_ends && root == ABSENT ->
        streak = 0; worked = true;
        init_ends = false;
        root = START;
        leave() }
    :: d_step { RUN(INIT) && !init_ends && init_rebinds ->
        streak = 0; worked = true;
        init_rebinds = false;
#if BUG == 9
        to_attach[L] = to_attach[L] || crashes + kills == CRASHES + 1;
        to_attach[E] = to_attach[L];
        rebind = to_attach[L];
#else
        rebind = true;
#endif
        leave() }

    /* the driver: a bit is handled once; an interrupt is handled at the device, then acknowledged */
    :: d_step { RUN(DRIVER) && rebind -> streak = 0; worked = true; rebind = false; to_attach[L] = true; to_attach[E] = true }
    :: d_step { RUN(DRIVER) && event[L] -> streak = 0; worked = true; event[L] = false; level = false; to_ack[L] = true }
    :: d_step { RUN(DRIVER) && event[E] -> streak = 0; worked = true; event[E] = false; owed = latch; to_ack[E] = true }
    CALL(to_attach, L, ATTACH)
    CALL(to_attach, E, ATTACH)
    CALL(to_ack, L, ACK)
    CALL(to_ack, E, ACK)
    :: d_step { RUN(DRIVER) && !rebind && !event[L] && !event[E] && !to_attach[L] && !to_attach[E] && !to_ack[L] && !to_ack[E] ->
        streak = 0; worked = true;
        driver = IDLE;
        leave() }

    /* the spinning thread: an instruction; or any system call, for instance the one that kills the root server */
    :: d_step { RUN(SPIN) -> streak = 0; worked = true }
    :: d_step { RUN(SPIN) && kills > 0 && root == WAITS ->
        streak = 0; worked = true; kills--; init_ends = true; leave() }
    od
}

/* The timer fires again when somebody got on since: its period is longer than a tick. */
proctype timer()
{
    do
    :: d_step { !istatus && ticked && worked -> istatus = true; ticked = false }
    od
}

proctype wire()
{
    do
    :: d_step { seen != istatus -> seen = istatus }
    od
}

proctype device()
{
    do
    :: d_step { !level && levels > 0 -> levels--; level = true }
    :: d_step { !latch && edges > 0 ->
        edges--;
        if
#if EDGES > 1
        :: is_active[E] -> COVER(edge_while_active)
#endif
        :: root == ABSENT -> COVER(edge_while_absent)
        :: else
        fi;
        latch = true;
        owed = true }
    od
}

ltl tick_ok { ([]<> ticked) && ([]<> !ticked) }
ltl level_ok { [] (level -> <> !level) }
ltl edge_ok { [] (owed -> <> !owed) }

init
{
    atomic {
        run cpu();
        run timer();
        run wire();
        run device()
    }
}
