/* SPDX-License-Identifier: BSD-2-Clause
 * server - one incarnation of a server: exactly its node's capabilities, no more (laws 3 and 5).
 *
 * Starting happens in steps, because a badge cannot be minted again before the server behind the port has taken note
 * that the last handle with it is gone (*closed*): server_start returns E_BUSY then and goes on where it was.
 * CALL handles are given without TRANSFER: whoever has one cannot hand it to a lower rank.
 */
#include <cambium/client.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include "init.h"

enum { SERVER_PAGES = 512, SERVER_STACK = 16 * 1024, SHELL_PAGES = 1024, SHELL_STACK = 32 * 1024 };
enum { SERVER_OWN_PAGES = 32 }; /* stack, start page, command page, tables; not the image */
enum { SHELL_PRIORITY = 11, PROGRAM_CEILING = 12 };

const char *server_class(const struct server *s)
{
    return s->plan != NULL ? s->plan->match->provides : "";
}

struct server *server_provider(struct init *init, const struct server *s, unsigned index,
                               const struct plan_ref **out_ref)
{
    if (s->plan == NULL || index >= s->plan->ref_count) {
        return NULL;
    }
    const struct plan_ref *ref = &init->plan.refs[s->plan->ref + index];
    *out_ref = ref;
    return &init->servers[ref->provider];
}

/* ---- the table ---- */

/* Derives the `index`-th four windows of the node from `parent`: the root for the node's own device, that for each
 * incarnation's. */
static status_t server_derive(struct init *init, const struct server *s, handle_t parent,
                              unsigned index, handle_t *out)
{
    const struct plan_node *n = &init->plan.nodes[s->plan->node];
    struct device_window windows[DEVICE_WINDOWS];
    unsigned count = 0;

    for (unsigned i = index * DEVICE_WINDOWS; i < n->window_count && count < DEVICE_WINDOWS;
         i++, count++) {
        plan_window_device(&init->plan, n, i, &windows[count].pa, &windows[count].len);
    }
    return sys_device_derive(parent, s->is_root ? DERIVE_IRQ_ROOT : 0, count, windows, out);
}

static void server_create(struct init *init, struct server *s)
{
    char name[TREE_PATH_LEN];
    status_t err = sys_port_create(&s->port);

    if (!err && s->plan != NULL && s->plan->node >= 0) {
        unsigned windows = init->plan.nodes[s->plan->node].window_count;
        for (unsigned i = 0; i * DEVICE_WINDOWS < windows && !err; i++) {
            err = server_derive(init, s, init->root, i, &s->node_device[i]);
        }
    }
    if (err) {
        s->state = SERVICE_FAILED;
        s->error = err;
        report_server_name(init, s, name, sizeof(name));
        report(init, LOG_ERROR,
               "%s: %s not started: no port, or its windows are not to be had (%s: %s)", name,
               s->image->name, err_name(err), err_text(err));
    }
}

void server_add(struct init *init)
{
    struct server *s = &init->servers[init->server_count];

    s->number = init->server_count++;
    s->plan = &init->plan.services[s->number];
    s->image = &init->images[s->plan->image - init->plan_images];
    s->is_root = s->plan->class == PLAN_IRQ_ROOT;
    s->state = SERVICE_WAITING;
}

void servers_wake(struct init *init)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s->plan != NULL && !s->plan->is_waiting && s->state == SERVICE_WAITING &&
            s->port == 0) {
            server_create(init, s);
        }
    }
}

status_t servers_create(struct init *init)
{
    struct image *shell = image_find(init, "bin/shell");
    unsigned count = init->plan.service_count;

    init->server_max = count + 1 + init->plan.found_max;
    init->server_max = init->server_max < PLAN_SERVICES_MAX ? init->server_max : PLAN_SERVICES_MAX;
    init->server_max = init->server_max > count ? init->server_max : count + 1;
    init->servers = calloc(init->server_max, sizeof(struct server));
    if (init->servers == NULL) {
        return E_NOMEM;
    }
    while (init->server_count < count) {
        server_add(init);
    }
    servers_wake(init);
    init->shell = -1;
    if (shell == NULL || shell->error) {
        report(init, LOG_ERROR,
               "bin/shell: not in the archive, or damaged: nobody will read the console");
        return E_OK;
    }
    init->shell = (int)count;
    init->servers[count] =
        (struct server){ .number = count, .image = shell, .state = SERVICE_WAITING };
    init->server_count = count + 1;
    allow_renew(init);
    return E_OK;
}

