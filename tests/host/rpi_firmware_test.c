/* SPDX-License-Identifier: BSD-2-Clause
 * drv/rpi_firmware between a fake mailbox and a fake firmware: what a message looks like in memory, that answers find their
 * questions, and everything the other side may do wrong: errors, garbage, silence, words late, lost, foreign, repeated. A
 * buffer without an answer is never used again, by a new incarnation neither.
 */
int firmware_main(void);
#define main firmware_main
#include "servers/drv/rpi_firmware/rpi_firmware.c"
#undef main
#include "fake_firmware.h"
#include "fake_frame.h"
#include <cambium/firmware.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

enum { MBOX = 6, CLIENT = 7 };
#define BUS 0xfb001000ull /* of memory at 0x3b001000 */

static uint32_t memory[BUFFERS * BUFFER_WORDS];
static struct {
    uint32_t out[64], in[64]; /* words to the firmware, and back */
    unsigned out_len, in_len;
    bool is_new, is_full, dies;
    unsigned attached;
} box;
static struct firmware f;

static status_t box_call(handle_t port, struct msg *m)
{
    assert_int_equal(port, MBOX);
    switch (info_op(m->info)) {
    case MBOX_OP_ATTACH:
        assert_true(m->w[0] == BIT_MBOX && m->w[7] == f.port_notify);
        box.is_new = false;
        box.attached++;
        return E_OK;
    case MBOX_OP_SEND:
        if (box.is_new || box.is_full) {
            return box.is_new ? E_NOTFOUND : E_AGAIN;
        }
        assert_true(fake_trace_len != 0 && fake_trace[fake_trace_len - 1].kind == FAKE_BARRIER);
        box.out[box.out_len++] = (uint32_t)m->w[0];
        return box.dies ? E_DEAD : E_OK;
    case MBOX_OP_RECEIVE:
        m->w[0] = box.in_len;
        for (unsigned i = 0; i < box.in_len; i++) {
            m->w[1 + i] = box.in[i];
        }
        box.in_len = 0;
        return box.is_new ? E_NOTFOUND : E_OK;
    default:
        return E_NOSYS;
    }
}

static uint32_t *buffer_of(uint32_t word)
{
    assert_int_equal(word & 0xf, 8);
    assert_int_equal((word - BUS - 8) % 256, 0); /* cache lines of its own */
    assert_true(word - BUS - 8 < sizeof(memory));
    return &memory[(word - BUS - 8) / 4];
}

static void firmware_started(void)
{
    f = (struct firmware){ .buffer = -1, .mbox = MBOX, .port_notify = 7 };
    f.dma = (struct dma){ .at = memory, .bus = BUS, .len = sizeof(memory), .is_old = true };
    buffers_find_out(&f);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_firmware_reset();
    memset(&box, 0, sizeof(box));
    memset(memory, 0, sizeof(memory));
    fake.call = box_call;
    fake.now_ns = 1000;
    firmware_started();
    return 0;
}

static void event(enum event_kind kind, uint64_t bits)
{
    struct event ev = { .kind = kind, .bits = bits };
    status_t err;

    assert_false(firmware_event(&f, &ev, &err));
    assert_int_equal(err, E_OK);
}

/* The firmware serves the oldest word it has; its server is told. */
static void firmware_turn(void)
{
    assert_true(box.out_len != 0);
    uint32_t word = box.out[0];
    memmove(box.out, box.out + 1, --box.out_len * sizeof(word));
    if (fake_firmware_serve(buffer_of(word))) {
        box.in[box.in_len++] = fake_firmware.fault == FIRMWARE_FOREIGN ? word + 0x1000 : word;
        event(EV_NOTIFY, BIT_MBOX);
    }
}

static void time_passes(void)
{
    fake.now_ns += TIMEOUT_NS;
    event(EV_NOTIFY, BIT_TIME);
}

/* Sends words as a message: the number of its reply. */
static unsigned send(const void *message, unsigned len)
{
    struct event ev = { .kind = EV_CALL, .badge = CLIENT, .msg = { FIRMWARE_OP_ASK, { len } } };
    unsigned reply = fake.kept;
    status_t err;

    memcpy(&ev.msg.w[1], message, len);
    assert_true(firmware_event(&f, &ev, &err));
    assert_int_equal(fake.kept, reply + 1);
    return reply;
}

