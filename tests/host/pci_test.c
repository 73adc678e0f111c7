/* SPDX-License-Identifier: BSD-2-Clause
 * The program `pci` in front of a fake host bridge and a fake init: the tree and all details as they are to be printed, that no
 * line is longer than 80 columns, and that a machine without PCI, a server that is silent, dies or lies are said.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static FILE *out_file; /* for stdout and stderr of the program */
#undef stdout
#undef stderr
#define stdout      out_file
#define stderr      out_file
#define printf(...) fprintf(out_file, __VA_ARGS__)
int pci_main(int argc, char *argv[]);
#define main pci_main
#include "servers/app/pci/pci.c"
#include "servers/app/pci/details.c"
#include "servers/app/pci/names.c"
#undef main
#undef printf
#undef stdout
#undef stderr
#include "fake_frame.h"
#include "tree_test.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define INIT start_handle("init")
enum { SERVICE = 99 };

static char *text;
static size_t text_len;
static void *fdt;
static int host_node, rng_node, edu_node, bridge_node;

/* What init and the server say. */
static struct {
    status_t open_status;
    const struct msg *functions; /* as PCI_OP_FUNCTION answers; w only */
    unsigned count, claimed;     /* that are there, and that PCI_OP_BRIDGE says */
    const struct msg (*bars)[RANGES];
    const struct msg *capabilities; /* of function `capable` */
    unsigned capability_count, capable;
    bool is_endless;    /* capabilities without end */
    unsigned deaths;    /* calls that fail with E_DEAD before one is answered */
    uint32_t rng_state; /* SERVICE_* */
} world;

status_t service_open(const char *name, handle_t *out)
{
    assert_string_equal(name, "/pcie@10000000");
    *out = SERVICE;
    return world.open_status;
}

static status_t ask_init(struct msg *m)
{
    static const char *const names[] = { "drv/gicv2", "drv/pcie_ecam", "drv/virtio_rng" };
    const int nodes[] = { 0, host_node, rng_node };
    uint64_t n = m->w[0];

    if (info_op(m->info) == INIT_OP_NODE) {
        bool is_rng = (int)n == rng_node;
        m->w[0] = is_rng || (int)n == host_node ? NODE_SERVED : NODE_UNCLAIMED;
        m->w[1] = is_rng ? 2 : 1;
        return E_OK;
    }
    assert_int_equal(info_op(m->info), INIT_OP_SERVER);
    if (n >= 3) {
        return E_NOTFOUND;
    }
    memset(m->w, 0, sizeof(m->w));
    memcpy(m->w, names[n], strlen(names[n]));
    m->w[4] = (uint32_t)nodes[n];
    m->w[5] = (n == 2 ? world.rng_state : SERVICE_RUNNING) | (uint64_t)(n == 2 ? 3 : 0) << 32;
    return E_OK;
}

static status_t call(handle_t port, struct msg *m)
{
    uint64_t n = m->w[0], k = m->w[1];

    if (port == INIT) {
        return ask_init(m);
    }
    assert_int_equal(port, SERVICE);
    if (world.deaths > 0) {
        world.deaths--;
        return E_DEAD;
    }
    switch (info_op(m->info)) {
    case PCI_OP_BRIDGE:
        *m = (struct msg){ 0, { world.claimed, (uint64_t)host_node, 0 | 7 << 8 } };
        return E_OK;
    case PCI_OP_FUNCTION:
        *m = n < world.count ? world.functions[n] : *m;
        return n < world.count ? E_OK : E_NOTFOUND;
    case PCI_OP_BAR:
        if (n >= world.count || world.bars == NULL || k >= RANGES) {
            return E_NOTFOUND;
        }
        *m = world.bars[n][k];
        return E_OK;
    default:
        assert_int_equal(info_op(m->info), PCI_OP_CAPABILITY);
        if (n != world.capable || (k >= world.capability_count && !world.is_endless)) {
            return E_NOTFOUND;
        }
        *m = world.capabilities[k % world.capability_count];
        return E_OK;
    }
}

