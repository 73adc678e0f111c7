/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/entropy.c against a scripted service: long wishes in pieces, a server that dies, that is busy, that lies.
 */
#include <cambium/entropy.h>
#include <cambium/sys.h>
#include <cambium/thread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { SERVICE = 9, DEADLINE = 1000000000 };

static struct step {
    status_t status; /* of the call, or of the answer */
    uint64_t len;    /* given; what was asked for if 0 */
} script[64];
static unsigned steps, asked;
static uint64_t wanted[64], now_ns;
static uint8_t next;

status_t sys_call_deadline(handle_t port, struct msg *m, uint64_t deadline)
{
    const struct step *s = &script[asked];

    assert_true(asked < steps);
    assert_int_equal(port, SERVICE);
    assert_int_equal(deadline, DEADLINE);
    assert_int_equal(m->info, msg_info(ENTROPY_OP_READ, 0, 0));
    wanted[asked++] = m->w[0];
    if (s->status == E_DEAD || s->status == E_TIMEOUT) {
        return s->status;
    }
    uint64_t len = s->len != 0 ? s->len : m->w[0];
    m->info = msg_info((uint32_t)s->status, 0, 0);
    m->w[0] = len;
    for (uint64_t i = 0; i < len && i < ENTROPY_READ_LEN; i++) {
        ((uint8_t *)&m->w[1])[i] = next++;
    }
    return E_OK;
}

uint64_t time_deadline(uint64_t timeout_ns)
{
    return now_ns + timeout_ns;
}

void sleep_ns(uint64_t ns)
{
    now_ns += ns;
}

static int setup(void **state)
{
    (void)state;
    memset(script, 0, sizeof(script));
    steps = asked = next = 0;
    now_ns = 1;
    return 0;
}

static void a_long_wish_is_asked_for_in_pieces_and_short_answers_are_gone_on_with(void **state)
{
    uint8_t out[130];

    (void)state;
    steps = 4;
    script[1].len = 1;
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_OK);
    assert_true(asked == 4 && wanted[0] == 56 && wanted[1] == 56 && wanted[2] == 56 &&
                wanted[3] == 17);
    for (unsigned i = 0; i < sizeof(out); i++) {
        assert_int_equal(out[i], i);
    }
    assert_int_equal(entropy_read(SERVICE, out, 0, DEADLINE), E_OK); /* nothing to ask */
}

static void a_restarted_server_is_asked_again_but_not_for_ever(void **state)
{
    uint8_t out[8];

    (void)state;
    steps = 8;
    for (unsigned i = 0; i < 7; i++) {
        script[i].status = E_DEAD;
    }
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_OK);
    asked = 0;
    script[7].status = E_DEAD;
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_DEAD);
}

static void a_busy_server_is_asked_again_until_the_deadline(void **state)
{
    uint8_t out[8];

    (void)state;
    steps = 3;
    script[0].status = script[1].status = E_BUSY;
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_OK);
    assert_int_equal(now_ns, 1 + 2 * 1000000);
    asked = 0;
    now_ns = DEADLINE - 1500000;
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_BUSY);
    assert_int_equal(asked, 2);
}

static void other_errors_are_the_callers_at_once(void **state)
{
    uint8_t out[100];

    (void)state;
    steps = 2;
    script[1].status = E_TIMEOUT;
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_TIMEOUT);
    asked = 0;
    script[0].status = E_BROKEN;
    assert_int_equal(entropy_read(SERVICE, out, sizeof(out), DEADLINE), E_BROKEN);
    assert_int_equal(asked, 1);
}

static void a_server_that_gives_more_than_was_asked_for_is_not_believed(void **state)
{
    struct {
        uint8_t out[8], behind[64];
    } m = { 0 };
    const uint8_t nothing[64] = { 0 };

    (void)state;
    steps = 1;
    script[0].len = 9;
    assert_int_equal(entropy_read(SERVICE, m.out, sizeof(m.out), DEADLINE), E_IO);
    asked = 0;
    script[0].len = UINT64_MAX;
    assert_int_equal(entropy_read(SERVICE, m.out, sizeof(m.out), DEADLINE), E_IO);
    assert_memory_equal(m.behind, nothing, sizeof(nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            a_long_wish_is_asked_for_in_pieces_and_short_answers_are_gone_on_with, setup),
        cmocka_unit_test_setup(a_restarted_server_is_asked_again_but_not_for_ever, setup),
        cmocka_unit_test_setup(a_busy_server_is_asked_again_until_the_deadline, setup),
        cmocka_unit_test_setup(other_errors_are_the_callers_at_once, setup),
        cmocka_unit_test_setup(a_server_that_gives_more_than_was_asked_for_is_not_believed, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
