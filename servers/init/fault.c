/* SPDX-License-Identifier: BSD-2-Clause
 * fault - what init says of a thread that stopped in a fault, for a person: the cause, what lies at the address, where in
 * the image it was and by which calls it came there, the registers. (tools/README.md, "Crashes", has an example.)
 *
 * Registers and stack are the dead process's own, read word by word through the kernel (THREAD_GET_REG with handle 0: the
 * fault that init still owes an answer), which shows RAM of that process and nothing else. What stands there need not
 * be right: frame records are followed upwards only, inside the stack, and so many at most.
 *
 * Addresses in the image are offsets, since images lie somewhere else each time. A number that the code makes stands
 * before them: tools/lib/symbolise.py looks them up in an ELF file with the same number only.
 */
#include <cambium/client.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include "elf64.h"
#include "init.h"

enum { REG_FP = 29, REG_LR = 30, REG_PSTATE = 33, REGS = 31 };
enum {
    CALLS_MAX = 32,
    NEAR = 64 * 1024, /* so far a frame may reach below its stack and be known as an overflow */
    PUSH = 512,       /* below sp: stp's reach (DDI 0487 C6.2, 7 bits scaled by 8) */
    OTHER_STACK = 1024 * 1024, /* the largest that is looked for */
    LINE = 49,                 /* 80 columns, less "[    0.000000] error: [init]   " */
    TEXT = 160
};
#define USER_END   (1ull << 39)
#define NULL_REACH 0x200000ull /* nothing is mapped below (child.c) */

struct text {
    size_t len;
    char s[TEXT];
};

/* For %llu and %llx. */
static unsigned long long wide(uint64_t value)
{
    return value;
}

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(t->s + t->len, sizeof(t->s) - t->len, format, args);
    va_end(args);
    t->len += n < 0 ? 0 : (size_t)n;
    t->len = t->len < sizeof(t->s) ? t->len : sizeof(t->s) - 1; /* cut */
}

uint32_t fault_image_id(const struct elf_image *elf)
{
    uint32_t id = 0, word;

    for (unsigned i = 0; i < elf->segment_count; i++) {
        const struct elf_segment *s = &elf->segments[i];
        size_t at = 0;
        if (s->flags & MAP_EXEC) {
            if (s->data_len >= sizeof(struct elf64_ehdr) && memcmp(s->data, "\177ELF", 4) == 0) {
                const struct elf64_ehdr *header = (const struct elf64_ehdr *)(const void *)s->data;
                at = sizeof(*header) + header->e_phnum * sizeof(struct elf64_phdr);
            }
            for (; at + sizeof(word) <= s->data_len; at += sizeof(word)) {
                memcpy(&word, s->data + at, sizeof(word));
                id = id * 31 + word;
            }
        }
    }
    return id;
}

/* ---- the stopped thread ---- */

/* A register, or the word at an address; false: there is none. */
static bool look(uint64_t at, uint64_t *out)
{
    return sys_thread_control(0, THREAD_GET_REG, at, out) == E_OK;
}

static uint64_t reg(unsigned number)
{
    uint64_t value = 0; /* there always is one */

    (void)look(number, &value);
    return value;
}

struct stack {
    uint64_t low, high; /* the guard page lies below low; high 0: unknown */
    bool is_main;
};

/* The stack that sp and the address are about: the first thread's, or what is mapped above sp. */
static struct stack stack_of(const struct child *c, uint64_t sp)
{
    const struct start_info *info = c->info;
    struct stack s = { info->stack_top - info->stack_len, info->stack_top, true };
    uint64_t word;

    if (sp > s.high || sp < s.low - NEAR) {
        s = (struct stack){ sp & ~(uint64_t)(PAGE_SIZE - 1), 0, false };
        for (unsigned i = 0; i < NEAR / PAGE_SIZE && !look(s.low, &word); i++) {
            s.low += PAGE_SIZE;
        }
        s.high = s.low;
        while (s.high - s.low < OTHER_STACK && look(s.high, &word)) {
            s.high += PAGE_SIZE;
        }
        while (s.high - s.low < OTHER_STACK && look(s.low - PAGE_SIZE, &word)) {
            s.low -= PAGE_SIZE;
        }
    }
    return s;
}

/* Whether it wanted more than its stack: the address is between sp, or what a push reaches below it, and the stack's end. */
static bool is_overflow(const struct stack *s, const struct msg *m)
{
    uint64_t address = m->w[1], sp = m->w[4];

    return (m->w[0] == FAULT_READ || m->w[0] == FAULT_WRITE) && s->high > s->low &&
           sp < s->low + PUSH && address + PUSH >= sp && address < s->low;
}

/* ---- words ---- */

