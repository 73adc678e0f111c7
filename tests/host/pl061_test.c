/* SPDX-License-Identifier: BSD-2-Clause
 * drv/pl061 with the kit (libsys/src/gpio_server.c) against a recording model of the device and dts/trees/good-gpio.dts:
 * what start writes, every trigger, whose line is whose, restart with pending edges, clients that lie or die.
 */
int pl061_main(void);
#define main pl061_main
#include "servers/drv/pl061/pl061.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAM = 0x800040, OTHER_PROGRAM = 0x800080, PORT = 61, PORT2 = 62, BITS = 0x10000 };

/* The device: what is wired to its lines, and its registers. */
static struct model {
    uint32_t in, data, dir, is, ibe, iev, ie, latched;
    bool latches_levels; /* until they are cleared, as QEMU's does */
} models[2];

static uint32_t model_lines(const struct model *d)
{
    return (d->data & d->dir) | (d->in & ~d->dir);
}

static uint32_t model_ris(struct model *d)
{
    uint32_t levels = ~(model_lines(d) ^ d->iev) & d->is;

    if (d->latches_levels) {
        d->latched |= levels;
        return d->latched;
    }
    return (d->latched & ~d->is) | levels;
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    struct model *d = &models[window];

    if (offset < GPIODIR) {
        return model_lines(d) & offset >> 2;
    }
    switch (offset) {
    case GPIODIR:
        return d->dir;
    case GPIOIS:
        return d->is;
    case GPIOIBE:
        return d->ibe;
    case GPIOIEV:
        return d->iev;
    case GPIOIE:
        return d->ie;
    case GPIORIS:
        return model_ris(d);
    case GPIOMIS:
        return model_ris(d) & d->ie;
    default:
        fail_msg("reads offset 0x%x", (unsigned)offset);
        return 0;
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    struct model *d = &models[window];
    uint32_t *const registers[] = { &d->dir, &d->is, &d->ibe, &d->iev, &d->ie };

    assert_in_range(value, 0, 0xff);
    if (offset < GPIODIR) {
        uint32_t mask = offset >> 2 & d->dir; /* others keep nothing */
        d->data = (d->data & ~mask) | (value & mask);
    } else if (offset <= GPIOIE) {
        assert_true(offset < GPIOIS || offset == GPIOIE ||
                    (d->ie & (*registers[(offset - GPIODIR) / 4] ^ value)) == 0);
        *registers[(offset - GPIODIR) / 4] = value;
    } else {
        assert_int_equal(offset, GPIOIC);
        d->latched &= ~value;
    }
}

/* The wires change. */
static void wire(struct model *d, uint32_t in)
{
    uint32_t rising = in & ~d->in, falling = d->in & ~in;

    d->latched |=
        ~d->dir & ~d->is &
        ((d->ibe & (rising | falling)) | (~d->ibe & ((d->iev & rising) | (~d->iev & falling))));
    (void)model_ris(d);
    d->in = in;
    (void)model_ris(d);
}

static struct pl061 instance[2];
static void *tree;
static uint32_t keys, apart, rival; /* badges: their nodes */

static struct pl061 *started(unsigned window, uint32_t incarnation)
{
    struct pl061 *p = &instance[window];

    fake_start.incarnation = incarnation;
    *p = (struct pl061){ .gpio = { .node = fake.node, .line_count = PL061_LINES } };
    p->regs = fake_mmio_window(window, PL061_REGS_LEN);
    gpio_server_open(&p->gpio);
    pl061_start(p);
    return p;
}

static int setup(void **state)
{
    fake_frame_reset();
    memset(models, 0, sizeof(models));
    fake_mmio_hooks(model_read, model_write);
    *state = tree = tree_load("good-gpio");
    fake.node = (struct node){ tree, tree_node(tree, "/gpio@1000") };
    fake_start.incarnation = 1;
    keys = (uint32_t)tree_node(tree, "/keys");
    apart = (uint32_t)tree_node(tree, "/keys/apart");
    rival = (uint32_t)tree_node(tree, "/rival");
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static status_t serve(struct pl061 *p, uint32_t badge, struct msg *m)
{
    struct event ev = { .kind = EV_CALL, .badge = badge, .msg = *m };
    status_t err = pl061_event(p, &ev);

    *m = ev.msg;
    return err;
}

static status_t ask(struct pl061 *p, uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1)
{
    struct msg m = { msg_info(op, 0, 0), { w0, w1 } };

    return serve(p, badge, &m);
}

static status_t watch(struct pl061 *p, uint32_t badge, uint64_t w0, enum gpio_trigger trigger)
{
    struct msg m = { msg_info(GPIO_OP_SUBSCRIBE, 1, 0), { w0, BITS << w0, trigger, [7] = PORT } };

    return serve(p, badge, &m);
}

static uint64_t level(struct pl061 *p, uint32_t badge, uint64_t w0)
{
    struct msg m = { msg_info(GPIO_OP_READ, 0, 0), { w0 } };

    assert_int_equal(serve(p, badge, &m), E_OK);
    return m.w[0];
}

/* Events since the last time; the level is in *out. */
static uint64_t take(struct pl061 *p, uint32_t badge, uint64_t w0, uint64_t *out)
{
    struct msg m = { msg_info(GPIO_OP_TAKE, 0, 0), { w0 } };

    assert_int_equal(serve(p, badge, &m), E_OK);
    *out = m.w[0];
    return m.w[1];
}

/* The combined line is up until nothing is left that is enabled; true: it was. */
static bool interrupt(struct pl061 *p)
{
    struct event ev = { .kind = EV_IRQ };
    bool any = false;

    for (unsigned i = 0; model_read(p->regs.window, GPIOMIS) != 0; i++) {
        assert_true(i < 4);
        assert_int_equal(pl061_event(p, &ev), E_OK);
        any = true;
    }
    return any;
}

static unsigned told(uint64_t index)
{
    return fake_count(FAKE_NOTIFY, PORT, BITS << index);
}

/* ---- the device ---- */

/* The driver's names against the manual's numbers, typed a second time. */
static void registers_are_those_of_the_manual(void **state)
{
    (void)state;
    assert_int_equal(GPIODATA, 0);
    assert_int_equal(GPIODIR, 0x400);
    assert_int_equal(GPIOIS, 0x404);
    assert_int_equal(GPIOIBE, 0x408);
    assert_int_equal(GPIOIEV, 0x40c);
    assert_int_equal(GPIOIE, 0x410);
    assert_int_equal(GPIORIS, 0x414);
    assert_int_equal(GPIOMIS, 0x418);
    assert_int_equal(GPIOIC, 0x41c);
    assert_int_equal(GPIODATA_OF(0x80), 0x200);
    assert_int_equal(GPIODATA_OF(0x01), 0x004);
    assert_int_equal(GPIODATA_OF(0xff), 0x3fc);
    assert_int_equal(GPIODATA_OF(0), 0); /* no line: a write that changes nothing */
}

static void start_clears_what_firmware_left_and_keeps_what_it_drives(void **state)
{
    static const struct fake_write expected[] = {
        { 0, GPIOIE, 0 }, { 0, GPIOIE, 0 },  { 0, GPIODIR, 0x90 }, { 0, GPIODATA_OF(0x90), 0x80 },
        { 0, GPIOIS, 0 }, { 0, GPIOIBE, 0 }, { 0, GPIOIEV, 0 },    { 0, GPIOIC, 0xff },
        { 0, GPIOIE, 0 },
    };
    (void)state;
    models[0] = (struct model){
        .in = 1, .data = 0x80, .dir = 0x90, .is = 3, .ibe = 4, .iev = 5, .ie = 0xff, .latched = 0x0c
    };
    fake_run(pl061_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 1);
    fake_expect_writes(expected, sizeof(expected) / sizeof(expected[0]));
    assert_int_equal(models[0].latched, 0);
}

static void missing_window_or_line_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(pl061_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_NOTFOUND;
    fake_run(pl061_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void writing_a_line_drives_it_and_leaves_the_others_alone(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    models[0].in = 0xff;
    assert_int_equal(ask(p, apart, GPIO_OP_WRITE, 0, 1), E_OK); /* line 4 */
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, 2, 1), E_OK);
    assert_int_equal(models[0].dir, 0x14);
    assert_int_equal(models[0].data, 0x14);
    assert_int_equal(ask(p, apart, GPIO_OP_WRITE, 0, 0), E_OK);
    assert_int_equal(models[0].data, 0x04);
    assert_int_equal(level(p, apart, 0), 0);
    assert_int_equal(level(p, PROGRAM, 0), 1);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_INPUT, 2, 0), E_OK);
    assert_int_equal(models[0].dir, 0x10);
    /* the direction first: the device keeps no data for an input */
    fake_trace_clear();
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, 2, 1), E_OK);
    int direction = fake_find(FAKE_WRITE, 0, GPIODIR, 0);
    assert_true(direction >= 0 && fake_find(FAKE_WRITE, 0, GPIODATA_OF(0x14), 0) > direction);
}

