/* SPDX-License-Identifier: BSD-2-Clause
 * names - init as a server: finding services, starting programs, telling about nodes and servers (proto/init.h).
 *
 * Every request is answered at once. Who asks is known by badge; what a program may open and do was decided when it was
 * started (allow.c). Servers got all they may call when they started.
 */
#include <cambium/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include "init.h"

/* ---- sessions ---- */

static bool sessions_in_use(const struct init *init, uint32_t first)
{
    for (unsigned i = 0; i < INIT_JOBS_MAX; i++) {
        if (init->jobs[i].child.sessions == first) {
            return true;
        }
    }
    for (unsigned i = 0; i < init->server_count; i++) { /* the shell, and who opens others */
        if (init->servers[i].child.sessions == first) {
            return true;
        }
    }
    return false;
}

status_t names_session(struct init *init, struct child *c, uint32_t *out)
{
    while (c->sessions == 0) { /* ends: there are more blocks than programs at a time */
        init->session_last = (init->session_last + 1) % SESSION_BLOCKS;
        uint32_t first = BADGE_CONSOLE + init->session_last * SESSION_BLOCK;
        c->sessions = sessions_in_use(init, first) ? 0 : first;
    }
    if (c->session_count == SESSION_BLOCK) {
        return E_LIMIT;
    }
    *out = c->sessions + c->session_count++;
    return E_OK;
}

/* ---- finding ---- */

static struct server *find_service(struct init *init, const char *name)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s->plan != NULL && (s->plan->match->flags & MATCH_SERVICE) &&
            strcmp(s->plan->match->compatible, name) == 0) {
            return s;
        }
    }
    return NULL;
}

struct server *names_console(struct init *init)
{
    return find_service(init, "console");
}

static struct server *find_by_node(struct init *init, const char *path)
{
    int offset;
    int index =
        tree_find(init->fdt, path, &offset) == E_OK ? plan_node_index(&init->plan, offset) : -1;

    return index >= 0 && init->plan.nodes[index].service >= 0
               ? &init->servers[init->plan.nodes[index].service]
               : NULL;
}

struct server *names_find(struct init *init, const char *name)
{
    struct server *s = find_service(init, name);

    return s != NULL ? s : find_by_node(init, name);
}

/* Why it cannot be called now; E_OK: it can, though it may be starting. */
static status_t server_refusal(const struct server *s)
{
    if (s->plan->is_waiting) {
        return E_AGAIN;
    }
    return s->state == SERVICE_FAILED || s->state == SERVICE_BROKEN ? E_BROKEN : E_OK;
}

/* A service, a tree path, an alias, or a class: then the first in rank that can be called, or else the first. */
static struct server *find_to_open(struct init *init, const char *name)
{
    struct server *found = names_find(init, name), *first = NULL;

    for (unsigned i = 0; found == NULL && i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s->plan != NULL && strcmp(server_class(s), name) == 0) {
            first = first != NULL ? first : s;
            found = server_refusal(s) == E_OK ? s : NULL;
        }
    }
    return found != NULL ? found : first;
}

static bool is_named(const struct image *image, const char *name)
{
    const char *slash = strrchr(image->name, '/');
    return strcmp(image->name, name) == 0 || (slash != NULL && strcmp(slash + 1, name) == 0);
}

/* All digits: its value; else 0, which names nothing. */
static uint32_t number_of(const char *text)
{
    uint32_t value = 0;

    for (; *text >= '0' && *text <= '9' && value < 100000000; text++) {
        value = value * 10 + (uint32_t)(*text - '0');
    }
    return *text == '\0' ? value : 0;
}

/* By the image that it is made from, or else the one that it was planned with. */
static struct server *find_to_kill(struct init *init, const char *name)
{
    uint32_t id = number_of(name);
    struct server *s, *planned = NULL;

    for (unsigned i = 0; i < init->server_count; i++) {
        s = &init->servers[i];
        if (id != 0 ? s->child.process != 0 && s->child.id == id : is_named(s->image, name)) {
            return s;
        }
        if (planned == NULL && s->plan != NULL &&
            is_named(&init->images[s->plan->image - init->plan_images], name)) {
            planned = s;
        }
    }
    return planned != NULL ? planned : names_find(init, name);
}

static struct job *find_job(struct init *init, const char *name)
{
    uint32_t id = number_of(name);

    if (strncmp(name, "job ", 4) == 0) {
        return job_by_id(init, number_of(name + 4));
    }
    for (struct job *job = init->jobs; job < init->jobs + INIT_JOBS_MAX; job++) {
        if (job->id != 0 && job->child.process != 0 &&
            (id != 0 ? job->child.id == id : is_named(job->image, name))) {
            return job;
        }
    }
    return NULL;
}

