/* SPDX-License-Identifier: BSD-2-Clause
 * trace: what the kernel recorded of threads, messages, interrupts and faults. `show` is for people, one line each;
 * `dump` for tools/trace, and tools/README.md has its format.
 */
#include "shell.h"
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    DUMP_VERSION = 1,
    WHO_LEN = PROCESS_NAME_LEN + 12,
    NAMED = 32,
    LINE_LEN = 120,
    NAME_RECORDS = PROCESS_NAME_LEN / sizeof(uint64_t)
};

/* Names of threads that ended while the trace was on, from its own records: nobody else knows them. */
struct trace_names {
    struct {
        uint32_t thread;
        char name[PROCESS_NAME_LEN + 1];
    } named[NAMED];
    unsigned next, part; /* the entry being filled, and how many records of its name came */
};

/* The record numbered *seq, or the first after it; *seq goes on. E_AGAIN: no more. */
static status_t trace_next(const struct shell *sh, uint64_t *seq, struct trace_record *out)
{
    status_t err = sys_trace_read(sh->chosen, *seq, out);

    *seq = err == E_OK ? out->seq + 1 : *seq;
    return err;
}

/* ---- show ---- */

static void names_learn(struct trace_names *names, const struct trace_record *r)
{
    if (r->event == TRACE_END) {
        names->next = (names->next + 1) % NAMED;
        names->part = 0;
        memset(&names->named[names->next], 0, sizeof(names->named[0]));
        names->named[names->next].thread = r->thread;
    } else if (r->event == TRACE_NAME && r->thread == names->named[names->next].thread &&
               names->part < NAME_RECORDS) {
        memcpy(&names->named[names->next].name[names->part++ * sizeof(r->argument)], &r->argument,
               sizeof(r->argument));
    }
}

/* "NAME/ID" of a thread. */
static const char *trace_who(const struct shell *sh, const struct trace_names *names,
                             uint32_t thread, char out[WHO_LEN])
{
    uint64_t t[8] = { 0 }, p[8] = { 0 };
    char name[PROCESS_NAME_LEN + 1] = "?";

    if (thread == 0) {
        return "-";
    }
    for (unsigned i = 0; i < NAMED; i++) {
        if (names->named[i].thread == thread) {
            memcpy(name, names->named[i].name, PROCESS_NAME_LEN);
        }
    }
    if (sys_info(sh->chosen, INFO_THREAD, thread, t) == E_OK && t[0] == thread &&
        sys_info(sh->chosen, INFO_PROCESS, t[1], p) == E_OK && p[0] == t[1]) {
        memcpy(name, &p[1], PROCESS_NAME_LEN);
    }
    (void)snprintf(out, WHO_LEN, "%s/%" PRIu32, name, thread); /* fits */
    return out;
}

/* What follows the thread in a line of `show`. */
static void trace_print(const struct shell *sh, const struct trace_names *names,
                        const struct trace_record *r)
{
    static const char *const words[] = {
        [TRACE_SWITCH] = "runs",
        [TRACE_CALL] = "calls",
        [TRACE_REPLY] = "answers",
        [TRACE_NOTIFY] = "is woken by events",
        [TRACE_IRQ] = "gets interrupt",
        [TRACE_FAULT] = "faults, cause",
        [TRACE_PENDING] = "is at work, and is told events",
        [TRACE_EVENTS] = "takes events",
        [TRACE_WAKE] = "waits no more",
        [TRACE_TIMER] = "has a timer that fires",
        [TRACE_SLICE] = "gives way to its equals",
        [TRACE_START] = "begins",
        [TRACE_END] = "ends",
    };
    uint32_t low = (uint32_t)r->argument, high = (uint32_t)(r->argument >> 32);
    bool is_known = r->event < sizeof(words) / sizeof(words[0]) && words[r->event] != NULL;
    char who[WHO_LEN];

    printf("%s", !is_known                                    ? "event"
                 : r->event == TRACE_SWITCH && r->thread == 0 ? "idle"
                                                              : words[r->event]);
    if (r->event == TRACE_CALL) {
        printf(" %s, op %" PRIu32, trace_who(sh, names, high, who), low);
    } else if (r->event == TRACE_REPLY) {
        printf(" %s%s", trace_who(sh, names, high, who), low != 0 ? ", " : "");
        printf("%s", low != 0 ? err_name((status_t)low) : "");
    } else if (r->event == TRACE_FAULT && r->argument == FAULT_EXIT) {
        printf(" (exit)");
    } else if (r->event == TRACE_WAKE && high == RECV_CLOSED) {
        printf(", badge %" PRIu32 " closed", low);
    } else if (r->event == TRACE_WAKE) {
        printf(", gets %s", err_name((status_t)low));
    } else if (r->event == TRACE_NOTIFY || r->event == TRACE_PENDING || r->event == TRACE_EVENTS) {
        printf(" %#" PRIx64, r->argument);
    } else if (r->event == TRACE_FAULT || (r->event == TRACE_IRQ && (int64_t)r->argument >= 0)) {
        printf(" %" PRIu64, r->argument);
    } else if (!is_known) {
        printf(" %u, %#" PRIx64, (unsigned)r->event, r->argument);
    }
    printf("\n");
}

