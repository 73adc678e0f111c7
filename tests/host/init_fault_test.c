/* SPDX-License-Identifier: BSD-2-Clause
 * What is said of a fault (servers/init/fault.c): the cause and what lies at the address in words, the way there, and that a
 * stack which lies is followed upwards only, inside itself, and to an end.
 */
#include "init_fake.h"

#include <cambium/sys.h>
#include <string.h>

enum { STACK_LEN = 4 * PAGE_SIZE, OTHER_LEN = 8 * PAGE_SIZE, READS_MAX = 20000 };
#define IMAGE 0x7000000ull
#define TREE  0x7040000ull
#define TOP   0x7030000ull /* of the first thread's stack */
#define OTHER 0x9000000ull /* a stack that a thread got later */
#define REGS  0x9900000ull /* where the driver mapped its window */

static uint64_t first_stack[STACK_LEN / 8], other_stack[OTHER_LEN / 8], registers[34], reads;
static struct start_info info;
static struct image image;
static struct server server;
static struct msg m;

status_t sys_thread_control(handle_t thread, uint32_t op, uint64_t value, uint64_t *out)
{
    const uint64_t *word = value < 34 ? &registers[value]
                           : value - (TOP - STACK_LEN) < STACK_LEN
                               ? &first_stack[(value - (TOP - STACK_LEN)) / 8]
                           : value - OTHER < OTHER_LEN ? &other_stack[(value - OTHER) / 8]
                                                       : NULL;

    assert_true(thread == 0 && op == THREAD_GET_REG);
    assert_true(++reads < READS_MAX); /* it ends */
    if (word == NULL || (value >= 34 && value % 8 != 0)) {
        return E_RANGE;
    }
    *out = *word;
    return E_OK;
}

static int setup(void **state)
{
    static const uint8_t code[16] = { 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0 };

    (void)state;
    fake_setup();
    reads = 0;
    memset(first_stack, 0, sizeof(first_stack));
    memset(other_stack, 0, sizeof(other_stack));
    memset(registers, 0, sizeof(registers));
    image = (struct image){
        .name = "drv/thing",
        .elf = { .span = 0x3000,
                 .segment_count = 2,
                 .segments = { { .len = 0x1000,
                                 .data = code,
                                 .data_len = sizeof(code),
                                 .flags = MAP_READ | MAP_EXEC },
                               { .va = 0x2000, .len = 0x1000, .flags = MAP_READ | MAP_WRITE } } }
    };
    info =
        (struct start_info){ .image_va = IMAGE,
                             .stack_top = TOP,
                             .stack_len = STACK_LEN,
                             .tree_va = TREE,
                             .tree_len = 0x4000,
                             .node = fake.init.plan.nodes[fake_server(PL011)->plan->node].offset };
    server = (struct server){ .child = { .image = &image, .info = &info } };
    m = (struct msg){ .w = { FAULT_READ, 0, IMAGE + 0x100, 0, TOP - 0x100, 7 } };
    registers[30] = IMAGE + 0x80;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_teardown();
    return 0;
}

/* The report, in fake.log; what it made of the reason. */
static const char *said(void)
{
    static char why[64];

    fake.log[0] = '\0';
    memset(fake.log, 0, sizeof(fake.log));
    fault_report(&fake.init, "/thing@1", &server, &server.child, &m, why, sizeof(why));
    return why;
}

static void assert_says(const char *text)
{
    if (strstr(fake.log, text) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", text, fake.log);
    }
}

