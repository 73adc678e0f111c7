/* SPDX-License-Identifier: BSD-2-Clause
 * gicv2 - root interrupt server for Arm's generic interrupt controller, version 2.
 *
 * Device:   Arm IHI 0048B; gicv2_regs.h uses its names.
 * Binding:  README.md beside this file (reg: distributor, CPU interface; three interrupt cells).
 * Protocol: <cambium/proto/irq.h>, and the kernel's RECV_INTERRUPT.
 * Not here: cores other than the first, lines shared by several nodes, MSI frames, virtualization.
 *
 * Once registered, its thread runs with interrupts masked whatever it serves, above everything else: nothing stops it
 * if it loops. So it reads the acknowledge register once per interrupt, has no loop that waits for hardware, bounds
 * all others by the number of lines, reads the tree only at start, and calls nobody. It has a loop of its own since
 * every instruction between an interrupt and its driver counts.
 *
 * A line is active from the acknowledge until its driver's ACK deactivates it (EOImode 1), so it cannot fire again
 * meanwhile; an edge that comes meanwhile stays pending.
 */
#include <cambium/command.h>
#include <cambium/driver.h>
#include <cambium/ipc.h>
#include <cambium/proto/irq.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <stddef.h>
#include <tree.h>
#include "gicv2_regs.h"

enum {
    LINE_PRIORITY = 0xa0, /* of every line: drivers' urgency is the scheduler's business */
    SAMPLE_EVENTS =
        4096, /* of a line between two looks at whether its ACK left it asserted; a power of two */
    STORM_SAMPLES = 24, /* that did, in a row: a tenth of a second with nothing else */
    RECENT_LEN = 1024,  /* a power of two */
    ROUTES_MAX = 1024,  /* interrupts of all nodes below this controller */
    LINES_PER_WORD = 32
};
#define INFO_TAKE_ONE ((uint64_t)1 << INFO_ACCEPT_SHIFT) /* one handle per message: ATTACH's */
#define KEY_NONE      ((uint64_t)0x80 << 32) /* no line_key() has this: there is no such RECV_KIND */

/* What an interrupt and an ACK need. 32 bytes: found by a shift. */
struct gicv2_line {
    uint64_t bits;      /* set at `port` when the line fires */
    handle_t port;      /* NOTIFY of the driver's port; 0: nobody has the line */
    uint32_t events;    /* delivered */
    uint64_t key;       /* who has it: line_key(), or KEY_NONE */
    uint32_t active_at; /* its word of GICD_ICACTIVER */
    uint32_t bit; /* and the bit in it; beside active_at, so that one instruction loads both */
};
static_assert(sizeof(struct gicv2_line) == 32, "lines are found by a shift");

/* The rest about a line. */
struct gicv2_watch {
    uint8_t flags;   /* IRQ_STAT_EDGE, IRQ_STAT_STORM */
    uint8_t samples; /* looks in a row that found the line asserted after its ACK */
};

/* What the tree says about one interrupt of one node. */
struct gicv2_route {
    uint32_t node, index;
    uint32_t intid; /* INTID_SPECIAL: the controller has no such line */
    uint32_t edge;
};

struct gicv2 {
    struct gicv2_line lines[INTID_SPECIAL + 1]; /* the last one is never attached */
    struct gicv2_watch watch[INTID_SPECIAL + 1];
    struct gicv2_line **recent; /* whose ACK came last, by recent_slot(); only a hint, never NULL */
    struct gicv2_line *recent_table[RECENT_LEN]; /* what it points to */
    struct mmio dist, cpu;
    handle_t port;
    struct node node;
    uint32_t line_count;  /* INTIDs that this controller has */
    uint32_t timer_intid; /* the kernel's own line, enabled here; INTID_SPECIAL: none found */
    uint32_t timer_edge;
    uint32_t own_target; /* this core's bit in ITARGETSR, in all four bytes */
    uint32_t route_count;
    struct gicv2_route routes
        [ROUTES_MAX]; /* ascending; read from the tree once, which takes too long to do masked */
};

