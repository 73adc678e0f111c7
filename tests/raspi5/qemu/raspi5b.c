/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raspberry Pi 5: the board, and the part of its firmware
 *
 * In the place of the boot EEPROM and of TF-A's BL31, this completes the
 * device tree and starts an arm64 Image on the first core at EL2, non-secure,
 * with the tree's address in x0.  PSCI is QEMU's own.  What is modelled after
 * which source is in the README beside this file's folder.
 */

#include "qemu/osdep.h"
#include <libfdt.h>
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "qemu/error-report.h"
#include "qemu/guest-random.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "bcm2712.h"
#include "rp1.h"
#include "exec/address-spaces.h"
#include "hw/arm/boot.h"
#include "hw/boards.h"
#include "hw/irq.h"
#include "hw/loader.h"
#include "hw/pci/pci.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/sd/sd.h"
#include "system/block-backend.h"
#include "system/blockdev.h"
#include "system/device_tree.h"
#include "system/reset.h"

#define TYPE_RASPI5B_MACHINE MACHINE_TYPE_NAME("raspi5b")
OBJECT_DECLARE_SIMPLE_TYPE(Raspi5bState, RASPI5B_MACHINE)

struct Raspi5bState {
    MachineState parent_obj;

    BCM2712State soc;
    struct arm_boot_info boot;
    bool d0;                /* stepping of the SoC: C1, or D0 */

    bool rp1;               /* RP1 is there, and answers */
    bool link_down[BCM2712_PCIES];
    bool pciex1;            /* dtparam=pciex1 */
    bool pciex4_reset;      /* config.txt's pciex4_reset */
    bool rp1_1c;            /* where newer firmware leaves RP1 */
    bool rp1_uart;          /* enable_rp1_uart */
    RP1State *rp1_state;    /* NULL without RP1 */
};

#define UART_LCRH_8N1_FIFO  0x70
#define UART_CR_ENABLED     0x301   /* TXE, RXE, UARTEN */

#define SERIAL_NUMBER   0x1000000000000005ULL

/* Revision code in its new style: memory, processor, type, revision */
#define REVISION_NEW        (1 << 23)
#define REVISION_MEMORY(n)  ((n) << 20)     /* 256 MiB << n */
#define REVISION_BCM2712    (4 << 12)
#define REVISION_5B         (0x17 << 4)

static uint32_t board_revision(Raspi5bState *s)
{
    uint64_t size = MACHINE(s)->ram_size;

    return REVISION_NEW | REVISION_MEMORY(ctz64(size / (256 * MiB))) |
           REVISION_BCM2712 | REVISION_5B | (s->d0 ? 1 : 0);
}

static void G_NORETURN die(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    error_vreport(format, args);
    va_end(args);
    exit(1);
}

static void must(int result, const char *what)
{
    if (result < 0) {
        die("raspi5b: the device tree: %s: %s", what, fdt_strerror(result));
    }
}

/* The banks on both sides of VideoCore's share. */
static void tree_set_memory(void *fdt, uint64_t ram_size)
{
    uint32_t acells = qemu_fdt_getprop_cell(fdt, "/", "#address-cells", NULL,
                                            &error_fatal);
    uint32_t scells = qemu_fdt_getprop_cell(fdt, "/", "#size-cells", NULL,
                                            &error_fatal);
    uint64_t most = scells > 1 ? UINT64_MAX : 2 * GiB;
    uint64_t end = BCM2712_VC_BASE + BCM2712_VC_SIZE;
    g_autoptr(GArray) reg = g_array_new(false, false, sizeof(uint64_t));
    g_auto(GStrv) paths = qemu_fdt_node_unit_path(fdt, "memory", &error_fatal);
    g_autofree char *memory = NULL;

    for (int i = 0; paths[i]; i++) {
        if (strrchr(paths[i], '/') != paths[i]) {
            continue; /* not a child of the root */
        }
        if (!memory) {
            memory = g_strdup(paths[i]);
        } else {
            qemu_fdt_nop_node(fdt, paths[i]);
        }
    }
    if (!memory) {
        memory = g_strdup("/memory@0");
        qemu_fdt_add_subnode(fdt, memory);
    }

    g_array_append_vals(reg, (uint64_t[]) { acells, 0 }, 2);
    g_array_append_vals(reg, (uint64_t[]) { scells, BCM2712_VC_BASE }, 2);
    while (end < ram_size) {
        uint64_t size = MIN(ram_size - end, most);

        g_array_append_vals(reg, (uint64_t[]) { acells, end }, 2);
        g_array_append_vals(reg, (uint64_t[]) { scells, size }, 2);
        end += size;
    }
    qemu_fdt_setprop_string(fdt, memory, "device_type", "memory");
    if (qemu_fdt_setprop_sized_cells_from_array(fdt, memory, "reg",
                                                reg->len / 2,
                                                (uint64_t *)reg->data) < 0) {
        die("raspi5b: the device tree: the root's #address-cells and "
            "#size-cells are too few for the RAM");
    }
}

