/* SPDX-License-Identifier: BSD-2-Clause
 * How tests of init as a server ask it: a system that runs, and requests as they arrive at its port.
 */
#pragma once
#include "init_fake.h"
#include <string.h>

enum { FROM_GIC = GIC + 1, FROM_PL011 = PL011 + 1, FROM_CONSOLE = CONSOLE + 1, FROM_SHELL = SHELL + 1 };

static inline int setup(void **state)
{
    (void)state;
    fake_setup();
    fake_boot();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    jobs_end_owned(&fake.init, FROM_SHELL);
    fake_teardown();
    return 0;
}

static inline status_t ask_with(uint32_t from, uint32_t op, unsigned handles, struct msg *m)
{
    m->info = msg_info(op, handles, 0);
    return names_serve(&fake.init, from, m);
}

static inline status_t ask_name(uint32_t from, uint32_t op, const char *name)
{
    struct msg m = { 0 };

    memcpy(m.w, name, strnlen(name, INIT_NAME_LEN)); /* 48 bytes need no NUL */
    return ask_with(from, op, 0, &m);
}

static inline status_t ask_number(uint32_t from, uint32_t op, uint64_t number, struct msg *out)
{
    *out = (struct msg){ 0, { number } };
    return ask_with(from, op, 0, out);
}

static inline handle_t strings_handle(const char *strings)
{
    static char page[2 * PAGE_SIZE];

    memset(page, 'x', sizeof(page));
    memcpy(page, strings, 64); /* literals here are padded to that */
    return fake_handle(sizeof(page), false, page);
}

/* Spawns with these words; the strings are "NAME\0arg\0" and 64 bytes long. */
#define STRINGS(text) text "\0................................................................"

static inline status_t spawn_with(uint32_t from, const char *strings, uint64_t len, uint64_t argc,
                           uint64_t envc, uint64_t pages, struct msg *out)
{
    *out = (struct msg){ 0, { len, argc, envc, pages, [7] = strings_handle(strings) } };
    return ask_with(from, INIT_OP_SPAWN, 1, out);
}

/* Spawns hello with a list: `words` strings of `len` bytes together. */
static inline status_t spawn_list(uint32_t from, const char *list, uint64_t len, uint64_t words,
                                  struct msg *out)
{
    char strings[64] = "hello";

    memcpy(strings + 6, list, len);
    *out = (struct msg){ 0, { 6 + len, 1, [5] = words, [7] = strings_handle(strings) } };
    return ask_with(from, INIT_OP_SPAWN, 1, out);
}
#define LIST(words) words, sizeof(words)

static inline status_t spawn_hello(uint32_t from, struct msg *out)
{
    return spawn_with(from, STRINGS("hello"), 6, 1, 0, 0, out);
}