static void active_low_turns_levels_and_triggers_round(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    assert_int_equal(level(p, keys, 0), 1);
    assert_int_equal(level(p, PROGRAM, 0), 0); /* the wire's */
    assert_int_equal(ask(p, keys, GPIO_OP_WRITE, 0, 1), E_OK);
    assert_int_equal(models[0].dir & 1, 1);
    assert_int_equal(models[0].data & 1, 0);
    assert_int_equal(ask(p, keys, GPIO_OP_WRITE, 0, 0), E_OK);
    assert_int_equal(models[0].data & 1, 1);
    assert_int_equal(watch(p, keys, 0, GPIO_RISING), E_OK); /* and it is an input again */
    assert_int_equal(models[0].dir & 1, 0);
    assert_int_equal(models[0].iev & 1, 0);
    assert_int_equal(watch(p, keys, 0, GPIO_LEVEL_0), E_OK);
    assert_int_equal(models[0].iev & 1, 1);
}

/* ---- interrupts ---- */

static void each_trigger_is_told_when_it_fires_and_only_then(void **state)
{
    static const struct {
        enum gpio_trigger trigger;
        bool rising, falling;
    } cases[] = { { GPIO_RISING, true, false },
                  { GPIO_FALLING, false, true },
                  { GPIO_BOTH, true, true } };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pl061 *p = started(0, 1);
        uint64_t now;

        models[0].in = 0;
        fake_trace_clear();
        assert_int_equal(watch(p, keys, 1, cases[i].trigger), E_OK);
        assert_false(interrupt(p));
        wire(&models[0], 0x08);
        assert_int_equal(interrupt(p), cases[i].rising);
        assert_int_equal(told(1), cases[i].rising);
        assert_int_equal(take(p, keys, 1, &now), cases[i].rising);
        assert_int_equal(now, 1);
        wire(&models[0], 0x00);
        assert_int_equal(interrupt(p), cases[i].falling);
        assert_int_equal(take(p, keys, 1, &now), cases[i].falling);
        assert_int_equal(now, 0);
        assert_int_equal(take(p, keys, 1, &now), 0);
        wire(&models[0], 0xf7); /* others' lines */
        assert_false(interrupt(p));
    }
}

