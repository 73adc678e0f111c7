/* SPDX-License-Identifier: BSD-2-Clause
 * drv/rp1_gpio with the kit (libsys/src/gpio_server.c) against a recording model of the three blocks and dts/trees/good-pins.dts: what
 * start leaves alone, lines and their triggers in all banks, states of pins in both forms, each wrong one, and whose pin is whose.
 */
int rp1_gpio_main(void);
#define main rp1_gpio_main
#include "servers/drv/rp1_gpio/rp1_gpio.c"
#include "servers/drv/rp1_gpio/rp1_pins.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <libfdt.h>

enum { IO, RIO, PADS };
enum { PROGRAM = 0x800040, PORT = 61, BITS = 0x10000 };

/* The device: its pins, what is wired to them. */
static struct model {
    uint64_t in, fell, rose;
    uint32_t ctrl[RP1_PINS], pad[RP1_PINS], out[RP1_BANKS], oe[RP1_BANKS], inte[RP1_BANKS];
    unsigned resets; /* IRQRESET written */
} model;

static unsigned pin_at(unsigned bank, uint32_t index)
{
    assert_true(bank < RP1_BANKS && index < banks[bank].count);
    return banks[bank].first + index;
}

static uint64_t wired(unsigned pin)
{
    return model.pad[pin] & PAD_IE ? model.in >> pin & 1 : 0;
}

static bool is_up(unsigned pin)
{
    uint32_t ctrl = model.ctrl[pin];

    return (ctrl & CTRL_EDGE_LOW && model.fell >> pin & 1) ||
           (ctrl & CTRL_EDGE_HIGH && model.rose >> pin & 1) ||
           (ctrl & CTRL_LEVEL_LOW && !wired(pin)) || (ctrl & CTRL_LEVEL_HIGH && wired(pin));
}

static uint32_t bank_bits(unsigned bank, bool (*bit)(unsigned pin))
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < banks[bank].count; i++) {
        bits |= (uint32_t)bit(pin_at(bank, i)) << i;
    }
    return bits;
}

static bool is_high(unsigned pin)
{
    return wired(pin);
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    unsigned bank = offset / RP1_BANK;
    uint32_t at = offset % RP1_BANK;

    if (window == IO && at < 0x100 && at % IO_CTRL_NEXT == IO_CTRL) {
        return model.ctrl[pin_at(bank, at / IO_CTRL_NEXT)];
    }
    if (window == IO && at == IO_PCIE_INTS) {
        return bank_bits(bank, is_up) & model.inte[bank];
    }
    if (window == RIO && at == RIO_IN) {
        return bank_bits(bank, is_high) | 1u << 31; /* bits of no pin mean nothing */
    }
    if (window == RIO && at <= RIO_OE) {
        return at == RIO_OE ? model.oe[bank] : model.out[bank];
    }
    if (window == PADS && at >= PADS_PIN) {
        return model.pad[pin_at(bank, (at - PADS_PIN) / PADS_NEXT)];
    }
    fail_msg("reads window %u, 0x%x", window, offset);
    return 0;
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    unsigned bank = offset / RP1_BANK;
    uint32_t at = offset % RP1_BANK;

    if (window == IO && at >= RP1_SET) { /* the only bit that is set so */
        unsigned pin = pin_at(bank, (at - RP1_SET) / IO_CTRL_NEXT);
        assert_int_equal(value, CTRL_IRQRESET);
        model.fell &= ~((uint64_t)1 << pin);
        model.rose &= ~((uint64_t)1 << pin);
        model.resets++;
    } else if (window == IO && at == IO_PCIE_INTE) {
        model.inte[bank] = value;
    } else if (window == IO && at % IO_CTRL_NEXT == IO_CTRL) {
        unsigned pin = pin_at(bank, at / IO_CTRL_NEXT);
        assert_true((model.inte[bank] >> (pin - banks[bank].first) & 1) == 0 ||
                    ((model.ctrl[pin] ^ value) & CTRL_EVENTS) == 0);
        model.ctrl[pin] = value;
    } else if (window == RIO && at <= RIO_OE) {
        *(at == RIO_OE ? &model.oe[bank] : &model.out[bank]) = value;
    } else if (window == PADS && at >= PADS_PIN) {
        model.pad[pin_at(bank, (at - PADS_PIN) / PADS_NEXT)] = value;
    } else {
        fail_msg("writes window %u, 0x%x", window, offset);
    }
}

