/* SPDX-License-Identifier: BSD-2-Clause
 * ipc - call, reply, kept reply, deadline and death at one port.
 *
 * Follows: kernel/core/ipc.c (ipc_call, ipc_receive, ipc_reply, ipc_deliver, ipc_fail_caller, ipc_queue_unlink,
 *   ipc_pool_unlink, reply_current, reply_kept, receive_after_reply), kernel/core/port.c (port_notify, port_fail_callers_step, port_deafen_step, port_reset_step),
 *   kernel/core/thread.c (thread_unblock, thread_end), kernel/core/handle.c (handle_install_reply,
 *   handle_close_step), kernel/core/process.c (process_kill_step), kernel/arch/aarch64/fastpath.S (fast_call,
 *   fast_reply_receive, fast_reply_to_receive)
 *
 * Every kernel entry is one indivisible step, because one lock is taken on every entry; what is interleaved are the
 * entries of clients, server threads, timers, a notifier, and whoever kills (in several steps). A blocked thread knows the one pointer
 * that points at it (`wait`); ending its call from outside is clearing that pointer.
 *
 * Proved, by assertions after every entry and by the absence of a bad end (all runs end, so a caller that waits for
 * ever is a bad end):
 *   - links: each blocked thread is pointed at by exactly the pointer that its `wait` names, and no pointer leads to
 *     a thread that does not wait there: a timed-out queued call is unlinked, no receive sees a stale caller
 *   - no lost wake-up: no thread waits in receive while an event bit is set or a caller is queued
 *   - every caller is answered exactly once: by the answer to this very call, or E_TIMEOUT, or E_DEAD
 *   - a kept reply of a dead or timed-out caller answers nobody, a second answer by the same handle neither
 *   - event bits set before a receive are delivered by it; only port_reset drops them
 *
 * @check one   -DSERVERS=1 -DCALLS=2 | one server thread: two clients, two calls each
 * @check pool  -DSERVERS=2 -DCALLS=1 | two server threads at one port, either answers the other's kept replies
 * @bug 1  one  links            | a deadline wakes its caller but leaves the pointer to it
 * @bug 2  one  links            | a queued call whose deadline passed is not unlinked
 * @bug 3  one  lost_wakeup      | receive does not look at event bits before it waits
 * @bug 4  one  links            | reply_keep leaves the caller's `wait` at the server's pointer
 * @bug 5  one  links            | a dying server does not fail the replies it kept
 * @bug 6  one  answered_once    | reply leaves the caller pointer: a second reply answers again
 * @bug 7  pool handle_was_stale | the generation of a reply's handle does not move
 * @bug 8  one  links            | receive forgets an unanswered caller instead of failing it
 * @bug 9  one  lost_wakeup      | notify sets bits without waking the receiver
 * @bug 10 one  links            | a receiver that is killed stays in its port
 * @bug 11 one  end_state        | callers still queued are not failed when the port dies
 * @bug 12 one  links            | a client that is killed while its reply is kept leaves the entry pointing at it
 * @bug 13 pool links            | taking a receiver of a pool drops the rest of the list
 * @bug 14 one  lost_wakeup      | receive looks at event bits but not at queued callers
 */
#include "model.h"

#define CLIENTS 2
#define THREADS (CLIENTS + SERVERS)
#define REPLIES 2
#define NONE 255

mtype = { READY, BLOCKED, DEAD };                                        /* of a thread */
mtype = { AT_NOTHING, AT_QUEUE, AT_RECEIVER, AT_CALLER, AT_REPLY };      /* what points at it */
mtype = { OK, E_TIMEOUT, E_DEAD, E_HANDLE };
mtype = { GOT_NOTHING, GOT_CALL, GOT_EVENTS, GOT_TIMEOUT };

/* ---- the kernel's state ---- */
mtype state[THREADS] = READY;
mtype wait[THREADS] = AT_NOTHING;
byte wait_at[THREADS];      /* AT_CALLER: which server thread; AT_REPLY: which entry */
byte next[THREADS] = NONE;  /* in the queue of callers, or among the waiting receivers */
byte caller[THREADS] = NONE;
bool timed[THREADS];        /* a deadline is armed */
mtype status[THREADS] = OK; /* result of the last entry */