static void edges_are_counted_between_two_takes(void **state)
{
    struct pl061 *p = started(0, 1);
    uint64_t now;
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    for (unsigned i = 0; i < 5; i++) {
        wire(&models[0], 0x08);
        assert_true(interrupt(p));
        wire(&models[0], 0x00);
    }
    assert_int_equal(told(1), 5);
    assert_int_equal(take(p, keys, 1, &now), 5);
}

static void a_level_is_told_once_until_it_was_taken(void **state)
{
    struct pl061 *p = started(0, 1);
    uint64_t now;
    (void)state;

    wire(&models[0], 0x08);
    assert_int_equal(watch(p, keys, 1, GPIO_LEVEL_1), E_OK);
    assert_true(interrupt(p)); /* ends: the line is masked, although it is up */
    assert_int_equal(models[0].ie, 0);
    assert_int_equal(told(1), 1);
    assert_int_equal(take(p, keys, 1, &now), 1);
    assert_true(interrupt(p));
    assert_int_equal(told(1), 2);
    wire(&models[0], 0x00);
    assert_int_equal(take(p, keys, 1, &now), 1);
    assert_false(interrupt(p));
    assert_int_equal(now, 0);
}

static void a_level_that_is_gone_is_not_told_even_if_the_device_latched_it(void **state)
{
    struct event own = { .kind = EV_CLOSED, .badge = keys };
    struct pl061 *p = started(0, 1);
    uint64_t now;
    (void)state;

    models[0].latches_levels = true;
    assert_int_equal(watch(p, keys, 1, GPIO_LEVEL_1), E_OK);
    wire(&models[0], 0x08);
    assert_true(interrupt(p));
    wire(&models[0], 0x00);
    assert_int_equal(take(p, keys, 1, &now), 1);
    assert_false(interrupt(p));
    assert_int_equal(pl061_event(p, &own), E_OK);
    wire(&models[0], 0x08);
    wire(&models[0], 0x00);
    assert_int_equal(watch(p, keys, 1, GPIO_LEVEL_1), E_OK);
    assert_false(interrupt(p));
}

