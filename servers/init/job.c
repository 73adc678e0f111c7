/* SPDX-License-Identifier: BSD-2-Clause
 * job - programs started by others (INIT_OP_SPAWN): loaded from the archive, watched until they end, told about.
 *
 * A record lives from SPAWN until JOB asks about a job that ended, or its owner ends. Jobs end with their owner: nobody
 * else knows them. The number of a job comes back after four million others only, and not while it is one's.
 */
#include <cambium/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "init.h"

enum { JOB_PAGES = 1024, JOB_STACK = 16 * 1024, JOB_PRIORITY = 10, JOB_CEILING = 12 };

struct job *job_by_id(struct init *init, uint64_t id)
{
    for (struct job *job = init->jobs; job < init->jobs + INIT_JOBS_MAX; job++) {
        if (job->id != 0 && job->id == id) {
            return job;
        }
    }
    return NULL;
}

struct job *job_by_badge(struct init *init, uint32_t badge)
{
    return badge >= BADGE_JOB && badge < BADGE_CONSOLE ? job_by_id(init, badge - BADGE_JOB) : NULL;
}

static struct job *job_free(struct init *init)
{
    for (struct job *job = init->jobs; job < init->jobs + INIT_JOBS_MAX; job++) {
        if (job->id == 0) {
            return job;
        }
    }
    return NULL;
}

static uint32_t job_next_id(struct init *init)
{
    do { /* ends: there are more numbers than jobs at a time */
        init->job_last = init->job_last % BADGE_JOB_COUNT + 1;
    } while (job_by_id(init, init->job_last) != NULL);
    return init->job_last;
}

