/* SPDX-License-Identifier: BSD-2-Clause
 * console - says which serial port the console is on, and takes it to another.
 *
 *     console              lists the serial ports that have a server; says what was lost with drivers that ended
 *     console use PORT     the console goes there: a path of the device tree, or its last part
 *     console add PORT     it is there, too: the same output, and input from both
 *     console drop         only where it was before `add`
 *
 * It goes back by itself when that port's device is pulled out, or its server given up; and when mux/serial is restarted.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>

PROGRAM_NEEDS("serial");

struct port {
    int node;
    char path[TREE_PATH_LEN];
    char server[33];
    status_t status; /* of opening it */
};

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "console: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

static const void *tree(void)
{
    return (const void *)start_info->tree_va;
}

/* The next serial port from server *n on. Which servers are of that class only init knows: it lets us open no others. */
static bool port_next(uint64_t *n, struct port *out)
{
    struct msg m = { .info = INIT_OP_SERVER, .w = { *n } };
    handle_t port;

    for (; msg_call(start_handle("init"), &m) == E_OK;
         m = (struct msg){ .info = INIT_OP_SERVER, .w = { *n } }) {
        (*n)++;
        out->node = (int32_t)m.w[4];
        if (tree() == NULL || out->node < 0) {
            continue;
        }
        memcpy(out->server, m.w, sizeof(out->server) - 1);
        tree_path(tree(), out->node, out->path, sizeof(out->path));
        out->status = service_open(out->path, &port);
        if (out->status == E_OK) {
            (void)sys_handle_close(port); /* ours and open */
        }
        if (out->status != E_RIGHTS && out->status != E_NOTFOUND) {
            return true;
        }
    }
    return false;
}

/* The node of the port that init chose: of those that the tree proposes for it, the first that is one, and was there then: none that
 * the server of a PCI host bridge found later. */
static int first_port(void)
{
    enum { PORTS_MAX = 16 };
    struct tree_console_walk walk = { 0 };
    struct port p = { .server = "" };
    int ports[PORTS_MAX], node, host;
    unsigned count = 0;

    for (uint64_t n = 0; count < PORTS_MAX && port_next(&n, &p);) {
        ports[count++] = p.node; /* asked once: each time opens all of them */
    }
    while (tree() != NULL && (node = tree_console_next(tree(), &walk)) >= 0) {
        bool is_port = tree_pci_host(tree(), node, &host) != E_OK;
        for (unsigned i = 0; is_port && i < count; i++) {
            if (ports[i] == node) {
                return node;
            }
        }
    }
    return -1;
}

static bool is_meant(const struct port *p, const char *name)
{
    const char *last = strrchr(p->path, '/');

    return strcmp(p->path, name) == 0 || (last != NULL && strcmp(last + 1, name) == 0);
}

/* A port as the mux knows it. */
static uint64_t number_of(const struct port *p, int first)
{
    return p->node == first ? SERIAL_FIRST : (uint64_t)p->node;
}

static int list(handle_t console, int first)
{
    struct msg m = { .info = SERIAL_OP_PORT }, second = { .info = SERIAL_OP_SECOND };
    struct port p = { .server = "" };
    status_t err = msg_call(console, &m);

    err = err ? err : msg_call(console, &second);
    if (err) {
        return fail("the console does not tell", err);
    }
    for (uint64_t n = 0; port_next(&n, &p);) {
        bool is_here = m.w[0] == number_of(&p, first);
        bool is_second = second.w[0] == number_of(&p, first);
        const char *name = strrchr(p.server, '/');
        printf("%-40s %s%s%s\n", p.path, name != NULL ? name + 1 : p.server,
               p.status != E_OK ? ", given up"
               : is_here        ? ", the console"
               : is_second      ? ", the console, too"
                                : "",
               p.node != first ? ""
               : is_here       ? ", as at boot"
                               : ", the console at boot");
    }
    m = (struct msg){ .info = SERIAL_OP_STAT };
    if (msg_call(console, &m) == E_OK && (m.w[2] != 0 || m.w[4] != 0)) {
        printf("lost with drivers that ended: %llu bytes in, %llu bytes out\n",
               (unsigned long long)m.w[2], (unsigned long long)m.w[4]);
    }
    return 0;
}

/* USE or ADD, of the port that is meant. */
static int go(handle_t console, uint32_t op, int first, const char *name)
{
    struct msg m = { .info = op };
    struct port p = { .server = "" };
    uint64_t n = 0;

    while (port_next(&n, &p)) {
        if (!is_meant(&p, name)) {
            continue;
        }
        if (op == SERIAL_OP_USE) {
            printf("console: it goes to %s\n", p.path);
            (void)fflush(stdout); /* it is said here */
        }
        m.w[0] = number_of(&p, first);
        status_t err = msg_call(console, &m);
        if (err) {
            return fail(p.path, err);
        }
        printf("console: it is on %s%s\n", p.path, op == SERIAL_OP_ADD ? ", too" : "");
        return 0;
    }
    (void)fprintf(stderr, "console: %s is no serial port; `console` lists them\n", name);
    return 1;
}

static int drop(handle_t console)
{
    struct msg m = { .info = SERIAL_OP_ADD, .w = { SERIAL_NONE } };
    status_t err = msg_call(console, &m);

    return err ? fail("the second port stays", err) : 0;
}

static const char usage[] =
    "usage: console            lists the serial ports that have a server\n"
    "       console use PORT   the console goes there: a path, or its last part\n"
    "       console add PORT   it is there, too\n"
    "       console drop       it is there no more\n";

int main(int argc, char *argv[])
{
    handle_t console = start_handle("service console");
    int first = first_port();

    if (argc == 1) {
        return list(console, first);
    }
    if (argc == 3 && strcmp(argv[1], "use") == 0) {
        return go(console, SERIAL_OP_USE, first, argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "add") == 0) {
        return go(console, SERIAL_OP_ADD, first, argv[2]);
    }
    if (argc == 2 && strcmp(argv[1], "drop") == 0) {
        return drop(console);
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("%s", usage);
        return 0;
    }
    (void)fprintf(stderr, "%s", usage);
    return 2;
}