static void a_latched_edge_is_cleared_before_the_levels_are_read(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    wire(&models[0], 0x08);
    fake_trace_clear();
    assert_true(interrupt(p));
    int clear = fake_find(FAKE_WRITE, 0, GPIOIC, 0);
    int read = fake_find(FAKE_READ, 0, GPIODATA_OF(0xff), 0);
    assert_true(clear >= 0 && read > clear);
    assert_int_equal(fake_trace[clear].c, 0x08);
    int end = fake_find(FAKE_WRITE, 0, GPIOIC, (unsigned)read);
    assert_int_equal(fake_trace[end].c, 0); /* and an edge that came meanwhile stays */
}

static void a_trigger_changes_while_the_line_is_masked_and_forgets_the_old_one(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_FALLING), E_OK);
    wire(&models[0], 0x08);
    wire(&models[0], 0x00);
    fake_trace_clear();
    models[0].ie = 0; /* it is latched between this turn's look and apply */
    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    static const uint32_t order[] = { GPIOIE, GPIOIS, GPIOIBE, GPIOIEV, GPIOIC, GPIOIE };
    int at = -1;
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        int next = fake_find(FAKE_WRITE, 0, order[i], (unsigned)(at + 1));
        assert_true(next > at);
        at = next;
    }
    assert_int_equal(fake_trace[at].c, 0x08);
    assert_false(interrupt(p));
}

static void registers_that_never_change_cannot_hold_the_loop(void **state)
{
    struct pl061 *p = started(0, 1);
    struct event ev = { .kind = EV_IRQ };
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    fake_mmio_hooks(NULL, NULL);
    for (uint32_t offset = 0; offset < PL061_REGS_LEN; offset += 4) {
        fake_mmio_set(0, offset, UINT32_MAX);
    }
    fake_trace_clear();
    assert_int_equal(pl061_event(p, &ev), E_OK);
    assert_int_equal(told(1), 1);
    assert_true(fake_trace_len < 20);
}

/* ---- restart ---- */

static void an_edge_while_no_driver_is_there_is_told_to_who_subscribes_again(void **state)
{
    struct pl061 *p = started(0, 1);
    uint64_t now;
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, 2, 1), E_OK);
    wire(&models[0], 0x08); /* the driver is dead by now */
    wire(&models[0], 0x00);
    p = started(0, 2);
    assert_int_equal(models[0].dir, 0x04); /* what was driven is */
    assert_int_equal(models[0].data, 0x04);
    assert_false(interrupt(p)); /* nobody is there to be told */
    assert_int_equal(ask(p, keys, GPIO_OP_TAKE, 1, 0), E_NOTFOUND);
    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    assert_true(interrupt(p));
    assert_int_equal(told(1), 1);
    assert_int_equal(take(p, keys, 1, &now), 1);
    assert_int_equal(now, 0);
}