DEV_MATCH_TABLE struct dev_match gicv2_match[] = {
    DEV_MATCH("arm,gic-400", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a15-gic", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a9-gic", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,cortex-a7-gic", "irq", "", MATCH_IRQ_ROOT),
    DEV_MATCH("arm,pl390", "irq", "", MATCH_IRQ_ROOT),
};

/* ---- arithmetic ---- */

/* An interrupt as an ACK names it: what the receive returned - RECV_CALL, which is 0, and the badge, which is the node's
 * offset - and the index in that node. Whatever the index, the low 40 bits say who asks, and how. */
static inline uint64_t line_key(uint64_t from, uint64_t index)
{
    return from + (index << 40);
}

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
static status_t gicv2_decode(const struct tree_ref *ref, uint32_t line_count, uint32_t *out_intid,
                             uint32_t *out_edge)
{
    if (ref->cell_count != 3 || ref->cells[0] > 1) {
        return E_FORMAT;
    }
    uint32_t first = ref->cells[0] == 0 ? INTID_SPI : INTID_PPI;
    uint32_t end = ref->cells[0] == 0 ? line_count : INTID_SPI;
    if (ref->cells[1] >= end - first) {
        return E_RANGE;
    }
    *out_intid = first + ref->cells[1];
    *out_edge = (ref->cells[2] & 3) != 0;
    return E_OK;
}

/* ---- lines ---- */

/* Both windows are mapped (main makes sure): tells the compiler, so that no access carries the other case along. */
static inline const struct mmio *mapped(const struct mmio *m)
{
    if (m->base == 0) {
        __builtin_unreachable();
    }
    return m;
}

static void line_mask(struct gicv2 *g, uint32_t intid)
{
    mmio_write32(mapped(&g->dist), line_word(GICD_ICENABLER, intid), line_bit(intid));
}

static void line_unmask(struct gicv2 *g, uint32_t intid)
{
    mmio_write32(mapped(&g->dist), line_word(GICD_ISENABLER, intid), line_bit(intid));
}

static void line_deactivate(struct gicv2 *g, uint32_t intid)
{
    mmio_write32(mapped(&g->dist), line_word(GICD_ICACTIVER, intid), line_bit(intid));
}

/* Leaves the line masked, inactive and programmed. What is pending stays pending: an edge must not get lost. */
static void line_reset(struct gicv2 *g, uint32_t intid, uint32_t edge)
{
    uint32_t config_at = GICD_ICFGR + 4 * (intid / 16);
    uint32_t shift = 2 * (intid % 16);

    line_mask(g, intid);
    line_deactivate(g, intid);
    /* A word holds 16 lines' triggers, hence the read. */
    uint32_t config = mmio_read32(mapped(&g->dist), config_at) & ~(ICFGR_EDGE << shift);
    mmio_write32(mapped(&g->dist), config_at, config | (edge ? ICFGR_EDGE << shift : 0));
    /* A word of these holds four lines, all with the same value. */
    mmio_write32(mapped(&g->dist), GICD_IPRIORITYR + intid / 4 * 4, four_bytes(LINE_PRIORITY));
    if (intid >= INTID_SPI) {
        mmio_write32(mapped(&g->dist), GICD_ITARGETSR + intid / 4 * 4, g->own_target);
    }
}

/* Nobody has the line. */
static void line_clear(struct gicv2 *g, uint32_t intid)
{
    g->lines[intid] = (struct gicv2_line){ .key = KEY_NONE,
                                           .bit = line_bit(intid),
                                           .active_at = line_word(GICD_ICACTIVER, intid) };
}

static void line_detach(struct gicv2 *g, uint32_t intid)
{
    line_mask(g, intid);
    line_deactivate(g, intid);
    (void)sys_handle_close(
        g->lines[intid].port); /* ours for certain; nothing could be done about it either */
    line_clear(g, intid);
}

static void gicv2_detach_node(struct gicv2 *g, uint32_t node)
{
    for (uint32_t intid = 0; intid < g->line_count; intid++) {
        if (g->lines[intid].port != 0 && (uint32_t)g->lines[intid].key == node) {
            line_detach(g, intid);
        }
    }
}

/* Nodes rarely meet here: offsets are multiples of four, and a node with interrupts is longer. */
static inline uint64_t recent_slot(uint64_t from)
{
    return from / 4 % RECENT_LEN;
}

static const struct gicv2_route *gicv2_route(const struct gicv2 *g, uint32_t node, uint64_t index)
{
    uint32_t low = 0, high = g->route_count;

    while (low < high) { /* at most 10 times */
        uint32_t middle = (low + high) / 2;
        const struct gicv2_route *r = &g->routes[middle];
        if (r->node < node || (r->node == node && r->index < index)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct gicv2_route *found = &g->routes[low];
    return low < g->route_count && found->node == node && found->index == index ? found : NULL;
}

/* The attached line of (node, index); NULL: none. */
static struct gicv2_line *gicv2_find(struct gicv2 *g, uint32_t node, uint64_t index)
{
    const struct gicv2_route *route = gicv2_route(g, node, index);
    struct gicv2_line *line = route != NULL ? &g->lines[route->intid] : NULL;

    if (line == NULL || line->key != line_key(node, index)) {
        return NULL;
    }
    g->recent[recent_slot(node)] = line;
    return line;
}

static status_t gicv2_attach(struct gicv2 *g, uint32_t node, uint64_t index, uint64_t bits,
                             handle_t port)
{
    const struct gicv2_route *route = gicv2_route(g, node, index);

    if (route == NULL) {
        return E_NOTFOUND;
    }
    uint32_t intid = route->intid;
    if (intid == INTID_SPECIAL) {
        return E_RANGE;
    }
    struct gicv2_line *line = &g->lines[intid];
    if (intid == g->timer_intid || (line->port != 0 && line->key != line_key(node, index))) {
        return E_BUSY;
    }
    if (port == 0 || bits == 0) {
        return E_INVAL;
    }
    if (line->port != 0) {
        (void)sys_handle_close(line->port); /* attaching again replaces */
    }
    line_reset(g, intid, route->edge);
    line_clear(g, intid);
    line->bits = bits;
    line->port = port;
    line->key = line_key(node, index);
    g->watch[intid] = (struct gicv2_watch){ .flags = route->edge ? IRQ_STAT_EDGE : 0 };
    g->recent[recent_slot(node)] = line;
    line_unmask(g, intid);
    (void)sys_notify(port, bits); /* the one spurious event; a dead driver is *closed* soon */
    return E_OK;
}

/* ---- interrupts ---- */

/* A line that nobody has: the timer's, handed to us because it fired after the kernel had looked, or a line that was
 * masked too late. Completed at once; were the timer's left active, the tick would be dead for ever. */
static __attribute__((noinline)) void gicv2_complete(struct gicv2 *g, uint32_t intid)
{
    if (intid != g->timer_intid && intid >= INTID_PPI) {
        line_mask(g, intid);
    }
    line_deactivate(g, intid);
}

/* Makes the next ACK of the line take the long way, which looks whether its driver has cleared the device. */
static __attribute__((noinline)) void gicv2_sample(struct gicv2 *g, const struct gicv2_line *line)
{
    g->recent[recent_slot(line->key)] = &g->lines[INTID_SPECIAL];
}

/* Acknowledges what the CPU signals, once. The line whose driver is to be told; one with port 0: nobody. */
static inline const struct gicv2_line *gicv2_take(struct gicv2 *g, const struct mmio *cpu)
{
    uint32_t iar = mmio_read32(mapped(cpu), GICC_IAR);
    uint32_t intid = field_get(IAR_INTID, iar);

    if (intid >= INTID_SPECIAL) {
        return &g->lines[INTID_SPECIAL]; /* gone again: nothing to complete */
    }
    mmio_write32(mapped(cpu), GICC_EOIR, iar);
    struct gicv2_line *line = &g->lines[intid];
    if (line->port == 0) {
        gicv2_complete(g, intid);
        return line;
    }
    if (++line->events % SAMPLE_EVENTS == 0) {
        gicv2_sample(g, line);
    }
    return line;
}

static void gicv2_storm(struct gicv2 *g, const struct gicv2_line *line)
{
    char path[TREE_PATH_LEN];

    uint32_t intid = (uint32_t)(line - g->lines);
    line_mask(g, intid);
    g->watch[intid] = (struct gicv2_watch){ .flags = IRQ_STAT_STORM };
    tree_path(g->node.tree, (int)(uint32_t)line->key, path, sizeof(path));
    log_warn("line %u, interrupt %u of %s, stays asserted: masked until its driver attaches again",
             (unsigned)intid, (unsigned)(line->key >> 40), path);
}

/* The driver is done with the event: the line may fire again. The short way of the same stands in gicv2_run. */
static status_t gicv2_ack(struct gicv2 *g, uint32_t node, uint64_t index)
{
    struct gicv2_line *line = gicv2_find(g, node, index);

    if (line == NULL) {
        return E_NOTFOUND;
    }
    uint32_t intid = (uint32_t)(line - g->lines);
    struct gicv2_watch *watch = &g->watch[intid];
    line_deactivate(g, intid);
    if (line->events % SAMPLE_EVENTS != 0 || (watch->flags & IRQ_STAT_EDGE) != 0) {
        return E_OK; /* a further edge is a further event */
    }
    bool asserted =
        (mmio_read32(mapped(&g->dist), line_word(GICD_ISPENDR, intid)) & line->bit) != 0;
    watch->samples = asserted ? watch->samples + 1 : 0;
    if (watch->samples == STORM_SAMPLES) {
        gicv2_storm(g, line);
    }
    return E_OK;
}

/* ---- requests and commands ---- */

static status_t gicv2_stat(struct gicv2 *g, struct msg *m)
{
    for (uint64_t intid = m->w[0]; intid < g->line_count; intid++) {
        const struct gicv2_line *line = &g->lines[intid];
        if (line->port == 0) {
            continue;
        }
        uint32_t active =
            mmio_read32(mapped(&g->dist), line_word(GICD_ISACTIVER, (uint32_t)intid)) &
            line_bit((uint32_t)intid);
        m->w[0] = intid;
        m->w[1] = (uint32_t)line->key;
        m->w[2] = line->events;
        m->w[3] = g->watch[intid].flags | (active != 0 ? IRQ_STAT_ACTIVE : 0u);
        m->w[4] = line->key >> 40;
        m->w[5] = line->events - (active != 0); /* a line fires again only after its ACK */
        return E_OK;
    }
    return E_NOTFOUND;
}

static __attribute__((noinline)) status_t gicv2_serve(struct gicv2 *g, uint32_t node, struct msg *m)
{
    handle_t given = info_handles(m->info) != 0 ? (handle_t)m->w[7] : 0;
    status_t err = E_NOSYS;
    struct gicv2_line *line = NULL;

    switch (info_op(m->info)) {
    case IRQ_OP_ACK:
        err = gicv2_ack(g, node, m->w[0]);
        break;
    case IRQ_OP_ATTACH:
        err = gicv2_attach(g, node, m->w[0], m->w[1], given);
        given = err ? given : 0; /* the line has it now */
        break;
    case IRQ_OP_DETACH:
        line = gicv2_find(g, node, m->w[0]);
        err = line != NULL ? E_OK : E_NOTFOUND;
        if (line != NULL) {
            line_detach(g, (uint32_t)(line - g->lines));
        }
        break;
    case IRQ_OP_STAT:
        err = gicv2_stat(g, m);
        break;
    case IRQ_OP_SET_PENDING:
        line = gicv2_find(g, node, m->w[0]);
        err = line != NULL ? E_OK : E_NOTFOUND;
        if (line != NULL) {
            uint32_t intid = (uint32_t)(line - g->lines);
            mmio_write32(mapped(&g->dist), line_word(GICD_ISPENDR, intid), line_bit(intid));
        }
        break;
    }
    if (given != 0) {
        (void)sys_handle_close(given); /* not wanted: it must not fill our table */
    }
    return err;
}

/* ---- start and loop ---- */

static bool node_is_timer(const void *tree, int node)
{
    return tree_compatible(tree, node, "arm,armv8-timer") >= 0 ||
           tree_compatible(tree, node, "arm,armv7-timer") >= 0;
}

/* Which interrupt of the timer's node is the virtual timer's, the one that the kernel uses. */
static unsigned timer_index(const void *tree, int node)
{
    unsigned index;

    /* without names the order is that of arm,arch_timer.yaml: secure, non-secure, virtual, hypervisor */
    return tree_name_index(tree, node, "interrupt-names", "virt", &index) == E_OK ? index : 2;
}

/* Reads from the tree who may attach what, and which line the kernel keeps for itself. */
static void gicv2_read_tree(struct gicv2 *g)
{
    const void *tree = g->node.tree;
    struct tree_ref ref;
    int depth = 0;

    g->timer_intid = INTID_SPECIAL;
    for (int node = tree_next(tree, -1, &depth); node >= 0; node = tree_next(tree, node, &depth)) {
        unsigned count = tree_interrupt_count(tree, node);
        for (unsigned index = 0; index < count && g->route_count < ROUTES_MAX; index++) {
            struct gicv2_route route = { (uint32_t)node, index, INTID_SPECIAL, 0 };
            if (tree_interrupt(tree, node, index, &ref) != E_OK || ref.node != g->node.offset ||
                gicv2_decode(&ref, g->line_count, &route.intid, &route.edge) == E_FORMAT) {
                continue; /* another controller's, or nonsense */
            }
            g->routes[g->route_count++] = route;
            if (node_is_timer(tree, node) && index == timer_index(tree, node)) {
                g->timer_intid = route.intid;
                g->timer_edge = route.edge;
            }
        }
    }
    if (g->timer_intid == INTID_SPECIAL) {
        log_error("no timer node names a line of this controller: time will stand still");
    }
    if (g->route_count == ROUTES_MAX) {
        log_warn("more than %u interrupts in the tree: the last ones cannot be attached",
                 ROUTES_MAX);
    }
}

/* Whatever firmware or a dead predecessor left is masked and inactive afterwards, and all lines are programmed. The
 * distributor is not switched off meanwhile: it might then miss edges (IHI 0048B, 4.3.1), which masked lines keep. */
static status_t gicv2_start(struct gicv2 *g)
{
    g->own_target = 0;
    for (uint32_t at = 0; at < INTID_SPI;
         at += 4) { /* any of our own lines tells our bit (IHI 0048B, 4.3.12) */
        g->own_target |= mmio_read32(mapped(&g->dist), GICD_ITARGETSR + at);
    }
    g->own_target |= g->own_target >> 16;
    g->own_target = four_bytes((g->own_target | g->own_target >> 8) & 0xff);

    for (uint32_t intid = 0; intid < g->line_count; intid += LINES_PER_WORD) {
        mmio_write32(mapped(&g->dist), line_word(GICD_ICENABLER, intid), ~0u);
        mmio_write32(mapped(&g->dist), line_word(GICD_ICACTIVER, intid), ~0u);
    }
    for (uint32_t intid = 0; intid < g->line_count; intid += 4) {
        mmio_write32(mapped(&g->dist), GICD_IPRIORITYR + intid, four_bytes(LINE_PRIORITY));
    }
    for (uint32_t intid = INTID_SPI; intid < g->line_count; intid += 4) {
        mmio_write32(mapped(&g->dist), GICD_ITARGETSR + intid, g->own_target);
    }
    for (uint32_t intid = 0; intid <= INTID_SPECIAL; intid++) {
        line_clear(g, intid);
    }
    g->recent = g->recent_table;
    for (uint32_t slot = 0; slot < RECENT_LEN; slot++) {
        g->recent[slot] = &g->lines[INTID_SPECIAL];
    }
    mmio_write32(mapped(&g->dist), GICD_CTLR, CTLR_ENABLE);

    for (uint32_t word = 0; word < 4; word++) {
        mmio_write32(mapped(&g->cpu), GICC_APR + 4 * word,
                     0); /* the dead server's running priority, were it left in service */
    }
    mmio_write32(mapped(&g->cpu), GICC_PMR, PMR_ALL);
    uint32_t bypass = mmio_read32(mapped(&g->cpu), GICC_CTLR) & GICC_CTLR_BYPASS;
    mmio_write32(mapped(&g->cpu), GICC_CTLR, bypass | GICC_CTLR_EOIMODE | GICC_CTLR_ENABLE);
    if ((mmio_read32(mapped(&g->cpu), GICC_CTLR) & GICC_CTLR_EOIMODE) == 0) {
        log_error("the controller has no split end of interrupt (GICv1): not supported");
        return E_NOSYS;
    }
    if (g->timer_intid != INTID_SPECIAL) {
        line_reset(g, g->timer_intid, g->timer_edge);
        line_unmask(g, g->timer_intid);
    }
    return E_OK;
}

/* What is neither interrupt nor call, and the next receive. */
static __attribute__((noinline)) int64_t gicv2_event(struct gicv2 *g, int64_t from, struct msg *m)
{
    int64_t kind = from >> 32;
    struct event command;

    if (kind == RECV_CLOSED) {
        gicv2_detach_node(g, (uint32_t)from);
    } else if (kind == RECV_EVENTS && driver_command(&command)) {
        status_t err = info_op(command.msg.info) == COMMAND_IRQ_QUIESCE ? E_OK : E_NOSYS;
        if (!err) {
            gicv2_detach_node(g, (uint32_t)command.msg.w[0]);
        }
        event_done(&command, err);
    } /* else negative: the notify failed, the driver's port is gone, and *closed* follows */
    m->info = INFO_TAKE_ONE;
    return sys_notify_receive(0, 0, g->port, m);
}

/* Returns only when its own port is unusable. The way of an interrupt and that of an ACK are counted in tens of
 * instructions: they call no function, and nobody gets m's address, so that its words stay in registers. */
static status_t gicv2_run(struct gicv2 *g)
{
    struct gicv2_line *const *recent = g->recent; /* these stay in registers */
    const struct mmio dist = g->dist, cpu = g->cpu;
    const handle_t port = g->port;
    struct msg m = { .info = INFO_TAKE_ONE };
    int64_t from = ipc_notify_receive(0, 0, port, &m);

    for (;;) {
        const struct gicv2_line *line = recent[recent_slot((uint64_t)from)];

        if (line->key == line_key((uint64_t)from, m.w[0]) && m.info == IRQ_OP_ACK) {
            mmio_write32(mapped(&dist), line->active_at, line->bit);
            m.info = INFO_TAKE_ONE; /* and status E_OK */
            from = ipc_reply_receive(port, &m);
        } else if (__builtin_expect(from >> 32 == RECV_INTERRUPT, 1)) {
            line = gicv2_take(g, &cpu);
            m.info = INFO_TAKE_ONE;
            from = ipc_notify_receive(line->port, line->bits, port, &m);
        } else if (from >> 32 == RECV_CALL) {
            struct msg request = m;
            status_t err = gicv2_serve(g, (uint32_t)from, &request);
            m = request;
            m.info = INFO_TAKE_ONE | (uint32_t)err;
            from = ipc_reply_receive(port, &m);
        } else {
            struct msg next;
            from = gicv2_event(g, from, &next);
            m = next;
            if (from < 0) {
                return (status_t)from;
            }
        }
    }
}

int main(void)
{
    static struct gicv2 gic;
    struct gicv2 *g = &gic;

    g->node = driver_node();
    g->port = start_handle("port");
    status_t err = node_mmio(g->node, 0, GICD_LEN, &g->dist);
    err = err ? err : node_mmio(g->node, 1, GICC_LEN, &g->cpu);
    if (!err && (g->dist.base == 0 || g->cpu.base == 0)) {
        log_error("a register window shares its page with another node: not supported");
        err = E_NOSYS;
    }
    if (err) {
        return err;
    }
    g->line_count = gicv2_line_count(mmio_read32(&g->dist, GICD_TYPER));
    gicv2_read_tree(g);
    err = sys_irq_root(start_handle("device"), g->port, 0, NULL);
    err = err ? err : gicv2_start(g);
    if (err) {
        return err;
    }
    driver_ready();
    return gicv2_run(g);
}
