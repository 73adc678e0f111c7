/* SPDX-License-Identifier: BSD-2-Clause
 * gicv3 - root interrupt server for Arm's generic interrupt controller, version 3 (and 4, used as 3).
 *
 * Device:   Arm IHI 0069H; gicv3_regs.h uses its names.
 * Binding:  README.md beside this file (reg: distributor, redistributor regions; three or four interrupt cells).
 * Protocol: <cambium/proto/irq.h>, and the kernel's RECV_INTERRUPT with the INTID in it (IRQ_ROOT_ICC).
 * Not here: cores other than the first, virtualization; the ITS (a server of its own). LPIs are lpi.c's.
 *
 * Who has which line, requests and the loop are <cambium/irq_server.h>'s; here is what the controller does. The kernel
 * acknowledges and drops the priority. Once registered, its thread runs with interrupts masked whatever it serves,
 * above everything else: nothing stops it if it loops. So what waits for the controller gives up after POLLS reads, all
 * other loops are bounded by the number of lines or of redistributors, and it calls nobody.
 *
 * A line is active from the kernel's acknowledge until its driver's ACK deactivates it (EOImode 1), so it cannot fire
 * again meanwhile; an edge that comes meanwhile stays pending.
 */
#include <cambium/driver.h>
#include <cambium/irq_server.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <tree.h>
#include "gicv3_regs.h"
#include "lpi.h"

enum {
    LINE_PRIORITY = 0xa0, /* of every line: drivers' urgency is the scheduler's business */
    POLLS = 10000,        /* reads until a controller counts as dead: a millisecond */
    FRAMES_MAX = 512,     /* redistributors in one window */
    REGIONS_MAX = 8,
    MESSAGES_MAX = 256,
    LINES_PER_WORD = 32,
    EPPI_WORDS = 2,
    /* Lines: SGIs, PPIs and SPIs are their INTID; then come the extended ranges. */
    LINE_EPPI = INTID_SPECIAL,
    LINE_ESPI = LINE_EPPI + INTID_EPPI_END - INTID_EPPI,
    LINE_LPI = LINE_ESPI + INTID_ESPI_END - INTID_ESPI,
    LINE_COUNT = LINE_LPI + LPI_COUNT
};
#define AT_PRIVATE                                                                                 \
    BIT(31) /* in a line's `at`: the redistributor's register, not the distributor's */

/* What the way of an interrupt needs. */
struct gicv3_hw {
    struct mmio dist, redist; /* redist: both frames of this core's */
};

struct gicv3 {
    struct irq_server server; /* first */
    struct gicv3_hw hw;
    struct lpi lpi;
    uint64_t redist_pa;     /* of the redistributor */
    uint64_t affinity;      /* this core's, as MPIDR_EL1 and IROUTER have it */
    uint32_t spi_end;       /* INTIDs below the special ones that this controller has */
    uint32_t espi_count;    /* INTIDs from INTID_ESPI on */
    uint32_t private_count; /* bits of this core's redistributor: 32, 64 or 96 */
    struct irq_line lines[LINE_COUNT + 1];
    struct irq_watch watch[LINE_COUNT];
    struct irq_line messages[MESSAGES_MAX];
};

DEV_MATCH_TABLE struct dev_match gicv3_match[] = {
    DEV_MATCH("arm,gic-v3", "irq", "reg", MATCH_IRQ_ROOT),
};

/* ---- arithmetic ---- */

static struct gicv3 *gicv3_of(struct irq_server *s)
{
    return (struct gicv3 *)(void *)s;
}

/* IRQ_NONE: no line has this INTID (the kernel keeps 1020..1023). */
static uint32_t line_of(uint64_t intid)
{
    if (intid < INTID_SPECIAL) {
        return (uint32_t)intid;
    }
    if (intid >= INTID_EPPI && intid < INTID_EPPI_END) {
        return (uint32_t)intid - INTID_EPPI + LINE_EPPI;
    }
    if (intid >= INTID_ESPI && intid < INTID_ESPI_END) {
        return (uint32_t)intid - INTID_ESPI + LINE_ESPI;
    }
    if (intid >= INTID_LPI && intid < INTID_LPI + LPI_COUNT) {
        return (uint32_t)intid - INTID_LPI + LINE_LPI;
    }
    return IRQ_NONE;
}

