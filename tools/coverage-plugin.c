/* SPDX-License-Identifier: BSD-2-Clause
 * A plugin for QEMU (API version 4, QEMU 9.2 and later) that records which instructions of known images a guest executed
 * and which ways its conditional branches went, for tools/coverage.
 *
 *   cc -O2 -shared -fPIC -o coverage-plugin.so coverage-plugin.c       (no header of QEMU is needed)
 *   qemu-system-aarch64 -plugin ./coverage-plugin.so,pages=FILE,out=FILE ...
 *
 * Code is recognised by content, not by address: `pages` holds the 4 KiB pages of code of all images, one after the other,
 * and whatever page the guest executes is looked up there. So it does not matter where the kernel or a process lies, how
 * often it is loaded, or which process runs. This needs code that relocation leaves alone, which `-z text` promises.
 *
 * `out` must exist, with one byte per instruction of `pages` (bit 0: executed, bit 1: its branch was taken, bit 2: it was
 * not), and eight bytes that count the translated instructions that lay in no known page. The bits are set in the file as
 * things happen, so a QEMU that is killed loses nothing, and many QEMUs may add to one file, side by side.
 *
 * A branch that is followed by an exception before its target executes is not counted that time: what comes next is
 * neither of its two successors.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the part of QEMU's public plugin interface that is used here ---- */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;
enum { CB_NO_REGS = 0, INLINE_STORE_U64 = 1, COND_EQ = 2, COND_NE = 3 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*f)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
                                               void (*f)(unsigned, void *), int flags, int cond,
                                               qemu_plugin_u64 entry, uint64_t imm, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
                                                         qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cond_cb(struct qemu_plugin_insn *insn,
                                                 void (*f)(unsigned, void *), int flags, int cond,
                                                 qemu_plugin_u64 entry, uint64_t imm, void *data);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned cpu);
__attribute__((visibility("default"))) int qemu_plugin_version = 4;

/* ---- the pages, found by a hash of what is in them ---- */
enum {
    PAGE = 4096,
    WORDS = PAGE / 4,
    SLOTS = 1 << 14,
    PAGES_MAX = SLOTS / 2,
    EXECUTED = 1,
    TAKEN = 2,
    PASSED = 4
};
static uint8_t *pages;
static size_t page_count;
static uint32_t slots[SLOTS]; /* page + 1; 0: none */
static uint8_t *out;          /* the file: bits EXECUTED, TAKEN, PASSED of each instruction */
static uint64_t *unknown;     /* at its end */

/* Per core: the last conditional branch if nothing was executed since, as instruction + 1; where it leads when it is taken
 * and when not; then a word per instruction that is not 0 when it was executed. */
struct seen {
    uint64_t branch, target, next;
    uint64_t executed[];
};
static struct qemu_plugin_scoreboard *board;

static uint64_t hash(const uint8_t *page)
{
    uint64_t h = 0xcbf29ce484222325, word;

    for (size_t i = 0; i < PAGE; i += sizeof word) {
        memcpy(&word, page + i, sizeof word);
        h = (h ^ word) * 0x100000001b3;
        h ^= h >> 29;
    }
    return h;
}

/* The slot where this page is, or would be. */
static uint32_t *slot_of(const uint8_t *page)
{
    uint64_t i = hash(page) % SLOTS;

    while (slots[i] && memcmp(pages + (size_t)(slots[i] - 1) * PAGE, page, PAGE)) {
        i = (i + 1) % SLOTS;
    }
    return &slots[i];
}

static qemu_plugin_u64 entry_at(size_t offset)
{
    return (qemu_plugin_u64){ board, offset };
}

static void set(size_t index, uint8_t bits)
{
    __atomic_fetch_or(&out[index], bits, __ATOMIC_RELAXED);
}

/* Only as long as the board says that it was not executed yet. */
static void on_first(unsigned cpu, void *data)
{
    struct seen *seen = qemu_plugin_scoreboard_find(board, cpu);
    size_t index = (size_t)(uintptr_t)data;

    seen->executed[index] = 1;
    set(index, EXECUTED);
}

/* The first instruction after a conditional branch tells which way that went. */
static void on_block(unsigned cpu, void *data)
{
    struct seen *seen = qemu_plugin_scoreboard_find(board, cpu);
    uint64_t pc = (uint64_t)(uintptr_t)data;

    if (pc == seen->next || pc == seen->target) {
        set(seen->branch - 1, pc == seen->next ? PASSED : TAKEN);
    }
    seen->branch = 0;
}

