/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: who is there. Buses are gone through depth first, each one's functions read together before what is behind
 * its bridges; so a bridge stands before all that is behind it, and a bus's functions stand together (pci_host.h).
 *
 * Bus numbers that bridges have and that fit into those above are kept: functions behind them may be at work. The others get
 * the next free ones behind those. A number is the bridge's only if it reads back.
 */
#include <string.h>
#include "pci_host_parts.h"

enum { DEVICES = 32, FUNCTIONS = 8 };

/* A bus whose bridges are gone through. */
struct level {
    struct pci_function *bridge; /* NULL: the root bus */
    unsigned bus;
    unsigned last;      /* highest number that buses below may have */
    unsigned free;      /* lowest that none has */
    unsigned next, end; /* of functions: those still to be looked behind */
};

static unsigned function_id(unsigned bus, unsigned device, unsigned function)
{
    return bus << 8 | device << 3 | function;
}

/* ---- a function ---- */

static void bridge_read(struct pci_host *h, struct pci_function *f)
{
    uint32_t buses = pci_config_read(h, f, PCI_BUSES);

    f->is_bridge = true;
    f->secondary = (uint8_t)field_get(BUSES_SECONDARY, buses);
    f->subordinate = (uint8_t)field_get(BUSES_SUBORDINATE, buses);
    f->is_numbered = field_get(BUSES_PRIMARY, buses) == (f->id >> 8u);
}

/* As whom the function writes: bridges to conventional PCI write for those behind them (PCI Express to PCI Bridge 1.0, 2.3). */
static void requester_find(struct pci_host *h, struct pci_function *f)
{
    f->requester = f->id;
    for (const struct pci_function *b = pci_function_parent(h, f); b != NULL;
         b = pci_function_parent(h, b)) {
        if (b->port == PORT_TO_PCI || b->port == PCI_PORT_NONE) {
            f->requester = b->port == PORT_TO_PCI ? (uint16_t)(b->secondary << 8) : b->id;
            f->is_written_for = true;
        }
    }
}

static void function_break(struct pci_host *h, struct pci_function *f, const char *why,
                           uint32_t value)
{
    f->state = PCI_STATE_BROKEN;
    log_warn("%s: %s %x: left out", pci_function_name(h, f), why, (unsigned)value);
}

/* Fills a function from its header. */
static void function_read(struct pci_host *h, struct pci_function *f, uint32_t header)
{
    uint32_t class = pci_config_read(h, f, PCI_CLASS);
    uint32_t command = pci_config_read(h, f, PCI_COMMAND);

    f->header = (uint8_t)field_get(HEADER_TYPE | HEADER_MULTIPLE, header);
    f->class_code = field_get(CLASS_CODE, class);
    f->revision = (uint8_t) class;
    f->command = (uint16_t)command;
    f->is_running = (command & (COMMAND_IO | COMMAND_MEMORY)) != 0;
    if (class == ~0u || command == ~0u) {
        function_break(h, f, "its header reads", ~0u);
        return;
    }
    if (field_get(HEADER_TYPE, header) > HEADER_BRIDGE) {
        function_break(h, f, "unknown header type", field_get(HEADER_TYPE, header));
        return;
    }
    f->pin = (uint8_t)field_get(INTERRUPT_PIN, pci_config_read(h, f, PCI_INTERRUPT));
    if (f->pin > 4) {
        log_warn("%s: interrupt pin %u: none has that", pci_function_name(h, f), f->pin);
        f->pin = 0;
    }
    if (field_get(HEADER_TYPE, header) == HEADER_BRIDGE) {
        bridge_read(h, f);
    } else {
        uint32_t subsystem = pci_config_read(h, f, PCI_SUBSYSTEM);
        f->subsystem_vendor = (uint16_t)subsystem;
        f->subsystem = (uint16_t)(subsystem >> 16);
    }
    if ((command & STATUS_CAPABILITIES) != 0) {
        pci_capabilities_find(h, f);
    }
}

/* Adds what answers; NULL: the table is full, which was said. */
static struct pci_function *function_add(struct pci_host *h, const struct level *level, unsigned id,
                                         uint32_t names, uint32_t header)
{
    struct pci_function *f = &h->functions[h->function_count];

    if (h->function_count == PCI_FUNCTIONS_MAX) {
        log_warn("%x:%x.%x and what follows is left out: more than %u functions", id >> 8,
                 id >> 3 & 31, id & 7, (unsigned)PCI_FUNCTIONS_MAX);
        return NULL;
    }
    memset(f, 0, sizeof(*f));
    f->id = (uint16_t)id;
    f->parent = level->bridge != NULL ? (uint16_t)(level->bridge - h->functions) : PCI_NONE;
    f->vendor = (uint16_t)names;
    f->device = (uint16_t)(names >> 16);
    f->port = PCI_PORT_NONE;
    f->node = -1;
    requester_find(h, f);
    h->function_count++;
    function_read(h, f, header);
    return f;
}

/* ---- a bus ---- */

/* Nobody: all ones, or what some bridges give while a device does not answer (PCI Express 3.0, 2.3.2). */
static bool is_nobody(uint32_t names)
{
    return names == ~0u || (names & 0xffff) == 0 || (names & 0xffff) == 0xffff ||
           (names & 0xffff) == 1;
}

/* Behind a port is one device: its link leads to nobody else. */
static bool is_link(const struct pci_function *bridge)
{
    return bridge != NULL && (bridge->port == PORT_ROOT || bridge->port == PORT_DOWNSTREAM);
}

