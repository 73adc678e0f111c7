/* SPDX-License-Identifier: BSD-2-Clause
 * rp1_clocks - clock driver server for RP1, the Raspberry Pi 5's I/O chip, as far as its UARTs need it.
 *
 * Device:   clock generators and PLLs; rp1_clocks_regs.h says after which sources.
 * Binding:  README.md beside this file (one reg, the oscillator as first clock; a clock cell, the clock's number).
 * Protocol: <cambium/proto/clock.h>.
 * Not here: setting rates, switching off, PLLs of audio and video; assigned-clock-rates.
 *
 * The start writes nothing: RP1's firmware has set up the clocks that the bus and the UARTs run from.
 */
#include <cambium/driver.h>
#include <cambium/proto/clock.h>
#include <tree.h>
#include "rp1_clocks_regs.h"

/* Sources that are no clock of this table. */
enum { OSCILLATOR = 100, UNKNOWN };
enum {
    PARENTS = 3,
    HOPS_MAX = 6
}; /* the longest way: Ethernet, secondary output, PLL, oscillator */

struct rp1_clocks {
    struct mmio regs;
    struct node node;
    uint32_t oscillator_hz;
    uint64_t told; /* clocks whose rate somebody wanted in vain: said once */
};

DEV_MATCH_TABLE struct dev_match rp1_clocks_match[] = {
    DEV_MATCH("raspberrypi,rp1-clocks", "clock", "reg clocks", 0),
};

/* Clocks that have a multiplexer, a divider and a gate. `own`: it says in SEL which of its own sources it runs from; else AUXSRC
 * alone says which. */
static const struct generator {
    uint8_t number;
    uint16_t at;
    bool has_own, has_gate;
    uint8_t parent[PARENTS];
} generators[] = {
    { RP1_CLK_SYS, CLK_SYS, true, false, { OSCILLATOR, UNKNOWN, RP1_PLL_SYS } },
    /* the second: a phase of the video PLL */
    { RP1_CLK_UART, CLK_UART, false, true, { RP1_PLL_SYS_PRI_PH, UNKNOWN, OSCILLATOR } },
    { RP1_CLK_ETH, CLK_ETH, false, true, { RP1_PLL_SYS_SEC, RP1_PLL_SYS, UNKNOWN } },
    { RP1_CLK_ETH_TSU, CLK_ETH_TSU, false, true, { OSCILLATOR, UNKNOWN, UNKNOWN } },
};

static const struct generator *generator_of(uint32_t number)
{
    for (unsigned i = 0; i < sizeof(generators) / sizeof(generators[0]); i++) {
        if (generators[i].number == number) {
            return &generators[i];
        }
    }
    return NULL;
}

static uint32_t reg(const struct rp1_clocks *c, uint32_t offset)
{
    return mmio_read32(&c->regs, offset);
}

/* What a generator runs from, and what it divides that by. Divider 0: it is off. */
static uint32_t generator_source(const struct rp1_clocks *c, const struct generator *g,
                                 uint64_t *out_divider)
{
    uint32_t ctrl = reg(c, g->at + CLK_CTRL);
    uint32_t div = reg(c, g->at + CLK_DIV_INT) & DIV_INT;
    uint32_t source = field_get(CTRL_AUXSRC, ctrl);

    if (g->has_own) {
        uint32_t sel = reg(c, g->at + CLK_SEL);
        source = sel != 0 ? (uint32_t)__builtin_ctz(sel) : field_get(CTRL_SRC, ctrl);
    }
    *out_divider = g->has_gate && (ctrl & CTRL_ENABLE) == 0 ? 0 : div != 0 ? div : DIV_INT_0;
    return source < PARENTS ? g->parent[source] : UNKNOWN;
}

/* The same of the PLL's outputs. */
static uint32_t output_source(const struct rp1_clocks *c, uint32_t number, uint64_t *out_divider)
{
    uint32_t prim = reg(c, PLL_SYS + PLL_PRIM);
    uint32_t sec = field_get(SEC_DIV, reg(c, PLL_SYS + PLL_SEC));

    switch (number) {
    case RP1_PLL_SYS:
        *out_divider = (uint64_t)field_get(PRIM_DIV1, prim) * field_get(PRIM_DIV2, prim);
        return RP1_PLL_SYS_CORE;
    case RP1_PLL_SYS_PRI_PH:
        *out_divider = prim & PRIM_PH_EN ? 2 : 0;
        return RP1_PLL_SYS;
    case RP1_PLL_SYS_SEC:
        *out_divider = sec >= SEC_DIV_MIN && sec <= SEC_DIV_MAX ? sec : 0;
        return RP1_PLL_SYS_CORE;
    default:
        return UNKNOWN;
    }
}

static uint64_t core_hz(const struct rp1_clocks *c)
{
    uint64_t factor = ((uint64_t)reg(c, PLL_SYS + PLL_FBDIV_INT) << FBDIV_FRAC_BITS) |
                      (reg(c, PLL_SYS + PLL_FBDIV_FRAC) & FBDIV_FRAC);
    unsigned __int128 scaled = (unsigned __int128)factor * c->oscillator_hz;

    return reg(c, PLL_SYS + PLL_CS) & CS_LOCK ? (uint64_t)(scaled >> FBDIV_FRAC_BITS) : 0;
}