static int64_t sign_extended(uint32_t value, unsigned bits)
{
    return (int64_t)((uint64_t)value << (64 - bits)) >> (64 - bits);
}

/* Where a conditional branch leads, relative to itself; 0: this is none (DDI 0487, C4.1). */
static int64_t branch_offset(uint32_t insn)
{
    if ((insn & 0xff000000) == 0x54000000 &&
        (insn & 0xe) != 0xe) { /* B.cond, BC.cond; not "always" */
        return sign_extended(insn >> 5 & 0x7ffff, 19) * 4;
    }
    if ((insn & 0x7e000000) == 0x34000000) { /* CBZ, CBNZ */
        return sign_extended(insn >> 5 & 0x7ffff, 19) * 4;
    }
    if ((insn & 0x7e000000) == 0x36000000) { /* TBZ, TBNZ */
        return sign_extended(insn >> 5 & 0x3fff, 14) * 4;
    }
    return 0;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const uint8_t *last = NULL;
    uint32_t page = 0;

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cond_cb(
        tb, on_block, CB_NO_REGS, COND_NE, entry_at(offsetof(struct seen, branch)), 0,
        (void *)(uintptr_t)qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)));
    for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t pc = qemu_plugin_insn_vaddr(insn);
        const uint8_t *host = qemu_plugin_insn_haddr(insn);
        uint32_t word = 0;

        host = host ? host - pc % PAGE : NULL;
        if (host != last) {
            last = host;
            page = host ? *slot_of(host) : 0;
        }
        if (page == 0) {
            __atomic_fetch_add(unknown, 1, __ATOMIC_RELAXED);
            continue;
        }
        size_t index = (size_t)(page - 1) * WORDS + pc % PAGE / 4;
        qemu_plugin_register_vcpu_insn_exec_cond_cb(
            insn, on_first, CB_NO_REGS, COND_EQ,
            entry_at(offsetof(struct seen, executed) + index * 8), 0, (void *)(uintptr_t)index);
        qemu_plugin_insn_data(insn, &word, sizeof word);
        int64_t offset = branch_offset(word);
        if (offset != 0 && offset != 4) {
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
                insn, INLINE_STORE_U64, entry_at(offsetof(struct seen, target)),
                pc + (uint64_t)offset);
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
                insn, INLINE_STORE_U64, entry_at(offsetof(struct seen, next)), pc + 4);
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
                insn, INLINE_STORE_U64, entry_at(offsetof(struct seen, branch)), index + 1);
        }
    }
}

static int read_pages(const char *name)
{
    FILE *file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        return -1;
    }
    pages = malloc((size_t)PAGES_MAX * PAGE);
    page_count = pages ? fread(pages, PAGE, PAGES_MAX, file) : 0;
    if (page_count == 0 || getc(file) != EOF) {
        fprintf(stderr, "%s: not 1 to %d whole pages\n", name, PAGES_MAX);
        fclose(file);
        return -1;
    }
    fclose(file);
    for (size_t i = 0; i < page_count; i++) {
        uint32_t *slot = slot_of(pages + i * PAGE);
        if (*slot == 0) { /* the same page twice counts as the first */
            *slot = (uint32_t)i + 1;
        }
    }
    return 0;
}

static int map_out(const char *name)
{
    size_t count = page_count * WORDS;
    struct stat st;
    int fd = open(name, O_RDWR);

    if (fd < 0 || fstat(fd, &st) != 0 || (size_t)st.st_size != count + sizeof *unknown) {
        fprintf(stderr, "%s: not a file of %zu bytes\n", name, count + sizeof *unknown);
        return -1;
    }
    out = mmap(NULL, count + sizeof *unknown, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (out == MAP_FAILED) {
        perror(name);
        return -1;
    }
    unknown = (uint64_t *)(void *)(out + count);
    return 0;
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    const char *pages_name = NULL, *out_name = NULL;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "pages=", 6)) {
            pages_name = argv[i] + 6;
        } else if (!strncmp(argv[i], "out=", 4)) {
            out_name = argv[i] + 4;
        }
    }
    if (pages_name == NULL || out_name == NULL) {
        fprintf(stderr, "coverage-plugin: pages=FILE,out=FILE\n");
        return -1;
    }
    if (read_pages(pages_name) != 0 || map_out(out_name) != 0) {
        return -1;
    }
    board = qemu_plugin_scoreboard_new(sizeof(struct seen) + page_count * WORDS * 8);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