static int trace_show(struct shell *sh)
{
    struct trace_names names = { .part = 0 };
    struct trace_record r;
    uint64_t seq = sh->trace_first, first_ticks = 0;
    status_t err;

    (void)sys_trace(sh->chosen, 0); /* or the printing would fill the ring */
    while (trace_next(sh, &seq, &r) == E_OK) {
        names_learn(&names, &r);
    }
    seq = sh->trace_first;
    while ((err = trace_next(sh, &seq, &r)) == E_OK) {
        char who[WHO_LEN];

        if (first_ticks == 0) {
            first_ticks = r.ticks;
            printf("%12s  %-20s event\n", "us", "process/thread");
        }
        if (r.event != TRACE_NAME) {
            printf("%12" PRIu64 "  %-20s ", time_ticks_ns(r.ticks - first_ticks) / 1000,
                   trace_who(sh, &names, r.thread, who));
            trace_print(sh, &names, &r);
        }
        if (console_wait(sh, SHELL_EVENT_INTERRUPT, 0) != 0) {
            return STATUS_INTERRUPTED;
        }
    }
    if (first_ticks == 0 && err == E_AGAIN) {
        printf("nothing recorded: trace start\n");
    }
    return err == E_AGAIN ? STATUS_OK : shell_fail("trace", "the kernel does not tell", err);
}

/* ---- dump ---- */

/* "~" and what follows, a checksum behind it. A log may have been cut, and other lines may be in it. */
static void dump_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void dump_line(const char *format, ...)
{
    char line[LINE_LEN];
    uint32_t a = 0, b = 0; /* Fletcher's, over bytes, modulo 255 */
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args); /* fits */
    va_end(args);
    for (const char *c = line; *c != '\0'; c++) {
        a = (a + (uint8_t)*c) % 255;
        b = (b + a) % 255;
    }
    printf("~%s *%04" PRIx32 "\n", line, b << 8 | a);
}

/* Threads that are alive; names as words: what else they hold becomes "?". */
static unsigned dump_threads(const struct shell *sh)
{
    uint64_t t[8] = { 0 }, p[8];
    unsigned count = 0;

    for (; sys_info(sh->chosen, INFO_THREAD, t[0] + 1, t) == E_OK; count++) {
        char name[PROCESS_NAME_LEN + 1] = "?";

        if (sys_info(sh->chosen, INFO_PROCESS, t[1], p) == E_OK && p[0] == t[1] && p[1] != 0) {
            memcpy(name, &p[1], PROCESS_NAME_LEN);
        }
        for (char *c = name; *c != '\0'; c++) {
            *c = *c > ' ' && *c < 0x7f ? *c : '?';
        }
        dump_line("t %" PRIx64 " %" PRIx64 " %s", t[0], t[1], name);
    }
    return count;
}

static int trace_dump(struct shell *sh)
{
    struct trace_record r = { .seq = 0 };
    uint64_t seq = sh->trace_first, base;
    unsigned records = 0, threads;
    status_t err;

    (void)sys_trace(sh->chosen, 0); /* or the printing would fill the ring */
    err = trace_next(sh, &seq, &r);
    if (err == E_AGAIN) {
        printf("nothing recorded: trace start\n");
        return STATUS_OK;
    }
    base = r.ticks;
    dump_line("trace %x %" PRIx64 " %" PRIx64 " %" PRIx64, DUMP_VERSION, sh->trace_first, r.seq,
              r.next_seq);
    threads = dump_threads(sh);
    for (; err == E_OK; err = trace_next(sh, &seq, &r), records++) {
        dump_line("r %" PRIx64 " %" PRIx64 " %x %" PRIx32 " %" PRIx32 " %" PRIx64, r.seq,
                  time_ticks_ns(r.ticks - base), (unsigned)r.event, r.core, r.thread, r.argument);
        if (console_wait(sh, SHELL_EVENT_INTERRUPT, 0) != 0) {
            return STATUS_INTERRUPTED;
        }
    }
    dump_line("end %x %x", records, threads);
    return err == E_AGAIN ? STATUS_OK : shell_fail("trace", "the kernel does not tell", err);
}

/* ---- the command ---- */

static int trace_switch(struct shell *sh, bool is_start)
{
    struct trace_record r;
    status_t err;

    if (is_start && sys_trace_read(sh->chosen, 0, &r) == E_OK) { /* else nothing was recorded yet */
        sh->trace_first = r.next_seq;                            /* what was is not shown again */
    }
    err = sys_trace(sh->chosen, is_start);
    return err == E_OK ? STATUS_OK : shell_fail("trace", is_start ? "start" : "stop", err);
}

int trace_command(struct shell *sh, int argc, char *argv[])
{
    const char *verb = argc == 2 ? argv[1] : "";

    return strcmp(verb, "start") == 0  ? trace_switch(sh, true)
           : strcmp(verb, "stop") == 0 ? trace_switch(sh, false)
           : strcmp(verb, "show") == 0 ? trace_show(sh)
           : strcmp(verb, "dump") == 0 ? trace_dump(sh)
                                       : shell_usage(builtin_find("trace"));
}
