/* SPDX-License-Identifier: BSD-2-Clause
 * gicv2 - root interrupt server for Arm's generic interrupt controller, version 2.
 *
 * Device:   Arm IHI 0048B; gicv2_regs.h uses its names.
 * Binding:  README.md beside this file (reg: distributor, CPU interface; three interrupt cells).
 * Protocol: <cambium/proto/irq.h>, and the kernel's RECV_INTERRUPT.
 * Not here: cores other than the first, virtualization; MSI frames (servers of their own), but the lines that they raise.
 *
 * Who has which line, requests and the loop are <cambium/irq_server.h>'s; here is what the controller does. Once
 * registered, its thread runs with interrupts masked whatever it serves, above everything else: nothing stops it if it
 * loops. So it reads the acknowledge register once per interrupt, has no loop that waits for hardware, bounds all others
 * by the number of lines, and calls nobody.
 *
 * A line is active from the acknowledge until its driver's ACK deactivates it (EOImode 1), so it cannot fire again
 * meanwhile; an edge that comes meanwhile stays pending.
 */
#include <cambium/driver.h>
#include <cambium/irq_server.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <tree.h>
#include "gicv2_regs.h"

enum {
    LINE_PRIORITY = 0xa0, /* of every line: drivers' urgency is the scheduler's business */
    MESSAGES_MAX = 256,
    LINES_PER_WORD = 32
};

/* What the way of an interrupt needs. */
struct gicv2_hw {
    struct mmio dist, cpu;
};

struct gicv2 {
    struct irq_server
        server; /* first. A line is an INTID; its `at` is its word of GICD_ICACTIVER */
    struct gicv2_hw hw;
    uint32_t own_target; /* this core's bit in ITARGETSR, in all four bytes */
    struct irq_line lines[INTID_SPECIAL + 1];
    struct irq_watch watch[INTID_SPECIAL];
    struct irq_line messages[MESSAGES_MAX];
};

DEV_MATCH_TABLE struct dev_match gicv2_match[] = {
    DEV_MATCH("arm,gic-400", "irq", "reg", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a15-gic", "irq", "reg", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a9-gic", "irq", "reg", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a7-gic", "irq", "reg", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,pl390", "irq", "reg", MATCH_IRQ_ROOT),
};

/* ---- arithmetic ---- */

static uint32_t line_bit(uint32_t intid)
{
    return BIT(intid % LINES_PER_WORD);
}

/* Offset of the word with this INTID's bit in a register with one bit per INTID. */
static uint32_t line_word(uint32_t reg, uint32_t intid)
{
    return reg + 4 * (intid / LINES_PER_WORD);
}

static uint32_t four_bytes(uint32_t byte)
{
    return byte * 0x01010101u;
}

/* INTIDs that TYPER announces. */
static uint32_t gicv2_line_count(uint32_t typer)
{
    uint32_t count = LINES_PER_WORD * (field_get(TYPER_ITLINESNUMBER, typer) + 1);

    return count < INTID_SPECIAL ? count : INTID_SPECIAL;
}

/* Specifier (Linux bindings, arm,gic.yaml): 0 SPI or 1 PPI; number; flags 1 rising, 2 falling, 4 high, 8 low, of
 * which the controller can be told edge or level only. */
static status_t gicv2_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                             bool *out_edge)
{
    if (ref->cell_count != 3 || ref->cells[0] > 1) {
        return E_FORMAT;
    }
    uint32_t first = ref->cells[0] == 0 ? INTID_SPI : INTID_PPI;
    uint32_t end = ref->cells[0] == 0 ? s->line_count : INTID_SPI;
    if (ref->cells[1] >= end - first) {
        return E_RANGE;
    }
    *out_line = first + ref->cells[1];
    *out_edge = (ref->cells[2] & 3) != 0;
    return E_OK;
}

/* ---- lines ---- */

static const struct mmio *dist_of(const struct irq_server *s)
{
    return mmio_mapped(&((const struct gicv2 *)(const void *)s)->hw.dist);
}

static void line_write(struct irq_server *s, uint32_t reg, uint32_t intid)
{
    mmio_write32(dist_of(s), line_word(reg, intid), line_bit(intid));
}

static bool line_read(struct irq_server *s, uint32_t reg, uint32_t intid)
{
    return (mmio_read32(dist_of(s), line_word(reg, intid)) & line_bit(intid)) != 0;
}

static void gicv2_close(struct irq_server *s, uint32_t intid)
{
    line_write(s, GICD_ICENABLER, intid);
    line_write(s, GICD_ICACTIVER, intid);
}