/* ---- the caller ---- */

struct caller {
    uint32_t badge;
    struct child *child;
    const struct allowance *allow;
    unsigned rank;
    struct server *server; /* NULL: a program, the shell too */
};

static status_t caller_of(struct init *init, uint32_t badge, struct caller *out)
{
    struct job *job = job_by_badge(init, badge);

    if (job != NULL) {
        *out = (struct caller){ badge, &job->child, &job->allow, UINT32_MAX, NULL };
        return E_OK;
    }
    if (badge == 0 || badge > init->server_count) {
        return E_RIGHTS;
    }
    struct server *s = &init->servers[badge - 1];
    *out =
        (struct caller){ badge, &s->child, &s->allow, server_rank(s), s->plan != NULL ? s : NULL };
    return E_OK;
}

/* A server whose match table says so may switch off, and do nothing else that +control is for. */
static bool caller_may_power(const struct caller *c, uint64_t how)
{
    bool is_button = c->server != NULL && (c->server->plan->match->flags & MATCH_POWER_OFF);

    return (c->allow->may & MAY_CONTROL) != 0 || (is_button && how == POWER_OFF);
}

static bool caller_may(const struct caller *c, unsigned right)
{
    return (c->allow->may & right) != 0;
}

/* ---- requests ---- */

static status_t names_open(struct init *init, const struct caller *c, const char *name,
                           struct msg *m)
{
    struct server *s = find_to_open(init, name);
    uint32_t session;
    handle_t handle;

    if (s == NULL) {
        return E_NOTFOUND;
    }
    if (c->rank <= server_rank(s) || !set_has(&c->allow->servers, s->number)) {
        return E_RIGHTS;
    }
    status_t err = server_refusal(s);
    err = err ? err : names_session(init, c->child, &session);
    err = err ? err : sys_process_grant(c->child->process, s->port, RIGHT_CALL, session, &handle);
    if (err == E_OK) {
        m->w[7] = handle;
    }
    return err;
}

static status_t names_job(struct init *init, const struct caller *c, struct msg *m)
{
    struct job *job = job_by_id(init, m->w[0]);

    if (job == NULL || job->owner != c->badge) {
        return E_NOTFOUND;
    }
    m->w[0] = job->state;
    m->w[1] = (uint64_t)(int64_t)job->code;
    if (job->state != JOB_RUNNING) {
        job_forget(job);
    }
    return E_OK;
}

/* `image`: 0, or 1 + the number of the one to restart from. */
static status_t names_kill(struct init *init, const struct caller *c, const char *name,
                           bool is_restart, uint64_t image)
{
    struct job *job = image == 0 ? find_job(init, name) : NULL;
    struct server *s = job == NULL ? find_to_kill(init, name) : NULL;

    init->refusal[0] = '\0';
    if (job != NULL && (caller_may(c, MAY_CONTROL) || job->owner == c->badge)) {
        if (job->state == JOB_RUNNING) {
            job_end(init, job, JOB_KILLED, 0);
        }
        return E_OK;
    }
    if (!caller_may(c, MAY_CONTROL) || strcmp(name, "init") == 0 ||
        number_of(name) == INIT_PROCESS) {
        return E_RIGHTS;
    }
    if (s == NULL) {
        return E_NOTFOUND;
    }
    if (s->plan != NULL && (s->plan->is_waiting || s->port == 0)) {
        return E_AGAIN; /* what it waits for is not in this tree or archive */
    }
    if (s->is_gone) {
        return E_NOTFOUND;
    }
    if (!is_restart && s->child.process == 0) {
        return E_NOTFOUND;
    }
    if (image != 0) {
        return replace_server(init, s, image - 1);
    }
    supervise_restart(init, s);
    return E_OK;
}

static status_t names_log_level(struct init *init, const struct caller *c, const char *name,
                                uint64_t level)
{
    struct server *s = find_to_kill(init, name);

    if (!caller_may(c, MAY_CONTROL)) {
        return E_RIGHTS;
    }
    if (s == NULL || s->plan == NULL) {
        return E_NOTFOUND; /* the shell has no command page */
    }
    if (level > LOG_DEBUG) {
        return E_INVAL;
    }
    s->log_level = (uint8_t)level;
    s->is_level_set = true;
    s->is_level_due = true;
    command_pump(init, s);
    return E_OK;
}