uint64_t servers_reserve(const struct init *init)
{
    uint64_t pages = 0;

    for (unsigned i = 0; i < init->server_count; i++) {
        const struct server *s = &init->servers[i];
        bool is_left = s->state == SERVICE_FAILED || s->state == SERVICE_BROKEN ||
                       (s->plan != NULL && s->plan->is_waiting);
        if (s->child.process == 0 && !is_left) {
            pages += (s->plan != NULL ? SERVER_PAGES : SHELL_PAGES) +
                     s->image->elf.span / PAGE_SIZE + SERVER_OWN_PAGES;
        }
    }
    return pages;
}

/* ---- starting ---- */

static unsigned server_priority(const struct server *s)
{
    static const uint8_t by_class[] = {
        [PLAN_IRQ_ROOT] = 31, [PLAN_IRQ] = 28, [PLAN_BUS] = 26, [PLAN_DRIVER] = 24, [PLAN_MUX] = 20
    };
    return s->plan != NULL ? by_class[s->plan->class] : SHELL_PRIORITY;
}

static status_t server_load(struct init *init, struct server *s)
{
    struct child_spec spec = {
        .image = s->image,
        .pages = s->plan != NULL ? SERVER_PAGES : SHELL_PAGES,
        .priority = server_priority(s),
        .ceiling = s->plan != NULL ? server_priority(s) : PROGRAM_CEILING,
        .stack_len = s->plan != NULL ? SERVER_STACK : SHELL_STACK,
        .badge = s->number + 1,
        .node = s->plan != NULL && s->plan->node >= 0 ? init->plan.nodes[s->plan->node].offset : -1,
        .incarnation = s->incarnation + 1,
        .is_program = s->plan == NULL,
        .argc = 1,
        .strings = s->image->name,
        .strings_len = strlen(s->image->name) + 1,
    };
    status_t err = child_create(init, &s->child, &spec);

    if (err == E_OK) {
        s->incarnation++;
        s->grant_step = 0;
        s->is_full = false;
        s->state = SERVICE_STARTING;
        s->started_ns = time_now_ns();
        round_soon(init, s->started_ns);
    }
    return err;
}

/* The device of this incarnation, `index`-th of four windows each. */
static status_t grant_device(struct init *init, struct server *s, unsigned index)
{
    char name[START_HANDLE_NAME] = "device";
    uint32_t rights = RIGHT_READ | RIGHT_WRITE;
    status_t err = server_derive(init, s, s->node_device[index], index, &s->device[index]);

    if (err) {
        return err;
    }
    if (index > 0) {
        (void)snprintf(name, sizeof(name), "device%u", index); /* fits: index < 4 */
    }
    /* MANAGE: to register as root, or to derive what a bus finds */
    rights |= s->is_root || s->plan->class == PLAN_BUS ? RIGHT_MANAGE : 0;
    return child_grant(&s->child, name, s->device[index], rights, 0);
}

static status_t grant_reference(struct init *init, struct server *s, unsigned index)
{
    const struct plan_ref *ref = NULL;
    struct server *provider = server_provider(init, s, index, &ref);
    char name[START_HANDLE_NAME];
    uint32_t badge = BADGE_SERVICE + s->number;

    if (provider == NULL || server_rank(provider) >= server_rank(s) || provider->port == 0) {
        return E_OK; /* an optional reference upwards: law 5 does not allow it */
    }
    if (s->plan->node >= 0) {
        (void)snprintf(name, sizeof(name), "%s %u", ref->property,
                       ref->index); /* fits: see plan_reference.c */
        badge = (uint32_t)init->plan.nodes[s->plan->node].offset;
    }
    if (ref->property == plan_parent_property) {
        (void)snprintf(name, sizeof(name), "%s", ref->property); /* fits */
    }
    if (s->plan->node < 0 || ref->property == plan_service_property) {
        (void)snprintf(name, sizeof(name), "service %s", server_class(provider)); /* 8 + 15 */
    }
    status_t err = child_grant(&s->child, name, provider->port, RIGHT_CALL, badge);
    if (err == E_BUSY && (provider->state == SERVICE_BROKEN || provider->state == SERVICE_FAILED)) {
        (void)sys_port_reset(provider->port, 1); /* nobody is left to take note of *closed* */
    }
    return err;
}