static void the_cause_is_in_words(void **state)
{
    static const struct {
        uint64_t cause, address, esr;
        const char *text;
    } cases[] = {
        { FAULT_READ, 0x10, 0, "fault: cannot read 0x10\n" },
        { FAULT_WRITE, 0x10, 0, "fault: cannot write 0x10\n" },
        { FAULT_EXECUTE, 0x40, 0, "fault: jumped to 0x40\n" },
        { FAULT_ALIGNMENT, IMAGE + 1, 0, "fault: unaligned access to 0x7000001\n" },
        { FAULT_INSTRUCTION, 0, 0, "fault: bad instruction 0x00000000\n" },
        { FAULT_BREAKPOINT, 0, 0xf20003e8, "fault: breakpoint 1000: a failed check\n" },
        { FAULT_BUS, REGS, 0, "fault: the bus reports an error at 0x9900000\n" },
        { FAULT_SERROR, 0, 0, "fault: the bus reports an error of an access before\n" },
        { FAULT_SYSCALL, 999, 0, "fault: no such system call: 999\n" },
        { 77, 5, 0, "fault: unknown fault 77, address 0x5\n" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        m.w[0] = cases[i].cause;
        m.w[1] = cases[i].address;
        m.w[3] = cases[i].esr;
        const char *why = said();
        assert_says("[init] /thing@1: fault: ");
        assert_says(cases[i].text);
        assert_int_equal(strncmp(why, cases[i].text, strlen(why)), 0);
    }
}

static void what_lies_at_the_address_is_named(void **state)
{
    static const struct {
        uint64_t address;
        const char *text;
    } cases[] = {
        { 0x18, "  NULL + 0x18\n" },
        { 0x1fffff, "  NULL + 0x1fffff\n" },
        { IMAGE + 0x20, "  +0x20 in its image: code\n" },
        { IMAGE + 0x2010, "  +0x2010 in its image: data\n" },
        { TREE + 0x3fff, "  the device tree\n" },
        { TOP - 8, "  its stack\n" },
        { TOP + 0x10, "  just behind memory that is mapped\n" },
        { OTHER - 8, "  just before memory that is mapped\n" },
        { OTHER, "  memory that allows something else\n" },
        { REGS + 0x18, "  register 0x18 of window 0,\n[init]   0x9000000 + 0x1000\n" },
        { REGS + 0x1004, "  4 bytes behind the end of window 0,\n[init]   0x9000000 + 0x1000\n" },
        { REGS - 4, "  4 bytes before the start of window 0,\n[init]   0x9000000 + 0x1000\n" },
        { REGS + 0x2000, "  nothing is mapped there\n" },
        { 1ull << 39, "  no address that a process can have\n" },
        { ~0ull, "  no address that a process can have\n" },
    };
    static struct command_page page = { .windows = { { REGS, 0x1000, 0 } } };

    (void)state;
    server.child.command = &page;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        m.w[1] = cases[i].address;
        (void)said();
        assert_says(cases[i].text);
    }
    page.windows[0] = (struct command_window){ REGS, 0x10, 0x40 }; /* a part is mapped */
    m.w[1] = REGS + 4;
    (void)said();
    assert_says("  register 0x44 of window 0,\n");
    for (unsigned i = 0; i < COMMAND_WINDOWS; i++) { /* a page that lies */
        page.windows[i] = (struct command_window){ ~0ull - i, ~0ull, ~0ull };
    }
    (void)said();
    assert_says("fault: cannot read");
}

static void put_record(uint64_t at, uint64_t next, uint64_t from)
{
    uint64_t *word =
        at >= OTHER ? &other_stack[(at - OTHER) / 8] : &first_stack[(at - (TOP - STACK_LEN)) / 8];

    word[0] = next;
    word[1] = from;
}

static void calls_are_followed_outwards_to_the_first(void **state)
{
    (void)state;
    registers[29] = TOP - 0x80;
    put_record(TOP - 0x80, TOP - 0x40, IMAGE + 0x200);
    put_record(TOP - 0x40, TOP - 0x10, IMAGE + 0x300);
    put_record(TOP - 0x10, 0, 0);
    (void)said();
    /* id: ((1 * 31 + 2) * 31 + 3) * 31, of the words 1 2 3 0 */
    assert_says("  drv/thing 00007c3e: pc +0x100 lr +0x80 +0x200\n");
    assert_says("  drv/thing 00007c3e: +0x300\n");
    assert_says("  the first thread, 256 of 16384 bytes of stack\n");
}

static void a_recursion_is_one_word(void **state)
{
    (void)state;
    m.w[4] = registers[29] = TOP - 0x800;
    for (uint64_t at = TOP - 0x800; at < TOP - 0x20; at += 0x20) {
        put_record(at, at + 0x20, IMAGE + 0x200);
    }
    put_record(TOP - 0x20, 0, IMAGE + 0x300);
    (void)said();
    assert_says("+0x200*");
    assert_says(" +0x300\n");
}

