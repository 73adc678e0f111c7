/* SPDX-License-Identifier: BSD-2-Clause
 * What the shell's files offer each other. All state hangs off one struct shell.
 */
#pragma once
#include "edit.h"
#include "parse.h"
#include <cambium/client.h>

enum {
    SHELL_JOBS = 8,
    /* exit statuses, as in other shells */
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_NOT_STARTED = 126,
    STATUS_NOT_FOUND = 127,
    STATUS_INTERRUPTED = 130,
    STATUS_KILLED = 137,
    STATUS_FAULT = 128 /* + the FAULT_* cause */
};

/* Event bits of the shell's own port. */
#define SHELL_EVENT_INTERRUPT 1ull /* ^C */
#define SHELL_EVENT_JOB 2ull       /* << number: that job ended */

struct job {
    uint32_t id; /* init's */
    uint32_t console;
    char name[32]; /* "": free */
};

struct shell {
    int status; /* $? */
    handle_t console, init, chosen;
    handle_t port;
    uint64_t events; /* that arrived and nobody looked at */
    struct job jobs[SHELL_JOBS];
    const void *tree;
    struct edit edit;
    struct command command;
    uint64_t trace_first; /* number of the first record of the last trace */
};

/* A built-in command: returns its exit status; argv[argc] is NULL. */
struct builtin {
    const char *name;
    const char *arguments; /* for help */
    const char *help;      /* one line */
    int (*run)(struct shell *sh, int argc, char *argv[]);
};
/* Sorted by name; NULL: none of that name. builtin_at(n): the n-th, NULL after the last. */
const struct builtin *builtin_find(const char *name);
const struct builtin *builtin_at(unsigned n);

/* shell.c */
int shell_run(struct shell *sh, const char *line);
int shell_run_command(struct shell *sh, int argc, char *argv[], bool background);
/* Prints init's sentence about a node, or INIT_WHY_RESTART (INIT_OP_WHY); of a list, ", " ends a line if `is_list`. False: there
 * is nothing to say. */
bool shell_print_why(const struct shell *sh, uint64_t about, bool is_list);
/* The name of the n-th image of the archive; false: there are no more. */
bool image_name(const struct shell *sh, uint64_t n, char out[INIT_NAME_LEN + 1]);
/* "pl011" of "drv/pl011": what kill and restart take. */
const char *server_name_short(const char *name);
/* Prints "COMMAND: what: REASON" and returns STATUS_FAILED. */
int shell_fail(const char *command, const char *what, status_t err);
int shell_usage(const struct builtin *b);

/* console.c: towards mux/serial. */
/* The shell reads, raw or cooked (^C then is an event). */
void console_own(struct shell *sh, bool raw);
/* The session `badge` reads; ^C is an event for us. */
void console_lend(struct shell *sh, uint32_t badge);
/* Waits for keys: up to 48 bytes; 0: the console is gone. */
uint32_t console_keys(struct shell *sh, uint8_t keys[48]);
/* Waits until one of `bits` came or the deadline passed; returns those that came and forgets them. */
uint64_t console_wait(struct shell *sh, uint64_t bits, uint64_t deadline);

/* job.c: programs. */
int job_run(struct shell *sh, int argc, char *argv[], bool background);
/* Tells of background programs that ended. */
void job_report(struct shell *sh);

/* complete.c; an edit_completer with the shell as context. */
void shell_complete(void *context, const char *line, uint32_t cursor, struct edit_choices *out);

/* The commands with a file of their own. */
int tree_command(struct shell *sh, int argc, char *argv[]);
int trace_command(struct shell *sh, int argc, char *argv[]);
int ps_command(struct shell *sh, int argc, char *argv[]);
int irq_command(struct shell *sh, int argc, char *argv[]);
int mem_command(struct shell *sh, int argc, char *argv[]);
int log_command(struct shell *sh, int argc, char *argv[]);