static void wire(unsigned pin, bool high)
{
    uint64_t bit = (uint64_t)1 << pin;
    bool was = wired(pin);

    model.in = high ? model.in | bit : model.in & ~bit;
    model.rose |= !was && wired(pin) ? bit : 0;
    model.fell |= was && !wired(pin) ? bit : 0;
}

static struct rp1_gpio instance[2];
static void *tree;

static uint32_t node(const char *path)
{
    return (uint32_t)tree_node(tree, path);
}

static struct rp1_gpio *started(uint32_t incarnation)
{
    struct rp1_gpio *r = &instance[0];

    fake_start.incarnation = incarnation;
    *r = (struct rp1_gpio){ .gpio = { .node = fake.node,
                                      .line_count = RP1_PINS,
                                      .pins_of = rp1_gpio_pins_of,
                                      .pins_set = rp1_gpio_pins_set } };
    r->io = fake_mmio_window(IO, RP1_WINDOW_LEN);
    r->rio = fake_mmio_window(RIO, RP1_WINDOW_LEN);
    r->pads = fake_mmio_window(PADS, RP1_WINDOW_LEN);
    gpio_server_open(&r->gpio);
    rp1_gpio_start(r);
    return r;
}

static int setup(void **state)
{
    fake_frame_reset();
    model = (struct model){ .in = 0 };
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        model.ctrl[pin] = 0x9f; /* no function, filter 4 */
        model.pad[pin] = 0x96;  /* output off, 4 mA, Schmitt trigger, pulled down */
    }
    fake_mmio_hooks(model_read, model_write);
    *state = tree = tree_load("good-pins");
    fake.node = (struct node){ tree, tree_node(tree, "/gpio@d0000") };
    fake_start.incarnation = 1;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static status_t serve(struct rp1_gpio *r, uint32_t badge, struct msg *m)
{
    struct event ev = { .kind = EV_CALL, .badge = badge, .msg = *m };
    status_t err = rp1_gpio_event(r, &ev);

    *m = ev.msg;
    return err;
}

static status_t ask(struct rp1_gpio *r, uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1)
{
    struct msg m = { msg_info(op, 0, 0), { w0, w1 } };

    return serve(r, badge, &m);
}

static status_t pins(struct rp1_gpio *r, const char *path, uint64_t index)
{
    return ask(r, node(path), GPIO_OP_PINS, index, 0);
}

static status_t watch(struct rp1_gpio *r, uint32_t badge, uint64_t w0, enum gpio_trigger trigger,
                      uint64_t *out_level)
{
    struct msg m = { msg_info(GPIO_OP_SUBSCRIBE, 1, 0),
                     { w0, (uint64_t)BITS << w0 % 40, trigger, [7] = PORT } };
    status_t err = serve(r, badge, &m);

    *out_level = m.w[0];
    return err;
}

static uint64_t take(struct rp1_gpio *r, uint32_t badge, uint64_t w0)
{
    struct msg m = { msg_info(GPIO_OP_TAKE, 0, 0), { w0 } };

    assert_int_equal(serve(r, badge, &m), E_OK);
    return m.w[1];
}

/* The bank's interrupt, as long as it is up; how often. */
static unsigned interrupt(struct rp1_gpio *r, unsigned bank)
{
    unsigned count = 0;

    while (bank_bits(bank, is_up) & model.inte[bank]) {
        struct event ev = { .kind = EV_IRQ, .irq = bank };
        assert_int_equal(rp1_gpio_event(r, &ev), E_OK);
        assert_true(++count < 10);
    }
    return count;
}

static unsigned writes(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake_trace_len; i++) {
        count += fake_trace[i].kind == FAKE_WRITE;
    }
    return count;
}