#define IRQ(mode, vectors, line) ((mode) | (uint64_t)(vectors) << 8 | (uint64_t)(line) << 32)
#define FUNCTION(id, header, bus, last, vendor, device, class_code, node, irq, state, behind)      \
    {                                                                                              \
        0,                                                                                         \
        {                                                                                          \
            (id) | (uint64_t)(header) << 16 | (uint64_t)(bus) << 24 | (uint64_t)(last) << 32,      \
                (vendor) | (uint64_t)(device) << 16 | 0x11001af4ull << 32,                         \
                1 | (uint64_t)(class_code) << 8, (uint64_t)(int64_t)(node), irq,                   \
                0x406 | 0x10ull << 16, state, (uint64_t)(int64_t)(behind)                          \
        }                                                                                          \
    }

/* A root port with a random number generator, a switch with edu three levels deep, and one that was unplugged. */
static void populate(void)
{
    static struct msg functions[8];
    const struct msg all[] = {
        FUNCTION(0x0000, 0, 0, 0, 0x1b36, 0x0008, 0x060000, -1, IRQ(PCI_IRQ_NONE, 0, 0), 0, -1),
        FUNCTION(0x0008, 0x81, 1, 1, 0x1b36, 0x000c, 0x060400, bridge_node, IRQ(PCI_IRQ_MSI, 1, 80),
                 0, -1),
        FUNCTION(0x0010, 1, 2, 5, 0x104c, 0x8232, 0x060400, bridge_node, IRQ(PCI_IRQ_NONE, 0, 0), 0,
                 -1),
        FUNCTION(0x0100, 0, 0, 0, 0x1af4, 0x1044, 0x00ff00, rng_node, IRQ(PCI_IRQ_MSIX, 2, 81), 0,
                 1),
        FUNCTION(0x0208, 1, 3, 4, 0x104c, 0x8233, 0x060400, bridge_node, IRQ(PCI_IRQ_NONE, 0, 0), 0,
                 2),
        FUNCTION(0x0300, 0, 0, 0, 0x1234, 0x11e8, 0x00ff00, edu_node, IRQ(PCI_IRQ_INTX, 1, 37), 0,
                 4),
        FUNCTION(0x03fd, 0, 0, 0, 0x8086, 0x10d3, 0x020000, -1, IRQ(PCI_IRQ_NONE, 0, 0),
                 PCI_STATE_GONE, 4),
        FUNCTION(0x0500, 0, 0, 0, 0x1b36, 0x0010, 0x010802, -1, IRQ(PCI_IRQ_NONE, 0, 0),
                 PCI_STATE_BROKEN, 2),
    };
    memcpy(functions, all, sizeof(all));
    world.functions = functions;
    world.count = world.claimed = 8;
    world.rng_state = SERVICE_RUNNING;
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake.call = call;
    fake_start.tree_va = (uintptr_t)fdt;
    memset(&world, 0, sizeof(world));
    populate();
    return 0;
}

/* Runs it; `text` is what it printed, status what it returned. */
static int run(const char *a, const char *b)
{
    static char name[] = "pci";
    char *argv[] = { name, (char *)(uintptr_t)a, (char *)(uintptr_t)b, NULL };

    free(text);
    out_file = open_memstream(&text, &text_len);
    int status = pci_main(1 + (a != NULL) + (b != NULL), argv);
    fclose(out_file);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_in_range(strcspn(line, "\n"), 0, 80);
        assert_int_equal(line[strcspn(line, "\n")], '\n');
    }
    return status;
}

