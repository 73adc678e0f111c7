/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's log: a ring of bytes, each with a running number, that servers drain by number; and, while it is on,
 * the early console prints what goes in. A line gets its time stamp when it is ended.
 */
#include "core.h"
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>
#include <stdarg.h>

enum { LOG_LEN = 64 * 1024, LINE_LEN = 256, LOG_BATCH = 56 };

static char ring[LOG_LEN];
static uint64_t next_seq; /* number of the next byte; the ring holds the LOG_LEN before it */
struct port *log_port;
static uint64_t log_bits;

void log_text(const char *text, uint64_t len)
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

/* ---- a small printf: %s %c %d %u %x, l and ll, field width, 0 and # flags ---- */

struct out {
    char text[LINE_LEN];
    unsigned len;
};

static void out_char(struct out *o, char c)
{
    if (o->len < sizeof(o->text)) {
        o->text[o->len++] = c;
    }
}

static void out_number(struct out *o, uint64_t value, unsigned base, unsigned width, char pad)
{
    char digits[24];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (n < width && n < sizeof(digits)) {
        digits[n++] = pad;
    }
    while (n > 0) {
        out_char(o, digits[--n]);
    }
}

static void out_format(struct out *o, const char *f, va_list args)
{
    for (; *f != '\0'; f++) {
        unsigned width = 0, longs = 0;
        char pad = ' ';
        bool alternate = false;

        if (*f != '%') {
            out_char(o, *f);
            continue;
        }
        f++;
        if (*f == '#') {
            alternate = true;
            f++;
        }
        if (*f == '0') {
            pad = '0';
            f++;
        }
        while (*f >= '0' && *f <= '9') {
            width = width * 10 + (unsigned)(*f++ - '0');
        }
        while (*f == 'l' || *f == 'z') {
            longs++;
            f++;
        }
        switch (*f) {
        case 's': {
            const char *s = va_arg(args, const char *);
            unsigned n = 0;

            while (*s != '\0') {
                out_char(o, *s++);
                n++;
            }
            while (n++ < width) {
                out_char(o, ' ');
            }
            break;
        }
        case 'c':
            out_char(o, (char)va_arg(args, int));
            break;
        case 'd': {
            int64_t v = longs ? va_arg(args, int64_t) : va_arg(args, int);

            if (v < 0) {
                out_char(o, '-');
            }
            out_number(o, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, width, pad);
            break;
        }
        case 'u':
            out_number(o, longs ? va_arg(args, uint64_t) : va_arg(args, unsigned), 10, width, pad);
            break;
        case 'x':
            if (alternate) {
                out_char(o, '0');
                out_char(o, 'x');
            }
            out_number(o, longs ? va_arg(args, uint64_t) : va_arg(args, unsigned), 16, width, pad);
            break;
        default:
            out_char(o, '%');
            out_char(o, *f);
            break;
        }
    }
}

static void stamp(struct out *o)
{
    uint64_t hz = cntfrq_el0_read(), now = cntvct_read();

    hz = hz != 0 ? hz : 1;
    out_char(o, '[');
    out_number(o, now / hz, 10, 5, ' ');
    out_char(o, '.');
    out_number(o, now % hz * 1000000 / hz, 10, 6, '0');
    out_char(o, ']');
    out_char(o, ' ');
}

/* The kernel's own lines: "[time] [kernel] text". */
void kprintf(const char *format, ...)
{
    static struct out o; /* under the lock; too large for comfort on the stack of a panic */
    va_list args;

    o.len = 0;
    stamp(&o);
    for (const char *s = "[kernel] "; *s != '\0'; s++) {
        out_char(&o, *s);
    }
    va_start(args, format);
    out_format(&o, format, args);
    va_end(args);
    if (o.len == sizeof(o.text)) {
        o.len--;
    }
    out_char(&o, '\n');
    log_text(o.text, o.len);
}

/* ---- the call ---- */

static void line_end(struct process *p)
{
    static struct out o;

    o.len = 0;
    stamp(&o);
    log_text(o.text, o.len);
    p->log_line[p->log_len < LINE_LEN ? p->log_len : LINE_LEN - 1] = '\n';
    log_text(p->log_line, (p->log_len < LINE_LEN ? p->log_len : LINE_LEN - 1) + 1);
    p->log_len = 0;
    if (log_port != NULL) {
        port_notify(log_port, log_bits);
    }
}

/* A line begins with its level, unless that is info (abi.h). */
static void line_begin(struct process *p, uint64_t level)
{
    static const char marks[][8] = { "error: ", "warn: ", "", "debug: " };

    for (const char *c = level < 4 ? marks[level] : ""; *c != '\0'; c++) {
        p->log_line[p->log_len++] = *c;
    }
}