static unsigned send_rate(uint32_t clock)
{
    struct firmware_tag_clock_rate ask = FIRMWARE_ASK(clock_rate, .clock = clock);

    return send(&ask, sizeof(ask));
}

static uint32_t rate_in(unsigned reply)
{
    struct firmware_tag_clock_rate got;

    assert_true(fake.answers[reply].is_given);
    assert_int_equal(fake.answers[reply].status, E_OK);
    memcpy(&got, &fake.answers[reply].m.w[1], sizeof(got));
    assert_int_equal(got.tag, FIRMWARE_TAG_clock_rate | FIRMWARE_ANSWERED);
    return got.answer.hz;
}

/* ---- messages ---- */

static void several_tags_travel_in_one_message(void **state)
{
    struct {
        struct firmware_tag_board_revision revision;
        struct firmware_tag_mac_address mac;
        struct firmware_tag_board_serial serial;
        struct firmware_tag_set_clock_rate rate;
    } ask = { FIRMWARE_ASK(board_revision), FIRMWARE_ASK(mac_address), FIRMWARE_ASK(board_serial),
              FIRMWARE_ASK(set_clock_rate, .clock = FIRMWARE_CLOCK_UART, .hz = 48000000,
                           .skip_turbo = 1) };
    static const uint32_t expected[] = { 104,     0,  0x10002, 4,       0,        0, 0x10003, 8,
                                         0,       0,  0,       0x10004, 8,        0, 0,       0,
                                         0x38002, 12, 0,       2,       48000000, 1, 0 };
    (void)state;

    unsigned reply = send(&ask, sizeof(ask));
    assert_int_equal(box.out_len, 1);
    assert_memory_equal(buffer_of(box.out[0]) + 1, expected + 1, sizeof(expected) - 4);
    assert_int_equal(buffer_of(box.out[0])[0], sizeof(expected));
    firmware_turn();
    assert_int_equal(fake.answers[reply].status, E_OK);
    memcpy(&ask, &fake.answers[reply].m.w[1], sizeof(ask));
    assert_true(firmware_answered(&ask.revision) && firmware_answered(&ask.rate));
    assert_int_equal(ask.revision.answer.value, 0xa02082);
    assert_memory_equal(ask.mac.answer.byte, "\xb8\x27\xeb\x01\x02\x03", 6);
    assert_true(ask.serial.answer.low == 0x89abcdef && ask.serial.answer.high == 0x1234567);
    assert_int_equal(ask.rate.answer.hz, 48000000);
    assert_true(fake_firmware.tags == 4 && fake_firmware.skip_turbo == 1);
}

static void the_longest_messages_fit(void **state)
{
    struct {
        struct firmware_tag_notify_reboot tag[FIRMWARE_MESSAGE_LEN / 4];
    } ask;
    (void)state;

    for (unsigned i = 0; i < FIRMWARE_MESSAGE_LEN / 4; i++) {
        ask.tag[i] = (struct firmware_tag_notify_reboot)FIRMWARE_ASK(notify_reboot);
    }
    unsigned reply = send(&ask, sizeof(ask));
    firmware_turn();
    assert_int_equal(fake.answers[reply].status, E_OK);
    assert_int_equal(fake_firmware.reboots_notified, FIRMWARE_MESSAGE_LEN / 4);
}

static void a_tag_that_the_firmware_does_not_know_is_told_apart(void **state)
{
    struct {
        struct firmware_tag_throttled throttled;
        struct firmware_tag_temperature heat;
    } ask = { FIRMWARE_ASK(throttled), FIRMWARE_ASK(temperature) };
    (void)state;

    fake_firmware.knows_throttled = false;
    unsigned reply = send(&ask, sizeof(ask));
    firmware_turn();
    assert_int_equal(fake.answers[reply].status, E_NOSYS);
    memcpy(&ask, &fake.answers[reply].m.w[1], sizeof(ask));
    assert_false(firmware_answered(&ask.throttled));
    assert_true(firmware_answered(&ask.heat));
    assert_int_equal(ask.heat.answer.millidegrees, 45678);
}

