/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: what a function decodes. BARs say how long they are when ones are written to them (PCI Local Bus 3.0,
 * 6.2.5.1), with decoding off, so that nothing answers at the top of the address space meanwhile. They keep the ones until they
 * are placed: no window is there, so a BAR that cannot be placed is in nobody's way when the function's others are switched on.
 *
 * A function that an earlier incarnation of the server gave to init is not asked again: its node says how long its BARs are, and
 * its driver may be using them.
 */
#include "pci_host_parts.h"

static unsigned bar_offset(unsigned n)
{
    return PCI_BAR0 + 4 * n;
}

static unsigned bar_count(const struct pci_function *f)
{
    return f->is_bridge ? 2 : PCI_BARS;
}

/* ---- lengths ---- */

/* A mask of address bits is ones from some bit up to the top, and says the length. 0: it is not. */
static uint64_t mask_len(uint64_t mask)
{
    uint64_t len = mask & -mask;

    return mask == -len ? len : 0;
}

static uint32_t ones_read(struct pci_host *h, const struct pci_function *f, unsigned offset)
{
    pci_config_write(h, f, offset, ~0u);
    return pci_config_read(h, f, offset);
}

static void bar_break(struct pci_host *h, struct pci_function *f, unsigned n, const char *why)
{
    f->ranges[n] = (struct pci_range){ .flags = PCI_BAR_BROKEN };
    log_warn("%s: BAR %u %s: left out", pci_function_name(h, f), n, why);
}

/* Sizes BAR n, which held `low` and `high` before; how many registers it has. */
static unsigned bar_size(struct pci_host *h, struct pci_function *f, unsigned n)
{
    struct pci_range *r = &f->ranges[n];
    uint32_t low = ones_read(h, f, bar_offset(n));
    uint64_t mask;

    if (low == 0) {
        return 1; /* there is none */
    }
    if ((low & BAR_IO) != 0) {
        mask = low & ~BAR_IO_FLAGS;
        mask |= (uint64_t)UINT32_MAX << 32 | ((low >> 16) == 0 ? FIELD(31, 16) : 0);
        r->flags = PCI_BAR_IO;
        r->space = PCI_SPACE_IO;
    } else {
        r->flags = (low & BAR_PREFETCH) != 0 ? PCI_BAR_PREFETCH : 0;
        r->space = PCI_SPACE_MEMORY;
        mask = (uint64_t)UINT32_MAX << 32 | (low & ~BAR_MEMORY_FLAGS);
        if (field_get(BAR_TYPE, low) == BAR_TYPE_64 && n + 1 < bar_count(f)) {
            r->flags |= PCI_BAR_64;
            mask = (uint64_t)ones_read(h, f, bar_offset(n + 1)) << 32 | (uint32_t)mask;
        } else if (field_get(BAR_TYPE, low) != BAR_TYPE_32) {
            bar_break(h, f, n, "is of a type that there is not");
            return 1;
        }
    }
    unsigned registers = (r->flags & PCI_BAR_64) != 0 ? 2 : 1;
    r->len = low != ~0u ? mask_len(mask) : 0;
    if (r->len == 0) {
        bar_break(h, f, n, "never sizes");
    }
    return registers;
}

static void rom_size(struct pci_host *h, struct pci_function *f)
{
    unsigned offset = f->is_bridge ? PCI_BRIDGE_ROM : PCI_ROM_BASE;
    uint32_t before = f->is_running ? pci_config_read(h, f, offset) : 0;

    pci_config_write(h, f, offset, ROM_ADDRESS);
    uint32_t rom = pci_config_read(h, f, offset);
    pci_config_write(h, f, offset, before & ~ROM_ENABLE);
    uint64_t len = mask_len((uint64_t)UINT32_MAX << 32 | (rom & ROM_ADDRESS));
    if ((rom & ROM_ADDRESS) != 0 && len != 0) { /* known, not used: nobody needs its address */
        f->ranges[PCI_ROM] = (struct pci_range){ .len = len, .flags = PCI_BAR_UNPLACED };
    }
}

