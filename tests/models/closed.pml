/* SPDX-License-Identifier: BSD-2-Clause
 * closed - *closed* against a new incarnation with the same badge.
 *
 * Follows: kernel/core/port.c (badge_count_up, badge_count_down, port_reset_step), kernel/core/handle.c
 *   (handle_install, handle_close_step), kernel/core/ipc.c (ipc_receive, ipc_queue_unlink), kernel/core/process.c
 *   (process_kill_step), servers/init/server.c (grant_reference, server_stop, server_start)
 *
 * A client's badge is its node's offset, so every incarnation of it has the same. The server keeps state by badge; its
 * only news that a client went is *closed*. Two clients, one server of one thread, and init, which mints and restarts.
 * A client has a thread that calls and another that duplicates and closes its handles meanwhile; client and server
 * may die at any step; ending a process takes several steps.
 *
 * Proved:
 *   - the server never serves a call of one incarnation with the state that another one made
 *   - it never gets *closed* for a badge of which somebody holds a handle, nor takes it for a living client's
 *   - minting is refused while *closed* is not delivered, and only then: every client gets its handle in the end
 *   - the server's own restart forgets *closed* that its predecessor did not take
 *
 * For this a call that waits in the queue counts as a handle (mutation 9), and references are given without
 * RIGHT_TRANSFER (mutation 7): whoever kept a copy would hold back *closed* from the next incarnation. A server of
 * several threads must finish *closed* before another thread receives: not proved here.
 *
 * @check badges | two clients and the server die and are started anew, calls under way
 * @bug 1  badges closed_for_living | minting is not refused while *closed* is pending
 * @bug 2  badges attribution       | the kernel does not deliver *closed*
 * @bug 3  badges settled           | port_reset drops the news, but the badge stays refused
 * @bug 4  badges attribution       | the port is reset when a client dies, while its server lives
 * @bug 5  badges closed_for_living | *closed* given to a waiting receiver stays pending as well
 * @bug 6  badges attribution       | process_kill closes handles before it ends threads, queued calls do not count
 * @bug 7  badges attribution       | a client passes a copy of its handle to another process
 * @bug 8  badges closed_for_living | duplicates are not counted
 * @bug 9  badges attribution       | a queued call does not count as a handle
 * @bug 10 badges settled           | *closed* does not wake a receiver that waits
 */
#include "model.h"

#define CLIENTS 2
#define NONE 255
#define CALLS 2     /* of an incarnation */

mtype = { IDLE, QUEUED, TAKEN, DONE };                /* the client's call */
mtype = { ABSENT, GRANTING, ALIVE, ENDING };          /* a client process */
mtype = { STOPPED, WORKING, RECEIVING, GOT_CALL, GOT_CLOSED }; /* the server */

/* ---- kernel: struct badge, one per client at this port ---- */
byte count[CLIENTS];
bool closed[CLIENTS];        /* on the port's closed list */

/* ---- clients ---- */
mtype life[CLIENTS] = ABSENT;
mtype call[CLIENTS] = IDLE;
byte call_of[CLIENTS];       /* ghost: incarnation that made it */
byte handles[CLIENTS];
byte incarnation[CLIENTS];   /* ghost */
byte calls[CLIENTS];
byte deaths[CLIENTS] = 2;
bool copied[CLIENTS];        /* mutation 7: another process has a copy */
bool lost[CLIENTS];          /* mutations 3, 5 */

/* ---- server ---- */
mtype server = STOPPED;
byte got = NONE;             /* whose badge */
byte got_of;                 /* ghost: which incarnation's call */
byte state_of[CLIENTS];      /* which incarnation made the state that it has for this badge; 0 = none */
byte server_deaths = 2;
byte resets = 1;

/* ---- the kernel's pieces ---- */
inline count_down(c)
{
    PROVE(counts, count[c] > 0);
    count[c]--;
    if
    :: count[c] == 0 && server == RECEIVING ->
        COVER(closed_to_waiting_receiver);
#if BUG == 10
        closed[c] = true
#elif BUG != 2
        server = GOT_CLOSED;
        got = c
#endif
#if BUG == 5
        ; closed[c] = true; lost[c] = true
#endif
    :: count[c] == 0 && server != RECEIVING ->
        COVER(closed_pending);
#if BUG != 2
        closed[c] = true
#endif
    :: else
    fi
}

inline queue_counts(c)
{
#if BUG != 9 && BUG != 6
    count[c]++;
#endif
    skip
}

inline queue_counts_no_more(c)
{
#if BUG != 9 && BUG != 6
    count_down(c);
#endif
    skip
}

/* The server takes the call: the news of a last handle closed meanwhile comes after it. */
inline take_call(c)
{
    call[c] = TAKEN;
    server = GOT_CALL;
    got = c;
    got_of = call_of[c]
}

inline receive()
{
    got = NONE;
    got_of = 0;
    if
    :: closed[0] -> PROVE(closed_for_living, count[0] == 0); closed[0] = false; server = GOT_CLOSED; got = 0
    :: !closed[0] && closed[1] -> PROVE(closed_for_living, count[1] == 0); closed[1] = false; server = GOT_CLOSED; got = 1
    :: !closed[0] && !closed[1] && call[0] == QUEUED -> take_call(0); queue_counts_no_more(0)
    :: !closed[0] && !closed[1] && call[0] != QUEUED && call[1] == QUEUED -> take_call(1); queue_counts_no_more(1)
    :: else -> server = RECEIVING
    fi
}

