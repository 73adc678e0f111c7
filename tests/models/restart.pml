/* SPDX-License-Identifier: BSD-2-Clause
 * restart - ranks, commands, rebind and restart between init and its servers.
 *
 * Follows: servers/init/round.c (round_begin, lowest_late, round_end), servers/init/supervise.c (supervise_death,
 *   supervise_fail_callers, give_up, server_ready), servers/init/command.c (command_send, command_pump, command_look,
 *   command_reset, command_rebind), servers/init/server.c (server_stop), libsys/src/driver.c (command_take,
 *   irq_rebind, driver_ready)
 *
 * Laws 5 and 7: only calls wait, and calls only go down in rank; everything above the kernel may die.
 * A chain of three servers stands for any order of ranks: each calls only the one below it (attach, and work), all
 * call init; init calls nobody and commands by a page and an event bit. Any server may die or hang at any step, also
 * in the middle of a call, while it starts, and while it is rebound. Time is abstract: a server that misses the
 * deadline of a round is one that hangs, or waits, perhaps through others, for one that hangs or is down. So the
 * deadline must be longer than the slowest honest server needs; that is init's to choose.
 *
 * How init finds the hung one. A round asks every server that runs; a proof of life is a command issued in this
 * round. The lowest late server becomes the suspect, and is restarted only if it is the lowest late one of the next
 * round too, and if nothing below it is down or starting. One round is not enough (mutation 1): a lower server may
 * answer and hang after that, so that the one waiting for it is late and looks like the lowest. What answers in the
 * second round was not hung when the suspect was found late - unless it died and was started anew since, so a death
 * clears every suspicion above it (mutation 13).
 *
 * Proved, by assertions and in every state in which nothing can happen any more (`quiet`):
 *   - no innocent is restarted: whoever is restarted for being late is hung itself
 *   - calls only go down in rank, and init never waits: no cycle of waiting; nobody waits for ever
 *   - a hung server is found, a dead one restarted, unless it is broken: then its callers get an error
 *   - nobody is left unbound: every server is attached at the incarnation of the server below that runs now
 *
 * @check deaths -DDEATHS=2 -DHANGS=1 -DBREAKS=1 | two deaths, a hang, a server given up, at any step
 * @check hangs  -DDEATHS=1 -DHANGS=2 -DBREAKS=1 | a death, two hangs, a server given up, at any step
 * @bug 1  hangs  innocent   | one round decides
 * @bug 2  hangs  innocent   | every late server is restarted
 * @bug 3  hangs  innocent   | a server that is down is not taken into account
 * @bug 4  deaths bound      | only servers that are ready are told to rebind
 * @bug 5  deaths bound      | a command is overwritten by the next
 * @bug 6  hangs  init_waits | init calls the server to rebind it
 * @bug 7  deaths rank       | a server calls the one above while it serves it
 * @bug 8  deaths bound      | a rebind that finishes also settles the one asked for meanwhile
 * @bug 9  deaths settled    | the port's event bits are cleared when the server is ready, not before it starts
 * @bug 10 deaths settled    | giving up a server does not fail its callers
 * @bug 11 hangs  innocent   | a command issued before the round counts as proof of life in it
 * @bug 12 deaths bound      | init does not rebind
 * @bug 13 deaths innocent   | a death below does not clear the suspicion
 * @bug 14 deaths settled    | callers of a server that waits for one given up are not failed
 */
#include "model.h"

#define SERVERS 3
#define TOP (SERVERS - 1)
#define NONE 255

mtype = { WAITING, STARTING, RUNNING, BROKEN };       /* init's view of a server; WAITING: to be started when it can */
mtype = { OFF, START, OPENING, ATTACHING, LOOP, REBINDING, SERVING, SERVING_CALLS, WORKING }; /* where it is */
mtype = { IDLE, QUEUED, TAKEN, ANSWERED, FAILED };    /* a call */
mtype = { NOTHING, PING, REBIND };                    /* a command */
mtype = { PROVED, TO_ASK, ASKED };                    /* in a round */

/* ---- the servers; number = rank ---- */
mtype at[SERVERS] = OFF;
bool hung[SERVERS];
mtype call[SERVERS] = IDLE;       /* its call to the server below */
bool call_attaches[SERVERS];
bool calls_init[SERVERS];         /* waits for init's answer */
bool attached[SERVERS];           /* known to the running incarnation of the server below */
mtype page[SERVERS] = NOTHING;    /* the command that is not yet done */
bool command_bit[SERVERS];        /* pending at its port */
bool page_ready[SERVERS];         /* SERVER_READY in its page */

