/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: what the tree says, the start, and events (pci_host.h). libsys/pci_host.md has the order of all files.
 */
#include <cambium/client.h>
#include <cambium/start.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include <tree_chain.h>
#include "pci_host_parts.h"

/* ---- functions ---- */

const char *pci_function_name(struct pci_host *h, const struct pci_function *f)
{
    (void)snprintf(h->name, sizeof(h->name), "%x:%x.%x", f->id >> 8u, f->id >> 3 & 31u,
                   f->id & 7u); /* fits */
    return h->name;
}

struct pci_function *pci_function_parent(struct pci_host *h, const struct pci_function *f)
{
    return f->parent != PCI_NONE ? &h->functions[f->parent] : NULL;
}

struct pci_function *pci_bus_functions(struct pci_host *h, const struct pci_function *bridge,
                                       unsigned *out_count)
{
    *out_count = bridge != NULL ? bridge->count : h->root_count;
    return &h->functions[bridge != NULL ? bridge->first : 0];
}

struct pci_function *pci_function_of_node(struct pci_host *h, uint32_t node)
{
    for (unsigned i = 0; i < h->function_count; i++) {
        if (h->functions[i].node >= 0 && (uint32_t)h->functions[i].node == node) {
            return &h->functions[i];
        }
    }
    return NULL;
}

void pci_command_write(struct pci_host *h, struct pci_function *f, uint16_t command)
{
    f->command = command;
    pci_config_write(h, f, PCI_COMMAND, command);
}

/* ---- the tree ---- */

enum { APERTURE_MIN = (3 + 1 + 2) * 4 }; /* bytes of an entry of ranges, at least */

static status_t apertures_read(struct pci_host *h)
{
    struct tree_aperture t;
    status_t err;
    int len = 0;

    /* each question walks the tree: none for an entry that cannot be */
    (void)tree_prop(h->node.tree, h->node.offset, "ranges", &len);
    for (unsigned entry = 0;
         (int)entry < len / APERTURE_MIN &&
         (err = tree_aperture(h->node.tree, h->node.offset, entry, &t)) != E_NOTFOUND;
         entry++) {
        struct pci_aperture *a = &h->apertures[h->aperture_count];
        uint32_t space = field_get(PHYS_SPACE, t.space);
        if (err != E_OK && err != E_RANGE) {
            return err;
        }
        if (err != E_OK || space == PHYS_CONFIG || t.len == 0) {
            continue; /* not the CPU's, or configuration space: that is in reg */
        }
        if (h->aperture_count == PCI_APERTURES_MAX) {
            log_warn("more than %u ranges: the last are not used", (unsigned)PCI_APERTURES_MAX);
            break;
        }
        *a = (struct pci_aperture){ .bus = t.bus,
                                    .cpu = t.cpu,
                                    .len = t.len,
                                    .entry = entry,
                                    .is_io = space == PHYS_IO,
                                    .is_64 = space == PHYS_MEMORY_64,
                                    .is_prefetch = (t.space & PHYS_PREFETCH) != 0 };
        h->aperture_count++;
    }
    return h->aperture_count != 0 ? E_OK : E_NOTFOUND;
}

/* The place of the first node below the bridge that is no bus of PCI's and yet hands on addresses of it. */
static void wanted_find(struct pci_host *h)
{
    const void *tree = h->node.tree;
    struct tree_aperture t;
    int depth = 0;

    for (int node = tree_next(tree, h->node.offset, &depth); node >= 0 && depth > 0;
         node = tree_next(tree, node, &depth)) {
        if (tree_is_pci(tree, node) || tree_aperture(tree, node, 0, &t) != E_OK) {
            continue;
        }
        for (unsigned i = 0; i < h->aperture_count; i++) {
            const struct pci_aperture *a = &h->apertures[i];
            if (!a->is_io && t.cpu - a->cpu < a->len) {
                h->wanted = (struct pci_wanted){ true, node, t.cpu - a->cpu + a->bus };
                return;
            }
        }
    }
}

static status_t buses_read(struct pci_host *h)
{
    int len = 0;
    const fdt32_t *range = tree_prop(h->node.tree, h->node.offset, "bus-range", &len);

    h->bus_first = 0;
    h->bus_last = 255;
    if (range == NULL) {
        return E_OK;
    }
    if (len != 8 || fdt32_ld(range + 1) > 255 || fdt32_ld(range) > fdt32_ld(range + 1)) {
        return E_FORMAT;
    }
    h->bus_first = fdt32_ld(range);
    h->bus_last = fdt32_ld(range + 1);
    return E_OK;
}

static bool probe_only_read(const void *tree)
{
    uint32_t value = 0;
    int chosen;

    return tree_find(tree, "/chosen", &chosen) == E_OK &&
           tree_u32(tree, chosen, "linux,pci-probe-only", &value) == E_OK && value != 0;
}

