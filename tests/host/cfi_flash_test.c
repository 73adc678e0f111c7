/* SPDX-License-Identifier: BSD-2-Clause
 * drv/cfi_flash against a model of two banks of Intel's command set: identification, reading, erasing and programming; chips
 * that are absent, lie, fail or never end; what clients may do wrong; a predecessor that died in the middle.
 */
int cfi_flash_main(void);
#define main cfi_flash_main
#include "servers/drv/cfi_flash/cfi_flash.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

/* Each bank: two chips of 64 KiB, with four blocks of 16 KiB. */
enum { BANKS = 2, BANK_LEN = 0x20000, BLOCK_LEN = 0x8000, NEVER = 1 << 30, MS = 1000000 };

static struct model {
    enum { ARRAY, QUERY, STATUS, ERASE_SETUP, PROGRAM_SETUP } mode;
    uint8_t query[0x31];
    uint32_t errors; /* what the next erase or program ends with, in each chip */
    uint32_t status;
    unsigned busy; /* looks at the status until it is ready */
    unsigned erase_looks, program_looks;
    uint32_t memory[BANK_LEN / 4];
} model[BANKS];

static uint32_t model_read(unsigned window, uint32_t offset)
{
    struct model *c = &model[window];

    fake.now_ns += 1000;
    if (c->busy != 0) {
        c->busy -= c->busy != NEVER;
        return c->status;
    }
    switch (c->mode) {
    case ARRAY:
        return c->memory[offset / 4];
    case QUERY:
        return offset / 4 < sizeof(c->query) ? c->query[offset / 4] * 0x10001u : 0;
    default:
        return c->status | 0x00800080;
    }
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    struct model *c = &model[window];

    if (c->busy != 0) {
        assert_true(value == 0x00700070 || value == UINT32_MAX || value == 0x00500050 ||
                    value == 0x00ff00ff || value == 0x00980098);
        return; /* it hears nothing but what asks for the status */
    }
    if (c->mode == PROGRAM_SETUP) {
        c->memory[offset / 4] &= c->errors != 0 ? UINT32_MAX : value; /* ones to zeros only */
        c->status |= c->errors;
        c->busy = c->program_looks;
        c->mode = STATUS;
    } else if (c->mode == ERASE_SETUP && value == 0x00d000d0) {
        memset(&c->memory[offset / BLOCK_LEN * BLOCK_LEN / 4], c->errors != 0 ? 0 : 0xff,
               BLOCK_LEN);
        c->status |= c->errors;
        c->busy = c->erase_looks;
        c->mode = STATUS;
    } else if (c->mode == ERASE_SETUP) {
        c->status |= 0x00300030; /* wrong sequence */
        c->mode = STATUS;
    } else if (value == 0x00500050) {
        c->status = 0;
    } else if (value == 0x00980098) {
        assert_int_equal(offset, 0x55 * 4);
        c->mode = QUERY;
    } else {
        c->mode = (value & 0xff) == 0xff ? ARRAY
                  : value == 0x00700070  ? STATUS
                  : value == 0x00200020  ? ERASE_SETUP
                  : value == 0x00400040  ? PROGRAM_SETUP
                                         : c->mode;
    }
}

static int setup(void **state)
{
    static const uint8_t query[] = {
        [0x10] = 'Q', 'R',        'Y', 1, 0,    [0x1f] = 7, [0x21] = 10, [0x23] = 4, [0x25] = 4,
        [0x27] = 16,  [0x2c] = 1, 3,   0, 0x40, 0
    };

    (void)state;
    fake_frame_reset();
    fake_mmio_hooks(model_read, model_write);
    fake.cell = (struct fake_cell){ "bank-width", 4 };
    for (unsigned n = 0; n < BANKS; n++) {
        fake.window_len[n] = BANK_LEN;
        model[n] = (struct model){ .mode = ARRAY };
        memcpy(model[n].query, query, sizeof(query));
        for (unsigned i = 0; i < BANK_LEN / 4; i++) {
            model[n].memory[i] = n << 28 | i;
        }
    }
    return 0;
}

/* One request to a driver that runs since `start`; the answer is in reply. */
static struct cfi_flash flash;
static struct msg reply;

