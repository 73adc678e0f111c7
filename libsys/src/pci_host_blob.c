/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: functions as a blob of a device tree, for init (INIT_OP_GROW): IEEE Std 1275 PCI Bus Binding, rev. 2.1, and
 * Devicetree Specification 0.4, chapter 5, for the form.
 *
 * libfdt's sequential writer looks through all names for each property, byte by byte: half a million instructions for fifteen
 * functions, twice what finding and placing them takes. Names are few and known here, so that they stand in the blob from the
 * beginning, and a property knows where; what is written is read by libfdt again, in init.
 */
#include <libfdt.h>
#include <string.h>
#include <tree_chain.h>
#include "pci_host_parts.h"

enum { ADDRESS_CELLS = 3, ROW_CELLS = 5, RANGE_CELLS = 8 };

/* The block of strings, and where each begins. */
#define NAMES                                                                                      \
    NAME(ADDRESS_CELLS, "#address-cells")                                                          \
    NAME(SIZE_CELLS, "#size-cells")                                                                \
    NAME(ASSIGNED, "assigned-addresses")                                                           \
    NAME(BUS_RANGE, "bus-range")                                                                   \
    NAME(CLASS, "class-code")                                                                      \
    NAME(COMPATIBLE, "compatible")                                                                 \
    NAME(DEVICE, "device-id")                                                                      \
    NAME(TYPE, "device_type")                                                                      \
    NAME(DMA_RANGES, "dma-ranges")                                                                 \
    NAME(INTERRUPTS, "interrupts")                                                                 \
    NAME(RANGES, "ranges")                                                                         \
    NAME(REG, "reg")                                                                               \
    NAME(REVISION, "revision-id")                                                                  \
    NAME(SUBSYSTEM, "subsystem-id")                                                                \
    NAME(SUBSYSTEM_VENDOR, "subsystem-vendor-id")                                                  \
    NAME(VENDOR, "vendor-id")
struct strings {
#define NAME(symbol, text) char symbol[sizeof(text)];
    NAMES
#undef NAME
};
static const struct strings strings = {
#define NAME(symbol, text) .symbol = text,
    NAMES
#undef NAME
};
#define NAME_AT(symbol) ((uint32_t)offsetof(struct strings, symbol))

/* Where the next cell goes. What has no room any more is counted, not written. */
struct blob {
    fdt32_t *at, *end;
    bool is_full;
};

static void put(struct blob *b, uint32_t cell)
{
    if (b->at < b->end) {
        *b->at++ = cpu_to_fdt32(cell);
    } else {
        b->is_full = true;
    }
}

static void put_bytes(struct blob *b, const void *bytes, size_t len)
{
    size_t cells = (len + 3) / 4;

    if (cells > (size_t)(b->end - b->at)) {
        b->is_full = true;
        return;
    }
    b->at[cells - (cells != 0)] = 0; /* what is behind the bytes in the last */
    memcpy(b->at, bytes, len);
    b->at += cells;
}

static void put_property(struct blob *b, uint32_t name, const void *bytes, size_t len)
{
    put(b, FDT_PROP);
    put(b, (uint32_t)len);
    put(b, name);
    if (len != 0) {
        put_bytes(b, bytes, len);
    }
}

static void put_u32(struct blob *b, uint32_t name, uint32_t value)
{
    put(b, FDT_PROP);
    put(b, 4);
    put(b, name);
    put(b, value);
}

/* Begins a property of cells; its length is filled in by property_end. */
static fdt32_t *property_begin(struct blob *b, uint32_t name)
{
    put(b, FDT_PROP);
    fdt32_t *len = b->at;
    put(b, 0);
    put(b, name);
    return len;
}

static void property_end(const struct blob *b, fdt32_t *len)
{
    if (!b->is_full) {
        *len = cpu_to_fdt32((uint32_t)((b->at - len - 2) * 4));
    }
}

/* ---- text ---- */

static char *text_put(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    return at;
}

/* Lower case, at least `digits` of them. */
static char *text_hex(char *at, uint32_t value, unsigned digits)
{
    unsigned shift = 28;

    while (shift > 4 * (digits - 1) && value >> shift == 0) {
        shift -= 4;
    }
    for (;; shift -= 4) {
        *at++ = "0123456789abcdef"[value >> shift & 15];
        if (shift == 0) {
            return at;
        }
    }
}

/* ---- a function ---- */

static void put_address(struct blob *b, uint32_t phys, uint64_t address)
{
    put(b, phys);
    put(b, (uint32_t)(address >> 32));
    put(b, (uint32_t)address);
}

static void put_row(struct blob *b, uint32_t phys, uint64_t address, uint64_t len)
{
    put_address(b, phys, address);
    put(b, (uint32_t)(len >> 32));
    put(b, (uint32_t)len);
}

