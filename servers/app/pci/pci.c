/* SPDX-License-Identifier: BSD-2-Clause
 * pci - what is plugged in: the functions of all PCI host bridges that have a server (class pci), as a tree.
 *
 *     pci            the tree: address, class, vendor:device, driver, interrupts
 *     pci -v         all of each function: BARs, windows, capabilities, ... (details.c)
 *     pci BB:DD.F    the same of one
 *
 * It only looks (PCI_OP_BRIDGE to PCI_OP_CAPABILITY); who drives a function it asks init.
 */
#include <cambium/match.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include "pci_parts.h"

PROGRAM_NEEDS("pci");

enum {
    USAGE = 2,
    TRIES = 4,
    FUNCTIONS_MAX = 4096,
    TEXT_COLUMNS = 37,
    DRIVER_COLUMNS = 21,
    LEVEL_MAX = 8
};
#define EVERY (~0u)

static const char usage[] =
    "usage: pci [-v] [BB:DD.F]\n"
    "  pci          what is plugged in, as a tree\n"
    "  pci -v       all of each function: BARs, windows, capabilities, ...\n"
    "  pci BB:DD.F  all of one: bus, device and function, in hexadecimal\n";

const void *pci_tree(void)
{
    return (const void *)start_info->tree_va;
}

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "pci: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

/* ---- asking ---- */

status_t pci_ask(const struct host *h, uint32_t op, uint64_t w0, uint64_t w1, struct msg *out)
{
    status_t err = E_DEAD;

    for (unsigned i = 0; i < TRIES && err == E_DEAD; i++) {
        *out = (struct msg){ msg_info(op, 0, 0), { w0, w1 } };
        err = msg_call(h->service, out);
    }
    return err;
}

struct driver pci_driver(int node)
{
    struct driver d = { .state = NODE_NONE };
    struct msg m = { INIT_OP_NODE, { (uint64_t)node } };

    if (node < 0 || msg_call(start_handle("init"), &m) != E_OK) {
        return d;
    }
    d.state = (uint32_t)m.w[0];
    m = (struct msg){ INIT_OP_SERVER, { m.w[1] } };
    if (d.state == NODE_SERVED && msg_call(start_handle("init"), &m) == E_OK) {
        char image[NAME_LEN + 1] = "";

        memcpy(image, m.w, NAME_LEN);
        const char *slash = strrchr(image, '/');
        (void)snprintf(d.name, sizeof(d.name), "%s", slash != NULL ? slash + 1 : image); /* fits */
        d.server_state = (uint32_t)m.w[5];
        d.restarts = (uint32_t)(m.w[5] >> 32);
    }
    return d;
}

/* Whether a node is a PCI bus that no other PCI bus is above of: also functions have nodes, and may have servers. */
static bool is_host(int node)
{
    return tree_is_pci(pci_tree(), node) &&
           !tree_is_pci(pci_tree(), fdt_parent_offset(pci_tree(), node));
}

/* The next host bridge with a server, in rank order; false: there are no more. Starts as { 0 }. */
static bool host_next(struct host *h)
{
    struct msg m = { INIT_OP_SERVER, { h->server++ } };

    if (h->service != 0) {
        (void)sys_handle_close(h->service); /* ours */
        h->service = 0;
    }
    while (pci_tree() != NULL && msg_call(start_handle("init"), &m) == E_OK) {
        h->node = (int32_t)m.w[4];
        if (h->node >= 0 && is_host(h->node)) {
            tree_path(pci_tree(), h->node, h->path, sizeof(h->path));
            h->error = service_open(h->path, &h->service);
            return true;
        }
        m = (struct msg){ INIT_OP_SERVER, { h->server++ } };
    }
    return false;
}

static struct function function_of(unsigned number, const struct msg *m)
{
    return (struct function){
        .number = number,
        .id = m->w[0] & 0xffff,
        .header = m->w[0] >> 16 & 0x7f,
        .bus = m->w[0] >> 24 & 0xff,
        .bus_last = m->w[0] >> 32 & 0xff,
        .vendor = m->w[1] & 0xffff,
        .device = m->w[1] >> 16 & 0xffff,
        .subsystem_vendor = m->w[1] >> 32 & 0xffff,
        .subsystem = m->w[1] >> 48,
        .revision = m->w[2] & 0xff,
        .class_code = m->w[2] >> 8 & 0xffffff,
        .node = (int32_t)m->w[3],
        .irq = m->w[4] & 0xff,
        .vectors = m->w[4] >> 8 & 0xffffff,
        .line = (unsigned)(m->w[4] >> 32),
        .command = m->w[5] & 0xffff,
        .status = m->w[5] >> 16 & 0xffff,
        .state = (unsigned)m->w[6],
        .behind = m->w[7] < number ? (int)m->w[7]
                                   : -1, /* lspci's order: a bridge is before what is behind it */
    };
}

