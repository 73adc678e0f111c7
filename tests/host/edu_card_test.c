/* SPDX-License-Identifier: BSD-2-Clause
 * drv/edu_card against a model of the device: what start does, factorials and transfers both ways, interrupts that mean nothing or come
 * late, a device that is left at work or never ends, and what clients may do wrong.
 */
int edu_main(void);
#define main edu_main
#include "servers/drv/edu_card/edu_card.c"
#undef main
#include "fake_pci.h"
#include "tree_test.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { CLIENT = 7, OTHER = 8 };
#define BUS 0x48000000ull

/* The device, as its manual has it: what starts ends when the test says so. */
static struct {
    uint32_t id, live, factorial, status, causes;
    uint32_t low;
    uint64_t source, target, len, command;
    uint8_t buffer[EDU_BUFFER_LEN];
    bool is_slow; /* what starts does not end at once */
} d;
static _Alignas(8) uint8_t memory[EDU_BUFFER_LEN];
static struct edu_card e;

static void device_moves(void)
{
    bool to_memory = (d.command & 2) != 0;
    uint64_t inside = (to_memory ? d.source : d.target) - 0x40000;
    uint64_t outside = (to_memory ? d.target : d.source) - BUS;

    if ((fake_pci.enabled & PCI_ENABLE_MASTER) != 0) {
        assert_true(inside + d.len <= sizeof(d.buffer) && outside + d.len <= sizeof(memory));
        memcpy(to_memory ? memory + outside : d.buffer + inside,
               to_memory ? d.buffer + inside : memory + outside, d.len);
    }
    d.causes |= (d.command & 4) != 0 ? 0x100 : 0;
    d.command &= ~1ull;
}

static void device_ends(void)
{
    if ((d.status & 1) != 0) {
        uint32_t n = d.factorial;
        for (d.factorial = 1; n > 0; n--) {
            d.factorial *= n;
        }
        d.status &= ~1u;
        d.causes |= (d.status & 0x80) != 0 ? 1 : 0;
    }
    if ((d.command & 1) != 0) {
        device_moves();
    }
}

static uint64_t *wide(uint32_t offset)
{
    uint64_t *const registers[] = { &d.source, &d.target, &d.len, &d.command };

    assert_true(offset >= 0x80 && offset < 0xa0);
    return registers[(offset - 0x80) / 8];
}

static uint32_t device_read(unsigned window, uint32_t offset)
{
    assert_int_equal(window, 0);
    assert_true((fake_pci.enabled & PCI_ENABLE_MEMORY) != 0);
    switch (offset) {
    case 0x00:
        return d.id;
    case 0x04:
        return d.live;
    case 0x08:
        return d.factorial;
    case 0x20:
        fake.now_ns += 10000000; /* a loop over it ends */
        return d.status;
    case 0x24:
        return d.causes;
    default:
        return (uint32_t)(*wide(offset) >> offset % 8 * 8);
    }
}

static void device_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window;
    switch (offset) {
    case 0x04:
        d.live = ~value;
        break;
    case 0x08:
        assert_int_equal(d.status & 1, 0);
        d.factorial = value;
        d.status |= 1;
        break;
    case 0x20:
        d.status = (d.status & 1) | (value & 0x80);
        break;
    case 0x64:
        d.causes &= ~value;
        break;
    default:
        assert_int_equal(d.command & 1, 0); /* not while it runs */
        if (offset % 8 == 0) {
            d.low = value; /* of one write of 64 bits */
        } else {
            *wide(offset) = d.low | (uint64_t)value << 32;
        }
        break;
    }
    if (!d.is_slow && (offset == 0x08 || offset == 0x9c)) {
        device_ends();
    }
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake_pci_reset(0x1234, 0x11e8);
    fake_pci.bar_len[0] = 1 << 20;
    fake_pci.mode = PCI_IRQ_MSI;
    fake.dma_at = memory;
    fake.dma_bus = BUS;
    memset(&d, 0, sizeof(d));
    memset(memory, 0, sizeof(memory));
    memset(&e, 0, sizeof(e));
    d.id = 0x010000ed;
    fake_mmio_hooks(device_read, device_write);
    return 0;
}

