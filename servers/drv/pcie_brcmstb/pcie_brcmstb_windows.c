/* SPDX-License-Identifier: BSD-2-Clause
 * pcie_brcmstb: windows. Outbound ones are the tree's `ranges`, by which the CPU reaches functions; inbound ones its `dma-ranges`, by
 * which functions reach RAM and the doorbell of their message controller.
 */
#include <tree.h>
#include "pcie_brcmstb.h"

enum { MIB_SHIFT = 20, INBOUND_ALIGN_SHIFT = 12 };

/* ---- outbound ---- */

struct outbound {
    uint64_t bus, cpu, len; /* len 0: it is shut */
};

static uint32_t out_lo(unsigned n)
{
    return MISC_CPU_2_PCIE_MEM_WIN0_LO + 8 * n;
}

static struct outbound outbound_found(const struct brcm *b, unsigned n)
{
    uint32_t pair = brcm_read(b, MISC_CPU_2_PCIE_MEM_WIN0_BASE_LIMIT + 4 * n);
    uint64_t base_hi = field_get(WIN_HI, brcm_read(b, MISC_CPU_2_PCIE_MEM_WIN0_BASE_HI + 8 * n));
    uint64_t limit_hi = field_get(WIN_HI, brcm_read(b, MISC_CPU_2_PCIE_MEM_WIN0_LIMIT_HI + 8 * n));
    uint64_t base = base_hi << 32 | (uint64_t)field_get(WIN_BASE_LIMIT_BASE, pair) << MIB_SHIFT;
    uint64_t limit = limit_hi << 32 | (uint64_t)field_get(WIN_BASE_LIMIT_LIMIT, pair) << MIB_SHIFT;
    struct outbound w = { (uint64_t)brcm_read(b, out_lo(n) + 4) << 32 | brcm_read(b, out_lo(n)),
                          base, limit - base + (1u << MIB_SHIFT) };

    return base <= limit && base != 0 ? w : (struct outbound){ 0 };
}

/* Base above limit: nothing is in it. */
static void outbound_put(const struct brcm *b, unsigned n, const struct outbound *w)
{
    uint64_t base = w->cpu >> MIB_SHIFT;
    uint64_t limit = w->len != 0 ? (w->cpu + w->len - 1) >> MIB_SHIFT : 0;

    base = w->len != 0 ? base : 1;
    brcm_write(b, out_lo(n), (uint32_t)w->bus);
    brcm_write(b, out_lo(n) + 4, (uint32_t)(w->bus >> 32));
    brcm_write(b, MISC_CPU_2_PCIE_MEM_WIN0_BASE_LIMIT + 4 * n,
               field_put(WIN_BASE_LIMIT_BASE, (uint32_t)base) |
                   field_put(WIN_BASE_LIMIT_LIMIT, (uint32_t)limit));
    brcm_write(b, MISC_CPU_2_PCIE_MEM_WIN0_BASE_HI + 8 * n, (uint32_t)(base >> 12));
    brcm_write(b, MISC_CPU_2_PCIE_MEM_WIN0_LIMIT_HI + 8 * n, (uint32_t)(limit >> 12));
}

/* Windows count in whole MiB: as long as the tree says, rounded up. */
static uint64_t outbound_len(const struct outbound *w)
{
    uint64_t last = (w->cpu + w->len - 1) | ((1u << MIB_SHIFT) - 1);

    return w->len != 0 ? last - w->cpu + 1 : 0;
}

static void outbound_set(const struct brcm *b, unsigned n, const struct outbound *w)
{
    struct outbound found = outbound_found(b, n);
    bool is_found = found.bus == w->bus && found.cpu == w->cpu && found.len == outbound_len(w);

    if (w->len == 0 && found.len == 0) {
        return;
    }
    if (!is_found) {
        if (found.len != 0) {
            log_info("outbound %u: found CPU 0x%lx as PCI 0x%lx, 0x%lx bytes", n, found.cpu,
                     found.bus, found.len);
            log_info("outbound %u: not as the tree says", n);
        }
        outbound_put(b, n, w);
    }
    if (w->len != 0) {
        log_info("outbound %u: %s CPU 0x%lx as PCI 0x%lx, 0x%lx bytes", n, brcm_how(is_found),
                 w->cpu, w->bus, outbound_len(w));
    }
}