static void nonsense_is_refused_before_anything_is_written(void **state)
{
    static const struct {
        uint32_t words[14];
        uint64_t len;
        status_t status;
    } bad[] = {
        { { 0x30002, 2, 0 }, 0, E_FORMAT },
        { { 0x30002, 2, 0 }, 60, E_RANGE },
        { { 0x30002, 2, 0 }, UINT64_MAX, E_RANGE },
        { { 0x30002, 2, 0 }, 8, E_FORMAT },     /* its value is cut */
        { { 0x30002, 2, 0 }, 11, E_FORMAT },    /* no whole words */
        { { 0x30002, 2, 0, 0 }, 16, E_FORMAT }, /* 0 is no tag */
        { { 0x3000c, 4096, 4096, 4 },
          16,
          E_FORMAT }, /* memory of the VideoCore: not in the table */
        { { 0x80030002, 2, 0 }, 12, E_FORMAT },
    };
    (void)state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct event ev = { .kind = EV_CALL, .msg = { FIRMWARE_OP_ASK, { bad[i].len } } };
        status_t err = E_OK;
        memcpy(&ev.msg.w[1], bad[i].words, sizeof(bad[i].words));
        assert_false(firmware_serve(&f, &ev, &err));
        assert_int_equal(err, bad[i].status);
    }
    struct event ev = { .kind = EV_CALL, .msg = { msg_info(FIRMWARE_OP_ASK, 1, 0), { 12 } } };
    status_t err = E_OK;
    assert_false(firmware_serve(&f, &ev, &err));
    assert_int_equal(err, E_INVAL); /* a handle came: the frame closes it */
    ev.msg.info = 99;
    assert_false(firmware_serve(&f, &ev, &err));
    assert_int_equal(err, E_NOSYS);
    assert_true(box.out_len == 0 && memory[0] == 0 && fake.kept == 0);
}

/* ---- one after the other ---- */

static void who_comes_later_waits_and_gets_its_own_answer(void **state)
{
    (void)state;
    unsigned first = send_rate(2), second = send_rate(4);
    assert_int_equal(box.out_len, 1); /* one at a time */
    firmware_turn();
    assert_int_equal(rate_in(first), 3000000);
    assert_false(fake.answers[second].is_given);
    firmware_turn();
    assert_int_equal(rate_in(second), 250000000);
    assert_int_equal(box.out_len, 0);
}

static void too_many_are_busy(void **state)
{
    struct event ev = { .kind = EV_CALL,
                        .msg = { FIRMWARE_OP_ASK, { 4, FIRMWARE_TAG_throttled } } };
    status_t err = E_OK;
    (void)state;

    ev.msg.w[0] = 8;
    for (unsigned i = 0; i < QUEUE_LEN; i++) {
        (void)send_rate(2);
    }
    assert_false(firmware_serve(&f, &ev, &err));
    assert_int_equal(err, E_BUSY);
    for (unsigned i = 0; i < QUEUE_LEN; i++) {
        firmware_turn();
        assert_int_equal(rate_in(i), 3000000);
    }
}

static void a_reply_that_cannot_be_kept_is_an_error(void **state)
{
    struct event ev = { .kind = EV_CALL,
                        .msg = { FIRMWARE_OP_ASK, { 8, FIRMWARE_TAG_throttled } } };
    status_t err = E_OK;
    (void)state;

    fake.keep_error = E_BUDGET;
    assert_false(firmware_serve(&f, &ev, &err));
    assert_int_equal(err, E_BUDGET);
    assert_int_equal(f.queue_count, 0);
}

/* ---- what the other side does wrong ---- */

static void silence_is_a_timeout_for_all_and_costs_the_buffer(void **state)
{
    (void)state;
    fake_firmware.fault = FIRMWARE_SILENT;
    unsigned first = send_rate(2), second = send_rate(4);
    uint32_t word = box.out[0];
    firmware_turn();
    fake.now_ns += TIMEOUT_NS - 1;
    event(EV_NOTIFY, BIT_TIME); /* somebody else's, or early */
    assert_false(fake.answers[first].is_given);
    time_passes();
    assert_int_equal(fake.answers[first].status, E_TIMEOUT);
    assert_int_equal(fake.answers[second].status, E_TIMEOUT); /* it would wait in vain */
    assert_int_equal(box.out_len, 0);
    assert_int_equal(fake.log_lines, 1);
    fake_firmware.fault = FIRMWARE_FINE;
    unsigned third = send_rate(2);
    assert_true(box.out[0] != word);
    firmware_turn();
    assert_int_equal(rate_in(third), 3000000);
}