static status_t gicv2_program(struct irq_server *s, uint32_t intid, bool edge)
{
    const struct gicv2 *g = (const struct gicv2 *)(const void *)s;
    uint32_t config_at = GICD_ICFGR + 4 * (intid / 16);
    uint32_t shift = 2 * (intid % 16);

    /* A word holds 16 lines' triggers, hence the read. */
    uint32_t config = mmio_read32(dist_of(s), config_at) & ~(ICFGR_EDGE << shift);
    mmio_write32(dist_of(s), config_at, config | (edge ? ICFGR_EDGE << shift : 0));
    /* A word of these holds four lines, all with the same value. */
    mmio_write32(dist_of(s), GICD_IPRIORITYR + intid / 4 * 4, four_bytes(LINE_PRIORITY));
    if (intid >= INTID_SPI) {
        mmio_write32(dist_of(s), GICD_ITARGETSR + intid / 4 * 4, g->own_target);
    }
    return E_OK;
}

static void gicv2_open(struct irq_server *s, uint32_t intid)
{
    line_write(s, GICD_ISENABLER, intid);
}

static void gicv2_release(struct irq_server *s, uint32_t intid)
{
    line_write(s, GICD_ICACTIVER, intid);
}

static bool gicv2_asserted(struct irq_server *s, uint32_t intid)
{
    return line_read(s, GICD_ISPENDR, intid);
}

static bool gicv2_held(struct irq_server *s, uint32_t intid)
{
    return line_read(s, GICD_ISACTIVER, intid);
}

static void gicv2_pend(struct irq_server *s, uint32_t intid)
{
    line_write(s, GICD_ISPENDR, intid);
}

/* A frame (GICv2m) raises SPIs. */
static status_t gicv2_message(struct irq_server *s, uint64_t number, uint32_t *out_line)
{
    if (number < INTID_SPI || number >= s->line_count) {
        return E_RANGE;
    }
    *out_line = (uint32_t)number;
    return E_OK;
}

/* A register with a byte per INTID. */
static uint32_t line_byte(struct irq_server *s, uint32_t reg, uint32_t intid)
{
    return mmio_read32(dist_of(s), reg + intid / 4 * 4) >> 8 * (intid % 4) & 0xff;
}

static const char *how(bool is_ours)
{
    return is_ours ? "set" : "found";
}

/* Set: what this server wrote, and reads back. The group is never written: it is firmware's. */
static void gicv2_say(struct irq_server *s, uint32_t intid)
{
    const struct gicv2 *g = (const struct gicv2 *)(const void *)s;
    uint32_t config = mmio_read32(dist_of(s), GICD_ICFGR + 4 * (intid / 16)) >> 2 * (intid % 16);
    uint32_t priority = line_byte(s, GICD_IPRIORITYR, intid);
    uint32_t target = line_byte(s, GICD_ITARGETSR, intid);
    bool is_edge = (config & ICFGR_EDGE) != 0;
    bool is_hidden = (mmio_read32(dist_of(s), GICD_TYPER) & TYPER_SECURITYEXTN) != 0;

    log_info("INTID %u: %s %s, priority %x %s, core %u %s, group %s", (unsigned)intid,
             is_edge ? "edge" : "level", how(is_edge), (unsigned)priority,
             how(priority == LINE_PRIORITY), target != 0 ? (unsigned)__builtin_ctz(target) : 0,
             how(target != 0 && target == (g->own_target & 0xff)),
             line_read(s, GICD_IGROUPR, intid) ? "1 found"
             : is_hidden                       ? "hidden"
                                               : "0 found");
}

static const struct irq_server_ops gicv2_ops = {
    .decode = gicv2_decode,
    .close = gicv2_close,
    .program = gicv2_program,
    .open = gicv2_open,
    .release = gicv2_release,
    .asserted = gicv2_asserted,
    .held = gicv2_held,
    .pend = gicv2_pend,
    .message = gicv2_message,
    .say = gicv2_say,
};

/* ---- the way of an interrupt: irq_server_run's two hot functions ---- */

/* Acknowledges what the CPU signals, once, and drops its priority. */
static inline uint32_t gicv2_take(const void *at, uint64_t unknown)
{
    const struct gicv2_hw *hw = at;
    uint32_t iar = mmio_read32(mmio_mapped(&hw->cpu), GICC_IAR);
    uint32_t intid = field_get(IAR_INTID, iar);

    (void)unknown; /* the kernel does not ask a GICv2 */
    if (intid >= INTID_SPECIAL) {
        return IRQ_NONE; /* gone again: nothing to complete */
    }
    mmio_write32(mmio_mapped(&hw->cpu), GICC_EOIR, iar);
    return intid;
}