static void start(void)
{
    flash = (struct cfi_flash){ 0 };
    assert_int_equal(cfi_flash_claim(&flash, driver_node()), E_OK);
    assert_int_equal(cfi_flash_start(&flash), E_OK);
}

static status_t ask(uint32_t op, uint64_t bank, uint64_t offset, uint64_t len)
{
    reply = (struct msg){ op, { bank, offset, len, 0, 0x8877665544332211, 0xf0f0f0f0f0f0f0f0 } };
    return cfi_flash_serve(&flash, &reply);
}

static void start_identifies_each_bank_and_leaves_it_readable(void **state)
{
    static const struct fake_write expected[] = { { 0, 0, 0xffffffff }, { 0, 0, 0x00500050 },
                                                  { 0, 0, 0x00ff00ff }, { 0, 0x154, 0x00980098 },
                                                  { 0, 0, 0x00500050 }, { 0, 0, 0x00ff00ff },
                                                  { 1, 0, 0xffffffff }, { 1, 0, 0x00500050 },
                                                  { 1, 0, 0x00ff00ff }, { 1, 0x154, 0x00980098 },
                                                  { 1, 0, 0x00500050 }, { 1, 0, 0x00ff00ff } };

    (void)state;
    fake_run(cfi_flash_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, 12);
    assert_int_equal(fake.log_lines, 2);
    assert_string_equal(fake.log, "bank 1: 128 KiB in blocks of 32 KiB");
    assert_int_equal(fake.accept, 0);
}

static void info_tells_what_the_query_says(void **state)
{
    (void)state;
    start();
    for (unsigned n = 0; n < BANKS; n++) {
        assert_int_equal(ask(1, n, 0, 0), E_OK);
        assert_int_equal(reply.w[0], 0x20000);
        assert_int_equal(reply.w[1], 0x8000);
        assert_int_equal(reply.w[2], 2);
        assert_int_equal(reply.w[3], n);
    }
    assert_int_equal(ask(1, 2, 0, 0), E_NOTFOUND);
    assert_int_equal(ask(1, ~0ull, 0, 0), E_NOTFOUND);
}

static void what_the_node_lacks_is_an_error_before_the_device_is_touched(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        (void)setup(NULL);
        fake.cell.value = n == 0 ? 2 : 4;
        fake.window_len[0] = n == 1 ? 0 : n == 2 ? 0x154 : BANK_LEN;
        fake.mmio_error = n == 3 ? E_BUDGET : E_OK;
        fake_run(cfi_flash_main);
        assert_true(fake.main_returned);
        assert_int_equal(fake.main_result, n == 0   ? E_NOSYS
                                           : n == 1 ? E_NOTFOUND
                                           : n == 2 ? E_RANGE
                                                    : E_BUDGET);
        assert_int_equal(fake_trace_len, 0);
    }
}

static void without_chips_in_any_bank_it_does_not_start(void **state)
{
    (void)state;
    model[0].query[0x12] = 'Z';
    model[1].query[0x10] = 0;
    fake_run(cfi_flash_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOTFOUND);
    assert_int_equal(fake.log_lines, 2);

    (void)setup(NULL); /* nobody of ours began an erase: what does not answer is no chip */
    fake_start.incarnation = 1;
    model[0].busy = model[1].busy = NEVER;
    fake_run(cfi_flash_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOTFOUND);
}

static void a_bank_without_chips_costs_the_other_nothing(void **state)
{
    (void)state;
    model[0].query[0x11] = 0;
    start();
    assert_int_equal(ask(FLASH_OP_INFO, 0, 0, 0), E_NOTFOUND);
    assert_int_equal(ask(FLASH_OP_READ, 0, 0, 4), E_NOTFOUND);
    assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_OK);
}