static void tree_set_chosen(void *fdt, MachineState *ms,
                            const struct arm_boot_info *boot)
{
    const char *file = NULL;
    uint64_t seed[8];

    if (fdt_path_offset(fdt, "/chosen") < 0) {
        qemu_fdt_add_subnode(fdt, "/chosen");
    } else {
        file = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs",
                           NULL);
    }
    if (ms->kernel_cmdline && *ms->kernel_cmdline) {
        /* as cmdline.txt: behind what the file has */
        g_autofree char *both = g_strjoin(file && *file ? " " : "",
                                          file ? file : "",
                                          ms->kernel_cmdline, NULL);

        qemu_fdt_setprop_string(fdt, "/chosen", "bootargs", both);
    }
    if (boot->initrd_size) {
        qemu_fdt_setprop_u64(fdt, "/chosen", "linux,initrd-start",
                             boot->initrd_start);
        qemu_fdt_setprop_u64(fdt, "/chosen", "linux,initrd-end",
                             boot->initrd_start + boot->initrd_size);
    }
    qemu_guest_getrandom_nofail(seed, sizeof(seed));
    qemu_fdt_setprop_u64(fdt, "/chosen", "kaslr-seed", seed[0]);
    qemu_fdt_setprop(fdt, "/chosen", "rng-seed", seed, sizeof(seed));
}

static void tree_set_identity(void *fdt, Raspi5bState *s)
{
    g_autofree char *model = g_strdup_printf("Raspberry Pi 5 Model B Rev 1.%d",
                                             s->d0 ? 1 : 0);
    g_autofree char *serial = g_strdup_printf("%016llx", SERIAL_NUMBER);
    g_autofree char *ethernet = g_strdup(fdt_get_alias(fdt, "ethernet0"));

    qemu_fdt_setprop_string(fdt, "/", "model", model);
    qemu_fdt_setprop_string(fdt, "/", "serial-number", serial);
    if (fdt_path_offset(fdt, "/system") < 0) {
        qemu_fdt_add_subnode(fdt, "/system");
    }
    qemu_fdt_setprop_cell(fdt, "/system", "linux,revision", board_revision(s));
    qemu_fdt_setprop_u64(fdt, "/system", "linux,serial", SERIAL_NUMBER);
    if (ethernet && fdt_path_offset(fdt, ethernet) >= 0) {
        qemu_fdt_setprop(fdt, ethernet, "local-mac-address",
                         s->soc.property.older.macaddr.a, sizeof(MACAddr));
    }
}

/* What dtparam=pciex1 does. */
static void tree_enable_slot(void *fdt)
{
    uint64_t base = BCM2712_PCIE_BASE(BCM2712_PCIE_SLOT);
    int node = -1;

    while ((node = fdt_node_offset_by_compatible(fdt, node,
                                                 "brcm,bcm2712-pcie")) >= 0) {
        int len;
        const void *reg = fdt_getprop(fdt, node, "reg", &len);

        if (reg && len >= 8 && ldq_be_p(reg) == base) {
            must(fdt_setprop_string(fdt, node, "status", "okay"), "pciex1");
            return;
        }
    }
    die("raspi5b: pciex1=on: the device tree has no root complex at 0x%"
        PRIx64, base);
}

