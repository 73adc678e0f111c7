/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's log: a ring of bytes, each with a running number, that servers drain by number; and, while it is on,
 * the early console prints what goes in. A line gets its time stamp when it is ended. And the ends that only report.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>
#include <stdarg.h>

enum { LOG_LEN = 64 * 1024, LOG_BATCH = 56 };

static char ring[LOG_LEN];
static uint64_t next_seq;     /* number of the next byte; the ring holds the LOG_LEN before it */
static struct port *log_port; /* subscriber, or NULL */
static uint64_t log_bits;

static void log_text(const char *text, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++) {
        ring[next_seq++ % LOG_LEN] = text[i];
    }
    console_put(text, len);
}

void console_flush(void)
{
    for (uint64_t i = next_seq > LOG_LEN ? next_seq - LOG_LEN : 0; i < next_seq; i++) {
        console_put(&ring[i % LOG_LEN], 1);
    }
}

/* ---- lines; a small printf: %s, %u, %#x, and of 64 bits %lu, %#lx ---- */

struct line {
    uint32_t len;
    char text[LINE_LEN];
};

static void line_char(struct line *l, char c)
{
    if (l->len < LINE_LEN - 1) { /* the last one is kept for the '\n' */
        l->text[l->len++] = c;
    }
}

static void line_string(struct line *l, const char *s)
{
    while (*s != '\0') {
        line_char(l, *s++);
    }
}

static void line_number(struct line *l, uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[24];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (n < width) {
        digits[n++] = pad;
    }
    while (n > 0) {
        line_char(l, digits[--n]);
    }
}

static void line_format(struct line *l, const char *f, va_list args)
{
    for (; *f != '\0'; f++) {
        bool is_long = false;

        if (*f != '%') {
            line_char(l, *f);
            continue;
        }
        while (*++f == 'l' || *f == '#') {
            is_long |= *f == 'l';
        }
        if (*f == 's') {
            line_string(l, va_arg(args, const char *));
            continue;
        }
        line_string(l, *f == 'x' ? "0x" : "");
        line_number(l, is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned),
                    *f == 'x' ? 16 : 10, 0, ' ');
    }
}

static void line_stamp(struct line *l)
{
    uint64_t hz = sysreg_read(cntfrq_el0), now = cntvct_read();

    hz = hz != 0 ? hz : 1;
    l->len = 0;
    line_char(l, '[');
    line_number(l, now / hz, 10, 5, ' ');
    line_char(l, '.');
    line_number(l, now % hz * 1000000 / hz, 10, 6, '0');
    line_string(l, "] ");
}

static void line_out(struct line *l)
{
    l->text[l->len++] = '\n';
    log_text(l->text, l->len);
}

/* The kernel's own lines: "[time] [kernel] text". */
void kprintf(const char *format, ...)
{
    static struct line l; /* under the lock; too large for comfort on the stack of a panic */
    va_list args;

    va_start(args, format);
    line_stamp(&l);
    line_string(&l, "[kernel] ");
    line_format(&l, format, args);
    va_end(args);
    line_out(&l);
}

/* ---- the call ---- */

/* A process's line begins with its level, unless that is info (abi.h), and is stamped when it is ended. */
static status_t log_write(struct process *p, const uint64_t *x)
{
    static const char marks[][8] = { "error: ", "warn: ", "", "debug: " };
    static struct line stamp;
    const char *text = (const char *)&x[3];

    if (p->log_line == NULL) {
        p->log_line = object_alloc(p, sizeof(*p->log_line));
        if (p->log_line == NULL) {
            return E_BUDGET;
        }
    }
    for (unsigned i = 0; i < LOG_BATCH && text[i] != '\0'; i++) {
        if (text[i] == '\n' || p->log_line->len == LINE_LEN - 1) {
            line_stamp(&stamp);
            log_text(stamp.text, stamp.len);
            line_out(p->log_line);
            p->log_line->len = 0;
            if (log_port != NULL) {
                port_notify(log_port, log_bits);
            }
        }
        if (text[i] != '\n') {
            line_string(p->log_line, p->log_line->len == 0 && x[2] <= LOG_DEBUG ? marks[x[2]] : "");
            /* only the console server may send control characters to a terminal */
            line_char(p->log_line, (unsigned char)text[i] >= ' ' ? text[i] : '?');
        }
    }
    return E_OK;
}

static status_t log_read(uint64_t *x)
{
    uint64_t oldest = next_seq > LOG_LEN ? next_seq - LOG_LEN : 0;
    uint64_t seq = x[2] < oldest ? oldest : x[2] > next_seq ? next_seq : x[2];
    uint64_t n = next_seq - seq < LOG_BATCH ? next_seq - seq : LOG_BATCH;
    char *out = (char *)&x[3];

    for (uint64_t i = 0; i < LOG_BATCH; i++) {
        out[i] = i < n ? ring[(seq + i) % LOG_LEN] : '\0';
    }
    x[1] = seq;
    x[2] = n;
    return E_OK;
}

