/* SPDX-License-Identifier: BSD-2-Clause
 * Another image in a server's place (servers/init/replace.c, plan_replace.c, INIT_OP_RESTART with an image): what fits runs from
 * then on, what does not fit leaves the old one running and says why, and what is given up makes room for the former one.
 * On QEMU's tree.
 */
#include "init_ask.h"
#include <cambium/client.h>
#include <stdio.h>

/* In spare/, behind the images of init_fake.c. */
enum {
    SPARE_UART = IMAGES,
    SPARE_CLASS,
    SPARE_CLOCK,
    SPARE_GONE,
    SPARE_FIRMWARE,
    SPARE_USES,
    SPARE_GIC,
    SPARE_MUX,
    SPARE_SECOND,
    SPARE_BAD,
    ALL_IMAGES
};

static const struct dev_match matches[ALL_IMAGES][2] = {
    [SPARE_UART] = { DEV_MATCH("test,none", "serial", "", 0),
                     DEV_MATCH("arm,primecell", "serial", "interrupts 0 clocks", 0) },
    [SPARE_CLASS] = { DEV_MATCH("arm,pl011", "sound", "", 0) },
    [SPARE_CLOCK] = { DEV_MATCH("arm,pl011", "serial", "reg clocks 7", 0) },
    [SPARE_GONE] = { DEV_MATCH("arm,pl011", "serial", "resets bridge", 0) },
    [SPARE_FIRMWARE] = { DEV_MATCH("arm,pl011", "serial", "service irq", 0) },
    [SPARE_USES] = { DEV_MATCH("arm,pl011", "serial", "uses firmware uses irq", 0) },
    [SPARE_GIC] = { DEV_MATCH("arm,cortex-a15-gic", "irq", "", 0) },
    [SPARE_MUX] = { DEV_MATCH("console", "serial", "stdout-path service irq", MATCH_SERVICE) },
    [SPARE_SECOND] = { DEV_MATCH("console", "serial", "stdout-path", MATCH_SERVICE),
                       DEV_MATCH("arm,pl011", "serial", "", 0) },
};
static struct image more[ALL_IMAGES];

static int setup_more(void **state)
{
    static char names[ALL_IMAGES][16];

    fake_setup();
    memcpy(more, fake.init.images, sizeof(struct image) * IMAGES);
    for (unsigned i = IMAGES; i < ALL_IMAGES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "spare/%u", i - IMAGES); /* fits */
        more[i] = (struct image){ .name = names[i] };
        more[i].elf.match = matches[i];
        more[i].elf.match_count = matches[i][1].compatible[0] != '\0' ? 2 : 1;
    }
    more[SPARE_BAD].error = E_ABI;
    more[SPARE_BAD].why = "it is of another time";
    fake.init.images = more;
    fake.init.image_count = ALL_IMAGES;
    fake_boot();
    (void)state;
    return 0;
}

static status_t restart_from(uint32_t from, const char *name, uint64_t image)
{
    struct msg m = { .w = { [6] = image + 1 } };

    memcpy(m.w, name, strlen(name));
    return ask_with(from, INIT_OP_RESTART, 0, &m);
}

/* init's sentence about the last refusal. */
static const char *refusal(void)
{
    static char text[INIT_REFUSAL_LEN + INIT_WHY_LEN];
    struct msg m;
    uint64_t at = 0;

    do {
        m = (struct msg){ .w = { INIT_WHY_RESTART, at } };
        if (ask_with(FROM_SHELL, INIT_OP_WHY, 0, &m) == E_NOTFOUND) {
            return "";
        }
        memcpy(text + at, &m.w[1], INIT_WHY_LEN);
        at += INIT_WHY_LEN;
    } while (at < m.w[0]);
    text[at] = '\0';
    return text;
}

static void refuses(const char *name, uint64_t image, status_t status, const char *sentence)
{
    unsigned kills = fake.kills;

    assert_int_equal(restart_from(FROM_SHELL, name, image), status);
    assert_string_equal(refusal(), sentence);
    assert_int_equal(fake.kills, kills);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RUNNING);
}

static void an_image_that_fits_serves_from_then_on(void **state)
{
    (void)state;
    assert_int_equal(restart_from(FROM_SHELL, "pl011", SPARE_UART), E_OK);
    supervise_turn(&fake.init);
    fake_done(GIC, E_OK); /* its lines are masked */
    fake_ready(PL011);
    assert_ptr_equal(fake_server(PL011)->child.image, &more[SPARE_UART]);
    assert_non_null(strstr(fake.log, "/pl011@9000000: spare/0 in place of drv/pl011\n"));
    assert_non_null(strstr(fake.log, "/pl011@9000000: spare/0 restarted (1)\n"));
    assert_string_equal(refusal(), "");
    fake_live(10 * SECOND, 7); /* what was required of the first image is still waited for */
    assert_int_equal(ask_name(FROM_SHELL, INIT_OP_RESTART, "pl011"), E_OK);
    assert_ptr_equal(fake_server(PL011)->image, &more[SPARE_UART]);
}

