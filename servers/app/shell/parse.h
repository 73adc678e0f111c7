/* SPDX-License-Identifier: BSD-2-Clause
 * The command line's grammar. Pure.
 *
 *   line    = { command ( ";" | "&" ) } [ command ] [ "#" comment ]
 *   command = word { blank word }; "&" behind it runs it in the background
 *   word    = any characters; a blank, ; & # " ' or \ loses its meaning behind \ or within quotes.
 *             $? is the last command's status, except within '...'
 */
#pragma once
#include <abi/status.h>
#include <stdbool.h>

enum { COMMAND_ARGS = 24, COMMAND_LEN = 640 };

struct command {
    int argc; /* 0: an empty command */
    char *argv[COMMAND_ARGS + 1];
    bool background;
    char text[COMMAND_LEN]; /* what argv points to */
};

/* Takes the next command off *line; `status` is what $? becomes. E_NOTFOUND: no more. E_FORMAT: *out_why says what is
 * wrong. */
status_t parse_command(const char **line, int status, struct command *out, const char **out_why) WARN_UNUSED;
