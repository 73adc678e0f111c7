/* SPDX-License-Identifier: BSD-2-Clause
 * supervise - the life of a server, as cases over (state, what happens):
 *
 *   WAITING     all required servers run             -> STARTING
 *   STARTING    a badge is still busy                -> STARTING, again in a millisecond
 *               it says READY                        -> RUNNING; a new incarnation: everybody bound to it is told
 *               fault, never ready (round.c)         -> death
 *               main returned an error               -> FAILED, unless a server that it needs went away under it
 *   RUNNING     fault, exit, hung (round.c)          -> death
 *   death       five counted ones                    -> BROKEN
 *               else                                 -> RESTARTING
 *   RESTARTING  pause over, its lines masked, all required servers run -> STARTING
 *   any         the user restarts it                 -> RESTARTING, without a pause, not counted
 *   FAILED, BROKEN  and the user had put this image into another's place -> RESTARTING, from that one (replace.c)
 *
 * Whoever calls a server that is FAILED or BROKEN, or is down and requires one that is, gets an error: at once if it was
 * queued when that came about, else with the next round.
 *
 * A death counts only before READY or within two seconds of it, and not if a server that it uses went away within the
 * two seconds before: that was not its own fault. A root interrupt server is restarted without a pause, because without
 * it no timer interrupt ends a pause; when it is broken, so is the machine: init ends, and the kernel reports.
 */
#include <cambium/client.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>
#include "init.h"

enum { DEATHS_MAX = 5 };
#define YOUNG_NS           (2 * SECOND) /* a death within this of READY counts */
#define PAUSE_NS           (100 * MS)   /* after the first counted death; doubles */
#define DISTURBED_PAUSE_NS (10 * MS)
#define BUSY_NS            (1 * MS) /* between attempts to mint a badge that is being closed */

enum { SERVER_NAME_LEN = 96 };

static bool can_start(struct init *init, const struct server *s)
{
    const struct plan_ref *ref;
    const struct server *provider;

    if (s->plan == NULL) {
        provider = names_console(init);
        return provider != NULL && provider->state == SERVICE_RUNNING;
    }
    for (unsigned i = 0; (provider = server_provider(init, s, i, &ref)) != NULL; i++) {
        if (ref->is_required && provider->state != SERVICE_RUNNING) {
            return false;
        }
    }
    return !s->plan->is_waiting;
}

/* Whether a server uses another that was disturbed at `now`, or `s` itself. */
static bool uses_disturbed(struct init *init, const struct server *user, const struct server *s,
                           uint64_t now)
{
    const struct plan_ref *ref;
    const struct server *provider;

    for (unsigned k = 0; (provider = server_provider(init, user, k, &ref)) != NULL; k++) {
        if (provider == s || provider->disturbed_ns == now) {
            return true;
        }
    }
    return false;
}

/* Those who use `s`, through others too, may now fail through no fault of theirs. What it refers to mostly has a lower number, but
 * for what waited for a bus to find it: so once more, as long as there is news. */
static void mark_disturbed(struct init *init, const struct server *s, uint64_t now)
{
    for (bool has_news = true; has_news;) {
        has_news = false;
        for (unsigned i = 0; i < init->server_count; i++) {
            struct server *user = &init->servers[i];
            if (user != s && user->disturbed_ns != now && uses_disturbed(init, user, s, now)) {
                user->disturbed_ns = now;
                has_news = true;
            }
        }
    }
}

/* It will not run again by itself, as far as its providers are settled. */
static bool is_hopeless(struct init *init, const struct server *s)
{
    const struct plan_ref *ref;
    const struct server *provider;

    if (s->state == SERVICE_FAILED || s->state == SERVICE_BROKEN ||
        (s->plan != NULL && s->plan->is_waiting)) {
        return true;
    }
    for (unsigned i = 0;
         s->child.process == 0 && (provider = server_provider(init, s, i, &ref)) != NULL; i++) {
        if (ref->is_required && provider->is_hopeless) {
            return true;
        }
    }
    return false;
}

void supervise_fail_callers(struct init *init)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        init->servers[i].is_hopeless = false;
    }
    for (bool has_news = true; has_news;) { /* most providers have lower numbers: two turns */
        has_news = false;
        for (unsigned i = 0; i < init->server_count; i++) {
            struct server *s = &init->servers[i];
            if (!s->is_hopeless && is_hopeless(init, s)) {
                s->is_hopeless = has_news = true;
            }
        }
    }
    for (unsigned i = 0; i < init->server_count; i++) {
        if (init->servers[i].is_hopeless && init->servers[i].port != 0) {
            (void)sys_port_reset(init->servers[i].port, 1); /* ours */
        }
    }
}

