/* SPDX-License-Identifier: BSD-2-Clause
 * allow - what a program may open and do: what its starter lists, and never more than the starter may itself.
 *
 * A list is words (proto/init.h, INIT_OP_SPAWN). They become a set of servers and a set of rights when the program is
 * started, so that whatever is asked later is a look into a set, and "no more than the starter" is one set inside
 * another. Names that nothing in this tree has give nothing: one list serves every board.
 */
#include <stdio.h>
#include <string.h>
#include "init.h"

/* What the first program may: everything. Who gets how much of it is the shell's decision from there on. */
static const char shell_list[] = "* +spawn +control +info +create";

static const struct {
    const char *word;
    unsigned may;
} rights[] = {
    { "+spawn", MAY_SPAWN },
    { "+control", MAY_CONTROL },
    { "+info", MAY_INFO },
    { "+create", MAY_CREATE },
};

/* The servers that OPEN could mean by this name; of a class, all. */
static void add_servers(struct init *init, const char *name, struct allowance *out)
{
    const struct server *one = names_find(init, name);

    for (unsigned i = 0; i < init->server_count; i++) {
        const struct server *s = &init->servers[i];
        if (s->plan == NULL) {
            continue; /* the shell serves nobody */
        }
        if (one != NULL ? s == one : strcmp(name, "*") == 0 || strcmp(server_class(s), name) == 0) {
            set_add(&out->servers, i);
        }
    }
}

static status_t add_word(struct init *init, const char *word, struct allowance *out)
{
    if (word[0] == '\0' || strlen(word) >= INIT_NAME_LEN) {
        return E_INVAL;
    }
    if (word[0] != '+') {
        add_servers(init, word, out);
        return E_OK;
    }
    for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        if (strcmp(rights[i].word, word) == 0) {
            out->may |= rights[i].may;
            return E_OK;
        }
    }
    return E_INVAL;
}

/* Words with blanks between them. */
static status_t add_words(struct init *init, const char *text, struct allowance *out)
{
    status_t err = E_OK;

    for (text += strspn(text, " "); !err && *text != '\0'; text += strspn(text, " ")) {
        char word[INIT_NAME_LEN] = { 0 };
        size_t len = strcspn(text, " ");
        if (len >= sizeof(word)) {
            return E_INVAL;
        }
        memcpy(word, text, len);
        err = add_word(init, word, out);
        text += len;
    }
    return err;
}

/* Every program has the console, as it has its session there from the start. */
static struct allowance allow_nothing(struct init *init)
{
    const struct server *console = names_console(init);
    struct allowance a = { 0 };

    if (console != NULL) {
        set_add(&a.servers, console->number);
    }
    return a;
}

static bool is_within(const struct allowance *a, const struct allowance *all)
{
    return (a->may & ~all->may) == 0 && set_within(&a->servers, &all->servers);
}

static void add_common(struct allowance *to, const struct allowance *a, const struct allowance *b)
{
    to->may |= a->may & b->may;
    for (unsigned i = 0; i < sizeof(a->servers.bits) / sizeof(a->servers.bits[0]); i++) {
        to->servers.bits[i] |= a->servers.bits[i] & b->servers.bits[i];
    }
}

void allow_renew(struct init *init)
{
    for (unsigned i = 0; i < init->server_count; i++) {
        struct server *s = &init->servers[i];
        if (s->plan == NULL) {
            s->allow = allow_nothing(init);
            (void)add_words(init, shell_list, &s->allow); /* all are right: init_names_test.c */
        }
        bool opens = s->plan != NULL && strstr(s->plan->match->requires, "opens ") != NULL;
        for (unsigned k = 0; opens && k < init->server_count; k++) {
            if (k != i && plan_opens(s->plan->match, server_class(&init->servers[k]))) {
                set_add(&s->allow.servers, k);
            }
        }
    }
}

/* "+needs": what the program's image asks for, as far as the starter may give it. */
static status_t add_needs(struct init *init, const struct image *image,
                          const struct allowance *starter, struct allowance *out)
{
    struct allowance needs = { 0 };
    status_t err = image->elf.needs != NULL ? add_words(init, image->elf.needs, &needs) : E_OK;

    if (!err) {
        add_common(out, &needs, starter);
    }
    return err ? E_FORMAT : E_OK;
}

/* The word comes from a program: nothing of it may look like the end of the line. */
static status_t refuse(struct init *init, const struct image *image, const char *word, status_t err)
{
    char shown[INIT_NAME_LEN];

    (void)snprintf(shown, sizeof(shown), "%s", word); /* cut if too long */
    for (char *c = shown; *c != '\0'; c++) {
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    }
    report(init, LOG_WARN, "%s: not started: its list has \"%s\", which %s", image->name, shown,
           err == E_RIGHTS   ? "its starter may not itself"
           : err == E_FORMAT ? "are words in its image of which one means nothing"
                             : "means nothing");
    return err;
}

status_t allow_list(struct init *init, const struct allowance *starter, const struct image *image,
                    const char *list, uint64_t count, struct allowance *out)
{
    struct allowance all = allow_nothing(init);

    for (; count > 0; count--, list += strlen(list) + 1) {
        struct allowance word = { 0 };
        status_t err = strcmp(list, "+needs") == 0 ? add_needs(init, image, starter, &word)
                                                   : add_word(init, list, &word);
        err = err == E_OK && !is_within(&word, starter) ? E_RIGHTS : err;
        if (err) {
            return refuse(init, image, list, err);
        }
        add_common(&all, &word, starter);
    }
    *out = all;
    return E_OK;
}