/* Whether the table is not full. */
static bool device_scan(struct pci_host *h, const struct level *level, unsigned device)
{
    unsigned functions = 1;

    for (unsigned n = 0; n < functions; n++) {
        unsigned id = function_id(level->bus, device, n);
        uint32_t names = h->ops->read(h, id, PCI_ID);
        if (is_nobody(names)) {
            if (n == 0) {
                return true; /* each device has a function 0 */
            }
            continue;
        }
        uint32_t header = h->ops->read(h, id, PCI_HEADER);
        if (function_add(h, level, id, names, header) == NULL) {
            return false;
        }
        if (n == 0 && (header & HEADER_MULTIPLE) != 0 && header != ~0u) {
            functions = FUNCTIONS;
        }
    }
    return true;
}

/* Reads the bus's functions, then says where numbers for the buses behind it begin. */
static void level_scan(struct pci_host *h, struct level *level)
{
    unsigned devices = is_link(level->bridge) ? 1 : DEVICES;

    level->next = h->function_count;
    level->free = level->bus + 1;
    for (unsigned device = 0; device < devices; device++) {
        if (h->ops->may_exist != NULL && !h->ops->may_exist(h, level->bus, device)) {
            continue;
        }
        if (!device_scan(h, level, device)) {
            break;
        }
    }
    level->end = h->function_count;
    if (level->bridge != NULL) {
        level->bridge->first = (uint16_t)level->next;
        level->bridge->count = (uint16_t)(level->end - level->next);
    } else {
        h->root_count = level->end;
    }
}

/* ---- numbers ---- */

/* Keeps the numbers of those bridges whose own are new on this bus; the others are closed until they get some. */
static void numbers_keep(struct pci_host *h, struct level *level)
{
    for (unsigned i = level->next; i < level->end; i++) {
        struct pci_function *f = &h->functions[i];
        if (!f->is_bridge || f->state != PCI_STATE_OK) {
            continue;
        }
        f->is_numbered = f->is_numbered && f->secondary >= level->free &&
                         f->subordinate >= f->secondary && f->subordinate <= level->last;
        if (f->is_numbered) {
            level->free = f->subordinate + 1u;
        } else if (f->secondary != 0 || f->subordinate != 0) {
            pci_config_write(h, f, PCI_BUSES, 0);
        }
    }
}

static bool numbers_write(struct pci_host *h, struct pci_function *f, unsigned secondary,
                          unsigned subordinate)
{
    uint32_t mask = BUSES_PRIMARY | BUSES_SECONDARY | BUSES_SUBORDINATE;
    uint32_t buses = field_put(BUSES_PRIMARY, f->id >> 8u) | field_put(BUSES_SECONDARY, secondary) |
                     field_put(BUSES_SUBORDINATE, subordinate);

    pci_config_write(h, f, PCI_BUSES, buses);
    if ((pci_config_read(h, f, PCI_BUSES) & mask) != buses) {
        pci_config_write(h, f, PCI_BUSES, 0);
        function_break(h, f, "its bus numbers do not stay: bus", secondary);
        return false;
    }
    f->secondary = (uint8_t)secondary;
    f->subordinate = (uint8_t)subordinate;
    return true;
}

/* Goes behind a bridge, if there is a number for that; false: it has none. */
static bool level_enter(struct pci_host *h, struct level *level, struct pci_function *f,
                        unsigned depth, struct level *out)
{
    if (depth == PCI_LEVELS_MAX) {
        log_warn("%s: more than %u buses behind each other: what is behind it is left out",
                 pci_function_name(h, f), (unsigned)PCI_LEVELS_MAX);
        return false;
    }
    if (!f->is_numbered) {
        if (level->free > level->last) {
            log_warn("%s: no bus number is left (up to %x): what is behind it is left out",
                     pci_function_name(h, f), level->last);
            return false;
        }
        if (!numbers_write(h, f, level->free, level->last)) {
            return false;
        }
    }
    *out = (struct level){ .bridge = f, .bus = f->secondary, .last = f->subordinate };
    return true;
}

/* All below the bridge is found: its numbers end here. */
static void level_leave(struct pci_host *h, const struct level *level, struct level *above)
{
    struct pci_function *f = level->bridge;

    if (f->is_numbered) {
        return;
    }
    above->free = level->free;
    if (!numbers_write(h, f, f->secondary, level->free - 1)) {
        for (unsigned i = f->first; i < h->function_count; i++) {
            h->functions[i].state = PCI_STATE_BROKEN; /* all of them are behind it */
        }
    }
}

/* Insertion: they come nearly in order. */
static void order_add(struct pci_host *h, unsigned n)
{
    unsigned at = n;

    for (; at > 0 && h->functions[h->order[at - 1]].id > h->functions[n].id; at--) {
        h->order[at] = h->order[at - 1];
    }
    h->order[at] = (uint16_t)n;
}

status_t pci_scan(struct pci_host *h)
{
    struct level levels[PCI_LEVELS_MAX];
    unsigned depth = 1;

    h->function_count = 0;
    levels[0] = (struct level){ .bus = h->bus_first, .last = h->bus_last };
    level_scan(h, &levels[0]);
    numbers_keep(h, &levels[0]);
    while (depth >
           0) { /* ends: each turn takes a function, of which there are so many, or a level */
        struct level *level = &levels[depth - 1];
        if (level->next == level->end) {
            depth--;
            if (depth > 0) {
                level_leave(h, level, &levels[depth - 1]);
            }
            continue;
        }
        struct pci_function *f = &h->functions[level->next++];
        if (f->is_bridge && f->state == PCI_STATE_OK &&
            level_enter(h, level, f, depth, &levels[depth])) {
            level_scan(h, &levels[depth]);
            numbers_keep(h, &levels[depth]);
            depth++;
        }
    }
    for (unsigned n = 0; n < h->function_count; n++) {
        order_add(h, n);
    }
    return h->function_count != 0 ? E_OK : E_IO;
}