bool port_alive = true;
byte receiver = NONE;       /* last in, first out, through next */
byte head = NONE, tail = NONE;
byte events;

byte reply_object[REPLIES] = NONE;
bool reply_used[REPLIES];
byte reply_generation[REPLIES];

/* ---- ghosts: what the processes know, to compare with what the kernel does ---- */
byte number[CLIENTS];   /* of the client's current call */
mtype got[THREADS] = GOT_NOTHING; /* server threads: what receive returned */
byte request[THREADS];  /* server threads: the call in hand, 0 = none */
byte kept_slot[REPLIES], kept_generation[REPLIES], kept_request[REPLIES]; /* the server's handles; request 0 = none */
byte owed;              /* event bits set and not yet delivered */
byte finished;          /* clients that made all their calls */
hidden byte who, i, n;    /* scratch inside one step */

#define KEPT_ALL (kept_request[0] != 0 && kept_request[1] != 0)
#define KEPT (kept_request[0] != 0 || kept_request[1] != 0)
#define REQUEST(client) ((client) * 16 + number[client])

/* ---- invariants, checked after every entry ---- */
inline check()
{
    who = 0;
    do
    :: who < THREADS ->
        if
        :: state[who] == BLOCKED && wait[who] == AT_QUEUE ->
            i = head;
            do
            :: i != NONE && i != who -> i = next[i]
            :: else -> break
            od;
            PROVE(links, i == who && who < CLIENTS)
        :: state[who] == BLOCKED && wait[who] == AT_RECEIVER ->
            i = receiver;
            do
            :: i != NONE && i != who -> i = next[i]
            :: else -> break
            od;
            PROVE(links, i == who && who >= CLIENTS && caller[who] == NONE)
        :: state[who] == BLOCKED && wait[who] == AT_CALLER -> PROVE(links, caller[wait_at[who]] == who)
        :: state[who] == BLOCKED && wait[who] == AT_REPLY ->
            PROVE(links, reply_used[wait_at[who]] && reply_object[wait_at[who]] == who)
        :: state[who] == BLOCKED && wait[who] == AT_NOTHING -> PROVE(links, false)
        :: else -> PROVE(links, wait[who] == AT_NOTHING)
        fi;
        if
        :: caller[who] != NONE ->
            PROVE(links, state[caller[who]] == BLOCKED && wait[caller[who]] == AT_CALLER && wait_at[caller[who]] == who)
        :: else
        fi;
        who++
    :: else -> break
    od;
    i = 0;
    do
    :: i < REPLIES ->
        if
        :: reply_object[i] != NONE ->
            PROVE(links, reply_used[i] && state[reply_object[i]] == BLOCKED && wait[reply_object[i]] == AT_REPLY &&
                         wait_at[reply_object[i]] == i)
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = head;
    n = 0;
    do
    :: i != NONE ->
        PROVE(links, state[i] == BLOCKED && wait[i] == AT_QUEUE && n < CLIENTS && (next[i] != NONE || i == tail));
        i = next[i];
        n++
    :: else -> break
    od;
    i = receiver;
    n = 0;
    do
    :: i != NONE ->
        PROVE(links, state[i] == BLOCKED && wait[i] == AT_RECEIVER && n < SERVERS);
        i = next[i];
        n++
    :: else -> break
    od;
    PROVE(lost_wakeup, receiver == NONE || (events == 0 && head == NONE));
    PROVE(lost_event, owed == events);
    who = 0;
    i = 0;
    n = 0
}

/* ---- the kernel: pieces of entries (thread.c, ipc.c) ---- */
inline wake(th, result)
{
    PROVE(answered_once, state[th] == BLOCKED);
    state[th] = READY;
    wait[th] = AT_NOTHING;
    wait_at[th] = 0;
    next[th] = NONE;
    timed[th] = false;
    status[th] = result
}

/* The reply to `req` (what the server believes to answer) reaches thread th. */
inline answer(th, req)
{
    PROVE(answered_once, state[th] == BLOCKED && REQUEST(th) == req);
    wake(th, OK)
}

