/* SPDX-License-Identifier: BSD-2-Clause
 * shell - reads commands from the console and runs them: built-ins here, programs from the boot archive.
 *
 * Files, in reading order: shell.c (the loop), edit.c and edit_recall.c (the line editor, pure), parse.c (the grammar,
 * pure), console.c (towards mux/serial), job.c (programs), builtins.c and *_command.c, complete.c.
 * Not here: pipes, redirection, variables other than $?, scripts.
 */
#include "shell.h"
#include <cambium/match.h>
#include <cambium/start.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>

#define PROMPT "cambium> "

PROGRAM_NEEDS(
    "* +spawn +control +info +create"); /* when another shell starts it; init does not ask */

bool shell_print_why(const struct shell *sh, uint64_t about, bool is_list)
{
    struct msg m;
    uint64_t at = 0, len = 0;
    char last = '\0';

    do {
        m = (struct msg){ .info = INIT_OP_WHY, .w = { about, at } };
        if (msg_call(sh->init, &m) != E_OK) {
            break;
        }
        len = m.w[0];
        for (const char *c = (const char *)&m.w[1]; at < len && c < (const char *)&m.w[8];
             c++, at++) {
            if (is_list && (at == 0 || (last == ',' && *c == ' '))) {
                printf(at == 0 ? "  %c" : "\n  ", *c);
            } else if (!(is_list && *c == ',')) {
                putchar(*c);
            }
            last = *c;
        }
    } while (at < len);
    if (is_list && len > 0) {
        putchar('\n');
    }
    return at > 0;
}

bool image_name(const struct shell *sh, uint64_t n, char out[INIT_NAME_LEN + 1])
{
    struct msg m = { .info = INIT_OP_IMAGE, .w = { n } };

    if (msg_call(sh->init, &m) != E_OK) {
        return false;
    }
    memcpy(out, m.w, INIT_NAME_LEN);
    out[INIT_NAME_LEN] = '\0';
    return true;
}

const char *server_name_short(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

int shell_fail(const char *command, const char *what, status_t err)
{
    printf("%s: %s: %s (%s)\n", command, what, err_text(err), err_name(err));
    return STATUS_FAILED;
}

int shell_usage(const struct builtin *b)
{
    printf("usage: %s%s%s\n", b->name, b->arguments[0] != '\0' ? " " : "", b->arguments);
    return STATUS_USAGE;
}

int shell_run_command(struct shell *sh, int argc, char *argv[], bool background)
{
    const struct builtin *b = builtin_find(argv[0]);

    if (b == NULL) {
        return job_run(sh, argc, argv, background);
    }
    if (background) {
        printf("%s: only programs can run in the background\n", argv[0]);
        return STATUS_USAGE;
    }
    return argc > 1 && b->arguments[0] == '\0' ? shell_usage(b) : b->run(sh, argc, argv);
}

/* Nothing of a line runs if it is not right to its end. */
static bool line_is_right(struct shell *sh, const char *line)
{
    const char *why = NULL;
    status_t err;

    do {
        err = parse_command(&line, 0, &sh->command, &why);
    } while (err == E_OK);
    if (err == E_FORMAT) {
        printf("not understood: %s\n", why);
    }
    return err == E_NOTFOUND;
}

int shell_run(struct shell *sh, const char *line)
{
    const char *why;

    if (!line_is_right(sh, line)) {
        return sh->status = STATUS_USAGE;
    }
    while (parse_command(&line, sh->status, &sh->command, &why) == E_OK) {
        struct command *c = &sh->command;
        if (c->argc == 0) {
            continue;
        }
        sh->status = shell_run_command(sh, c->argc, c->argv, c->background);
        /* ^C ends the whole line; a command that does not wait has not looked */
        if (sh->status == STATUS_INTERRUPTED || console_wait(sh, SHELL_EVENT_INTERRUPT, 0) != 0) {
            sh->status = STATUS_INTERRUPTED;
            break;
        }
    }
    return sh->status;
}

static void send_picture(struct edit *e)
{
    (void)fwrite(e->out, 1, e->out_len, stdout); /* without a console nobody sees an error either */
    (void)fflush(stdout);
    e->out_len = 0;
}

/* Reads one line into sh->edit; what was typed behind it is kept for the next. */
static enum edit_result read_line(struct shell *sh)
{
    static uint8_t keys[48];
    static uint32_t at, len;
    struct edit *e = &sh->edit;
    enum edit_result result = EDIT_MORE;

    console_own(sh, true);
    (void)console_wait(sh, SHELL_EVENT_INTERRUPT, 0); /* it came too late for the last line */
    edit_start(e);
    while (result == EDIT_MORE) {
        if (at == len) {
            send_picture(e);
            at = 0;
            len = console_keys(sh, keys);
            if (len == 0) {
                return EDIT_END;
            }
        }
        result = edit_key(e, keys[at++]);
        if (e->out_len > EDIT_OUT / 2) {
            send_picture(e);
        }
    }
    send_picture(e);
    console_own(sh, false);
    return result;
}

static void greet(const struct shell *sh)
{
    const char *model = sh->tree != NULL ? tree_string(sh->tree, 0, "model") : NULL;

    if (model == NULL && sh->tree != NULL) {
        model = tree_string_at(sh->tree, 0, "compatible", 0);
    }
    printf("\nCambium %s on %s. Type help for the commands.\n", CAMBIUM_VERSION,
           model != NULL ? model : "a machine without a name");
}

int main(void)
{
    static struct shell sh;

    sh.console = start_handle("service console");
    sh.init = start_handle("init");
    sh.chosen = start_handle("chosen");
    sh.tree = (const void *)start_info->tree_va;
    status_t err = sys_port_create(&sh.port);
    if (sh.console == 0 || err != E_OK) {
        return 1;
    }
    edit_init(&sh.edit, PROMPT, shell_complete, &sh);
    greet(&sh);
    for (;;) {
        job_report(&sh);
        switch (read_line(&sh)) {
        case EDIT_LINE:
            edit_remember(&sh.edit, sh.edit.text);
            (void)shell_run(&sh, sh.edit.text); /* its status is in $? */
            break;
        case EDIT_CANCEL:
            sh.status = STATUS_INTERRUPTED;
            break;
        default:
            printf("The shell does not end; poweroff stops the machine.\n");
            break;
        }
    }
}