/* ---- init ---- */
mtype view[SERVERS] = WAITING;
mtype sent[SERVERS] = NOTHING;    /* command that init knows not yet to be done */
bool to_rebind[SERVERS];
mtype asked[SERVERS] = PROVED;
bool round;
byte suspect = NONE;

/* ---- what may still go wrong ---- */
byte deaths = DEATHS, hangs = HANGS, breaks = BREAKS;
byte rounds = 1;                  /* init also asks when nothing is wrong */
byte work = 1;                    /* calls of the topmost server of its own accord */
hidden byte x, low;

#define RUNS(s) (at[s] != OFF && !hung[s])
#define WAITS(s) (call[s] == QUEUED || call[s] == TAKEN)
/* Will not answer before something is repaired. The lowest server calls nobody. */
#define STUCK0 (hung[0] || at[0] == OFF)
#define STUCK1 (hung[1] || at[1] == OFF || (WAITS(1) && STUCK0))
#define STUCK2 (hung[2] || at[2] == OFF || (WAITS(2) && STUCK1))
/* Late too if it could not even be asked, because an earlier command is not done. */
#define LATE_OR_PROVED(s, stuck) (asked[s] == PROVED || (sent[s] != NOTHING && stuck))

/* ---- calls between servers: ipc.pml shows that they are answered once ---- */
inline call_down(s, attaches)
{
    PROVE(rank, s > 0 && call[s] == IDLE);
    call_attaches[s] = attaches;
    if
    :: view[s - 1] == BROKEN -> call[s] = FAILED
    :: else -> call[s] = QUEUED
    fi
}

inline end_call(s)
{
    call[s] = IDLE;
    call_attaches[s] = false
}

inline reply_up(s)
{
    if
    :: s < TOP && call[s + 1] == TAKEN ->
        attached[s + 1] = attached[s + 1] || call_attaches[s + 1];
        call[s + 1] = ANSWERED
    :: else -> COVER(caller_gone)
    fi
}

/* The process ends: its caller gets an error, its own call and attachment vanish, what it knew about others too. */
inline end_process(s)
{
    at[s] = OFF;
    hung[s] = false;
    end_call(s);
    calls_init[s] = false;
    attached[s] = false;
    if
    :: s < TOP ->
        attached[s + 1] = false;
        if
        :: call[s + 1] == TAKEN ->
            COVER(dies_while_serving);
            call[s + 1] = FAILED
        :: call[s + 1] == QUEUED -> COVER(dies_with_queued_caller)
        :: else
        fi
    :: else
    fi
}

proctype server(byte s)
{
end:
    do
    /* start: open something at init, attach, say ready */
    :: atomic { RUNS(s) && at[s] == START -> calls_init[s] = true; at[s] = OPENING }
    :: atomic { RUNS(s) && at[s] == OPENING && !calls_init[s] ->
        if
        :: s == 0 -> page_ready[s] = true; at[s] = LOOP
        :: else -> call_down(s, true); at[s] = ATTACHING
        fi }
    :: atomic { RUNS(s) && at[s] == ATTACHING && !WAITS(s) -> /* an error too: init will say rebind */
        end_call(s);
        page_ready[s] = true;
        at[s] = LOOP }
    /* commands */
    :: atomic { RUNS(s) && at[s] == LOOP && command_bit[s] ->
        command_bit[s] = false;
        if
        :: page[s] == REBIND && s > 0 -> call_down(s, true); at[s] = REBINDING
        :: else -> page[s] = NOTHING
        fi }
    :: atomic { RUNS(s) && at[s] == REBINDING && !WAITS(s) ->
        if
        :: call[s] == FAILED -> COVER(rebind_meets_another_death)
        :: else
        fi;
        end_call(s);
        page[s] = NOTHING;
        at[s] = LOOP }
    /* calls from above; serving one may need the server below */
    :: atomic { RUNS(s) && at[s] == LOOP && s < TOP && call[(s < TOP -> s + 1 : 0)] == QUEUED ->
        call[s + 1] = TAKEN;
        at[s] = SERVING }
    :: atomic { RUNS(s) && at[s] == SERVING -> reply_up(s); at[s] = LOOP }
#if BUG == 7
    :: atomic { RUNS(s) && at[s] == SERVING -> PROVE(rank, false) }
#endif
    :: atomic { RUNS(s) && at[s] == SERVING && s > 0 -> call_down(s, false); at[s] = SERVING_CALLS }
    :: atomic { RUNS(s) && at[s] == SERVING_CALLS && !WAITS(s) -> end_call(s); reply_up(s); at[s] = LOOP }
    /* work of its own */
    :: atomic { RUNS(s) && at[s] == LOOP && s == TOP && work > 0 -> work--; call_down(s, false); at[s] = WORKING }
    :: atomic { RUNS(s) && at[s] == WORKING && !WAITS(s) -> end_call(s); at[s] = LOOP }
    /* what may go wrong; a server that waits for an answer can be killed, but does not loop */
    :: atomic { deaths > 0 && at[s] != OFF -> deaths--; end_process(s) }
    :: atomic { hangs > 0 && RUNS(s) && !WAITS(s) && !calls_init[s] -> hangs--; hung[s] = true }
    od
}