/* Asks for all functions; host_forget is to be called in any case. */
static status_t host_read(struct host *h)
{
    struct msg m;
    status_t err = pci_ask(h, PCI_OP_BRIDGE, 0, 0, &m);
    uint64_t room = m.w[0] < FUNCTIONS_MAX ? m.w[0] : FUNCTIONS_MAX;

    h->count = 0;
    h->functions = NULL;
    if (err) {
        return err;
    }
    h->bus = m.w[2] & 0xff;
    h->bus_last = m.w[2] >> 8 & 0xff;
    h->functions = calloc(room + 1, sizeof(struct function));
    if (h->functions == NULL) {
        return E_NOMEM;
    }
    while (h->count < room) {
        err = pci_ask(h, PCI_OP_FUNCTION, h->count, 0, &m);
        if (err) {
            break;
        }
        h->functions[h->count] = function_of(h->count, &m);
        h->count++;
    }
    return err == E_NOTFOUND ? E_OK : err; /* fewer than before: unplugged meanwhile */
}

static void host_forget(struct host *h)
{
    free(h->functions);
    h->functions = NULL;
}

/* ---- the tree ---- */

/* The next function to print, each once and each bridge before what is behind it; NULL: none. */
static struct function *function_next(const struct host *h, const struct function *last)
{
    for (int above = last != NULL ? (int)last->number : -1;;) {
        for (unsigned n = (unsigned)(above + 1); n < h->count; n++) {
            if (h->functions[n].behind == above && !h->functions[n].is_printed) {
                return &h->functions[n];
            }
        }
        if (above < 0) {
            return NULL;
        }
        above = h->functions[above].behind;
    }
}

static unsigned level_of(const struct host *h, const struct function *f)
{
    unsigned level = 0;

    for (int above = f->behind; above >= 0; above = h->functions[above].behind) {
        level++;
    }
    return level < LEVEL_MAX ? level : LEVEL_MAX;
}

/* "virtio_rng", "edu FAILED", "-". Bridges are their host bridge's server's. */
static void driver_text(const struct host *h, const struct function *f, char *out, size_t len)
{
    struct driver d = pci_driver(f->node);

    if (d.name[0] == '\0' && f->header == HEADER_BRIDGE) {
        d = pci_driver(h->node);
    }
    const char *state = pci_driver_state(&d);
    if (d.name[0] == '\0') {
        (void)snprintf(out, len, "%s",
                       d.state == NODE_NONE || d.state == NODE_UNCLAIMED ? "-" : state);
    } else {
        (void)snprintf(out, len, "%s %.*s", d.name,
                       d.server_state == SERVICE_RUNNING ? 0 : (int)strcspn(state, ":"), state);
    }
}

static void interrupt_text(const struct function *f, char *out, size_t len)
{
    const char *name = pci_interrupt_name(f->irq);

    if (f->state != PCI_STATE_OK) {
        (void)snprintf(out, len, "%s", f->state == PCI_STATE_GONE ? "gone" : "broken");
    } else if (f->irq == PCI_IRQ_MSI || f->irq == PCI_IRQ_MSIX) {
        (void)snprintf(out, len, "%s %u", name, f->vectors); /* fits */
    } else {
        (void)snprintf(out, len, "%s", name);
    }
}

static void print_row(const struct host *h, const struct function *f)
{
    char text[64], driver[64], interrupts[16];
    unsigned indent = 2 * level_of(h, f);
    int used = snprintf(text, sizeof(text), "%*s%02x:%02x.%x %s", (int)indent, "", f->id >> 8,
                        f->id >> 3 & 31, f->id & 7, pci_class_name(f->class_code));

    if (f->header == HEADER_BRIDGE && f->bus != 0 && used > 0 && (size_t)used < sizeof(text)) {
        (void)snprintf(text + used, sizeof(text) - (size_t)used,
                       f->bus == f->bus_last ? ", bus %02x" : ", buses %02x-%02x", f->bus,
                       f->bus_last); /* what does not fit is left out */
    }
    driver_text(h, f, driver, sizeof(driver));
    interrupt_text(f, interrupts, sizeof(interrupts));
    printf("%-*.*s %04x:%04x  %-*.*s %s\n", TEXT_COLUMNS, TEXT_COLUMNS, text, f->vendor, f->device,
           DRIVER_COLUMNS, DRIVER_COLUMNS, driver, interrupts);
}

