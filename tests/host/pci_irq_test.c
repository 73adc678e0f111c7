/* SPDX-License-Identifier: BSD-2-Clause
 * The library of PCI host bridges: interrupts of functions, by lines and by messages, what their drivers may ask, and what is left
 * when a driver has ended.
 */
#include "pci_world.h"
#include "tree_test.h"
#include <libfdt.h>
#include <string.h>

enum {
    PORT = 40,
    NOBODY = 1 << 28,
    TABLE = 1
}; /* TABLE: the window in which a table of MSI-X lies */
enum { P64 = PCI_BAR_64 | PCI_BAR_PREFETCH };

static int setup(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    return 0;
}

/* MSI-X with `size` vectors at the beginning of BAR 1. */
static void add_msix(int n, unsigned size)
{
    uint32_t words[] = { (size - 1) << 16, 1, 0x801 }, writable[] = { 0xc0000000, 0, 0 };

    (void)fake_config_capability(n, 0x11, words, writable, 3);
}

/* MSI of 64 bits that can do 2^n vectors. */
static unsigned add_msi(int n, unsigned log2)
{
    uint32_t words[4] = { 1u << 23 | log2 << 17 }, writable[] = { 0x710000, ~3u, ~0u, 0xffff };

    return fake_config_capability(n, 0x05, words, writable, 4);
}

static int add_device(int parent, unsigned device, unsigned pin)
{
    int n = fake_config_add(parent, device, 0, 0x10441af4, 0x00ff00);

    fake_config_bar(n, 1, 0, 0x1000);
    fake_config_bar(n, 4, P64, 0x4000);
    fake_config.functions[n].regs[0x3c / 4] = pin << 8;
    return n;
}

static void starts(void)
{
    assert_int_equal(pci_world_start(), E_OK);
}

static status_t ask(int n, uint32_t op, uint64_t w0, uint64_t w1)
{
    return pci_world_ask(pci_world_node(n), op, w0, w1, 0);
}

static status_t attach(int n, uint64_t index, uint64_t bits, handle_t port)
{
    return pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, index, bits, port);
}

static status_t command(uint32_t op, uint64_t node)
{
    return pci_world_event(
        (struct event){ .kind = EV_COMMAND, .msg = { .info = op, .w = { node } } });
}

static uint32_t reg(int n, unsigned offset)
{
    return fake_config.functions[n].regs[offset / 4];
}

static uint32_t table(int n, unsigned offset)
{
    return fake_mmio_get(
        TABLE, (uint32_t)(fake_config_bar_address(n, 1) - 0x10000000) % FAKE_WINDOW_LEN + offset);
}

/* ---- messages ---- */

static void a_driver_gets_msix_where_there_is_any(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1);
    (void)add_msi(n, 3);
    add_msix(n, 4);
    starts();
    assert_int_equal(ask(n, PCI_OP_VECTORS, 2, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 2);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_MSIX);
    for (unsigned i = 0; i < 2; i++) { /* 0:1.0 is requester 8 */
        assert_int_equal(table(n, 16 * i), 0x8020040);
        assert_int_equal(table(n, 16 * i + 4), 0);
        assert_int_equal(table(n, 16 * i + 8), 8 * 32 + i);
        assert_int_equal(table(n, 16 * i + 12), 1);
    }
    assert_int_equal(reg(n, pci_world_function(n)->msix) >> 30, 2);
    assert_int_equal(reg(n, 4) & 0x407, 0x400); /* no pin, and what was off is off again */
    assert_int_equal(attach(n, 1, 2, PORT), E_OK);
    assert_int_equal(fake.reply.w[0], IRQ_NO_ACK);
    assert_int_equal(world.msi_attaches, 1);
    assert_int_equal(world.msi_port, PORT);
    assert_int_equal(table(n, 16 + 12), 0);
    assert_int_equal(table(n, 12), 1);
    assert_int_equal(ask(n, IRQ_OP_ACK, 1, 0), E_OK);
    assert_int_equal(ask(n, IRQ_OP_ACK, 2, 0), E_NOTFOUND);
    assert_int_equal(attach(n, 2, 2, PORT), E_NOTFOUND);
    assert_int_equal(attach(n, 0, 0, PORT), E_INVAL);
    assert_int_equal(attach(n, 0, 1, 0), E_INVAL);
    assert_int_equal(pci_world_ask(NOBODY, IRQ_OP_STAT, 0, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 8 * 32 + 1 + 100);
    assert_int_equal(fake.reply.w[1], pci_world_node(n));
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE | IRQ_STAT_MSIX);
    assert_int_equal(pci_world_ask(NOBODY, IRQ_OP_STAT, fake.reply.w[0] + 1, 0, 0), E_NOTFOUND);
    assert_int_equal(ask(n, IRQ_OP_DETACH, 1, 0), E_OK);
    assert_int_equal(table(n, 16 + 12), 1);
    assert_int_equal(ask(n, IRQ_OP_DETACH, 1, 0), E_NOTFOUND);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1 + 2); /* and of two attaches that failed */
}