/* ---- start ---- */

static void start_leaves_pins_alone_and_forgets_what_firmware_waited_for(void **state)
{
    (void)state;
    model.ctrl[14] = 0x84;                                   /* uart0, as firmware has set it */
    model.ctrl[17] = 0x85 | CTRL_LEVEL_HIGH | CTRL_FILTERED; /* a line that firmware watched */
    model.inte[0] = 1u << 17;
    model.rose = model.fell = ~0ull;
    (void)started(1);
    assert_int_equal(model.inte[0], 0);
    assert_int_equal(model.ctrl[14], 0x84);
    assert_int_equal(model.ctrl[17], 0x85);
    assert_int_equal(model.rose & ((uint64_t)1 << 53), 0);
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        assert_int_equal(model.pad[pin], 0x96);
    }
    assert_int_equal(fake_trace[fake_find(FAKE_WRITE, IO, IO_PCIE_INTE, 0)].c, 0);
}

static void what_is_driven_stays_and_what_only_seems_so_does_not(void **state)
{
    (void)state;
    model.ctrl[32] = 0x85; /* bank 1, line 4: Ethernet's PHY is out of reset */
    model.oe[1] = 1u << 4 | 1u << 2;
    model.out[1] = 1u << 4 | 1u << 2;
    struct rp1_gpio *r = started(2);
    assert_int_equal(
        model.oe[1],
        1u << 4); /* pin 30 has no function: it would drive as soon as it were a line */
    assert_int_equal(model.out[1], 1u << 4);
    assert_int_equal(r->gpio.driven, (uint64_t)1 << 32);
}

