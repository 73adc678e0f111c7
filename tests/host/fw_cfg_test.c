/* SPDX-License-Identifier: BSD-2-Clause
 * drv/fw_cfg against a model of the device that reads and writes the test's memory, as DMA does: what it is told, files read
 * in pieces, and everything that a device or a client can do wrong.
 */
int fw_cfg_main(void);
#define main fw_cfg_main
#include "servers/drv/fw_cfg/fw_cfg.c"
#undef main
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

enum { CLIENT = 7, FILES = 300, DATA_LEN = 200 };
#define BUS 0x1c0000000ull /* above 4 GiB, and not where the CPU sees it */

static _Alignas(4096) uint8_t memory[PAGE_SIZE];

/* The device: items 0 and FILE_DIR, and files whose byte n is n + the file's number. */
static struct model {
    struct fw_cfg_file directory[FILES];
    uint32_t said; /* count of files */
    uint32_t real; /* entries that are there */
    bool is_absent, is_other, never_ends, has_error;
    uint64_t high; /* of the address */
    uint16_t item;
    uint32_t offset;
    unsigned transfers;
} model;

static uint8_t item_byte(uint16_t item, uint32_t offset)
{
    uint32_t said = __builtin_bswap32(model.said);

    if (item == FW_CFG_SIGNATURE) {
        return offset < 4 ? (uint8_t)(model.is_other ? "UEMQ" : "QEMU")[offset] : 0;
    }
    if (item == FW_CFG_FILE_DIR) {
        uint64_t end = sizeof(said) + model.real * sizeof(model.directory[0]);
        return offset < sizeof(said) ? ((uint8_t *)&said)[offset]
               : offset < end        ? ((uint8_t *)model.directory)[offset - sizeof(said)]
                                     : 0;
    }
    return item >= FW_CFG_FILE_FIRST && offset < DATA_LEN ? (uint8_t)(offset + item) : 0;
}

static uint8_t *dma_memory(uint64_t bus, uint32_t len)
{
    if (bus < BUS || bus - BUS > sizeof(memory) || len > sizeof(memory) - (bus - BUS)) {
        fail_msg("DMA beyond the memory: 0x%llx + 0x%x", (unsigned long long)bus, len);
    }
    return memory + (bus - BUS);
}

static void transfer(uint64_t at)
{
    struct fw_cfg_dma *d = (struct fw_cfg_dma *)(void *)dma_memory(at, sizeof(*d));
    uint32_t control = __builtin_bswap32(d->control), len = __builtin_bswap32(d->length);

    assert_true(fake_trace_len >=
                3); /* what it finds in memory was there before the address was told */
    assert_int_equal(fake_trace[fake_trace_len - 3].kind, FAKE_BARRIER);
    assert_int_equal(fake_trace[fake_trace_len - 3].a, 1);
    model.transfers++;
    if (model.never_ends) {
        return;
    }
    if (control & FW_CFG_DMA_SELECT) {
        model.item = (uint16_t)field_get(FW_CFG_DMA_ITEM, control);
        model.offset = 0;
    }
    if (control & FW_CFG_DMA_READ) {
        uint8_t *to = dma_memory(__builtin_bswap64(d->address), len);
        for (uint32_t i = 0; i < len; i++) {
            to[i] = item_byte(model.item, model.offset + i);
        }
    }
    model.offset += len;
    d->control = __builtin_bswap32(model.has_error ? FW_CFG_DMA_ERROR : 0);
}

static uint32_t model_read(unsigned window, uint32_t offset)
{
    static const char signature[] = "QEMU CFG";
    uint32_t value = 0;

    (void)window;
    if (!model.is_absent && (offset == FW_CFG_DMA_HIGH || offset == FW_CFG_DMA_LOW)) {
        memcpy(&value, signature + (offset - FW_CFG_DMA_HIGH), sizeof(value));
    }
    return value;
}

static void model_write(unsigned window, uint32_t offset, uint32_t value)
{
    (void)window;
    if (offset == FW_CFG_DMA_HIGH) {
        model.high = __builtin_bswap32(value);
    } else if (offset == FW_CFG_DMA_LOW) {
        transfer(model.high << 32 | __builtin_bswap32(value));
    } else {
        fail_msg("written to 0x%x", offset);
    }
}

static void file_is(unsigned n, const char *name, uint32_t size)
{
    model.directory[n].size = __builtin_bswap32(size);
    model.directory[n].select = __builtin_bswap16((uint16_t)(FW_CFG_FILE_FIRST + n));
    (void)snprintf(model.directory[n].name, sizeof(model.directory[n].name), "%s", name);
}

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    memset(&model, 0, sizeof(model));
    memset(memory, 0, sizeof(memory));
    fake.dma_at = memory;
    fake.dma_bus = BUS;
    fake_mmio_hooks(model_read, model_write);
    for (unsigned i = 0; i < FILES; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "etc/file%u", i);
        file_is(i, name, DATA_LEN);
    }
    model.said = model.real = 3;
    return 0;
}