/* Why the n-th aperture cannot be a window, while `used` of those before it are; NULL: it can. */
static const char *outbound_flaw(const struct brcm *b, unsigned n, unsigned used)
{
    const struct pci_aperture *a = &b->host.apertures[n];

    if ((a->cpu | a->bus) % (1u << MIB_SHIFT) != 0) {
        return "does not begin at a MiB";
    }
    for (unsigned i = 0; i < n; i++) {
        const struct pci_aperture *o = &b->host.apertures[i];
        if (!o->is_io && (a->cpu - o->cpu < o->len || o->cpu - a->cpu < a->len) && o->len != 0) {
            return "lies over another";
        }
    }
    return used == WINDOWS_OUT ? "is one too many" : NULL;
}

/* What is no window is none for the functions either: nothing is placed there. */
void brcm_outbound_write(struct brcm *b)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->host.aperture_count; i++) {
        struct pci_aperture *a = &b->host.apertures[i];
        struct outbound w = { a->bus, a->cpu, a->len };
        const char *flaw = a->is_io || a->len == 0 ? NULL : outbound_flaw(b, i, n);
        if (flaw != NULL) {
            log_error("ranges: CPU 0x%lx as PCI 0x%lx %s: left out", a->cpu, a->bus, flaw);
            a->len = 0;
        } else if (!a->is_io && a->len != 0) { /* the complex has no I/O */
            outbound_set(b, n++, &w);
        }
    }
    for (; n < WINDOWS_OUT; n++) {
        outbound_set(b, n, &(struct outbound){ 0 });
    }
}

/* ---- inbound ---- */

static unsigned log2_of(uint64_t len)
{
    return 63u - (unsigned)__builtin_clzll(len);
}

/* L, brcm_pcie_encode_ibar_size: 4 KiB to 32 KiB count from 1c on, 64 KiB to 64 GiB from 1; 0: there is no such length. */
static uint32_t inbound_code(uint64_t len)
{
    unsigned bits = len != 0 && (len & (len - 1)) == 0 ? log2_of(len) : 0;

    return bits >= 12 && bits <= 15 ? 0x1c + (bits - 12) : bits >= 16 && bits <= 36 ? bits - 15 : 0;
}

static uint64_t inbound_len(uint32_t code)
{
    return code >= 0x1c                   ? 1ull << (code - 0x1c + 12)
           : code >= 1 && code <= 36 - 15 ? 1ull << (code + 15)
                                          : 0;
}

/* Windows are numbered from 1 on, as in the documents. */
static uint32_t in_lo(unsigned n)
{
    return n <= 3 ? MISC_RC_BAR1_CONFIG_LO + 8 * (n - 1) : MISC_RC_BAR4_CONFIG_LO + 8 * (n - 4);
}

static uint32_t in_remap(unsigned n)
{
    return n <= 3 ? MISC_UBUS_BAR1_CONFIG_REMAP + 8 * (n - 1)
                  : MISC_UBUS_BAR4_CONFIG_REMAP + 8 * (n - 4);
}

/* Whether the CPU's address is one of a message controller's that the tree names for the bus. */
static bool is_doorbell(const struct brcm *b, uint64_t cpu)
{
    struct tree_range regs;
    int node;

    for (unsigned n = 0; tree_msi_parent(b->node.tree, b->node.offset, n, &node) == E_OK; n++) {
        if (tree_reg(b->node.tree, node, 0, &regs) == E_OK && cpu - regs.base < regs.len) {
            return true;
        }
    }
    return false;
}

const struct brcm_inbound *brcm_inbound_over(const struct brcm *b, uint64_t address)
{
    for (unsigned i = 0; i < b->chip->windows_in; i++) {
        if (address - b->in[i].bus < b->in[i].len) {
            return &b->in[i];
        }
    }
    return NULL;
}

bool brcm_is_let_in(const struct brcm *b, uint64_t address)
{
    const struct brcm_inbound *w = brcm_inbound_over(b, address);
    uint64_t cpu = w != NULL ? w->cpu + (address - w->bus) : 0;

    if (w != NULL && !is_doorbell(b, cpu)) {
        log_error("inbound %u leads PCI 0x%lx to CPU 0x%lx, where msi-parent is not",
                  (unsigned)(w - b->in) + 1, address, cpu);
        return false;
    }
    return w != NULL;
}

