/* SPDX-License-Identifier: BSD-2-Clause
 * The built-in commands that are a few lines each, and the list of all.
 */
#include "shell.h"
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1000000000ull

static int echo_command(struct shell *sh, int argc, char *argv[])
{
    (void)sh;
    for (int i = 1; i < argc; i++) {
        printf("%s%s", i > 1 ? " " : "", argv[i]);
    }
    printf("\n");
    return STATUS_OK;
}

/* Seconds with a fraction ("0.25") in nanoseconds; false: not a number, or more than a year. */
static bool parse_seconds(const char *text, uint64_t *out_ns)
{
    char *end;
    uint64_t seconds = strtoull(text, &end, 10);
    uint64_t ns = 0;

    if (text[0] < '0' || text[0] > '9' || seconds > 366ull * 86400) {
        return false;
    }
    if (*end == '.') {
        uint64_t unit = NS_PER_S / 10;
        for (end++; *end >= '0' && *end <= '9'; end++) {
            ns += (uint64_t)(*end - '0') * unit;
            unit /= 10;
        }
    }
    *out_ns = seconds * NS_PER_S + ns;
    return *end == '\0';
}

static int sleep_command(struct shell *sh, int argc, char *argv[])
{
    uint64_t ns = 0;

    if (argc != 2 || !parse_seconds(argv[1], &ns)) {
        return shell_usage(builtin_find("sleep"));
    }
    (void)fflush(stdout); /* without a console nobody sees an error either */
    return console_wait(sh, SHELL_EVENT_INTERRUPT, time_deadline(ns)) != 0 ? STATUS_INTERRUPTED
                                                                           : STATUS_OK;
}

static int run_command(struct shell *sh, int argc, char *argv[])
{
    return argc < 2 ? shell_usage(builtin_find("run")) : job_run(sh, argc - 1, argv + 1, false);
}

static int time_command(struct shell *sh, int argc, char *argv[])
{
    if (argc < 2) {
        return shell_usage(builtin_find("time"));
    }
    uint64_t start = time_now_ns();
    int status = shell_run_command(sh, argc - 1, argv + 1, false);
    uint64_t us = (time_now_ns() - start) / 1000;
    printf("%llu.%06llu s\n", (unsigned long long)(us / 1000000),
           (unsigned long long)(us % 1000000));
    return status;
}

static int name_result(const char *command, const char *name, status_t err)
{
    if (err == E_RIGHTS) {
        printf("%s: %s: not allowed (E_RIGHTS)\n", command, name);
        return STATUS_FAILED;
    }
    if (err == E_NOTFOUND) {
        printf("%s: %s: no such server or program runs; try tree and ps\n", command, name);
        return STATUS_FAILED;
    }
    return err == E_OK ? STATUS_OK : shell_fail(command, name, err);
}

/* `kill job 3` names it in two words. */
static int name_command(int argc, char *argv[], uint32_t op)
{
    char name[INIT_PATH_LEN];
    struct msg answer;

    if (argc < 2 || argc > 3) {
        return shell_usage(builtin_find(argv[0]));
    }
    (void)snprintf(name, sizeof(name), "%s%s%s", argv[1], argc == 3 ? " " : "",
                   argc == 3 ? argv[2] : "");
    (void)fflush(stdout); /* without a console nobody sees an error either */
    return name_result(argv[0], name, init_name_call(op, name, 0, &answer));
}

static int kill_command(struct shell *sh, int argc, char *argv[])
{
    (void)sh;
    return name_command(argc, argv, INIT_OP_KILL);
}

/* By its name in the archive, or what stands behind spare/; false: there is none. */
static bool image_find(const struct shell *sh, const char *wanted, uint64_t *out)
{
    static const char spare[] = "spare/";
    char name[INIT_NAME_LEN + 1];

    for (uint64_t n = 0; image_name(sh, n, name); n++) {
        bool is_spare = strncmp(name, spare, sizeof(spare) - 1) == 0;
        if (strcmp(name, wanted) == 0 ||
            (is_spare && strcmp(name + sizeof(spare) - 1, wanted) == 0)) {
            *out = n;
            return true;
        }
    }
    return false;
}

