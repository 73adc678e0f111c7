/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RP1's clocks and PLLs: registers as RP1's firmware leaves them, the lock of
 * the PLLs, the multiplexers' state, and the rate that the UARTs get
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/notify.h"
#include "qemu/timer.h"
#include "rp1.h"
#include "hw/registerfields.h"

#define XOSC_HZ         50000000ULL
#define LOCK_NS         20000   /* how long is not known */

enum {
    CLOCKS_MAIN,
    CLOCKS_VIDEO,
    PLL_SYS,
    PLL_AUDIO,
    PLL_VIDEO,
};

/* CLOCKS: the generators are CTRL, DIV_INT, DIV_FRAC, SEL each */
enum {
    CLK_CTRL = 0x0,
    CLK_DIV_INT = 0x4,
    CLK_SEL = 0xc,
    CLK_SIZE = 0x10,

    MAIN_FIRST = 0x14,
    MAIN_SYS = 0x14,
    MAIN_SLOW_SYS = 0x24,
    MAIN_UART = 0x54,
    MAIN_LAST = 0x1c4,
    MAIN_END = 0x31c,

    VIDEO_LAST = 0x30,
    VIDEO_END = 0x40,

    PLL_CS = 0x0,
    PLL_PWR = 0x4,
    PLL_FBDIV_INT = 0x8,
    PLL_FBDIV_FRAC = 0xc,
    PLL_PRIM = 0x10,
    PLL_SEC = 0x14,
    PLL_TERN = 0x18,
    PLL_END = 0x1c,
};

FIELD(CTRL, SRC, 0, 5)
FIELD(CTRL, AUXSRC, 5, 5)
FIELD(CTRL, ENABLE, 11, 1)

FIELD(CS, REFDIV, 0, 6)
FIELD(CS, LOCK, 31, 1)

FIELD(PWR, PD, 0, 1)
FIELD(PWR, DSMPD, 2, 1)
FIELD(PWR, VCOPD, 5, 1)

FIELD(PRIM, PH_EN, 4, 1)
FIELD(PRIM, DIV2, 12, 3)
FIELD(PRIM, DIV1, 16, 3)

FIELD(SEC, DIV, 8, 5)
FIELD(SEC, IMPL, 31, 1)

#define PWR_ALL_DOWN    0x3f

/* SRC of the system's clock */
enum {
    SYS_PLL = 2,
};

/* AUXSRC of the UARTs' clock */
enum {
    UART_PLL_SYS_PHASE,
    UART_PLL_VIDEO_PHASE,
    UART_XOSC,
};

static bool exists(unsigned block, unsigned reg)
{
    return reg < (block == CLOCKS_MAIN ? MAIN_END :
                  block == CLOCKS_VIDEO ? VIDEO_END : PLL_END);
}

/* Of a SEL register: that of CTRL beside it; -1 for others */
static int ctrl_beside(unsigned block, unsigned reg)
{
    if (block == CLOCKS_MAIN && reg >= MAIN_FIRST &&
        reg < MAIN_LAST + CLK_SIZE &&
        (reg - MAIN_FIRST) % CLK_SIZE == CLK_SEL) {
        return reg - CLK_SEL;
    }
    if (block == CLOCKS_VIDEO && reg % CLK_SIZE == CLK_SEL) {
        return reg - CLK_SEL;
    }
    return -1;
}

/* One bit for the source that runs; those of the system run always. */
static uint32_t selected(RP1ClocksState *s, unsigned block, unsigned reg)
{
    uint32_t ctrl = s->reg[block][reg / 4];

    if (!FIELD_EX32(ctrl, CTRL, ENABLE) &&
        !(block == CLOCKS_MAIN && reg <= MAIN_SLOW_SYS)) {
        return 0;
    }
    return 1u << FIELD_EX32(ctrl, CTRL, SRC);
}

static bool powered(RP1ClocksState *s, unsigned pll)
{
    uint32_t pwr = s->reg[pll][PLL_PWR / 4];

    return !FIELD_EX32(pwr, PWR, PD) && !FIELD_EX32(pwr, PWR, VCOPD) &&
           s->reg[pll][PLL_FBDIV_INT / 4];
}

static bool locked(RP1ClocksState *s, unsigned pll)
{
    return powered(s, pll) &&
           qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) >= s->locked[pll];
}

/* The rate of the primary output's phase, half of the output's */
static uint64_t phase_hz(RP1ClocksState *s, unsigned pll)
{
    uint32_t prim = s->reg[pll][PLL_PRIM / 4];
    unsigned refdiv = FIELD_EX32(s->reg[pll][PLL_CS / 4], CS, REFDIV);
    unsigned div = FIELD_EX32(prim, PRIM, DIV1) * FIELD_EX32(prim, PRIM, DIV2);
    uint64_t vco;

    if (!locked(s, pll) || !FIELD_EX32(prim, PRIM, PH_EN) || !div) {
        return 0;
    }
    vco = XOSC_HZ * s->reg[pll][PLL_FBDIV_INT / 4] +
          (XOSC_HZ * extract32(s->reg[pll][PLL_FBDIV_FRAC / 4], 0, 24) >> 24);
    return vco / MAX(refdiv, 1) / div / 2;
}

