/* SPDX-License-Identifier: BSD-2-Clause
 * A plugin for QEMU (API version 4, QEMU 9.2 and later) that counts what a guest executes, for tools/bench. One vCPU, or
 * several of which the others wait in the first page, in QEMU's loop for cores that were not started: not counted.
 *
 *   cc -O2 -shared -fPIC -o bench-plugin.so bench-plugin.c       (no header of QEMU is needed)
 *   qemu-system-aarch64 -plugin ./bench-plugin.so,out=FILE,uart=ADDRESS,prompt=TEXT ...
 *
 * Every executed instruction counts once, as user or kernel by the sign of its address (all that runs before the first
 * upper-half instruction is the kernel's), and barriers, TLB maintenance and device accesses are counted apart beside.
 * The guest speaks by markers, `hint #(0x70 + k)`, which the CPU takes as NOP at any exception level and which do not
 * count themselves (servers/app/bench/marker.h):
 *
 *   1 START    a series begins; series are numbered from 0 in the order of servers/app/bench/keys.def
 *   2 END      it ends
 *   3 LAP      one value: everything since the last LAP of this series (the first only sets the base)
 *   4 FROM, 5 TO    one value: everything in between
 *   6 IRQ      in a driver, when its interrupt reached it: one value, from the last IRQ taken from EL0 to the last
 *              return to EL0, which is this driver's
 *   7 ACK_FROM, 8 ACK_TO    two values, alternating: up to the last device store in between, and the whole
 *   9 PCI_FROM, 10 PCI_TO    "mark pci_enumerate": everything in between, outside of all series (<cambium/marker.h>)
 *   15 EXIT    ends QEMU with status 0
 *
 * The output has one line per value, "value SERIES USER KERNEL ISB DSB TLBI MMIO", and "mark NAME USER KERNEL ..." for
 * first_user (the first instruction at EL0) and prompt (the guest has written TEXT to the UART), at which all counters
 * stand since reset, and pci_enumerate; "longest N PC TOTAL" at the end: the longest time for which an interrupt
 * would have had to wait, the user's address before it, and how many instructions had been executed at its end. It is
 * a run in the kernel between user instructions, waits, and looks at ISR_EL1, where the kernel leaves a long call if an
 * interrupt is pending.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the part of QEMU's public plugin interface that is used here ---- */
typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
enum { CB_NO_REGS = 0, MEM_READ = 1, MEM_WRITE = 2, MEM_BOTH = 3 };
typedef struct {
    int type;
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        uint64_t u128[2];
    } data;
} qemu_plugin_mem_value;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*f)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*f)(unsigned, void *), int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      void (*f)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *),
                                      int flags, int rw, void *data);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t va);
_Bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hw);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hw);
_Bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
qemu_plugin_mem_value qemu_plugin_mem_get_value(qemu_plugin_meminfo_t info);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t, void *),
                                    void *data);
__attribute__((visibility("default"))) int qemu_plugin_version = 4;

/* ---- counters ---- */
struct counts {
    uint64_t user, kernel, isb, dsb, tlbi, mmio;
};
enum kind { PLAIN, ISB, DSB, TLBI, OPEN };
enum marker { START = 1, END, LAP, FROM, TO, IRQ, ACK_FROM, ACK_TO, PCI_FROM, PCI_TO, EXIT = 15 };

static struct counts now;
static struct counts lap, from, irq_taken, to_user, ack_from, ack_store, pci_from;
static int series = -1;
static int has_lap;
static int was_kernel = 1; /* of the instruction before */
static int upper_seen, user_seen;
static uint64_t vectors; /* VBAR_EL1, learnt at the first exception from EL0 */
static uint64_t run, longest, longest_pc, longest_total, user_pc;
static uint64_t uart;
static char prompt[64];
static size_t prompt_seen;
static FILE *out;

static void print_counts(const struct counts *a, const struct counts *b)
{
    fprintf(out, " %llu %llu %llu %llu %llu %llu\n", (unsigned long long)(a->user - b->user),
            (unsigned long long)(a->kernel - b->kernel), (unsigned long long)(a->isb - b->isb),
            (unsigned long long)(a->dsb - b->dsb), (unsigned long long)(a->tlbi - b->tlbi),
            (unsigned long long)(a->mmio - b->mmio));
}

static void value(const struct counts *end, const struct counts *begin)
{
    if (series >= 0) {
        fprintf(out, "value %d", series);
        print_counts(end, begin);
    }
}

static void mark_since(const char *name, const struct counts *begin)
{
    fprintf(out, "mark %s", name);
    print_counts(&now, begin);
    fflush(out);
}

static void mark(const char *name)
{
    static const struct counts reset;
    mark_since(name, &reset);
}

static void finish(void)
{
    fprintf(out, "longest %llu %llx %llu\n", (unsigned long long)longest,
            (unsigned long long)longest_pc, (unsigned long long)longest_total);
    fflush(out);
}