/* A BAR that holds 0 was placed there only if the tree says that there is something, and then it is the longest. */
static void zero_find(struct pci_host *h, struct pci_function *f)
{
    struct pci_range *longest = NULL;

    for (unsigned n = 0; n < bar_count(f); n++) {
        struct pci_range *r = &f->ranges[n];
        bool may_be = r->len != 0 && !r->is_set && r->space == PCI_SPACE_MEMORY;
        if (may_be && (longest == NULL || r->len > longest->len)) {
            longest = r;
        }
    }
    if (longest != NULL && f->is_running && pci_is_zero_good(h)) {
        longest->is_set = true;
    }
}

/* Sizes all; whatever was in them is there again. */
static void bars_size(struct pci_host *h, struct pci_function *f)
{
    uint32_t before[PCI_BARS] = { 0 };
    bool is_kept = f->is_running || h->is_probe_only;

    if (f->is_running) {
        pci_config_write(h, f, PCI_COMMAND, f->command & ~(COMMAND_IO | COMMAND_MEMORY));
    }
    for (unsigned n = 0; is_kept && n < bar_count(f); n++) {
        before[n] = pci_config_read(h, f, bar_offset(n));
    }
    for (unsigned n = 0; n < bar_count(f);) {
        struct pci_range *r = &f->ranges[n];
        unsigned registers = bar_size(h, f, n);
        for (unsigned i = n; is_kept && i < n + registers; i++) {
            pci_config_write(h, f, bar_offset(i), before[i]);
        }
        if (is_kept && r->len != 0) {
            uint64_t high = registers == 2 ? before[n + 1] : 0;
            r->address = (high << 32 | before[n]) & -r->len;
            r->is_set = r->address != 0;
        }
        n += registers;
    }
    zero_find(h, f);
    rom_size(h, f);
    if (f->is_running) {
        pci_config_write(h, f, PCI_COMMAND, f->command);
    }
}

/* ---- a bridge's windows ---- */

static void window_set(struct pci_range *r, uint64_t base, uint64_t limit, uint64_t granule)
{
    r->is_kept = base > limit; /* closed, as it may stay */
    if (base <= limit) {
        r->address = base;
        r->len = limit - base + granule;
        r->align = granule;
        r->is_set = true;
    }
}

enum { IO_GRANULE = 0x1000, MEMORY_GRANULE = 0x100000 };

/* What the windows are while the bridge forwards; and in any case whether the prefetchable one knows 64 bits. */
static void windows_read(struct pci_host *h, struct pci_function *f)
{
    uint32_t prefetch = pci_config_read(h, f, PCI_PREFETCH);

    for (unsigned space = 0; space < PCI_SPACES; space++) {
        f->ranges[PCI_WINDOW + space].space = (uint8_t)space;
    }
    f->ranges[PCI_WINDOW + PCI_SPACE_PREFETCH].flags = (prefetch & WINDOW_64) != 0 ? PCI_BAR_64 : 0;
    if (!f->is_running && !h->is_probe_only) {
        return;
    }
    uint32_t io = pci_config_read(h, f, PCI_IO);
    uint32_t memory = pci_config_read(h, f, PCI_MEMORY);
    uint64_t base_high = 0, limit_high = 0, io_high = 0;
    if ((prefetch & WINDOW_64) != 0) {
        base_high = (uint64_t)pci_config_read(h, f, PCI_PREFETCH_BASE_HIGH) << 32;
        limit_high = (uint64_t)pci_config_read(h, f, PCI_PREFETCH_LIMIT_HIGH) << 32;
    }
    if ((io & WINDOW_IO_32) != 0) {
        io_high = pci_config_read(h, f, PCI_IO_HIGH);
    }
    window_set(&f->ranges[PCI_WINDOW + PCI_SPACE_IO],
               (io_high & 0xffff) << 16 | field_get(WINDOW_IO_BASE, io) * IO_GRANULE,
               io_high >> 16 << 16 | field_get(WINDOW_IO_LIMIT, io) * IO_GRANULE, IO_GRANULE);
    window_set(&f->ranges[PCI_WINDOW + PCI_SPACE_MEMORY],
               (uint64_t)field_get(WINDOW_BASE, memory) * MEMORY_GRANULE,
               (uint64_t)field_get(WINDOW_LIMIT, memory) * MEMORY_GRANULE, MEMORY_GRANULE);
    window_set(&f->ranges[PCI_WINDOW + PCI_SPACE_PREFETCH],
               base_high | (uint64_t)field_get(WINDOW_BASE, prefetch) * MEMORY_GRANULE,
               limit_high | (uint64_t)field_get(WINDOW_LIMIT, prefetch) * MEMORY_GRANULE,
               MEMORY_GRANULE);
}

