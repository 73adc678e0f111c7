/* SPDX-License-Identifier: BSD-2-Clause
 * irq_shared - a level line that several nodes have: drivers that come, answer, die, hang.
 *
 * Follows: libsys/src/irq_shared.c (irq_shared_fire, irq_shared_attach, irq_sharer_ack, irq_sharer_detach,
 *   irq_server_silent, line_share, line_unshare), libsys/src/irq_server.c (serve_ack, serve_attach, irq_server_closed)
 *
 * Three devices pull one line up; it fires while it is up, open and not held. The server is one thread, so each of its
 * functions is a step, made here by whoever calls it. A driver is told, clears its device, answers; its device may pull
 * again at any moment. Drivers die, and their death reaches the server later than others' answers; they hang, and go on
 * when they were given up, or never; init starts the dead again.
 *
 * Assumed: an honest driver answers within a second, so the timer finds only the dead and the hung.
 *
 * Proved:
 *   early    the line never fires while somebody who was told, and still has it, has not answered
 *   settled  when nothing more can happen, no device waits whose driver is there and honest
 * The second needs that the line opens again, whoever leaves in whichever order, from one node to several and back.
 *
 * @check drivers -DPULLS=1 | three drivers attach, answer, die and hang, in any order
 * @bug 1 drivers early   | the line opens at the first answer
 * @bug 2 drivers settled | whoever leaves as the last that was waited for leaves the line held
 * @bug 3 drivers settled | who is silent is waited for, for ever
 * @bug 4 drivers early   | an answer counts although nobody waits for it
 * @bug 5 drivers early   | joining a held line opens it
 * @bug 6 drivers settled | when a held line becomes a shared one, the first node's answer is not expected
 * @bug 7 drivers early   | a line that one node is left with opens, although that one has not answered
 */
#include "model.h"

#define N 3

mtype = { ABSENT, IDLE, WORKS, CLEARED, DEAD };

/* ---- devices and drivers ---- */
bool cause[N];       /* the device pulls */
byte pulls[N] = PULLS;
mtype life[N] = ABSENT;
bool event[N];       /* a bit is set at its port */
bool hangs[N];
byte crashes = 2, hangs_left = 1;

/* ---- the controller ---- */
bool open, held;

/* ---- the kit ---- */
bool attached[N];
bool shared;         /* two or more have the line */
bool waits[N];       /* silent_ns of one who shares */
byte unanswered;
bool owes[N];        /* ghost: was told, has not answered */

#define UP (cause[0] || cause[1] || cause[2])
#define COUNT (attached[0] + attached[1] + attached[2])

inline tell(i)
{
    if
    :: attached[i] ->
        event[i] = true;
        owes[i] = true;
        if
        :: shared && !waits[i] -> waits[i] = true; unanswered++
        :: else
        fi
    :: else
    fi
}

inline ack(i)
{
    if
    :: attached[i] && !shared -> owes[i] = false; held = false
    :: attached[i] && shared && waits[i] ->
        waits[i] = false;
        owes[i] = false;
        unanswered--;
#if BUG == 1
        held = false
#else
        if
        :: unanswered == 0 -> held = false
        :: else
        fi
#endif
    :: attached[i] && shared && !waits[i] ->
        COVER(answers_what_attaching_told);
#if BUG == 4
        if
        :: unanswered > 0 ->
            unanswered--;
            if
            :: unanswered == 0 -> held = false
            :: else
            fi
        :: else
        fi
#endif
        skip
    :: else -> COVER(answers_too_late)
    fi
}

/* One is left: as if nobody else had ever been there. */
inline unshare()
{
    if
    :: unanswered > 0 ->
        COVER(alone_and_owing);
#if BUG == 7
        held = false
#endif
    :: else
    fi;
    shared = false;
    waits[0] = false;
    waits[1] = false;
    waits[2] = false;
    unanswered = 0
}

inline leave(i)
{
    if
    :: attached[i] && !shared -> attached[i] = false; owes[i] = false; open = false; held = false
    :: attached[i] && shared ->
        was_last = waits[i] && unanswered == 1;
        unanswered = unanswered - waits[i];
        attached[i] = false;
        waits[i] = false;
        owes[i] = false;
        if
        :: COUNT == 1 -> unshare()
        :: else
        fi;
        if
        :: was_last ->
            COVER(leaves_as_the_last_awaited);
#if BUG != 2
            held = false
#endif
        :: else
        fi;
        was_last = false
    :: else
    fi
}

inline share(first)
{
    if
    :: attached[first] && held ->
        COVER(joins_a_held_line);
#if BUG != 6
        waits[first] = true;
        unanswered = 1
#endif
    :: else
    fi
}

inline attach(i)
{
    if
    :: COUNT == 0 -> open = true; held = false
    :: COUNT == 1 -> share(0); share(1); share(2); shared = true
    :: else -> COVER(joins_two)
    fi;
#if BUG == 5
    held = false;
#endif
    attached[i] = true;
    event[i] = true
}

proctype controller()
{
end:
    do
    :: d_step { open && !held && UP ->
        PROVE(early, !owes[0] && !owes[1] && !owes[2]);
        held = true;
        tell(0);
        tell(1);
        tell(2) }
    od
}

proctype driver(byte i)
{
    bool was_last;

end:
    do
    :: d_step { pulls[i] > 0 && !cause[i] -> pulls[i]--; cause[i] = true }
    :: d_step { life[i] == ABSENT -> life[i] = IDLE; attach(i) }
    :: d_step { life[i] == IDLE && event[i] && !hangs[i] -> event[i] = false; life[i] = WORKS }
    :: d_step { life[i] == WORKS && !hangs[i] -> cause[i] = false; life[i] = CLEARED }
    :: d_step { life[i] == CLEARED && !hangs[i] -> life[i] = IDLE; ack(i) }
    :: d_step { life[i] != ABSENT && life[i] != DEAD && !hangs[i] && hangs_left > 0 -> hangs_left--; hangs[i] = true }
    :: d_step { hangs[i] && !attached[i] -> hangs[i] = false } /* it was only late */
    :: d_step { life[i] != ABSENT && life[i] != DEAD && crashes > 0 ->
        crashes--;
        life[i] = DEAD;
        event[i] = false;
        hangs[i] = false }
    :: d_step { life[i] == DEAD -> life[i] = ABSENT; leave(i) }
#if BUG != 3
    :: d_step { waits[i] && (hangs[i] || life[i] == DEAD) ->
        if
        :: hangs[i] -> COVER(silent_is_detached)
        :: else -> COVER(dead_is_detached_before_it_is_closed)
        fi;
        leave(i) }
#endif
    od
}

#define SETTLED(i) (life[i] != DEAD && (!attached[i] || hangs[i] || (!cause[i] && !event[i])))

/* A line that a hung driver has alone waits for it: nobody else does. */
proctype quiet()
{
    atomic { timeout ->
        PROVE(settled, SETTLED(0) && SETTLED(1) && SETTLED(2));
        COVER(quiet) }
}

init
{
    atomic {
        run controller();
        run driver(0);
        run driver(1);
        run driver(2);
        run quiet()
    }
}
