/* SPDX-License-Identifier: BSD-2-Clause
 * See fake_mmio.h.
 */
#include "fake_mmio.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

struct fake_entry fake_trace[FAKE_TRACE_LEN];
unsigned fake_trace_len;
struct fake_access fake_access;

static uint32_t fake_regs[FAKE_WINDOWS][FAKE_WINDOW_LEN / 4];
static uint32_t (*fake_read)(unsigned window, uint32_t offset);
static void (*fake_write)(unsigned window, uint32_t offset, uint32_t value);
static void (*fake_barrier)(unsigned kind);

void fake_trace_add(enum fake_kind kind, uint64_t a, uint64_t b, uint64_t c)
{
    if (fake_trace_len == FAKE_TRACE_LEN) {
        fail_msg("the trace is full: a loop does not end");
    }
    fake_trace[fake_trace_len++] = (struct fake_entry){ kind, a, b, c };
}

void fake_trace_clear(void)
{
    fake_trace_len = 0;
}

int fake_find(enum fake_kind kind, uint64_t a, uint64_t b, unsigned from)
{
    for (unsigned i = from; i < fake_trace_len; i++) {
        if (fake_trace[i].kind == kind && fake_trace[i].a == a && fake_trace[i].b == b) {
            return (int)i;
        }
    }
    return -1;
}

unsigned fake_count(enum fake_kind kind, uint64_t a, uint64_t b)
{
    unsigned count = 0;
    for (int at = fake_find(kind, a, b, 0); at >= 0; at = fake_find(kind, a, b, (unsigned)at + 1)) {
        count++;
    }
    return count;
}

void fake_mmio_reset(void)
{
    memset(fake_regs, 0, sizeof(fake_regs));
    fake_mmio_hooks(NULL, NULL);
    fake_mmio_on_barrier(NULL);
    fake_trace_clear();
}

struct mmio fake_mmio_window(unsigned window, uint64_t len)
{
    return (struct mmio){ .base = 1, .len = len, .window = window };
}

/* Where in the window m's registers begin: m is a part of it, or all. */
static uint32_t fake_offset(const struct mmio *m, uint32_t offset, unsigned width, const char *what)
{
    if (offset + width > m->len || offset % width != 0) {
        fail_msg("%s beyond the window, or not aligned: 0x%x", what, offset);
    }
    return (uint32_t)(m->base != 0 ? m->base - 1 : 0) + offset;
}

/* The driver may only touch what its window holds, and only whole words. */
static uint32_t *fake_reg(unsigned window, uint32_t offset)
{
    if (window >= FAKE_WINDOWS || offset % 4 != 0 || offset >= FAKE_WINDOW_LEN) {
        fail_msg("no register: window %u, offset 0x%x", window, offset);
    }
    return &fake_regs[window][offset / 4];
}

void fake_mmio_set(unsigned window, uint32_t offset, uint32_t value)
{
    *fake_reg(window, offset) = value;
}

uint32_t fake_mmio_get(unsigned window, uint32_t offset)
{
    return *fake_reg(window, offset);
}

void fake_mmio_hooks(uint32_t (*read)(unsigned window, uint32_t offset),
                     void (*write)(unsigned window, uint32_t offset, uint32_t value))
{
    fake_read = read;
    fake_write = write;
}

void fake_mmio_on_barrier(void (*hook)(unsigned kind))
{
    fake_barrier = hook;
}

static uint32_t fake_get(unsigned window, uint32_t offset)
{
    return fake_read != NULL ? fake_read(window, offset) : *fake_reg(window, offset);
}

static void fake_put(unsigned window, uint32_t offset, uint32_t value)
{
    if (fake_write != NULL) {
        fake_write(window, offset, value);
    } else {
        *fake_reg(window, offset) = value;
    }
}

uint32_t mmio_read32(const struct mmio *m, uint32_t offset)
{
    uint32_t at = fake_offset(m, offset, 4, "read");
    fake_access = (struct fake_access){ at, 4, false, 0 };
    uint32_t value = fake_get(m->window, at);

    fake_trace_add(FAKE_READ, m->window, at, value);
    return value;
}

void mmio_write32(const struct mmio *m, uint32_t offset, uint32_t value)
{
    uint32_t at = fake_offset(m, offset, 4, "write");

    fake_access = (struct fake_access){ at, 4, true, value };
    fake_trace_add(FAKE_WRITE, m->window, at, value);
    fake_put(m->window, at, value);
}