static void a_late_word_gives_the_buffer_back_and_answers_nobody(void **state)
{
    (void)state;
    unsigned first = send_rate(2);
    uint32_t word = box.out[0];
    time_passes();
    assert_int_equal(fake.answers[first].status, E_TIMEOUT);
    unsigned second = send_rate(4);
    firmware_turn(); /* the first is answered now */
    assert_false(fake.answers[second].is_given);
    firmware_turn();
    assert_int_equal(rate_in(second), 250000000);
    (void)send_rate(2);
    assert_int_equal(box.out[0], word);
}

static void without_a_buffer_the_timeout_comes_at_once(void **state)
{
    struct msg m;
    struct event ev = { .kind = EV_CALL, .msg = { .info = FIRMWARE_OP_STAT } };
    status_t err = E_OK;
    (void)state;

    fake_firmware.fault = FIRMWARE_SILENT;
    for (unsigned i = 0; i < BUFFERS; i++) {
        (void)send_rate(2);
        firmware_turn();
        time_passes();
    }
    unsigned last = send_rate(2);
    assert_int_equal(fake.answers[last].status, E_TIMEOUT);
    assert_int_equal(box.out_len, 0);
    assert_false(firmware_serve(&f, &ev, &err));
    m = ev.msg;
    assert_true(m.w[0] == BUFFERS && m.w[1] == 0 && m.w[2] == BUFFERS && m.w[3] == BUFFERS &&
                m.w[4] == BUFFERS);
}

static void an_error_is_told_and_the_buffer_used_again(void **state)
{
    (void)state;
    fake_firmware.fault = FIRMWARE_ERROR;
    unsigned reply = send_rate(2);
    uint32_t word = box.out[0];
    firmware_turn();
    assert_int_equal(fake.answers[reply].status, E_NOSYS); /* it answered no tag */
    (void)send_rate(2);
    assert_int_equal(box.out[0], word);
}

static void garbage_is_an_error_and_its_buffer_not_used_again(void **state)
{
    static const enum fake_fault faults[] = { FIRMWARE_BAD_CODE, FIRMWARE_BAD_TAG,
                                              FIRMWARE_BAD_LEN };
    uint32_t words[3];
    (void)state;

    for (unsigned i = 0; i < 3; i++) {
        fake_firmware.fault = faults[i];
        unsigned reply = send_rate(2);
        words[i] = box.out[0];
        firmware_turn();
        assert_int_equal(fake.answers[reply].status, E_IO);
        assert_true(i == 0 || words[i] != words[i - 1]);
        assert_int_equal(fake.log_lines, i + 1);
    }
    firmware_started(); /* the next incarnation knows it too */
    fake_firmware.fault = FIRMWARE_FINE;
    unsigned reply = send_rate(2);
    assert_true(box.out[0] != words[0] && box.out[0] != words[1] && box.out[0] != words[2]);
    firmware_turn();
    assert_int_equal(rate_in(reply), 3000000);
}

/* 100,000 answers of random words, most with a right head: never more than the message is read or written (ASan), and
 * what makes no sense leaves the question as it was. */