static void main_needs_its_three_windows_and_interrupts(void **state)
{
    (void)state;
    fake_run(rp1_gpio_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.irqs_attached, 3);
    assert_int_equal(model.ctrl[26] & CTRL_FUNCSEL, 8); /* its own state */
    fake.mmio_error = E_RANGE;
    fake_trace_clear();
    fake_run(rp1_gpio_main);
    assert_true(fake.main_returned && fake.main_result == E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_FORMAT;
    fake_run(rp1_gpio_main);
    assert_true(fake.main_returned && fake.main_result == E_FORMAT);
    fake_expect_writes(NULL, 0);
}

/* ---- lines ---- */

static void a_line_is_made_one_before_it_is_read(void **state)
{
    struct rp1_gpio *r = started(1);
    struct msg m = { msg_info(GPIO_OP_READ, 0, 0), { 0 } };
    (void)state;

    model.in = ~0ull;
    assert_int_equal(serve(r, node("/keys"), &m), E_OK);
    assert_int_equal(m.w[0], 0); /* high: not active */
    assert_int_equal(model.ctrl[20], 0x85);
    assert_int_equal(model.pad[20], 0x56); /* input on, output on, the rest as it was */
    m = (struct msg){ msg_info(GPIO_OP_READ, 0, 0), { 2 } };
    assert_int_equal(serve(r, node("/keys"), &m), E_OK);
    assert_int_equal(m.w[0], 1);
    assert_int_equal(model.ctrl[53], 0x85);
    m = (struct msg){ msg_info(GPIO_OP_READ, 0, 0), { 5 } };
    assert_int_equal(serve(r, PROGRAM, &m), E_OK); /* a program that only looks changes nothing */
    assert_int_equal(model.ctrl[5], 0x9f);
    assert_int_equal(model.pad[5], 0x96);
}

static void a_level_stands_before_it_is_driven_and_the_pin_shows_it_last(void **state)
{
    struct rp1_gpio *r = started(1);
    (void)state;

    fake_trace_clear();
    assert_int_equal(ask(r, PROGRAM, GPIO_OP_WRITE, 35, 1), E_OK); /* bank 2, line 1 */
    static const struct fake_write expected[] = {
        { RIO, 2 * RP1_BANK + RIO_OUT, 2 },
        { RIO, 2 * RP1_BANK + RIO_OE, 2 },
        { PADS, 2 * RP1_BANK + PADS_PIN + PADS_NEXT, 0x56 },
        { IO, 2 * RP1_BANK + IO_CTRL + IO_CTRL_NEXT, 0x85 },
    };
    fake_expect_writes(expected, 4);
    fake_trace_clear();
    assert_int_equal(ask(r, PROGRAM, GPIO_OP_WRITE, 35, 0), E_OK);
    assert_int_equal(writes(), 1);
    assert_int_equal(model.out[2], 0);
    assert_int_equal(ask(r, PROGRAM, GPIO_OP_INPUT, 35, 0), E_OK);
    assert_int_equal(model.oe[2], 0);
    assert_int_equal(model.ctrl[35], 0x85);
}

static void each_trigger_in_each_bank(void **state)
{
    static const struct {
        enum gpio_trigger trigger;
        uint32_t events;
        unsigned up, down; /* told when it goes up, and down */
    } triggers[] = {
        { GPIO_RISING, CTRL_EDGE_HIGH, 1, 0 },
        { GPIO_FALLING, CTRL_EDGE_LOW, 0, 1 },
        { GPIO_BOTH, CTRL_EDGE_LOW | CTRL_EDGE_HIGH, 1, 1 },
        { GPIO_LEVEL_1, CTRL_LEVEL_HIGH, 1, 0 },
        { GPIO_LEVEL_0, CTRL_LEVEL_LOW, 0, 1 },
    };
    static const unsigned lines[] = { 23, 29, 52 };
    struct rp1_gpio *r = started(1);
    uint64_t now;
    (void)state;

    for (unsigned bank = 0; bank < RP1_BANKS; bank++) {
        for (unsigned t = 0; t < sizeof(triggers) / sizeof(triggers[0]); t++) {
            unsigned line = lines[bank];
            wire(line, triggers[t].trigger == GPIO_LEVEL_0);
            wire(line, triggers[t].trigger == GPIO_LEVEL_0);
            assert_int_equal(watch(r, PROGRAM, line, triggers[t].trigger, &now), E_OK);
            assert_int_equal(model.ctrl[line], 0x85 | triggers[t].events);
            (void)interrupt(r, bank); /* making it a line may have been an edge */
            (void)take(r, PROGRAM, line);
            wire(line, false);
            (void)interrupt(r, bank);
            (void)take(r, PROGRAM, line);
            wire(line, true);
            assert_true(interrupt(r, bank) <= 1);
            assert_int_equal(take(r, PROGRAM, line), triggers[t].up);
            wire(line, false);
            assert_true(interrupt(r, bank) <= 1);
            assert_int_equal(take(r, PROGRAM, line), triggers[t].down);
            assert_int_equal(ask(r, PROGRAM, GPIO_OP_UNSUBSCRIBE, line, 0), E_OK);
            assert_int_equal(model.inte[bank], 0);
        }
    }
}

static void a_level_that_fired_is_masked_until_it_was_taken(void **state)
{
    struct rp1_gpio *r = started(1);
    uint64_t now;
    (void)state;

    assert_int_equal(watch(r, node("/keys"), 1, GPIO_LEVEL_1, &now), E_OK); /* line 33: bank 1 */
    wire(33, true);
    assert_int_equal(interrupt(r, 1), 1);
    assert_int_equal(model.inte[1], 0);
    assert_int_equal(take(r, node("/keys"), 1), 1);
    assert_int_equal(model.inte[1], 1u << 5);
    assert_int_equal(interrupt(r, 1), 1);
}

static void a_spurious_interrupt_writes_nothing(void **state)
{
    struct rp1_gpio *r = started(1);
    (void)state;

    for (unsigned bank = 0; bank < 5; bank++) {
        struct event ev = { .kind = EV_IRQ, .irq = bank };
        fake_trace_clear();
        assert_int_equal(rp1_gpio_event(r, &ev), E_OK);
        assert_int_equal(writes(), 0);
    }
}

static void an_edge_while_no_driver_was_there_is_told_to_who_watched_it(void **state)
{
    struct rp1_gpio *r = started(1);
    uint64_t now;
    (void)state;

    assert_int_equal(watch(r, node("/keys"), 0, GPIO_BOTH, &now), E_OK);
    assert_int_equal(watch(r, node("/keys"), 2, GPIO_RISING, &now), E_OK);
    assert_int_equal(watch(r, node("/keys"), 1, GPIO_LEVEL_0, &now), E_OK);
    (void)interrupt(r, 1);
    wire(20, true);
    wire(53, true);
    r = started(2);
    assert_int_equal(model.inte[0], 0);
    assert_int_equal(watch(r, node("/keys"), 0, GPIO_BOTH, &now), E_OK);
    assert_int_equal(interrupt(r, 0), 1);
    assert_int_equal(take(r, node("/keys"), 0), 1);
    assert_int_equal(watch(r, node("/keys"), 2, GPIO_FALLING, &now),
                     E_OK); /* not what it had waited for */
    assert_int_equal(interrupt(r, 2), 0);
    assert_int_equal(watch(r, node("/keys"), 1, GPIO_LEVEL_0, &now), E_OK);
    assert_int_equal(interrupt(r, 1), 1);
}

/* ---- states of pins ---- */

static void a_uart_gets_its_pins_pads_first(void **state)
{
    struct rp1_gpio *r = started(1);
    (void)state;

    fake_trace_clear();
    model.ctrl[15] = r->ctrl[15] = 0x9f | CTRL_OUTOVER | CTRL_OEOVER | CTRL_INOVER | CTRL_IRQOVER;
    assert_int_equal(pins(r, "/serial@30000", 0), E_OK);
    static const struct fake_write expected[] = {
        { PADS, PADS_PIN + 14 * PADS_NEXT,
          0x52 }, /* input and output on, no pull, the rest as it was */
        { IO, IO_CTRL + 14 * IO_CTRL_NEXT, 0x84 },
        { PADS, PADS_PIN + 15 * PADS_NEXT, 0x5a }, /* pulled up */
        { IO, IO_CTRL + 15 * IO_CTRL_NEXT, 0x84 }, /* nothing overridden */
    };
    fake_expect_writes(expected, 4);
    fake_trace_clear();
    assert_int_equal(pins(r, "/serial@30000", 0),
                     E_OK); /* the next incarnation of its driver asks again */
    fake_expect_writes(NULL, 0);
}

static void groups_of_linux_trees(void **state)
{
    struct rp1_gpio *r = started(1);
    (void)state;

    assert_int_equal(pins(r, "/groups@32000", 0), E_OK);
    assert_int_equal(model.ctrl[42], 0x82); /* vbus1 is the third function of both */
    assert_int_equal(model.ctrl[43], 0x82);
    assert_int_equal(pins(r, "/groups@32000", 1), E_OK);
    assert_int_equal(model.ctrl[40], 0x82);
    assert_int_equal(model.ctrl[41], 0x82);
    assert_int_equal(model.pad[40], PAD_IE | field_put(PAD_DRIVE, DRIVE_12MA) | PAD_PUE |
                                        PAD_SCHMITT | PAD_SLEWFAST);
    assert_int_equal(pins(r, "/groups@32000", 2), E_NOTFOUND);
    assert_int_equal(pins(r, "/groups@32000", 1ull << 32), E_NOTFOUND);
}

static void levels_none_and_pads_alone(void **state)
{
    struct rp1_gpio *r = started(1);
    (void)state;

    assert_int_equal(pins(r, "/levels@37000", 0), E_OK);
    assert_int_equal(model.out[0], 1u << 2);
    assert_int_equal(model.oe[0], 1u << 2 | 1u << 3);
    assert_int_equal(model.ctrl[2], 0x85);
    assert_int_equal(model.ctrl[3], 0x85);
    assert_int_equal(model.pad[2], 0x16); /* the state says that its input is off */
    assert_int_equal(model.pad[3], 0x56);
    assert_int_equal(pins(r, "/levels@37000", 1), E_OK);
    assert_int_equal(model.ctrl[24], 0x9f | field_put(CTRL_OEOVER, OVER_LOW));
    assert_int_equal(pins(r, "/levels@37000", 2), E_OK);
    assert_int_equal(model.ctrl[25], 0x9f);
    assert_int_equal(model.pad[25], 0x84); /* 2 mA, no Schmitt trigger */
    struct event ev = { .kind = EV_NOTIFY };
    fake_trace_clear();
    assert_int_equal(rp1_gpio_event(r, &ev), E_OK);
    assert_int_equal(writes(), 0); /* and so it stays */
}

static void a_line_becomes_something_else_and_drives_no_more(void **state)
{
    struct rp1_gpio *r = started(1);
    (void)state;

    assert_int_equal(pins(r, "/levels@37000", 0), E_OK);
    r->gpio.driven |= 1u << 14;
    r->gpio.used |= 1u << 14;
    rp1_gpio_apply(r);
    assert_int_equal(model.oe[0] >> 14 & 1, 1);
    assert_int_equal(pins(r, "/serial@30000", 0), E_OK);
    assert_int_equal(model.oe[0] >> 14 & 1, 0);
    assert_int_equal(model.ctrl[14], 0x84);
}

static void what_is_wrong_with_a_state_is_named_and_nothing_of_it_set(void **state)
{
    static const char *const said[] = {
        "/gpio@d0000/bad-pin: RP1 has no pins called \"gpio54\": nothing of this state is set",
        "/gpio@d0000/bad-function: gpio4 has no function \"uart1\": nothing of this state is set",
        "/gpio@d0000/bad-strength: RP1's pins cannot do, or not so: \"drive-strength\": nothing of "
        "this state is set",
        "/gpio@d0000/bad-property: RP1's pins cannot do, or not so: \"bias-bus-hold\": nothing of "
        "this state is set",
        "/gpio@d0000/bad-nothing: it names no pins: nothing of this state is set",
        "/gpio@d0000/bad-child/bad: gpio8 has no function \"-\": nothing of this state is set",
        "/gpio@d0000/bad-slew: RP1's pins cannot do, or not so: \"slew-rate\": nothing of this "
        "state is set",
        "/gpio@d0000/bad-alt: gpio4 has no function \"alt9\": nothing of this state is set",
        "/gpio@d0000/bad-list: no list of names is \"pins\": nothing of this state is set",
        "/gpio@d0000/bad-no-pins: it names no pins: nothing of this state is set",
    };
    struct rp1_gpio *r = started(1);
    (void)state;

    fake_trace_clear();
    for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        assert_int_equal(fake_said(said[i]), 0);
        assert_int_equal(pins(r, "/bad@35000", i), E_FORMAT);
        assert_int_equal(fake_said(said[i]), 1);
    }
    fake_expect_writes(NULL, 0);
}