static void msi_gives_a_power_of_two(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1);
    unsigned at = add_msi(n, 2);
    starts();
    assert_int_equal(ask(n, PCI_OP_VECTORS, 3, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 2);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_MSI);
    assert_int_equal(reg(n, at) >> 16, 0x0085 | 1 << 4);
    assert_int_equal(reg(n, at + 4), 0x8020040);
    assert_int_equal(reg(n, at + 12), 8 * 32);
    assert_int_equal(attach(n, 0, 1, PORT), E_OK);
    assert_int_equal(ask(n, PCI_OP_FUNCTION, 0, 0), E_OK);
    assert_true(fake.reply.w[4] == (PCI_IRQ_MSI | 2 << 8 | (8 * 32 + 100ull) << 32));
    assert_int_equal(ask(n, PCI_OP_VECTORS, 16, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 4);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    assert_int_equal(ask(n, PCI_OP_VECTORS, 0, 0), E_OK);
    assert_int_equal(reg(n, at) >> 16 & 1, 0);
    assert_int_equal(world.msi_frees, 2);
}

static void when_vectors_are_used_up_there_are_fewer_and_then_the_line(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1), no_pin = add_device(FAKE_CONFIG_ROOT, 2, 0);
    add_msix(n, 16);
    add_msix(no_pin, 16);
    starts();
    world.msi_max = 5;
    assert_int_equal(ask(n, PCI_OP_VECTORS, 16, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 4);
    world.msi_max = 0;
    assert_int_equal(ask(n, PCI_OP_VECTORS, 16, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 1);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    assert_string_equal(fake.log, "0:1.0: no messages (E_FULL): its line instead");
    assert_int_equal(reg(n, pci_world_function(n)->msix) >> 31, 0);
    assert_int_equal(ask(no_pin, PCI_OP_VECTORS, 16, 0), E_FULL);
}

static void messages_that_nobody_serves_are_said_and_the_line_is_used(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1);
    add_msix(n, 16);
    starts();
    fake.no_handle = "msi-parent 0";
    assert_int_equal(ask(n, PCI_OP_VECTORS, 16, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    assert_string_equal(fake.log,
                        "0:1.0: msi-parent leads to nobody who serves messages: its line instead");
    assert_int_equal(fdt_delprop(world.tree, fake.node.offset, "msi-parent"), 0);
    fake.log_lines = 0;
    assert_int_equal(ask(n, PCI_OP_VECTORS, 16, 0), E_OK); /* the bridge has no messages at all */
    assert_int_equal(fake.log_lines, 0);
}

static void a_table_outside_of_its_bar_is_said_and_msi_is_used(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1);
    (void)add_msi(n, 0);
    add_msix(n, 257); /* of the page */
    starts();
    assert_int_equal(ask(n, PCI_OP_VECTORS, 2, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_MSI);
    assert_string_equal(fake.log, "0:1.0: its MSI-X table is outside of its BARs: not used");
    assert_int_equal(ask(n, PCI_OP_VECTORS, 2, 0), E_OK);
}

static void what_msi_cannot_say_goes_by_the_line(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1);
    unsigned at = add_msi(n, 0);
    fake_config.functions[n].regs[at / 4] &= ~(1u << 23); /* 32 bits of address */
    starts();
    world.msi_address = 1ull << 32;
    assert_int_equal(ask(n, PCI_OP_VECTORS, 1, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    assert_int_equal(world.msi_frees, 1);
    fake_config.functions[n].writable[at / 4] = 0; /* nor can it be switched on */
    world.msi_address = 0;
    assert_int_equal(ask(n, PCI_OP_VECTORS, 1, 0), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    assert_string_equal(fake.log, "0:1.0: no messages (E_IO): its line instead");
}

static void a_new_controller_is_asked_and_what_it_says_is_written(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1), m = add_device(FAKE_CONFIG_ROOT, 2, 1);
    unsigned at = add_msi(m, 0);
    add_msix(n, 2);
    starts();
    assert_int_equal(ask(n, PCI_OP_VECTORS, 2, 0), E_OK);
    assert_int_equal(ask(m, PCI_OP_VECTORS, 1, 0), E_OK);
    assert_int_equal(attach(n, 0, 1, PORT), E_OK);
    assert_int_equal(attach(n, 1, 2, PORT + 1), E_OK);
    assert_int_equal(attach(m, 0, 4, PORT + 2), E_OK);
    world.msi_data = 1024;
    world.msi_attaches = 0;
    assert_int_equal(command(COMMAND_REBIND, (uint64_t)tree_node(world.tree, "/msi")), E_OK);
    assert_int_equal(world.msi_attaches, 3);
    assert_int_equal(world.msi_bits, 4);
    assert_int_equal(table(n, 8), 1024 + 8 * 32);
    assert_int_equal(table(n, 12), 0);
    assert_int_equal(table(n, 16 + 8), 1024 + 8 * 32 + 1);
    assert_int_equal(reg(m, at + 12), 1024 + 16 * 32);
    assert_int_equal(reg(m, at) >> 16 & 1, 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 0);
    world.msi_attaches = 0;
    assert_int_equal(command(COMMAND_REBIND, (uint64_t)tree_node(world.tree, "/intc")), E_OK);
    assert_int_equal(world.msi_attaches, 0);
    world.msi_max = 1;
    assert_int_equal(command(COMMAND_REBIND, (uint64_t)tree_node(world.tree, "/msi")), E_FULL);
    assert_int_equal(pci_world_function(n)->mode, PCI_IRQ_NONE);
    assert_int_equal(pci_world_function(m)->mode, PCI_IRQ_MSI);
}

/* QEMU's pcie-pci-bridge writes for all behind it, with its secondary bus's number: the controller must know. */
static void those_who_write_as_one_have_messages_each(void **state)
{
    (void)state;
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 7);
    int a = add_device(bridge, 1, 1), b = add_device(bridge, 2, 1);
    int port = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 4), c = add_device(port, 0, 1);
    (void)add_msi(a, 0);
    (void)add_msi(b, 0);
    (void)add_msi(c, 0);
    starts();
    assert_int_equal(pci_world_function(a)->requester, 0x100);
    assert_int_equal(pci_world_function(c)->requester, 0x200);
    const int functions[] = { a, b, c };
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask(functions[i], PCI_OP_VECTORS, 1, 0), E_OK);
        assert_int_equal(fake.reply.w[1], PCI_IRQ_MSI);
        assert_int_equal(world.msi_writer, i < 2 ? 0x100 : 0);
    }
    assert_true(pci_world_function(a)->msi_data != pci_world_function(b)->msi_data);
}