static void everything_is_a_tree_of_80_columns(void **state)
{
    (void)state;
    assert_int_equal(run(NULL, NULL), 0);
    assert_string_equal(
        text, "/pcie@10000000: pcie_ecam, buses 00-07, 8 functions\n"
              "function                              IDs        driver                interrupt\n"
              "00:00.0 host bridge                   1b36:0008  -                     -\n"
              "00:01.0 PCI bridge, bus 01            1b36:000c  pcie_ecam             MSI 1\n"
              "  01:00.0 unclassified device         1af4:1044  virtio_rng            MSI-X 2\n"
              "00:02.0 PCI bridge, buses 02-05       104c:8232  pcie_ecam             -\n"
              "  02:01.0 PCI bridge, buses 03-04     104c:8233  pcie_ecam             -\n"
              "    03:00.0 unclassified device       1234:11e8  -                     INTx\n"
              "    03:1f.5 Ethernet controller       8086:10d3  -                     gone\n"
              "  05:00.0 NVMe controller             1b36:0010  -                     broken\n");
    world.rng_state = SERVICE_BROKEN;
    assert_int_equal(run(NULL, NULL), 0);
    assert_non_null(strstr(text, "1af4:1044  virtio_rng BROKEN     MSI-X 2\n"));
}

static const struct msg capabilities[] = {
    { 0, { 0x11, 0x98, 0x0000000180010011ull } },
    { 0, { 0x05, 0xa0, 0x00870005 } },
    { 0, { 0x10, 0xc0, 0x00420010 } },
    { 0, { 0x0d, 0xc8, 0xabcd12340000000dull } },
    { 0, { 0x09, 0xd0, 0x00000009 } },
    { 0, { 0x77, 0xe0, 0x00000077 } },
    { 0, { 0x0001 | 2 << 16, 0x100, 0 } },
    { 0, { 0x0fff | 1 << 16, 0x200, 0 } },
};

static void give_details(void)
{
    static struct msg bars[8][RANGES];

    bars[3][1] = (struct msg){ 0, { 0x10000000, 4096, 0, 0x10000000 } };
    bars[3][4] =
        (struct msg){ 0, { 0x8000000000, 0xc000, PCI_BAR_64 | PCI_BAR_PREFETCH, 0x8000000000 } };
    bars[3][2] = (struct msg){ 0, { 0x1000, 32, PCI_BAR_IO, 0x3eff1000 } };
    bars[3][3] = (struct msg){ 0, { 0, 1ull << 40, PCI_BAR_UNPLACED, 0 } };
    bars[3][5] = (struct msg){ 0, { 0, 0, PCI_BAR_BROKEN, 0 } };
    bars[3][6] = (struct msg){ 0, { 0x10040000, 262144, 0, 0x10040000 } };
    bars[1][7] = (struct msg){ 0, { 0x1000, 4096, PCI_BAR_IO, 0x3eff1000 } };
    bars[1][8] = (struct msg){ 0, { 0x10000000, 2097152, 0, 0x10000000 } };
    world.bars = bars;
    world.capable = 3;
    world.capabilities = capabilities;
    world.capability_count = sizeof(capabilities) / sizeof(capabilities[0]);
}