static void a_pin_is_one_nodes(void **state)
{
    struct rp1_gpio *r = started(1);
    uint64_t now;
    (void)state;

    assert_int_equal(
        fake_said("line 15 is claimed by /serial@30000 and by /rival@31000: the first has it"), 1);
    assert_int_equal(pins(r, "/rival@31000", 0), E_OK);
    fake_trace_clear();
    assert_int_equal(pins(r, "/rival@31000", 1), E_BUSY);
    fake_expect_writes(NULL, 0);
    assert_int_equal(
        fake_said("/gpio@d0000/rival: pin 15 is claimed by /serial@30000: nothing of it is set"),
        1);
    assert_int_equal(pins(r, "/serial@30000", 0), E_OK);
    /* nor is it a program's line; what a disabled node would have is */
    assert_int_equal(watch(r, PROGRAM, 14, GPIO_RISING, &now), E_BUSY);
    assert_int_equal(ask(r, PROGRAM, GPIO_OP_WRITE, 15, 1), E_BUSY);
    assert_int_equal(ask(r, PROGRAM, GPIO_OP_WRITE, 22, 1), E_OK);
}

static void nobody_sets_pins_but_a_nodes_server_its_own(void **state)
{
    struct rp1_gpio *r = started(1);
    struct msg with_handle = { msg_info(GPIO_OP_PINS, 1, 0), { 0, [7] = PORT } };
    (void)state;

    fake_trace_clear();
    assert_int_equal(ask(r, PROGRAM, GPIO_OP_PINS, 0, 0), E_RIGHTS);
    assert_int_equal(ask(r, 0, GPIO_OP_PINS, 0, 0), E_RIGHTS);
    assert_int_equal(pins(r, "/keys", 0), E_NOTFOUND);
    assert_int_equal(pins(r, "/nowhere@34000", 0), E_NOTFOUND);
    assert_int_equal(pins(r, "/elsewhere@36000", 0), E_NOTFOUND); /* another controller's, */
    assert_int_equal(pins(r, "/elsewhere@36000", 1), E_NOTFOUND); /* nobody's, */
    assert_int_equal(pins(r, "/elsewhere@36000", 2), E_NOTFOUND); /* another class's */
    assert_int_equal(serve(r, node("/serial@30000"), &with_handle), E_INVAL);
    r->gpio.pins_set = NULL;
    assert_int_equal(pins(r, "/serial@30000", 0), E_NOSYS);
    fake_expect_writes(NULL, 0);
}

