/* SPDX-License-Identifier: BSD-2-Clause
 * bcm2836_l1_intc - root interrupt server for the local interrupt controller of BCM2836 and BCM2837.
 *
 * Device:   Broadcom QA7_rev3.4, chapter 4; bcm2836_l1_intc_regs.h.
 * Binding:  README.md beside this file (one reg; one or two interrupt cells).
 * Protocol: <cambium/proto/irq.h>, and the kernel's RECV_INTERRUPT.
 * Not here: cores other than the one that registers, doorbells, FIQ, the local timer.
 *
 * Who has which line, requests and the loop are <cambium/irq_server.h>'s; here is what the controller does. Once
 * registered, its thread runs with interrupts masked whatever it serves, above everything else: so it reads the source
 * register once per interrupt, has no loop that waits for hardware, and calls nobody.
 *
 * There is neither acknowledge nor active state: a line is held by masking it, and each mask is read back before the
 * server goes on, or the CPU could take the same interrupt again. The GPU's line has no mask; only which core gets it
 * can be chosen. It is held by giving it to a core that does not run, where the interrupt stays masked.
 */
#include <cambium/driver.h>
#include <cambium/irq_server.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <tree.h>
#include "bcm2836_l1_intc_regs.h"

/* What the way of an interrupt needs. */
struct l1_hw {
    struct mmio regs;
    uint32_t core;  /* this one */
    uint32_t *open; /* a bit per line that is not masked; from it follow all masks */
};

struct l1_intc {
    struct irq_server server; /* first. A line is its bit in CORE_IRQ_SOURCE */
    struct l1_hw hw;
    uint32_t open;
    handle_t gate; /* a device of GPU_ROUTING alone; 0: there is none */
    struct irq_line lines[LINE_COUNT + 1];
    struct irq_watch watch[LINE_COUNT];
};

DEV_MATCH_TABLE struct dev_match l1_intc_match[] = {
    DEV_MATCH("brcm,bcm2836-l1-intc", "irq", "reg", MATCH_IRQ_ROOT),
};

/* Specifier: the line; flags, if the tree has them, are not looked at: all lines are levels. */
static status_t l1_decode(struct irq_server *s, const struct tree_ref *ref, uint32_t *out_line,
                          bool *out_edge)
{
    if (ref->cell_count != 1 && ref->cell_count != 2) {
        return E_FORMAT;
    }
    if (ref->cells[0] >= s->line_count) {
        return E_RANGE;
    }
    *out_line = ref->cells[0];
    *out_edge = false;
    return E_OK;
}

/* ---- lines ---- */

/* Makes the line's mask what `open` says, and reads it back: when that is done, the write has arrived. */
__attribute__((always_inline)) static inline void mask_write(const struct l1_hw *hw, uint32_t line)
{
    const struct mmio *regs = mmio_mapped(&hw->regs);
    uint32_t open = *hw->open;

    if (line == LINE_GPU) {
        uint32_t elsewhere = (hw->core + 1) % L1_CORES;
        mmio_write32(regs, GPU_ROUTING, open & BIT(LINE_GPU) ? hw->core : elsewhere);
        (void)mmio_read32(regs, GPU_ROUTING);
    } else if (line == LINE_PM) {
        mmio_write32(regs, open & BIT(LINE_PM) ? PM_ROUTING_SET : PM_ROUTING_CLR, BIT(hw->core));
        (void)mmio_read32(regs, PM_ROUTING_SET);
    } else {
        bool is_timer = line < LINE_MAILBOX;
        uint32_t at = (is_timer ? CORE_TIMER_CONTROL : CORE_MAILBOX_CONTROL) + 4 * hw->core;
        mmio_write32(regs, at, field_get(is_timer ? LINES_TIMER : LINES_MAILBOX, open));
        (void)mmio_read32(regs, at);
    }
}

static struct l1_intc *l1_of(struct irq_server *s)
{
    return (struct l1_intc *)(void *)s;
}

static void l1_close(struct irq_server *s, uint32_t line)
{
    l1_of(s)->open &= ~BIT(line);
    mask_write(&l1_of(s)->hw, line);
}

static status_t l1_program(struct irq_server *s, uint32_t line, bool edge)
{
    (void)s, (void)line, (void)edge; /* there is nothing to choose */
    return E_OK;
}

static void l1_open(struct irq_server *s, uint32_t line)
{
    l1_of(s)->open |= BIT(line);
    mask_write(&l1_of(s)->hw, line);
}

static bool l1_asserted(struct irq_server *s, uint32_t line)
{
    const struct l1_hw *hw = &l1_of(s)->hw;

    return (mmio_read32(mmio_mapped(&hw->regs), CORE_IRQ_SOURCE + 4 * hw->core) & BIT(line)) != 0;
}

/* The GPU's line its child may have opened through the gate. */
static bool l1_held(struct irq_server *s, uint32_t line)
{
    const struct l1_hw *hw = &l1_of(s)->hw;

    if (line == LINE_GPU) {
        return (mmio_read32(mmio_mapped(&hw->regs), GPU_ROUTING) & GPU_ROUTING_IRQ) != hw->core;
    }
    return (*hw->open & BIT(line)) == 0;
}