static uint32_t intid_of(struct irq_server *s, uint32_t line)
{
    (void)s;
    return line < LINE_EPPI   ? line
           : line < LINE_ESPI ? line - LINE_EPPI + INTID_EPPI
           : line < LINE_LPI  ? line - LINE_ESPI + INTID_ESPI
                              : line - LINE_LPI + INTID_LPI;
}

/* A register with something for every line: where it is for SGIs, PPIs (EPPIs behind them) and SPIs, where for ESPIs. */
struct reg {
    uint32_t plain, extended;
};
static const struct reg IGROUPR = { GICD_IGROUPR, GICD_IGROUPRnE };
static const struct reg ISENABLER = { GICD_ISENABLER, GICD_ISENABLERnE };
static const struct reg ICENABLER = { GICD_ICENABLER, GICD_ICENABLERnE };
static const struct reg ISPENDR = { GICD_ISPENDR, GICD_ISPENDRnE };
static const struct reg ISACTIVER = { GICD_ISACTIVER, GICD_ISACTIVERnE };
static const struct reg ICACTIVER = { GICD_ICACTIVER, GICD_ICACTIVERnE };
static const struct reg IPRIORITYR = { GICD_IPRIORITYR, GICD_IPRIORITYRnE };
static const struct reg ICFGR = { GICD_ICFGR, GICD_ICFGRnE };
static const struct reg IROUTER = { GICD_IROUTER, GICD_IROUTERnE };

/* A line's place: which of the two windows, where each register begins there, and the number that counts from there. */
struct place {
    bool is_private, extended;
    uint32_t index;
};

static struct place place_of(uint32_t line)
{
    if (line < INTID_SPI) {
        return (struct place){ true, false, line };
    }
    if (line < LINE_EPPI) {
        return (struct place){ false, false, line };
    }
    if (line < LINE_ESPI) {
        return (struct place){ true, false, INTID_SPI + line - LINE_EPPI };
    }
    return (struct place){ false, true, line - LINE_ESPI };
}

/* Offset, in the place's window, of the word with this line's `bits` bits. */
static uint32_t word_at(struct place p, struct reg reg, uint32_t bits)
{
    return (p.is_private ? GICR_SGI_BASE : 0) + (p.extended ? reg.extended : reg.plain) +
           4 * (p.index * bits / 32);
}

static uint32_t four_bytes(uint32_t byte)
{
    return byte * 0x01010101u;
}

/* INTIDs below the special ones that TYPER announces; and ESPIs. */
static uint32_t gicv3_spi_end(uint32_t typer)
{
    uint32_t count = LINES_PER_WORD * (field_get(TYPER_ITLINESNUMBER, typer) + 1);

    return count < INTID_SPECIAL ? count : INTID_SPECIAL;
}

static uint32_t gicv3_espi_count(uint32_t typer)
{
    return (typer & TYPER_ESPI) != 0 ? LINES_PER_WORD * (field_get(TYPER_ESPI_RANGE, typer) + 1)
                                     : 0;
}

static uint32_t gicv3_private_count(uint64_t typer)
{
    uint32_t words = field_get(GICR_TYPER_PPINUM, (uint32_t)typer);

    return LINES_PER_WORD * (1 + (words < EPPI_WORDS ? words : EPPI_WORDS));
}

/* Specifier (Linux bindings, arm,gic-v3.yaml): 0 SPI, 1 PPI, 2 ESPI, 3 EPPI; number; flags 1 rising, 2 falling, 4 high,
 * 8 low, of which the controller can be told edge or level only; and maybe a partition of the cores for a PPI, which
 * says nothing to a core that is in it. How many EPPIs there are shows when the redistributor was found. */
