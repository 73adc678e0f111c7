/* SPDX-License-Identifier: BSD-2-Clause
 * gpio - shows the lines of all GPIO controllers, reads, drives and watches them.
 *
 *     gpio              all lines: direction, level, who has them
 *     gpio read N       the level of line N of that list
 *     gpio write N 0|1  drives it
 *     gpio input N      does not drive it any more
 *     gpio watch N      prints its level whenever it changes, until ^C
 *
 * Levels are the wire's. What a node of the tree claims can be read only (proto/gpio.h).
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/gpio.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>

PROGRAM_NEEDS("gpio");

enum { USAGE = 2, WATCH_BITS = 1 };
#define LOOK_NS 1000000000ull /* the driver may be a new one, and programs are not told */

/* A controller, with the number of its first line in the list. */
struct controller {
    uint64_t server; /* where the walk goes on */
    int node;
    char path[TREE_PATH_LEN];
    handle_t service; /* 0: it cannot be asked, `error` says why */
    status_t error;
    unsigned first, lines;
};

static const void *tree(void)
{
    return (const void *)start_info->tree_va;
}

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "gpio: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

static status_t ask(const struct controller *c, uint32_t op, uint64_t w0, uint64_t w1,
                    struct msg *out)
{
    *out = (struct msg){ msg_info(op, 0, 0), { w0, w1 } };
    return msg_call(c->service, out);
}

/* ---- controllers ---- */

/* The next server of a node that is a controller of GPIOs: its node, or -1 after the last. */
static int node_next(struct controller *c)
{
    struct msg m = { INIT_OP_SERVER, { c->server++ } };
    int len;

    while (tree() != NULL && msg_call(start_handle("init"), &m) == E_OK) {
        int node = (int32_t)m.w[4];
        if (node >= 0 && tree_prop(tree(), node, "gpio-controller", &len) != NULL) {
            return node;
        }
        m = (struct msg){ INIT_OP_SERVER, { c->server++ } };
    }
    return -1;
}

/* The next controller in rank order; false: there are no more. Starts as { 0 }. */
static bool controller_next(struct controller *c)
{
    struct msg m;

    if (c->service != 0) {
        (void)sys_handle_close(c->service); /* ours */
        c->service = 0;
    }
    c->first += c->lines;
    c->node = node_next(c);
    if (c->node < 0) {
        return false;
    }
    tree_path(tree(), c->node, c->path, sizeof(c->path));
    c->error = service_open(c->path, &c->service);
    c->error = c->error ? c->error : ask(c, GPIO_OP_STAT, 0, 0, &m);
    c->lines = c->error ? 0 : (unsigned)m.w[3];
    return true;
}

/* The controller that has line `number` of the list. */
static bool controller_of(unsigned number, struct controller *c)
{
    *c = (struct controller){ 0 };
    while (controller_next(c)) {
        if (number - c->first < c->lines) {
            return true;
        }
    }
    (void)fprintf(stderr, "gpio: %u: no such line; gpio shows all\n", number);
    return false;
}

/* Who claims a line: the part of the owner's node that names it, if it can be found. */
static void owner_path(const struct controller *c, int owner, unsigned line, char *out, size_t len)
{
    struct tree_ref ref;
    int holder = owner;
    status_t err;

    for (unsigned i = 0; (err = tree_gpio(tree(), owner, i, &ref, &holder)) != E_NOTFOUND; i++) {
        if (err == E_OK && ref.node == c->node && ref.cell_count > 0 && ref.cells[0] == line) {
            break;
        }
    }
    tree_path(tree(), err == E_OK ? holder : owner, out, len);
}

/* ---- commands ---- */

static void print_line(const struct controller *c, unsigned line)
{
    char owner[TREE_PATH_LEN] = "-";
    struct msg m;
    status_t err = ask(c, GPIO_OP_STAT, line, 0, &m);

    if (err) {
        printf("%4u  %4u  %s\n", c->first + line, line, err_text(err));
        return;
    }
    if ((int64_t)m.w[1] >= 0) {
        owner_path(c, (int)m.w[1], line, owner, sizeof(owner));
    } else if (m.w[0] & GPIO_STAT_WATCHED) {
        (void)snprintf(owner, sizeof(owner), "a program"); /* fits */
    }
    printf("%4u  %4u  %-9s  %5u  %7u  %s%s\n", c->first + line, line,
           m.w[0] & GPIO_STAT_DRIVEN ? "out" : "in", m.w[0] & GPIO_STAT_HIGH ? 1u : 0u,
           (unsigned)m.w[2], owner, m.w[0] & GPIO_STAT_WATCHED ? ", watched" : "");
}