static inline void gicv2_deactivate(const void *at, const struct irq_line *line)
{
    const struct gicv2_hw *hw = at;

    mmio_write32(mmio_mapped(&hw->dist), line->at, line->bit);
}

static status_t gicv2_run(struct gicv2 *g)
{
    const struct gicv2_hw hw = g->hw; /* stays in registers */

    return irq_server_run(&g->server, &hw, gicv2_take, gicv2_deactivate);
}

/* ---- start ---- */

/* The tables, for a controller with this TYPER. */
static void gicv2_set_up(struct gicv2 *g, uint32_t typer)
{
    g->server.ops = &gicv2_ops;
    g->server.lines = g->lines;
    g->server.watch = g->watch;
    g->server.line_max = INTID_SPECIAL;
    g->server.line_count = gicv2_line_count(typer);
    g->server.messages = g->messages;
    g->server.message_max = MESSAGES_MAX;
    for (uint32_t intid = 0; intid < INTID_SPECIAL; intid++) {
        g->lines[intid].at = line_word(GICD_ICACTIVER, intid);
        g->lines[intid].bit = line_bit(intid);
    }
    irq_server_reset(&g->server);
    irq_server_read_tree(&g->server);
}

/* Any of our own lines tells our bit (IHI 0048B, 4.3.12). */
static void gicv2_find_target(struct gicv2 *g)
{
    uint32_t target = 0;

    for (uint32_t at = 0; at < INTID_SPI; at += 4) {
        target |= mmio_read32(dist_of(&g->server), GICD_ITARGETSR + at);
    }
    target |= target >> 16;
    g->own_target = four_bytes((target | target >> 8) & 0xff);
}

/* Whatever firmware or a dead predecessor left is masked and inactive afterwards, and all lines are programmed. The
 * distributor is not switched off meanwhile: it might then miss edges (IHI 0048B, 4.3.1), which masked lines keep. */
static status_t gicv2_start(struct gicv2 *g)
{
    const struct mmio *dist = dist_of(&g->server), *cpu = mmio_mapped(&g->hw.cpu);

    gicv2_find_target(g);
    for (uint32_t intid = 0; intid < g->server.line_count; intid += LINES_PER_WORD) {
        mmio_write32(dist, line_word(GICD_ICENABLER, intid), ~0u);
        mmio_write32(dist, line_word(GICD_ICACTIVER, intid), ~0u);
    }
    for (uint32_t intid = 0; intid < g->server.line_count; intid += 4) {
        mmio_write32(dist, GICD_IPRIORITYR + intid, four_bytes(LINE_PRIORITY));
    }
    for (uint32_t intid = INTID_SPI; intid < g->server.line_count; intid += 4) {
        mmio_write32(dist, GICD_ITARGETSR + intid, g->own_target);
    }
    mmio_write32(dist, GICD_CTLR, CTLR_ENABLE);

    /* the dead server's running priority, were it left in service */
    for (uint32_t word = 0; word < 4; word++) {
        mmio_write32(cpu, GICC_APR + 4 * word, 0);
    }
    mmio_write32(cpu, GICC_PMR, PMR_ALL);
    uint32_t bypass = mmio_read32(cpu, GICC_CTLR) & GICC_CTLR_BYPASS;
    mmio_write32(cpu, GICC_CTLR, bypass | GICC_CTLR_EOIMODE | GICC_CTLR_ENABLE);
    if ((mmio_read32(cpu, GICC_CTLR) & GICC_CTLR_EOIMODE) == 0) {
        log_error("the controller has no split end of interrupt (GICv1): not supported");
        return E_NOSYS;
    }
    return irq_server_open_timer(&g->server);
}

int main(void)
{
    static struct gicv2 gic;
    struct gicv2 *g = &gic;

    g->server.node = driver_node();
    g->server.port = start_handle("port");
    status_t err = node_mmio(g->server.node, 0, GICD_LEN, &g->hw.dist);
    err = err ? err : node_mmio(g->server.node, 1, GICC_LEN, &g->hw.cpu);
    if (!err && (g->hw.dist.base == 0 || g->hw.cpu.base == 0)) {
        log_error("a register window shares its page with another node: not supported");
        err = E_NOSYS;
    }
    if (err) {
        return err;
    }
    gicv2_set_up(g, mmio_read32(&g->hw.dist, GICD_TYPER));
    err = sys_irq_root(start_handle("device"), g->server.port, 0, NULL);
    err = err ? err : gicv2_start(g);
    if (err) {
        return err;
    }
    driver_ready();
    return gicv2_run(g);
}