static status_t gicv3_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                             bool *out_edge)
{
    const struct gicv3 *g = gicv3_of(s);
    const struct {
        uint32_t first, count;
    } kinds[] = { { INTID_SPI, g->spi_end - INTID_SPI },
                  { INTID_PPI, INTID_SPI - INTID_PPI },
                  { LINE_ESPI, g->espi_count },
                  { LINE_EPPI, LINE_ESPI - LINE_EPPI } };

    if ((ref->cell_count != 3 && ref->cell_count != 4) ||
        ref->cells[0] >= sizeof(kinds) / sizeof(kinds[0])) {
        return E_FORMAT;
    }
    if (ref->cells[1] >= kinds[ref->cells[0]].count) {
        return E_RANGE;
    }
    *out_line = kinds[ref->cells[0]].first + ref->cells[1];
    *out_edge = (ref->cells[2] & 3) != 0;
    return E_OK;
}

/* ---- lines ---- */

static const struct mmio *window_of(struct irq_server *s, struct place p)
{
    return mmio_mapped(p.is_private ? &gicv3_of(s)->hw.redist : &gicv3_of(s)->hw.dist);
}

static void line_write(struct irq_server *s, struct reg reg, uint32_t line)
{
    struct place p = place_of(line);

    mmio_write32(window_of(s, p), word_at(p, reg, 1), BIT(p.index % LINES_PER_WORD));
}

static bool line_read(struct irq_server *s, struct reg reg, uint32_t line)
{
    struct place p = place_of(line);

    return (mmio_read32(window_of(s, p), word_at(p, reg, 1)) & BIT(p.index % LINES_PER_WORD)) != 0;
}

/* Until `bit` of a register is 0. E_IO: it stays 1. */
static status_t gicv3_poll(const struct mmio *m, uint32_t offset, uint32_t bit)
{
    for (unsigned i = 0; i < POLLS; i++) {
        if ((mmio_read32(mmio_mapped(m), offset) & bit) == 0) {
            return E_OK;
        }
    }
    return E_IO;
}

static status_t dist_poll(const struct gicv3 *g)
{
    return gicv3_poll(&g->hw.dist, GICD_CTLR, CTLR_RWP);
}

static status_t redist_poll(const struct gicv3 *g)
{
    return gicv3_poll(&g->hw.redist, GICR_CTLR, GICR_CTLR_RWP);
}

static void gicv3_close(struct irq_server *s, uint32_t line)
{
    if (line >= LINE_LPI) {
        lpi_enable(&gicv3_of(s)->lpi, line - LINE_LPI, false);
        return; /* it is never active */
    }
    line_write(s, ICENABLER, line);
    line_write(s, ICACTIVER, line);
}

/* A trigger may change only when the closing has arrived (IHI 0069H, GICD_ICFGR). */
static status_t gicv3_program(struct irq_server *s, uint32_t line, bool edge)
{
    if (line >= LINE_LPI) {
        return E_OK; /* its priority is written with its enable */
    }
    const struct gicv3 *g = gicv3_of(s);
    struct place p = place_of(line);
    const struct mmio *m = window_of(s, p);
    uint32_t config_at = word_at(p, ICFGR, 2);
    uint32_t shift = 2 * (p.index % 16);

    if (p.is_private && p.index >= g->private_count) {
        return E_RANGE;
    }
    status_t err = p.is_private ? redist_poll(g) : dist_poll(g);
    if (err) {
        return err;
    }
    /* A word holds 16 lines' triggers, hence the read. */
    uint32_t config = mmio_read32(m, config_at) & ~(ICFGR_EDGE << shift);
    mmio_write32(m, config_at, config | (edge ? ICFGR_EDGE << shift : 0));
    /* A word of these holds four lines, all with the same value. */
    mmio_write32(m, word_at(p, IPRIORITYR, 8), four_bytes(LINE_PRIORITY));
    if (!p.is_private) {
        mmio_write64(m, word_at(p, IROUTER, 64), g->affinity);
    }
    return E_OK;
}

static void gicv3_open(struct irq_server *s, uint32_t line)
{
    if (line >= LINE_LPI) {
        lpi_enable(&gicv3_of(s)->lpi, line - LINE_LPI, true);
    } else {
        line_write(s, ISENABLER, line);
    }
}

static void gicv3_release(struct irq_server *s, uint32_t line)
{
    if (line < LINE_LPI) {
        line_write(s, ICACTIVER, line);
    }
}

