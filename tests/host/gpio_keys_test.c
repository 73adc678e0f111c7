/* SPDX-License-Identifier: BSD-2-Clause
 * drv/gpio_keys with the client's side of class gpio (libsys/src/gpio.c) in front of a fake controller, on
 * dts/trees/good-gpio.dts: which keys it watches, when one counts as pressed, restarts on either side.
 */
int gpio_keys_main(void);
#define main gpio_keys_main
#include "servers/drv/gpio_keys/gpio_keys.c"
#undef main
#include "fake_frame.h"
#include "tree_test.h"
#include <libfdt.h>
#include <stdlib.h>

enum { FIRST_HANDLE = 9, NOTIFY = 7, LINES = 8 }; /* of the fake's start_handle */

/* The controller, as one client sees it: by index. */
static struct {
    struct {
        uint64_t bits, level, events;
        status_t error; /* of SUBSCRIBE */
    } line[LINES];
    unsigned calls, dead; /* so many calls fail with E_DEAD */
} gpio;

static struct {
    unsigned asked;
    uint32_t how;
} power;

status_t machine_power(uint32_t how)
{
    power.asked++;
    power.how = how;
    return E_RIGHTS; /* it returns only if it did not work */
}

static status_t call(handle_t port, struct msg *m)
{
    static const unsigned by_handle[] = { 0, 1, 4, 6, 7 };
    uint64_t i = m->w[0];

    gpio.calls++;
    if (gpio.dead > 0) {
        gpio.dead--;
        *m = (struct msg){ 0 }; /* a call that failed leaves anything */
        return E_DEAD;
    }
    assert_in_range(port, FIRST_HANDLE, FIRST_HANDLE + 4);
    assert_int_equal(i, by_handle[port - FIRST_HANDLE]);
    switch (info_op(m->info)) {
    case GPIO_OP_SUBSCRIBE:
        assert_int_equal(info_handles(m->info), 1);
        assert_int_equal(m->w[7], NOTIFY);
        assert_int_equal(m->w[2], GPIO_BOTH);
        if (gpio.line[i].error) {
            return gpio.line[i].error;
        }
        gpio.line[i].bits = m->w[1];
        break;
    case GPIO_OP_TAKE:
        if (gpio.line[i].bits == 0) {
            return E_NOTFOUND;
        }
        m->w[1] = gpio.line[i].events;
        gpio.line[i].events = 0;
        break;
    case GPIO_OP_WRITE:
        gpio.line[i].level = m->w[1];
        break;
    default:
        assert_int_equal(info_op(m->info), GPIO_OP_READ);
    }
    m->w[0] = gpio.line[i].level;
    return E_OK;
}

static void *tree;
static struct keys k;

static int setup(void **state)
{
    fake_frame_reset();
    memset(&gpio, 0, sizeof(gpio));
    memset(&power, 0, sizeof(power));
    fake.call = call;
    fake.now_ns = 1000 * MS;
    *state = tree = tree_load("good-gpio");
    fake.node = (struct node){ tree, tree_node(tree, "/keys") };
    fake_start.incarnation = 1;
    k = (struct keys){ .node = fake.node, .port = 1 };
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Of the tree only /keys/poweroff is a whole key, and /keys/hole a switch. */
static struct key *started(uint32_t incarnation)
{
    keys_read(&k);
    assert_int_equal(k.count, 2);
    assert_int_equal(key_watch(&k, &k.key[0], incarnation == 1), E_OK);
    assert_int_equal(key_watch(&k, &k.key[1], incarnation == 1), E_OK);
    keys_time(&k);
    return &k.key[0];
}

/* The line of an index changes, and its bits come. */
static void line_moves(unsigned index, uint64_t level)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = gpio.line[index].bits };

    gpio.line[index].level = level;
    gpio.line[index].events++;
    assert_int_equal(keys_event(&k, &ev), E_OK);
    keys_time(&k);
}

static void moves(uint64_t level)
{
    line_moves(1, level);
}

/* Time goes by; the timer comes if it is due. */
static void pass(uint64_t ns)
{
    struct event ev = { .kind = EV_NOTIFY, .bits = 1ull << BIT_TIME };

    for (uint64_t end = fake.now_ns + ns; fake.now_ns < end;) {
        fake.now_ns = fake.timer_ns > fake.now_ns && fake.timer_ns < end ? fake.timer_ns : end;
        assert_int_equal(keys_event(&k, &ev), E_OK);
        keys_time(&k);
    }
}