/* ---- init: each line is one turn of its loop; none of them waits for anybody ---- */
inline forget_command(s)
{
    page[s] = NOTHING;
    sent[s] = NOTHING;
    asked[s] = PROVED
}

inline send(s, command)
{
    page[s] = command;
    command_bit[s] = true;
    sent[s] = command
}

inline give_up(s)
{
    view[s] = BROKEN;
#if BUG != 10
    if
    :: s < TOP && call[s + 1] == QUEUED ->
        COVER(broken_with_queued_caller);
        call[s + 1] = FAILED
    :: else
    fi
#endif
}

inline notice_death(s)
{
    forget_command(s);
    to_rebind[s] = false;
    page_ready[s] = false;
    if
    :: suspect != NONE && suspect >= s ->
        COVER(death_clears_suspicion);
#if BUG != 13
        suspect = NONE
#endif
    :: else
    fi;
    view[s] = WAITING
}

inline start(s)
{
#if BUG != 9
    command_bit[s] = false;
#endif
    forget_command(s);
    to_rebind[s] = false;
    view[s] = STARTING;
    at[s] = START
}

/* "Rebind" goes to whoever holds a handle to s's port, also to one that starts: it may have attached at the old one. */
inline notice_ready(s)
{
#if BUG == 9
    command_bit[s] = false;
#endif
    view[s] = RUNNING;
    if
#if BUG == 4
    :: s < TOP && view[(s < TOP -> s + 1 : 0)] == RUNNING -> to_rebind[s + 1] = true
#elif BUG == 12
    :: false
#else
    :: s < TOP && (view[(s < TOP -> s + 1 : 0)] == RUNNING || view[(s < TOP -> s + 1 : 0)] == STARTING) ->
        if
        :: view[s + 1] == STARTING -> COVER(rebind_of_starting)
        :: sent[s + 1] == REBIND -> COVER(rebind_while_rebinding)
        :: else
        fi;
        to_rebind[s + 1] = true
#endif
    :: else
    fi
}

inline start_round()
{
    x = 0;
    do
    :: x < SERVERS ->
        if
        :: view[x] == RUNNING || view[x] == STARTING ->
#if BUG == 11
            asked[x] = (sent[x] != NOTHING -> ASKED : TO_ASK)
#else
            asked[x] = TO_ASK
#endif
        :: else -> asked[x] = PROVED
        fi;
        x++
    :: else -> break
    od;
    round = true
}

/* The deadline of a round: every server answered, or is late. */
inline end_round()
{
    round = false;
    low = NONE;
    x = 0;
    do
    :: x < SERVERS ->
        if
        :: low == NONE && asked[x] != PROVED -> low = x
#if BUG != 3
        :: low == NONE && (view[x] == WAITING || view[x] == STARTING) -> low = SERVERS; /* it will be, or is late itself */
            COVER(late_above_one_that_is_down)
#endif
        :: else
        fi;
        x++
    :: else -> break
    od;
    if
    :: low == NONE -> suspect = NONE
    :: low == SERVERS -> suspect = NONE
#if BUG == 1
    :: low < SERVERS ->
#elif BUG == 2
    :: low < SERVERS && suspect == low ->
        x = low + 1;
        do
        :: x < SERVERS ->
            if
            :: asked[x] != PROVED -> PROVE(innocent, hung[x])
            :: else
            fi;
            x++
        :: else -> break
        od;
#else
    :: low < SERVERS && suspect == low ->
#endif
        COVER(restarts_a_hung_one);
        PROVE(innocent, hung[low] || at[low] == OFF);
        end_process(low);
        notice_death(low);
        suspect = NONE
#if BUG != 1
    :: low < SERVERS && suspect != low ->
        if
        :: suspect != NONE -> COVER(suspects_another)
        :: else
        fi;
        suspect = low
#endif
    fi;
    x = 0;
    low = 0
}

