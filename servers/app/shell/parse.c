/* SPDX-License-Identifier: BSD-2-Clause
 * The command line's grammar; see parse.h.
 */
#include "parse.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct parser {
    const char *at;
    struct command *out;
    uint32_t len; /* used of out->text */
    bool full;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool ends_command(char c)
{
    return c == '\0' || c == ';' || c == '&';
}

static void add(struct parser *p, char c)
{
    if (p->len + 1 >= COMMAND_LEN) {
        p->full = true;
        return;
    }
    p->out->text[p->len++] = c;
}

static void add_status(struct parser *p, int status)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", status);
    for (const char *c = text; *c != '\0'; c++) {
        add(p, *c);
    }
}

/* One character, or what stands for it; `quote` is the quote that is open, or 0. */
static void parse_character(struct parser *p, char quote, int status)
{
    if (quote != '\'' && p->at[0] == '$' && p->at[1] == '?') {
        add_status(p, status);
        p->at += 2;
    } else if (quote != '\'' && p->at[0] == '\\' && p->at[1] != '\0') {
        add(p, p->at[1]);
        p->at += 2;
    } else {
        add(p, *p->at++);
    }
}

/* One word, up to a blank or the command's end. */
static const char *parse_word(struct parser *p, int status)
{
    struct command *c = p->out;

    if (c->argc == COMMAND_ARGS) {
        return "too many words";
    }
    c->argv[c->argc++] = c->text + p->len;
    while (!is_blank(*p->at) && !ends_command(*p->at)) {
        if (*p->at != '"' && *p->at != '\'') {
            parse_character(p, 0, status);
            continue;
        }
        char quote = *p->at++;
        while (*p->at != quote) {
            if (*p->at == '\0') {
                return quote == '"' ? "a \" has no partner" : "a ' has no partner";
            }
            parse_character(p, quote, status);
        }
        p->at++;
    }
    add(p, '\0');
    return p->full ? "too long" : NULL;
}

status_t parse_command(const char **line, int status, struct command *out, const char **out_why)
{
    struct parser p = { .at = *line, .out = out };
    const char *why = NULL;

    out->argc = 0;
    out->background = false;
    for (;;) {
        while (is_blank(*p.at)) {
            p.at++;
        }
        if (*p.at == '#') {
            p.at += strlen(p.at);
        }
        if (ends_command(*p.at)) {
            break;
        }
        why = parse_word(&p, status);
        if (why != NULL) {
            *out_why = why;
            return E_FORMAT;
        }
    }
    if (*p.at == '\0' && out->argc == 0) {
        return E_NOTFOUND;
    }
    if (*p.at == '&' && (p.at[1] == '&' || out->argc == 0)) {
        *out_why = p.at[1] == '&' ? "&& is not known here, use ; instead" : "no command before &";
        return E_FORMAT;
    }
    out->background = *p.at == '&';
    out->argv[out->argc] = NULL;
    *line = *p.at == '\0' ? p.at : p.at + 1;
    return E_OK;
}
