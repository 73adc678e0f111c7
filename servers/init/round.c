/* SPDX-License-Identifier: BSD-2-Clause
 * round - finds servers that hang, without restarting the innocent ones that wait for them.
 *
 * In a round every server that runs or starts is asked whether it lives (COMMAND_PING, after whatever else it is to do);
 * only an answer to a question of this round counts. At its end the lowest late server is the suspect, unless one
 * below it is down or starting. It is restarted if it is the lowest late one of the next round too: after one round only,
 * it might be a server that waits for one below that answered and hung after that. A death clears every suspicion above
 * it. tests/models/restart.pml proves that nobody innocent is restarted, and that each of these conditions is needed.
 *
 * What the model does not know is that somebody can take the CPU from those below him in priority, and answer in time himself. So
 * before a server is restarted for being late, it is asked who had the CPU in that round: if it was another one nearly all the
 * time, that one is stopped, and it counts as a death however long it had lived.
 */
#include <cambium/client.h>
#include <cambium/thread.h>
#include "init.h"

#define ROUND_PAUSE_NS (5 * SECOND) /* between rounds */
#define ROUND_SOON_NS  (2 * SECOND) /* after a start */
#define ROUND_NS       (2 * SECOND) /* the slowest honest server answers within this */

enum { SERVER_NAME_LEN = 96 };
enum { HANDLES_MAX = 4095 }; /* of a process: kernel/abi/README.md, E_FULL */

static bool is_up(const struct server *s)
{
    return s->plan != NULL &&
           (s->state == SERVICE_RUNNING || (s->state == SERVICE_STARTING && s->retry_ns == 0));
}

/* Seven eighths or more. */
static bool is_much(uint64_t part, uint64_t whole)
{
    return part >= whole / 8 * 7;
}

/* What the kernel says about its process; false: it is gone. */
static bool round_ask(struct init *init, const struct server *s, uint64_t w[8])
{
    return sys_info(init->chosen, INFO_PROCESS, s->child.id, w) == E_OK && w[0] == s->child.id;
}

/* Notes its CPU time, and says once when it is close to what it may have: its next request may fail. */
static void round_look(struct init *init, struct server *s)
{
    char name[SERVER_NAME_LEN];
    uint64_t w[8];

    if (!round_ask(init, s, w)) {
        return;
    }
    s->round_ticks = w[7];
    unsigned used = (unsigned)w[3], limit = (unsigned)w[4], handles = (unsigned)w[5];
    if (!s->is_full && (is_much(used, limit) || is_much(handles, HANDLES_MAX))) {
        report_server_name(init, s, name, sizeof(name));
        report(init, LOG_WARN,
               "%s: %s uses %u of %u pages and %u of %u handles: does it leak? 'restart %s' frees "
               "them",
               name, s->image->name, used, limit, handles, HANDLES_MAX, name);
        s->is_full = true;
    }
}

/* Who had nearly all of the CPU since the round began; NULL: nobody. Not `late` itself, and not the root of interrupts: what it
 * does, others' lines make it do. */
static struct server *find_hog(struct init *init, const struct server *late, uint64_t round_ns)
{
    uint64_t w[8];

    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s != late && !s->is_root && is_up(s) && round_ask(init, s, w) &&
            is_much(time_ticks_ns(w[7] - s->round_ticks), round_ns)) {
            return s;
        }
    }
    return NULL;
}

static void round_begin(struct init *init, uint64_t now)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (is_up(s)) {
            round_look(init, s);
            s->asked = ASKED_NOT_YET;
            command_pump(init, s);
        } else {
            s->asked = ASKED_PROVED;
        }
    }
    supervise_fail_callers(init); /* who called a dead one since the last round */
    init->is_round = true;
    init->round_ns = now + ROUND_NS;
}

/* The lowest server that did not answer; NULL if there is none, or if one below it is not up. */
static struct server *lowest_late(struct init *init)
{
    struct server *late = NULL, *down = NULL;

    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s->asked != ASKED_PROVED && (late == NULL || server_rank(s) < server_rank(late))) {
            late = s;
        } else if (s->asked == ASKED_PROVED && !s->is_hopeless && s->state != SERVICE_RUNNING &&
                   (down == NULL || server_rank(s) < server_rank(down))) {
            down = s;
        }
    }
    return late != NULL && down != NULL && server_rank(down) < server_rank(late) ? NULL : late;
}

static void round_end(struct init *init, uint64_t now)
{
    struct server *late = lowest_late(init);
    char name[SERVER_NAME_LEN];

    init->is_round = false;
    if (late == NULL || init->suspect != (int)late->number) {
        init->suspect = late != NULL ? (int)late->number : -1;
        init->round_ns = late != NULL ? now : now + ROUND_PAUSE_NS;
        return;
    }
    init->round_ns = now + ROUND_PAUSE_NS;
    struct server *hog = find_hog(init, late, ROUND_NS);
    report_server_name(init, hog != NULL ? hog : late, name, sizeof(name));
    if (hog != NULL) {
        report(init, LOG_ERROR,
               "%s: %s takes the CPU from all below it: stopped; a server waits in event_wait",
               name, hog->image->name);
        hog->ready_ns = now; /* it counts */
        supervise_death(init, hog, "it took the CPU from all below it");
    } else if (late->state == SERVICE_STARTING) {
        report(init, LOG_ERROR, "%s: %s did not become ready in time: stopped", name,
               late->image->name);
        supervise_death(init, late, "it never became ready");
    } else {
        report(init, LOG_ERROR, "%s: %s does not answer any more: stopped", name,
               late->image->name);
        supervise_death(init, late, "it did not answer any more");
    }
    round_soon(init, now);
}

void round_soon(struct init *init, uint64_t now)
{
    if (!init->is_round && init->round_ns > now + ROUND_SOON_NS) {
        init->round_ns = now + ROUND_SOON_NS;
    }
}

uint64_t round_time(const struct init *init)
{
    return init->round_ns;
}

void round_turn(struct init *init, uint64_t now)
{
    if (init->round_ns == 0) { /* the first turn: nobody runs yet */
        init->round_ns = now + ROUND_PAUSE_NS;
    }
    if (now >= init->round_ns) {
        if (init->is_round) {
            round_end(init, now);
        }
        if (!init->is_round && now >= init->round_ns) {
            round_begin(init, now);
        }
    }
}