static int64_t log_write(struct process *p, const uint64_t *x)
{
    const char *text = (const char *)&x[3];

    if (p->log_line == NULL) {
        p->log_line = object_alloc(p, LINE_LEN);
        if (p->log_line == NULL) {
            return E_BUDGET;
        }
    }
    for (unsigned i = 0; i < LOG_BATCH && text[i] != '\0'; i++) {
        if (text[i] == '\n' || p->log_len == LINE_LEN - 1) {
            line_end(p);
        }
        if (text[i] != '\n') {
            if (p->log_len == 0) {
                line_begin(p, x[2]);
            }
            /* only the console server may send control characters to a terminal */
            p->log_line[p->log_len++] = (unsigned char)text[i] >= ' ' ? text[i] : '?';
        }
    }
    return E_OK;
}

static int64_t log_read(uint64_t *x)
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

static int64_t log_subscribe(struct thread *t, uint64_t *x)
{
    struct object *o;
    status_t error = handle_get(t->process, (handle_t)x[2], OBJECT_PORT, RIGHT_NOTIFY, &o);

    if (error == E_OK) {
        log_port = object_port(o); /* no reference: log_port_gone clears it */
        log_bits = x[3];
    }
    return error;
}

void log_port_gone(struct port *port)
{
    if (log_port == port) {
        log_port = NULL;
    }
}

/* x0 /chosen, x1 LOG_*, x2.. */
int64_t sys_log(struct thread *t, uint64_t *x)
{
    static const uint8_t rights[] = { [LOG_WRITE] = RIGHT_WRITE,
                                      [LOG_READ] = RIGHT_READ,
                                      [LOG_SUBSCRIBE] = RIGHT_READ,
                                      [LOG_CONSOLE] = RIGHT_MANAGE };
    struct object *o;
    status_t error;

    if (x[1] > LOG_CONSOLE) {
        return E_NOSYS;
    }
    error = handle_get(t->process, (handle_t)x[0], OBJECT_DEVICE, rights[x[1]], &o);
    if (error != E_OK) {
        return error;
    }
    if (o->dead || !(((struct device *)o)->flags & DERIVE_CHOSEN)) {
        return o->dead ? E_REVOKED : E_RIGHTS;
    }
    switch (x[1]) {
    case LOG_WRITE:
        return log_write(t->process, x);
    case LOG_READ:
        return log_read(x);
    case LOG_SUBSCRIBE:
        return log_subscribe(t, x);
    default:
        (void)console_on(x[2] != 0); /* the old state is of no interest here */
        x[1] = next_seq;
        return E_OK;
    }
}

/* ---- ends ---- */

static _Noreturn void stop(void)
{
    for (;;) {
        wfi();
    }
}

static void report(const char *what, const char *format, va_list args)
{
    static struct out o;

    (void)console_on(true);
    o.len = 0;
    stamp(&o);
    for (const char *s = what; *s != '\0'; s++) {
        out_char(&o, *s);
    }
    out_format(&o, format, args);
    if (o.len == sizeof(o.text)) {
        o.len--;
    }
    out_char(&o, '\n');
    log_text(o.text, o.len);
}

_Noreturn void halt_with_reason(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("[kernel] halted: ", format, args);
    va_end(args);
    stop();
}

_Noreturn void panic(const char *format, ...)
{
    static bool again;
    struct core *core = this_core();
    va_list args;

    if (again) {
        stop(); /* the report itself failed: what is out is out */
    }
    again = true;
    va_start(args, format);
    report("[kernel] PANIC: ", format, args);
    va_end(args);
    kprintf("core %u, process %s, thread %u, IRQs %llu", core->number,
            core->current != NULL ? core->current->process->name : "none",
            core->current != NULL ? core->current->id : 0, (unsigned long long)core->irqs);
    stop();
}

_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
    panic("%s:%d: assertion failed: %s (called from %#lx)", file, line, expression,
          (unsigned long)__builtin_return_address(0));
}

/* From vectors.S: an exception inside the kernel. */
_Noreturn void kernel_exception(uint64_t sp, uint64_t lr)
{
    uint64_t elr = elr_el1_read();

    panic("exception in the kernel: ESR %#lx, FAR %#lx, pc %#lx (image + %#lx), lr %#lx, sp %#lx",
          (unsigned long)esr_el1_read(), (unsigned long)far_el1_read(), (unsigned long)elr,
          (unsigned long)(elr - KERNEL_IMAGE), (unsigned long)lr, (unsigned long)sp);
}
