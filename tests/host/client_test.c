/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/client.c against a scripted service: what spawn and serial_* send, that nothing stays open or mapped when
 * they fail, and that a restarted serial service is attached to anew and asked again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cambium/client.h>
#include <cambium/proto/power.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <cmocka.h>

enum { INIT = 3, CONSOLE = 4, SERVICE = 9, PORT = 12, FIRST_NEW = 100 };

static handle_t next_handle;
static int open_handles, reserved, mapped;
static uint64_t area[4 * PAGE_SIZE / sizeof(uint64_t)]; /* the one reservation */

static struct {
    status_t status; /* of sys_call itself, then of the answer */
    status_t answer;
    uint64_t w0, w1, w7;
    struct msg asked;
    handle_t port;
    char memory[64]; /* what the shared memory held when asked */
} script[6];
static unsigned script_len, script_at;

status_t msg_call(handle_t port, struct msg *m)
{
    assert_true(script_at < script_len);
    script[script_at].asked = *m;
    script[script_at].port = port;
    memcpy(script[script_at].memory, area, sizeof(script[0].memory));
    status_t status = script[script_at].status;
    if (status == E_OK) {
        status = script[script_at].answer;
        m->w[0] = script[script_at].w0;
        m->w[1] = script[script_at].w1;
        m->w[7] = script[script_at].w7;
    }
    script_at++;
    return status;
}

handle_t start_handle(const char *name)
{
    return strcmp(name, "init") == 0 ? INIT : strcmp(name, "service console") == 0 ? CONSOLE : 0;
}

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    assert_true(len % PAGE_SIZE == 0 && len <= sizeof(area) && flags == 0 && limit == 0);
    open_handles++;
    *out = next_handle++;
    return E_OK;
}

status_t sys_handle_dup(handle_t h, uint32_t rights, uint32_t badge, handle_t *out)
{
    assert_true(h != 0 && badge == 0);
    assert_int_equal(rights, h == PORT ? RIGHT_NOTIFY | RIGHT_TRANSFER
                                       : RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER);
    open_handles++;
    *out = next_handle++;
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    assert_true(h >= FIRST_NEW && h < next_handle);
    open_handles--;
    return E_OK;
}

uint64_t vm_reserve(uint64_t len)
{
    assert_int_equal(reserved++, 0);
    assert_true(len <= sizeof(area));
    return (uint64_t)area;
}

void vm_release(uint64_t va, uint64_t len)
{
    (void)len;
    assert_int_equal(va, (uint64_t)area);
    reserved--;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    (void)object, (void)len;
    assert_true(process == HANDLE_SELF && window == 0 && offset == 0 && va == (uint64_t)area);
    assert_int_equal(flags, MAP_READ | MAP_WRITE);
    mapped++;
    return E_OK;
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    (void)len;
    assert_true(process == HANDLE_SELF && va == (uint64_t)area);
    mapped--;
    return E_OK;
}

static int client_reset(void **state)
{
    (void)state;
    next_handle = FIRST_NEW;
    open_handles = reserved = mapped = 0;
    memset(script, 0, sizeof(script));
    memset(area, 0, sizeof(area));
    script_len = script_at = 0;
    return 0;
}

static void answers(status_t status, status_t answer, uint64_t w0)
{
    script[script_len].status = status;
    script[script_len].answer = answer;
    script[script_len++].w0 = w0;
}

static void a_service_given_at_start_needs_no_init(void **state)
{
    (void)state;
    handle_t h = 0;

    assert_int_equal(service_open("console", &h), E_OK);
    assert_int_equal(h, CONSOLE);
    answers(E_OK, E_OK, 0);
    script[0].w7 = 77;
    assert_int_equal(service_open("/pl011@9000000", &h), E_OK);
    assert_int_equal(h, 77);
    assert_int_equal(script[0].port, INIT);
    assert_memory_equal(script[0].asked.w, "/pl011@9000000\0", 16);
}