/* Completes the tree as the EEPROM does, and puts it where x0 will point. */
static void load_tree(Raspi5bState *s)
{
    MachineState *ms = MACHINE(s);
    int size;
    void *fdt = load_device_tree(ms->dtb, &size);

    if (!fdt) {
        die("raspi5b: cannot read the device tree %s", ms->dtb);
    }
    if (fdt_node_check_compatible(fdt, 0, "brcm,bcm2712")) {
        die("raspi5b: %s is not a tree of a BCM2712, and the firmware starts "
            "nothing with it (os_check)", ms->dtb);
    }
    tree_set_memory(fdt, ms->ram_size);
    tree_set_chosen(fdt, ms, &s->boot);
    tree_set_identity(fdt, s);
    if (s->pciex1) {
        tree_enable_slot(fdt);
    }
    must(fdt_pack(fdt), "packing");

    size = fdt_totalsize(fdt);
    if (s->boot.dtb_start + size > BCM2712_VC_BASE) {
        die("raspi5b: no room for the device tree behind the initial RAM "
            "disk");
    }
    rom_add_blob_fixed("dtb", fdt, size, s->boot.dtb_start);
    qemu_register_reset_nosnapshotload(qemu_fdt_randomize_seeds,
                                       rom_ptr(s->boot.dtb_start, size));
    ms->fdt = fdt;
}

/*
 * The firmware prints on UART10 (uart_2ndstage) and leaves it enabled, 8N1
 * with FIFOs.  Which divisor it programs is not known, and nothing here
 * depends on it.
 */
static void leave_uart_enabled(PL011State *uart)
{
    uart->lcr = UART_LCRH_8N1_FIFO;
    uart->cr = UART_CR_ENABLED;
    uart->read_trigger = 1;
}

/* RP1 runs, and the card, from which the system came, has power: 3.3 V. */
static void leave_pins_set(BrcmstbGIOState *gio)
{
    uint32_t high = 1 << BCM2712_AON_RP1_RUN | 1 << BCM2712_AON_SD_POWER;

    brcmstb_gio_set_outputs(gio, 0, high | 1 << BCM2712_AON_SD_1V8, high);
}

static void plug_card(Raspi5bState *s)
{
    BusState *bus = qdev_get_child_bus(DEVICE(&s->soc.sdio1.host), "sd-bus");
    DriveInfo *drive = drive_get(IF_SD, 0, 0);

    if (drive) {
        DeviceState *card = qdev_new(TYPE_SD_CARD);

        qdev_prop_set_drive_err(card, "drive", blk_by_legacy_dinfo(drive),
                                &error_fatal);
        qdev_realize_and_unref(card, bus, &error_fatal);
    }
    qemu_set_irq(qdev_get_gpio_in(DEVICE(&s->soc.gio_aon),
                                  BCM2712_AON_SD_ABSENT), !drive);
}

static void rc_write(hwaddr offset, uint32_t value)
{
    address_space_stl_le(&address_space_memory,
                         BCM2712_PCIE_BASE(BCM2712_PCIE_RP1) + offset, value,
                         MEMTXATTRS_UNSPECIFIED, NULL);
}

static void rp1_config_write(hwaddr offset, uint32_t value)
{
    rc_write(0x9000, 1 << 20);
    rc_write(0x8000 + offset, value);
}

/*
 * pciex4_reset=0: the link to RP1 is left as the firmware used it.  Published
 * are where RP1 is, that accesses which fail do not abort, and the pattern
 * they read.  The bus numbers were seen to be 0.  How the inbound windows are
 * is not known: here, none is for messages.
 */