static const char *given_up_text(const struct server *s)
{
    return s->state == SERVICE_BROKEN ? "is broken, died too often" : "did not start";
}

static const char *reason_text(const struct server *s)
{
    return s->reason[0] != '\0' ? s->reason : err_text(s->error);
}

/* No interrupt reaches anybody any more, so there is no console either that would show why: the early one has to. The
 * kernel halts with init's last line. */
static void end_without_root(struct init *init, const struct server *s, const char *name)
{
    uint64_t seq;

    (void)sys_log_console(init->chosen, 1, &seq); /* none in this build: then nobody can be told */
    report(init, LOG_ERROR,
           "%s: %s %s: %s (%s); without its root interrupt controller the machine cannot go on",
           name, s->image->name, given_up_text(s), reason_text(s), err_name(s->error));
    sys_process_exit(s->error);
}

/* It is given up: callers are answered, and those who need it are named. */
static void give_up(struct init *init, struct server *s, enum service_state state, status_t error)
{
    char name[SERVER_NAME_LEN];

    s->state = (uint8_t)state;
    s->error = error;
    if (replace_back(init, s, reason_text(s))) {
        return;
    }
    command_quiesce(init, s);
    report_server_name(init, s, name, sizeof(name));
    if (s->is_root) {
        end_without_root(init, s, name);
    }
    supervise_fail_callers(init);
    report(init, LOG_ERROR, "%s: %s %s: %s (%s); 'restart %s' tries again", name, s->image->name,
           given_up_text(s), reason_text(s), err_name(error), name);
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *user = &init->servers[i];
        const struct plan_ref *ref;
        const struct server *provider;
        for (unsigned k = 0; (provider = server_provider(init, user, k, &ref)) != NULL; k++) {
            if (provider == s && ref->is_required && user->state == SERVICE_WAITING) {
                char waiting[SERVER_NAME_LEN];
                report_server_name(init, user, waiting, sizeof(waiting));
                report(init, LOG_WARN, "%s: %s waits for %s of %s, which is not running", waiting,
                       user->image->name, ref->property, name);
                break;
            }
        }
    }
}

static void start(struct init *init, struct server *s, uint64_t now)
{
    char name[SERVER_NAME_LEN];

    if (s->is_root && s->state == SERVICE_WAITING) { /* above init: if it spins, nobody says so */
        report_server_name(init, s, name, sizeof(name));
        report(init, LOG_INFO, "%s: starting %s; hung if this is the last line", name,
               s->image->name);
    }
    status_t err = server_start(init, s);

    if (err == E_BUSY) {
        s->retry_ns = now + BUSY_NS;
        return;
    }
    s->retry_ns = 0;
    if (err) {
        s->reason[0] = '\0';
        server_stop(init, s);
        give_up(init, s, SERVICE_FAILED, err);
    }
}

/* Why it ended by itself, if it said so in its page before it went. */
static bool read_failure(struct server *s)
{
    const struct command_page *page = s->child.command;

    if (page == NULL || s->plan == NULL ||
        __atomic_load_n(&page->state, __ATOMIC_ACQUIRE) != SERVER_FAILED) {
        return false;
    }
    s->error = page->error;
    memcpy(s->reason, page->reason, sizeof(s->reason));
    s->reason[sizeof(s->reason) - 1] = '\0';
    if (s->error >= E_OK) { /* a server's main should never return */
        s->error = E_DEAD;
        (void)snprintf(s->reason, sizeof(s->reason), "its main returned without an error");
    }
    return true;
}