inline end_thread(c)
{
    if
    :: call[c] == QUEUED ->
        COVER(dies_while_queued);
        call[c] = IDLE;
        queue_counts_no_more(c)
    :: call[c] == TAKEN ->
        COVER(dies_while_served);
        call[c] = IDLE
    :: else -> call[c] = IDLE
    fi
}

/* ---- clients ---- */
proctype client(byte c)
{
end:
    do
    /* its calling thread */
    :: d_step { life[c] == ALIVE && call[c] == IDLE && handles[c] > 0 && calls[c] > 0 ->
        calls[c]--;
        call_of[c] = incarnation[c];
        if
        :: server == RECEIVING -> take_call(c)
        :: else ->
            call[c] = QUEUED;
            queue_counts(c)
        fi }
    :: d_step { life[c] == ALIVE && call[c] == DONE -> call[c] = IDLE }
    /* its other thread */
    :: d_step { life[c] == ALIVE && handles[c] == 1 ->
        handles[c]++;
#if BUG != 8
        count[c]++;
#endif
        skip }
    :: d_step { life[c] == ALIVE && handles[c] > 0 && calls[c] < CALLS ->
        if
        :: call[c] == QUEUED && handles[c] == 1 -> COVER(last_handle_closed_while_queued)
        :: else
        fi;
        handles[c]--;
#if BUG == 8
        if
        :: count[c] > 0 -> count_down(c)
        :: else
        fi
#else
        count_down(c)
#endif
        }
#if BUG == 7
    :: d_step { life[c] == ALIVE && handles[c] > 0 && !copied[c] -> copied[c] = true; count[c]++ }
#endif
    /* its end, in steps that others come between: threads, then handles */
    :: d_step { life[c] == ALIVE && deaths[c] > 0 ->
        deaths[c]--;
        life[c] = ENDING;
#if BUG != 6
        end_thread(c)
#endif
        }
    :: d_step { life[c] == ENDING && handles[c] > 0 ->
        handles[c]--;
#if BUG == 8
        if
        :: count[c] > 0 -> count_down(c)
        :: else
        fi
#else
        count_down(c)
#endif
        }
    :: d_step { life[c] == ENDING && handles[c] == 0 ->
#if BUG == 6
        end_thread(c);
#endif
        life[c] = ABSENT;
        calls[c] = 0 }
#if BUG == 4
    :: d_step { life[c] == ABSENT && resets > 0 -> resets--; closed[0] = false; closed[1] = false }
#endif
    od
}

#if BUG == 1
#define REFUSED(c) false
#elif BUG == 5
#define REFUSED(c) (closed[c] && !lost[c])
#elif BUG == 3
#define REFUSED(c) (closed[c] || lost[c])
#else
#define REFUSED(c) closed[c]
#endif

/* ---- init: never waits; a badge that is refused is tried again later ---- */
proctype minter(byte c)
{
    bool refused;

end:
    do
    :: d_step { life[c] == ABSENT -> life[c] = GRANTING; incarnation[c]++ }
    :: d_step { life[c] == GRANTING && REFUSED(c) && !refused -> COVER(minting_refused); refused = true }
    :: d_step { life[c] == GRANTING && !REFUSED(c) ->
        refused = false;
        if
        :: count[c] > 0 -> COVER(more_than_one_handle)
        :: else
        fi;
        handles[c]++;
        count[c]++;
        if
        :: handles[c] == 2 || c == 1 -> life[c] = ALIVE; calls[c] = CALLS
        :: else /* client 0 has two references at this server, so two handles with one badge */
        fi }
    od
}

/* ---- the server ---- */
proctype serve()
{
end:
    do
    :: d_step { server == STOPPED -> /* started anew: it knows nobody */
        state_of[0] = 0;
        state_of[1] = 0;
        server = WORKING }
    :: d_step { server == WORKING -> receive() }
    :: d_step { server == GOT_CLOSED ->
        PROVE(closed_for_living, state_of[got] == 0 || state_of[got] != incarnation[got] || handles[got] == 0);
        if
        :: state_of[got] != 0 -> COVER(closed_ends_state)
        :: else -> COVER(closed_without_state)
        fi;
        state_of[got] = 0;
        server = WORKING;
        got = NONE }
    :: d_step { server == GOT_CALL ->
        if
        :: state_of[got] != 0 && call[got] == TAKEN -> COVER(served_with_state)
        :: else
        fi;
        PROVE(attribution, state_of[got] == 0 || state_of[got] == got_of);
        state_of[got] = got_of;
        if
        :: call[got] == TAKEN -> call[got] = DONE
        :: else -> COVER(caller_gone)
        fi;
        receive() }
    /* It dies; init resets the port. Callers stay queued. */
    :: d_step { server != STOPPED && server_deaths > 0 ->
        server_deaths--;
        if
        :: server == GOT_CALL && call[got] == TAKEN -> call[got] = DONE
        :: else
        fi;
        server = STOPPED;
        got = NONE;
        got_of = 0;
        if
        :: closed[0] || closed[1] -> COVER(reset_drops_closed)
        :: else
        fi;
#if BUG == 3
        lost[0] = lost[0] || closed[0];
        lost[1] = lost[1] || closed[1];
#endif
        closed[0] = false;
        closed[1] = false }
    od
}

proctype quiet()
{
    atomic { timeout ->
        PROVE(settled, life[0] == ALIVE && life[1] == ALIVE && server == RECEIVING && call[0] == IDLE && call[1] == IDLE);
        COVER(quiet) }
}

init
{
    atomic {
        run client(0);
        run client(1);
        run minter(0);
        run minter(1);
        run serve();
        run quiet()
    }
}
