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

enum { INIT = 3, MEMORY = 70, BUFFER = 71 };
#define VA 0x40000000ull
#define PA 0x4fc00000ull

static const struct node node; /* only init knows whose memory it is */
static struct msg asked, answer;
static status_t call_status, info_status, map_status;
static bool no_space;
static int open_handles, reserved, mapped;

static int setup(void **state)
{
    (void)state;
    call_status = info_status = map_status = E_OK;
    no_space = false;
    open_handles = reserved = mapped = 0;
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
    assert_true(memory == MEMORY && offset == 0);
    *out_len = 8192;
    *out_pa = PA;
    return info_status;
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
    return node_dma(node, 4, 5000, 1ull << 30, INIT_DMA_KEEP, out);
}

static void memory_comes_mapped_and_with_its_address(void **state)
{
    struct dma dma;

    (void)state;
    assert_int_equal(obtain(&dma), E_OK);
    assert_int_equal(info_op(asked.info), INIT_OP_DMA);
    assert_int_equal(info_handles(asked.info), 0);
    assert_true(asked.w[0] == 4 && asked.w[1] == 5000 && asked.w[2] == 1ull << 30 &&
                asked.w[3] == INIT_DMA_KEEP);
    assert_true((uint64_t)dma.at == VA && dma.pa == PA && dma.len == 8192 && dma.memory == MEMORY &&
                dma.is_old);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_comes_mapped_and_with_its_address, setup),
        cmocka_unit_test_setup(a_step_that_fails_leaves_nothing, setup),
        cmocka_unit_test_setup(what_is_returned_is_unmapped_whatever_init_says, setup),
        cmocka_unit_test_setup(a_buffer_is_registered_by_its_handle_and_unregistered_by_its_number,
                               setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