/* ---- lines ---- */

/* Which of the parent's lines a function was routed to: its number in the tree, 3 to 6. */
static uint32_t line_of(int n)
{
    for (unsigned i = 0; i < world.host.irq.route_count; i++) {
        if (world.host.irq.routes[i].node == pci_world_node(n)) {
            return world.host.lines[world.host.irq.routes[i].line].cells[1];
        }
    }
    return 0;
}

static void pins_are_swizzled_at_each_bridge(void **state)
{
    (void)state;
    int direct = add_device(FAKE_CONFIG_ROOT, 3, 2);
    int root = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4),
        up = fake_config_add_bridge(root, 0, 5);
    int down = fake_config_add_bridge(up, 2, 6), switched = add_device(down, 0, 1);
    int pci = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 7), old = add_device(pci, 7, 4);
    starts();
    assert_int_equal(attach(direct, 0, 1, PORT), E_OK);
    assert_int_equal(attach(switched, 0, 1, PORT), E_OK);
    assert_int_equal(attach(old, 0, 1, PORT), E_OK);
    assert_true(fake.reply.w[0] != IRQ_NO_ACK);                 /* a line */
    assert_int_equal(line_of(direct), 3 + (3 + 1) % 4);         /* slot 3, INTB */
    assert_int_equal(line_of(switched), 3 + (1 + (0 + 2)) % 4); /* A turned by port 2, slot 1 */
    assert_int_equal(line_of(old), 3 + (2 + (3 + 7)) % 4);      /* D turned by 7, slot 2 */
    assert_int_equal(fake.irqs_attached, 2);                    /* two share a line */
}

