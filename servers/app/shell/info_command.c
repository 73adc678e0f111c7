/* SPDX-License-Identifier: BSD-2-Clause
 * ps, mem, log: what the kernel tells.
 */
#include "shell.h"
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>

/* ---- ps ---- */

int ps_command(struct shell *sh, int argc, char *argv[])
{
    uint64_t w[8] = { 0 };
    status_t err;

    (void)argc;
    printf("%5s %-16s %4s %7s %7s %7s %7s %12s\n", "id", "name", "prio", "pages", "limit",
           "threads", "handles", "cpu ms");
    for (uint64_t id = 0; (err = sys_info(sh->chosen, INFO_PROCESS, id, w)) == E_OK;
         id = w[0] + 1) {
        char name[PROCESS_NAME_LEN + 1] = "";
        uint64_t us = time_ticks_ns(w[7]) / 1000;
        memcpy(name, &w[1], PROCESS_NAME_LEN);
        printf("%5" PRIu64 " %-16s %4" PRIu64 " %7" PRIu64 " %7" PRIu64 " %7" PRIu64 " %7" PRIu64
               " %8" PRIu64 ".%03" PRIu64 "%s\n",
               w[0], name, w[6] >> 8, w[3], w[4], w[5] >> 32, w[5] & 0xffffffff, us / 1000,
               us % 1000, (w[6] & 1) != 0 ? "  ended" : "");
    }
    return err == E_NOTFOUND ? STATUS_OK : shell_fail(argv[0], "the kernel does not tell", err);
}

/* ---- mem ---- */

static void print_pages(const char *what, uint64_t pages)
{
    uint64_t kib = pages * (PAGE_SIZE / 1024);

    printf("  %-12s %10" PRIu64 " KiB  %8" PRIu64 " pages\n", what, kib, pages);
}

/* What nodes hold, where any does. */
static void print_dma(const struct shell *sh)
{
    struct msg m = { .info = INIT_OP_DMA_STAT };

    for (uint64_t next = 0; msg_call(sh->init, &m) == E_OK;) {
        char path[TREE_PATH_LEN] = "?";
        if (next == 0) {
            printf("DMA of nodes   pages  of limit  buffers' pages  of limit\n");
        }
        if (sh->tree != NULL) {
            tree_path(sh->tree, (int)m.w[4], path, sizeof(path));
        }
        printf("  %18" PRIu32 "  %8" PRIu32 "  %14" PRIu32 "  %8" PRIu32 "  %s\n", (uint32_t)m.w[1],
               (uint32_t)m.w[3], (uint32_t)m.w[2], (uint32_t)(m.w[3] >> 32), path);
        next = m.w[0] + 1;
        m = (struct msg){ .info = INIT_OP_DMA_STAT, .w = { next } };
    }
}

int mem_command(struct shell *sh, int argc, char *argv[])
{
    uint64_t w[8] = { 0 };

    (void)argc;
    status_t err = sys_info(sh->chosen, INFO_SYSTEM, 0, w);
    if (err != E_OK) {
        return shell_fail(argv[0], "the kernel does not tell", err);
    }
    printf("memory\n");
    print_pages("total", w[0]);
    print_pages("free", w[1]);
    print_pages("DMA pool", w[2]);
    print_pages("DMA free", w[3]);
    err = sys_info(sh->chosen, INFO_OBJECTS, 0, w);
    if (err != E_OK) {
        return shell_fail(argv[0], "the kernel does not tell of its objects", err);
    }
    printf("kernel objects\n");
    static const char *const kinds[] = { "processes", "threads", "ports",       "memories",
                                         "devices",   "badges",  "kept replies" };
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        printf("  %-12s %10" PRIu64 "\n", kinds[i], w[i]);
    }
    print_dma(sh);
    return STATUS_OK;
}

/* ---- log ---- */

static const char *const level_names[] = { "error", "warn", "info", "debug" };

/* The lines of one chunk up to the last newline; returns the bytes used. */
static uint32_t print_lines(char *text, uint32_t len, int level)
{
    char *line = text;
    char *end;

    while ((end = memchr(line, '\n', len - (uint32_t)(line - text))) != NULL) {
        if ((int)log_line_level(line) <= level) {
            printf("%.*s\n", (int)(end - line), line);
        }
        line = end + 1;
    }
    return (uint32_t)(line - text);
}

/* enum log_level; -1: none of that name. */
static int level_of(const char *name)
{
    int level = LOG_DEBUG;

    while (level >= 0 && strcmp(name, level_names[level]) != 0) {
        level--;
    }
    return level;
}

static int log_set(const char *server, int level)
{
    struct msg m;
    status_t err = init_name_call(INIT_OP_LOG_LEVEL, server, (uint64_t)level, &m);

    if (err == E_NOTFOUND) {
        printf(strcmp(server, "init") == 0 || strcmp(server, "kernel") == 0
                   ? "log: %s: has no level, it says all that it has to say\n"
                   : "log: %s: no such server; try tree\n",
               server);
        return STATUS_FAILED;
    }
    return err == E_OK ? STATUS_OK : shell_fail("log", server, err);
}

int log_command(struct shell *sh, int argc, char *argv[])
{
    static char text[1024];
    int level = argc > 1 ? level_of(argv[argc - 1]) : LOG_DEBUG;
    uint64_t seq = 0, from = 0, len = 0;
    status_t err;

    if (argc > 3 || level < 0) {
        return shell_usage(builtin_find("log"));
    }
    if (argc == 3) {
        return log_set(argv[1], level);
    }
    while ((err = sys_log_read(sh->chosen, seq, text, sizeof(text), &from, &len)) == E_OK &&
           len > 0) {
        uint32_t used = print_lines(text, (uint32_t)len, level);
        if (used == 0) {
            break; /* a line that is still being written */
        }
        seq = from + used;
        if (console_wait(sh, SHELL_EVENT_INTERRUPT, 0) != 0) {
            return STATUS_INTERRUPTED;
        }
    }
    return err == E_OK || err == E_AGAIN ? STATUS_OK
                                         : shell_fail(argv[0], "the kernel does not tell", err);
}
