/* SPDX-License-Identifier: BSD-2-Clause
 * irq: who has which interrupt line. The root controller's lines first, then those of controllers below it, and of PCI buses
 * the lines that their functions share (INTx), and messages to the bridge itself. Any other message is listed at the root, with
 * the function that sends it, which the bus's server tells.
 */
#include "shell.h"
#include <cambium/proto/irq.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>

enum { BUSES_MAX = 4 };

/* The servers of PCI buses. */
struct buses {
    unsigned count;
    handle_t server[BUSES_MAX];
    int node[BUSES_MAX];
};

/* The function that sends message `line`: into an answer to IRQ_OP_STAT. */
static void name_sender(const struct buses *buses, struct msg *line)
{
    for (unsigned i = 0; i < buses->count; i++) {
        struct msg m = { .info = IRQ_OP_STAT, .w = { line->w[0] } };
        if (msg_call(buses->server[i], &m) == E_OK && m.w[0] == line->w[0] &&
            (m.w[3] & (IRQ_STAT_MSI | IRQ_STAT_MSIX)) != 0) {
            line->w[1] = m.w[1];
            line->w[3] |= m.w[3];
        }
    }
}

static const char *trigger_of(uint64_t flags, bool is_bus)
{
    return flags & IRQ_STAT_MSIX      ? "MSI-X"
           : flags & IRQ_STAT_MSI     ? "MSI"
           : flags & IRQ_STAT_MESSAGE ? "message"
           : is_bus                   ? "INTx"
           : flags & IRQ_STAT_EDGE    ? "edge"
                                      : "level";
}

static void print_line(const struct shell *sh, const struct msg *m, bool is_bus)
{
    char path[TREE_PATH_LEN] = "?";

    if (sh->tree != NULL && (int64_t)m->w[1] >= 0) {
        tree_path(sh->tree, (int)m->w[1], path, sizeof(path));
    }
    printf("%5" PRIu64 "  %-8s %10" PRIu64 " %10" PRIu64 "  %s%s%s\n", m->w[0],
           trigger_of(m->w[3], is_bus), m->w[2], m->w[5], path,
           m->w[3] & IRQ_STAT_ACTIVE ? "  (being handled)" : "",
           m->w[3] & IRQ_STAT_STORM ? "  STORM: masked" : "");
}

/* The lines that one controller's clients have attached; `is_bus`: a PCI bus, of whose messages those are listed
 * that the controller does not know. Under a heading, if there is one and there are lines. */
static status_t print_lines(const struct shell *sh, handle_t irq, const struct buses *buses,
                            const char *heading, bool is_bus)
{
    for (uint64_t line = 0, sharer = 0;;) {
        struct msg m = { .info = IRQ_OP_STAT, .w = { line, sharer } };
        status_t err = msg_call(irq, &m);
        if (err != E_OK) {
            return err == E_NOTFOUND ? E_OK : err;
        }
        if (!is_bus && (m.w[3] & IRQ_STAT_MESSAGE) != 0) {
            name_sender(buses, &m);
        }
        if (!is_bus || (m.w[3] & IRQ_STAT_MESSAGE) != 0 ||
            (m.w[3] & (IRQ_STAT_MSI | IRQ_STAT_MSIX)) == 0) {
            if (heading != NULL) {
                printf("%s\n", heading);
                heading = NULL;
            }
            print_line(sh, &m, is_bus);
        }
        sharer = m.w[0] == line ? sharer + 1 : 1;
        line = m.w[0];
        if (sharer >= m.w[6]) { /* that was the last who has this line */
            sharer = 0;
            line++;
        }
    }
}

/* `name`: a class or a path. */
static status_t print_controller(const struct shell *sh, const struct buses *buses,
                                 const char *name)
{
    handle_t irq = 0;
    status_t err = service_open(name, &irq);

    if (err == E_OK) {
        err = print_lines(sh, irq, buses, NULL, false);
        (void)sys_handle_close(irq); /* ours */
    }
    return err;
}

/* The nodes that have servers, in the order of their ranks: the next one from server number *n on; -1: no more. *out_is_irq (or
 * NULL): an interrupt controller's, whatever the tree calls the node. */
static int next_node(const struct shell *sh, uint64_t *n, bool *out_is_irq)
{
    for (;;) {
        struct msg m = { .info = INIT_OP_SERVER, .w = { *n } };
        if (sh->tree == NULL || msg_call(sh->init, &m) != E_OK) {
            return -1;
        }
        ++*n;
        if ((int32_t)m.w[4] >= 0) {
            if (out_is_irq != NULL) {
                *out_is_irq = strcmp((const char *)&m.w[7], "irq") == 0;
            }
            return (int32_t)m.w[4];
        }
    }
}

static void buses_open(const struct shell *sh, struct buses *out)
{
    char path[TREE_PATH_LEN];
    int node;

    out->count = 0;
    for (uint64_t n = 0; (node = next_node(sh, &n, NULL)) >= 0 && out->count < BUSES_MAX;) {
        const char *type = tree_string(sh->tree, node, "device_type");
        if (type == NULL || strcmp(type, "pci") != 0) {
            continue;
        }
        tree_path(sh->tree, node, path, sizeof(path));
        if (service_open(path, &out->server[out->count]) == E_OK) { /* else `tree` says why not */
            out->node[out->count++] = node;
        }
    }
}

/* The controllers below the first one, each under its path; then the buses. */
static status_t print_others(const struct shell *sh, const struct buses *buses)
{
    char path[TREE_PATH_LEN];
    status_t worst = E_OK;
    bool is_first = true, is_irq = false;
    int node;

    for (uint64_t n = 0; (node = next_node(sh, &n, &is_irq)) >= 0;) {
        if (!is_irq) {
            continue; /* of a GPIO controller's lines `gpio` tells: its server speaks another protocol */
        }
        tree_path(sh->tree, node, path, sizeof(path));
        if (!is_first) {
            printf("%s\n", path);
            status_t err = print_controller(sh, buses, path);
            worst = err != E_OK ? err : worst;
        }
        is_first = false;
    }
    for (unsigned i = 0; i < buses->count; i++) {
        tree_path(sh->tree, buses->node[i], path, sizeof(path));
        status_t err = print_lines(sh, buses->server[i], buses, path, true);
        worst = err != E_OK ? err : worst;
    }
    return worst;
}

int irq_command(struct shell *sh, int argc, char *argv[])
{
    uint64_t w[8] = { 0 };
    struct buses buses;

    (void)argc;
    buses_open(sh, &buses);
    printf("%5s  %-8s %10s %10s  %s\n", "line", "trigger", "events", "handled", "node");
    status_t err = print_controller(sh, &buses, "irq");
    err = err == E_OK ? print_others(sh, &buses) : err;
    for (unsigned i = 0; i < buses.count; i++) {
        (void)sys_handle_close(buses.server[i]); /* ours */
    }
    if (err != E_OK) {
        return shell_fail(argv[0], "an interrupt controller does not tell", err);
    }
    if (sys_info(sh->chosen, INFO_SYSTEM, 0, w) == E_OK) {
        printf("%" PRIu64 " taken by the CPU, %" PRIu64
               " of them while no interrupt server waited\n",
               w[5], w[6]);
    }
    return STATUS_OK;
}
