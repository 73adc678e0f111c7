/* SPDX-License-Identifier: BSD-2-Clause
 * Device registers. The only place (with the kernel's arch folder) where `volatile` touches a device.
 *
 * A struct mmio is a window of the own node: mapped (base) where it has its pages for itself, else reached through the
 * checked device_access call. Order: accesses of one thread to one window happen in program order (Device-nGnRE).
 * Ordering against memory that a device reads or writes is the caller's: mmio_wmb() before the doorbell write,
 * mmio_rmb() after the status read.
 *
 * On the host (tests) the functions are those of tests/host/fake_mmio.c, which records.
 */
#pragma once
#include <abi/abi.h>

#define BIT(n)        (1u << (n))
#define FIELD(hi, lo) ((~0u >> (31 - (hi))) & (~0u << (lo)))

/* The field `mask` of `reg`, and `value` put in its place (excess bits are cut). */
static inline uint32_t field_get(uint32_t mask, uint32_t reg)
{
    return (reg & mask) / (mask & -mask);
}
static inline uint32_t field_put(uint32_t mask, uint32_t value)
{
    return (value * (mask & -mask)) & mask;
}

struct mmio {
    uintptr_t base;  /* 0: checked access */
    uint64_t len;    /* bytes */
    handle_t device; /* for checked access */
    unsigned window;
};

/* For a driver that has made sure that m is mapped (undefined otherwise): tells the compiler, so that no access carries the
 * checked case along. */
static inline const struct mmio *mmio_mapped(const struct mmio *m)
{
    if (m->base == 0) {
        __builtin_unreachable();
    }
    return m;
}

#ifdef __aarch64__
uint32_t mmio_checked_read32(const struct mmio *m, uint32_t offset);
void mmio_checked_write32(const struct mmio *m, uint32_t offset, uint32_t value);
uint64_t mmio_checked_read64(const struct mmio *m, uint32_t offset);
void mmio_checked_write64(const struct mmio *m, uint32_t offset, uint64_t value);
uint16_t mmio_checked_read16(const struct mmio *m, uint32_t offset);
void mmio_checked_write16(const struct mmio *m, uint32_t offset, uint16_t value);
uint8_t mmio_checked_read8(const struct mmio *m, uint32_t offset);
void mmio_checked_write8(const struct mmio *m, uint32_t offset, uint8_t value);
uint32_t mmio_checked_take32(const struct mmio *m, uint32_t from, uint32_t bits, uint32_t to);

static inline uint32_t mmio_read32(const struct mmio *m, uint32_t offset)
{
    if (m->base != 0) {
        return *(const volatile uint32_t *)(m->base + offset);
    }
    return mmio_checked_read32(m, offset);
}
static inline void mmio_write32(const struct mmio *m, uint32_t offset, uint32_t value)
{
    if (m->base != 0) {
        *(volatile uint32_t *)(m->base + offset) = value;
    } else {
        mmio_checked_write32(m, offset, value);
    }
}
static inline uint64_t mmio_read64(const struct mmio *m, uint32_t offset)
{
    if (m->base != 0) {
        return *(const volatile uint64_t *)(m->base + offset);
    }
    return mmio_checked_read64(m, offset);
}
static inline void mmio_write64(const struct mmio *m, uint32_t offset, uint64_t value)
{
    if (m->base != 0) {
        *(volatile uint64_t *)(m->base + offset) = value;
    } else {
        mmio_checked_write64(m, offset, value);
    }
}
static inline uint16_t mmio_read16(const struct mmio *m, uint32_t offset)
{
    if (m->base != 0) {
        return *(const volatile uint16_t *)(m->base + offset);
    }
    return mmio_checked_read16(m, offset);
}
static inline void mmio_write16(const struct mmio *m, uint32_t offset, uint16_t value)
{
    if (m->base != 0) {
        *(volatile uint16_t *)(m->base + offset) = value;
    } else {
        mmio_checked_write16(m, offset, value);
    }
}
static inline uint8_t mmio_read8(const struct mmio *m, uint32_t offset)
{
    if (m->base != 0) {
        return *(const volatile uint8_t *)(m->base + offset);
    }
    return mmio_checked_read8(m, offset);
}
static inline void mmio_write8(const struct mmio *m, uint32_t offset, uint8_t value)
{
    if (m->base != 0) {
        *(volatile uint8_t *)(m->base + offset) = value;
    } else {
        mmio_checked_write8(m, offset, value);
    }
}
/* Reads the register at `from` and returns those of its bits that are in `bits`; if there are any, they were written to the
 * register at `to`: what is up is masked or acknowledged. One entry into the kernel where accesses are checked. */
static inline uint32_t mmio_take32(const struct mmio *m, uint32_t from, uint32_t bits, uint32_t to)
{
    if (m->base == 0) {
        return mmio_checked_take32(m, from, bits, to);
    }
    uint32_t taken = mmio_read32(m, from) & bits;
    if (taken != 0) {
        mmio_write32(m, to, taken);
    }
    return taken;
}
static inline void mmio_wmb(void)
{
    __asm__ volatile("dsb st" ::: "memory");
}
static inline void mmio_rmb(void)
{
    __asm__ volatile("dsb ld" ::: "memory");
}
#else
uint32_t mmio_read32(const struct mmio *m, uint32_t offset);
void mmio_write32(const struct mmio *m, uint32_t offset, uint32_t value);
uint64_t mmio_read64(const struct mmio *m, uint32_t offset);
void mmio_write64(const struct mmio *m, uint32_t offset, uint64_t value);
uint16_t mmio_read16(const struct mmio *m, uint32_t offset);
void mmio_write16(const struct mmio *m, uint32_t offset, uint16_t value);
uint8_t mmio_read8(const struct mmio *m, uint32_t offset);
void mmio_write8(const struct mmio *m, uint32_t offset, uint8_t value);
uint32_t mmio_take32(const struct mmio *m, uint32_t from, uint32_t bits, uint32_t to);
void mmio_wmb(void);
void mmio_rmb(void);
#endif