static void a_stack_that_lies_is_left_at_the_lie(void **state)
{
    const uint64_t lies[] = { 0,           8,     TOP - 0x84, TOP - 0x80, TOP - 0xa0, TOP, TOP - 8,
                              TOP - 0x900, IMAGE, OTHER,      ~0ull,      ~15ull,     REGS };

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        registers[29] = TOP - 0x80;
        put_record(TOP - 0x80, lies[i], 0x1234567890);
        (void)said();
        assert_says("7c3e: 0x1234567890\n"); /* no code of the image: as it is */
        registers[29] = lies[i];
        m.w[4] = lies[i]; /* sp too */
        (void)said();
        m.w[4] = TOP - 0x100;
    }
}

static void the_longest_way_ends(void **state)
{
    (void)state;
    m.w[4] = registers[29] = TOP - STACK_LEN;
    for (uint64_t at = TOP - STACK_LEN; at < TOP; at += 16) {
        put_record(at, at + 16, IMAGE + at % 0x1000);
    }
    (void)said();
    assert_true(strlen(fake.log) < 2500);
}

static void a_stack_overflow_is_named_with_its_thread(void **state)
{
    (void)state;
    m.w[0] = FAULT_WRITE;
    m.w[1] = TOP - STACK_LEN - 16;
    m.w[4] = TOP - STACK_LEN + 0x80;
    assert_string_equal(said(), "fault: stack overflow of the first thread, 16 KiB");
    assert_says("  16 bytes below the stack, at 0x702bff0\n");
    m.w[4] = TOP - STACK_LEN - 0x3000; /* a large frame: sp went first */
    m.w[1] = TOP - STACK_LEN - 0x2ff0;
    assert_string_equal(said(), "fault: stack overflow of the first thread, 16 KiB");
    m.w[1] = OTHER - 8;
    m.w[4] = OTHER + 8;
    assert_string_equal(said(), "fault: stack overflow of thread 7, 32 KiB");
    m.w[4] = OTHER - 0x100;
    m.w[1] = OTHER - 0xf0;
    assert_string_equal(said(), "fault: stack overflow of thread 7, 32 KiB");
}

static void what_only_looks_like_one_is_none(void **state)
{
    (void)state;
    m.w[0] = FAULT_WRITE;
    m.w[1] = TOP - STACK_LEN - 16; /* in the guard page, but not for want of room */
    m.w[4] = TOP - 0x100;
    assert_string_equal(said(), "fault: cannot write 0x702bff0");
    m.w[0] = FAULT_EXECUTE;
    m.w[4] = TOP - STACK_LEN;
    assert_string_equal(said(), "fault: jumped to 0x702bff0");
    m.w[0] = FAULT_READ;
    m.w[1] = m.w[4] = 0x5550000000; /* sp itself is nonsense */
    assert_string_equal(said(), "fault: cannot read 0x5550000000");
    assert_says("  thread 7, sp is in no stack\n");
}

static void registers_that_are_zero_are_left_out(void **state)
{
    (void)state;
    registers[5] = 0xabc;
    (void)said();
    assert_says(" x5=abc\n[init]   x30=7000080\n");
    for (unsigned i = 0; i < 33; i++) {
        registers[i] = ~0ull;
    }
    (void)said();
    assert_says("x28=ffffffffffffffff");
    for (const char *line = fake.log; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strchr(line, '\n') - line > 80 - 22) { /* with the stamp and "error: " before it */
            fail_msg("too long for 80 columns: %s", line);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_cause_is_in_words),
        TEST(what_lies_at_the_address_is_named),
        TEST(calls_are_followed_outwards_to_the_first),
        TEST(a_recursion_is_one_word),
        TEST(a_stack_that_lies_is_left_at_the_lie),
        TEST(the_longest_way_ends),
        TEST(a_stack_overflow_is_named_with_its_thread),
        TEST(what_only_looks_like_one_is_none),
        TEST(registers_that_are_zero_are_left_out),
    };
    return TREE_RUN(tests);
}