status_t job_strings_take(handle_t memory, uint64_t len, char **out)
{
    uint64_t span = (len + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint64_t have = 0, pa;
    char *copy;

    if (len == 0 || len > INIT_ARGS_MAX) {
        return E_LIMIT;
    }
    status_t err = sys_memory_info(memory, 0, &have, &pa);
    if (err || have < len) { /* a device could be mapped too, and would answer with a bus error */
        return err ? err : E_RANGE;
    }
    uint64_t va = vm_reserve(span);
    if (va == 0) {
        return E_NOMEM;
    }
    err = sys_map(HANDLE_SELF, memory, 0, 0, span, va, MAP_READ);
    if (err == E_OK) {
        copy = malloc(len);
        if (copy != NULL) {
            memcpy(copy, (const char *)va, len);
            *out = copy;
        }
        err = copy != NULL ? E_OK : E_NOMEM;
        (void)sys_unmap(HANDLE_SELF, va, span); /* mapped above */
    }
    vm_release(va, span);
    return err;
}

/* Whether `len` bytes are exactly `count` strings. */
static bool strings_valid(const char *strings, uint64_t len, uint64_t count)
{
    uint64_t found = 0;

    for (uint64_t i = 0; i < len; i++) {
        found += strings[i] == '\0';
    }
    return found == count && strings[len - 1] == '\0';
}

/* Behind the first `count` strings. */
static const char *strings_skip(const char *strings, uint64_t count)
{
    for (; count > 0; count--) {
        strings += strlen(strings) + 1;
    }
    return strings;
}

static status_t job_grant(struct init *init, struct job *job)
{
    uint32_t log_rights = RIGHT_WRITE | (job->allow.may & MAY_INFO ? RIGHT_READ : 0);
    const struct server *console = names_console(init);
    status_t err = child_grant(&job->child, "init", init->port, RIGHT_CALL, BADGE_JOB + job->id);

    err = err ? err : child_grant(&job->child, "chosen", init->chosen, log_rights, 0);
    if (!err && (job->allow.may & MAY_CREATE)) {
        err = child_grant(&job->child, "self", job->child.process, RIGHT_MANAGE, 0);
    }
    if (!err && console != NULL && console->port != 0) {
        uint32_t session;
        err = names_session(init, &job->child, &session);
        err = err ? err
                  : child_grant(&job->child, "service console", console->port, RIGHT_CALL, session);
    }
    return err;
}

/* A program must not get the pages that servers which are down need to come back. */
static status_t job_afford(struct init *init, uint64_t pages)
{
    uint64_t own[8], system[8];
    status_t err = sys_info(init->chosen, INFO_PROCESS, INIT_PROCESS, own);

    err = err ? err : sys_info(init->chosen, INFO_SYSTEM, 0, system);
    if (err) {
        return err;
    }
    uint64_t left = own[4] - own[3], dma = system[3]; /* no process can run in the DMA pool */
    left = left > dma ? left - dma : 0;
    return pages <= left && left - pages >= servers_reserve(init) ? E_OK : E_BUDGET;
}

static status_t job_start(struct init *init, struct job *job, const struct allowance *starter,
                          const struct msg *m, const char *strings)
{
    char name[INIT_NAME_LEN + 8];

    if (!strings_valid(strings, m->w[0], m->w[1] + m->w[2] + m->w[5]) || m->w[1] == 0 ||
        strlen(strings) >= INIT_NAME_LEN) {
        return E_INVAL;
    }
    (void)snprintf(name, sizeof(name), "bin/%s", strings); /* fits: checked above */
    struct image *image = image_find(init, name);
    if (image == NULL || image->error) {
        return image == NULL ? E_NOTFOUND : image->error;
    }
    const char *list = strings_skip(strings, m->w[1] + m->w[2]);
    struct child_spec spec = {
        .image = image,
        .pages = m->w[3] != 0 ? m->w[3] : JOB_PAGES,
        .priority = JOB_PRIORITY,
        .ceiling = JOB_CEILING,
        .stack_len = JOB_STACK,
        .badge = BADGE_JOB + job->id,
        .node = -1,
        .incarnation = 1,
        .is_program = true,
        .argc = (uint32_t)m->w[1],
        .envc = (uint32_t)m->w[2],
        .strings = strings,
        .strings_len = (size_t)(list - strings),
    };
    job->image = image;
    status_t err = allow_list(init, starter, image, list, m->w[5], &job->allow);
    err = err ? err : job_afford(init, spec.pages);
    err = err ? err : child_create(init, &job->child, &spec);
    err = err ? err : job_grant(init, job);
    err = err ? err : child_run(&job->child);
    return err;
}

status_t job_spawn(struct init *init, uint32_t caller, const struct allowance *starter,
                   struct msg *m)
{
    unsigned handles = info_handles(m->info);
    struct job *job = job_free(init);
    handle_t notify = handles == 2 ? (handle_t)m->w[6] : 0;
    char *strings = NULL;

    if (handles < 1 || handles > 2 || m->w[1] > INIT_ARGS_MAX || m->w[2] > INIT_ARGS_MAX ||
        m->w[5] > INIT_ARGS_MAX) {
        return E_INVAL;
    }
    if (job == NULL) {
        return E_FULL;
    }
    status_t err = job_strings_take((handle_t)m->w[7], m->w[0], &strings);
    if (err) {
        return err;
    }
    *job = (struct job){
        .id = job_next_id(init), .notify = notify, .notify_bits = m->w[4], .owner = caller
    };
    err = job_start(init, job, starter, m, strings);
    free(strings);
    if (err) {
        child_destroy(&job->child);
        job->id = 0; /* names_serve closes the handles of a request that failed */
        return err;
    }
    (void)sys_handle_close((handle_t)m->w[7]); /* ours, came with the message */
    m->w[0] = job->id;
    m->w[1] = job->child.sessions;
    return E_OK;
}

void job_end(struct init *init, struct job *job, enum job_state state, int code)
{
    uint32_t badge = BADGE_JOB + job->id;

    child_destroy(&job->child);
    job->state = (uint8_t)state;
    job->code = code;
    if (job->notify != 0) {
        (void)sys_notify(job->notify, job->notify_bits); /* its port may be gone */
        (void)sys_handle_close(job->notify);
        job->notify = 0;
    }
    jobs_end_owned(init, badge);
}

void job_forget(struct job *job)
{
    *job = (struct job){ 0 };
}

void jobs_end_owned(struct init *init, uint32_t owner)
{
    uint32_t dead
        [INIT_JOBS_MAX]; /* owners whose jobs are still to be ended; a list, because jobs may start jobs */
    unsigned count = 0;

    dead[count++] = owner;
    for (unsigned i = 0; i < count; i++) {
        for (struct job *job = init->jobs; job < init->jobs + INIT_JOBS_MAX; job++) {
            if (job->id == 0 || job->owner != dead[i]) {
                continue;
            }
            if (job->child.process != 0 && count < INIT_JOBS_MAX) {
                dead[count++] = BADGE_JOB + job->id;
            }
            child_destroy(&job->child);
            if (job->notify != 0) {
                (void)sys_handle_close(job->notify);
            }
            job_forget(job);
        }
    }
}
