/* SPDX-License-Identifier: BSD-2-Clause
 * The library of PCI host bridges where the tree sends messages to the bridge itself: who gets which, whom they tell, that none is lost
 * while nobody listens, and what is left of a driver that has ended. The bridge's block is a word of pending bits and one of masks.
 */
#include "pci_world.h"
#include "tree_test.h"
#include <libfdt.h>
#include <string.h>

enum {
    PORT = 40,
    NOBODY = 1 << 28,
    TABLE = 1,
    MSI_INDEX = 1,
    LINE = 180,
    TARGET = 0x7ffffffc,
    DATA = 0x6540
};

static struct {
    uint32_t pending, masked;
    uint32_t endless; /* of these another one comes as soon as one is cleared */
} block;

static uint32_t block_pending(struct pci_host *h)
{
    (void)h;
    return block.pending;
}

static void block_clear(struct pci_host *h, uint32_t which)
{
    (void)h;
    block.pending = (block.pending & ~which) | block.endless;
}

static void block_mask(struct pci_host *h, uint32_t which, bool is_masked)
{
    (void)h;
    block.masked = is_masked ? block.masked | which : block.masked & ~which;
}

static const struct pci_own_ops block_ops = { block_pending, block_clear, block_mask };
static struct pci_own own;
static status_t (*world_call)(handle_t port, struct msg *m);

/* The controller above, of whose lines the bridge's is the third. */
static status_t call(handle_t port, struct msg *m)
{
    if (port != start_handle("interrupts 1")) {
        return world_call(port, m);
    }
    assert_int_equal(info_op(m->info), IRQ_OP_STAT);
    uint64_t line = m->w[0] <= LINE - 2 ? LINE - 2 : m->w[0];
    *m = (struct msg){ .w = { line, (uint64_t)fake.node.offset, 0, 0, line == LINE } };
    return E_OK;
}

static void sends_to(uint32_t phandle)
{
    int node = fake.node.offset;

    assert_int_equal(fdt_setprop_u32(world.tree, node, "phandle", 7), 0);
    assert_int_equal(fdt_setprop_u32(world.tree, node, "msi-parent", phandle), 0);
}

static int setup(void **state)
{
    (void)state;
    pci_world_reset(pci_world_usual, 3, 0, 255, NULL);
    sends_to(7);
    world_call = fake.call;
    fake.call = call;
    memset(&block, 0, sizeof(block));
    block.masked = ~0u;
    own = (struct pci_own){
        .ops = &block_ops, .address = TARGET, .data = DATA, .count = 32, .index = MSI_INDEX
    };
    world.own = &own;
    return 0;
}

static int add_device(unsigned device)
{
    int n = fake_config_add(FAKE_CONFIG_ROOT, device, 0, 0x10441af4, 0x00ff00);

    fake_config_bar(n, 1, 0, 0x1000);
    fake_config.functions[n].regs[0x3c / 4] = 1u << 8;
    return n;
}

static int add_msix(unsigned device, unsigned size)
{
    uint32_t words[] = { (size - 1) << 16, 1, 0x801 }, writable[] = { 0xc0000000, 0, 0 };
    int n = add_device(device);

    (void)fake_config_capability(n, 0x11, words, writable, 3);
    return n;
}

/* MSI of 64 bits that can do 2^n vectors. */
static int add_msi(unsigned device, unsigned log2)
{
    uint32_t words[4] = { 1u << 23 | log2 << 17 }, writable[] = { 0x710000, ~3u, ~0u, 0xffff };
    int n = add_device(device);

    (void)fake_config_capability(n, 0x05, words, writable, 4);
    return n;
}

static uint32_t msi_reg(int n, unsigned offset)
{
    return fake_config.functions[n].regs[(pci_world_function(n)->msi + offset) / 4];
}

static uint32_t table(int n, unsigned offset)
{
    return fake_mmio_get(
        TABLE, (uint32_t)(fake_config_bar_address(n, 1) - 0x10000000) % FAKE_WINDOW_LEN + offset);
}

static void starts(void)
{
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(world.own_error, E_OK);
}

static status_t ask(int n, uint32_t op, uint64_t w0)
{
    return pci_world_ask(pci_world_node(n), op, w0, 0, 0);
}

/* The vectors that it gets, as messages. */
static unsigned vectors(int n, unsigned wanted)
{
    assert_int_equal(ask(n, PCI_OP_VECTORS, wanted), E_OK);
    assert_true(fake.reply.w[1] >= PCI_IRQ_MSI);
    return (unsigned)fake.reply.w[0];
}