static void a_line_opens_when_all_who_share_it_have_answered(void **state)
{
    (void)state;
    int a = add_device(FAKE_CONFIG_ROOT, 1, 1), b = add_device(FAKE_CONFIG_ROOT, 5, 1);
    starts();
    assert_int_equal(reg(a, 4) & 0x400, 0x400);
    assert_int_equal(attach(a, 0, 1, PORT), E_OK);
    assert_int_equal(reg(a, 4) & 0x400, 0);
    assert_int_equal(reg(b, 4) & 0x400, 0x400);
    assert_int_equal(attach(b, 0, 2, PORT + 1), E_OK);
    assert_int_equal(attach(b, 1, 2, PORT + 1), E_NOTFOUND);
    unsigned index = world.host.lines[0].index;
    fake_trace_clear();
    (void)pci_world_event((struct event){ .kind = EV_IRQ, .irq = index });
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, 1), 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT + 1, 2), 1);
    assert_int_equal(fake.held, 1u << index);
    assert_int_equal(ask(a, IRQ_OP_ACK, 0, 0), E_OK);
    assert_int_equal(fake.held, 1u << index);
    assert_int_equal(ask(b, IRQ_OP_ACK, 0, 0), E_OK);
    assert_int_equal(fake.held, 0);
}

static void who_is_silent_raises_the_line_of_others_no_more(void **state)
{
    (void)state;
    int a = add_device(FAKE_CONFIG_ROOT, 1, 1), b = add_device(FAKE_CONFIG_ROOT, 5, 1);
    starts();
    assert_int_equal(attach(a, 0, 1, PORT), E_OK);
    assert_int_equal(attach(b, 0, 2, PORT + 1), E_OK);
    (void)pci_world_event((struct event){ .kind = EV_IRQ, .irq = world.host.lines[0].index });
    assert_int_equal(ask(a, IRQ_OP_ACK, 0, 0), E_OK);
    fake.now_ns += 2000000000;
    (void)pci_world_event((struct event){ .kind = EV_NOTIFY, .bits = IRQ_EVENT_SILENT });
    assert_int_equal(fake.held, 0);
    assert_int_equal(reg(a, 4) & 0x400, 0);
    assert_int_equal(reg(b, 4) & 0x400, 0x400);
    assert_int_equal(ask(b, IRQ_OP_ACK, 0, 0), E_NOTFOUND);
    assert_int_equal(attach(b, 0, 2, PORT + 1), E_OK);
    assert_int_equal(reg(b, 4) & 0x400, 0);
}

static void what_is_put_to_use_is_in_the_log_once_and_so_many_only(void **state)
{
    int n[10];

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        n[i] = add_device(FAKE_CONFIG_ROOT, 1 + i, 1);
    }
    int bare = fake_config_add(FAKE_CONFIG_ROOT, 20, 0, 0x10441af4, 0x00ff00);
    add_msix(n[0], 16);
    (void)add_msi(n[1], 2);
    starts();
    fake.log_lines = 0;
    assert_int_equal(ask(n[0], PCI_OP_ENABLE, 0, 0), E_OK); /* that is no use */
    assert_int_equal(ask(bare, PCI_OP_ENABLE, 4, 0), E_OK);
    assert_int_equal(fake_said("0:14.0: found 1af4:1044; no messages"), 1);
    assert_int_equal(fake.log_lines, 1); /* it has no BARs */
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ask(n[i], PCI_OP_ENABLE, 2, 0), E_OK);
        assert_int_equal(ask(n[i], PCI_OP_ENABLE, 6, 0), E_OK);
    }
    assert_int_equal(fake_said("0:1.0: found 1af4:1044; MSI-X at 0x40, 16 entries, BAR 1 + 0x0"),
                     1);
    assert_int_equal(fake_said("0:1.0: BAR 1 set 0x10000000, 4 set 0x8000000000"), 1);
    assert_int_equal(fake_said("0:2.0: found 1af4:1044; MSI at 0x40, 4 vectors"), 1);
    assert_int_equal(fake_said("0:7.0: found 1af4:1044; no messages"), 1);
    assert_int_equal(fake_said("of further functions the command pci -v tells as much"), 1);
    assert_int_equal(fake.log_lines, 1 + 7 * 2 + 1);
    starts(); /* adopts them */
    assert_int_equal(ask(n[0], PCI_OP_ENABLE, 6, 0), E_OK);
    assert_int_equal(fake_said("0:1.0: BAR 1 found 0x10000000, 4 found 0x8000000000"), 1);
}