static void geometry_that_cannot_be_is_refused(void **state)
{
    static const struct {
        uint8_t at, value;
    } nonsense[] = { { 0x13, 2 },    { 0x14, 1 },    { 0x27, 15 },   { 0x27, 17 }, { 0x27, 31 },
                     { 0x27, 255 },  { 0x2c, 0 },    { 0x2c, 2 },    { 0x2d, 4 },  { 0x2e, 1 },
                     { 0x2f, 0 },    { 0x2f, 0x41 }, { 0x30, 0xff }, { 0x21, 17 }, { 0x25, 255 },
                     { 0x1f, 0xff }, { 0x23, 13 } };

    (void)state;
    for (unsigned i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        (void)setup(NULL);
        model[1].query[nonsense[i].at] = nonsense[i].value;
        start();
        assert_int_equal(ask(FLASH_OP_INFO, 1, 0, 0), E_NOTFOUND);
        assert_int_equal(ask(FLASH_OP_ERASE, 1, 0, 0), E_NOTFOUND);
        assert_int_equal(ask(FLASH_OP_INFO, 0, 0, 0), E_OK);
        assert_int_equal(model[1].mode, ARRAY);
    }
    (void)setup(NULL);
    fake.window_len[1] = BANK_LEN - 4; /* the tree has less than the chips */
    start();
    assert_int_equal(ask(FLASH_OP_INFO, 1, 0, 0), E_NOTFOUND);
}

static uint32_t chips_differ(unsigned window, uint32_t offset)
{
    uint32_t value = model_read(window, offset);

    return offset == 0x27 * 4 && model[window].mode == QUERY ? value ^ 0x10000 : value;
}

static void chips_that_do_not_agree_are_refused(void **state)
{
    (void)state;
    fake_mmio_hooks(chips_differ, model_write);
    fake_run(cfi_flash_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_NOTFOUND);
}

static void reading_gives_words_in_the_order_of_memory_up_to_the_last(void **state)
{
    (void)state;
    start();
    assert_int_equal(ask(FLASH_OP_READ, 1, 0x10, 12), E_OK);
    assert_true(reply.w[0] == 0x1000000510000004 && reply.w[1] == 0x10000006);
    for (unsigned i = 2; i < 8; i++) {
        assert_int_equal(reply.w[i], 0);
    }
    assert_int_equal(ask(FLASH_OP_READ, 0, BANK_LEN - 64, 64), E_OK);
    assert_true(reply.w[0] == 0x00007ff100007ff0 && reply.w[7] == 0x00007fff00007ffe);
}

/* For reading and programming alike. */
static void expect_range_errors(uint32_t op, uint64_t max)
{
    assert_int_equal(ask(op, 1, 2, 4), E_INVAL);
    assert_int_equal(ask(op, 1, 0, 0), E_INVAL);
    assert_int_equal(ask(op, 1, 0, 6), E_INVAL);
    assert_int_equal(ask(op, 1, 0, max + 4), E_INVAL);
    assert_int_equal(ask(op, 1, 0, ~0ull - 3), E_INVAL);
    assert_int_equal(ask(op, 1, BANK_LEN, 4), E_RANGE);
    assert_int_equal(ask(op, 1, BANK_LEN - 4, 8), E_RANGE);
    assert_int_equal(ask(op, 1, 1ull << 32, 4), E_RANGE);
    assert_int_equal(ask(op, 1, ~0ull - 3, 4), E_RANGE);
}

static void what_is_not_in_the_bank_or_misaligned_is_refused_untouched(void **state)
{
    (void)state;
    start();
    fake_trace_clear();
    expect_range_errors(FLASH_OP_READ, 64);
    expect_range_errors(FLASH_OP_PROGRAM, 32);
    assert_int_equal(ask(FLASH_OP_ERASE, 1, 4, 0), E_INVAL);
    assert_int_equal(ask(FLASH_OP_ERASE, 1, BLOCK_LEN / 2, 0), E_INVAL);
    assert_int_equal(ask(FLASH_OP_ERASE, 1, BANK_LEN, 0), E_RANGE);
    assert_int_equal(ask(FLASH_OP_ERASE, 1, 1ull << 32, 0), E_RANGE);
    assert_int_equal(fake_trace_len, 0);
}

static void bank_0_is_never_changed(void **state)
{
    (void)state;
    start();
    fake_trace_clear();
    assert_int_equal(ask(FLASH_OP_ERASE, 0, 0, 0), E_NOSYS);
    assert_int_equal(ask(FLASH_OP_PROGRAM, 0, 0, 4), E_NOSYS);
    assert_int_equal(fake_trace_len, 0);
}