static void each_part_with_a_code_is_a_key_and_the_others_are_named(void **state)
{
    (void)state;
    const struct key *key = started(1);
    assert_int_equal(key->index, 1);
    assert_int_equal(key->holder, tree_node(tree, "/keys/poweroff"));
    assert_int_equal(key->controller, tree_node(tree, "/gpio@1000"));
    assert_int_equal(key->code, KEY_POWER);
    assert_int_equal(key->debounce_ns, 5 * MS);
    assert_int_equal(k.key[1].debounce_ns, 1000 * MS);
    assert_int_equal(fake.log_lines,
                     7); /* four of no code, a damaged one, a hole, a time too long */
    assert_string_equal(fake.log, "open-drain has no linux,code: left out");
    assert_int_equal(gpio.line[1].bits, 0x10000);
}

static void the_power_button_ends_the_machine_once(void **state)
{
    (void)state;
    (void)started(1);
    unsigned before = fake.log_lines;
    moves(1);
    pass(4 * MS);
    assert_int_equal(fake.log_lines, before);
    pass(1 * MS);
    assert_string_equal(fake.log, "poweroff pressed: switching off");
    assert_int_equal(power.asked, 0); /* the console prints that line first */
    pass(50 * MS);
    assert_true(power.asked == 1 && power.how == POWER_OFF);
    assert_string_equal(
        fake.log, "not switched off: the handle lacks a right that the call needs (E_RIGHTS)");
    pass(1000 * MS);
    moves(0);
    pass(1000 * MS);
    assert_int_equal(power.asked, 1);
    moves(1); /* again, as it did not work */
    pass(1000 * MS);
    assert_int_equal(power.asked, 2);
}

static void a_line_that_bounces_counts_when_it_is_quiet(void **state)
{
    (void)state;
    (void)started(1);
    unsigned before = fake.log_lines;
    for (unsigned i = 0; i < 20; i++) {
        moves(1);
        pass(2 * MS);
        moves(0);
        pass(2 * MS);
    }
    pass(100 * MS);
    assert_int_equal(power.asked, 0); /* in the end it was up, as before */
    assert_int_equal(fake.log_lines, before);
    moves(0);
    moves(1);
    pass(100 * MS);
    assert_int_equal(power.asked, 1);
}

static void bits_that_mean_nothing_are_borne(void **state)
{
    struct event nothing = { .kind = EV_NOTIFY, .bits = 0x10000 },
                 others = { .kind = EV_NOTIFY, .bits = 0x7ffffffffffc0000ull };
    (void)state;
    (void)started(1);
    assert_int_equal(keys_event(&k, &nothing), E_OK);
    assert_int_equal(keys_event(&k, &others), E_OK);
    keys_time(&k);
    assert_int_equal(k.key[0].due_ns, 0);
    gpio.line[1].bits = 0; /* TAKE fails: the server is a new one */
    assert_int_equal(keys_event(&k, &nothing), E_OK);
    pass(100 * MS);
    assert_int_equal(power.asked, 0);
}

static void a_button_that_is_held_at_boot_is_no_press(void **state)
{
    (void)state;
    gpio.line[1].level = 1;
    (void)started(1);
    pass(1000 * MS);
    assert_int_equal(power.asked, 0);
    moves(0);
    pass(1000 * MS);
    assert_int_equal(power.asked, 0);
    moves(1);
    pass(1000 * MS);
    assert_int_equal(power.asked, 1);
}

static void a_press_while_the_driver_was_restarted_counts(void **state)
{
    (void)state;
    gpio.line[1].level = 1;
    (void)started(2);
    pass(100 * MS);
    assert_int_equal(power.asked, 1);
}

static void a_restarted_controller_is_subscribed_to_again_and_another_is_not(void **state)
{
    struct event rebind = {
        .kind = EV_COMMAND, .msg = { COMMAND_REBIND, { (uint64_t)tree_node(tree, "/gpio@2000") } }
    };
    (void)state;
    (void)started(1);
    gpio.line[1].bits = 0;
    assert_int_equal(keys_event(&k, &rebind), E_OK);
    assert_int_equal(gpio.line[1].bits, 0);
    gpio.line[1].level = 1; /* pressed meanwhile */
    rebind.msg.w[0] = (uint64_t)tree_node(tree, "/gpio@1000");
    assert_int_equal(keys_event(&k, &rebind), E_OK);
    assert_int_equal(gpio.line[1].bits, 0x10000);
    keys_time(&k);
    pass(100 * MS);
    assert_int_equal(power.asked, 1);
    gpio.line[1].error = E_BUSY;
    assert_int_equal(keys_event(&k, &rebind), E_BUSY);
    assert_string_equal(fake.log, "poweroff not watched: another node claims its line");
}

