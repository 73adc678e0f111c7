/* SPDX-License-Identifier: BSD-2-Clause
 * Fuzz target: any bytes as the blob in x0. The kernel's boot, natively, from boot_main on - the checks, the early
 * console, PSCI, memory, reservations, the archive's place, the copy for init - and then init's plan: all that reads the
 * tree before the first server runs. It must halt with a reason or go through; and then:
 *
 *  - free memory is RAM, and neither reserved nor image, tree or archive; the DMA pool likewise, and nothing twice
 *  - the early console's window does not lie over RAM
 *  - init's copy passes the check and holds no seed
 *  - windows of served nodes do not lie over RAM or reservations; who is called ranks below
 *
 * Kernel code is compiled as in kernel_native.h; what it calls outside of boot/ and console.c is faked at the end.
 */
#include <boot/boot.h>
#include <core/core.h>
#include "fuzz.h"
#include <libfdt.h>
#include <sanitizer/asan_interface.h>

enum {
    IMAGE_PA = 0x40200000,
    TREE_PA = 0x48000000,
    ARCHIVE_AT = 0x11000,
    ARCHIVE_LEN = 0x74000,
    IMAGE_LEN = 0xc2000
};

/* ---- the machine ---- */

static struct {
    char blob[TREE_MAX_LEN + 4096] __attribute__((aligned(4096))); /* where early.c maps it */
    jmp_buf end;
    char *copy; /* init's tree */
    uint64_t archive_base, archive_len;
    struct tree_range free[4096];
    unsigned free_count;
} fake;

/* In the kernel these are the linker script's. */
char fake_start[IMAGE_LEN];
asm(".globl __archive_start, __archive_end, embedded_archive_end, __image_end, __boot_stack_end\n"
    ".set __archive_start, fake_start + 0x11000\n"
    ".set embedded_archive_end, fake_start + 0x85000\n"
    ".set __archive_end, fake_start + 0x85000\n"
    ".set __image_end, fake_start + 0xc2000\n"
    ".set __boot_stack_end, fake_start + 0xc2000\n");
#define _start fake_start
#undef KERNEL_WINDOWS
#define KERNEL_WINDOWS ((uint64_t)fake.blob - (2ull << 20)) /* so that TREE_WINDOW is the blob */
#undef pa_to_va
enum { COPY_PA = 0x7ff00000 };
#define pa_to_va(pa)                                                                               \
    ((pa) == COPY_PA ? (void *)fake.copy : (void *)(uintptr_t)((pa) + (1ull << 44)))
#define FAKE_cntfrq_el0       62500000ull
#define FAKE_midr_el1         0x410fd083ull
#define FAKE_id_aa64mmfr1_el1 0ull
#define FAKE_id_aa64isar0_el1 0ull
#define FAKE_id_aa64pfr0_el1  0ull

#define EARLY_CONSOLE 1
#include "../../kernel/core/console.c"
#include "../../kernel/boot/ram.c"
#define start_init                                                                                 \
    kernel_start_init /* not run: it makes init's process, which needs the rest of the kernel */
#include "../../kernel/boot/start.c"
#undef start_init
#include "../../kernel/boot/main.c"
/* registers by name, and two calls of the firmware, which nobody makes here */
#undef __asm__
#undef volatile
#define __asm__(...)
#define volatile(...) ("")
#include "../../kernel/arch/aarch64/psci.c"
#undef __asm__
#undef volatile

/* ---- what must hold ---- */

/* Each page of it is whole in one range of RAM, or in ranges that touch: so its first and last byte are. */
static void check_free(const void *fdt, struct tree_range f)
{
    struct tree_range taken[] = { { IMAGE_PA, IMAGE_LEN },
                                  { TREE_PA, tree_len(fdt) },
                                  { fake.archive_base, fake.archive_len } };

    MUST(f.len % PAGE_SIZE == 0 && f.base % PAGE_SIZE == 0 && f.base != 0);
    MUST(fuzz_over_ram(fdt, f.base, 1) && fuzz_over_ram(fdt, f.base + f.len - 1, 1));
    MUST(!fuzz_over_reservation(fdt, f.base, f.len));
    for (unsigned i = 0; i < 3; i++) {
        MUST(!fuzz_meets(f.base, f.len, taken[i]));
    }
}

static void check_memory(const void *fdt)
{
    for (unsigned i = 0; i < fake.free_count; i++) {
        check_free(fdt, fake.free[i]);
        for (unsigned k = 0; k < i; k++) {
            MUST(!fuzz_meets(fake.free[i].base, fake.free[i].len, fake.free[k]));
        }
    }
}

static void check_seeds(const void *fdt)
{
    static const char *const names[] = { "kaslr-seed", "rng-seed" };
    int chosen, len;

    for (unsigned i = 0; tree_find(fdt, "/chosen", &chosen) == E_OK && i < 2; i++) {
        const char *seed = tree_prop(fdt, chosen, names[i], &len);

        for (int k = 0; seed && k < len; k++) {
            MUST(seed[k] == 0);
        }
    }
}