static void print_host(const struct host *h)
{
    struct driver d = pci_driver(h->node);

    printf("%s: %s, buses %02x-%02x, %u function%s\n", h->path, d.name, h->bus, h->bus_last,
           h->count, h->count == 1 ? "" : "s");
}

static void print_tree(const struct host *h)
{
    printf("%-*s %-9s  %-*s %s\n", TEXT_COLUMNS, "function", "IDs", DRIVER_COLUMNS, "driver",
           "interrupt");
    for (struct function *f = function_next(h, NULL); f != NULL; f = function_next(h, f)) {
        f->is_printed = true;
        print_row(h, f);
    }
}

/* ---- commands ---- */

/* Details of function `id`, or of EVERY one; the number printed, or -1 when the server stopped answering. */
static int print_all_of(const struct host *h, unsigned id)
{
    int printed = 0;

    for (unsigned n = 0; n < h->count; n++) {
        if (id == EVERY || h->functions[n].id == id) {
            printf("%s", printed++ > 0 ? "\n" : "");
            if (!pci_print_details(h, &h->functions[n])) {
                return -1;
            }
        }
    }
    return printed;
}

/* A host bridge, as main was told; *printed grows by the functions whose details were printed. Returns a status of main. */
static int show_host(struct host *h, bool is_tree, unsigned id, unsigned *printed)
{
    status_t err = h->error ? h->error : host_read(h);
    int count = 0;

    if (err) {
        return fail(h->path, err);
    }
    if (id == EVERY) {
        print_host(h);
    }
    if (is_tree) {
        print_tree(h);
    } else {
        count = print_all_of(h, id);
    }
    if (count < 0) {
        return fail(h->path, E_DEAD);
    }
    *printed += (unsigned)count;
    return 0;
}

static int show(bool is_tree, unsigned id)
{
    struct host h = { 0 };
    unsigned hosts = 0, printed = 0;
    int status = 0;

    for (; host_next(&h); hosts++) {
        printf("%s", hosts > 0 && id == EVERY ? "\n" : "");
        int failed = show_host(&h, is_tree, id, &printed);
        status = failed ? failed : status;
        host_forget(&h);
    }
    if (hosts == 0) {
        (void)fprintf(stderr, "pci: no PCI host bridge has a server here\n");
        return 1;
    }
    if (id != EVERY && printed == 0 && status == 0) {
        (void)fprintf(stderr, "pci: %02x:%02x.%x: no such function; pci shows all\n", id >> 8,
                      id >> 3 & 31, id & 7);
        return 1;
    }
    return status;
}

/* Up to two hexadecimal digits, at most `max`, and `end` behind them. */
static bool hex_part(const char **at, char end, unsigned max, unsigned *out)
{
    static const char digits[] = "0123456789abcdef";
    unsigned value = 0, n = 0;
    const char *digit;

    for (; n < 2 && (*at)[n] != '\0' && (digit = strchr(digits, (*at)[n])) != NULL; n++) {
        value = value << 4 | (unsigned)(digit - digits);
    }
    if (n == 0 || value > max || (*at)[n] != end) {
        return false;
    }
    *at += n + 1;
    *out = value;
    return true;
}

static bool id_of(const char *text, unsigned *out)
{
    unsigned bus, device, function;

    if (!hex_part(&text, ':', 0xff, &bus) || !hex_part(&text, '.', 0x1f, &device) ||
        !hex_part(&text, '\0', 7, &function)) {
        return false;
    }
    *out = bus << 8 | device << 3 | function;
    return true;
}

int main(int argc, char *argv[])
{
    bool is_verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    const char *which = argc > 1 + is_verbose ? argv[1 + is_verbose] : NULL;
    unsigned id = EVERY;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (argc > 2 + is_verbose || (which != NULL && !id_of(which, &id))) {
        (void)fprintf(stderr, "%s", usage);
        return USAGE;
    }
    return show(!is_verbose && which == NULL, id);
}
