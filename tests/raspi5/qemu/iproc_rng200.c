/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Broadcom RNG200, the random number generator of BCM2711 and BCM2712
 *
 * It makes bits in time while it is enabled and out of both resets, and puts
 * them as words into a FIFO; a full one makes it wait.  When its own test (NIST
 * FAIL) says no, it stands still until both of its parts are reset together.
 */

#include "qemu/osdep.h"
#include "qemu/guest-random.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "iproc_rng200.h"
#include "hw/qdev-properties.h"
#include "hw/registerfields.h"

REG32(CTRL, 0x00)
    FIELD(CTRL, ENABLE, 0, 13)
REG32(RNG_RESET, 0x04)
REG32(RBG_RESET, 0x08)
REG32(BIT_COUNT, 0x0c)
REG32(BIT_COUNT_THRESHOLD, 0x10)
REG32(INT_STATUS, 0x18)
    FIELD(INT_STATUS, BIT_COUNT, 0, 1)
    FIELD(INT_STATUS, NIST_FAIL, 5, 1)
    FIELD(INT_STATUS, STARTUP, 17, 1)
REG32(INT_ENABLE, 0x1c)
REG32(FIFO_DATA, 0x20)
REG32(FIFO_COUNT, 0x24)
    FIELD(FIFO_COUNT, WORDS, 0, 8)

#define RNG200_LEN  0x28
#define RESET_BIT   1

/* Not documented; a driver must not depend on it. */
#define BITS_PER_SECOND 1000000

static bool is_running(RNG200State *s)
{
    return FIELD_EX32(s->ctrl, CTRL, ENABLE) &&
           !s->rng_reset && !s->rbg_reset && !s->failed && !s->stuck;
}

static uint32_t words(RNG200State *s)
{
    return s->bits / 32 - s->taken;
}

/* Makes the bits of the time that has passed. */
static void advance(RNG200State *s)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    if (is_running(s)) {
        uint64_t most = (s->taken + RNG200_FIFO_WORDS) * 32;

        s->bits += muldiv64(now - s->seen_ns, BITS_PER_SECOND,
                            NANOSECONDS_PER_SECOND);
        if (s->fail_after) {
            most = MIN(most, s->fail_after * 32);
        }
        s->bits = MIN(s->bits, most);
        if (s->bits / 32) {
            s->int_status |= R_INT_STATUS_STARTUP_MASK;
        }
        if (s->threshold && s->bits >= s->threshold) {
            s->int_status |= R_INT_STATUS_BIT_COUNT_MASK;
        }
        if (s->fail_after && s->bits / 32 >= s->fail_after) {
            s->int_status |= R_INT_STATUS_NIST_FAIL_MASK;
            s->failed = true;
            s->taken = s->bits / 32; /* what failed is not given out */
        }
        /* what is left of a bit's time is not lost */
        s->seen_ns = now - (now - s->seen_ns) %
                     (NANOSECONDS_PER_SECOND / BITS_PER_SECOND);
    } else {
        s->seen_ns = now;
    }
}

static uint64_t rng200_read(void *opaque, hwaddr offset, unsigned size)
{
    RNG200State *s = opaque;
    uint32_t word;

    advance(s);
    switch (offset) {
    case A_CTRL:
        return s->ctrl;
    case A_RNG_RESET:
        return s->rng_reset;
    case A_RBG_RESET:
        return s->rbg_reset;
    case A_BIT_COUNT:
        return s->bits;
    case A_BIT_COUNT_THRESHOLD:
        return s->threshold;
    case A_INT_STATUS:
        return s->int_status;
    case A_INT_ENABLE:
        return s->int_enable;
    case A_FIFO_DATA:
        if (!words(s)) {
            qemu_log_mask(LOG_GUEST_ERROR, "iproc-rng200: nothing to read\n");
            return 0;
        }
        s->taken++;
        qemu_guest_getrandom_nofail(&word, sizeof(word));
        return word;
    case A_FIFO_COUNT:
        return FIELD_DP32(s->fifo_count, FIFO_COUNT, WORDS, words(s));
    default:
        return 0;
    }
}

static void rng200_reset_parts(RNG200State *s)
{
    if (s->rng_reset || s->rbg_reset) {
        s->bits = 0;
        s->taken = 0;
    }
    if (s->rng_reset && s->rbg_reset) {
        s->failed = false;
    }
}

static void rng200_write(void *opaque, hwaddr offset, uint64_t value,
                         unsigned size)
{
    RNG200State *s = opaque;

    advance(s);
    switch (offset) {
    case A_CTRL:
        s->ctrl = value;
        break;
    case A_RNG_RESET:
        s->rng_reset = value & RESET_BIT;
        rng200_reset_parts(s);
        break;
    case A_RBG_RESET:
        s->rbg_reset = value & RESET_BIT;
        rng200_reset_parts(s);
        break;
    case A_BIT_COUNT_THRESHOLD:
        s->threshold = value;
        break;
    case A_INT_STATUS:
        s->int_status &= ~value;
        break;
    case A_INT_ENABLE:
        s->int_enable = value;
        break;
    case A_FIFO_COUNT:
        s->fifo_count = value;
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "iproc-rng200: write of 0x%02"
                      HWADDR_PRIx "\n", offset);
        break;
    }
}

static const MemoryRegionOps rng200_ops = {
    .read = rng200_read,
    .write = rng200_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid.min_access_size = 4,
    .valid.max_access_size = 4,
};

static void rng200_reset_hold(Object *obj, ResetType type)
{
    RNG200State *s = IPROC_RNG200(obj);

    s->ctrl = 0;
    s->rng_reset = 0;
    s->rbg_reset = 0;
    s->threshold = 0;
    s->int_status = 0;
    s->int_enable = 0;
    s->fifo_count = 0;
    s->bits = 0;
    s->taken = 0;
    s->failed = false;
}

static void rng200_init(Object *obj)
{
    RNG200State *s = IPROC_RNG200(obj);

    memory_region_init_io(&s->regs, obj, &rng200_ops, s, TYPE_IPROC_RNG200,
                          RNG200_LEN);
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->regs);
}

/* For tests: -global iproc-rng200.stuck=on */
static const Property rng200_props[] = {
    DEFINE_PROP_UINT32("fail-after", RNG200State, fail_after, 0),
    DEFINE_PROP_BOOL("stuck", RNG200State, stuck, false),
};

static void rng200_class_init(ObjectClass *oc, void *data)
{
    RESETTABLE_CLASS(oc)->phases.hold = rng200_reset_hold;
    device_class_set_props(DEVICE_CLASS(oc), rng200_props);
}

static const TypeInfo rng200_type = {
    .name = TYPE_IPROC_RNG200,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(RNG200State),
    .instance_init = rng200_init,
    .class_init = rng200_class_init,
};

static void rng200_register(void)
{
    type_register_static(&rng200_type);
}

type_init(rng200_register)