uint64_t mmio_read64(const struct mmio *m, uint32_t offset)
{
    uint32_t at = fake_offset(m, offset, 8, "read");
    fake_access = (struct fake_access){ at, 8, false, 0 };
    uint64_t value = fake_get(m->window, at) | (uint64_t)fake_get(m->window, at + 4) << 32;

    fake_trace_add(FAKE_READ64, m->window, at, value);
    return value;
}

void mmio_write64(const struct mmio *m, uint32_t offset, uint64_t value)
{
    uint32_t at = fake_offset(m, offset, 8, "write");

    fake_access = (struct fake_access){ at, 8, true, value };
    fake_trace_add(FAKE_WRITE64, m->window, at, value);
    fake_put(m->window, at, (uint32_t)value);
    fake_put(m->window, at + 4, (uint32_t)(value >> 32));
}

uint32_t mmio_take32(const struct mmio *m, uint32_t from, uint32_t bits, uint32_t to)
{
    uint32_t taken = mmio_read32(m, from) & bits;

    if (taken != 0) {
        mmio_write32(m, to, taken);
    }
    return taken;
}

/* A part of a word of `width` bytes; hooks see the word. */
static uint32_t fake_read_part(const struct mmio *m, uint32_t offset, unsigned width,
                               enum fake_kind kind)
{
    uint32_t at = fake_offset(m, offset, width, "read");
    fake_access = (struct fake_access){ at, width, false, 0 };
    uint32_t value = (fake_get(m->window, at & ~3u) >> at % 4 * 8) & ((1u << width * 8) - 1);

    fake_trace_add(kind, m->window, at, value);
    return value;
}

static void fake_write_part(const struct mmio *m, uint32_t offset, unsigned width, uint32_t value,
                            enum fake_kind kind)
{
    uint32_t at = fake_offset(m, offset, width, "write");
    uint32_t mask = ((1u << width * 8) - 1) << at % 4 * 8;
    fake_access = (struct fake_access){ at, width, true, value };
    uint32_t word = fake_get(m->window, at & ~3u) & ~mask;

    fake_trace_add(kind, m->window, at, value);
    fake_put(m->window, at & ~3u, word | value << at % 4 * 8);
}

uint16_t mmio_read16(const struct mmio *m, uint32_t offset)
{
    return (uint16_t)fake_read_part(m, offset, 2, FAKE_READ16);
}

void mmio_write16(const struct mmio *m, uint32_t offset, uint16_t value)
{
    fake_write_part(m, offset, 2, value, FAKE_WRITE16);
}

uint8_t mmio_read8(const struct mmio *m, uint32_t offset)
{
    return (uint8_t)fake_read_part(m, offset, 1, FAKE_READ8);
}

void mmio_write8(const struct mmio *m, uint32_t offset, uint8_t value)
{
    fake_write_part(m, offset, 1, value, FAKE_WRITE8);
}

static void fake_barrier_add(unsigned kind)
{
    fake_trace_add(FAKE_BARRIER, kind, 0, 0);
    if (fake_barrier != NULL) {
        fake_barrier(kind);
    }
}

void mmio_wmb(void)
{
    fake_barrier_add(1);
}

void mmio_rmb(void)
{
    fake_barrier_add(2);
}

void fake_expect_writes(const struct fake_write *expected, unsigned count)
{
    unsigned n = 0;

    for (unsigned i = 0; i < fake_trace_len; i++) {
        const struct fake_entry *e = &fake_trace[i];
        if (e->kind != FAKE_WRITE && e->kind != FAKE_WRITE64 && e->kind != FAKE_WRITE16 &&
            e->kind != FAKE_WRITE8) {
            continue;
        }
        if (n >= count) {
            fail_msg("write %u is one too many: window %u, 0x%03x = 0x%llx", n, (unsigned)e->a,
                     (unsigned)e->b, (unsigned long long)e->c);
        }
        if (e->a != expected[n].window || e->b != expected[n].offset || e->c != expected[n].value) {
            fail_msg(
                "write %u: expected window %u, 0x%03x = 0x%llx; found window %u, 0x%03x = 0x%llx",
                n, expected[n].window, expected[n].offset, (unsigned long long)expected[n].value,
                (unsigned)e->a, (unsigned)e->b, (unsigned long long)e->c);
        }
        n++;
    }
    if (n != count) {
        fail_msg("%u writes instead of %u", n, count);
    }
}