static void after_a_restart_no_pin_is_up_before_its_driver_attaches(void **state)
{
    (void)state;
    int a = add_device(FAKE_CONFIG_ROOT, 1, 1), b = add_device(FAKE_CONFIG_ROOT, 5, 1);
    starts();
    assert_int_equal(ask(a, PCI_OP_ENABLE, 6, 0), E_OK);
    assert_int_equal(attach(a, 0, 1, PORT), E_OK);
    starts();
    assert_int_equal(reg(a, 4) & 0x407, 0x406);
    assert_int_equal(attach(b, 0, 2, PORT + 1), E_OK);
    assert_int_equal(reg(a, 4) & 0x400, 0x400);
    assert_int_equal(attach(a, 0, 1, PORT), E_OK);
    assert_int_equal(reg(a, 4) & 0x407, 6);
}

static void without_map_or_pin_there_is_no_line(void **state)
{
    (void)state;
    int none = add_device(FAKE_CONFIG_ROOT, 1, 0), odd = add_device(FAKE_CONFIG_ROOT, 2, 5);
    starts();
    assert_int_equal(attach(none, 0, 1, PORT), E_NOTFOUND);
    assert_int_equal(attach(odd, 0, 1, PORT), E_NOTFOUND);
    assert_int_equal(ask(none, PCI_OP_VECTORS, 1, 0), E_NOTFOUND);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 2); /* the frame's: nobody took them */
}

/* ---- the end of a driver ---- */

static void the_end_of_a_driver_takes_vectors_and_mastering(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1), m = add_device(FAKE_CONFIG_ROOT, 2, 1);
    add_msix(n, 2);
    starts();
    assert_int_equal(ask(n, PCI_OP_ENABLE, 6, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 6);
    assert_int_equal(ask(n, PCI_OP_VECTORS, 2, 0), E_OK);
    assert_int_equal(attach(n, 0, 1, PORT), E_OK);
    assert_int_equal(attach(m, 0, 1, PORT + 1), E_OK);
    assert_int_equal(command(COMMAND_IRQ_QUIESCE, pci_world_node(n)), E_OK);
    assert_int_equal(reg(n, pci_world_function(n)->msix) >> 30, 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    assert_int_equal(reg(n, 4) & 4, 4);
    assert_int_equal(command(COMMAND_DMA_OFF, pci_world_node(n)), E_OK);
    assert_int_equal(reg(n, 4) & 0x407, 0x402);
    assert_int_equal(reg(m, 4) & 0x400, 0);
    (void)pci_world_event((struct event){ .kind = EV_CLOSED, .badge = pci_world_node(m) });
    assert_int_equal(reg(m, 4) & 0x400, 0x400);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT + 1, 0), 1);
}

static void mastering_that_stays_is_an_error_and_a_bridge_keeps_it(void **state)
{
    (void)state;
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4), n = add_device(bridge, 0, 1);
    starts();
    assert_int_equal(ask(n, PCI_OP_ENABLE, 6, 0), E_OK);
    fake_config.functions[n].writable[1] &= ~4u;
    assert_int_equal(command(COMMAND_DMA_OFF, pci_world_node(n)), E_IO);
    assert_int_equal(command(COMMAND_DMA_OFF, pci_world_node(bridge)), E_NOTFOUND);
    assert_int_equal(reg(bridge, 4) & 7, 7);
    uint32_t node = pci_world_node(n);
    fake_config.functions[n].is_gone = true;
    assert_int_equal(command(COMMAND_DMA_OFF, node), E_OK);
    assert_string_equal(fake.log, "1:0.0: it does not answer any more");
    assert_int_equal(pci_world_ask(node, PCI_OP_ENABLE, 6, 0, 0), E_DEAD);
    assert_int_equal(pci_world_ask(node, IRQ_OP_ATTACH, 0, 1, PORT), E_DEAD);
}