static void a_name_that_words_do_not_hold_goes_in_a_memory(void **state)
{
    static const char name[] = "/pcie@10000000/pci@3,0/pci@0,0/pci@1,0/pci@0,0/pci@0,0/dev@0,0";
    char longer[INIT_PATH_LEN + 1];
    struct msg m;
    handle_t h = 0;

    (void)state;
    answers(E_OK, E_OK, 0);
    script[0].w7 = 78;
    assert_int_equal(service_open(name, &h), E_OK);
    assert_int_equal(h, 78);
    assert_int_equal(script[0].asked.info, msg_info(INIT_OP_OPEN, 1, 0));
    assert_int_equal(script[0].asked.w[1], sizeof(name));
    assert_int_equal(script[0].asked.w[7], FIRST_NEW + 1); /* the copy, with fewer rights */
    assert_memory_equal(script[0].memory, name, sizeof(name));
    answers(E_OK, E_NOTFOUND, 0);
    assert_int_equal(init_name_call(INIT_OP_RESTART, name, 7, &m), E_NOTFOUND);
    assert_int_equal(script[1].asked.w[6], 7);
    memset(longer, 'x', sizeof(longer));
    longer[INIT_PATH_LEN] = '\0';
    assert_int_equal(service_open(longer, &h), E_NOTFOUND);
    assert_int_equal(script_at, 2); /* asked nobody */
    assert_true(open_handles == 0 && mapped == 0 && reserved == 0);
}

static void spawn_sends_arguments_and_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const argv[] = { "hello", "one", NULL };
    static const char *const envp[] = { "A=b", NULL };
    static const char *const allow[] = { "irq", "+info", NULL };
    uint32_t job = 0, console = 0;

    answers(E_OK, E_OK, 21);
    script[0].w1 = 31;
    assert_int_equal(spawn(argv, envp, allow, PORT, 0x40, &job, &console), E_OK);
    assert_int_equal(job, 21);
    assert_int_equal(console, 31);
    const struct msg *m = &script[0].asked;
    assert_int_equal(info_op(m->info), INIT_OP_SPAWN);
    assert_int_equal(info_handles(m->info), 2);
    assert_true(m->w[0] == 24 && m->w[1] == 2 && m->w[2] == 1 && m->w[3] == 0 && m->w[4] == 0x40);
    assert_int_equal(m->w[5], 2);
    assert_memory_equal(script[0].memory, "hello\0one\0A=b\0irq\0+info", 24);
    assert_int_equal(open_handles | reserved | mapped, 0);
}

static void spawn_without_port_and_failing_leaves_nothing_behind(void **state)
{
    (void)state;
    static const char *const argv[] = { "nothing", NULL }, *const none[] = { NULL };
    uint32_t job = 5, console = 6;

    answers(E_OK, E_NOTFOUND, 21);
    assert_int_equal(spawn(argv, NULL, NULL, 0, 0, &job, &console), E_NOTFOUND);
    assert_int_equal(info_handles(script[0].asked.info), 1);
    assert_int_equal(spawn(none, NULL, NULL, 0, 0, &job, &console), E_INVAL);
    assert_true(job == 5 && console == 6);
    assert_int_equal(open_handles | reserved | mapped, 0);
}

static void power_goes_by_the_kernel_or_else_by_its_service(void **state)
{
    (void)state;
    answers(E_OK, E_RIGHTS,
            0); /* the kernel could, this caller may not: the service is not asked */
    assert_int_equal(machine_power(POWER_REBOOT), E_RIGHTS);
    assert_true(info_op(script[0].asked.info) == INIT_OP_POWER &&
                script[0].asked.w[0] == POWER_REBOOT);
    answers(E_OK, E_NOSYS, 0);
    answers(E_OK, E_OK, 0);
    script[2].w7 = next_handle++; /* init opens it */
    open_handles++;
    answers(E_OK, E_IO, 0);
    assert_int_equal(machine_power(POWER_REBOOT), E_IO);
    assert_memory_equal(script[2].asked.w, "power\0", 7);
    assert_int_equal(script[3].port, script[2].w7);
    assert_true(info_op(script[3].asked.info) == POWER_OP_END &&
                script[3].asked.w[0] == POWER_REBOOT);
    answers(E_OK, E_NOSYS, 0);
    answers(E_OK, E_NOTFOUND, 0);
    assert_int_equal(machine_power(POWER_OFF), E_NOSYS);
    assert_int_equal(open_handles, 0);
}