static status_t names_server(struct init *init, struct msg *m)
{
    char name[32] = { 0 }, class[16] = { 0 };

    if (m->w[0] >= init->server_count) {
        return E_NOTFOUND;
    }
    const struct server *s = &init->servers[m->w[0]];
    int node = s->plan != NULL && s->plan->node >= 0 ? init->plan.nodes[s->plan->node].offset : -1;
    (void)snprintf(name, sizeof(name), "%s", s->image->name); /* cut if too long */
    memcpy(m->w, name, sizeof(name));
    m->w[4] = (uint32_t)node | (uint64_t)s->child.id << 32;
    m->w[5] = s->state | (uint64_t)s->restarts << 32;
    m->w[6] =
        s->plan != NULL ? s->plan->rank : init->plan.service_count + 1u + init->plan.found_max;
    (void)snprintf(class, sizeof(class), "%s", server_class(s)); /* fits */
    memcpy(&m->w[7], class, sizeof(m->w[7]));
    return E_OK;
}

static status_t names_node(struct init *init, struct msg *m)
{
    int index = m->w[0] <= TREE_MAX_LEN ? plan_node_index(&init->plan, (int)m->w[0]) : -1;

    if (index < 0) {
        return E_NOTFOUND;
    }
    const struct plan_node *n = &init->plan.nodes[index];
    m->w[0] = n->state;
    m->w[1] = (uint64_t)(int64_t)n->service;
    m->w[2] = n->other >= 0 ? (uint64_t)init->plan.nodes[n->other].offset : (uint64_t)-1;
    m->w[3] = (uint64_t)(int64_t)(n->service >= 0 ? init->servers[n->service].error : n->error);
    return E_OK;
}

static status_t names_why(const struct init *init, struct msg *m)
{
    char why[TREE_PATH_LEN * 4] = "";
    int index = m->w[0] <= TREE_MAX_LEN ? plan_node_index(&init->plan, (int)m->w[0]) : -1;

    const struct plan_node *n = index >= 0 ? &init->plan.nodes[index] : NULL;
    if (m->w[0] == INIT_WHY_RESTART && init->refusal[0] != '\0') {
        (void)snprintf(why, sizeof(why), "%s", init->refusal); /* fits: it is longer */
    } else if (n == NULL) {
        return E_NOTFOUND;
    } else if (n->state == NODE_WAITING) {
        plan_why_waiting(&init->plan, &init->plan.services[n->service], why, sizeof(why));
    } else if (n->state == NODE_SERVED) {
        plan_references(&init->plan, &init->plan.services[n->service], why, sizeof(why));
    } else {
        plan_why_refused(&init->plan, n, why, sizeof(why));
    }
    size_t len = strlen(why), from = m->w[1] < len ? (size_t)m->w[1] : len;
    size_t count = len - from < INIT_WHY_LEN ? len - from : INIT_WHY_LEN;
    m->w[0] = len;
    memset(&m->w[1], 0, INIT_WHY_LEN);
    memcpy(&m->w[1], why + from, count);
    return E_OK;
}

static status_t names_program(struct init *init, struct msg *m)
{
    uint64_t wanted = m->w[0];

    for (unsigned i = 0; i < init->image_count; i++) {
        const char *name = init->images[i].name;
        if (strncmp(name, "bin/", 4) == 0 && strlen(name + 4) < INIT_NAME_LEN && wanted-- == 0) {
            memset(m->w, 0, INIT_NAME_LEN);
            memcpy(m->w, name + 4, strlen(name + 4));
            return E_OK;
        }
    }
    return E_NOTFOUND;
}

/* What the program behind a session may; NULL: nobody has that session. */
static const struct allowance *allow_of_session(const struct init *init, uint64_t badge)
{
    for (unsigned i = 0; i < INIT_JOBS_MAX; i++) {
        const struct child *c = &init->jobs[i].child;
        if (c->sessions != 0 && badge - c->sessions < c->session_count) {
            return &init->jobs[i].allow;
        }
    }
    for (unsigned i = 0; i < init->server_count; i++) {
        const struct child *c = &init->servers[i].child;
        if (c->sessions != 0 && badge - c->sessions < c->session_count) {
            return &init->servers[i].allow;
        }
    }
    return NULL;
}

static status_t names_may(const struct init *init, const struct caller *c, const struct msg *m)
{
    const struct allowance *a = allow_of_session(init, m->w[0]);
    char unit[INIT_UNIT_LEN + 1] = { 0 };

    memcpy(unit, &m->w[1], INIT_UNIT_LEN);
    if (c->server == NULL || c->server->plan->class != PLAN_MUX) {
        return E_RIGHTS;
    }
    if (a == NULL) {
        return E_NOTFOUND;
    }
    return allow_has_unit(a, c->server, unit) ? E_OK : E_RIGHTS;
}