/* Only the GPU's line has a word for itself. What else is in it, where the GPU's FIQ goes, is the second controller's as
 * well. */
static status_t l1_gate(struct irq_server *s, uint32_t line, handle_t *out_device,
                        uint64_t *out_value)
{
    if (line != LINE_GPU || l1_of(s)->gate == 0) {
        return E_NOSYS;
    }
    *out_device = l1_of(s)->gate;
    *out_value = l1_of(s)->hw.core;
    return E_OK;
}

static const struct irq_server_ops l1_ops = {
    .decode = l1_decode,
    .close = l1_close,
    .program = l1_program,
    .open = l1_open,
    .release = l1_open,
    .asserted = l1_asserted,
    .held = l1_held,
    .gate = l1_gate,
};

/* ---- the way of an interrupt: irq_server_run's two hot functions ---- */

/* The lowest line that is up, now masked. As long as it is held the others get their turn. */
static inline uint32_t l1_take(const void *at, uint64_t unknown)
{
    const struct l1_hw *hw = at;
    uint32_t up = mmio_read32(mmio_mapped(&hw->regs), CORE_IRQ_SOURCE + 4 * hw->core) & LINES_ALL;

    (void)unknown; /* the kernel knows no number here */
    if (up == 0) {
        return IRQ_NONE; /* gone again */
    }
    uint32_t line = (uint32_t)__builtin_ctz(up);
    *hw->open &= ~BIT(line);
    mask_write(hw, line);
    return line;
}

static inline void l1_release(const void *at, const struct irq_line *line)
{
    const struct l1_hw *hw = at;

    *hw->open |= line->bit;
    mask_write(hw, line->at);
}

static status_t l1_run(struct l1_intc *l1)
{
    const struct l1_hw hw = l1->hw; /* stays in registers */

    return irq_server_run(&l1->server, &hw, l1_take, l1_release);
}

/* ---- start ---- */

static void l1_set_up(struct l1_intc *l1)
{
    l1->server.ops = &l1_ops;
    l1->server.lines = l1->lines;
    l1->server.watch = l1->watch;
    l1->server.line_max = LINE_COUNT;
    l1->server.line_count = LINE_COUNT;
    l1->hw.open = &l1->open;
    for (uint32_t line = 0; line < LINE_COUNT; line++) {
        l1->lines[line].at = line;
        l1->lines[line].bit = BIT(line);
    }
    irq_server_reset(&l1->server);
    irq_server_read_tree(&l1->server);
}

/* Whatever firmware or a dead predecessor left is masked afterwards, on all cores; what is no line is switched off. */
static status_t l1_start(struct l1_intc *l1)
{
    const struct mmio *regs = mmio_mapped(&l1->hw.regs);

    l1->open = 0;
    for (uint32_t core = 0; core < L1_CORES; core++) {
        mmio_write32(regs, CORE_TIMER_CONTROL + 4 * core, 0);
        mmio_write32(regs, CORE_MAILBOX_CONTROL + 4 * core, 0);
    }
    mmio_write32(regs, PM_ROUTING_CLR, PM_ROUTING_ALL);
    mmio_write32(regs, AXI_IRQ_CONTROL, 0);
    mmio_write32(regs, LOCAL_TIMER_CONTROL, 0);
    mask_write(&l1->hw, LINE_GPU);
    return irq_server_open_timer(&l1->server);
}

/* Without it the child's every acknowledge is a call, no more. */
static handle_t l1_gate_make(struct node node)
{
    struct tree_range reg;
    handle_t derived = 0, gate = 0;
    status_t err = tree_reg(node.tree, node.offset, 0, &reg);

    if (!err) {
        const struct device_window window = { reg.base + GPU_ROUTING, 4 };
        err = sys_device_derive(start_handle("device"), 0, 1, &window, &derived);
    }
    err = err ? err : sys_handle_dup(derived, RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER, 0, &gate);
    if (err) {
        log_warn("no device for the GPU's line alone (%d): releasing it takes a call", err);
    }
    return gate;
}

int main(void)
{
    static struct l1_intc intc;
    struct l1_intc *l1 = &intc;
    uint64_t affinity = 0;

    l1->server.node = driver_node();
    l1->server.port = start_handle("port");
    status_t err = node_mmio(l1->server.node, 0, L1_REGS_LEN, &l1->hw.regs);
    if (!err && l1->hw.regs.base == 0) {
        log_error("the register window shares its page with another node: not supported");
        err = E_NOSYS;
    }
    if (err) {
        return err;
    }
    l1_set_up(l1);
    err = sys_irq_root(start_handle("device"), l1->server.port, 0, &affinity);
    if (!err && affinity >= L1_CORES) {
        log_error("core %#x is none of the %u that the controller has", (unsigned)affinity,
                  (unsigned)L1_CORES);
        err = E_RANGE;
    }
    l1->hw.core = (uint32_t)affinity;
    err = err ? err : l1_start(l1);
    if (err) {
        return err;
    }
    l1->gate = l1_gate_make(l1->server.node);
    driver_ready();
    return l1_run(l1);
}