/* Runs main with what is queued. Each main's state is its own static, so a run begins with what the last one left: the
 * process does not, hence the reset here is the test's. */
static struct fw_cfg started;

static status_t start(void)
{
    started = (struct fw_cfg){ 0 };
    status_t err = node_mmio(fake.node, 0, FW_CFG_REGS_LEN, &started.regs);
    err = err ? err : node_dma(fake.node, 0, PAGE_SIZE, 0, 0, &started.dma);
    err = err ? err : fw_cfg_check(&started);
    return err ? err : fw_cfg_directory(&started);
}

static status_t ask(uint32_t op, uint64_t w0, const char *name, struct msg *out)
{
    *out = (struct msg){ .info = msg_info(op, 0, 0), .w = { w0 } };
    memcpy(&out->w[1], name, strnlen(name, FW_CFG_NAME_LEN));
    return fw_cfg_serve(&started, out);
}

static void main_starts_the_device_and_serves(void **state)
{
    (void)state;
    fake_call(CLIENT, FW_CFG_OP_FILE, 2, 0);
    fake_run(fw_cfg_main);
    assert_false(fake.main_returned);
    assert_int_equal(fake.reply_status, E_OK);
    assert_int_equal(fake.reply.w[0], DATA_LEN);
    assert_string_equal((const char *)&fake.reply.w[1], "etc/file2");
    assert_int_equal(fake.dma_len, PAGE_SIZE);
    assert_int_equal(fake.accept, 0);
}

static void files_are_listed_in_order_to_their_end(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(ask(FW_CFG_OP_FILE, 0, "", &m), E_OK);
    assert_string_equal((const char *)&m.w[1], "etc/file0");
    assert_int_equal(ask(FW_CFG_OP_FILE, 3, "", &m), E_NOTFOUND);
    assert_int_equal(ask(FW_CFG_OP_FILE, UINT64_MAX, "", &m), E_NOTFOUND);
    assert_int_equal(fake.log_lines, 0);
}

static void a_file_is_read_from_any_offset_and_zeroes_fill_the_rest(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(start(), E_OK);
    for (uint32_t offset = 0; offset < DATA_LEN + 60; offset += 7) {
        unsigned before = model.transfers;
        assert_int_equal(ask(FW_CFG_OP_READ, offset, "etc/file1", &m), E_OK);
        assert_int_equal(m.w[0], DATA_LEN);
        assert_true(model.transfers - before <= 2);
        for (uint32_t i = 0; i < FW_CFG_READ_LEN; i++) {
            uint8_t want =
                offset + i < DATA_LEN ? (uint8_t)(offset + i + FW_CFG_FILE_FIRST + 1) : 0;
            assert_int_equal(((uint8_t *)&m.w[1])[i], want);
        }
    }
    assert_int_equal(ask(FW_CFG_OP_READ, UINT64_MAX, "etc/file1", &m), E_OK);
    assert_int_equal(m.w[1], 0);
}

static void a_client_that_sends_nonsense_gets_an_error(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(start(), E_OK);
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "etc/file", &m), E_NOTFOUND);
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "", &m), E_NOTFOUND);
    m = (struct msg){ .info = msg_info(FW_CFG_OP_READ, 0, 0) };
    memset(&m.w[1], 'a', FW_CFG_NAME_LEN);
    assert_int_equal(fw_cfg_serve(&started, &m), E_INVAL);
    assert_int_equal(ask(0, 0, "", &m), E_NOSYS);
    assert_int_equal(ask(FW_CFG_OP_READ + 1, 0, "", &m), E_NOSYS);
    m = (struct msg){ .info = msg_info(FW_CFG_OP_FILE, 1, 0) };
    assert_int_equal(fw_cfg_serve(&started, &m), E_INVAL);
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "etc/file2", &m), E_OK); /* it goes on */
}

static void a_device_without_the_signature_is_told_nothing(void **state)
{
    (void)state;
    model.is_absent = true;
    fake_run(fw_cfg_main);
    assert_true(fake.main_returned);
    assert_int_equal(fake.main_result, E_FORMAT);
    assert_non_null(strstr(fake.log, "no signature"));
    fake_expect_writes(NULL, 0);
}

static void dma_that_leads_elsewhere_is_found_out(void **state)
{
    (void)state;
    model.is_other = true;
    assert_int_equal(start(), E_FORMAT);
    assert_non_null(strstr(fake.log, "item 0 is not the signature"));
    assert_int_equal(model.transfers, 2);
}

static void a_directory_that_says_too_much_is_cut_with_a_warning(void **state)
{
    struct msg m;

    (void)state;
    model.said = UINT32_MAX;
    model.real = FILES;
    assert_int_equal(start(), E_OK);
    assert_int_equal(started.file_count, FILES_MAX);
    assert_non_null(strstr(fake.log, "says 4294967295 files"));
    assert_int_equal(ask(FW_CFG_OP_FILE, FILES_MAX - 1, "", &m), E_OK);
    assert_string_equal((const char *)&m.w[1], "etc/file127");
}