/* Why an entry of dma-ranges cannot be a window; NULL: it can. */
static const char *inbound_flaw(const struct brcm *b, const struct brcm_inbound *w)
{
    if (inbound_code(w->len) == 0) {
        return "is of a length that no window has";
    }
    if (((w->bus | w->cpu) & (w->len - 1)) != 0) {
        return "is not aligned to its length";
    }
    if (!b->chip->has_remap && w->cpu != 0) {
        return "leads elsewhere than to address 0";
    }
    for (unsigned i = 0; i < b->chip->windows_in; i++) {
        const struct brcm_inbound *other = &b->in[i];
        if (w->bus - other->bus < other->len || other->bus - w->bus < w->len) {
            return other->len != 0 ? "is taken by another" : NULL;
        }
    }
    return NULL;
}

/* BCM2711's one window may be of a length that only two powers of two would give (3 GiB): the next one, as Linux has it. */
static uint64_t inbound_round(const struct brcm *b, uint64_t len)
{
    bool is_odd = len != 0 && (len & (len - 1)) != 0;

    return is_odd && !b->chip->has_remap && log2_of(len) < 36 ? 2ull << log2_of(len) : len;
}

void brcm_inbound_read(struct brcm *b)
{
    unsigned n = b->chip->has_remap ? 0 : 1; /* BCM2711: window 2 */
    unsigned end = b->chip->has_remap ? b->chip->windows_in : 2;
    struct tree_dma dma;
    status_t err;

    for (unsigned entry = 0;
         (err = tree_inbound(b->node.tree, b->node.offset, entry, &dma)) == E_OK || err == E_RANGE;
         entry++) {
        struct brcm_inbound w = { dma.bus, dma.cpu, inbound_round(b, dma.len) };
        const char *flaw = err        ? "does not reach the CPU's addresses"
                           : n == end ? "is one too many"
                                      : inbound_flaw(b, &w);
        if (flaw != NULL) {
            log_error("dma-ranges %u: PCI 0x%lx, 0x%lx bytes, %s: left out", entry,
                      err ? 0 : dma.bus, err ? 0 : dma.len, flaw);
        } else {
            b->in[n++] = w;
        }
    }
}

static struct brcm_inbound inbound_found(const struct brcm *b, unsigned n)
{
    uint32_t lo = brcm_read(b, in_lo(n));
    struct brcm_inbound w = { (uint64_t)brcm_read(b, in_lo(n) + 4) << 32 |
                                  (lo & ~RC_BAR_CONFIG_LO_SIZE),
                              0, inbound_len(field_get(RC_BAR_CONFIG_LO_SIZE, lo)) };

    if (b->chip->has_remap && w.len != 0) {
        uint32_t remap = brcm_read(b, in_remap(n));
        w.cpu = (uint64_t)field_get(WIN_HI, brcm_read(b, in_remap(n) + 4)) << 32 |
                (remap & ~UBUS_BAR_CONFIG_REMAP_ACCESS_EN);
        w.len = (remap & UBUS_BAR_CONFIG_REMAP_ACCESS_EN) != 0 ? w.len : 0;
    }
    return w;
}

static void inbound_put(const struct brcm *b, unsigned n, const struct brcm_inbound *w)
{
    brcm_write(b, in_lo(n), 0); /* shut while it changes */
    if (b->chip->has_remap) {
        brcm_write(b, in_remap(n) + 4, (uint32_t)(w->cpu >> 32));
        brcm_write(b, in_remap(n),
                   w->len != 0 ? (uint32_t)w->cpu | UBUS_BAR_CONFIG_REMAP_ACCESS_EN : 0);
    }
    brcm_write(b, in_lo(n) + 4, (uint32_t)(w->bus >> 32));
    brcm_write(b, in_lo(n), (uint32_t)w->bus | inbound_code(w->len));
}

static bool is_same(const struct brcm_inbound *a, const struct brcm_inbound *c)
{
    return a->len == c->len && (a->len == 0 || (a->bus == c->bus && a->cpu == c->cpu));
}

void brcm_inbound_write(struct brcm *b)
{
    for (unsigned n = 1; n <= b->chip->windows_in; n++) {
        const struct brcm_inbound *w = &b->in[n - 1];
        struct brcm_inbound found = inbound_found(b, n);
        bool is_found = is_same(&found, w);
        if (!is_found) {
            if (found.len != 0) {
                log_info("inbound %u: found PCI 0x%lx as CPU 0x%lx, 0x%lx bytes", n, found.bus,
                         found.cpu, found.len);
            }
            inbound_put(b, n, w);
        }
        if (w->len != 0) {
            log_info("inbound %u: %s PCI 0x%lx as CPU 0x%lx, 0x%lx bytes", n, brcm_how(is_found),
                     w->bus, w->cpu, w->len);
        }
    }
}