static uint32_t bar_phys(const struct pci_function *f, unsigned n)
{
    const struct pci_range *r = &f->ranges[n];
    uint32_t space = (r->flags & PCI_BAR_IO) != 0   ? PHYS_IO
                     : (r->flags & PCI_BAR_64) != 0 ? PHYS_MEMORY_64
                                                    : PHYS_MEMORY;

    return field_put(PHYS_SPACE, space) | ((r->flags & PCI_BAR_PREFETCH) != 0 ? PHYS_PREFETCH : 0) |
           field_put(PHYS_ID, f->id) | (n == PCI_ROM ? PCI_ROM_BASE : PCI_BAR0 + 4 * n);
}

static void put_registers(struct blob *b, const struct pci_function *f)
{
    fdt32_t *len = property_begin(b, NAME_AT(REG));
    bool has_placed = false;

    put_row(b, field_put(PHYS_ID, f->id), 0, 0);
    for (unsigned n = 0; n <= PCI_ROM; n++) {
        if (f->ranges[n].len != 0) {
            put_row(b, bar_phys(f, n), 0, f->ranges[n].len);
            has_placed = has_placed || (n != PCI_ROM && pci_range_is_placed(&f->ranges[n]));
        }
    }
    property_end(b, len);
    if (!has_placed) {
        return;
    }
    len = property_begin(b, NAME_AT(ASSIGNED));
    for (unsigned n = 0; n < PCI_BARS; n++) {
        const struct pci_range *r = &f->ranges[n];
        if (pci_range_is_placed(r)) {
            put_row(b, bar_phys(f, n) | PHYS_FIXED, r->address, r->len);
        }
    }
    property_end(b, len);
}

/* "pciVVVV,DDDD.SSSS.ssss", ...: the most specific first; a class has its leading zeroes. */
static void put_compatible(struct blob *b, const struct pci_function *f)
{
    char list[96], *at = list;

    for (unsigned specific = !f->is_bridge && f->subsystem_vendor != 0; specific < 2; specific--) {
        at = text_hex(text_put(at, "pci"), f->vendor, 1);
        at = text_hex(text_put(at, ","), f->device, 1);
        if (specific == 1) {
            at = text_hex(text_put(at, "."), f->subsystem_vendor, 1);
            at = text_hex(text_put(at, "."), f->subsystem, 1);
        }
        *at++ = '\0';
    }
    at = text_hex(text_put(at, "pciclass,"), f->class_code, 6);
    *at++ = '\0';
    at = text_hex(text_put(at, "pciclass,"), f->class_code >> 8, 4);
    *at++ = '\0'; /* of 69 at most */
    put_property(b, NAME_AT(COMPATIBLE), list, (size_t)(at - list));
}

static void put_ids(struct blob *b, const struct pci_function *f)
{
    put_u32(b, NAME_AT(VENDOR), f->vendor);
    put_u32(b, NAME_AT(DEVICE), f->device);
    put_u32(b, NAME_AT(REVISION), f->revision);
    put_u32(b, NAME_AT(CLASS), f->class_code);
    if (f->subsystem_vendor != 0) {
        put_u32(b, NAME_AT(SUBSYSTEM_VENDOR), f->subsystem_vendor);
        put_u32(b, NAME_AT(SUBSYSTEM), f->subsystem);
    }
    if (f->pin != 0) {
        put_u32(b, NAME_AT(INTERRUPTS), f->pin);
    }
}

/* What makes a bridge a bus: addresses are the same on both sides. Without a window there are no ranges, since an empty list would
 * mean that all addresses lead there. */
static void put_bus(struct blob *b, const struct pci_function *f)
{
    static const uint32_t spaces[PCI_SPACES] = { PHYS_IO, PHYS_MEMORY, PHYS_MEMORY_64 };
    fdt32_t *len = NULL;

    put_property(b, NAME_AT(TYPE), "pci", sizeof("pci"));
    put_u32(b, NAME_AT(ADDRESS_CELLS), ADDRESS_CELLS);
    put_u32(b, NAME_AT(SIZE_CELLS), 2);
    put_property(b, NAME_AT(DMA_RANGES), "", 0);
    for (unsigned space = 0; space < PCI_SPACES; space++) {
        const struct pci_range *w = &f->ranges[PCI_WINDOW + space];
        uint32_t phys = field_put(PHYS_SPACE, spaces[space]) |
                        (space == PCI_SPACE_PREFETCH ? PHYS_PREFETCH : 0);
        if (w->len != 0) {
            len = len != NULL ? len : property_begin(b, NAME_AT(RANGES));
            put_address(b, phys, w->address);
            put_row(b, phys, w->address, w->len);
        }
    }
    if (len != NULL) {
        property_end(b, len);
    }
    len = property_begin(b, NAME_AT(BUS_RANGE));
    put(b, f->secondary);
    put(b, f->subordinate);
    property_end(b, len);
}