/* Instead of start.c's: only what reads the tree. */
void start_init(void *fdt, struct tree_range tree, struct tree_range archive)
{
    uint64_t len;

    fake.archive_base = archive.base;
    fake.archive_len = archive.len;
    check_memory(fdt);
    copy_tree(NULL, fdt, tree, &len);
    MUST(tree_check(fake.copy, len) == E_OK && tree_len(fake.copy) == len);
    check_seeds(fake.copy);
}

_Noreturn void early_leave(uint64_t stack_top)
{
    (void)stack_top;
    longjmp(fake.end, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t total, room;

    if (len < 8 || len > TREE_MAX_LEN) {
        return 0;
    }
    memcpy(fake.blob, data, len);
    total = tree_len(fake.blob);
    room = total < TREE_MAX_LEN ? total : TREE_MAX_LEN; /* what early.c maps */
    room = room > 8 ? room : 8;
    __asan_poison_memory_region(fake.blob + room, sizeof(fake.blob) - room);
    memset(&ram, 0, sizeof(ram));
    unused.count = 0;
    fake.free_count = 0;
    uart = NULL;
    conduit = CONDUIT_NONE;
    if (setjmp(fake.end) == 0) {
        memset(boot_seeds, 0, sizeof(boot_seeds));
        early_tree_l3[0] = fdt_magic(fake.blob) == FDT_MAGIC;
        (void)boot_slide(TREE_PA);
        boot_main(TREE_PA, 1, IMAGE_PA);
    }
    if (tree_check(fake.blob, room) == E_OK) {
        fuzz_plan(
            fake.blob); /* init's, of trees too for which the kernel halts: other machines' have no memory here */
    }
    __asan_unpoison_memory_region(fake.blob, sizeof(fake.blob));
    memset(fake.blob, 0, room > len ? room : len); /* tree_mend may have written behind the input */
    free(fake.copy);
    fake.copy = NULL;
    return 0;
}

/* ---- fakes ---- */

/* What only kernel_start_init calls. */
void fuzz_never(void);
void fuzz_never(void)
{
    abort();
}
#define NEVER(name) asm(".globl " #name "\n.set " #name ", fuzz_never");
NEVER(archive_find)
NEVER(cache_sync_code)
NEVER(device_create)
NEVER(elf_check)
NEVER(handle_install)
NEVER(memory_adopt)
NEVER(mmu_map_page)
NEVER(mmu_user_attributes)
NEVER(process_create)
NEVER(thread_create)

struct core cores[CORES];
uint32_t ordered_seed = 1;
uint64_t early_tree_l3[1];
unsigned fake_asm;
uint64_t fake_now, fake_isr, mmu_table_next, early_empty_ttbr0, early_identity_l1[512];
char fake_ram[FAKE_PAGES * 4096]; /* of kernel_native.h; not used */
struct frame_pool frame_pools[2];

void early_drop(void) {}

uint64_t early_slide(uint64_t seed)
{
    return seed;
}

void console_flush(void) {}

void kprintf(const char *format, ...)
{
    char line[LINE_LEN];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args); /* reads the strings that it is given */
    va_end(args);
}

bool console_on;
uint64_t init_base;

_Noreturn void stop(void)
{
    longjmp(fake.end, 1);
}

void *mmu_window(unsigned slot, uint64_t pa, uint64_t attributes)
{
    (void)attributes;
    MUST(slot != WINDOW_CONSOLE || !fuzz_over_ram(fake.blob, pa & PTE_ADDRESS, 1));
    return fake.blob;
}

int device_access_at(uint64_t va, uint64_t op, uint64_t *inout)
{
    (void)va;
    *inout = op & DEVICE_WRITE ? *inout : 0;
    return 0;
}

void mmu_table_pool(uint64_t pa)
{
    mmu_table_next = pa + PAGE_SIZE;
}

void mmu_map_linear(uint64_t pa, uint64_t len, uint64_t attributes)
{
    (void)attributes;
    MUST(pa % PAGE_SIZE == 0 && len % PAGE_SIZE == 0);
    MUST(pa <= KERNEL_LINEAR_LEN && len <= KERNEL_LINEAR_LEN - pa);
}

void page_zero(uint64_t pa, bool dma)
{
    (void)pa, (void)dma;
}

void frames_add_range(uint64_t pa, uint64_t len, struct frame *frames)
{
    (void)frames;
    MUST(pa % PAGE_SIZE == 0 && len % PAGE_SIZE == 0);
}

void frames_add_free(uint64_t pa, uint64_t len, bool dma)
{
    (void)dma;
    if (len != 0) {
        MUST(fake.free_count < sizeof(fake.free) / sizeof(fake.free[0]));
        fake.free[fake.free_count++] = (struct tree_range){ pa, len };
    }
}

struct frame *frame_at(uint64_t number)
{
    static struct frame frame;

    return fuzz_over_ram(fake.blob, number << PAGE_SHIFT, 1) ? &frame : NULL;
}

status_t memory_create(struct process *payer, uint64_t pages, uint32_t flags, uint64_t limit,
                       struct memory **out)
{
    static struct memory memory = { .first = COPY_PA >> PAGE_SHIFT };

    (void)payer, (void)flags, (void)limit;
    fake.copy = malloc(pages << PAGE_SHIFT);
    *out = &memory;
    return E_OK;
}

status_t memory_fill_step(struct memory *m)
{
    (void)m;
    return E_OK;
}