/* What every server has. True: it was one of these. */
static bool grant_common(struct init *init, struct server *s, unsigned step, status_t *out)
{
    uint32_t log_rights = RIGHT_WRITE;

    switch (step) {
    case 0:
        *out = child_grant(&s->child, "port", s->port, RIGHT_RECEIVE, 0);
        return true;
    case 1:
        *out = child_grant(&s->child, "port notify", s->port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0);
        return true;
    case 2:
        *out = child_grant(&s->child, "init", init->port, RIGHT_CALL, s->number + 1);
        return true;
    case 3:
        *out = child_grant(&s->child, "init event", init->port, RIGHT_NOTIFY, 0);
        return true;
    case 4:
        if (s->plan->class ==
            PLAN_MUX) { /* the console's mux drains the log and turns the early console off */
            log_rights |= RIGHT_READ | (strcmp(server_class(s), "serial") == 0 ? RIGHT_MANAGE : 0);
        }
        *out = child_grant(&s->child, "chosen", init->chosen, log_rights, 0);
        return true;
    default:
        return false;
    }
}
enum { GRANT_COMMON = 5 };

/* Step `step` of what a server gets; E_NOTFOUND: there are no more. */
static status_t server_grant(struct init *init, struct server *s, unsigned step)
{
    status_t err;

    if (grant_common(init, s, step, &err)) {
        return err;
    }
    step -= GRANT_COMMON;
    for (unsigned i = 0;
         i < sizeof(s->node_device) / sizeof(s->node_device[0]) && s->node_device[i] != 0; i++) {
        if (step-- == 0) {
            return grant_device(init, s, i);
        }
    }
    return step < s->plan->ref_count ? grant_reference(init, s, step) : E_NOTFOUND;
}

/* The shell: a program whose starter is init. */
static status_t shell_grant(struct init *init, struct server *s, unsigned step)
{
    uint32_t log_rights = RIGHT_WRITE | (s->allow.may & MAY_INFO ? RIGHT_READ : 0);
    const struct server *console;
    uint32_t session;
    status_t err;

    switch (step) {
    case 0:
        return child_grant(&s->child, "init", init->port, RIGHT_CALL, s->number + 1);
    case 1:
        return child_grant(&s->child, "chosen", init->chosen, log_rights, 0);
    case 2:
        return (s->allow.may & MAY_CREATE)
                   ? child_grant(&s->child, "self", s->child.process, RIGHT_MANAGE, 0)
                   : E_OK;
    case 3:
        console = names_console(init);
        if (console == NULL) {
            return E_OK;
        }
        err = names_session(init, &s->child, &session);
        return err ? err
                   : child_grant(&s->child, "service console", console->port, RIGHT_CALL, session);
    default:
        return E_NOTFOUND;
    }
}

status_t server_start(struct init *init, struct server *s)
{
    status_t err = s->child.process == 0 ? server_load(init, s) : E_OK;

    while (!err) {
        err = s->plan != NULL ? server_grant(init, s, s->grant_step)
                              : shell_grant(init, s, s->grant_step);
        s->grant_step += err == E_OK;
    }
    if (err == E_NOTFOUND) {
        err = child_run(&s->child);
    }
    if (err == E_OK && s->plan == NULL) { /* programs do not tell when they are ready */
        s->state = SERVICE_RUNNING;
        s->ready_ns = time_now_ns();
        if (s->restarts == 0) {
            report_started(init, s);
        }
    }
    return err;
}

void server_stop(struct init *init, struct server *s)
{
    child_destroy(&s->child);
    for (unsigned i = 0; i < sizeof(s->device) / sizeof(s->device[0]); i++) {
        if (s->device[i] != 0) {
            (void)sys_device_revoke(
                s->device[i]); /* ours; nothing of the dead one is left mapped */
            (void)sys_handle_close(s->device[i]);
            s->device[i] = 0;
        }
    }
    if (s->port != 0) {
        (void)sys_port_reset(s->port, 0); /* callers stay queued for the next incarnation */
    }
    command_reset(init, s);
    dma_incarnation_ended(init, s);
    s->retry_ns = 0;
    jobs_end_owned(init, s->number + 1);
}
