/* SPDX-License-Identifier: BSD-2-Clause
 * Programs: started by init from the archive, in the foreground with the console's input, or in the background.
 */
#include "shell.h"
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>

#define LEND_AGAIN_NS 1000000000ull /* in case mux/serial was restarted in between */

static const char *const fault_names[] = {
    [FAULT_READ] = "reads memory that is not there",
    [FAULT_WRITE] = "writes where it must not",
    [FAULT_EXECUTE] = "jumps to where no code is",
    [FAULT_ALIGNMENT] = "alignment fault",
    [FAULT_INSTRUCTION] = "undefined instruction",
    [FAULT_BREAKPOINT] = "breakpoint",
    [FAULT_BUS] = "bus error",
    [FAULT_SERROR] = "asynchronous bus error",
    [FAULT_SYSCALL] = "unknown system call",
};

static const char *fault_name(int cause)
{
    int count = (int)(sizeof(fault_names) / sizeof(fault_names[0]));
    return cause > 0 && cause < count ? fault_names[cause] : "unknown fault";
}

/* The exit status of a job that ended, and what a person must know of it. */
static int job_result(const struct job *job, enum job_state state, int code, char *why,
                      size_t why_len)
{
    (void)job;
    why[0] = '\0';
    switch (state) {
    case JOB_EXITED:
        if (code != 0) {
            (void)snprintf(why, why_len, "exit status %d", code & 0xff);
        }
        return code & 0xff;
    case JOB_FAULTED:
        (void)snprintf(why, why_len, "ended by a fault: %s", fault_name(code));
        return STATUS_FAULT + code;
    case JOB_KILLED:
        (void)snprintf(why, why_len, "killed");
        return STATUS_KILLED;
    default:
        (void)snprintf(why, why_len, "state unknown");
        return STATUS_FAILED;
    }
}

static uint64_t job_bit(const struct shell *sh, const struct job *job)
{
    return SHELL_EVENT_JOB << (job - sh->jobs);
}

static status_t job_kill(const struct job *job)
{
    char name[INIT_NAME_LEN];
    struct msg answer;

    (void)snprintf(name, sizeof(name), "job %u", (unsigned)job->id);
    return init_name_call(INIT_OP_KILL, name, 0, &answer);
}

/* Waits for a job in the foreground; ^C ends it. */
static int job_wait(struct shell *sh, struct job *job)
{
    enum job_state state = JOB_RUNNING;
    int code = 0;
    bool interrupted = false;
    char why[64];

    console_lend(sh, job->console);
    for (;;) {
        uint64_t got = console_wait(sh, job_bit(sh, job) | SHELL_EVENT_INTERRUPT,
                                    time_deadline(LEND_AGAIN_NS));
        status_t err = job_status(job->id, &state, &code);
        if (err != E_OK || state != JOB_RUNNING) {
            break;
        }
        if ((got & SHELL_EVENT_INTERRUPT) != 0) {
            interrupted = true;
            (void)job_kill(job); /* it may have ended by itself meanwhile */
        } else if (got == 0) {
            console_lend(sh, job->console);
        }
    }
    console_own(sh, false);
    int status = job_result(job, state, code, why, sizeof(why));
    if (interrupted && state == JOB_KILLED) {
        status = STATUS_INTERRUPTED;
    } else if (why[0] != '\0') {
        printf("%s: %s\n", job->name, why);
    }
    job->name[0] = '\0';
    return status;
}

int job_run(struct shell *sh, int argc, char *argv[], bool background)
{
    static const char *const allow[] = { "+needs", NULL }; /* whoever types it, means it */
    struct job *job = sh->jobs;

    (void)argc;
    while (job < sh->jobs + SHELL_JOBS && job->name[0] != '\0') {
        job++;
    }
    if (job == sh->jobs + SHELL_JOBS) {
        printf("%s: %d programs run in the background already\n", argv[0], SHELL_JOBS);
        return STATUS_NOT_STARTED;
    }
    sh->events &= ~job_bit(sh, job);
    (void)fflush(stdout); /* without a console nobody sees an error either */
    status_t err = spawn((const char *const *)argv, NULL, allow, sh->port, job_bit(sh, job),
                         &job->id, &job->console);
    if (err != E_OK) {
        job->name[0] = '\0';
        if (err == E_NOTFOUND) {
            printf("%s: no such command or program; try help\n", argv[0]);
            return STATUS_NOT_FOUND;
        }
        printf("%s: not started: %s (%s)\n", argv[0], err_text(err), err_name(err));
        return STATUS_NOT_STARTED;
    }
    (void)snprintf(job->name, sizeof(job->name), "%s", argv[0]);
    if (background) {
        printf("[%u] %s\n", (unsigned)job->id, job->name);
        return STATUS_OK;
    }
    return job_wait(sh, job);
}

void job_report(struct shell *sh)
{
    for (struct job *job = sh->jobs; job < sh->jobs + SHELL_JOBS; job++) {
        enum job_state state = JOB_RUNNING;
        int code = 0;
        char why[64];

        if (job->name[0] == '\0' || console_wait(sh, job_bit(sh, job), 0) == 0) {
            continue;
        }
        if (job_status(job->id, &state, &code) == E_OK && state == JOB_RUNNING) {
            continue;
        }
        (void)job_result(job, state, code, why, sizeof(why));
        printf("[%u] %s: %s\n", (unsigned)job->id, job->name, why[0] != '\0' ? why : "done");
        job->name[0] = '\0';
    }
}