static void an_erase_is_started_and_looked_at_once_with_each_request(void **state)
{
    static const struct fake_write expected[] = { { 1, 0x8000, 0x00200020 },
                                                  { 1, 0x8000, 0x00d000d0 } };

    (void)state;
    start();
    fake_trace_clear();
    model[1].erase_looks = 3;
    assert_int_equal(ask(FLASH_OP_ERASE, 1, BLOCK_LEN, 0), E_OK);
    fake_expect_writes(expected, 2);
    for (unsigned op = FLASH_OP_READ; op <= FLASH_OP_PROGRAM; op++) {
        unsigned before = fake_trace_len;
        assert_int_equal(ask(op, 1, 0, 4), E_BUSY);
        assert_int_equal(fake_trace_len, before + 2);
    }
    assert_int_equal(ask(FLASH_OP_READ, 0, 0, 4), E_OK); /* the other bank goes on */
    assert_int_equal(ask(FLASH_OP_STATUS, 1, 0, 0), E_OK);
    assert_int_equal(ask(FLASH_OP_READ, 1, BLOCK_LEN - 4, 8), E_OK);
    assert_true(reply.w[0] == 0xffffffff10001fff);
    assert_int_equal(ask(FLASH_OP_READ, 1, 2 * BLOCK_LEN - 4, 8), E_OK);
    assert_true(reply.w[0] == 0x10004000ffffffff);
}

static void an_erase_that_fails_is_told_until_the_next(void **state)
{
    (void)state;
    start();
    model[1].errors = 0x00200000; /* one chip */
    assert_int_equal(ask(FLASH_OP_ERASE, 1, 0, 0), E_OK);
    assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_OK);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(ask(FLASH_OP_STATUS, 1, 0, 0), E_IO);
        assert_int_equal(reply.w[0], 0x00a00080);
    }
    model[1].errors = 0;
    assert_int_equal(ask(FLASH_OP_ERASE, 1, 0, 0), E_OK);
    assert_int_equal(ask(FLASH_OP_STATUS, 1, 0, 0), E_OK);
}

static void an_erase_that_never_ends_is_E_TIMEOUT_and_holds_nobody(void **state)
{
    (void)state;
    start();
    model[1].erase_looks = NEVER;
    assert_int_equal(ask(FLASH_OP_ERASE, 1, 0, 0), E_OK);
    fake.now_ns += 16383ull * MS; /* the query says 2^14 ms */
    assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_BUSY);
    fake.now_ns += 1ull * MS;
    assert_int_equal(ask(FLASH_OP_STATUS, 1, 0, 0), E_TIMEOUT);
    assert_int_equal(ask(FLASH_OP_READ, 0, 0, 4), E_OK);
    model[1].busy = 0; /* it ends at last */
    assert_int_equal(ask(FLASH_OP_STATUS, 1, 0, 0), E_OK);
}

static void programming_writes_each_word_and_waits_for_it(void **state)
{
    static const struct fake_write expected[] = {
        { 1, 0x8004, 0x00400040 }, { 1, 0x8004, 0x44332211 }, { 1, 0x8008, 0x00400040 },
        { 1, 0x8008, 0x88776655 }, { 1, 0x800c, 0x00400040 }, { 1, 0x800c, 0xf0f0f0f0 },
        { 1, 0, 0x00500050 },      { 1, 0, 0x00ff00ff }
    };

    (void)state;
    start();
    model[1].program_looks = 5;
    memset(model[1].memory, 0xff, sizeof(model[1].memory));
    model[1].memory[0x8008 / 4] = 0xffff0000;
    fake_trace_clear();
    assert_int_equal(ask(FLASH_OP_PROGRAM, 1, 0x8004, 12), E_OK);
    fake_expect_writes(expected, 8);
    assert_int_equal(ask(FLASH_OP_READ, 1, 0x8000, 20), E_OK);
    assert_true(reply.w[0] == 0x44332211ffffffff && reply.w[1] == 0xf0f0f0f088770000);
    assert_true(reply.w[2] == 0xffffffff);
}

static void programming_that_fails_ends_there_and_says_why(void **state)
{
    (void)state;
    start();
    model[1].errors = 0x00120012; /* both locked */
    fake_trace_clear();
    assert_int_equal(ask(FLASH_OP_PROGRAM, 1, 0, 32), E_IO);
    assert_int_equal(reply.w[0], 0x00920092);
    assert_int_equal(fake_count(FAKE_WRITE, 1, 4), 0);
    assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_OK);
    assert_int_equal(reply.w[0], 0x10000000);
    model[1].errors = 0; /* the error was cleared */
    assert_int_equal(ask(FLASH_OP_PROGRAM, 1, 0, 32), E_OK);
}

