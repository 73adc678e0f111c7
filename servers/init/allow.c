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
            set_add(&out->whole, i);
        }
    }
}

/* ---- units ---- */

/* The word "SERVICE:UNIT" in a list of units. */
static bool units_have(const char *units, const char *word, size_t len)
{
    for (; *units != '\0'; units += strcspn(units, " ") + 1) {
        if (strncmp(units, word, len) == 0 && units[len] == ' ') {
            return true;
        }
    }
    return false;
}

static status_t units_add(struct allowance *a, const char *word, size_t len)
{
    size_t at = strlen(a->units);

    if (units_have(a->units, word, len)) {
        return E_OK;
    }
    if (at + len + 2 > sizeof(a->units)) {
        return E_LIMIT;
    }
    memcpy(a->units + at, word, len);
    memcpy(a->units + at + len, " ", 2);
    return E_OK;
}

/* The service of "SERVICE:UNIT"; NULL: no such service here. Tree paths and aliases have no units. */
static const struct server *unit_service(struct init *init, const char *word)
{
    size_t len = strcspn(word, ":");

    for (unsigned i = 0; i < init->server_count; i++) {
        const struct server *s = &init->servers[i];
        if (s->plan != NULL && (s->plan->match->flags & MATCH_SERVICE) != 0 &&
            strncmp(s->plan->match->compatible, word, len) == 0 &&
            s->plan->match->compatible[len] == '\0') {
            return s;
        }
    }
    return NULL;
}

bool allow_has_unit(const struct allowance *a, const struct server *s, const char *unit)
{
    char word[INIT_NAME_LEN];
    int len = snprintf(word, sizeof(word), "%s:%s", s->plan->match->compatible, unit);

    return set_has(&a->whole, s->number) ||
           (strchr(unit, ' ') == NULL && len > 0 && (size_t)len < sizeof(word) &&
            units_have(a->units, word, (size_t)len));
}

static bool has_unit_word(struct init *init, const struct allowance *a, const char *word)
{
    const struct server *s = unit_service(init, word);

    return s != NULL &&
           (set_has(&a->whole, s->number) || units_have(a->units, word, strcspn(word, " ")));
}

static status_t add_unit(struct init *init, const char *word, struct allowance *out)
{
    const struct server *s = unit_service(init, word);

    if (strchr(word, ' ') != NULL) {
        return E_INVAL; /* two words in one */
    }
    if (s == NULL) {
        return E_OK; /* nothing here has that name: it gives nothing */
    }
    set_add(&out->servers, s->number);
    return units_add(out, word, strlen(word)) ? E_INVAL : E_OK;
}

/* ---- words ---- */

static status_t add_word(struct init *init, const char *word, struct allowance *out)
{
    if (word[0] == '\0' || strlen(word) >= INIT_NAME_LEN) {
        return E_INVAL;
    }
    if (word[0] != '+' && word[0] != '/' && strchr(word, ':') != NULL) {
        return add_unit(init, word, out);
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
        set_add(&a.whole, console->number);
    }
    return a;
}

static bool is_within(struct init *init, const struct allowance *a, const struct allowance *all)
{
    for (const char *unit = a->units; *unit != '\0'; unit += strcspn(unit, " ") + 1) {
        if (!has_unit_word(init, all, unit)) {
            return false;
        }
    }
    return (a->may & ~all->may) == 0 && set_within(&a->servers, &all->servers) &&
           set_within(&a->whole, &all->whole);
}

static void set_add_common(struct server_set *to, const struct server_set *a,
                           const struct server_set *b)
{
    for (unsigned i = 0; i < sizeof(a->bits) / sizeof(a->bits[0]); i++) {
        to->bits[i] |= a->bits[i] & b->bits[i];
    }
}

/* Those of a's units that b allows, too. False: more than there is room for. */
static bool add_common_units(struct init *init, struct allowance *to, const struct allowance *a,
                             const struct allowance *b)
{
    for (const char *unit = a->units; *unit != '\0'; unit += strcspn(unit, " ") + 1) {
        if (has_unit_word(init, b, unit) && units_add(to, unit, strcspn(unit, " ")) != E_OK) {
            return false;
        }
    }
    return true;
}

static status_t add_common(struct init *init, struct allowance *to, const struct allowance *a,
                           const struct allowance *b)
{
    to->may |= a->may & b->may;
    set_add_common(&to->servers, &a->servers, &b->servers);
    set_add_common(&to->whole, &a->whole, &b->whole);
    return add_common_units(init, to, a, b) && add_common_units(init, to, b, a) ? E_OK : E_INVAL;
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
                set_add(&s->allow.whole, k);
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

    err = err ? E_FORMAT : add_common(init, out, &needs, starter);
    return err;
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
        err = err == E_OK && !is_within(init, &word, starter) ? E_RIGHTS : err;
        err = err ? err : add_common(init, &all, &word, starter);
        if (err) {
            return refuse(init, image, list, err);
        }
    }
    *out = all;
    return E_OK;
}