static void a_first_driver_forgets_what_was_before_it(void **state)
{
    (void)state;
    models[0].iev = models[0].ie = models[0].latched = 0x08;
    struct pl061 *p = started(0, 1);
    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    assert_false(interrupt(p));
}

/* ---- whose line is whose ---- */

static void claims_are_read_from_the_tree_and_what_is_wrong_is_said(void **state)
{
    static const char *const owners[] = { "/keys",          "/keys",       NULL,
                                          "/keys",          "/keys/apart", "/keys",
                                          "/gpio@1000/hog", "/wired@6000" };
    struct pl061 *p = started(0, 1);
    (void)state;

    for (unsigned i = 0; i < PL061_LINES; i++) {
        assert_int_equal(p->gpio.lines[i].owner,
                         owners[i] != NULL ? tree_node(tree, owners[i]) : -1);
    }
    assert_int_equal(fake.log_lines, 2);
    assert_string_equal(fake.log, "line 3 is claimed by /keys and by /rival: the first has it");
    fake_frame_reset();
    fdt_nop_property(tree, tree_node(tree, "/rival"), "gpios");
    fake.node = (struct node){ tree, tree_node(tree, "/gpio@1000") };
    (void)started(0, 1);
    assert_int_equal(fake.log_lines, 1);
    assert_string_equal(fake.log, "/keys names line 9: there are 8, from 0");
}

static void interrupts_are_claims_only_at_a_controller_of_interrupts(void **state)
{
    (void)state;
    assert_int_equal(fdt_nop_property(tree, tree_node(tree, "/gpio@1000"), "interrupt-controller"),
                     0);
    struct pl061 *p = started(0, 1);
    assert_int_equal(p->gpio.lines[7].owner, -1);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, 7, 1), E_OK);
}

static void a_node_reaches_the_lines_that_it_names_and_no_other(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    static const status_t by_index[] = { E_OK,       E_OK,    E_NOTFOUND, E_NOTFOUND, E_OK,
                                         E_NOTFOUND, E_RANGE, E_OK,       E_NOTFOUND };
    for (unsigned i = 0; i < sizeof(by_index) / sizeof(by_index[0]); i++) {
        assert_int_equal(ask(p, keys, GPIO_OP_READ, i, 0), by_index[i]);
        assert_int_equal(watch(p, keys, i, GPIO_RISING), by_index[i]);
    }
    assert_int_equal(ask(p, keys, GPIO_OP_READ, (1ull << 32) + 1, 0), E_NOTFOUND);
    assert_int_equal(ask(p, apart, GPIO_OP_READ, 1, 0), E_NOTFOUND);
    assert_int_equal(ask(p, 0, GPIO_OP_READ, 0, 0), E_NOTFOUND); /* the root names none */
    models[0].in = 0x08;
    assert_int_equal(level(p, rival, 0), 1); /* it may look, */
    assert_int_equal(ask(p, rival, GPIO_OP_WRITE, 0, 1), E_BUSY);
    assert_int_equal(watch(p, rival, 0, GPIO_RISING), E_BUSY); /* no more */
    assert_int_equal(models[0].dir, 0);
}

static void an_open_drain_line_is_not_driven(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    assert_int_equal(ask(p, keys, GPIO_OP_WRITE, 7, 1), E_NOSYS);
    assert_int_equal(models[0].dir, 0);
}

static void a_specifier_of_other_than_two_cells_is_refused(void **state)
{
    struct pl061 *p = started(0, 1);
    (void)state;

    assert_int_equal(fdt_setprop_inplace_u32(tree, tree_node(tree, "/gpio@1000"), "#gpio-cells", 1),
                     0);
    assert_int_equal(ask(p, keys, GPIO_OP_READ, 0, 0), E_FORMAT);
}