static void leave_rp1_trained(Raspi5bState *s)
{
    BrcmstbPCIEState *pcie = &s->soc.pcie[BCM2712_PCIE_RP1];
    uint32_t cpu_hi = s->rp1_1c ? 0x1c : 0x1f;
    uint32_t pci = s->rp1_1c ? 0x80000000 : 0;
    uint32_t size = s->rp1_1c ? 0x80000000 : 0xfffffffc;

    if (!brcmstb_pcie_train_now(pcie)) {
        return;
    }
    rc_write(0x4008, 0x203480);     /* MISC_CTRL */
    rc_write(0x40a4, 0x82000);      /* UBUS_CTRL */
    rc_write(0x43c, 0x060400);      /* class */
    /* outbound window 0 */
    rc_write(0x400c, pci);
    rc_write(0x4010, 0);
    rc_write(0x4070, (size - 1) & 0xfff00000);
    rc_write(0x4080, cpu_hi);
    rc_write(0x4084, cpu_hi);
    /* inbound window 1: RP1 itself; window 2: RAM */
    rc_write(0x402c, 0x7);
    rc_write(0x4030, 0);
    rc_write(0x40ac, 0x1);
    rc_write(0x40b0, cpu_hi);
    rc_write(0x4034, 0x15);
    rc_write(0x4038, 0x10);
    rc_write(0x40b4, 0x1);
    rc_write(0x40b8, 0);

    rc_write(0x18, 0x00010100);
    rp1_config_write(0x14, pci);
    rp1_config_write(0x18, pci + 0x400000);
    rp1_config_write(0x10, pci + 0x410000);
    rp1_config_write(0x04, 0x6);
    rc_write(0x20, s->rp1_1c ? 0xbff08000 : 0x00400000);
    rc_write(0x04, 0x6);
    rc_write(0x18, 0);
}

static void raspi5b_init(MachineState *ms)
{
    Raspi5bState *s = RASPI5B_MACHINE(ms);

    if (!is_power_of_2(ms->ram_size) || ms->ram_size < 1 * GiB ||
        ms->ram_size > 16 * GiB) {
        die("raspi5b: the board has 1, 2, 4, 8 or 16 GiB of RAM");
    }
    memory_region_add_subregion(get_system_memory(), 0, ms->ram);

    object_initialize_child(OBJECT(ms), "soc", &s->soc, TYPE_BCM2712);
    qdev_prop_set_uint32(DEVICE(&s->soc), "board-rev", board_revision(s));
    qdev_prop_set_uint64(DEVICE(&s->soc), "serial", SERIAL_NUMBER);
    qdev_prop_set_string(DEVICE(&s->soc), "command-line", ms->kernel_cmdline);
    qdev_prop_set_bit(DEVICE(&s->soc), "d0", s->d0);
    for (int n = 0; n < BCM2712_PCIES; n++) {
        qdev_prop_set_bit(DEVICE(&s->soc.pcie[n]), "link", !s->link_down[n]);
    }
    sysbus_realize(SYS_BUS_DEVICE(&s->soc), &error_fatal);
    if (s->rp1) {
        PCIBus *bus = brcmstb_pcie_bus(&s->soc.pcie[BCM2712_PCIE_RP1]);

        s->rp1_state = RP1(pci_create_simple(bus, PCI_DEVFN(0, 0), TYPE_RP1));
    }

    plug_card(s);

    if (ms->kernel_filename && !ms->dtb) {
        die("raspi5b: the firmware starts nothing without a device tree: "
            "-dtb bcm2712-rpi-5-b.dtb");
    }
    /* what is loaded lies below VideoCore's share */
    s->boot.ram_size = BCM2712_VC_BASE;
    s->boot.psci_conduit = QEMU_PSCI_CONDUIT_SMC;
    s->boot.skip_dtb_autoload = true;
    arm_load_kernel(&s->soc.cpu[0], ms, &s->boot);
    if (ms->kernel_filename && !s->boot.is_linux) {
        die("raspi5b: %s is not an arm64 Image, and the firmware starts no "
            "other", ms->kernel_filename);
    }
    if (ms->kernel_filename) {
        load_tree(s);
    }
}