/* As main, up to its loop: with a state that is fresh. */
static void begun(void)
{
    assert_int_equal(pci_bar(fake.node, 0, EDU_REGS_LEN, &e.regs), E_OK);
    assert_int_equal(pci_enable(fake.node, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER), E_OK);
    assert_int_equal(edu_start(&e), E_OK);
    assert_int_equal(edu_dma_open(&e, fake.node), E_OK);
}

/* A request; the number of its reply if it is kept, -1 if it was answered at once. */
static int ask(uint32_t client, uint32_t op, uint64_t w0, uint64_t w1, const char *bytes)
{
    struct event ev = { .kind = EV_CALL, .badge = client, .msg = { op, { w0, w1 } } };
    status_t status = E_OK;

    if (bytes != NULL) {
        memcpy(&ev.msg.w[2], bytes, strlen(bytes));
    }
    fake_event(ev);
    ev = event_wait();
    bool is_kept = edu_serve(&e, &ev, &status);
    edu_look(&e);
    if (!is_kept) {
        event_done(&ev, status);
    }
    return is_kept ? (int)fake.kept - 1 : -1;
}

static void check_answer(int reply, status_t status, uint64_t w0)
{
    assert_true(reply >= 0 && fake.answers[reply].is_given);
    assert_int_equal(fake.answers[reply].status, status);
    assert_int_equal(fake.answers[reply].m.w[0], w0);
}

/* ---- start ---- */

static void start_asks_who_it_is_takes_old_causes_back_and_then_lets_it_master(void **state)
{
    const struct fake_write expected[] = { { 0, 0x04, 0 }, { 0, 0x20, 0 }, { 0, 0x64, 0x101 } };

    (void)state;
    d.status = 0x80;
    d.causes = 0x101;
    fake_run(edu_main);
    assert_false(fake.main_returned);
    fake_expect_writes(expected, 3);
    assert_int_equal(fake.irqs_attached, 1);
    assert_int_equal(fake.dma_limit, 1u << 28);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER);
    int master = fake_find(FAKE_PCI, PCI_OP_ENABLE, PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER, 0);
    assert_true(master > fake_find(FAKE_WRITE, 0, 0x64, 0));
    assert_int_equal(d.causes, 0);
}

static void what_a_dead_one_had_begun_ends_before_the_device_reaches_memory(void **state)
{
    (void)state;
    d.command = 1; /* for ever */
    fake_run(edu_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_TIMEOUT);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY);
    assert_true(fake.now_ns > 1000000000 && fake.now_ns < 1100000000);
}

static void another_device_or_none_is_found_out(void **state)
{
    (void)state;
    d.id = 0xffffffff;
    fake_run(edu_main);
    assert_int_equal(fake.main_result, E_IO);
    assert_non_null(strstr(fake.log, "identification reads 0xffffffff"));
    fake_pci.bars_mapped = 0;
    fake_pci.bar_error = E_RANGE;
    fake_run(edu_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake_pci.bar_error = E_OK;
    fake_pci.enable_error = E_DEAD;
    fake_run(edu_main);
    assert_int_equal(fake.main_result, E_DEAD);
    assert_int_equal(fake.irqs_attached, 0);
}

static void without_memory_in_reach_factorials_work_and_the_log_says_what_to_do(void **state)
{
    (void)state;
    fake.dma_error = E_RANGE;
    fake_call(CLIENT, EDU_OP_WRITE, 0, 1);
    fake_run(edu_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_NOTFOUND);
    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY); /* it needs no more */
    assert_non_null(strstr(fake.log, "no memory below 0x10000000, so no DMA"));
    assert_non_null(strstr(fake.log, "dma_mask=0xffffffffff"));
    fake_pci.bars_mapped = 0;
    fake_call(CLIENT, EDU_OP_FACTORIAL, 4, 0);
    fake_run(edu_main);
    check_answer(0, E_OK, 24);
    fake.dma_error = E_BUDGET;
    fake_pci.bars_mapped = 0;
    fake_run(edu_main);
    assert_int_equal(fake.main_result, E_BUDGET);
}