static void attach(int n, uint64_t vector, uint64_t bits, handle_t port)
{
    assert_int_equal(pci_world_ask(pci_world_node(n), IRQ_OP_ATTACH, vector, bits, port), E_OK);
    assert_true(fake.reply.w[0] == IRQ_NO_ACK);
}

/* What the bridge does with a message; the level interrupts as long as one is pending that is not masked. */
static void comes(uint32_t which)
{
    block.pending |= which;
    if ((block.pending & ~block.masked) != 0) {
        (void)pci_world_event((struct event){ .kind = EV_IRQ, .irq = MSI_INDEX });
    }
}

static unsigned told(handle_t port, uint64_t bits)
{
    return fake_count(FAKE_NOTIFY, port, bits);
}

static status_t stat(uint64_t line, uint64_t k)
{
    return pci_world_ask(NOBODY, IRQ_OP_STAT, line, k, 0);
}

static void a_message_tells_its_driver_from_here_and_nobody_waits(void **state)
{
    (void)state;
    int n = add_msix(1, 4);
    starts();
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(vectors(n, 3), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(table(n, 16 * i), TARGET);
        assert_int_equal(table(n, 16 * i + 8), DATA + i);
        assert_int_equal(table(n, 16 * i + 12), 1);
    }
    assert_int_equal(fake_said("0:1.0: set MSI 0 to 2"), 1);
    assert_int_equal(world.msi_allocs, 0); /* no other controller is asked */
    attach(n, 1, 2, PORT);
    assert_int_equal(told(PORT, 2), 1); /* once, as everywhere */
    assert_int_equal(table(n, 16 + 12), 0);
    assert_true(block.masked == ~2u);
    comes(2);
    assert_int_equal(told(PORT, 2), 2);
    assert_int_equal(block.pending, 0);
    assert_int_equal(fake.held, 0); /* the line is answered at once */
    comes(0);                       /* an attach of the line tells, too: nothing happens */
    attach(n, 0, 4, PORT + 1);
    comes(3);
    assert_int_equal(told(PORT, 2), 3);
    assert_int_equal(told(PORT + 1, 4), 2);
    assert_int_equal(ask(n, IRQ_OP_ACK, 1), E_OK);
    assert_int_equal(ask(n, IRQ_OP_DETACH, 1), E_OK);
    assert_true(block.masked == ~1u);
    comes(2);
    assert_int_equal(told(PORT, 2), 3);
}

static void all_are_listed_with_the_one_line_that_they_share(void **state)
{
    (void)state;
    int a = add_msix(1, 2), b = add_msi(2, 0);
    starts();
    assert_int_equal(stat(0, 0), E_NOTFOUND);
    assert_int_equal(vectors(a, 2) + vectors(b, 1), 3);
    attach(a, 0, 1, PORT);
    assert_int_equal(stat(0, 0), E_OK);
    assert_int_equal(fake.reply.w[6], 0);
    attach(a, 1, 2, PORT);
    attach(b, 0, 1, PORT + 1);
    comes(2);
    assert_int_equal(stat(0, 5), E_OK); /* below it: the first */
    assert_true(fake.reply.w[0] == LINE && fake.reply.w[1] == pci_world_node(a) &&
                fake.reply.w[4] == 0);
    assert_int_equal(stat(LINE, 1), E_OK);
    assert_true(fake.reply.w[1] == pci_world_node(a) && fake.reply.w[4] == 1);
    assert_true(fake.reply.w[2] == 1 && fake.reply.w[5] == 1 && fake.reply.w[6] == 3);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE | IRQ_STAT_MESSAGE | IRQ_STAT_MSIX);
    assert_int_equal(stat(LINE, 2), E_OK);
    assert_true(fake.reply.w[1] == pci_world_node(b) && fake.reply.w[2] == 0);
    assert_int_equal(fake.reply.w[3], IRQ_STAT_EDGE | IRQ_STAT_MESSAGE | IRQ_STAT_MSI);
    assert_int_equal(stat(LINE, 3), E_NOTFOUND);
    assert_int_equal(stat(LINE + 1, 0), E_NOTFOUND);
    assert_int_equal(pci_world_ask(NOBODY, PCI_OP_FUNCTION, 0, 0, 0), E_OK);
    assert_true(fake.reply.w[4] == (PCI_IRQ_MSIX | 2 << 8 | (uint64_t)LINE << 32));
}