void supervise_death(struct init *init, struct server *s, const char *why)
{
    uint64_t now = time_now_ns();
    bool is_disturbed = s->disturbed_ns != 0 && now - s->disturbed_ns < YOUNG_NS;
    bool is_young = s->state != SERVICE_RUNNING || now - s->ready_ns < YOUNG_NS;
    bool has_failed = read_failure(s);
    uint64_t pause = 0;

    server_stop(init, s);
    mark_disturbed(init, s, now);
    if (has_failed && !is_disturbed && s->state == SERVICE_STARTING) {
        give_up(init, s, SERVICE_FAILED, s->error);
        return;
    }
    if (!has_failed) {
        s->error = E_DEAD;
        (void)snprintf(s->reason, sizeof(s->reason), "%s", why); /* cut if too long */
    }
    if (is_disturbed) {
        pause = DISTURBED_PAUSE_NS;
    } else if (is_young) {
        s->deaths++;
        if (s->deaths >= DEATHS_MAX) {
            give_up(init, s, SERVICE_BROKEN, s->error);
            return;
        }
        pause = PAUSE_NS << (s->deaths - 1);
    } else {
        s->deaths = 0;
    }
    s->state = SERVICE_RESTARTING;
    s->next_ns = s->is_root ? now : now + pause;
    s->restarts++;
    command_quiesce(init, s);
    supervise_fail_callers(init); /* if it requires one that was given up */
}

void supervise_restart(struct init *init, struct server *s)
{
    uint64_t now = time_now_ns();

    server_stop(init, s);
    mark_disturbed(init, s, now);
    s->state = SERVICE_RESTARTING;
    s->deaths = 0;
    s->next_ns = now;
    s->restarts++;
    command_quiesce(init, s);
    supervise_fail_callers(init); /* what required it is no longer hopeless */
}

void supervise_gone(struct init *init, struct server *s)
{
    char name[SERVER_NAME_LEN];

    server_stop(init, s);
    s->is_gone = true;
    s->state = SERVICE_BROKEN;
    s->error = E_DEAD;
    (void)snprintf(s->reason, sizeof(s->reason), "unplugged"); /* fits */
    command_quiesce(init, s);
    supervise_fail_callers(init);
    report_server_name(init, s, name, sizeof(name));
    report(init, LOG_INFO, "%s: %s ended: its device is gone", name, s->image->name);
}

/* ---- what servers say ---- */

static void server_ready(struct init *init, struct server *s)
{
    char name[SERVER_NAME_LEN];

    s->state = SERVICE_RUNNING;
    s->ready_ns = time_now_ns();
    s->reason[0] = '\0';
    s->error = E_OK;
    if (s->incarnation == 1) {
        report_started(init, s);
    } else {
        report_server_name(init, s, name, sizeof(name));
        report(init, LOG_INFO, "%s: %s restarted (%u)", name, s->image->name, s->restarts);
    }
    command_rebind(init, s);
    command_pump(init, s); /* the log's level, if one was asked for */
    init->dirty = true;
}

void supervise_pages(struct init *init)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s->child.process == 0 || s->plan == NULL) {
            continue;
        }
        command_look(init, s);
        /* pairs with the release in libsys/src/driver.c */
        if (s->state == SERVICE_STARTING &&
            __atomic_load_n(&s->child.command->state, __ATOMIC_ACQUIRE) == SERVER_READY) {
            server_ready(init, s);
        }
    }
}

/* ---- time ---- */

/* When this server wants to be looked at next; 0: not by time. */
static uint64_t server_time(const struct server *s)
{
    if (s->state == SERVICE_STARTING) {
        return s->retry_ns;
    }
    return s->state == SERVICE_RESTARTING ? s->next_ns : 0;
}

static void advance(struct init *init, struct server *s, uint64_t now)
{
    switch (s->state) {
    case SERVICE_WAITING:
        if (can_start(init, s)) {
            start(init, s, now);
        }
        break;
    case SERVICE_STARTING:
        if (s->retry_ns != 0) {
            start(init, s, now);
        }
        break;
    case SERVICE_RESTARTING:
        if (now >= s->next_ns && !command_quiescing(init, s) && can_start(init, s)) {
            start(init, s, now);
        }
        break;
    default:
        break;
    }
}

void supervise_turn(struct init *init)
{
    uint64_t now = time_now_ns();
    uint64_t next = 0;

    round_turn(init, now);
    do {
        init->dirty = false;
        for (unsigned i = 0; i < init->server_count; i++) {
            advance(init, &init->servers[i], now);
        }
    } while (init->dirty);
    next = round_time(init);
    for (unsigned i = 0; i < init->server_count; i++) {
        uint64_t at = server_time(&init->servers[i]);
        if (at > now && at < next) { /* what is due already waits for a message, not for time */
            next = at;
        }
    }
    if (next != init->timer_ns) {
        init->timer_ns = next;
        (void)sys_timer_set(init->port, time_deadline(next > now ? next - now : 0),
                            1ull << INIT_EVENT_TIMER_BIT);
    }
}