static int restart_from(struct shell *sh, const char *name, const char *file)
{
    struct msg m;
    uint64_t image = 0;

    if (!image_find(sh, file, &image)) {
        printf("restart: %s: the boot archive has no such image; tools/run --add spare/NAME=FILE\n"
               "puts one there\n",
               file);
        return STATUS_FAILED;
    }
    (void)fflush(stdout); /* without a console nobody sees an error either */
    status_t err = init_name_call(INIT_OP_RESTART, name, image + 1, &m);
    if (err == E_OK || !shell_print_why(sh, INIT_WHY_RESTART, false)) {
        return name_result("restart", name, err);
    }
    printf("\n");
    return STATUS_FAILED;
}

static int restart_command(struct shell *sh, int argc, char *argv[])
{
    if (argc > 2 && strcmp(argv[2], "--from") == 0) {
        return argc == 4 ? restart_from(sh, argv[1], argv[3]) : shell_usage(builtin_find(argv[0]));
    }
    (void)sh;
    return name_command(argc, argv, INIT_OP_RESTART);
}

static int power_command(const char *name, uint32_t how)
{
    (void)fflush(stdout); /* without a console nobody sees an error either */
    status_t err = machine_power(how);
    return shell_fail(name, "not possible", err != E_OK ? err : E_AGAIN);
}

static int reboot_command(struct shell *sh, int argc, char *argv[])
{
    (void)sh, (void)argc;
    return power_command(argv[0], POWER_REBOOT);
}

static int poweroff_command(struct shell *sh, int argc, char *argv[])
{
    (void)sh, (void)argc;
    return power_command(argv[0], POWER_OFF);
}

static int help_command(struct shell *sh, int argc, char *argv[]);

static const struct builtin builtins[] = {
    { "echo", "[WORD...]", "prints its words; $? is the last status", echo_command },
    { "help", "", "this list", help_command },
    { "irq", "", "interrupt lines: node, events, state", irq_command },
    { "kill", "NAME | ID | job N", "ends a program; a server is restarted", kill_command },
    { "log", "[[SERVER] LEVEL]", "the log, up to error, warn, info or debug", log_command },
    { "mem", "", "memory and kernel objects", mem_command },
    { "poweroff", "", "stops the machine", poweroff_command },
    { "ps", "", "processes", ps_command },
    { "reboot", "", "starts the machine anew", reboot_command },
    { "restart", "NAME [--from IMAGE]", "restarts a server, a broken one too", restart_command },
    { "run", "PROGRAM [WORD...]", "a program, even if a built-in has its name", run_command },
    { "sleep", "SECONDS", "waits; fractions are fine", sleep_command },
    { "time", "COMMAND [WORD...]", "runs a command, tells how long it took", time_command },
    { "trace", "start|stop|show|dump", "records who runs, calls, answers; shows it",
      trace_command },
    { "tree", "[-a | PATH]", "nodes and their servers, what waits; -a: all", tree_command },
};

const struct builtin *builtin_at(unsigned n)
{
    return n < sizeof(builtins) / sizeof(builtins[0]) ? &builtins[n] : NULL;
}

const struct builtin *builtin_find(const char *name)
{
    unsigned n = 0;

    while (builtin_at(n) != NULL && strcmp(builtins[n].name, name) != 0) {
        n++;
    }
    return builtin_at(n);
}

static void help_programs(const struct shell *sh)
{
    const size_t width = 80;
    size_t column = width; /* the first begins a line */

    printf("Programs in the archive:");
    for (uint64_t n = 0;; n++) {
        struct msg m = { .info = INIT_OP_PROGRAM, .w = { n } };
        if (msg_call(sh->init, &m) != E_OK) {
            break;
        }
        char name[INIT_NAME_LEN + 1] = "";
        memcpy(name, m.w, INIT_NAME_LEN);
        bool is_new_line = column + 1 + strlen(name) >= width;
        printf("%s%s", is_new_line ? "\n  " : " ", name);
        column = (is_new_line ? 2 : column + 1) + strlen(name);
    }
    printf("\n");
}

static int help_command(struct shell *sh, int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    for (unsigned n = 0; builtin_at(n) != NULL; n++) {
        char usage[48];
        (void)snprintf(usage, sizeof(usage), "%s %s", builtins[n].name, builtins[n].arguments);
        printf("  %-30s %s\n", usage, builtins[n].help);
    }
    help_programs(sh);
    printf("A ; B runs one after the other, PROGRAM & in the background.\n"
           "^C ends a program, TAB completes, the arrows bring back old lines.\n"
           "log SERVER LEVEL sets the least severe lines that a server logs.\n");
    return STATUS_OK;
}