static void attach_gives_memory_and_port(void **state)
{
    (void)state;
    struct serial s = { 0 };

    answers(E_OK, E_OK, 0);
    assert_int_equal(serial_attach(&s, SERVICE, PORT, 0x100), E_OK);
    const struct msg *m = &script[0].asked;
    assert_int_equal(info_op(m->info), SERIAL_OP_ATTACH);
    assert_true(info_handles(m->info) == 2 && m->w[0] == 0x100 && m->w[1] == 2);
    assert_true(m->w[6] == s.notify && m->w[7] == s.memory && s.notify != 0 && s.memory != 0);
    assert_int_equal(open_handles, 2); /* kept, to attach again */
}

static void a_refused_attach_leaves_nothing_behind(void **state)
{
    (void)state;
    struct serial s = { 0 };

    answers(E_OK, E_FULL, 0);
    assert_int_equal(serial_attach(&s, SERVICE, PORT, 0x100), E_FULL);
    answers(E_DEAD, E_OK, 0);
    assert_int_equal(serial_attach(&s, SERVICE, 0, 0), E_DEAD);
    assert_int_equal(info_handles(script[1].asked.info), 1);
    assert_int_equal(s.service, 0);
    assert_int_equal(open_handles | reserved | mapped, 0);
}

static void a_restarted_service_is_attached_anew_and_asked_again(void **state)
{
    (void)state;
    struct serial s = { 0 };
    uint32_t taken = 0;

    answers(E_OK, E_OK, 0);
    assert_int_equal(serial_attach(&s, SERVICE, 0, 0), E_OK);
    answers(E_DEAD, E_OK, 0); /* in flight when it died */
    answers(E_OK, E_OK, 0);   /* attach */
    answers(E_OK, E_OK, 3);
    assert_int_equal(serial_write(&s, "abc", 3, 0, &taken), E_OK);
    assert_int_equal(taken, 3);
    assert_int_equal(info_op(script[2].asked.info), SERIAL_OP_ATTACH);
    assert_int_equal(info_op(script[3].asked.info), SERIAL_OP_WRITE);
    assert_int_equal(script[3].asked.w[0], 3);
    assert_memory_equal(script[3].memory, "abc", 3);
    answers(E_OK, E_IO, 0); /* any other error is the caller's */
    assert_int_equal(serial_write(&s, "abc", 3, 0, &taken), E_IO);
    assert_int_equal(script_at, 5);
}

static void a_read_takes_no_more_than_asked(void **state)
{
    (void)state;
    struct serial s = { 0 };
    char data[4] = "....";
    uint32_t got = 0;

    answers(E_OK, E_OK, 0);
    assert_int_equal(serial_attach(&s, SERVICE, 0, 0), E_OK);
    memcpy(s.buf + SERIAL_RX_OFFSET, "wxyz", 4);
    answers(E_OK, E_OK, 4000000000u); /* a server that lies */
    assert_int_equal(serial_read(&s, data, 2, SERIAL_NONBLOCK, &got), E_OK);
    assert_int_equal(got, 2);
    assert_memory_equal(data, "wx..", 4);
    assert_int_equal(script[1].asked.w[2], SERIAL_NONBLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_service_given_at_start_needs_no_init, client_reset),
        cmocka_unit_test_setup(a_name_that_words_do_not_hold_goes_in_a_memory, client_reset),
        cmocka_unit_test_setup(spawn_sends_arguments_and_leaves_nothing_behind, client_reset),
        cmocka_unit_test_setup(spawn_without_port_and_failing_leaves_nothing_behind, client_reset),
        cmocka_unit_test_setup(power_goes_by_the_kernel_or_else_by_its_service, client_reset),
        cmocka_unit_test_setup(attach_gives_memory_and_port, client_reset),
        cmocka_unit_test_setup(a_refused_attach_leaves_nothing_behind, client_reset),
        cmocka_unit_test_setup(a_restarted_service_is_attached_anew_and_asked_again, client_reset),
        cmocka_unit_test_setup(a_read_takes_no_more_than_asked, client_reset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