static void a_program_reads_all_and_drives_and_watches_what_nobody_claims(void **state)
{
    struct pl061 *p = started(0, 1);
    uint64_t now;
    (void)state;

    models[0].in = 0xa5;
    for (unsigned i = 0; i < PL061_LINES; i++) {
        bool is_free = i == 2;
        assert_int_equal(level(p, PROGRAM, i), 0xa5 >> i & 1);
        assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, i, 1), is_free ? E_OK : E_BUSY);
        assert_int_equal(ask(p, PROGRAM, GPIO_OP_INPUT, i, 0), is_free ? E_OK : E_BUSY);
        assert_int_equal(watch(p, PROGRAM, i, GPIO_BOTH), is_free ? E_OK : E_BUSY);
    }
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_READ, 8, 0), E_RANGE);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, UINT64_MAX, 0), E_RANGE);
    assert_int_equal(models[0].dir, 0);
    /* one watches */
    assert_int_equal(watch(p, OTHER_PROGRAM, 2, GPIO_BOTH), E_BUSY);
    assert_int_equal(ask(p, OTHER_PROGRAM, GPIO_OP_TAKE, 2, 0), E_NOTFOUND);
    assert_int_equal(ask(p, OTHER_PROGRAM, GPIO_OP_UNSUBSCRIBE, 2, 0), E_NOTFOUND);
    wire(&models[0], 0xa1);
    assert_true(interrupt(p));
    assert_int_equal(take(p, PROGRAM, 2, &now), 1);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_UNSUBSCRIBE, 2, 0), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    assert_int_equal(watch(p, OTHER_PROGRAM, 2, GPIO_BOTH), E_OK);
}

static void stat_tells_everybody_about_every_line(void **state)
{
    struct pl061 *p = started(0, 1);
    struct msg m = { msg_info(GPIO_OP_STAT, 0, 0), { 3 } };
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    wire(&models[0], 0x08);
    assert_true(interrupt(p));
    assert_int_equal(serve(p, rival, &m), E_OK); /* a line, not an index */
    assert_int_equal(m.w[0], GPIO_STAT_HIGH | GPIO_STAT_WATCHED);
    assert_int_equal(m.w[1], keys);
    assert_int_equal(m.w[2], 1);
    assert_int_equal(m.w[3], PL061_LINES);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_WRITE, 2, 0), E_OK);
    m = (struct msg){ msg_info(GPIO_OP_STAT, 0, 0), { 2 } };
    assert_int_equal(serve(p, PROGRAM, &m), E_OK);
    assert_int_equal(m.w[0], GPIO_STAT_DRIVEN);
    assert_int_equal((int64_t)m.w[1], -1);
    assert_int_equal(ask(p, PROGRAM, GPIO_OP_STAT, 8, 0), E_RANGE);
}

/* ---- clients that lie or die ---- */

static void closed_ends_what_that_badge_watched_and_nothing_else(void **state)
{
    struct event other = { .kind = EV_CLOSED, .badge = rival },
                 own = { .kind = EV_CLOSED, .badge = keys };
    struct pl061 *p = started(0, 1);
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    assert_int_equal(watch(p, keys, 4, GPIO_RISING), E_OK);
    assert_int_equal(pl061_event(p, &other), E_OK);
    assert_int_equal(models[0].ie, 0x0a);
    /* it fired, and its client is gone before it was told */
    wire(&models[0], 0x08);
    assert_int_equal(pl061_event(p, &own), E_OK);
    assert_int_equal(models[0].ie, 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 2);
    /* the button was pressed while nobody was there */
    wire(&models[0], 0x00);
    wire(&models[0], 0x08);
    assert_false(interrupt(p));
    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    assert_true(interrupt(p));
}

