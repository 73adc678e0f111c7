/* SPDX-License-Identifier: BSD-2-Clause
 * drv/bcm2835_mbox against a recording model of the two queues: what start writes, words both ways, full queues, what
 * clients may do wrong, a device that is never empty.
 */
int mailbox_main(void);
#define main mailbox_main
#include "servers/drv/bcm2835_mbox/bcm2835_mbox.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

enum { CLIENT = 7, OTHER = 9, PORT = 61 };

/* The two queues; the device's own are eight words deep. */
static struct model {
    uint32_t in[32], out[32];
    unsigned in_len, in_at, out_len;
    bool never_empty, full;
} boxes[2];

static uint32_t model_read(unsigned window, uint32_t offset)
{
    struct model *b = &boxes[window];

    switch (offset) {
    case MAIL0_STA:
        return b->in_at == b->in_len && !b->never_empty ? STA_EMPTY : 0;
    case MAIL0_RD:
        if (b->never_empty) {
            return 0xffffffff;
        }
        assert_true(b->in_at < b->in_len); /* reading an empty queue */
        return b->in[b->in_at++];
    case MAIL1_STA:
        return b->full ? STA_FULL : STA_EMPTY;
    default:
        return fake_mmio_get(window, offset);
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    struct model *b = &boxes[window];

    if (offset == MAIL1_WRT) {
        assert_false(b->full); /* a word is lost */
        b->out[b->out_len++] = value;
    }
    fake_mmio_set(window, offset, value);
}

static void arrive(unsigned window, uint32_t word)
{
    boxes[window].in[boxes[window].in_len++] = word;
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    memset(boxes, 0, sizeof(boxes));
    fake_mmio_hooks(model_read, model_write);
    return 0;
}

static struct mailbox instance[2];

static status_t ask(struct mailbox *b, uint32_t badge, uint32_t op, uint64_t w0, struct msg *out)
{
    *out = (struct msg){ .info = msg_info(op, op == MBOX_OP_ATTACH, 0), .w = { w0, [7] = PORT } };
    return mailbox_serve(b, badge, out);
}

static struct mailbox *box_attached(unsigned window)
{
    struct mailbox *b = &instance[window];
    struct msg m;

    *b = (struct mailbox){ .regs = fake_mmio_window(window, MAILBOX_REGS_LEN) };
    assert_int_equal(ask(b, CLIENT, MBOX_OP_ATTACH, 1, &m), E_OK);
    fake_trace_clear();
    return b;
}

static void registers_are_those_of_the_wiki(void **state)
{
    const uint32_t offsets[][2] = {
        { MAIL0_RD, 0 },     { MAIL0_STA, 0x18 }, { MAIL0_CNF, 0x1c },
        { MAIL1_WRT, 0x20 }, { MAIL1_STA, 0x38 }, { CNF_DATAIRQEN, 1 },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        assert_int_equal(offsets[i][0], offsets[i][1]);
    }
}

static void start_enables_the_interrupt_and_takes_nothing(void **state)
{
    static const struct fake_write expected[] = { { 0, MAIL0_CNF, 1 } };
    (void)state;
    arrive(0, 0x1238);
    fake_run(mailbox_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.accept, 1);
    fake_expect_writes(expected, 1);
    assert_int_equal(boxes[0].in_at, 0); /* it may answer somebody who lives */
}

static void missing_window_or_line_is_an_error_before_hardware_is_touched(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(mailbox_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.irq_error = E_NOTFOUND;
    fake_run(mailbox_main);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    fake_expect_writes(NULL, 0);
}

static void words_come_in_order_and_are_announced_once(void **state)
{
    struct mailbox *b = box_attached(0);
    struct msg m;
    (void)state;

    arrive(0, 0x1008);
    mailbox_take(b);
    arrive(0, 0xfffffff8);
    mailbox_take(b);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, MBOX_EV_READABLE), 1);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_RECEIVE, 0, &m), E_OK);
    assert_true(m.w[0] == 2 && m.w[1] == 0x1008 && m.w[2] == 0xfffffff8);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_RECEIVE, 0, &m), E_OK);
    assert_int_equal(m.w[0], 0);
    arrive(0, 0x2008);
    mailbox_take(b);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, MBOX_EV_READABLE), 2);
}

static void without_room_words_stay_in_the_device_and_the_line_is_closed(void **state)
{
    struct mailbox *b = box_attached(0);
    struct msg m;
    (void)state;

    for (uint32_t i = 0; i < MBOX_WORDS + 2; i++) {
        arrive(0, i);
    }
    mailbox_take(b);
    assert_int_equal(boxes[0].in_at, MBOX_WORDS);
    assert_int_equal(fake_mmio_get(0, MAIL0_CNF), 0);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_RECEIVE, 0, &m), E_OK);
    assert_int_equal(m.w[0], MBOX_WORDS);
    assert_int_equal(m.w[MBOX_WORDS], MBOX_WORDS - 1);
    assert_int_equal(fake_mmio_get(0, MAIL0_CNF), CNF_DATAIRQEN);
    mailbox_take(b); /* the line is up still */
    assert_int_equal(ask(b, CLIENT, MBOX_OP_RECEIVE, 0, &m), E_OK);
    assert_true(m.w[0] == 2 && m.w[1] == MBOX_WORDS && m.w[2] == MBOX_WORDS + 1);
}