/* The three words as they shall be, 16-bit bases and limits; a window of no length is closed: base above limit. */
static uint32_t window_word(const struct pci_range *r)
{
    uint64_t last = r->address + r->len - 1;

    if (r->space == PCI_SPACE_IO) {
        return r->len == 0 ? WINDOW_IO_BASE
                           : field_put(WINDOW_IO_BASE, (uint32_t)(r->address / IO_GRANULE)) |
                                 field_put(WINDOW_IO_LIMIT, (uint32_t)(last / IO_GRANULE));
    }
    return r->len == 0 ? WINDOW_BASE
                       : field_put(WINDOW_BASE, (uint32_t)(r->address / MEMORY_GRANULE)) |
                             field_put(WINDOW_LIMIT, (uint32_t)(last / MEMORY_GRANULE));
}

static bool window_write(struct pci_host *h, const struct pci_function *f, unsigned space)
{
    static const unsigned offsets[PCI_SPACES] = { PCI_IO, PCI_MEMORY, PCI_PREFETCH };
    static const uint32_t masks[PCI_SPACES] = { WINDOW_IO_BASE | WINDOW_IO_LIMIT,
                                                WINDOW_BASE | WINDOW_LIMIT,
                                                WINDOW_BASE | WINDOW_LIMIT };
    const struct pci_range *r = &f->ranges[PCI_WINDOW + space];
    uint32_t word = window_word(r);
    uint64_t last = r->address + r->len - 1;

    if (r->len != 0 && space == PCI_SPACE_PREFETCH) {
        pci_config_write(h, f, PCI_PREFETCH_BASE_HIGH, (uint32_t)(r->address >> 32));
        pci_config_write(h, f, PCI_PREFETCH_LIMIT_HIGH, (uint32_t)(last >> 32));
    }
    if (r->len != 0 && space == PCI_SPACE_IO) { /* zero, where there are such registers */
        pci_config_write(h, f, PCI_IO_HIGH, (uint32_t)(r->address >> 16 | last >> 16 << 16));
    }
    pci_config_write(h, f, offsets[space], word);
    return r->len == 0 || (pci_config_read(h, f, offsets[space]) & masks[space]) == word;
}

void pci_windows_write(struct pci_host *h, struct pci_function *f)
{
    static const char *const names[PCI_SPACES] = { "I/O", "memory", "prefetchable" };

    for (unsigned space = 0; space < PCI_SPACES; space++) {
        struct pci_range *r = &f->ranges[PCI_WINDOW + space];
        if (r->is_kept || window_write(h, f, space)) {
            continue;
        }
        log_warn("%s: its %s window does not stay: what is behind it has no address there",
                 pci_function_name(h, f), names[space]);
        r->len = 0;
        (void)window_write(h, f, space); /* closed; nothing is read back */
    }
}

/* ---- addresses ---- */

void pci_bar_write(struct pci_host *h, struct pci_function *f, unsigned n)
{
    const struct pci_range *r = &f->ranges[n];

    if (!pci_range_is_placed(r) || r->is_kept) {
        return; /* it holds ones, or what it shall */
    }
    pci_config_write(h, f, bar_offset(n), (uint32_t)r->address);
    if ((r->flags & PCI_BAR_64) != 0) {
        pci_config_write(h, f, bar_offset(n + 1), (uint32_t)(r->address >> 32));
    }
}

void pci_bars_read(struct pci_host *h, struct pci_function *f)
{
    if (f->is_bridge) {
        windows_read(h, f);
    }
    if (!pci_node_ranges(h, f)) {
        bars_size(h, f);
    }
}
