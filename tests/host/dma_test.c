/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/dma.c against a scripted init: what is asked of it, that memory comes mapped and with its address, and that
 * nothing stays open or mapped when a step fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/proto/init.h>
#include <cambium/start.h>
#include <cmocka.h>
#include "tree_test.h"

enum { INIT = 3, MEMORY = 70, BUFFER = 71 };
#define VA 0x40000000ull

static struct node node; /* of good-dma; only init knows whose memory it is */
static uint64_t pa;
static struct msg asked, answer;
static status_t call_status, info_status, map_status;
static bool no_space;
static int open_handles, reserved, mapped;

static int setup(void **state)
{
    *state = tree_load("good-dma");
    node = (struct node){ *state, tree_node(*state, "/plain") };
    pa = 0x4fc00000;
    call_status = info_status = map_status = E_OK;
    no_space = false;
    open_handles = reserved = mapped = 0;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

handle_t start_handle(const char *name)
{
    return strcmp(name, "init") == 0 ? INIT : 0;
}

status_t msg_call(handle_t port, struct msg *m)
{
    assert_int_equal(port, INIT);
    asked = *m;
    *m = answer;
    open_handles += call_status == E_OK && info_op(asked.info) == INIT_OP_DMA;
    return call_status;
}

status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    assert_true((memory == MEMORY && offset == 0) || (memory == BUFFER && offset % 4096 == 0));
    *out_len = 8192;
    *out_pa = memory == BUFFER && pa != 0 ? pa + 3 * offset : pa; /* a buffer lies here and there */
    return offset < 4 * 4096 ? info_status : E_RANGE;
}

uint64_t vm_reserve(uint64_t len)
{
    assert_int_equal(len, 8192);
    reserved += !no_space;
    return no_space ? 0 : VA;
}

void vm_release(uint64_t va, uint64_t len)
{
    assert_true(va == VA && len == 8192);
    reserved--;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    assert_true(process == HANDLE_SELF && object == MEMORY && window == 0 && offset == 0);
    assert_true(len == 8192 && va == VA && flags == (MAP_READ | MAP_WRITE));
    mapped += map_status == E_OK;
    return map_status;
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    assert_true(process == HANDLE_SELF && va == VA && len == 8192);
    mapped--;
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    assert_int_equal(h, MEMORY);
    open_handles--;
    return E_OK;
}

static status_t obtain(struct dma *out)
{
    answer = (struct msg){ 0, { INIT_DMA_OLD, 8192, [7] = MEMORY } };
    return node_dma(node, 4, 5000, 1ull << 31, INIT_DMA_KEEP, out);
}

static void memory_comes_mapped_and_with_its_address(void **state)
{
    struct dma dma;

    (void)state;
    assert_int_equal(obtain(&dma), E_OK);
    assert_int_equal(info_op(asked.info), INIT_OP_DMA);
    assert_int_equal(info_handles(asked.info), 0);
    assert_true(asked.w[0] == 4 && asked.w[1] == 5000 && asked.w[2] == 1ull << 31 &&
                asked.w[3] == INIT_DMA_KEEP);
    assert_true((uint64_t)dma.at == VA && dma.pa == pa && dma.bus == pa && dma.len == 8192 &&
                dma.memory == MEMORY && dma.is_old);
    answer = (struct msg){ 0, { 0, 8192, [7] = MEMORY } };
    assert_int_equal(node_dma(node, 4, 5000, 0, 0, &dma), E_OK);
    assert_false(dma.is_old);
}

static void a_step_that_fails_leaves_nothing(void **state)
{
    struct dma dma = { .pa = 1 };

    (void)state;
    call_status = E_BUDGET;
    assert_int_equal(obtain(&dma), E_BUDGET);
    call_status = E_OK;
    info_status = E_HANDLE;
    assert_int_equal(obtain(&dma), E_HANDLE);
    info_status = E_OK;
    no_space = true;
    assert_int_equal(obtain(&dma), E_NOMEM);
    no_space = false;
    map_status = E_BUDGET;
    assert_int_equal(obtain(&dma), E_BUDGET);
    assert_true(open_handles == 0 && reserved == 0 && mapped == 0);
    assert_int_equal(dma.pa, 1);
}

static void the_bus_address_is_that_of_the_trees_dma_ranges(void **state)
{
    struct dma dma;

    node.offset = tree_node(*state, "/soc/mailbox");
    answer = (struct msg){ 0, { 0, 8192, [7] = MEMORY } };
    pa = 0x3b000000;
    assert_int_equal(node_dma(node, 0, 8192, 1ull << 32, 0, &dma), E_OK);
    assert_int_equal(asked.w[2],
                     0x40000000); /* what the device reaches, although it could count further */
    assert_true(dma.pa == pa && dma.bus == 0xfb000000);
    node.offset = tree_node(*state, "/soc/narrow/device");
    pa = 0x1000000;
    assert_int_equal(node_dma(node, 0, 8192, 0, 0, &dma), E_OK);
    assert_int_equal(asked.w[2], 0x20000000);
    assert_true(dma.bus == pa);
    node.offset = tree_node(*state, "/soc/mailbox");
    assert_int_equal(node_dma(node, 0, 8192, 0xd0000000, 0, &dma), E_OK);
    assert_int_equal(asked.w[2], 0x10000000); /* the device's own limit is one of bus addresses */
}