/* A node that the tree has is called as there. */
static void put_name(struct blob *b, const void *tree, const struct pci_function *f)
{
    enum { NAME_LEN = 31 }; /* Devicetree Specification 0.4, 2.2.1.1 */
    char name[16];
    const char *own = f->node >= 0 ? tree_name(tree, f->node) : "";

    put(b, FDT_BEGIN_NODE);
    if (own[0] != '\0' && strlen(own) <= NAME_LEN) {
        put_bytes(b, own, strlen(own) + 1);
        return;
    }
    char *at = text_hex(text_put(name, f->is_bridge ? "pci@" : "dev@"), f->id >> 3 & 31u, 1);

    at = text_hex(text_put(at, ","), f->id & 7u, 1);
    *at++ = '\0'; /* of 9 at most */
    put_bytes(b, name, (size_t)(at - name));
}

static void put_function(struct blob *b, const void *tree, const struct pci_function *f)
{
    put_name(b, tree, f);
    put_compatible(b, f);
    put_registers(b, f);
    put_ids(b, f);
    if (f->is_bridge) {
        put_bus(b, f);
    }
}

/* ---- all of them ---- */

/* Those of the first `count` that are in order, nested as the buses are: up and down the tree of buses without recursion. A bridge
 * stands before what is behind it, so none is nested in one that is left out. */
static void put_functions(struct blob *b, struct pci_host *h, unsigned count)
{
    const struct pci_function *f = h->functions, *end = f + h->root_count, *bridge = NULL;

    while (f != end || bridge != NULL) { /* ends: each function is begun once, and ended once */
        if (f == end) {
            put(b, FDT_END_NODE);
            f = bridge + 1;
            bridge = pci_function_parent(h, bridge);
            unsigned on_bus;
            const struct pci_function *first = pci_bus_functions(h, bridge, &on_bus);
            end = first + on_bus;
            continue;
        }
        bool is_told = f->state == PCI_STATE_OK && (unsigned)(f - h->functions) < count;
        if (is_told) {
            put_function(b, h->node.tree, f);
        }
        if (is_told && f->is_bridge) {
            bridge = f;
            f = &h->functions[bridge->first];
            end = f + bridge->count;
            continue;
        }
        if (is_told) {
            put(b, FDT_END_NODE);
        }
        f++;
    }
}

uint32_t pci_blob_write(struct pci_host *h, unsigned count, void *out, uint32_t len)
{
    enum {
        RESERVED = sizeof(struct fdt_header),
        STRUCTURE = RESERVED + sizeof(struct fdt_reserve_entry)
    };
    static_assert(RESERVED % 8 == 0 && STRUCTURE % 4 == 0, "blocks are aligned");
    struct blob b = { .at = (fdt32_t *)((char *)out + STRUCTURE),
                      .end = (fdt32_t *)((char *)out + (len - sizeof(strings)) / 4 * 4) };

    memset((char *)out + RESERVED, 0, sizeof(struct fdt_reserve_entry)); /* none */
    put(&b, FDT_BEGIN_NODE);
    put(&b, 0); /* the root's name */
    put_u32(&b, NAME_AT(ADDRESS_CELLS), ADDRESS_CELLS);
    put_u32(&b, NAME_AT(SIZE_CELLS), 2);
    put_functions(&b, h, count);
    put(&b, FDT_END_NODE);
    put(&b, FDT_END);
    if (b.is_full) {
        return 0;
    }
    uint32_t at = (uint32_t)((char *)b.at - (char *)out);
    memcpy(b.at, &strings, sizeof(strings));
    const struct fdt_header header = { .magic = cpu_to_fdt32(FDT_MAGIC),
                                       .totalsize = cpu_to_fdt32(at + (uint32_t)sizeof(strings)),
                                       .off_dt_struct = cpu_to_fdt32(STRUCTURE),
                                       .off_dt_strings = cpu_to_fdt32(at),
                                       .off_mem_rsvmap = cpu_to_fdt32(RESERVED),
                                       .version = cpu_to_fdt32(FDT_LAST_SUPPORTED_VERSION),
                                       .last_comp_version = cpu_to_fdt32(16),
                                       .size_dt_strings = cpu_to_fdt32(sizeof(strings)),
                                       .size_dt_struct = cpu_to_fdt32(at - STRUCTURE) };
    memcpy(out, &header, sizeof(header));
    return at + (uint32_t)sizeof(strings);
}