static void one_that_does_not_fit_leaves_the_old_one_running(void **state)
{
    (void)state;
    refuses("pl011", SPARE_GIC, E_INVAL,
            "spare/6: it serves \"arm,cortex-a15-gic\", and not \"arm,pl011\" (E_INVAL); drv/pl011 "
            "stays");
    refuses("pl011", SPARE_MUX, E_INVAL,
            "spare/7: it serves \"console\", and not \"arm,pl011\" (E_INVAL); drv/pl011 stays");
    refuses("pl011", SPARE_CLASS, E_INVAL,
            "spare/1: it is of class \"sound\", and clients of this server know \"serial\" "
            "(E_INVAL); drv/pl011 stays");
    refuses(
        "pl011", SPARE_CLOCK, E_INVAL,
        "spare/2: it cannot do without clocks 7, which leads nowhere (E_INVAL); drv/pl011 stays");
    refuses("pl011", SPARE_GONE, E_INVAL,
            "spare/3: it cannot do without resets bridge, which leads nowhere (E_INVAL); drv/pl011 "
            "stays");
    refuses("pl011", SPARE_FIRMWARE, E_INVAL,
            "spare/4: it cannot do without service irq, for which drv/pl011 got no handle "
            "(E_INVAL); drv/pl011 stays");
    refuses("gicv2", SPARE_GIC, E_INVAL,
            "spare/6: it cannot be the root of interrupts (E_INVAL); drv/gicv2 stays");
    refuses("console", SPARE_MUX, E_INVAL,
            "spare/7: it cannot do without service irq of /chosen, which leads nowhere (E_INVAL); "
            "mux/serial stays");
    refuses("console", SPARE_UART, E_INVAL,
            "spare/0: it serves \"test,none\" and others, and not \"console\" (E_INVAL); "
            "mux/serial stays");
    refuses("pl011", SPARE_BAD, E_ABI, "spare/9: it is of another time (E_ABI); drv/pl011 stays");
    refuses("pl011", IMAGE_HELLO, E_INVAL,
            "bin/hello: it has no match table, so it is no server (E_INVAL); drv/pl011 stays");
    refuses("shell", SPARE_UART, E_INVAL,
            "spare/0: only a server can be replaced, not the shell (E_INVAL); bin/shell stays");
}

static void what_it_can_do_without_is_no_obstacle(void **state)
{
    (void)state;
    assert_int_equal(restart_from(FROM_SHELL, "/pl011@9000000", SPARE_USES), E_OK);
    assert_int_equal(restart_from(FROM_SHELL, "serial", SPARE_SECOND),
                     E_OK); /* the mux's entry, and the node's */
    assert_int_equal(restart_from(FROM_SHELL, "pl011", SPARE_SECOND), E_OK);
}

static void numbers_and_callers_that_may_not_are_refused(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(restart_from(FROM_SHELL, "pl011", ALL_IMAGES), E_NOTFOUND);
    assert_int_equal(restart_from(FROM_SHELL, "pl011", UINT64_MAX - 1), E_NOTFOUND);
    assert_int_equal(restart_from(FROM_SHELL, "nobody", SPARE_UART), E_NOTFOUND);
    assert_int_equal(restart_from(FROM_PL011, "pl011", SPARE_UART), E_RIGHTS);
    assert_string_equal(refusal(), "");
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_IMAGE, SPARE_UART, &m), E_OK);
    assert_string_equal((const char *)m.w, "spare/0");
    assert_int_equal(ask_number(FROM_SHELL, INIT_OP_IMAGE, ALL_IMAGES, &m), E_NOTFOUND);
}

static void one_that_fails_makes_room_for_the_former(void **state)
{
    (void)state;
    assert_int_equal(restart_from(FROM_SHELL, "pl011", SPARE_UART), E_OK);
    supervise_turn(&fake.init);
    fake_done(GIC, E_OK);
    fake_live(10 * SECOND, 7); /* nobody is disturbed any more */
    fake_server(PL011)->disturbed_ns = 0;
    fake_fails(PL011, E_IO);
    assert_non_null(strstr(fake.log, "/pl011@9000000: spare/0 is given up: "));
    assert_non_null(strstr(fake.log, "; back to drv/pl011\n"));
    fake_live(1 * SECOND, 7);
    fake_ready(PL011);
    assert_int_equal(fake_server(PL011)->state, SERVICE_RUNNING);
    assert_ptr_equal(fake_server(PL011)->child.image, fake_server(PL011)->image);
    assert_string_equal(fake_server(PL011)->image->name, "drv/pl011");
}

/* Up to the start of the next incarnation; the others do as they are asked. */
static void await_start(void)
{
    uint64_t until = fake.now + 20 * SECOND;

    fake_live(0, 7u & ~(1u << PL011));
    while (fake_server(PL011)->state == SERVICE_RESTARTING && fake.now < until) {
        fake_live(10 * MS, 7u & ~(1u << PL011));
    }
    assert_int_equal(fake_server(PL011)->state, SERVICE_STARTING);
}

static void one_that_dies_too_often_makes_room_once(void **state)
{
    (void)state;
    assert_int_equal(restart_from(FROM_SHELL, "pl011", SPARE_UART), E_OK);
    supervise_turn(&fake.init);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned death = 0; death < 5; death++) {
            assert_int_equal(fake_server(PL011)->former != NULL, round == 0);
            await_start();
            fake_faults(PL011);
        }
        assert_string_equal(fake_server(PL011)->image->name, "drv/pl011");
    }
    assert_int_equal(fake_server(PL011)->state, SERVICE_BROKEN);
    assert_non_null(strstr(fake.log, "drv/pl011 is broken, died too often"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_more, teardown)
    const struct CMUnitTest tests[] = {
        T(an_image_that_fits_serves_from_then_on),
        T(one_that_does_not_fit_leaves_the_old_one_running),
        T(what_it_can_do_without_is_no_obstacle),
        T(numbers_and_callers_that_may_not_are_refused),
        T(one_that_fails_makes_room_for_the_former),
        T(one_that_dies_too_often_makes_room_once),
    };
    return TREE_RUN(tests);
}