static void bootargs_say_how_many_bits_an_address_has(void **state)
{
    (void)state;
    assert_int_equal(edu_dma_limit(NULL), 1ull << 28);
    assert_int_equal(edu_dma_limit(""), 1ull << 28);
    assert_int_equal(edu_dma_limit("a=1 edu.dma_bits=40 b"), 1ull << 40);
    assert_int_equal(edu_dma_limit("edu.dma_bits=63"), 1ull << 63);
    assert_int_equal(edu_dma_limit("edu.dma_bits=64"), 1ull << 28);
    assert_int_equal(edu_dma_limit("edu.dma_bits=x"), 1ull << 28);
    void *tree = tree_load("good-firmware"); /* whose bootargs are about something else */
    fake.node = (struct node){ tree, 0 };
    assert_int_equal(edu_dma_open(&e, fake.node), E_OK);
    assert_int_equal(fake.dma_limit, 1ull << 28);
    free(tree);
}

/* ---- requests ---- */

static void a_factorial_is_answered_when_it_is_computed(void **state)
{
    (void)state;
    begun();
    d.is_slow = true;
    int reply = ask(CLIENT, EDU_OP_FACTORIAL, 12, 0, NULL);
    assert_false(fake.answers[reply].is_given);
    edu_look(&e); /* an interrupt that means nothing */
    assert_false(fake.answers[reply].is_given);
    device_ends();
    edu_look(&e);
    check_answer(reply, E_OK, 479001600);
    assert_int_equal(d.causes, 0);
    assert_int_equal(e.irq_count, 1);
    edu_look(&e); /* a late one */
    assert_int_equal(e.irq_count, 1);
}

static void bytes_go_to_the_device_and_come_back(void **state)
{
    const struct fake_write out[] = {
        { 0, 0x80, BUS }, { 0, 0x88, 0x40ffb }, { 0, 0x90, 5 }, { 0, 0x98, 5 }, { 0, 0x64, 0x100 }
    };
    const struct fake_write back[] = {
        { 0, 0x80, 0x40ffb }, { 0, 0x88, BUS }, { 0, 0x90, 5 }, { 0, 0x98, 7 }, { 0, 0x64, 0x100 }
    };

    (void)state;
    begun();
    fake_trace_clear();
    int reply = ask(CLIENT, EDU_OP_WRITE, 0xffb, 5, "hello");
    fake_expect_writes(out, 5);
    assert_true(fake_find(FAKE_BARRIER, 1, 0, 0) < fake_find(FAKE_WRITE64, 0, 0x98, 0));
    check_answer(reply, E_OK, 0);
    assert_memory_equal(d.buffer + 0xffb, "hello", 5);
    memset(memory, 0, sizeof(memory));
    fake_trace_clear();
    reply = ask(CLIENT, EDU_OP_READ, 0xffb, 5, NULL);
    fake_expect_writes(back, 5);
    check_answer(reply, E_OK, 5);
    assert_memory_equal(&fake.answers[reply].m.w[1], "hello\0\0\0", 8);
}

static void a_second_request_is_told_to_come_again(void **state)
{
    (void)state;
    begun();
    d.is_slow = true;
    int reply = ask(CLIENT, EDU_OP_READ, 0, 8, NULL);
    assert_int_equal(ask(OTHER, EDU_OP_FACTORIAL, 3, 0, NULL), -1);
    assert_int_equal(fake.reply_status, E_BUSY);
    device_ends();
    edu_look(&e);
    check_answer(reply, E_OK, 8);
    d.is_slow = false;
    check_answer(ask(OTHER, EDU_OP_FACTORIAL, 3, 0, NULL), E_OK, 6);
}

static void a_device_that_does_not_end_is_a_timeout_and_stays_busy(void **state)
{
    (void)state;
    begun();
    d.is_slow = true;
    int reply = ask(CLIENT, EDU_OP_READ, 0, 8, NULL);
    assert_int_equal(fake.timer_bits, BIT_TIME);
    edu_look(&e); /* a timer of before */
    assert_false(fake.answers[reply].is_given);
    fake.now_ns = fake.timer_ns + 1000000000;
    edu_look(&e);
    check_answer(reply, E_TIMEOUT, 0);
    assert_int_equal(ask(CLIENT, EDU_OP_READ, 0, 8, NULL), -1);
    assert_int_equal(fake.reply_status, E_BUSY);
    device_ends();
    edu_look(&e);
    assert_true(ask(CLIENT, EDU_OP_READ, 0, 8, NULL) >= 0);
}

