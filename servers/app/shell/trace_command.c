/* SPDX-License-Identifier: BSD-2-Clause
 * trace: what the kernel recorded of threads, messages, interrupts and faults, one line each.
 */
#include "shell.h"
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WHO_LEN = PROCESS_NAME_LEN + 12 };

/* "NAME/ID" of a thread; just the id if it has ended. */
static const char *trace_who(const struct shell *sh, uint64_t thread, char out[WHO_LEN])
{
    uint64_t t[8] = { 0 }, p[8] = { 0 };
    char name[PROCESS_NAME_LEN + 1] = "?";

    if (sys_info(sh->chosen, INFO_THREAD, thread, t) == E_OK && t[0] == thread &&
        sys_info(sh->chosen, INFO_PROCESS, t[1], p) == E_OK && p[0] == t[1]) {
        memcpy(name, &p[1], PROCESS_NAME_LEN);
    }
    (void)snprintf(out, WHO_LEN, "%s/%" PRIu64, name, thread); /* fits */
    return out;
}

static void trace_print(const struct shell *sh, const struct trace_record *r, uint64_t first_ticks)
{
    static const char *const names[] = {
        [TRACE_SWITCH] = "runs",        [TRACE_CALL] = "calls",
        [TRACE_REPLY] = "answers",      [TRACE_NOTIFY] = "is woken by events",
        [TRACE_IRQ] = "gets interrupt", [TRACE_FAULT] = "faults, cause"
    };
    bool is_known = r->event < sizeof(names) / sizeof(names[0]) && names[r->event] != NULL;
    char who[WHO_LEN], other[WHO_LEN] = "";

    if (r->event == TRACE_CALL || r->event == TRACE_REPLY) {
        (void)trace_who(sh, r->argument, other);
    } else if (r->event == TRACE_NOTIFY) {
        (void)snprintf(other, sizeof(other), "%#" PRIx64, r->argument); /* fits */
    } else if (r->event == TRACE_FAULT && r->argument == FAULT_EXIT) {
        (void)snprintf(other, sizeof(other), "(exit)"); /* fits */
    } else if (r->event != TRACE_SWITCH && (int64_t)r->argument >= 0) {
        (void)snprintf(other, sizeof(other), "%" PRIu64, r->argument); /* fits */
    }
    printf("%12" PRIu64 "  %-20s %s%s%s\n", time_ticks_ns(r->ticks - first_ticks) / 1000,
           trace_who(sh, r->thread, who), is_known ? names[r->event] : "?",
           other[0] != '\0' ? " " : "", other);
}

static int trace_dump(struct shell *sh)
{
    struct trace_record r;
    uint64_t seq = 0, first_ticks = 0;
    status_t err;

    (void)sys_trace(sh->chosen, 0); /* or the printing would fill the ring */
    while ((err = sys_trace_read(sh->chosen, seq, &r)) == E_OK) {
        if (seq == 0) {
            first_ticks = r.ticks;
            printf("%12s  %-20s event\n", "us", "process/thread");
        }
        trace_print(sh, &r, first_ticks);
        seq = r.seq + 1;
        if (console_wait(sh, SHELL_EVENT_INTERRUPT, 0) != 0) {
            return STATUS_INTERRUPTED;
        }
    }
    if (seq == 0 && err == E_AGAIN) {
        printf("nothing recorded: trace start\n");
    }
    return err == E_AGAIN ? STATUS_OK : shell_fail("trace", "the kernel does not tell", err);
}

int trace_command(struct shell *sh, int argc, char *argv[])
{
    bool is_start = argc == 2 && strcmp(argv[1], "start") == 0;

    if (argc == 2 && strcmp(argv[1], "dump") == 0) {
        return trace_dump(sh);
    }
    if (!is_start && (argc != 2 || strcmp(argv[1], "stop") != 0)) {
        return shell_usage(builtin_find("trace"));
    }
    status_t err = sys_trace(sh->chosen, is_start);
    return err == E_OK ? STATUS_OK : shell_fail("trace", argv[1], err);
}