static void msi_gets_a_run_that_its_data_can_count(void **state)
{
    (void)state;
    int one = add_msi(1, 0), four = add_msi(2, 2), two = add_msi(3, 1);
    starts();
    assert_int_equal(vectors(one, 8), 1);
    assert_int_equal(vectors(four, 8), 4);
    assert_int_equal(vectors(two, 8), 2);
    assert_int_equal(msi_reg(one, 12), DATA);
    assert_int_equal(msi_reg(four, 12), DATA + 4); /* the two low bits are the function's */
    assert_int_equal(msi_reg(two, 12), DATA + 2);
    assert_int_equal(msi_reg(four, 4), TARGET);
    attach(four, 3, 8, PORT);
    attach(two, 0, 1, PORT + 1);
    fake_trace_clear();
    comes(1u << 7 | 1u << 2);
    assert_int_equal(told(PORT, 8), 1);
    assert_int_equal(told(PORT + 1, 1), 1);
}

static void when_they_are_used_up_there_are_fewer_and_then_the_line(void **state)
{
    (void)state;
    int a = add_msix(1, 30), b = add_msix(2, 8), c = add_msix(3, 8);
    starts();
    assert_int_equal(vectors(a, 30), 30);
    assert_int_equal(vectors(b, 8), 2);
    assert_int_equal(table(b, 8), DATA + 30);
    assert_int_equal(ask(c, PCI_OP_VECTORS, 8), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    assert_string_equal(fake.log, "0:3.0: no messages (E_FULL): its line instead");
    assert_int_equal(ask(b, PCI_OP_VECTORS, 0), E_OK); /* given back: others have them */
    assert_int_equal(vectors(c, 8), 2);
    assert_int_equal(table(c, 8), DATA + 30);
    assert_int_equal(vectors(c, 1), 1); /* asking again gives back first */
    assert_int_equal(vectors(b, 1), 1);
    assert_int_equal(table(b, 8), DATA + 31);
}

static void a_bridge_with_eight_gives_eight(void **state)
{
    (void)state;
    int a = add_msix(1, 32), b = add_msi(2, 3);
    own.count = 8;
    starts();
    assert_int_equal(vectors(a, 32), 8);
    assert_int_equal(ask(b, PCI_OP_VECTORS, 1), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
}

static void what_comes_before_somebody_listens_is_told_then(void **state)
{
    (void)state;
    int n = add_msi(1, 0);
    starts();
    assert_int_equal(vectors(n, 1), 1);
    comes(1); /* between the function and its driver: masked, and kept */
    assert_int_equal(block.pending, 1);
    attach(n, 0, 1, PORT);
    assert_int_equal(block.pending & ~block.masked, 1);
    comes(0);
    assert_int_equal(told(PORT, 1), 2); /* the attach, and that message */
}

static void
after_a_restart_nothing_is_told_until_a_driver_attaches_again_and_then_it_is(void **state)
{
    (void)state;
    int n = add_msi(1, 1), m = add_msi(2, 0);
    starts();
    assert_int_equal(vectors(n, 2) + vectors(m, 1), 3);
    attach(n, 1, 2, PORT);
    attach(m, 0, 1, PORT + 1);
    block.pending = 1u << 1 | 1u << 2; /* nobody is there */
    block.masked = ~0u;                /* the bridge's server masks all when it starts */
    starts();
    fake_trace_clear();
    comes(1u << 1);
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT, 2), 0);
    assert_int_equal(vectors(m, 1), 1); /* in another order than before */
    attach(m, 0, 1, PORT + 1);
    assert_int_equal(told(PORT + 1, 1), 1);
    assert_int_equal(vectors(n, 2), 2);
    assert_int_equal(msi_reg(n, 12), DATA + 2);
    attach(n, 1, 2, PORT);
    assert_int_equal(told(PORT, 2), 1);
    comes(1u << 3);
    assert_int_equal(told(PORT, 2), 2);
}