static void every_name_of_a_pin_and_a_function(void **state)
{
    (void)state;
    for (unsigned pin = 0; pin < RP1_PINS; pin++) {
        unsigned words = 1;
        for (const char *c = functions[pin]; *c != '\0'; c++) {
            words += *c == ' ';
        }
        assert_int_equal(words, FUNCSEL_LAST + 1);
        assert_int_equal(funcsel_of(pin, "gpio"), FUNCSEL_GPIO);
        assert_int_equal(funcsel_of(pin, "proc_rio"), 6);
        assert_int_equal(funcsel_of(pin, "none"), FUNCSEL_NONE);
        assert_int_equal(funcsel_of(pin, "alt8"), 8);
        assert_int_equal(funcsel_of(pin, ""), -1);
        assert_int_equal(funcsel_of(pin, "-"), -1);
    }
    /* a group named NAME, NAME_n or NAME_n_xxx is of that function: all its pins have it */
    for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        char function[16] = "";
        memcpy(function, groups[i].name, strcspn(groups[i].name, "_"));
        assert_true(groups[i].pins != 0 && groups[i].pins >> RP1_PINS == 0);
        for (uint64_t left = groups[i].pins; left != 0; left &= left - 1) {
            assert_true(funcsel_of((unsigned)__builtin_ctzll(left), function) >= 0);
        }
        assert_int_equal(pins_named(groups[i].name), groups[i].pins);
    }
    static const char *const wrong[] = { "gpio",   "gpio54", "gpio1x", "gpio-1",
                                         "gpio 1", "GPIO1",  "",       "uart5" };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(pins_named(wrong[i]), 0);
    }
    assert_int_equal(pins_named("gpio53"), (uint64_t)1 << 53);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(start_leaves_pins_alone_and_forgets_what_firmware_waited_for),
        T(what_is_driven_stays_and_what_only_seems_so_does_not),
        T(main_needs_its_three_windows_and_interrupts),
        T(a_line_is_made_one_before_it_is_read),
        T(a_level_stands_before_it_is_driven_and_the_pin_shows_it_last),
        T(each_trigger_in_each_bank),
        T(a_level_that_fired_is_masked_until_it_was_taken),
        T(a_spurious_interrupt_writes_nothing),
        T(an_edge_while_no_driver_was_there_is_told_to_who_watched_it),
        T(a_uart_gets_its_pins_pads_first),
        T(groups_of_linux_trees),
        T(levels_none_and_pads_alone),
        T(a_line_becomes_something_else_and_drives_no_more),
        T(what_is_wrong_with_a_state_is_named_and_nothing_of_it_set),
        T(a_pin_is_one_nodes),
        T(nobody_sets_pins_but_a_nodes_server_its_own),
        T(every_name_of_a_pin_and_a_function),
    };

    return TREE_RUN(tests);
}