static int list_command(void)
{
    struct controller c = { 0 };
    bool any = false;
    int status = 0;

    while (controller_next(&c)) {
        printf("%s%s\n", any ? "" : "   N  line  direction  level   events  used by\n", c.path);
        status = c.error ? fail(c.path, c.error) : status;
        for (unsigned line = 0; line < c.lines; line++) {
            print_line(&c, line);
        }
        any = true;
    }
    return any ? status : fail("no GPIO controller has a server here", E_NOTFOUND);
}

/* Why a line cannot be had. */
static int refused(const struct controller *c, unsigned line, status_t err)
{
    char what[16], owner[TREE_PATH_LEN] = "another program";
    struct msg m;

    if (err == E_BUSY) {
        if (ask(c, GPIO_OP_STAT, line, 0, &m) == E_OK && (int64_t)m.w[1] >= 0) {
            owner_path(c, (int)m.w[1], line, owner, sizeof(owner));
        }
        (void)fprintf(stderr, "gpio: %u: %s has it; it can be read only\n", c->first + line, owner);
        return 1;
    }
    (void)snprintf(what, sizeof(what), "%u", c->first + line); /* fits */
    return fail(what, err);
}

static int simple_command(unsigned number, uint32_t op, uint64_t level)
{
    struct controller c;
    struct msg m;

    if (!controller_of(number, &c)) {
        return 1;
    }
    status_t err = ask(&c, op, number - c.first, level, &m);
    if (err) {
        return refused(&c, number - c.first, err);
    }
    if (op == GPIO_OP_READ) {
        printf("%u\n", (unsigned)m.w[0]);
    }
    return 0;
}

static status_t subscribe(const struct controller *c, unsigned line, handle_t notify, struct msg *m)
{
    *m = (struct msg){ msg_info(GPIO_OP_SUBSCRIBE, 1, 0),
                       { line, WATCH_BITS, GPIO_BOTH, [7] = notify } };
    return msg_call(c->service, m);
}

/* Seconds since the machine's counter started, as in the log. */
static void print_level(uint64_t level, uint64_t changes)
{
    uint64_t us = time_now_ns() / 1000;

    printf("[%5u.%06u] %u", (unsigned)(us / 1000000), (unsigned)(us % 1000000), (unsigned)level);
    if (changes > 1) {
        printf(", %u changes", (unsigned)changes);
    }
    printf("\n");
}

static int watch_command(unsigned number)
{
    struct controller c;
    handle_t port, notify;
    struct msg m = { 0 };

    if (!controller_of(number, &c)) {
        return 1;
    }
    unsigned line = number - c.first;
    status_t err = sys_port_create(&port);
    err = err ? err : sys_handle_dup(port, RIGHT_NOTIFY | RIGHT_TRANSFER, 0, &notify);
    err = err ? err : subscribe(&c, line, notify, &m);
    uint64_t level = m.w[0];
    if (!err) {
        print_level(level, 0);
    }
    while (!err) {
        (void)!sys_receive(port, &m, time_deadline(LOOK_NS)); /* what came, TAKE tells */
        err = ask(&c, GPIO_OP_TAKE, line, 0, &m);
        if (err == E_NOTFOUND || err == E_DEAD) { /* the driver is a new one */
            err = subscribe(&c, line, notify, &m);
            m.w[1] = m.w[0] != level;
        }
        if (!err && m.w[1] != 0) {
            level = m.w[0];
            print_level(level, m.w[1]);
        }
        err = err == E_DEAD ? E_OK : err; /* again, with the next look */
    }
    return refused(&c, line, err);
}

/* A whole number with nothing behind it. */
static bool number_of(const char *text, unsigned *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    *out = (unsigned)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= INT32_MAX;
}

int main(int argc, char *argv[])
{
    const char *what = argc > 1 ? argv[1] : "";
    unsigned number = 0, level = 0;
    bool has_line = argc > 2 && number_of(argv[2], &number);

    if (argc == 1) {
        return list_command();
    }
    if (argc == 3 && has_line && strcmp(what, "read") == 0) {
        return simple_command(number, GPIO_OP_READ, 0);
    }
    if (argc == 3 && has_line && strcmp(what, "input") == 0) {
        return simple_command(number, GPIO_OP_INPUT, 0);
    }
    if (argc == 3 && has_line && strcmp(what, "watch") == 0) {
        return watch_command(number);
    }
    if (argc == 4 && has_line && strcmp(what, "write") == 0 && number_of(argv[3], &level) &&
        level <= 1) {
        return simple_command(number, GPIO_OP_WRITE, level);
    }
    (void)fprintf(stderr, "usage: gpio [read N | write N 0|1 | input N | watch N]\n"
                          "N is a number of the list that gpio shows; ^C ends watch\n");
    return USAGE;
}