/* Whether an LPI is pending only the redistributor knows: its table may be older. */
static bool gicv3_asserted(struct irq_server *s, uint32_t line)
{
    return line < LINE_LPI && line_read(s, ISPENDR, line);
}

static bool gicv3_held(struct irq_server *s, uint32_t line)
{
    return line < LINE_LPI && line_read(s, ISACTIVER, line);
}

static void gicv3_pend(struct irq_server *s, uint32_t line)
{
    line_write(s, ISPENDR, line);
}

/* A frame raises SPIs (GICv2m) or LPIs (ITS). */
static status_t gicv3_message(struct irq_server *s, uint64_t number, uint32_t *out_line)
{
    const struct gicv3 *g = gicv3_of(s);

    if ((number < INTID_SPI || number >= g->spi_end) &&
        (number < INTID_LPI || number - INTID_LPI >= g->lpi.count)) {
        return E_RANGE;
    }
    *out_line = line_of(number);
    return E_OK;
}

static status_t gicv3_frame(struct irq_server *s, uint64_t *w)
{
    const struct gicv3 *g = gicv3_of(s);

    if (g->lpi.count == 0) {
        return E_NOSYS;
    }
    w[0] = INTID_LPI;
    w[1] = g->lpi.count;
    w[2] = g->redist_pa;
    w[3] = field_get(GICR_TYPER_PROCESSOR_NUMBER, g->lpi.typer);
    return E_OK;
}

static const char *how(bool is_ours)
{
    return is_ours ? "set" : "found";
}

/* Set: what this server wrote, and reads back. Of two security states the secure one hides groups (GICD_IGROUPR). An LPI's core is its
 * ITS's affair, its group and trigger nobody's choice. */
static void gicv3_say(struct irq_server *s, uint32_t line)
{
    const struct gicv3 *g = gicv3_of(s);
    struct place p = place_of(line);
    unsigned intid = (unsigned)intid_of(s, line);

    if (line >= LINE_LPI) {
        log_info("INTID %u: LPI, edge, priority %x set, core by its ITS, group 1", intid,
                 lpi_priority(&g->lpi, line - LINE_LPI));
        return;
    }
    const struct mmio *m = window_of(s, p);
    bool is_edge = (mmio_read32(m, word_at(p, ICFGR, 2)) >> 2 * (p.index % 16) & ICFGR_EDGE) != 0;
    uint32_t priority = mmio_read32(m, word_at(p, IPRIORITYR, 8)) >> 8 * (p.index % 4) & 0xff;
    uint64_t core = mmio_read64(m, word_at(p, IROUTER, 64));
    bool is_hidden = (mmio_read32(mmio_mapped(&g->hw.dist), GICD_CTLR) & CTLR_DS) == 0;
    log_info("INTID %u: %s %s, priority %x %s, core %lx %s, group %s", intid,
             is_edge ? "edge" : "level", how(is_edge), (unsigned)priority,
             how(priority == LINE_PRIORITY), core, how(core == g->affinity),
             line_read(s, IGROUPR, line) ? "1 set"
             : is_hidden                 ? "hidden"
                                         : "0 found");
}

static const struct irq_server_ops gicv3_ops = {
    .decode = gicv3_decode,
    .close = gicv3_close,
    .program = gicv3_program,
    .open = gicv3_open,
    .release = gicv3_release,
    .asserted = gicv3_asserted,
    .held = gicv3_held,
    .pend = gicv3_pend,
    .number = intid_of,
    .message = gicv3_message,
    .say = gicv3_say,
    .frame = gicv3_frame,
};

/* ---- the way of an interrupt: irq_server_run's two hot functions ---- */

/* The kernel acknowledged and dropped the priority. */
static inline uint32_t gicv3_take(const void *hw, uint64_t intid)
{
    (void)hw;
    return __builtin_expect(intid < INTID_SPECIAL, 1) ? (uint32_t)intid : line_of(intid);
}

