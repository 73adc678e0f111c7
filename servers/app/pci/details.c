/* SPDX-License-Identifier: BSD-2-Clause
 * All of one function. Bits of registers: PCI Express Base Specification 5.0, 7.5.1.1 (command and status), 7.5.3.2 (PCI Express),
 * 7.7.1 (MSI), 7.7.2 (MSI-X); PCI-to-PCI Bridge Architecture 1.2, 13 (subsystem IDs).
 */
#include <cambium/driver.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include "pci_parts.h"

enum {
    BARS = 6,
    ROM = 6,
    WINDOW_FIRST = 7,
    RANGES = 10,
    EXTENDED = 0x100,
    CAPABILITIES_MAX = 1024
};

struct bit {
    uint32_t mask;
    const char *name;
};

static const struct bit command_bits[] = {
    { 1u << 0, "I/O" },          { 1u << 1, "memory" }, { 1u << 2, "bus master" },
    { 1u << 6, "parity check" }, { 1u << 8, "SERR" },   { 1u << 10, "INTx off" },
};
static const struct bit status_bits[] = {
    { 1u << 3, "INTx pending" },    { 1u << 4, "capabilities" },
    { 1u << 8, "parity error" },    { 1u << 11, "signalled target abort" },
    { 1u << 12, "target abort" },   { 1u << 13, "master abort" },
    { 1u << 14, "signalled SERR" }, { 1u << 15, "bad parity seen" },
};
static const struct bit range_bits[] = {
    { PCI_BAR_64, ", 64 bits" },
    { PCI_BAR_PREFETCH, ", prefetchable" },
};

/* "  command     I/O, memory" */
static void print_bits(const char *label, uint32_t value, const struct bit *bits, unsigned count)
{
    const char *separator = "";

    printf("  %-11s ", label);
    for (unsigned i = 0; i < count; i++) {
        if ((value & bits[i].mask) != 0) {
            printf("%s%s", separator, bits[i].name);
            separator = ", ";
        }
    }
    printf("%s\n", separator[0] == '\0' ? "-" : "");
}

static void print_driver(const struct host *h, const struct function *f)
{
    struct driver d = pci_driver(f->node);
    bool is_bridge = d.name[0] == '\0' && f->header == HEADER_BRIDGE;

    if (is_bridge) {
        d = pci_driver(h->node);
    }
    printf("  %-11s %s%s%s", "driver", d.name, d.name[0] != '\0' ? ", " : "", pci_driver_state(&d));
    if (d.restarts > 0) {
        printf(", restarted %u time%s", (unsigned)d.restarts, d.restarts > 1 ? "s" : "");
    }
    printf("%s\n", is_bridge ? ", the host bridge's" : "");
}

static void print_interrupts(const struct function *f)
{
    printf("  %-11s %s", "interrupts", pci_interrupt_name(f->irq));
    if (f->irq == PCI_IRQ_MSI || f->irq == PCI_IRQ_MSIX) {
        printf(", %u vector%s", f->vectors, f->vectors == 1 ? "" : "s");
    }
    if (f->irq != PCI_IRQ_NONE && f->line != 0) {
        printf(", line %u", f->line);
    }
    printf("\n");
}

/* In the largest unit of which it is a whole number. */
static void print_len(uint64_t len)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;

    for (; len != 0 && len % 1024 == 0 && unit < 6; unit++) {
        len /= 1024;
    }
    printf("%" PRIu64 " %s", len, units[unit]);
}

/* A BAR, the ROM or a window: where, how long, of what kind. */
static void print_range(const char *label, unsigned n, const struct msg *m)
{
    uint64_t at = m->w[0], flags = m->w[2];
    char text[16];

    (void)snprintf(text, sizeof(text), label, n); /* fits */
    printf("  %-11s ", text);
    if ((flags & PCI_BAR_BROKEN) != 0) {
        printf("broken: does not say how long it is\n");
        return;
    }
    if ((flags & PCI_BAR_UNPLACED) != 0) {
        printf("unplaced");
    } else {
        printf("0x%" PRIx64, at);
    }
    printf(", ");
    print_len(m->w[1]);
    printf(", %s", (flags & PCI_BAR_IO) != 0 ? "I/O" : "memory");
    for (unsigned i = 0; i < sizeof(range_bits) / sizeof(range_bits[0]); i++) {
        printf("%s", (flags & range_bits[i].mask) != 0 ? range_bits[i].name : "");
    }
    if ((flags & PCI_BAR_UNPLACED) == 0 && m->w[3] != at) {
        printf(", CPU 0x%" PRIx64, m->w[3]);
    }
    printf("\n");
}

