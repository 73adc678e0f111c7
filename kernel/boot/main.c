/* SPDX-License-Identifier: BSD-2-Clause
 * The boot, in the upper half with the MMU on, in the order of the calls: tree, early console, timer, RAM, archive,
 * init. Where it cannot go on it halts with the reason.
 */
#include <arch/aarch64/mmu.h>
#include <arch/aarch64/sysreg.h>
#include <core/core.h>
#include "boot.h"
#include <tree.h>

#define TREE_WINDOW (KERNEL_WINDOWS + (2ull << 20)) /* early.c maps the loader's tree there */

extern char _start[], __archive_start[], __archive_end[], __image_end[], __boot_stack_end[];
extern const char embedded_archive_end[];
extern uint64_t early_identity_l1[], early_empty_ttbr0;

/* The tree where early.c mapped it, checked; or the end. */
static const void *tree_open(uint64_t tree_pa)
{
    const void *fdt = (const void *)(TREE_WINDOW + tree_pa % PAGE_SIZE);
    status_t error;

    if (tree_pa == 0) {
        halt_with_reason("the loader gave no device tree (x0 is 0); no address is guessed");
    }
    if (tree_pa % 8 != 0) {
        halt_with_reason("the device tree at %#llx is not 8-byte aligned",
                         (unsigned long long)tree_pa);
    }
    if (!early_tree_mapped()) {
        halt_with_reason("x0 = %#llx does not point at a device tree (magic d00dfeed)",
                         (unsigned long long)tree_pa);
    }
    error = tree_check(fdt, tree_len(fdt) < TREE_MAX_LEN ? tree_len(fdt) : TREE_MAX_LEN);
    if (error != E_OK) {
        halt_with_reason("the device tree at %#llx is damaged: %s", (unsigned long long)tree_pa,
                         error == E_RANGE   ? "its totalsize is larger than 2 MiB"
                         : error == E_LIMIT ? "nodes nest too deep"
                                            : "a block, token or name lies outside it");
    }
    return fdt;
}

static const char *cpu_name(uint64_t midr)
{
    switch (midr >> 4 & 0xfff) { /* MIDR_EL1.PartNum of implementer 'A' */
    case 0xd03:
        return "Cortex-A53";
    case 0xd05:
        return "Cortex-A55";
    case 0xd07:
        return "Cortex-A57";
    case 0xd08:
        return "Cortex-A72";
    case 0xd0b:
        return "Cortex-A76";
    case 0xd0c:
        return "Neoverse-N1";
    default:
        return "unknown core";
    }
}

static void say_hardware(const void *fdt, uint64_t entry_level, uint64_t image_pa)
{
    const char *model = tree_string(fdt, 0, "model"),
               *compatible = tree_string(fdt, 0, "compatible");
    uint64_t mmfr0 = id_aa64mmfr0_el1_read(), mmfr1 = id_aa64mmfr1_el1_read();

    kprintf("Cambium on %s", model != NULL        ? model
                             : compatible != NULL ? compatible
                                                  : "a machine without a model");
    kprintf("%s (MIDR %#llx), entered at EL%llu, image at %#llx, counter %llu kHz",
            cpu_name(midr_el1_read()), (unsigned long long)midr_el1_read(),
            (unsigned long long)entry_level, (unsigned long long)image_pa,
            (unsigned long long)(cntfrq_el0_read() / 1000));
    kprintf("features: %s-bit ASID%s%s%s", ((mmfr0 >> 4) & 15) == 2 ? "16" : "8",
            ((mmfr1 >> 20) & 15) != 0 ? ", PAN" : "",
            ((id_aa64isar0_el1_read() >> 20) & 15) != 0 ? ", LSE" : "",
            ((id_aa64pfr0_el1_read() >> 24) & 15) != 0 ? ", GIC system registers" : "");
}

static void timer_init(void)
{
    if (cntfrq_el0_read() == 0) {
        halt_with_reason("CNTFRQ_EL0 is 0: the firmware did not tell the timer's frequency");
    }
    cntkctl_el1_write(CNTKCTL_EL0VCTEN);
    cntv_cval_el0_write((uint64_t)DEADLINE_NEVER);
    cores[0].armed = (uint64_t)DEADLINE_NEVER;
    cores[0].slice_ticks = cntfrq_el0_read() / 200; /* time slices of 5 ms */
    cntv_ctl_el0_write(CNTV_CTL_ENABLE); /* and never off again: ISTATUS would be UNKNOWN */
    isb();
}

void boot_main(uint64_t tree_pa, uint64_t entry_level, uint64_t image_pa)
{
    struct boot_range archive = { 0, 0 }, tree;
    struct tree_range initrd;
    const void *fdt;
    status_t error;

    cores[0].stack_top = (uint64_t)__boot_stack_end;
    early_empty_ttbr0 = (uint64_t)early_identity_l1 - KERNEL_IMAGE + image_pa;
    mmu_drop_identity();
    fdt = tree_open(tree_pa);
    console_bind(fdt);
    console_flush();
    psci_bind(fdt);
    say_hardware(fdt, entry_level, image_pa);
    timer_init();
    error = tree_initrd(fdt, &initrd);
    if (error == E_OK) {
        archive = (struct boot_range){ initrd.base, initrd.len };
    } else if (error != E_NOTFOUND) {
        kprintf(
            "/chosen: linux,initrd-start and -end are malformed: the archive of the image is used");
    }
    tree = (struct boot_range){ tree_pa, tree_len(fdt) };
    ram_init(fdt, image_pa, (uint64_t)(__image_end - _start), tree, archive);
    kprintf("RAM %llu MiB in %u range%s, %llu MiB free, DMA pool %llu KiB",
            (unsigned long long)(ram_total() >> 20), ram_range_count(),
            ram_range_count() == 1 ? "" : "s", (unsigned long long)(frames_free_count >> 8),
            (unsigned long long)(frames_dma_free * 4));
    if (archive.len == 0) {
        archive = (struct boot_range){ image_pa + (uint64_t)(__archive_start - _start),
                                       (uint64_t)(embedded_archive_end - __archive_start) };
    }
    start_init(fdt, tree_pa, archive);
    boot_leave(cores[0].stack_top);
}