static void all_of_one_function_is_told(void **state)
{
    (void)state;
    give_details();
    assert_int_equal(run("01:00.0", NULL), 0);
    assert_string_equal(text, "01:00.0 unclassified device\n"
                              "  IDs         1af4:1044, revision 01, class 00ff00\n"
                              "  subsystem   1af4:1100\n"
                              "  node        /virtio_mmio@a000000\n"
                              "  driver      virtio_rng, running, restarted 3 times\n"
                              "  interrupts  MSI-X, 2 vectors, line 81\n"
                              "  command     memory, bus master, INTx off\n"
                              "  status      capabilities\n"
                              "  BAR 1       0x10000000, 4 KiB, memory\n"
                              "  BAR 2       0x1000, 32 bytes, I/O, CPU 0x3eff1000\n"
                              "  BAR 3       unplaced, 1 TiB, memory\n"
                              "  BAR 4       0x8000000000, 48 KiB, memory, 64 bits, prefetchable\n"
                              "  BAR 5       broken: does not say how long it is\n"
                              "  ROM         0x10040000, 256 KiB, memory\n"
                              "  at 098      MSI-X, up to 2 vectors, in BAR 1, on\n"
                              "  at 0a0      MSI, up to 8 vectors, on\n"
                              "  at 0c0      PCI Express, root port\n"
                              "  at 0c8      subsystem IDs, 1234:abcd\n"
                              "  at 0d0      vendor-specific\n"
                              "  at 0e0      capability 0x77\n"
                              "  at 100      advanced error reporting, version 2\n"
                              "  at 200      capability 0xfff, version 1\n");
    assert_int_equal(run("-v", "00:01.0"), 0);
    assert_string_equal(text, "00:01.0 PCI bridge\n"
                              "  IDs         1b36:000c, revision 01, class 060400\n"
                              "  subsystem   1af4:1100\n"
                              "  node        /virtio_mmio@a000400\n"
                              "  driver      pcie_ecam, running, the host bridge's\n"
                              "  buses       01 to 01 behind it\n"
                              "  interrupts  MSI, 1 vector, line 80\n"
                              "  command     memory, bus master, INTx off\n"
                              "  status      capabilities\n"
                              "  window      0x1000, 4 KiB, I/O, CPU 0x3eff1000\n"
                              "  window      0x10000000, 2 MiB, memory\n");
    assert_int_equal(run("5:0.0", NULL), 0);
    assert_non_null(strstr(text, "\n  state       left alone: the log says why\n"));
}

static void verbose_is_all_of_all(void **state)
{
    char one[4096];
    (void)state;

    give_details();
    assert_int_equal(run("01:00.0", NULL), 0);
    (void)snprintf(one, sizeof(one), "%s", text);
    assert_int_equal(run("-v", NULL), 0);
    assert_non_null(strstr(text, one));
    for (unsigned i = 0; i < 8; i++) {
        (void)snprintf(
            one, sizeof(one), "\n%02x:%02x.%x ", (unsigned)world.functions[i].w[0] >> 8 & 0xff,
            (unsigned)world.functions[i].w[0] >> 3 & 31, (unsigned)world.functions[i].w[0] & 7);
        assert_non_null(strstr(text, one));
    }
}

static void a_server_that_dies_meanwhile_is_asked_again(void **state)
{
    (void)state;
    world.deaths = 3;
    assert_int_equal(run(NULL, NULL), 0);
    assert_non_null(strstr(text, "01:00.0"));
    world.deaths = 100;
    assert_int_equal(run(NULL, NULL), 1);
    assert_non_null(strstr(text, "pci: /pcie@10000000: "));
    assert_non_null(strstr(text, "(E_DEAD)"));
}

static void nonsense_of_a_server_ends(void **state)
{
    struct msg functions[8];
    (void)state;

    memcpy(functions, world.functions, sizeof(functions));
    functions[1].w[7] = 1; /* behind itself, and one behind a later one */
    functions[2].w[7] = 5;
    functions[5].w[7] = 0xffffffff00000001ull;
    world.functions = functions;
    world.claimed = 1000; /* more than there are */
    assert_int_equal(run(NULL, NULL), 0);
    for (const char *at = text; (at = strstr(at, "unclassified")) != NULL; at++) {
        assert_null(strstr(text, "                "
                                 "        unclassified")); /* no deeper than it is */
    }
    world.claimed = ~0u;
    world.functions = NULL;
    world.count = 0;
    assert_int_equal(run(NULL, NULL), 0);
    populate();
    give_details();
    world.is_endless = true;
    assert_int_equal(run("1:0.0", NULL), 0);
}