static void a_call_that_died_with_the_controller_is_made_again(void **state)
{
    (void)state;
    gpio.dead = 2;
    (void)started(1);
    assert_int_equal(gpio.line[1].bits, 0x10000);
    assert_int_equal(gpio.calls, 4);
}

static void switches_and_other_keys_are_logged_only(void **state)
{
    (void)state;
    int node = tree_node(tree, "/keys/poweroff");
    assert_int_equal(fdt_setprop_inplace_u32(tree, node, "linux,code", 30), 0);
    (void)started(1);
    moves(1);
    pass(100 * MS);
    assert_string_equal(fake.log, "poweroff: code 30, down");
    moves(0);
    pass(100 * MS);
    assert_string_equal(fake.log, "poweroff: code 30, up");
    line_moves(4, 1);
    pass(999 * MS);
    assert_string_equal(fake.log, "poweroff: code 30, up");
    pass(1 * MS);
    assert_string_equal(fake.log, "hole: code 0, down");
    assert_int_equal(power.asked, 0);
}

static void without_one_key_it_does_not_start(void **state)
{
    static const struct {
        status_t error;
        const char *said;
    } cases[] = {
        { E_RANGE, "hole not watched: its controller has no such line" },
        { E_BUSY, "hole not watched: another node claims its line" },
        { E_NOTFOUND, "hole not watched: its gpios leads to no server of class gpio" },
        { E_FORMAT, "hole not watched: its gpios has not two cells" },
        { E_BROKEN, "hole not watched: the service failed too often and was given up" },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gpio.line[1].error = gpio.line[4].error = cases[i].error;
        fake_run(gpio_keys_main);
        assert_true(fake.main_returned);
        assert_int_equal(fake.main_result, cases[i].error);
        assert_string_equal(fake.log, cases[i].said);
    }
}

static void a_node_without_keys_does_not_start(void **state)
{
    (void)state;
    fake.node.offset = tree_node(tree, "/clocks@5000");
    fake_run(gpio_keys_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    assert_string_equal(fake.log,
                        "the node has no keys: a child with gpios and linux,code for each");
}

static void requests_and_commands_that_it_does_not_know_are_answered(void **state)
{
    struct event command = { .kind = EV_COMMAND, .msg = { COMMAND_OWN, { 0 } } };
    (void)state;
    fake_call(7, 1, 0, 0);
    fake_event(command);
    fake_event((struct event){ .kind = EV_CLOSED, .badge = 7 });
    fake_run(gpio_keys_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.accept, 0);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_CALL), 1);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_CLOSED), 1);
}

static void the_clients_functions_ask_what_they_say(void **state)
{
    bool level = false;
    uint32_t events = 9;
    (void)state;
    assert_int_equal(node_gpio_write(fake.node, 4, true), E_OK);
    assert_int_equal(gpio.line[4].level, 1);
    assert_int_equal(node_gpio_read(fake.node, 4, &level), E_OK);
    assert_true(level);
    assert_int_equal(node_gpio_read(fake.node, 2, &level), E_NOTFOUND); /* no handle */
    assert_int_equal(node_gpio_take(fake.node, 4, &level, &events), E_NOTFOUND);
    assert_int_equal(events, 9); /* untouched */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_part_with_a_code_is_a_key_and_the_others_are_named),
        T(the_power_button_ends_the_machine_once),
        T(a_line_that_bounces_counts_when_it_is_quiet),
        T(bits_that_mean_nothing_are_borne),
        T(a_button_that_is_held_at_boot_is_no_press),
        T(a_press_while_the_driver_was_restarted_counts),
        T(a_restarted_controller_is_subscribed_to_again_and_another_is_not),
        T(a_call_that_died_with_the_controller_is_made_again),
        T(switches_and_other_keys_are_logged_only),
        T(without_one_key_it_does_not_start),
        T(a_node_without_keys_does_not_start),
        T(requests_and_commands_that_it_does_not_know_are_answered),
        T(the_clients_functions_ask_what_they_say),
    };
    return TREE_RUN(tests);
}