static void on_marker(unsigned cpu, void *data)
{
    (void)cpu;
    switch ((enum marker)(uintptr_t)data) {
    case START:
        series++;
        has_lap = 0;
        break;
    case END:
        fflush(out);
        has_lap = 0;
        break;
    case LAP:
        if (has_lap) {
            value(&now, &lap);
        }
        has_lap = 1;
        lap = now;
        break;
    case FROM:
        from = now;
        break;
    case TO:
        value(&now, &from);
        break;
    case IRQ:
        value(&to_user, &irq_taken);
        break;
    case ACK_FROM:
        ack_from = ack_store = now;
        break;
    case ACK_TO:
        value(&ack_store, &ack_from);
        value(&now, &ack_from);
        break;
    case PCI_FROM:
        pci_from = now;
        break;
    case PCI_TO:
        mark_since("pci_enumerate", &pci_from);
        break;
    case EXIT:
        finish();
        _exit(0);
    }
}

/* What an instruction's address says: which side, exception entry, return to EL0. */
static void on_instruction(unsigned cpu, void *data)
{
    uint64_t pc = (uint64_t)(uintptr_t)data;
    int is_upper = pc >> 63;

    (void)cpu;
    if (is_upper || !upper_seen) {
        upper_seen |= is_upper;
        if (!was_kernel) {
            run = 0;
            vectors = pc & ~0x7ffull;
        }
        if (vectors &&
            pc == vectors + 0x480) { /* IRQ from EL0 with AArch64 (DDI 0487, vector offsets) */
            irq_taken = now;
        }
        was_kernel = 1;
        now.kernel++;
        run++;
        if (prompt_seen == SIZE_MAX && run > longest) {
            longest = run;
            longest_pc = user_pc;
            longest_total = now.user + now.kernel;
        }
        return;
    }
    if (was_kernel) {
        to_user = now;
        if (!user_seen) {
            user_seen = 1;
            mark("first_user");
        }
    }
    was_kernel = 0;
    user_pc = pc;
    now.user++;
}

static void on_kind(unsigned cpu, void *data)
{
    (void)cpu;
    switch ((enum kind)(uintptr_t)data) {
    case ISB:
        now.isb++;
        break;
    case DSB:
        now.dsb++;
        break;
    case TLBI:
        now.tlbi++;
        break;
    case OPEN: /* what follows is another stretch */
        run = 0;
        break;
    case PLAIN:
        break;
    }
}

/* Searches the guest's output for the prompt; restarting at the byte at hand is right, as it starts with no prefix of
 * itself. */
static void on_output(char c)
{
    if (!prompt[0] || prompt_seen == SIZE_MAX) {
        return;
    }
    prompt_seen = c == prompt[prompt_seen] ? prompt_seen + 1 : c == prompt[0];
    if (!prompt[prompt_seen]) {
        prompt_seen = SIZE_MAX;
        mark("prompt");
    }
}

static void on_memory(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t va, void *data)
{
    struct qemu_plugin_hwaddr *hw = qemu_plugin_get_hwaddr(info, va);

    (void)cpu;
    (void)data;
    if (!hw || !qemu_plugin_hwaddr_is_io(hw)) {
        return;
    }
    now.mmio++;
    if (qemu_plugin_mem_is_store(info)) {
        ack_store = now;
        if (uart && qemu_plugin_hwaddr_phys_addr(hw) == uart) {
            on_output((char)qemu_plugin_mem_get_value(info).data.u8);
        }
    }
}

static enum kind kind_of(uint32_t insn)
{
    if ((insn & 0xfffff0ff) == 0xd50330df) {
        return ISB;
    }
    if ((insn & 0xfffff0ff) == 0xd503309f) {
        return DSB;
    }
    if ((insn & 0xfff8f000) == 0xd5088000) { /* SYS with op0 1, CRn 8 */
        return TLBI;
    }
    /* WFI, WFE, MRS Xt, ISR_EL1 */
    return insn == 0xd503207f || insn == 0xd503205f || (insn & ~31u) == 0xd538c100 ? OPEN : PLAIN;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t pc = qemu_plugin_insn_vaddr(insn);
        uint32_t word = 0;

        if (pc < 4096) { /* no program of Cambium's has anything there */
            continue;
        }
        qemu_plugin_insn_data(insn, &word, sizeof word);
        if ((word & 0xfffff01f) == 0xd503201f && ((word >> 5) & 0x70) == 0x70) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, CB_NO_REGS,
                                                   (void *)(uintptr_t)(word >> 5 & 15));
            continue;
        }
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction, CB_NO_REGS,
                                               (void *)(uintptr_t)pc);
        enum kind kind = kind_of(word);
        if (kind != PLAIN) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_kind, CB_NO_REGS,
                                                   (void *)(uintptr_t)kind);
        }
        qemu_plugin_register_vcpu_mem_cb(insn, on_memory, CB_NO_REGS, MEM_BOTH, NULL);
    }
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    finish();
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    out = stderr;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) {
            out = fopen(argv[i] + 4, "w");
        } else if (!strncmp(argv[i], "uart=", 5)) {
            uart = strtoull(argv[i] + 5, NULL, 0);
        } else if (!strncmp(argv[i], "prompt=", 7)) {
            snprintf(prompt, sizeof prompt, "%s", argv[i] + 7);
        }
    }
    if (!out) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