uint64_t rp1_clocks_uart_hz(RP1ClocksState *s)
{
    uint32_t ctrl = s->reg[CLOCKS_MAIN][(MAIN_UART + CLK_CTRL) / 4];
    uint32_t div = s->reg[CLOCKS_MAIN][(MAIN_UART + CLK_DIV_INT) / 4];
    uint64_t source = 0;

    if (!FIELD_EX32(ctrl, CTRL, ENABLE)) {
        return 0;
    }
    switch (FIELD_EX32(ctrl, CTRL, AUXSRC)) {
    case UART_PLL_SYS_PHASE:
        source = phase_hz(s, PLL_SYS);
        break;
    case UART_PLL_VIDEO_PHASE:
        source = phase_hz(s, PLL_VIDEO);
        break;
    case UART_XOSC:
        source = XOSC_HZ;
        break;
    }
    return source / (div ? div : 1 << 16);
}

static MemTxResult clocks_read(void *opaque, hwaddr offset, uint64_t *value,
                               unsigned size, MemTxAttrs attrs)
{
    RP1ClocksState *s = opaque;
    unsigned block = offset / RP1_BLOCK, reg = offset & 0xfff;
    int ctrl = ctrl_beside(block, reg);

    if (!exists(block, reg)) {
        return MEMTX_ERROR;
    }
    *value = s->reg[block][reg / 4];
    if (ctrl >= 0) {
        *value = selected(s, block, ctrl);
    } else if (block >= PLL_SYS && reg == PLL_CS) {
        *value = FIELD_DP32(*value, CS, LOCK, locked(s, block));
    } else if (block >= PLL_SYS && reg >= PLL_SEC) {
        *value = FIELD_DP32(*value, SEC, IMPL, 1);
    }
    return MEMTX_OK;
}

static MemTxResult clocks_write(void *opaque, hwaddr offset, uint64_t value,
                                unsigned size, MemTxAttrs attrs)
{
    RP1ClocksState *s = opaque;
    unsigned block = offset / RP1_BLOCK, reg = offset & 0xfff;
    bool was = block >= PLL_SYS && powered(s, block);
    uint32_t *to;

    if (!exists(block, reg)) {
        return MEMTX_ERROR;
    }
    to = &s->reg[block][reg / 4];
    *to = rp1_alias(offset, *to, value);
    if (block >= PLL_SYS && (!was || reg == PLL_FBDIV_INT ||
                             reg == PLL_FBDIV_FRAC)) {
        s->locked[block] = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + LOCK_NS;
    }
    notifier_list_notify(&s->changed, s);
    return MEMTX_OK;
}

static const MemoryRegionOps clocks_ops = {
    .read_with_attrs = clocks_read,
    .write_with_attrs = clocks_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void set_ctrl(RP1ClocksState *s, unsigned reg, uint32_t ctrl)
{
    s->reg[CLOCKS_MAIN][(reg + CLK_CTRL) / 4] = ctrl;
}

/* As RP1's firmware leaves them: 1 GHz / 5 for the system, UARTs from XOSC */
static void rp1_clocks_reset(DeviceState *dev)
{
    RP1ClocksState *s = RP1_CLOCKS(dev);

    memset(s->reg, 0, sizeof(s->reg));
    memset(s->locked, 0, sizeof(s->locked));
    for (unsigned reg = MAIN_FIRST; reg <= MAIN_LAST; reg += CLK_SIZE) {
        s->reg[CLOCKS_MAIN][(reg + CLK_DIV_INT) / 4] = 1;
    }
    for (unsigned reg = 0; reg <= VIDEO_LAST; reg += CLK_SIZE) {
        s->reg[CLOCKS_VIDEO][(reg + CLK_DIV_INT) / 4] = 1;
    }
    for (unsigned pll = PLL_SYS; pll <= PLL_VIDEO; pll++) {
        s->reg[pll][PLL_CS / 4] = 1 << R_CS_REFDIV_SHIFT;
        s->reg[pll][PLL_PWR / 4] = PWR_ALL_DOWN;
        s->reg[pll][PLL_PRIM / 4] = 7 << R_PRIM_DIV1_SHIFT |
                                    7 << R_PRIM_DIV2_SHIFT;
        s->reg[pll][PLL_SEC / 4] = 16 << R_SEC_DIV_SHIFT;
    }
    s->reg[PLL_SYS][PLL_PWR / 4] = R_PWR_DSMPD_MASK;
    s->reg[PLL_SYS][PLL_FBDIV_INT / 4] = 20;
    s->reg[PLL_SYS][PLL_PRIM / 4] = 5 << R_PRIM_DIV1_SHIFT |
                                    1 << R_PRIM_DIV2_SHIFT |
                                    R_PRIM_PH_EN_MASK;
    s->reg[PLL_SYS][PLL_SEC / 4] = 8 << R_SEC_DIV_SHIFT;

    set_ctrl(s, MAIN_SYS, SYS_PLL << R_CTRL_SRC_SHIFT);
    set_ctrl(s, MAIN_UART,
             R_CTRL_ENABLE_MASK | UART_XOSC << R_CTRL_AUXSRC_SHIFT);
}

static void rp1_clocks_init(Object *obj)
{
    RP1ClocksState *s = RP1_CLOCKS(obj);

    memory_region_init_io(&s->regs, obj, &clocks_ops, s, "rp1-clocks",
                          RP1_CLOCK_BLOCKS * RP1_BLOCK);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->regs);
    notifier_list_init(&s->changed);
}

static void rp1_clocks_class_init(ObjectClass *oc, void *data)
{
    device_class_set_legacy_reset(DEVICE_CLASS(oc), rp1_clocks_reset);
}

static const TypeInfo rp1_clocks_type = {
    .name = TYPE_RP1_CLOCKS,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(RP1ClocksState),
    .instance_init = rp1_clocks_init,
    .class_init = rp1_clocks_class_init,
};

static void rp1_clocks_register(void)
{
    type_register_static(&rp1_clocks_type);
}

type_init(rp1_clocks_register)