/* *wait = 0, or out of the list. */
inline unlink(th)
{
    if
    :: wait[th] == AT_QUEUE ->
        COVER(unlink_queued);
#if BUG != 2
        if
        :: head == th -> head = next[th]
        :: else ->
            i = head;
            do
            :: next[i] != th -> i = next[i]
            :: else -> break
            od;
            next[i] = next[th]
        fi;
        if
        :: tail == th && head == NONE -> tail = NONE
        :: tail == th && head != NONE -> tail = i
        :: else
        fi
#endif
    :: wait[th] == AT_RECEIVER ->
        COVER(unlink_receiver);
        if
        :: receiver == th -> receiver = next[th]
        :: else ->
            i = receiver;
            do
            :: next[i] != th -> i = next[i]
            :: else -> break
            od;
            next[i] = next[th]
        fi
    :: wait[th] == AT_CALLER ->
        COVER(unlink_from_server);
#if BUG != 1
        caller[wait_at[th]] = NONE
#endif
    :: wait[th] == AT_REPLY ->
        COVER(unlink_from_kept_reply);
#if BUG == 12
        skip
#else
        reply_object[wait_at[th]] = NONE
#endif
    fi
}

/* Gives the call of client c to server thread s. */
inline hand_over(c, s)
{
    PROVE(stale_caller, caller[s] == NONE && state[c] == BLOCKED);
    caller[s] = c;
    wait[c] = AT_CALLER;
    wait_at[c] = s;
    next[c] = NONE;
    got[s] = GOT_CALL;
    request[s] = REQUEST(c)
}

inline take_receiver(s)
{
    s = receiver;
#if BUG == 13
    receiver = NONE;
#else
    receiver = next[s];
#endif
    wake(s, OK)
}

/* First half of reply_receive, and reply(0). */
inline reply_current(s)
{
    if
    :: caller[s] != NONE ->
        who = caller[s];
#if BUG != 6
        caller[s] = NONE;
#endif
        answer(who, request[s])
    :: else -> COVER(reply_to_nobody)
    fi
}

/* The server waits with a deadline while it owes a kept reply. */
inline receive(s)
{
    if
    :: caller[s] != NONE -> /* dropped unanswered */
        who = caller[s];
        caller[s] = NONE;
        COVER(drop_unanswered);
#if BUG != 8
        wake(who, E_DEAD)
#endif
    :: else
    fi;
    request[s] = 0;
    got[s] = GOT_NOTHING;
    if
#if BUG != 3
    :: events != 0 ->
        COVER(receive_finds_events);
        got[s] = GOT_EVENTS;
        owed = 0;
        events = 0
#endif
#if BUG == 3
    :: head != NONE ->
#elif BUG == 14
    :: events == 0 && false ->
#else
    :: events == 0 && head != NONE ->
#endif
        COVER(receive_finds_caller);
        who = head;
        head = next[who];
        if
        :: head == NONE -> tail = NONE
        :: else
        fi;
        hand_over(who, s)
    :: else ->
        state[s] = BLOCKED;
        wait[s] = AT_RECEIVER;
        next[s] = receiver;
        receiver = s;
        timed[s] = KEPT
    fi;
    check()
}

/* ---- whole entries ---- */
#define ALIVE(s) (state[s] == READY)

inline do_call(c, with_deadline)
{
    number[c]++;
    if
    :: !port_alive ->
        COVER(call_to_dead_port);
        status[c] = E_DEAD
    :: port_alive ->
        state[c] = BLOCKED;
        timed[c] = with_deadline;
        if
        :: receiver != NONE ->
            COVER(call_finds_receiver);
            take_receiver(n);
            hand_over(c, n)
        :: else ->
            wait[c] = AT_QUEUE;
            if
            :: head == NONE -> head = c
            :: else -> next[tail] = c
            fi;
            tail = c
        fi
    fi;
    check()
}

inline do_notify(bits)
{
    events = events | bits;
    owed = owed | bits;
#if BUG != 9
    if
    :: receiver != NONE ->
        COVER(notify_wakes);
        take_receiver(n);
        got[n] = GOT_EVENTS;
        owed = 0;
        events = 0
    :: else -> COVER(notify_before_receive)
    fi;
#endif
    check()
}

