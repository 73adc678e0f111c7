/* SPDX-License-Identifier: BSD-2-Clause
 * What TAB offers: commands and programs as first word, then what the command takes: servers, programs, tree paths.
 */
#include "shell.h"
#include <stdio.h>
#include <string.h>
#include <tree.h>

struct completion {
    struct shell *sh;
    const char *line;
    uint32_t cursor;
    struct edit_choices *out;
};

static void offer(const struct completion *c, const char *name)
{
    edit_choice(c->out, c->line, c->cursor, name);
}

static void offer_builtins(const struct completion *c)
{
    for (unsigned n = 0; builtin_at(n) != NULL; n++) {
        offer(c, builtin_at(n)->name);
    }
}

static void offer_programs(const struct completion *c)
{
    for (uint64_t n = 0;; n++) {
        struct msg m = { .info = INIT_OP_PROGRAM, .w = { n } };
        char name[INIT_NAME_LEN + 1] = "";
        if (msg_call(c->sh->init, &m) != E_OK) {
            return;
        }
        memcpy(name, m.w, INIT_NAME_LEN);
        offer(c, name);
    }
}

static void offer_servers(const struct completion *c)
{
    for (uint64_t n = 0;; n++) {
        struct msg m = { .info = INIT_OP_SERVER, .w = { n } };
        char name[33] = "";
        if (msg_call(c->sh->init, &m) != E_OK) {
            return;
        }
        memcpy(name, m.w, 32);
        offer(c, server_name_short(name));
    }
}

static void offer_images(const struct completion *c)
{
    char name[INIT_NAME_LEN + 1];

    for (uint64_t n = 0; image_name(c->sh, n, name); n++) {
        offer(c, name);
    }
}

/* Nodes whose path goes on from what is typed, up to their next '/'; those with children end with one. */
static void offer_paths(const struct completion *c)
{
    const void *tree = c->sh->tree;
    uint32_t typed = c->cursor - c->out->start;
    int depth = 0;
    int next_depth = 0;

    for (int node = tree_next(tree, -1, &depth), next; node >= 0; node = next, depth = next_depth) {
        char path[TREE_PATH_LEN];
        next_depth = depth;
        next = tree_next(tree, node, &next_depth);
        tree_path(tree, node, path, sizeof(path) - 1);
        size_t len = strlen(path);
        if (len <= typed || memcmp(path, c->line + c->out->start, typed) != 0 ||
            strchr(path + typed, '/') != NULL) {
            continue; /* another branch, or further down */
        }
        if (next >= 0 && next_depth > depth) {
            path[len] = '/';
            path[len + 1] = '\0';
        }
        offer(c, path);
    }
}

/* The command that the word at `start` belongs to: behind the last ; and behind run and time. */
static const char *command_of(const char *line, uint32_t start, char *word, uint32_t word_len)
{
    uint32_t at = start;

    while (at > 0 && line[at - 1] != ';' && line[at - 1] != '&') {
        at--;
    }
    for (;;) {
        uint32_t len = 0;
        while (at < start && line[at] == ' ') {
            at++;
        }
        while (at < start && line[at] != ' ' && len + 1 < word_len) {
            word[len++] = line[at++];
        }
        word[len] = '\0';
        if (strcmp(word, "time") != 0) {
            return word;
        }
    }
}

static bool is_behind(const char *line, uint32_t start, const char *text)
{
    size_t len = strlen(text);

    return start >= len && memcmp(line + start - len, text, len) == 0;
}

void shell_complete(void *context, const char *line, uint32_t cursor, struct edit_choices *out)
{
    struct completion c = { .sh = context, .line = line, .cursor = cursor, .out = out };
    char word[32];
    const char *command = command_of(line, out->start, word, sizeof(word));

    if (command[0] == '\0') {
        offer_builtins(&c);
        offer_programs(&c);
    } else if (strcmp(command, "run") == 0) {
        offer_programs(&c);
    } else if (cursor > out->start && line[out->start] == '/' && c.sh->tree != NULL) {
        offer_paths(&c);
    } else if (strcmp(command, "restart") == 0 && is_behind(line, out->start, "--from ")) {
        offer_images(&c);
    } else if (strcmp(command, "kill") == 0 || strcmp(command, "restart") == 0) {
        offer_servers(&c);
    } else if (strcmp(command, "log") == 0) {
        static const char *const levels[] = { "error", "warn", "info", "debug" };
        for (unsigned i = 0; i < 4; i++) {
            offer(&c, levels[i]);
        }
        offer_servers(&c);
    } else if (strcmp(command, "trace") == 0) {
        static const char *const verbs[] = { "start", "stop", "show", "dump" };
        for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
            offer(&c, verbs[i]);
        }
    }
}