#define EACH(s) \
    /* its death is a message at init's port */ \
    :: d_step { at[s] == OFF && (view[s] == STARTING || view[s] == RUNNING) -> notice_death(s) } \
    :: d_step { at[s] == OFF && (view[s] == STARTING || view[s] == RUNNING) && breaks > 0 -> \
        breaks--; notice_death(s); give_up(s) } \
    :: d_step { view[s] == WAITING && (s == 0 || view[(s > 0 -> s - 1 : 0)] == RUNNING) -> start(s) } \
    HELD(s) \
    :: d_step { calls_init[s] -> calls_init[s] = false } \
    :: d_step { page_ready[s] && view[s] == STARTING -> notice_ready(s) } \
    :: d_step { sent[s] != NOTHING && page[s] == NOTHING -> notice_done(s) } \
    :: d_step { to_rebind[s] && MAY_SEND(s) -> to_rebind[s] = false; send(s, REBIND) } \
    :: d_step { asked[s] == TO_ASK && !to_rebind[s] && MAY_SEND(s) -> send(s, PING); asked[s] = ASKED }

/* Down, and what it cannot start without is given up: its callers must hear that too. */
#if BUG == 14
#define HELD(s)
#else
#define HELD(s) \
    :: d_step { view[s] == WAITING && s > 0 && view[(s > 0 -> s - 1 : 0)] == BROKEN -> COVER(held_by_broken); give_up(s) }
#endif

/* One command at a time: the next waits in init until this one is done. */
#if BUG == 5
#define MAY_SEND(s) (view[s] == RUNNING || view[s] == STARTING)
#else
#define MAY_SEND(s) (sent[s] == NOTHING && (view[s] == RUNNING || view[s] == STARTING))
#endif

inline notice_done(s)
{
#if BUG == 8
    if
    :: sent[s] == REBIND -> to_rebind[s] = false
    :: else
    fi;
#endif
    sent[s] = NOTHING;
    if
    :: asked[s] == ASKED -> asked[s] = PROVED
    :: else
    fi
}

proctype supervisor()
{
end:
    do
    EACH(0)
    EACH(1)
    EACH(2)
    :: d_step { !round && (rounds > 0 || hung[0] || hung[1] || hung[2] || suspect != NONE) ->
        if
        :: hung[0] || hung[1] || hung[2] || suspect != NONE
        :: else -> rounds--
        fi;
        start_round() }
    :: d_step { round && LATE_OR_PROVED(0, STUCK0) && LATE_OR_PROVED(1, STUCK1) && LATE_OR_PROVED(2, STUCK2) ->
        end_round() }
#if BUG == 6
    :: atomic { sent[1] == REBIND -> page[1] == NOTHING } /* waits for the answer */
#endif
    od
}

/* Nothing can happen any more. */
proctype quiet()
{
    byte s;

    atomic { timeout ->
#if BUG == 6
        PROVE(init_waits, sent[1] != REBIND);
#endif
        do
        :: s < SERVERS ->
            PROVE(settled, !hung[s] && !calls_init[s] && call[s] == IDLE && sent[s] == NOTHING && asked[s] == PROVED);
            if
            :: view[s] == BROKEN
            :: else ->
                PROVE(settled, view[s] == RUNNING && at[s] == LOOP);
                PROVE(bound, s == 0 || attached[s] || view[(s > 0 -> s - 1 : 0)] != RUNNING)
            fi;
            s++
        :: else -> break
        od;
        COVER(quiet) }
}

init
{
    atomic {
        run server(0);
        run server(1);
        run server(2);
        run supervisor();
        run quiet()
    }
}