static void device_that_is_never_empty_does_not_hang(void **state)
{
    struct mailbox *b = box_attached(0);
    struct msg m;
    (void)state;

    boxes[0].never_empty = true;
    mailbox_take(b);
    assert_int_equal(fake_count(FAKE_READ, 0, MAIL0_RD), MBOX_WORDS);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_RECEIVE, 0, &m), E_OK); /* takes no more by itself */
    assert_int_equal(fake_count(FAKE_READ, 0, MAIL0_RD), MBOX_WORDS);
}

static void sending_writes_the_word_or_says_that_the_queue_is_full(void **state)
{
    struct mailbox *b = box_attached(0);
    struct msg m;
    (void)state;

    assert_int_equal(ask(b, CLIENT, MBOX_OP_SEND, 0xfb000008, &m), E_OK);
    assert_int_equal(boxes[0].out_len, 1);
    assert_int_equal(boxes[0].out[0], 0xfb000008);
    boxes[0].full = true;
    assert_int_equal(ask(b, CLIENT, MBOX_OP_SEND, 0xfb000008, &m), E_AGAIN);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_SEND, 1ull << 32, &m), E_RANGE);
    assert_int_equal(boxes[0].out_len, 1);
}

static void one_client_at_a_time(void **state)
{
    struct mailbox *b = &instance[0];
    struct msg m;
    (void)state;

    *b = (struct mailbox){ .regs = fake_mmio_window(0, MAILBOX_REGS_LEN) };
    assert_int_equal(ask(b, CLIENT, MBOX_OP_SEND, 8, &m), E_NOTFOUND);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_RECEIVE, 0, &m), E_NOTFOUND);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_ATTACH, 0, &m), E_INVAL);
    assert_int_equal(ask(b, CLIENT, MBOX_OP_ATTACH, 4, &m), E_OK);
    assert_true(fake.subscriber == PORT && fake.subscriber_base == 4);
    assert_int_equal(ask(b, OTHER, MBOX_OP_ATTACH, 1, &m), E_BUSY);
    assert_int_equal(ask(b, OTHER, MBOX_OP_SEND, 8, &m), E_NOTFOUND);
    assert_int_equal(ask(b, OTHER, MBOX_OP_STAT, 0, &m), E_OK);
    assert_int_equal(boxes[0].out_len, 0);
    m = (struct msg){ .info = msg_info(MBOX_OP_SEND, 1, 0), .w = { 8, [7] = 81 } };
    assert_int_equal(mailbox_serve(b, CLIENT, &m),
                     E_INVAL); /* so that the frame closes the handle */
    assert_int_equal(ask(b, CLIENT, 99, 0, &m), E_NOSYS);
}

static void the_loop_serves_interrupts_closes_and_commands(void **state)
{
    (void)state;
    arrive(0, 0x5008);
    fake_call_handles(CLIENT, MBOX_OP_ATTACH, 1, 0, 0, PORT);
    fake_event((struct event){ .kind = EV_IRQ });
    fake_event((struct event){ .kind = EV_CLOSED, .badge = OTHER });
    fake_event((struct event){ .kind = EV_COMMAND });
    fake_call(CLIENT, MBOX_OP_RECEIVE, 0, 0);
    fake_event((struct event){ .kind = EV_CLOSED, .badge = CLIENT });
    fake_run(mailbox_main);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_IRQ), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_CALL), 2);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    assert_int_equal(fake_count(FAKE_SIGNAL, 0, MBOX_EV_READABLE), 1);
    assert_int_equal(fake.subscriber, 0);
}

static void two_mailboxes_share_nothing(void **state)
{
    struct mailbox *a = box_attached(0), *b = box_attached(1);
    struct msg m;
    (void)state;

    arrive(1, 0x18);
    mailbox_take(a);
    mailbox_take(b);
    assert_int_equal(ask(a, CLIENT, MBOX_OP_SEND, 0x28, &m), E_OK);
    assert_true(a->word_count == 0 && b->word_count == 1);
    assert_true(boxes[0].out_len == 1 && boxes[1].out_len == 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(registers_are_those_of_the_wiki),
        T(start_enables_the_interrupt_and_takes_nothing),
        T(missing_window_or_line_is_an_error_before_hardware_is_touched),
        T(words_come_in_order_and_are_announced_once),
        T(without_room_words_stay_in_the_device_and_the_line_is_closed),
        T(device_that_is_never_empty_does_not_hang),
        T(sending_writes_the_word_or_says_that_the_queue_is_full),
        T(one_client_at_a_time),
        T(the_loop_serves_interrupts_closes_and_commands),
        T(two_mailboxes_share_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