static void no_answer_leads_out_of_the_message(void **state)
{
    struct {
        struct firmware_tag_mac_address mac;
        struct firmware_tag_throttled throttled;
        struct firmware_tag_set_clock_rate rate;
        struct firmware_tag_notify_reboot reboot;
    } ask = { FIRMWARE_ASK(mac_address), FIRMWARE_ASK(throttled), FIRMWARE_ASK(set_clock_rate),
              FIRMWARE_ASK(notify_reboot) };
    uint64_t *question = calloc(1, FIRMWARE_MESSAGE_LEN), *row = malloc(FIRMWARE_MESSAGE_LEN);
    uint32_t *buffer = malloc(BUFFER_WORDS * 4), random = 1;
    unsigned seen[4] = { 0 };
    (void)state;

    memcpy(question, &ask, sizeof(ask));
    for (unsigned n = 0; n < 100000; n++) {
        property_encode(buffer, question, sizeof(ask));
        buffer[1] = PROPERTY_OK | (n & 1);
        for (unsigned i = 2; i < BUFFER_WORDS; i++) {
            random = random * 1664525 + 1013904223;
            bool is_head =
                i == 2 || i == 3 || i == 7 || i == 8 || i == 11 || i == 12 || i == 17 || i == 18;
            if (!is_head || random >> 26 == 0) {
                buffer[i] = random ^ (random >> 16 & 1) << 31;
            }
        }
        memcpy(row, question, FIRMWARE_MESSAGE_LEN);
        status_t err = property_decode(buffer, row, sizeof(ask));
        assert_memory_equal((uint8_t *)row + sizeof(ask), (uint8_t *)question + sizeof(ask),
                            FIRMWARE_MESSAGE_LEN - sizeof(ask));
        assert_true(err == E_OK || err == E_IO || err == E_NOSYS || err == E_FORMAT);
        assert_true(err != E_FORMAT || memcmp(row, question, FIRMWARE_MESSAGE_LEN) == 0);
        seen[err == E_OK ? 0 : err == E_IO ? 1 : err == E_NOSYS ? 2 : 3]++;
    }
    assert_true(seen[0] > 100 && seen[1] > 100 && seen[2] > 1000 &&
                seen[3] > 1000); /* all were reached */
    free(question);
    free(row);
    free(buffer);
}

static void an_answer_too_short_is_none_and_one_too_long_is_cut(void **state)
{
    (void)state;
    fake_firmware.fault = FIRMWARE_SHORT;
    unsigned reply = send_rate(2);
    firmware_turn();
    assert_int_equal(fake.answers[reply].status, E_NOSYS);
    fake_firmware.fault = FIRMWARE_BOASTS;
    reply = send_rate(2);
    firmware_turn();
    assert_int_equal(rate_in(reply), 3000000);
    assert_int_equal(memory[BUFFER_WORDS], 0); /* the fake kept to this buffer */
}

static void words_that_are_not_ours_change_nothing(void **state)
{
    (void)state;
    unsigned reply = send_rate(2);
    uint32_t word = box.out[0];
    buffer_of(word)[1] = 0x80000000; /* as if it were answered */
    const uint32_t bad[] = {
        0, 0xffffffff, word ^ 1, word + 0x10, word + 0x100, word - 0x100, word + 0x1000
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        box.in[0] = bad[i];
        box.in_len = 1;
        event(EV_NOTIFY, BIT_MBOX);
        assert_false(fake.answers[reply].is_given);
    }
    buffer_of(word)[1] = 0;
    box.in[0] = word; /* ours, but nothing is written */
    box.in_len = 1;
    event(EV_NOTIFY, BIT_MBOX);
    assert_false(fake.answers[reply].is_given);
    firmware_turn();
    assert_int_equal(rate_in(reply), 3000000);
    box.in[0] = word; /* once more: nobody waits */
    box.in_len = 1;
    event(EV_NOTIFY, BIT_MBOX);
}

static void a_word_without_an_answer_is_a_timeout(void **state)
{
    (void)state;
    fake_firmware.fault = FIRMWARE_UNTOUCHED;
    unsigned reply = send_rate(2);
    firmware_turn();
    assert_false(fake.answers[reply].is_given);
    time_passes();
    assert_int_equal(fake.answers[reply].status, E_TIMEOUT);
}

static void an_answer_whose_word_got_lost_counts_when_time_is_over(void **state)
{
    (void)state;
    fake_firmware.fault = FIRMWARE_MUTE;
    unsigned reply = send_rate(2);
    firmware_turn();
    time_passes();
    assert_int_equal(rate_in(reply), 3000000);
    fake_firmware.fault = FIRMWARE_FOREIGN; /* another word came instead */
    reply = send_rate(2);
    firmware_turn();
    assert_false(fake.answers[reply].is_given);
    time_passes();
    assert_int_equal(rate_in(reply), 3000000);
}