static void a_directory_shorter_than_it_says_has_what_is_there(void **state)
{
    (void)state;
    model.said = 40;
    model.real = 33; /* more than one transfer's worth */
    assert_int_equal(start(), E_OK);
    assert_int_equal(started.file_count, 33);
    assert_int_equal(fake.log_lines, 7);
    assert_non_null(strstr(fake.log, "shorter than it says"));
}

static void names_without_an_end_or_with_bytes_that_cannot_be_printed_are_left_out(void **state)
{
    struct msg m;

    (void)state;
    memset(model.directory[0].name, 'x', sizeof(model.directory[0].name));
    file_is(1, "etc/\033[2J", 1);
    assert_int_equal(start(), E_OK);
    assert_int_equal(started.file_count, 1);
    assert_int_equal(fake.log_lines, 2);
    assert_int_equal(ask(FW_CFG_OP_FILE, 0, "", &m), E_OK);
    assert_string_equal((const char *)&m.w[1], "etc/file2");
}

static void an_entry_that_names_something_else_than_a_file_is_left_out(void **state)
{
    (void)state;
    model.directory[1].select = __builtin_bswap16(FW_CFG_FILE_DIR);
    assert_int_equal(start(), E_OK);
    assert_int_equal(started.file_count, 2);
    assert_non_null(strstr(fake.log, "the number of something else"));
}

static void a_file_that_says_it_is_huge_costs_no_more_than_a_small_one(void **state)
{
    struct msg m;

    (void)state;
    file_is(0, "etc/huge", UINT32_MAX);
    assert_int_equal(start(), E_OK);
    unsigned before = model.transfers;
    assert_int_equal(ask(FW_CFG_OP_READ, UINT32_MAX - 10, "etc/huge", &m), E_OK);
    assert_int_equal(m.w[0], UINT32_MAX);
    assert_int_equal(model.transfers - before, 2);
    assert_int_equal(model.offset,
                     UINT32_MAX); /* ten bytes, not 56 beyond what an offset can say */
}

static void an_error_of_the_device_is_the_clients_and_no_more(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(start(), E_OK);
    model.has_error = true;
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "etc/file1", &m), E_IO);
    model.has_error = false;
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "etc/file1", &m), E_OK);
    model.has_error = true;
    assert_int_equal(start(), E_IO);
}

static void a_transfer_that_never_ends_is_given_up_and_its_memory_with_it(void **state)
{
    struct msg m;

    (void)state;
    assert_int_equal(start(), E_OK);
    model.never_ends = true;
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "etc/file1", &m), E_IO);
    assert_non_null(strstr(fake.log, "does not finish"));
    model.never_ends = false;
    unsigned before = model.transfers;
    assert_int_equal(ask(FW_CFG_OP_READ, 0, "etc/file1", &m), E_IO);
    assert_int_equal(model.transfers, before);
    assert_int_equal(ask(FW_CFG_OP_FILE, 0, "", &m), E_OK); /* needs no transfer */
}

static void a_server_without_registers_or_memory_ends_with_the_reason(void **state)
{
    (void)state;
    fake.mmio_error = E_RANGE;
    fake_run(fw_cfg_main);
    assert_int_equal(fake.main_result, E_RANGE);
    fake.mmio_error = E_OK;
    fake.dma_error = E_NOMEM;
    fake_run(fw_cfg_main);
    assert_int_equal(fake.main_result, E_NOMEM);
    fake_expect_writes(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(main_starts_the_device_and_serves, setup),
        cmocka_unit_test_setup(files_are_listed_in_order_to_their_end, setup),
        cmocka_unit_test_setup(a_file_is_read_from_any_offset_and_zeroes_fill_the_rest, setup),
        cmocka_unit_test_setup(a_client_that_sends_nonsense_gets_an_error, setup),
        cmocka_unit_test_setup(a_device_without_the_signature_is_told_nothing, setup),
        cmocka_unit_test_setup(dma_that_leads_elsewhere_is_found_out, setup),
        cmocka_unit_test_setup(a_directory_that_says_too_much_is_cut_with_a_warning, setup),
        cmocka_unit_test_setup(a_directory_shorter_than_it_says_has_what_is_there, setup),
        cmocka_unit_test_setup(
            names_without_an_end_or_with_bytes_that_cannot_be_printed_are_left_out, setup),
        cmocka_unit_test_setup(an_entry_that_names_something_else_than_a_file_is_left_out, setup),
        cmocka_unit_test_setup(a_file_that_says_it_is_huge_costs_no_more_than_a_small_one, setup),
        cmocka_unit_test_setup(an_error_of_the_device_is_the_clients_and_no_more, setup),
        cmocka_unit_test_setup(a_transfer_that_never_ends_is_given_up_and_its_memory_with_it,
                               setup),
        cmocka_unit_test_setup(a_server_without_registers_or_memory_ends_with_the_reason, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* TAP tells */
    return 0;
}