/* reply_keep: the duty to answer moves into a handle; the server remembers the handle and which call it was. */
inline do_keep(s)
{
    i = 0;
    do
    :: i < REPLIES && reply_used[i] -> i++
    :: else -> break
    od;
    n = 0;
    do
    :: n < REPLIES && kept_request[n] != 0 -> n++
    :: else -> break
    od;
    if
    :: caller[s] == NONE -> COVER(keep_of_gone_caller)
    :: caller[s] != NONE && (i == REPLIES || n == REPLIES)
    :: else ->
        COVER(keep);
        who = caller[s];
        reply_used[i] = true;
        reply_object[i] = who;
#if BUG != 4
        wait[who] = AT_REPLY;
        wait_at[who] = i;
#endif
        caller[s] = NONE;
        kept_slot[n] = i;
        kept_generation[n] = reply_generation[i];
        kept_request[n] = request[s];
        request[s] = 0
    fi;
    check()
}

/* reply with handle number n of the server's. Generations are 20 bits in the kernel; in a run of this model at most
 * CLIENTS * CALLS replies are kept, so they do not come round here either. */
inline do_reply_kept(slot, generation, req, result)
{
    if
    :: !reply_used[slot] || reply_generation[slot] != generation ->
        COVER(second_answer_refused);
        result = E_HANDLE
    :: else ->
        who = reply_object[slot];
        reply_object[slot] = NONE;
        reply_used[slot] = false;
#if BUG != 7
        reply_generation[slot]++;
#endif
        result = OK;
        if
        :: who != NONE ->
            COVER(kept_reply_answers);
            answer(who, req)
        :: else -> COVER(kept_reply_of_gone_caller)
        fi
    fi;
    check()
}

inline do_timeout(th)
{
    unlink(th);
    wake(th, E_TIMEOUT);
    if
    :: th >= CLIENTS ->
        COVER(receive_timeout);
        got[th] = GOT_TIMEOUT
    :: else -> COVER(call_timeout)
    fi;
    check()
}

inline do_kill_client(c)
{
    unlink(c);
    state[c] = DEAD;
    wait[c] = AT_NOTHING;
    wait_at[c] = 0;
    next[c] = NONE;
    timed[c] = false;
    check()
}

/* process_kill of the server, in steps that other entries come between: its threads with the callers in their hands,
 * then one handle after the other. The port is init's. */
inline do_end_threads()
{
    n = CLIENTS;
    do
    :: n < THREADS ->
        if
#if BUG != 10
        :: state[n] == BLOCKED -> unlink(n)
#endif
        :: else
        fi;
        if
        :: caller[n] != NONE ->
            COVER(server_dies_with_caller);
            who = caller[n];
            caller[n] = NONE;
            wake(who, E_DEAD)
        :: else
        fi;
        state[n] = DEAD;
        wait[n] = AT_NOTHING;
        next[n] = NONE;
        timed[n] = false;
        got[n] = GOT_NOTHING;
        request[n] = 0;
        n++
    :: else -> break
    od;
    check()
}

inline do_close_reply(slot)
{
    if
    :: reply_object[slot] != NONE ->
        COVER(server_dies_with_kept_reply);
        who = reply_object[slot];
        reply_object[slot] = NONE;
#if BUG != 5
        wake(who, E_DEAD)
#endif
    :: else
    fi;
    reply_used[slot] = false;
    reply_generation[slot]++;
    kept_request[slot] = 0;
    kept_slot[slot] = 0;
    kept_generation[slot] = 0;
    check()
}

/* init: the next incarnation takes over the port (callers stay queued, bits are cleared), or the service is broken. */
inline do_restart_server()
{
    events = 0;
    owed = 0;
    n = CLIENTS;
    do
    :: n < THREADS ->
        state[n] = READY;
        n++
    :: else -> break
    od;
    check()
}

inline do_break_port()
{
    port_alive = false;
    events = 0;
    owed = 0;
#if BUG != 11
    do
    :: head != NONE ->
        COVER(queued_caller_of_broken_server);
        who = head;
        head = next[who];
        wake(who, E_DEAD)
    :: else -> break
    od;
    tail = NONE;
#endif
    check()
}