static bool print_ranges(const struct host *h, const struct function *f)
{
    static const char *const labels[] = { [ROM] = "ROM", "window", "window", "window" };
    struct msg m;

    for (unsigned n = 0; n < RANGES; n++) {
        status_t err = pci_ask(h, PCI_OP_BAR, f->number, n, &m);

        if (err && err != E_NOTFOUND) {
            return false;
        }
        if (!err && (m.w[1] != 0 || (m.w[2] & PCI_BAR_BROKEN) != 0)) {
            print_range(n < BARS ? "BAR %u" : labels[n], n, &m);
        }
    }
    return true;
}

/* ---- capabilities ---- */

static const char *express_name(unsigned type)
{
    static const char *const names[] = { "endpoint",
                                         "legacy endpoint",
                                         "?",
                                         "?",
                                         "root port",
                                         "upstream port",
                                         "downstream port",
                                         "to PCI bridge",
                                         "from PCI bridge",
                                         "integrated endpoint",
                                         "event collector" };

    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

/* What the first words of some say. */
static void print_capability_words(unsigned id, uint64_t words)
{
    unsigned control = words >> 16 & 0xffff;

    switch (id) {
    case 0x05:
        printf(", up to %u vector%s%s%s", 1u << field_get(FIELD(3, 1), control),
               field_get(FIELD(3, 1), control) == 0 ? "" : "s",
               (control & BIT(8)) != 0 ? ", with masks" : "",
               (control & BIT(0)) != 0 ? ", on" : "");
        break;
    case 0x0d:
        printf(", %04x:%04x", (unsigned)(words >> 32 & 0xffff), (unsigned)(words >> 48));
        break;
    case 0x10:
        printf(", %s", express_name(field_get(FIELD(7, 4), control)));
        break;
    case 0x11:
        printf(", up to %u vectors, in BAR %u%s", field_get(FIELD(10, 0), control) + 1,
               (unsigned)(words >> 32 & 7), (control & BIT(15)) != 0 ? ", on" : "");
        break;
    default:
        break;
    }
}

static void print_capability(const struct msg *m)
{
    unsigned id = m->w[0] & 0xffff, version = m->w[0] >> 16 & 0xff, offset = (unsigned)m->w[1];
    bool is_extended = offset >= EXTENDED;
    const char *name = pci_capability_name(id, is_extended);

    printf("  at %03x      ", offset);
    if (name != NULL) {
        printf("%s", name);
    } else {
        printf("capability 0x%02x", id);
    }
    if (is_extended) {
        printf(", version %u", version);
    } else {
        print_capability_words(id, m->w[2]);
    }
    printf("\n");
}

static bool print_capabilities(const struct host *h, const struct function *f)
{
    struct msg m;

    for (unsigned k = 0; k < CAPABILITIES_MAX; k++) {
        status_t err = pci_ask(h, PCI_OP_CAPABILITY, f->number, k, &m);

        if (err) {
            return err == E_NOTFOUND;
        }
        print_capability(&m);
    }
    return true;
}

/* ---- all ---- */

static void print_node(const struct function *f)
{
    char path[TREE_PATH_LEN] = "none: init does not have it";

    if (f->node >= 0) {
        tree_path(pci_tree(), f->node, path, sizeof(path));
    }
    printf("  %-11s %s\n", "node", path);
}

bool pci_print_details(const struct host *h, const struct function *f)
{
    printf("%02x:%02x.%x %s\n", f->id >> 8, f->id >> 3 & 31, f->id & 7,
           pci_class_name(f->class_code));
    printf("  %-11s %04x:%04x, revision %02x, class %06x\n", "IDs", f->vendor, f->device,
           f->revision, f->class_code);
    if (f->subsystem_vendor != 0) {
        printf("  %-11s %04x:%04x\n", "subsystem", f->subsystem_vendor, f->subsystem);
    }
    print_node(f);
    print_driver(h, f);
    if (f->header == HEADER_BRIDGE) {
        printf("  %-11s %02x to %02x behind it\n", "buses", f->bus, f->bus_last);
    }
    if (f->state != PCI_STATE_OK) {
        printf("  %-11s %s\n", "state",
               f->state == PCI_STATE_GONE ? "gone" : "left alone: the log says why");
        return true;
    }
    print_interrupts(f);
    print_bits("command", f->command, command_bits, sizeof(command_bits) / sizeof(command_bits[0]));
    print_bits("status", f->status, status_bits, sizeof(status_bits) / sizeof(status_bits[0]));
    return print_ranges(h, f) && print_capabilities(h, f);
}