static void a_deep_tree_fits(void **state)
{
    struct msg functions[40];
    (void)state;

    for (unsigned n = 0; n < 40; n++) {
        functions[n] = (struct msg)FUNCTION(n << 8, 1, n + 1, 40, 0x1b36, 0x000c, 0x060400, -1,
                                            IRQ(PCI_IRQ_MSIX, 16, 99), 0, (int)n - 1);
    }
    world.functions = functions;
    world.count = world.claimed = 40;
    assert_int_equal(run(NULL, NULL), 0);
    assert_non_null(strstr(text, "  27:00.0 PCI bridge, b 1b36"));
}

static void machines_without_it_and_silence_are_said(void **state)
{
    (void)state;
    world.open_status = E_BROKEN;
    assert_int_equal(run(NULL, NULL), 1);
    assert_non_null(strstr(text, "pci: /pcie@10000000: "));
    assert_non_null(strstr(text, "(E_BROKEN)"));
    host_node = rng_node; /* no server has the host bridge's node */
    assert_int_equal(run("-v", NULL), 1);
    assert_non_null(strstr(text, "pci: no PCI host bridge has a server here"));
    host_node = tree_node(fdt, "/pcie@10000000");
}

static void wrong_arguments_are_refused(void **state)
{
    static const char *const wrong[][2] = {
        { "-x", NULL },      { "1:0", NULL },        { "1:20.0", NULL },   { "1:0.8", NULL },
        { "100:0.0", NULL }, { "1:0.0x", NULL },     { ":0.0", NULL },     { "1:0.0", "-v" },
        { "-v", "-v" },      { "0000:1:0.0", NULL }, { "-1:0.0", NULL },   { "1:0.", NULL },
        { "", NULL },        { "--help", "-v" },     { "1:0.0", "1:0.0" }, { "0x1:0.0", NULL },
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(run(wrong[i][0], wrong[i][1]), 2);
        assert_string_equal(text, usage);
    }
    assert_int_equal(run("--help", NULL), 0);
    assert_string_equal(text, usage);
    assert_int_equal(run("07:1f.7", NULL), 1);
    assert_string_equal(text, "pci: 07:1f.7: no such function; pci shows all\n");
}

static void classes_and_capabilities_have_names(void **state)
{
    (void)state;
    assert_string_equal(pci_class_name(0x010802), "NVMe controller");
    assert_string_equal(pci_class_name(0x0c0330), "USB 3 xHCI controller");
    assert_string_equal(pci_class_name(0x0c03fe), "USB controller");
    assert_string_equal(pci_class_name(0x070002), "serial controller");
    assert_string_equal(pci_class_name(0x078000), "communication device");
    assert_string_equal(pci_class_name(0x00ff00), "unclassified device");
    assert_string_equal(pci_class_name(0xff0000), "unknown device");
    assert_string_equal(pci_capability_name(0x11, false), "MSI-X");
    assert_string_equal(pci_capability_name(0x10, true), "SR-IOV");
    assert_null(pci_capability_name(0x0c, true));
    assert_null(pci_capability_name(0xffff, true));
    assert_null(pci_capability_name(0x00, false));
    assert_string_equal(pci_interrupt_name(9), "?");
    for (unsigned base = 0; base < 0x100; base++) {
        assert_in_range(strlen(pci_class_name(base << 16 | 0x8000)), 1, 24);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(everything_is_a_tree_of_80_columns),
        T(all_of_one_function_is_told),
        T(verbose_is_all_of_all),
        T(a_server_that_dies_meanwhile_is_asked_again),
        T(nonsense_of_a_server_ends),
        T(a_deep_tree_fits),
        T(machines_without_it_and_silence_are_said),
        T(wrong_arguments_are_refused),
        T(classes_and_capabilities_have_names),
    };
    fdt = tree_load("good-virt-gicv2");
    host_node = tree_node(fdt, "/pcie@10000000");
    rng_node = tree_node(fdt, "/virtio_mmio@a000000");
    edu_node = tree_node(fdt, "/virtio_mmio@a000200");
    bridge_node = tree_node(fdt, "/virtio_mmio@a000400");
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    free(text);
    free(fdt);
    return 0;
}