static void what_a_driver_leaves_is_masked_and_the_next_ones_from_the_beginning(void **state)
{
    (void)state;
    int n = add_msi(1, 0), m = add_msi(2, 0);
    starts();
    assert_int_equal(vectors(n, 1), 1);
    attach(n, 0, 1, PORT);
    block.pending = 1;
    fake_trace_clear();
    (void)pci_world_event((struct event){ .kind = EV_CLOSED, .badge = pci_world_node(n) });
    assert_true(block.masked == ~0u && block.pending == 0);
    assert_int_equal(msi_reg(n, 0) >> 16 & 1, 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    block.pending = 1; /* it was on its way */
    assert_int_equal(vectors(m, 1), 1);
    assert_int_equal(msi_reg(m, 12), DATA);
    attach(m, 0, 1, PORT + 1);
    comes(0);
    assert_int_equal(told(PORT + 1, 1), 1); /* the attach, no message of another */
    assert_int_equal(told(PORT, 1), 0);
    assert_int_equal(stat(0, 0), E_OK);
    assert_int_equal(fake.reply.w[2], 0);
}

static void what_comes_without_end_is_masked_alone_until_it_is_attached_again(void **state)
{
    (void)state;
    int n = add_msi(1, 1), m = add_msi(2, 0);
    unsigned i = 0;
    starts();
    assert_int_equal(vectors(n, 2) + vectors(m, 1), 3);
    attach(n, 1, 2, PORT);
    attach(m, 0, 1, PORT + 1);
    for (; i < 100000; i++) { /* many, and each is waited for */
        comes(1u << 2);
        comes(1u << 1);
        if (i % 10000 == 0) {
            fake_trace_clear();
        }
    }
    assert_true(block.masked == ~6u);
    block.endless = 1u << 1;
    for (i = 0; i < IRQ_SAMPLE_EVENTS * IRQ_STORM_SAMPLES && (block.masked & 2) == 0; i++) {
        comes(1u << 1);
        if (i % 10000 == 0) {
            fake_trace_clear();
        }
    }
    assert_true(i <
                IRQ_SAMPLE_EVENTS *
                    IRQ_STORM_SAMPLES); /* before the line's own watch takes all from everybody */
    assert_string_equal(fake.log,
                        "0:1.0: vector 1 comes without end: masked until it is attached again");
    fake_trace_clear();
    comes(1u << 2);
    assert_int_equal(told(PORT + 1, 1), 1);
    assert_int_equal(told(PORT, 2), 0);
    assert_int_equal(stat(LINE, 0), E_OK);
    assert_int_equal(fake.reply.w[3] & IRQ_STAT_STORM, IRQ_STAT_STORM);
    block.endless = 0;
    attach(n, 1, 2, PORT);
    comes(0);
    assert_int_equal(told(PORT, 2), 2);
    assert_int_equal(stat(LINE, 0), E_OK);
    assert_int_equal(fake.reply.w[3] & IRQ_STAT_STORM, 0);
}

static void without_its_interrupt_or_served_by_nobody_functions_have_lines(void **state)
{
    (void)state;
    int n = add_msi(1, 0);
    fake.irq_error = E_NOTFOUND;
    assert_int_equal(pci_world_start(), E_OK);
    assert_int_equal(world.own_error, E_NOTFOUND);
    assert_int_equal(ask(n, PCI_OP_VECTORS, 1), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
    fake.irq_error = E_OK;
    world.own = NULL;
    assert_int_equal(pci_world_start(), E_OK);
    assert_true(pci_own_is_named(&world.host));
    assert_int_equal(ask(n, PCI_OP_VECTORS, 1), E_OK);
    assert_int_equal(fake.reply.w[1], PCI_IRQ_INTX);
}

static void what_the_tree_sends_elsewhere_is_not_its(void **state)
{
    (void)state;
    int n = add_msi(1, 0);
    sends_to(2);
    starts();
    assert_false(pci_own_is_named(&world.host));
    assert_int_equal(vectors(n, 1), 1);
    assert_int_equal(world.msi_allocs, 1);
    assert_int_equal(msi_reg(n, 4), 0x8020040);
    fake.held = 0;
    (void)pci_world_event((struct event){ .kind = EV_IRQ, .irq = MSI_INDEX });
    assert_int_equal(stat(0, 0), E_NOTFOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_message_tells_its_driver_from_here_and_nobody_waits),
        T(all_are_listed_with_the_one_line_that_they_share),
        T(msi_gets_a_run_that_its_data_can_count),
        T(when_they_are_used_up_there_are_fewer_and_then_the_line),
        T(a_bridge_with_eight_gives_eight),
        T(what_comes_before_somebody_listens_is_told_then),
        T(after_a_restart_nothing_is_told_until_a_driver_attaches_again_and_then_it_is),
        T(what_a_driver_leaves_is_masked_and_the_next_ones_from_the_beginning),
        T(what_comes_without_end_is_masked_alone_until_it_is_attached_again),
        T(without_its_interrupt_or_served_by_nobody_functions_have_lines),
        T(what_the_tree_sends_elsewhere_is_not_its),
    };

    return TREE_RUN(tests);
}