static status_t log_subscribe(struct process *p, const uint64_t *x)
{
    status_t error;
    struct port *port = object_get(p, x[2], OBJECT_PORT, RIGHT_NOTIFY, &error);

    if (port != NULL) {
        log_port = port; /* no reference: log_port_gone clears it */
        log_bits = x[3];
    }
    return error;
}

void log_port_gone(struct port *port)
{
    log_port = log_port == port ? NULL : log_port;
}

/* x0 /chosen, x1 LOG_*, x2.. */
SYSCALL(log)
{
    uint32_t right = x[1] == LOG_WRITE     ? RIGHT_WRITE
                     : x[1] == LOG_CONSOLE ? RIGHT_MANAGE
                                           : RIGHT_READ;

    if (x[1] > LOG_TRACE_READ || !(meta & right)) {
        return x[1] > LOG_TRACE_READ ? E_NOSYS : E_RIGHTS;
    }
    switch (x[1]) {
    case LOG_WRITE:
        return log_write(t->process, x);
    case LOG_READ:
        return log_read(x);
    case LOG_SUBSCRIBE:
        return log_subscribe(t->process, x);
    case LOG_TRACE:
        trace_switch(x[2] != 0);
        return E_OK;
    case LOG_TRACE_READ:
        return trace_read(x);
    default:
        console_on = x[2] != 0;
        x[1] = next_seq;
        return E_OK;
    }
}

/* ---- ends ---- */

enum { CORE_STACK_LEN = 16384 };

uint64_t init_base;

const uint64_t *word_at(struct process *p, uint64_t va)
{
    uint64_t skip, *entry = p != NULL && va < USER_END ? mmu_entry(p, va, &skip) : NULL;

    return va % 8 != 0 ? NULL
           : entry != NULL && (*entry & (PTE_VALID | PTE_DEVICE)) == PTE_VALID
               ? pa_to_va((*entry & PTE_ADDRESS) + va % PAGE_SIZE)
           : p == NULL && this_core()->stack_top - va - 1 < CORE_STACK_LEN ? (void *)va
                                                                           : NULL;
}

_Noreturn void stop(void)
{
    for (;;) {
        wfi();
    }
}

_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
    console_on = true;
    kprintf("PANIC: %s:%u: assertion failed: %s", file, line, expression);
    __builtin_trap(); /* the rest is stop_at_fault's */
}

/* What init (t), or the kernel itself, did, and from where, outwards by frame records (AAPCS64, 6.4.6), which need not be
 * right. tools/lib/symbolise.py reads it; it knows a kernel by the number that its text makes. */
_Noreturn void stop_at_fault(struct thread *t)
{
    static const char causes[][8] = { "",      "read", "write", "execute", "align",
                                      "undef", "brk",  "bus",   "SError" };
    unsigned cause = fault_cause(sysreg_read(esr_el1));
    bool has_far = cause < FAULT_INSTRUCTION || cause == FAULT_BUS;
    const struct core *core = this_core();
    const struct thread *current = core->current != NULL ? core->current : t;
    const char *name = t->process != NULL ? "init" : "kernel";
    uint64_t base = t->process != NULL ? init_base : (uint64_t)_start, fp = t->x19_x30[10];
    uint64_t at = has_far ? sysreg_read(far_el1) : t->elr;
    const uint64_t *record;
    uint32_t id = 0;

    if (t->fault) { /* the report itself failed: what is out is out */
        stop();
    }
    t->fault = console_on = true;
    for (uint64_t w = (uint64_t)__boot_end; w < (uint64_t)__text_end; w += 4) {
        id = id * 31 + *(const uint32_t *)w;
    }
    kprintf("PANIC: %s: %s %#lx%s", name, causes[cause], at,
            core->stack_top - CORE_STACK_LEN - 1 - at < PAGE_SIZE ? " (stack overflow)" : "");
    kprintf("ESR %#lx, core %u, process %s, thread %u, IRQs %lu", sysreg_read(esr_el1),
            core->number, current->process != NULL ? current->process->name : "none", current->id,
            core->irqs);
    for (unsigned i = 0; i < 32; i += 2) {
        kprintf("x%u %#lx  x%u %#lx", i, *thread_value(t, i), i + 1, *thread_value(t, i + 1));
    }
    kprintf("%s %#x: pc +%#lx lr +%#lx", name, id, t->elr - base, t->x19_x30[11] - base);
    for (unsigned i = 0;
         i < 24 && fp % 16 == 0 && (record = word_at(t->process, fp)) != NULL && record[1] != 0;
         i++) {
        kprintf("%s %#x: +%#lx", name, id, record[1] - base);
        fp = record[0] > fp ? record[0] : 1;
    }
    stop();
}