static void subscribing_again_replaces_and_keeps_one_handle(void **state)
{
    struct pl061 *p = started(0, 1);
    struct msg m = { msg_info(GPIO_OP_SUBSCRIBE, 1, 0),
                     { 1, 1ull << 40, GPIO_RISING, [7] = PORT2 } };
    (void)state;

    assert_int_equal(watch(p, keys, 1, GPIO_RISING), E_OK);
    assert_int_equal(serve(p, keys, &m), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    wire(&models[0], 0x08);
    assert_true(interrupt(p));
    assert_int_equal(fake_count(FAKE_NOTIFY, PORT2, 1ull << 40), 1);
    assert_int_equal(told(1), 0);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
    struct pl061 *p = started(0, 1);
    struct msg m = { msg_info(GPIO_OP_SUBSCRIBE, 1, 0), { 1, 0, GPIO_RISING, [7] = PORT } };
    (void)state;

    assert_int_equal(serve(p, keys, &m), E_INVAL); /* no bits */
    static const unsigned triggers[] = { 0, 5, 6, 7, 9, 12, 16, 255 };
    for (unsigned i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++) {
        assert_int_equal(watch(p, keys, 1, (enum gpio_trigger)triggers[i]), E_INVAL);
    }
    assert_int_equal(ask(p, keys, GPIO_OP_SUBSCRIBE, 1, BITS), E_INVAL); /* without a handle */
    m = (struct msg){ msg_info(GPIO_OP_READ, 1, 0), { 1, [7] = PORT } };
    assert_int_equal(serve(p, keys, &m), E_INVAL); /* with one: the frame closes it */
    assert_int_equal(ask(p, keys, 0, 1, 0), E_NOSYS);
    assert_int_equal(ask(p, keys, 99, 1, 0), E_NOSYS);
    assert_int_equal(ask(p, apart, GPIO_OP_WRITE, 0, 2), E_INVAL);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 0);
    assert_int_equal(models[0].ie | models[0].dir, 0);
}

static void unknown_command_is_answered(void **state)
{
    struct event command = { .kind = EV_COMMAND };
    (void)state;

    fake_event(command);
    fake_run(pl061_main);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
}

static void two_controllers_share_nothing(void **state)
{
    struct pl061 *a = started(0, 1), *b = started(1, 1);
    (void)state;

    assert_int_equal(watch(a, keys, 1, GPIO_RISING), E_OK);
    assert_int_equal(ask(b, PROGRAM, GPIO_OP_WRITE, 2, 1), E_OK);
    assert_int_equal(models[0].dir, 0);
    assert_int_equal(models[1].ie, 0);
    wire(&models[1], 0x08);
    assert_false(interrupt(b));
    wire(&models[0], 0x08);
    assert_true(interrupt(a));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(registers_are_those_of_the_manual),
        T(start_clears_what_firmware_left_and_keeps_what_it_drives),
        T(missing_window_or_line_is_an_error_before_hardware_is_touched),
        T(writing_a_line_drives_it_and_leaves_the_others_alone),
        T(active_low_turns_levels_and_triggers_round),
        T(each_trigger_is_told_when_it_fires_and_only_then),
        T(edges_are_counted_between_two_takes),
        T(a_level_is_told_once_until_it_was_taken),
        T(a_level_that_is_gone_is_not_told_even_if_the_device_latched_it),
        T(a_latched_edge_is_cleared_before_the_levels_are_read),
        T(a_trigger_changes_while_the_line_is_masked_and_forgets_the_old_one),
        T(registers_that_never_change_cannot_hold_the_loop),
        T(an_edge_while_no_driver_is_there_is_told_to_who_subscribes_again),
        T(a_first_driver_forgets_what_was_before_it),
        T(claims_are_read_from_the_tree_and_what_is_wrong_is_said),
        T(interrupts_are_claims_only_at_a_controller_of_interrupts),
        T(a_node_reaches_the_lines_that_it_names_and_no_other),
        T(an_open_drain_line_is_not_driven),
        T(a_specifier_of_other_than_two_cells_is_refused),
        T(a_program_reads_all_and_drives_and_watches_what_nobody_claims),
        T(stat_tells_everybody_about_every_line),
        T(closed_ends_what_that_badge_watched_and_nothing_else),
        T(subscribing_again_replaces_and_keeps_one_handle),
        T(nonsense_is_refused_and_changes_nothing),
        T(unknown_command_is_answered),
        T(two_controllers_share_nothing),
    };
    return TREE_RUN(tests);
}