/* Up to the oscillator, or the PLL. E_NOTFOUND: something on the way is off, or not known here; E_RANGE: it is nonsense. */
static status_t clock_hz(const struct rp1_clocks *c, uint32_t number, uint64_t *out)
{
    uint64_t divider = 1;

    for (unsigned hop = 0; hop < HOPS_MAX; hop++) {
        const struct generator *g = generator_of(number);
        uint64_t by = 1;
        if (number == OSCILLATOR || number == RP1_PLL_SYS_CORE) {
            uint64_t hz = (number == OSCILLATOR ? c->oscillator_hz : core_hz(c)) / divider;
            *out = hz;
            return hz == 0 ? E_NOTFOUND : hz > UINT32_MAX ? E_RANGE : E_OK;
        }
        number = g != NULL ? generator_source(c, g, &by) : output_source(c, number, &by);
        if (number == UNKNOWN || by == 0) {
            return E_NOTFOUND;
        }
        divider *= by;
    }
    return E_NOTFOUND;
}

/* Which clock entry `index` of the caller's `clocks` means. */
static status_t clock_find(const struct rp1_clocks *c, uint32_t caller, uint64_t index,
                           uint32_t *out)
{
    struct tree_ref ref;

    if (caller == 0 || caller >= tree_len(c->node.tree)) {
        return E_RIGHTS; /* a program's session: only init's badges for nodes are that small */
    }
    if (index > UINT32_MAX ||
        tree_reference(c->node.tree, (int)caller, "clocks", "#clock-cells", (unsigned)index,
                       &ref) != E_OK ||
        ref.node != c->node.offset) {
        return E_NOTFOUND;
    }
    if (ref.cell_count != 1 || ref.cells[0] >= RP1_CLOCK_NUMBERS) {
        return E_RANGE;
    }
    *out = ref.cells[0];
    return E_OK;
}

static status_t clocks_rate(struct rp1_clocks *c, uint32_t caller, struct msg *m)
{
    uint32_t number = 0;
    uint64_t hz = 0;
    status_t err = clock_find(c, caller, m->w[0], &number);

    if (err) {
        return err;
    }
    err = clock_hz(c, number, &hz);
    if (err && (c->told >> number & 1) == 0) {
        c->told |= (uint64_t)1 << number;
        log_warn("clock %u has no rate that is known here: it, or what feeds it, is off, of the "
                 "audio or video PLL, or another's",
                 (unsigned)number);
    }
    if (!err) {
        m->w[0] = hz;
    }
    return err;
}

/* The gate's bit; the rest of its register, source included, is the firmware's. This server is the register's only writer. */
static status_t clocks_enable(struct rp1_clocks *c, uint32_t caller, uint64_t index)
{
    uint32_t number = 0;
    uint64_t hz;
    status_t err = clock_find(c, caller, index, &number);
    const struct generator *g = err ? NULL : generator_of(number);

    if (err) {
        return err;
    }
    if (g == NULL || !g->has_gate) { /* nothing to switch: either it runs */
        return clock_hz(c, number, &hz) == E_OK ? E_OK : E_NOSYS;
    }
    uint32_t ctrl = reg(c, g->at + CLK_CTRL);
    if ((ctrl & CTRL_ENABLE) == 0) {
        mmio_write32(&c->regs, g->at + CLK_CTRL, ctrl | CTRL_ENABLE);
    }
    return E_OK;
}

static status_t clocks_stat(const struct rp1_clocks *c, struct msg *m)
{
    uint64_t hz;

    if (m->w[0] >= RP1_CLOCK_NUMBERS) {
        return E_RANGE;
    }
    m->w[0] = clock_hz(c, (uint32_t)m->w[0], &hz) == E_OK ? CLOCK_STAT_ON : 0;
    return E_OK;
}

static status_t clocks_serve(struct rp1_clocks *c, uint32_t caller, struct msg *m)
{
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (info_op(m->info)) {
    case CLOCK_OP_ENABLE:
        return clocks_enable(c, caller, m->w[0]);
    case CLOCK_OP_STAT:
        return clocks_stat(c, m);
    case CLOCK_OP_RATE:
        return clocks_rate(c, caller, m);
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    static struct rp1_clocks clocks;

    clocks.node = driver_node();
    status_t err = node_mmio_checked(clocks.node, 0, RP1_CLOCKS_LEN, &clocks.regs);
    if (!err && node_clock_hz(clocks.node, NULL, &clocks.oscillator_hz) != E_OK) {
        log_error("the rate of the oscillator, its first clock, is not known");
        err = E_NOTFOUND;
    }
    if (err) {
        return err;
    }
    event_accept(0);
    for (;;) {
        struct event ev = event_wait();
        err = ev.kind == EV_CALL      ? clocks_serve(&clocks, ev.badge, &ev.msg)
              : ev.kind == EV_COMMAND ? E_NOSYS
                                      : E_OK;
        event_done(&ev, err);
    }
}