/* ---- the mailbox's server, and the next incarnation ---- */

static void a_new_mailbox_server_is_attached_to_and_asked_again(void **state)
{
    (void)state;
    box.is_new = true;
    unsigned reply = send_rate(2);
    assert_int_equal(box.attached, 1);
    firmware_turn();
    assert_int_equal(rate_in(reply), 3000000);
    struct event ev = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND } };
    status_t err;
    assert_false(firmware_event(&f, &ev, &err));
    assert_int_equal(err, E_OK);
    assert_int_equal(box.attached, 2);
}

static void a_word_that_may_be_out_is_not_sent_twice(void **state)
{
    (void)state;
    box.dies = true;
    unsigned reply = send_rate(2);
    box.dies = false;
    assert_int_equal(box.out_len, 1);
    assert_false(fake.answers[reply].is_given);
    firmware_turn();
    assert_int_equal(rate_in(reply), 3000000);
}

static void a_full_mailbox_is_a_timeout_and_costs_no_buffer(void **state)
{
    (void)state;
    box.is_full = true;
    for (unsigned i = 0; i < 2 * BUFFERS; i++) {
        unsigned reply = send_rate(2);
        assert_int_equal(fake.answers[reply].status, E_TIMEOUT);
    }
    box.is_full = false;
    firmware_started();
    assert_int_equal(buffers_out(&f), 0); /* the next incarnation does not take it for sent */
    unsigned reply = send_rate(2);
    firmware_turn();
    assert_int_equal(rate_in(reply), 3000000);
}

static void the_next_incarnation_leaves_alone_what_is_out(void **state)
{
    (void)state;
    (void)send_rate(2);
    uint32_t word = box.out[0];
    firmware_started();
    unsigned reply = send_rate(4);
    assert_true(box.out[1] != word);
    firmware_turn(); /* the dead one's answer */
    assert_false(fake.answers[reply].is_given);
    firmware_turn();
    assert_int_equal(rate_in(reply), 250000000);
    (void)send_rate(2);
    assert_int_equal(box.out[0], word);
}

static void memory_is_asked_for_that_is_never_freed_and_has_a_short_address(void **state)
{
    (void)state;
    fake.dma_at = memory;
    fake.dma_bus = BUS;
    fake_run(firmware_main);
    assert_false(fake.main_returned);
    assert_true(fake.dma_len == PAGE_SIZE && fake.dma_limit == 1ull << 32 &&
                fake.dma_flags == INIT_DMA_KEEP);
    assert_int_equal(box.attached, 1);
    fake.dma_error = E_RANGE;
    fake_run(firmware_main);
    assert_int_equal(fake.main_result, E_RANGE);
    assert_int_equal(box.attached, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(several_tags_travel_in_one_message),
        T(the_longest_messages_fit),
        T(a_tag_that_the_firmware_does_not_know_is_told_apart),
        T(nonsense_is_refused_before_anything_is_written),
        T(who_comes_later_waits_and_gets_its_own_answer),
        T(too_many_are_busy),
        T(a_reply_that_cannot_be_kept_is_an_error),
        T(silence_is_a_timeout_for_all_and_costs_the_buffer),
        T(a_late_word_gives_the_buffer_back_and_answers_nobody),
        T(without_a_buffer_the_timeout_comes_at_once),
        T(an_error_is_told_and_the_buffer_used_again),
        T(garbage_is_an_error_and_its_buffer_not_used_again),
        T(no_answer_leads_out_of_the_message),
        T(an_answer_too_short_is_none_and_one_too_long_is_cut),
        T(words_that_are_not_ours_change_nothing),
        T(a_word_without_an_answer_is_a_timeout),
        T(an_answer_whose_word_got_lost_counts_when_time_is_over),
        T(a_new_mailbox_server_is_attached_to_and_asked_again),
        T(a_word_that_may_be_out_is_not_sent_twice),
        T(a_full_mailbox_is_a_timeout_and_costs_no_buffer),
        T(the_next_incarnation_leaves_alone_what_is_out),
        T(memory_is_asked_for_that_is_never_freed_and_has_a_short_address),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