/* The firmware's part comes after all devices are reset. */
static void raspi5b_reset(MachineState *ms, ResetType type)
{
    Raspi5bState *s = RASPI5B_MACHINE(ms);

    qemu_devices_reset(type);
    if (ms->kernel_filename) {
        leave_uart_enabled(&s->soc.uart10);
        leave_pins_set(&s->soc.gio_aon);
    }
    if (!s->pciex4_reset) {
        leave_rp1_trained(s);
        if (s->rp1_state && s->rp1_uart) {
            rp1_leave_uart0(s->rp1_state);
        }
    }
}

static char *raspi5b_get_stepping(Object *obj, Error **errp)
{
    return g_strdup(RASPI5B_MACHINE(obj)->d0 ? "d0" : "c1");
}

static void raspi5b_set_stepping(Object *obj, const char *value, Error **errp)
{
    Raspi5bState *s = RASPI5B_MACHINE(obj);

    if (!strcmp(value, "c1")) {
        s->d0 = false;
    } else if (!strcmp(value, "d0")) {
        s->d0 = true;
    } else {
        error_setg(errp, "stepping is c1 or d0, not '%s'", value);
    }
}

static bool raspi5b_get_rp1(Object *obj, Error **errp)
{
    return RASPI5B_MACHINE(obj)->rp1;
}

static void raspi5b_set_rp1(Object *obj, bool value, Error **errp)
{
    RASPI5B_MACHINE(obj)->rp1 = value;
}

static bool raspi5b_get_pciex1(Object *obj, Error **errp)
{
    return RASPI5B_MACHINE(obj)->pciex1;
}

static void raspi5b_set_pciex1(Object *obj, bool value, Error **errp)
{
    RASPI5B_MACHINE(obj)->pciex1 = value;
}

static bool raspi5b_get_pciex4_reset(Object *obj, Error **errp)
{
    return RASPI5B_MACHINE(obj)->pciex4_reset;
}

static void raspi5b_set_pciex4_reset(Object *obj, bool value, Error **errp)
{
    RASPI5B_MACHINE(obj)->pciex4_reset = value;
}

static bool raspi5b_get_rp1_uart(Object *obj, Error **errp)
{
    return RASPI5B_MACHINE(obj)->rp1_uart;
}

static void raspi5b_set_rp1_uart(Object *obj, bool value, Error **errp)
{
    RASPI5B_MACHINE(obj)->rp1_uart = value;
}

static char *raspi5b_get_rp1_window(Object *obj, Error **errp)
{
    return g_strdup(RASPI5B_MACHINE(obj)->rp1_1c ? "1c" : "1f");
}

static void raspi5b_set_rp1_window(Object *obj, const char *value,
                                   Error **errp)
{
    Raspi5bState *s = RASPI5B_MACHINE(obj);

    if (!strcmp(value, "1f")) {
        s->rp1_1c = false;
    } else if (!strcmp(value, "1c")) {
        s->rp1_1c = true;
    } else {
        error_setg(errp, "rp1-window is 1f or 1c, not '%s'", value);
    }
}

static void get_link(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    bool *down = (void *)((char *)obj + (uintptr_t)opaque);
    const char *text = *down ? "down" : "up";

    visit_type_str(v, name, (char **)&text, errp);
}

static void set_link(Object *obj, Visitor *v, const char *name, void *opaque,
                     Error **errp)
{
    bool *down = (void *)((char *)obj + (uintptr_t)opaque);
    g_autofree char *text = NULL;

    if (!visit_type_str(v, name, &text, errp)) {
        return;
    }
    if (strcmp(text, "up") && strcmp(text, "down")) {
        error_setg(errp, "%s is up or down, not '%s'", name, text);
        return;
    }
    *down = !strcmp(text, "down");
    if (phase_check(PHASE_MACHINE_READY)) {
        Raspi5bState *s = RASPI5B_MACHINE(obj);

        brcmstb_pcie_set_link(&s->soc.pcie[down - s->link_down], !*down);
    }
}