static void info_tells_what_it_is_and_whether_it_lives(void **state)
{
    (void)state;
    begun();
    e.mode = PCI_IRQ_MSI;
    assert_int_equal(ask(CLIENT, EDU_OP_INFO, 0, 0, NULL), -1);
    assert_int_equal(fake.reply_status, E_OK);
    assert_true(fake.reply.w[0] == 0x010000ed && fake.reply.w[1] == PCI_IRQ_MSI &&
                fake.reply.w[2] == BUS && fake.reply.w[3] == 0);
    fake_mmio_hooks(NULL, NULL); /* it reads as what was written */
    assert_int_equal(ask(CLIENT, EDU_OP_INFO, 0, 0, NULL), -1);
    assert_int_equal(fake.reply_status, E_IO);
    fake_mmio_set(0, 0x00, 0x010000ed);
    assert_int_equal(edu_start(&e), E_IO);
}

static void nonsense_is_answered_and_reaches_no_register(void **state)
{
    const struct {
        uint32_t op;
        uint64_t w0, w1;
        status_t status;
    } cases[] = {
        { EDU_OP_FACTORIAL, 13, 0, E_RANGE },
        { EDU_OP_FACTORIAL, 1ull << 32, 0, E_RANGE },
        { EDU_OP_WRITE, 4096, 1, E_RANGE },
        { EDU_OP_WRITE, 4095, 2, E_RANGE },
        { EDU_OP_WRITE, 0, 0, E_RANGE },
        { EDU_OP_WRITE, 0, 49, E_RANGE },
        { EDU_OP_READ, UINT64_MAX, 8, E_RANGE },
        { EDU_OP_READ, 0, UINT64_MAX, E_RANGE },
        { 0, 0, 0, E_NOSYS },
        { EDU_OP_READ + 1, 0, 0, E_NOSYS },
    };

    (void)state;
    begun();
    fake_trace_clear();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ask(CLIENT, cases[i].op, cases[i].w0, cases[i].w1, NULL), -1);
        assert_int_equal(fake.reply_status, cases[i].status);
    }
    fake_expect_writes(NULL, 0);
    fake.keep_error = E_FULL;
    assert_int_equal(ask(CLIENT, EDU_OP_FACTORIAL, 3, 0, NULL), -1);
    assert_int_equal(fake.reply_status, E_FULL);
    fake.keep_error = E_OK;
    fake.timer_error = E_HANDLE;
    assert_int_equal(ask(CLIENT, EDU_OP_FACTORIAL, 3, 0, NULL),
                     -1); /* rather than to wait without an end */
    assert_int_equal(fake.reply_status, E_HANDLE);
    fake.timer_error = E_OK;
    check_answer(ask(CLIENT, EDU_OP_FACTORIAL, 5, 0, NULL), E_OK, 120);
}

static void events_of_any_kind_are_borne(void **state)
{
    (void)state;
    fake_event((struct event){ .kind = EV_IRQ });
    fake_event((struct event){ .kind = EV_NOTIFY, .bits = BIT_TIME });
    fake_event((struct event){ .kind = EV_CLOSED, .badge = CLIENT });
    fake_event((struct event){ .kind = EV_COMMAND, .msg = { .info = 99 } });
    fake_call(CLIENT, EDU_OP_FACTORIAL, 0, 0);
    fake_run(edu_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake_count(FAKE_DONE, E_OK, EV_IRQ), 1);
    assert_int_equal(fake_count(FAKE_DONE, (uint64_t)E_NOSYS, EV_COMMAND), 1);
    assert_int_equal(fake.accept, 0);
    check_answer(0, E_OK, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        /* first, since main's state is its own and stays */
        T(without_memory_in_reach_factorials_work_and_the_log_says_what_to_do),
        T(start_asks_who_it_is_takes_old_causes_back_and_then_lets_it_master),
        T(what_a_dead_one_had_begun_ends_before_the_device_reaches_memory),
        T(another_device_or_none_is_found_out),
        T(bootargs_say_how_many_bits_an_address_has),
        T(a_factorial_is_answered_when_it_is_computed),
        T(bytes_go_to_the_device_and_come_back),
        T(a_second_request_is_told_to_come_again),
        T(a_device_that_does_not_end_is_a_timeout_and_stays_busy),
        T(info_tells_what_it_is_and_whether_it_lives),
        T(nonsense_is_answered_and_reaches_no_register),
        T(events_of_any_kind_are_borne),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