static void put_cause(struct text *t, const struct msg *m, const struct stack *stack,
                      const char *thread)
{
    unsigned long long address = m->w[1], code = 0;

    if (is_overflow(stack, m)) {
        put(t, "stack overflow of %s, %llu KiB", thread, wide(stack->high - stack->low) / 1024);
        return;
    }
    switch (m->w[0]) {
    case FAULT_READ:
        put(t, "cannot read 0x%llx", address);
        break;
    case FAULT_WRITE:
        put(t, "cannot write 0x%llx", address);
        break;
    case FAULT_EXECUTE:
        put(t, "jumped to 0x%llx", address);
        break;
    case FAULT_ALIGNMENT:
        put(t, "unaligned access to 0x%llx", address);
        break;
    case FAULT_INSTRUCTION:
        (void)look(m->w[2] & ~7ull, (uint64_t *)&code); /* 0 if not */
        put(t, "bad instruction 0x%08llx", m->w[2] & 4 ? code >> 32 : code & 0xffffffff);
        break;
    case FAULT_BREAKPOINT:
        put(t, "breakpoint %llu: a failed check", wide(m->w[3]) & 0xffff);
        break;
    case FAULT_BUS:
        put(t, "the bus reports an error at 0x%llx", address);
        break;
    case FAULT_SERROR:
        put(t, "the bus reports an error of an access before");
        break;
    case FAULT_SYSCALL:
        put(t, "no such system call: %llu", address);
        break;
    default:
        put(t, "unknown fault %llu, address 0x%llx", wide(m->w[0]), address);
        break;
    }
}

static bool within(uint64_t address, uint64_t start, uint64_t len)
{
    return address - start < len;
}

/* The register window in whose mapping, or in the page before or behind it, the address lies. The driver told where it
 * mapped them. */
static bool put_window(const struct init *init, const struct server *s, uint64_t address,
                       struct text *t)
{
    struct tree_range registers;

    for (unsigned i = 0; s != NULL && s->child.command != NULL && i < COMMAND_WINDOWS; i++) {
        const struct command_window w = s->child.command->windows[i];
        if (w.len == 0 || !within(address, w.va - PAGE_SIZE, w.len + 2 * PAGE_SIZE) ||
            tree_reg(init->fdt, s->child.info->node, i, &registers) != E_OK) {
            continue;
        }
        if (within(address, w.va, w.len)) {
            put(t, "register 0x%llx", wide(address - w.va + w.offset));
        } else if (address < w.va) {
            put(t, "%llu bytes before the start", wide(w.va - address));
        } else {
            put(t, "%llu bytes behind the end", wide(address - w.va - w.len));
        }
        put(t, " of window %u,\n0x%llx + 0x%llx", i, wide(registers.base), wide(registers.len));
        return true;
    }
    return false;
}

static bool put_image(const struct child *c, uint64_t address, struct text *t)
{
    for (unsigned i = 0; i < c->image->elf.segment_count; i++) {
        const struct elf_segment *s = &c->image->elf.segments[i];
        if (within(address, c->info->image_va + s->va, s->len)) {
            put(t, "+0x%llx in its image: %s", wide(address - c->info->image_va),
                s->flags & MAP_EXEC    ? "code"
                : s->flags & MAP_WRITE ? "data"
                                       : "constants");
            return true;
        }
    }
    return false;
}

/* What lies at the address; empty where a cause has none. */
static void put_place(const struct init *init, const struct server *s, const struct child *c,
                      const struct stack *stack, const struct msg *m, struct text *t)
{
    const struct start_info *info = c->info;
    uint64_t address = m->w[1], page = address & ~(uint64_t)(PAGE_SIZE - 1), word;
    bool is_access = m->w[0] == FAULT_READ || m->w[0] == FAULT_WRITE || m->w[0] == FAULT_BUS ||
                     m->w[0] == FAULT_EXECUTE || m->w[0] == FAULT_ALIGNMENT;

    if (!is_access) {
        return;
    }
    if (is_overflow(stack, m)) {
        put(t, "%llu bytes below the stack, at 0x%llx", wide(stack->low - address), wide(address));
    } else if (address < NULL_REACH) {
        put(t, "NULL + 0x%llx", wide(address));
    } else if (address >= USER_END) {
        put(t, "no address that a process can have");
    } else if (put_window(init, s, address, t) || put_image(c, address, t)) {
        return;
    } else if (within(address, info->tree_va, info->tree_len)) {
        put(t, "the device tree");
    } else if (within(address, stack->low, stack->high - stack->low)) {
        put(t, "its stack");
    } else if (look(address & ~7ull, &word)) {
        put(t, "memory that allows something else");
    } else if (look(page - PAGE_SIZE, &word)) {
        put(t, "just behind memory that is mapped");
    } else if (look(page + PAGE_SIZE, &word)) {
        put(t, "just before memory that is mapped");
    } else {
        put(t, "nothing is mapped there");
    }
}

/* ---- the lines ---- */