/* ---- other requests ---- */

static void a_driver_speaks_of_its_function_only(void **state)
{
    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1),
        bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 2, 4);
    starts();
    static const uint32_t own[] = { PCI_OP_ENABLE, PCI_OP_VECTORS, PCI_OP_READ, PCI_OP_RESET };
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pci_world_ask(NOBODY, own[i], 0, 4, 0), E_RIGHTS);
        assert_int_equal(ask(bridge, own[i], 0, 4), E_RIGHTS);
        assert_int_equal(pci_world_ask((uint32_t)world.host.node.offset, own[i], 0, 4, 0),
                         E_RIGHTS);
    }
    assert_int_equal(ask(n, PCI_OP_READ, 0, 4), E_OK);
    assert_int_equal(fake.reply.w[0], 0x10441af4);
    assert_int_equal(ask(n, PCI_OP_READ, 2, 2), E_OK);
    assert_int_equal(fake.reply.w[0], 0x1044);
    assert_int_equal(ask(n, PCI_OP_READ, 1, 1), E_OK);
    assert_int_equal(fake.reply.w[0], 0x1a);
    assert_int_equal(ask(n, PCI_OP_READ, 1, 2), E_RANGE);
    assert_int_equal(ask(n, PCI_OP_READ, 0, 3), E_RANGE);
    assert_int_equal(ask(n, PCI_OP_READ, 0x100, 4), E_RANGE); /* it is no PCI Express function */
    assert_int_equal(ask(n, PCI_OP_ENABLE, 1, 0), E_RANGE);   /* no I/O */
    assert_int_equal(ask(n, PCI_OP_ENABLE, 0x400, 0), E_INVAL);
    assert_int_equal(pci_world_ask(pci_world_node(n), PCI_OP_ENABLE, 2, 0, PORT), E_INVAL);
    assert_int_equal(ask(n, 99, 0, 0), E_NOSYS);
    fake_config.functions[n].writable[1] = 0;
    assert_int_equal(ask(n, PCI_OP_ENABLE, 2, 0), E_IO);
}

static void anybody_may_look(void **state)
{
    (void)state;
    (void)fake_config_add(FAKE_CONFIG_ROOT, 0, 0, 0x00081b36, 0x060000);
    int bridge = fake_config_add_bridge(FAKE_CONFIG_ROOT, 1, 4), n = add_device(bridge, 0, 1);
    (void)fake_config_add(FAKE_CONFIG_ROOT, 2, 0, 0x11111234, 0x00ff00);
    add_msix(n, 2);
    starts();
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_BRIDGE, 0, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 4);
    assert_int_equal(fake.reply.w[1], (uint64_t)world.host.node.offset);
    assert_int_equal(fake.reply.w[2], 0x100);
    static const uint32_t ids[] = { 0, 8, 16, 0x100 }; /* as lspci sorts them */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pci_world_ask(NOBODY, PCI_OP_FUNCTION, i, 0, 0), E_OK);
        assert_int_equal(fake.reply.w[0] & 0xffff, ids[i]);
        assert_int_equal((int64_t)fake.reply.w[7], i == 3 ? 1 : -1);
    }
    assert_int_equal(fake.reply.w[1], 0x10441af4);
    assert_int_equal(fake.reply.w[2], 0x00ff0001);
    assert_int_equal(fake.reply.w[3], pci_world_node(n));
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_FUNCTION, 4, 0, 0), E_NOTFOUND);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_BAR, 3, 4, 0), E_OK);
    assert_true(fake.reply.w[0] == fake_config_bar_address(n, 4) && fake.reply.w[1] == 0x4000 &&
                fake.reply.w[3] == fake.reply.w[0]);
    assert_int_equal(fake.reply.w[2], P64);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_BAR, 1, 8, 0), E_OK);
    assert_int_equal(fake.reply.w[1], 0x100000);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_BAR, 3, 8, 0), E_NOTFOUND);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_BAR, 1, 10, 0), E_NOTFOUND);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 3, 0, 0), E_OK);
    assert_int_equal(fake.reply.w[0], 0x11);
    assert_int_equal(fake.reply.w[1], pci_world_function(n)->msix);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_CAPABILITY, 3, 1, 0), E_NOTFOUND);
}