static void programming_that_never_ends_is_given_up_in_bounded_time(void **state)
{
    (void)state;
    start();
    model[1].program_looks = NEVER;
    uint64_t began = fake.now_ns;
    assert_int_equal(ask(FLASH_OP_PROGRAM, 1, 0, 32), E_TIMEOUT);
    assert_in_range(fake.now_ns - began, 2 * MS, 3 * MS); /* the query says 2^11 us */
    assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_TIMEOUT);
    model[1].busy = 0;
    assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_OK);
    assert_int_equal(reply.w[0], 0x10000000 & 0x44332211);
}

static void an_erase_of_a_dead_predecessor_is_waited_for(void **state)
{
    (void)state;
    fake_start.incarnation = 2;
    model[1].mode = STATUS;
    model[1].busy = 100;
    start();
    assert_string_equal(fake.log, "bank 1 is still at an erase");
    assert_int_equal(ask(FLASH_OP_INFO, 0, 0, 0), E_OK);
    assert_int_equal(ask(FLASH_OP_INFO, 1, 0, 0), E_BUSY);
    fake.now_ns += 65536ull * MS;
    assert_int_equal(ask(FLASH_OP_INFO, 1, 0, 0), E_TIMEOUT);
    model[1].busy = 0;
    assert_int_equal(ask(FLASH_OP_INFO, 1, 0, 0), E_OK);
    assert_int_equal(reply.w[0], BANK_LEN);
    assert_int_equal(ask(FLASH_OP_READ, 1, 4, 4), E_OK);
    assert_int_equal(reply.w[0], 0x10000001);
}

static void any_mode_that_was_left_is_ended_without_harm(void **state)
{
    (void)state;
    for (unsigned mode = ARRAY; mode <= PROGRAM_SETUP; mode++) {
        (void)setup(NULL);
        fake_start.incarnation = 2;
        model[1].mode = mode;
        model[1].program_looks = 4;
        start();
        model[1].busy = 0; /* the all ones that were programmed take a moment */
        assert_int_equal(ask(FLASH_OP_READ, 1, 0, 4), E_OK);
        assert_int_equal(reply.w[0], 0x10000000);
        assert_int_equal(model[1].status, 0);
    }
}

static void unknown_requests_and_commands_are_answered(void **state)
{
    (void)state;
    fake_call(1, 99, 0, 0);
    fake_call(1, 0, 0, 0);
    fake_event((struct event){ .kind = EV_COMMAND, .msg = { .info = 99 } });
    fake_event((struct event){ .kind = EV_NOTIFY, .bits = 1ull << 16 });
    fake_event((struct event){ .kind = EV_CLOSED, .badge = 1 });
    fake_run(cfi_flash_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_CALL), 2);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_NOTIFY), 1);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_CLOSED), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(start_identifies_each_bank_and_leaves_it_readable),
        T(info_tells_what_the_query_says),
        T(what_the_node_lacks_is_an_error_before_the_device_is_touched),
        T(without_chips_in_any_bank_it_does_not_start),
        T(a_bank_without_chips_costs_the_other_nothing),
        T(geometry_that_cannot_be_is_refused),
        T(chips_that_do_not_agree_are_refused),
        T(reading_gives_words_in_the_order_of_memory_up_to_the_last),
        T(what_is_not_in_the_bank_or_misaligned_is_refused_untouched),
        T(bank_0_is_never_changed),
        T(an_erase_is_started_and_looked_at_once_with_each_request),
        T(an_erase_that_fails_is_told_until_the_next),
        T(an_erase_that_never_ends_is_E_TIMEOUT_and_holds_nobody),
        T(programming_writes_each_word_and_waits_for_it),
        T(programming_that_fails_ends_there_and_says_why),
        T(programming_that_never_ends_is_given_up_in_bounded_time),
        T(an_erase_of_a_dead_predecessor_is_waited_for),
        T(any_mode_that_was_left_is_ended_without_harm),
        T(unknown_requests_and_commands_are_answered),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