static inline void gicv3_deactivate(const void *at, const struct irq_line *line)
{
    const struct gicv3_hw *hw = at;

    if (__builtin_expect((line->at & AT_PRIVATE) == 0, 1)) {
        mmio_write32(mmio_mapped(&hw->dist), line->at, line->bit);
    } else {
        mmio_write32(mmio_mapped(&hw->redist), line->at & ~AT_PRIVATE, line->bit);
    }
}

static status_t gicv3_run(struct gicv3 *g)
{
    const struct gicv3_hw hw = g->hw; /* stays in registers */

    return irq_server_run(&g->server, &hw, gicv3_take, gicv3_deactivate);
}

/* ---- start ---- */

/* The tables, for a controller with this TYPER. */
static void gicv3_set_up(struct gicv3 *g, uint32_t typer)
{
    g->spi_end = gicv3_spi_end(typer);
    g->espi_count = gicv3_espi_count(typer);
    g->server.ops = &gicv3_ops;
    g->server.lines = g->lines;
    g->server.watch = g->watch;
    g->server.line_max = LINE_COUNT;
    g->server.line_count = g->lpi.count != 0 ? LINE_COUNT : LINE_ESPI + g->espi_count;
    g->server.messages = g->messages;
    g->server.message_max = MESSAGES_MAX;
    for (uint32_t line = 0; line < LINE_LPI; line++) { /* LPIs have nothing to be released */
        struct place p = place_of(line);
        g->lines[line].at = word_at(p, ICACTIVER, 1) | (p.is_private ? AT_PRIVATE : 0);
        g->lines[line].bit = BIT(p.index % LINES_PER_WORD);
    }
    irq_server_reset(&g->server);
    irq_server_read_tree(&g->server);
}

/* Maps the redistributor of the core with g->affinity. Its window and place in it are only known to the redistributors
 * themselves: each names its core. Looked at without mapping them: there may be hundreds. E_NOTFOUND. */
static status_t gicv3_find_redist(struct gicv3 *g)
{
    struct node node = g->server.node;
    uint32_t wanted = (uint32_t)(g->affinity >> 32) << 24 | (uint32_t)(g->affinity & 0xffffff);
    uint32_t regions = 1;
    uint64_t stride = 0;

    if (tree_u32(node.tree, node.offset, "#redistributor-regions", &regions) != E_OK) {
        regions = 1; /* the binding's default */
    }
    if (tree_u64(node.tree, node.offset, "redistributor-stride", &stride) != E_OK ||
        stride % GICR_FRAME != 0) {
        stride = 0; /* no such property, or nonsense: frames lie close together */
    }
    for (uint32_t region = 1; region <= regions && region <= REGIONS_MAX; region++) {
        struct mmio all;
        if (node_mmio_checked(node, region, GICR_LEN, &all) != E_OK) {
            continue;
        }
        uint64_t at = 0, typer = 0;
        for (unsigned i = 0; i < FRAMES_MAX && at + GICR_LEN <= all.len; i++) {
            typer = mmio_read64(&all, (uint32_t)at + GICR_TYPER);
            if (typer >> GICR_TYPER_AFFINITY_SHIFT == wanted) {
                struct tree_range reg;
                status_t err = tree_reg(node.tree, node.offset, region, &reg);
                if (err) {
                    return err;
                }
                g->private_count = gicv3_private_count(typer);
                g->redist_pa = reg.base + at;
                return node_mmio_part(node, region, at, GICR_LEN, &g->hw.redist);
            }
            if ((typer & GICR_TYPER_LAST) != 0) {
                break;
            }
            uint64_t frames = (typer & GICR_TYPER_VLPIS) != 0 ? 4 : 2;
            at += stride != 0 ? stride : frames * GICR_FRAME;
        }
    }
    log_error("no redistributor is this core's (affinity %llx)", (unsigned long long)g->affinity);
    return E_NOTFOUND;
}