/* One line, or two. */
static void say(struct init *init, struct text *t)
{
    char *second = strchr(t->s, '\n');

    if (second != NULL) {
        *second++ = '\0';
    }
    report(init, LOG_ERROR, "  %s", t->s); /* as the first, so that it is seen where that is seen */
    if (second != NULL) {
        report(init, LOG_ERROR, "  %s", second);
    }
    *t = (struct text){ 0 };
}

/* What belongs together in one line, the line before when it is full. */
static void put_word(struct init *init, struct text *t, const struct text *head,
                     const struct text *word)
{
    if (t->len + word->len + 3 > LINE) {
        say(init, t);
    }
    put(t, "%s%s", t->len == 0 ? head->s : " ", word->s);
}

/* An offset in the image, or the address where it is none. */
static void put_code(struct text *t, const struct child *c, uint64_t address)
{
    uint64_t base = c->info->image_va;
    bool is_inside = within(address, base, c->image->elf.span);

    put(t, is_inside ? "+0x%llx" : "0x%llx", wide(is_inside ? address - base : address));
}

/* The return address of the next frame record outwards, which must lie above *low; false: there is none. */
static bool next_call(const struct stack *stack, uint64_t *low, uint64_t *fp, uint64_t *out)
{
    uint64_t next;

    if (*fp % 16 != 0 || *fp < *low || *fp < stack->low || *fp >= stack->high ||
        !look(*fp, &next) || !look(*fp + 8, out) || *out == 0) {
        return false;
    }
    *low = *fp + 16;
    *fp = next;
    return true;
}

static void say_calls(struct init *init, const struct child *c, const struct stack *stack,
                      const struct msg *m)
{
    uint64_t fp = reg(REG_FP), low = m->w[4], from, next;
    struct text head = { 0 }, line = { 0 }, word = { 0 };
    bool is_more = next_call(stack, &low, &fp, &next);

    put(&head, "%s %08x: ", c->image->name, fault_image_id(&c->image->elf));
    put(&line, "%spc ", head.s);
    put_code(&line, c, m->w[2] - (m->w[0] == FAULT_SYSCALL ? 4 : 0)); /* svc: it is one behind */
    put(&word, "lr ");
    put_code(&word, c, reg(REG_LR));
    put_word(init, &line, &head, &word);
    for (unsigned i = 0; i < CALLS_MAX && is_more; i++) {
        unsigned times = 0;
        from = next;
        while (is_more && next == from) { /* ends: the stack does. A recursion is one of them */
            times++;
            is_more = next_call(stack, &low, &fp, &next);
        }
        word = (struct text){ 0 };
        put_code(&word, c, from);
        if (times > 1) {
            put(&word, "*%u", times);
        }
        put_word(init, &line, &head, &word);
    }
    say(init, &line);
}

static void put_register(struct init *init, struct text *line, const char *name, uint64_t value)
{
    const struct text head = { 0 };
    struct text word = { 0 };

    put(&word, "%s=%llx", name, wide(value));
    put_word(init, line, &head, &word);
}

/* Those that are not 0. */
static void say_registers(struct init *init, const struct msg *m)
{
    struct text line = { 0 };
    char name[8];

    put_register(init, &line, "pc", m->w[2]);
    put_register(init, &line, "sp", m->w[4]);
    put_register(init, &line, "ESR", m->w[3]);
    put_register(init, &line, "PSTATE", reg(REG_PSTATE));
    for (unsigned i = 0; i < REGS; i++) {
        if (reg(i) != 0) {
            (void)snprintf(name, sizeof(name), "x%u", i); /* fits */
            put_register(init, &line, name, reg(i));
        }
    }
    say(init, &line);
}

void fault_report(struct init *init, const char *who, const struct server *s, const struct child *c,
                  const struct msg *m, char *out_why, size_t len)
{
    struct stack stack = stack_of(c, m->w[4]);
    struct text cause = { 0 }, thread = { 0 }, place = { 0 };

    put(&thread, stack.is_main ? "the first thread" : "thread %llu", wide(m->w[5]));
    put_cause(&cause, m, &stack, thread.s);
    put_place(init, s, c, &stack, m, &place);
    (void)snprintf(out_why, len, "fault: %s", cause.s); /* cut if too long */
    report(init, LOG_ERROR, "%s: fault: %s", who, cause.s);
    if (place.len != 0) {
        say(init, &place);
    }
    say_calls(init, c, &stack, m);
    put(&place, "%s, ", thread.s);
    if (m->w[4] >= stack.low && m->w[4] <= stack.high) {
        put(&place, "%llu of %llu bytes of stack", wide(stack.high - m->w[4]),
            wide(stack.high - stack.low));
    } else if (is_overflow(&stack, m)) {
        put(&place, "all of %llu bytes of stack", wide(stack.high - stack.low));
    } else {
        put(&place, "sp is in no stack");
    }
    say(init, &place);
    say_registers(init, m);
}