static void memory_that_the_device_does_not_reach_is_refused(void **state)
{
    struct dma dma = { .pa = 1 };

    node.offset = tree_node(*state, "/soc/mailbox");
    asked.info = 77;
    assert_int_equal(node_dma(node, 0, 8192, 0xc0000000, 0, &dma), E_RANGE); /* below the window */
    node.offset = tree_node(*state, "/far/device");
    assert_int_equal(node_dma(node, 0, 8192, 0, 0, &dma), E_RANGE);
    node.offset = tree_node(*state, "/odd/device");
    assert_int_equal(node_dma(node, 0, 8192, 0, 0, &dma), E_FORMAT);
    assert_int_equal(asked.info, 77); /* init was not asked */
    node.offset = tree_node(*state, "/soc/narrow/device");
    answer = (struct msg){ 0, { INIT_DMA_OLD, 8192, [7] = MEMORY } };
    pa = 0x20000000 - 4096; /* the second of its pages lies outside */
    assert_int_equal(node_dma(node, 0, 8192, 0, 0, &dma), E_RANGE);
    assert_true(open_handles == 0 && reserved == 0 && mapped == 0 && dma.pa == 1);
}

static void what_is_returned_is_unmapped_whatever_init_says(void **state)
{
    struct dma dma;

    (void)state;
    assert_int_equal(obtain(&dma), E_OK);
    call_status = E_RIGHTS;
    assert_int_equal(node_dma_return(node, 4, &dma), E_RIGHTS);
    assert_int_equal(info_op(asked.info), INIT_OP_DMA_RETURN);
    assert_int_equal(asked.w[0], 4);
    assert_true(open_handles == 0 && reserved == 0 && mapped == 0);
    call_status = E_OK;
    assert_int_equal(node_dma_return(node, 5, NULL), E_OK);
    assert_int_equal(asked.w[0], 5);
}

static void a_buffer_is_registered_by_its_handle_and_unregistered_by_its_number(void **state)
{
    uint32_t number = 1;

    (void)state;
    answer = (struct msg){ 0, { 17 } };
    assert_int_equal(node_buffer_register(node, BUFFER, &number), E_OK);
    assert_int_equal(asked.info, msg_info(INIT_OP_DMA_REGISTER, 1, 0));
    assert_int_equal(asked.w[7], BUFFER);
    assert_int_equal(number, 17);
    call_status = E_TYPE;
    answer.w[0] = 18;
    assert_int_equal(node_buffer_register(node, BUFFER, &number), E_TYPE);
    assert_int_equal(number, 17);
    call_status = E_NOTFOUND;
    assert_int_equal(node_buffer_unregister(node, number), E_NOTFOUND);
    assert_int_equal(asked.info, msg_info(INIT_OP_DMA_UNREGISTER, 0, 0));
    assert_int_equal(asked.w[0], 17);
    assert_int_equal(open_handles, 0); /* the buffer's is the caller's */
}

static void a_buffers_pages_are_told_as_the_device_sees_them(void **state)
{
    uint64_t bus[5];

    assert_int_equal(node_buffer_bus(node, BUFFER, 3, bus), E_OK);
    assert_true(bus[0] == pa && bus[1] == pa + 3 * 4096 && bus[2] == pa + 6 * 4096);
    node.offset = tree_node(*state, "/soc/mailbox");
    pa = 0x40000000 - 4 * 4096;
    assert_int_equal(node_buffer_bus(node, BUFFER, 2, bus), E_OK);
    assert_true(bus[0] == 0xffffc000 && bus[1] == 0xfffff000);
    assert_int_equal(node_buffer_bus(node, BUFFER, 3, bus),
                     E_RANGE); /* its third page is not reached */
    pa = 0xfc000000;           /* the second window */
    assert_int_equal(node_buffer_bus(node, BUFFER, 1, bus), E_OK);
    assert_int_equal(bus[0], 0x7c000000);
    node.offset = tree_node(*state, "/plain");
    assert_int_equal(node_buffer_bus(node, BUFFER, 5, bus), E_RANGE); /* it has four */
    info_status = E_TYPE;
    assert_int_equal(node_buffer_bus(node, BUFFER, 1, bus), E_TYPE);
    info_status = E_OK;
    pa = 0; /* without MANAGE */
    assert_int_equal(node_buffer_bus(node, BUFFER, 1, bus), E_RIGHTS);
    node.offset = tree_node(*state, "/odd/device");
    pa = 0x1000000;
    assert_int_equal(node_buffer_bus(node, BUFFER, 1, bus),
                     E_RANGE); /* rows that are none lead nowhere */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(memory_comes_mapped_and_with_its_address),
        T(the_bus_address_is_that_of_the_trees_dma_ranges),
        T(memory_that_the_device_does_not_reach_is_refused),
        T(a_step_that_fails_leaves_nothing),
        T(what_is_returned_is_unmapped_whatever_init_says),
        T(a_buffers_pages_are_told_as_the_device_sees_them),
        T(a_buffer_is_registered_by_its_handle_and_unregistered_by_its_number),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