/* ---- the processes ---- */
proctype client(byte me)
{
    byte calls;
    bool with_deadline;

    do
    :: calls < CALLS ->
        if
        :: with_deadline = true
        :: with_deadline = false
        fi;
        d_step {
            calls++;
            do_call(me, with_deadline)
        }
        if
        :: atomic { state[me] == READY ->
            PROVE(answered_once, status[me] == OK || status[me] == E_DEAD || (status[me] == E_TIMEOUT && with_deadline));
            status[me] = OK }
        :: d_step { state[me] == DEAD -> /* the next incarnation gets the same thread block */
            COVER(client_reborn);
            state[me] = READY;
            status[me] = OK }
        fi
    :: else -> break
    od;
    finished++
}

proctype server(byte me)
{
    mtype result;
    byte slot, generation, req;

    do
    :: d_step { ALIVE(me) && (got[me] == GOT_NOTHING || (got[me] == GOT_TIMEOUT && !KEPT)) -> receive(me) }
    :: d_step { ALIVE(me) && got[me] == GOT_CALL -> reply_current(me); receive(me) } /* reply_receive */
    :: d_step { ALIVE(me) && got[me] == GOT_CALL && request[me] != 0 -> reply_current(me); check() } /* reply */
    :: d_step { ALIVE(me) && got[me] == GOT_CALL -> receive(me) } /* drops the caller, if it has one still */
    :: d_step { ALIVE(me) && got[me] == GOT_CALL && request[me] != 0 && !(KEPT_ALL) -> do_keep(me) }
    :: d_step { ALIVE(me) && got[me] == GOT_EVENTS -> receive(me) }
    :: d_step { ALIVE(me) && got[me] == GOT_EVENTS && KEPT -> got[me] = GOT_TIMEOUT } /* the bit it waited for */
    :: d_step { ALIVE(me) && got[me] == GOT_TIMEOUT && KEPT ->
           n = (kept_request[0] != 0 -> 0 : 1);
           slot = kept_slot[n];
           generation = kept_generation[n];
           req = kept_request[n];
           kept_slot[n] = 0;
           kept_generation[n] = 0;
           kept_request[n] = 0;
           do_reply_kept(slot, generation, req, result);
           PROVE(handle_was_good, result == OK) };
       /* Others may run, and take the entry anew, before the second answer by the same handle. */
       d_step { (ALIVE(me) || state[me] == DEAD) ->
           if
           :: ALIVE(me) ->
               do_reply_kept(slot, generation, req, result);
               PROVE(handle_was_stale, result == E_HANDLE)
           :: else
           fi;
           slot = 0;
           generation = 0;
           req = 0;
           result = OK }
    :: finished == CLIENTS && state[me] == BLOCKED && !KEPT && events == 0 -> break
    :: finished == CLIENTS && state[me] == DEAD && !port_alive -> break
    od
}

/* Deadlines pass at any time. */
proctype timer()
{
end:
    do
    :: d_step { state[0] == BLOCKED && timed[0] -> do_timeout(0) }
    :: d_step { state[1] == BLOCKED && timed[1] -> do_timeout(1) }
    :: d_step { state[2] == BLOCKED && timed[2] -> do_timeout(2) }
#if SERVERS > 1
    :: d_step { state[3] == BLOCKED && timed[3] -> do_timeout(3) }
#endif
    od
}

proctype notifier()
{
    d_step { do_notify(1) }
    d_step { do_notify(2) }
}

proctype killer()
{
    bool broken;

    if
    :: d_step { state[0] == BLOCKED -> do_kill_client(0) }
    :: true
    fi;
    if
    :: d_step { do_end_threads() }
       d_step { do_close_reply(0) }
       d_step { do_close_reply(1) }
       if
       :: broken = true
       :: broken = false
       fi;
       if
       :: broken -> d_step { do_break_port() }
       :: else -> d_step { do_restart_server() }
       fi
    :: true
    fi
}

init
{
    atomic {
        byte p = 0;
        do
        :: p < CLIENTS -> run client(p); p++
        :: p >= CLIENTS && p < THREADS -> run server(p); p++
        :: else -> break
        od;
        run timer();
        run notifier();
        run killer()
    }
}