/* A reset sets registers to what they were before anybody wrote. */
static uint32_t reset_lie(int n, unsigned offset, uint32_t value)
{
    struct fake_config_function *f = &fake_config.functions[n];

    if (n >= 0 && (f->regs[0x48 / 4] & 0x8000) != 0) {
        f->regs[0x48 / 4] = 0;
        f->regs[1] &= ~0x7u;
        f->regs[5] = 0;
        f->regs[8] = 0xc;
        f->regs[9] = 0;
        return ~0u; /* not yet */
    }
    return offset == 0 && fake.now_ns < 50000000 ? ~0u : value;
}

static void a_reset_function_is_where_it_was(void **state)
{
    uint32_t words[] = { 0, 1u << 28, 0 }, writable[] = { 0, 0, 0x8000 };

    (void)state;
    int n = add_device(FAKE_CONFIG_ROOT, 1, 1), without = add_device(FAKE_CONFIG_ROOT, 2, 1);
    (void)fake_config_capability(n, 0x10, words, writable, 3);
    starts();
    assert_int_equal(ask(n, PCI_OP_ENABLE, 6, 0), E_OK);
    uint64_t bar1 = fake_config_bar_address(n, 1), bar4 = fake_config_bar_address(n, 4);
    fake.now_ns = 0;
    fake_config.lie = reset_lie;
    struct pci_function *f = pci_world_function(n);
    fake.now_ns = 60000000;
    assert_int_equal(pci_world_ask((uint32_t)f->node, PCI_OP_RESET, 0, 0, 0), E_OK);
    assert_true(fake_config_bar_address(n, 1) == bar1 && fake_config_bar_address(n, 4) == bar4);
    assert_int_equal(reg(n, 4) & 0x407, 0x402);
    assert_int_equal(ask(without, PCI_OP_RESET, 0, 0), E_NOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_driver_gets_msix_where_there_is_any, setup),
        cmocka_unit_test_setup(msi_gives_a_power_of_two, setup),
        cmocka_unit_test_setup(when_vectors_are_used_up_there_are_fewer_and_then_the_line, setup),
        cmocka_unit_test_setup(messages_that_nobody_serves_are_said_and_the_line_is_used, setup),
        cmocka_unit_test_setup(a_table_outside_of_its_bar_is_said_and_msi_is_used, setup),
        cmocka_unit_test_setup(what_msi_cannot_say_goes_by_the_line, setup),
        cmocka_unit_test_setup(a_new_controller_is_asked_and_what_it_says_is_written, setup),
        cmocka_unit_test_setup(those_who_write_as_one_have_messages_each, setup),
        cmocka_unit_test_setup(pins_are_swizzled_at_each_bridge, setup),
        cmocka_unit_test_setup(a_line_opens_when_all_who_share_it_have_answered, setup),
        cmocka_unit_test_setup(who_is_silent_raises_the_line_of_others_no_more, setup),
        cmocka_unit_test_setup(what_is_put_to_use_is_in_the_log_once_and_so_many_only, setup),
        cmocka_unit_test_setup(after_a_restart_no_pin_is_up_before_its_driver_attaches, setup),
        cmocka_unit_test_setup(without_map_or_pin_there_is_no_line, setup),
        cmocka_unit_test_setup(the_end_of_a_driver_takes_vectors_and_mastering, setup),
        cmocka_unit_test_setup(mastering_that_stays_is_an_error_and_a_bridge_keeps_it, setup),
        cmocka_unit_test_setup(a_driver_speaks_of_its_function_only, setup),
        cmocka_unit_test_setup(anybody_may_look, setup),
        cmocka_unit_test_setup(a_reset_function_is_where_it_was, setup),
    };

    return TREE_RUN(tests);
}