static status_t names_image(struct init *init, struct msg *m)
{
    if (m->w[0] >= init->image_count) {
        return E_NOTFOUND;
    }
    const char *name = init->images[m->w[0]].name;
    size_t len = strlen(name);
    memset(m->w, 0, INIT_NAME_LEN);
    memcpy(m->w, name, len < INIT_NAME_LEN ? len : INIT_NAME_LEN); /* cut if too long */
    return E_OK;
}

/* The name that a request has in its words, or in a memory that came along. */
static status_t name_take(const struct msg *m, char out[INIT_PATH_LEN])
{
    char *copy;
    uint64_t len = m->w[1];

    if (info_handles(m->info) == 0) {
        memcpy(out, m->w, INIT_NAME_LEN);
        out[INIT_NAME_LEN] = '\0';
        return E_OK;
    }
    if (info_handles(m->info) != 1 || len == 0 || len > INIT_PATH_LEN) {
        return E_INVAL;
    }
    status_t err = job_strings_take((handle_t)m->w[MSG_WORDS - 1], len, &copy);
    if (err) {
        return err;
    }
    bool is_whole = copy[len - 1] == '\0';
    memcpy(out, copy, len);
    free(copy);
    return is_whole ? E_OK : E_INVAL;
}

/* The requests that name something. */
static status_t names_named(struct init *init, const struct caller *c, struct msg *m)
{
    char name[INIT_PATH_LEN];
    status_t err = name_take(m, name);

    if (err) {
        return err;
    }
    switch (info_op(m->info)) {
    case INIT_OP_OPEN:
        return names_open(init, c, name, m);
    case INIT_OP_KILL:
        return names_kill(init, c, name, false, 0);
    case INIT_OP_RESTART:
        return names_kill(init, c, name, true, m->w[6]);
    default:
        return names_log_level(init, c, name, m->w[6]);
    }
}

static status_t names_dispatch(struct init *init, const struct caller *c, struct msg *m)
{
    switch (info_op(m->info)) {
    case INIT_OP_OPEN:
    case INIT_OP_KILL:
    case INIT_OP_RESTART:
    case INIT_OP_LOG_LEVEL:
        return names_named(init, c, m);
    case INIT_OP_SPAWN:
        return caller_may(c, MAY_SPAWN) ? job_spawn(init, c->badge, c->allow, m) : E_RIGHTS;
    case INIT_OP_JOB:
        return names_job(init, c, m);
    case INIT_OP_SERVER:
        return names_server(init, m);
    case INIT_OP_NODE:
        return names_node(init, m);
    case INIT_OP_WHY:
        return names_why(init, m);
    case INIT_OP_POWER:
        return caller_may_power(c, m->w[0]) ? sys_power(init->power, (uint32_t)m->w[0]) : E_RIGHTS;
    case INIT_OP_PROGRAM:
        return names_program(init, m);
    case INIT_OP_IMAGE:
        return names_image(init, m);
    case INIT_OP_MAY:
        return names_may(init, c, m);
    case INIT_OP_DMA_STAT:
        return dma_stat(init, m);
    case INIT_OP_DMA:
    case INIT_OP_DMA_RETURN:
    case INIT_OP_DMA_REGISTER:
    case INIT_OP_DMA_UNREGISTER:
        return c->server == NULL ? E_RIGHTS : dma_serve(init, c->server, m);
    case INIT_OP_GROW:
    case INIT_OP_GONE:
    case INIT_OP_RENEW:
    case INIT_OP_CHILDREN:
        return c->server == NULL ? E_RIGHTS : grow_serve(init, c->server, m);
    default:
        return E_NOSYS;
    }
}

/* The handles of these are init's, if they succeed. */
static bool takes_handles(uint32_t op)
{
    return op == INIT_OP_SPAWN || op == INIT_OP_DMA_REGISTER;
}

status_t names_serve(struct init *init, uint32_t badge, struct msg *m)
{
    struct caller c;
    handle_t came[MSG_HANDLES];
    unsigned handles = info_handles(m->info);
    status_t err = caller_of(init, badge, &c);

    for (unsigned i = 0; i < handles; i++) {
        came[i] = (handle_t)m->w[MSG_WORDS - 1 - i];
    }
    err = err ? err : names_dispatch(init, &c, m);
    for (unsigned i = 0; i < handles && (err || !takes_handles(info_op(m->info))); i++) {
        (void)sys_handle_close(came[i]); /* nobody took it */
    }
    return err;
}