/* Masks, deactivates and programs `count` lines from `line` on, which is the first of a word, of one kind. */
static status_t gicv3_start_lines(struct gicv3 *g, uint32_t line, uint32_t count)
{
    struct place first = place_of(line);
    const struct mmio *m = window_of(&g->server, first);

    for (uint32_t i = 0; i < count; i += LINES_PER_WORD) {
        struct place p = place_of(line + i);
        mmio_write32(m, word_at(p, ICENABLER, 1), ~0u);
        mmio_write32(m, word_at(p, ICACTIVER, 1), ~0u);
        mmio_write32(m, word_at(p, IGROUPR, 1), ~0u);
    }
    status_t err = first.is_private ? redist_poll(g) : dist_poll(g);
    for (uint32_t i = 0; i < count && !err; i += 4) {
        mmio_write32(m, word_at(place_of(line + i), IPRIORITYR, 8), four_bytes(LINE_PRIORITY));
    }
    for (uint32_t i = 0; i < count && !err && !first.is_private; i++) {
        mmio_write64(m, word_at(place_of(line + i), IROUTER, 64), g->affinity);
    }
    return err;
}

/* Affinity routing may only be switched on while no group is enabled. If it is on already, the distributor is not
 * switched off: it might then miss edges, which masked lines keep. */
static status_t gicv3_start_dist(struct gicv3 *g)
{
    const struct mmio *m = mmio_mapped(&g->hw.dist);
    status_t err = E_OK;

    if ((mmio_read32(m, GICD_CTLR) & CTLR_ARE) == 0) {
        mmio_write32(m, GICD_CTLR, 0);
        err = dist_poll(g);
        if (!err) {
            mmio_write32(m, GICD_CTLR, CTLR_ARE);
            err = dist_poll(g);
        }
    }
    err = err ? err : gicv3_start_lines(g, INTID_SPI, g->spi_end - INTID_SPI);
    err = err ? err : gicv3_start_lines(g, LINE_ESPI, g->espi_count);
    if (!err) {
        mmio_write32(m, GICD_CTLR, CTLR_ARE | CTLR_GRP1A | CTLR_GRP1);
        err = dist_poll(g);
    }
    if (err) {
        log_error("the distributor does not finish a change (GICD_CTLR.RWP)");
    }
    return err;
}

static status_t gicv3_start_redist(struct gicv3 *g)
{
    const struct mmio *m = mmio_mapped(&g->hw.redist);

    mmio_write32(m, GICR_WAKER, 0); /* ProcessorSleep off; all else is read-only or not ours */
    status_t err = gicv3_poll(m, GICR_WAKER, WAKER_CHILDRENASLEEP);
    err = err ? err : gicv3_start_lines(g, 0, INTID_SPI);
    err = err ? err : gicv3_start_lines(g, LINE_EPPI, g->private_count - INTID_SPI);
    if (err) {
        log_error(
            "the redistributor does not wake up, or does not finish a change (GICR_CTLR.RWP)");
    } else {
        lpi_start(&g->lpi, &g->hw.redist);
    }
    return err;
}

/* Whatever firmware or a dead predecessor left is masked and inactive afterwards, and all lines are programmed. */
static status_t gicv3_start(struct gicv3 *g)
{
    status_t err = gicv3_start_dist(g);

    err = err ? err : gicv3_start_redist(g);
    return err ? err : irq_server_open_timer(&g->server);
}

int main(void)
{
    static struct gicv3 gic;
    struct gicv3 *g = &gic;

    g->server.node = driver_node();
    g->server.port = start_handle("port");
    status_t err = node_mmio(g->server.node, 0, GICD_LEN, &g->hw.dist);
    if (!err && g->hw.dist.base == 0) {
        log_error("a register window shares its page with another node: not supported");
        err = E_NOSYS;
    }
    if (err) {
        return err;
    }
    uint32_t typer = mmio_read32(&g->hw.dist, GICD_TYPER);
    lpi_claim(&g->lpi, g->server.node, typer);
    gicv3_set_up(g, typer);
    err = sys_irq_root(start_handle("device"), g->server.port, IRQ_ROOT_ICC, &g->affinity);
    if (err == E_NOSYS) {
        log_error("this CPU's ICC registers are missing, or firmware keeps them off");
    }
    err = err ? err : gicv3_find_redist(g);
    err = err ? err : gicv3_start(g);
    if (err) {
        return err;
    }
    driver_ready();
    return gicv3_run(g);
}
