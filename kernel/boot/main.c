/* SPDX-License-Identifier: BSD-2-Clause
 * The boot, in the upper half with the MMU on, in the order of the calls: tree, early console, timer, RAM, archive,
 * init. Where it cannot go on it halts with the reason.
 */
#include <arch/aarch64/sysreg.h>
#include <core/core.h>
#include "boot.h"

#define TREE_WINDOW (KERNEL_WINDOWS + (2ull << 20)) /* early.c maps the loader's tree there */

extern char __archive_start[], embedded_archive_end[], __boot_stack_end[];
extern uint64_t early_identity_l1[], early_empty_ttbr0;

uint64_t boot_seeds[TREE_SEEDS];
static status_t tree_error;
static size_t tree_room; /* bytes of it that are mapped */

BOOT_CODE uint64_t boot_slide(uint64_t tree_pa)
{
    void *fdt = (void *)(TREE_WINDOW + tree_pa % PAGE_SIZE);

    if (early_tree_l3[0] != 0) {
        tree_room = tree_len(fdt) < TREE_MAX_LEN ? tree_len(fdt) : TREE_MAX_LEN;
        tree_error = tree_check(fdt, tree_room);
        if (tree_error == E_OK) {
            tree_seeds(fdt, boot_seeds);
        }
    }
    ordered_seed |= boot_seeds[0] >> 32;
    return boot_seeds[0] != 0 ? early_slide(boot_seeds[0]) : 0;
}

/* The tree where early.c mapped it, checked; or the end. */
static BOOT_CODE void *tree_open(uint64_t tree_pa)
{
    void *fdt = (void *)(TREE_WINDOW + tree_pa % PAGE_SIZE);

    if (tree_pa == 0) {
        halt_with_reason("the loader gave no device tree (x0 is 0); no address is guessed");
    }
    if (tree_pa % 8 != 0) {
        halt_with_reason("the device tree at %#lx is not 8-byte aligned", tree_pa);
    }
    if (early_tree_l3[0] == 0) {
        halt_with_reason("x0 = %#lx does not point at a device tree (magic d00dfeed)", tree_pa);
    }
    if (tree_error != E_OK) {
        size_t len = tree_len(fdt); /* tree_mend changes it */

        if (tree_mend(fdt, tree_room) == E_OK) {
            console_bind(fdt); /* what is sound of it may name the console that can say so */
            console_flush();
        }
        halt_with_reason(
            "the device tree at %#lx, %lu bytes, cannot be used: %s", tree_pa, len,
            tree_error == E_RANGE   ? "it must have 2 MiB at most (dtc takes out padding)"
            : tree_error == E_LIMIT ? "nodes nest deeper than 32 levels"
                                    : "it is damaged: a block, token or name lies outside it");
    }
    return fdt;
}

static BOOT_CODE void say_hardware(const void *fdt, uint64_t entry_level, uint64_t image_pa)
{
    const char *model = tree_string(fdt, 0, "model");
    uint64_t mmfr0 = sysreg_read(id_aa64mmfr0_el1);

    model = model != NULL ? model : tree_string(fdt, 0, "compatible");
    kprintf("Cambium on %s", model != NULL ? model : "a machine without a model");
    kprintf("MIDR %#lx, entered at EL%lu, image at %#lx", sysreg_read(midr_el1), entry_level,
            image_pa);
    kprintf("counter %lu kHz, %s-bit ASID%s%s%s", sysreg_read(cntfrq_el0) / 1000,
            (mmfr0 >> 4 & 15) == 2 ? "16" : "8",
            (sysreg_read(id_aa64mmfr1_el1) >> 20 & 15) != 0 ? ", PAN" : "",
            (sysreg_read(id_aa64isar0_el1) >> 20 & 15) != 0 ? ", LSE" : "",
            (sysreg_read(id_aa64pfr0_el1) >> 24 & 15) != 0 ? ", GIC system registers" : "");
    if (boot_seeds[0] == 0) {
        kprintf("/chosen has no kaslr-seed: addresses are fixed");
    }
}

static BOOT_CODE void timer_init(void)
{
    if (sysreg_read(cntfrq_el0) == 0) {
        halt_with_reason("CNTFRQ_EL0 is 0: the firmware did not tell the timer's frequency");
    }
    /* PMUVer 0 or 15: no PMU of the architecture's kind (a hypervisor's guest), and its registers are UNDEFINED */
    if ((((sysreg_read(id_aa64dfr0_el1) >> 8) + 1) & 14) != 0) {
        sysreg_write(pmuserenr_el0, 0); /* its counters are not EL0's */
    }
    sysreg_write(cntkctl_el1, CNTKCTL_EL0VCTEN);
    sysreg_write(cntv_cval_el0, (uint64_t)DEADLINE_NEVER);
    cores[0].armed = (uint64_t)DEADLINE_NEVER;
    cores[0].slice_ticks = sysreg_read(cntfrq_el0) / 200; /* time slices of 5 ms */
    sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE); /* and never off again: ISTATUS would be UNKNOWN */
    isb();
}

BOOT_CODE void boot_main(uint64_t tree_pa, uint64_t entry_level, uint64_t image_pa)
{
    struct tree_range tree, archive = { image_pa + (uint64_t)(__archive_start - _start),
                                        (uint64_t)(embedded_archive_end - __archive_start) };
    status_t error;
    void *fdt;

    cores[0].stack_top = (uint64_t)__boot_stack_end;
    early_empty_ttbr0 = (uint64_t)early_identity_l1 - (uint64_t)_start + image_pa;
    early_drop();
    fdt = tree_open(tree_pa);
    console_bind(fdt);
    console_flush();
    psci_bind(fdt);
    say_hardware(fdt, entry_level, image_pa);
    timer_init();
    error = tree_initrd(fdt, &archive);
    if (error != E_OK && error != E_NOTFOUND) {
        kprintf("/chosen: linux,initrd-start and -end are malformed: the archive of the image is "
                "used");
    }
    tree = (struct tree_range){ tree_pa, tree_len(fdt) };
    ram_init(fdt, image_pa, tree, archive);
    start_init(fdt, tree, archive);
    early_leave(cores[0].stack_top);
}
