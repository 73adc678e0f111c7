/* SPDX-License-Identifier: BSD-2-Clause
 * Recording fake of <cambium/mmio.h> for host tests, and the trace in which all fakes write what happened, in order.
 *
 * A window is a number (struct mmio's `window`). Without hooks a register reads what was last written or set. With
 * hooks, reads and writes go to the test's model of the device; the trace records them in any case.
 */
#pragma once
#include <cambium/mmio.h>
#include <stdbool.h>
#include <stddef.h>

enum { FAKE_WINDOWS = 6, FAKE_WINDOW_LEN = 0x110000, FAKE_TRACE_LEN = 1 << 17 };

enum fake_kind {
    FAKE_READ = 1, /* a = window, b = offset, c = value */
    FAKE_WRITE,    /* likewise */
    FAKE_READ64, FAKE_WRITE64, /* likewise, of 64 bits; hooks see two halves, the lower first */
    FAKE_READ16, FAKE_WRITE16, /* likewise, of 16 bits; hooks see the word that they are in, which a write reads first */
    FAKE_READ8, FAKE_WRITE8, /* likewise, of a byte */
    FAKE_BARRIER,  /* a = 1: mmio_wmb, 2: mmio_rmb */
    FAKE_NOTIFY,   /* a = handle, b = bits */
    FAKE_RECEIVE,  /* b = handles taken */
    FAKE_REPLY,    /* a = status, b = w0 */
    FAKE_CLOSE,    /* a = handle */
    FAKE_SIGNAL,   /* b = bits newly told to the client */
    FAKE_CALL,     /* sys_call: a = handle, b = op */
    FAKE_ACCESS,   /* sys_device_access: a = device, b = op, c = value */
    FAKE_PCI,      /* asked of a bus's server: a = PCI_OP_*, b = w0 */
    FAKE_SLEEP,    /* b = nanoseconds */
    FAKE_RESET,    /* node_reset_*: a = RESET_OP_* */
    FAKE_DONE      /* a = status, b = event kind */
};

struct fake_entry {
    enum fake_kind kind;
    uint64_t a, b, c;
};

extern struct fake_entry fake_trace[FAKE_TRACE_LEN];
extern unsigned fake_trace_len;

void fake_trace_add(enum fake_kind kind, uint64_t a, uint64_t b, uint64_t c);
void fake_trace_clear(void);
/* Index of the first such entry from `from` on, or -1. */
int fake_find(enum fake_kind kind, uint64_t a, uint64_t b, unsigned from);
unsigned fake_count(enum fake_kind kind, uint64_t a, uint64_t b);

/* Forgets everything: registers, hooks, trace. */
void fake_mmio_reset(void);
struct mmio fake_mmio_window(unsigned window, uint64_t len);
void fake_mmio_set(unsigned window, uint32_t offset, uint32_t value);
uint32_t fake_mmio_get(unsigned window, uint32_t offset);
void fake_mmio_hooks(uint32_t (*read)(unsigned window, uint32_t offset),
                     void (*write)(unsigned window, uint32_t offset, uint32_t value));

/* The access for which a hook is called: registers of 8 or 16 bits are parts of the word that it sees. */
extern struct fake_access {
    uint32_t offset;
    unsigned width; /* bytes */
    bool is_write;
    uint64_t value; /* that is written */
} fake_access;

/* Called by each barrier, 1: mmio_wmb, 2: mmio_rmb, so that a test can look what is in memory then; NULL: nobody is. */
void fake_mmio_on_barrier(void (*hook)(unsigned kind));

struct fake_write {
    unsigned window;
    uint32_t offset;
    uint64_t value; /* of 8, 16, 32 or 64 bits */
};
/* Fails the test unless the trace's register writes are exactly these. */
void fake_expect_writes(const struct fake_write *expected, unsigned count);