static void add_link(ObjectClass *oc, const char *name, int n)
{
    object_class_property_add(oc, name, "str", get_link, set_link, NULL,
        (void *)(offsetof(Raspi5bState, link_down) + n * sizeof(bool)));
    object_class_property_set_description(oc, name,
        "Whether the link of this root complex comes up (default) or stays "
        "down, as if nobody were there; while the machine runs, down resets "
        "what is behind it");
}

static void raspi5b_instance_init(Object *obj)
{
    Raspi5bState *s = RASPI5B_MACHINE(obj);

    s->rp1 = true;
    s->pciex4_reset = true;
}

static void raspi5b_class_init(ObjectClass *oc, void *data)
{
    MachineClass *mc = MACHINE_CLASS(oc);

    mc->desc = "Raspberry Pi 5 Model B (Cambium's model)";
    mc->init = raspi5b_init;
    mc->reset = raspi5b_reset;
    mc->min_cpus = mc->max_cpus = mc->default_cpus = BCM2712_CPUS;
    mc->default_cpu_type = ARM_CPU_TYPE_NAME("cortex-a76");
    mc->default_ram_size = 4 * GiB;
    mc->default_ram_id = "ram";
    mc->block_default_type = IF_SD;
    mc->pci_allow_0_address = true; /* Linux gives it to RP1 */
    mc->no_parallel = 1;
    mc->no_floppy = 1;
    mc->no_cdrom = 1;
    object_class_property_add_str(oc, "stepping", raspi5b_get_stepping,
                                  raspi5b_set_stepping);
    object_class_property_set_description(oc, "stepping",
        "Stepping of the SoC, c1 (default) or d0: UART10's interrupt is "
        "another, and the tree must be that stepping's");
    object_class_property_add_bool(oc, "rp1", raspi5b_get_rp1,
                                   raspi5b_set_rp1);
    object_class_property_set_description(oc, "rp1",
        "Whether RP1 answers behind the third root complex");
    add_link(oc, "pcie1-link", BCM2712_PCIE_SLOT);
    add_link(oc, "pcie2-link", BCM2712_PCIE_RP1);
    object_class_property_add_bool(oc, "pciex1", raspi5b_get_pciex1,
                                   raspi5b_set_pciex1);
    object_class_property_set_description(oc, "pciex1",
        "As dtparam=pciex1: the tree says that the slot's root complex is to "
        "be used");
    object_class_property_add_bool(oc, "pciex4-reset",
                                   raspi5b_get_pciex4_reset,
                                   raspi5b_set_pciex4_reset);
    object_class_property_set_description(oc, "pciex4-reset",
        "As in config.txt: off leaves the link to RP1 as the firmware used "
        "it");
    object_class_property_add_bool(oc, "rp1-uart", raspi5b_get_rp1_uart,
                                   raspi5b_set_rp1_uart);
    object_class_property_set_description(oc, "rp1-uart",
        "As enable_rp1_uart in config.txt: with pciex4-reset=off, RP1's UART0 "
        "is left ready on GPIO14 and 15");
    object_class_property_add_str(oc, "rp1-window", raspi5b_get_rp1_window,
                                  raspi5b_set_rp1_window);
    object_class_property_set_description(oc, "rp1-window",
        "Where RP1 is left with pciex4-reset=off: 1f (default), as firmware "
        "did until autumn 2024, or 1c");
}

static const TypeInfo raspi5b_type = {
    .name = TYPE_RASPI5B_MACHINE,
    .parent = TYPE_MACHINE,
    .instance_size = sizeof(Raspi5bState),
    .instance_init = raspi5b_instance_init,
    .class_init = raspi5b_class_init,
};

static void raspi5b_register(void)
{
    type_register_static(&raspi5b_type);
}

type_init(raspi5b_register)