status_t pci_host_open(struct pci_host *h, struct node node, const struct pci_host_ops *ops,
                       void *bridge)
{
    memset(h, 0, offsetof(struct pci_host, irq));
    h->irq.ops = NULL;
    h->irq.silent_ns = 0;
    h->irq.line_count = h->irq.route_count = 0;
    h->node = node;
    h->ops = ops;
    h->bridge = bridge;
    h->init = start_handle("init");
    h->port = start_handle("port");
    status_t err = buses_read(h);
    if (err) {
        log_error("bus-range makes no sense");
        return err;
    }
    err = apertures_read(h);
    if (err) {
        log_error("ranges has no window that could be used");
    }
    h->is_probe_only = probe_only_read(node.tree);
    wanted_find(h);
    return err;
}

/* ---- the start ---- */

/* Bridges forward everything from here on; what they lead to is switched on by itself. */
static void function_program(struct pci_host *h, struct pci_function *f)
{
    const uint16_t on = COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER;
    const struct pci_function *bridge = pci_function_parent(h, f);

    for (unsigned n = 0; n < PCI_RANGES; n++) {
        struct pci_range *r = &f->ranges[n];
        if (bridge != NULL && n != PCI_ROM && pci_range_is_placed(r) &&
            bridge->ranges[PCI_WINDOW + r->space].len == 0) { /* its window does not stay */
            r->flags |= n < PCI_WINDOW ? PCI_BAR_UNPLACED : 0;
            r->len = n < PCI_WINDOW ? r->len : 0;
        }
        if (n < PCI_BARS) {
            pci_bar_write(h, f, n);
        }
    }
    if (f->is_bridge) {
        pci_windows_write(h, f);
        if ((f->command & on) != on) {
            pci_command_write(h, f, on);
        }
    } else if (!f->is_running && f->command != COMMAND_INTX_OFF) {
        pci_command_write(h, f, COMMAND_INTX_OFF); /* and nothing else on */
    } else if ((f->command & COMMAND_INTX_OFF) == 0) {
        /* its driver has to attach again before it may raise a line that others share */
        pci_command_write(h, f, f->command | COMMAND_INTX_OFF);
    }
}

static void start_say(struct pci_host *h)
{
    unsigned bridges = 0, left_out = 0, last = h->bus_first;

    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        bridges += f->is_bridge;
        left_out += f->state != PCI_STATE_OK;
        last = f->is_bridge && f->subordinate > last ? f->subordinate : last;
    }
    char of_them[24] = "";
    if (bridges != 0) {
        (void)snprintf(of_them, sizeof(of_them), " (%u bridge%s)", bridges, /* fits */
                       bridges == 1 ? "" : "s");
    }
    log_info("buses %x to %x: %u function%s%s%s", h->bus_first, last, h->function_count,
             h->function_count == 1 ? "" : "s", of_them, left_out != 0 ? "; some left out" : "");
}

status_t pci_host_start(struct pci_host *h)
{
    status_t err = pci_scan(h);

    if (err) {
        log_error("no answer from bus %x", h->bus_first);
        return err;
    }
    pci_nodes_find(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        if (h->functions[i].state == PCI_STATE_OK) {
            pci_bars_read(h, &h->functions[i]);
        }
    }
    pci_place(h);
    for (unsigned i = 0; i < h->function_count; i++) {
        if (h->functions[i].state == PCI_STATE_OK) {
            function_program(h, &h->functions[i]);
        }
    }
    pci_nodes_grow(h);
    pci_nodes_renew(h);
    start_say(h);
    pci_slots_open(h);
    return E_OK;
}

/* ---- events ---- */

static void event_closed(struct pci_host *h, uint32_t badge)
{
    struct pci_function *f = badge < tree_len(h->node.tree) ? pci_function_of_node(h, badge) : NULL;

    if (f != NULL && !f->is_bridge) {
        pci_vectors_close(h, f);
    }
}

status_t pci_host_event(struct pci_host *h, struct event *ev)
{
    status_t answer = E_OK, err = E_OK;

    if (ev->kind == EV_IRQ && h->own.count != 0 && ev->irq == h->own.index) {
        pci_own_fire(h);
    } else if (ev->kind == EV_IRQ) {
        event_hold(ev);
        pci_intx_fire(h, ev->irq);
        return E_OK;
    } else if (ev->kind == EV_CALL) {
        answer = pci_request(h, ev->badge, &ev->msg);
    } else if (ev->kind == EV_COMMAND) {
        answer = pci_command(h, &ev->msg);
    } else if (ev->kind == EV_CLOSED) {
        event_closed(h, ev->badge);
    } else if (ev->kind == EV_NOTIFY && (ev->bits & (IRQ_EVENT_SILENT | PCI_EVENT_SLOT)) != 0) {
        pci_intx_silent(h); /* both: the port has one timer */
        pci_slots_look(h);
        err = pci_functions_look(h);
    }
    event_done(ev, answer);
    return err;
}
