/* SPDX-License-Identifier: BSD-2-Clause
 * mux/block against scripted drivers: which disks it finds, what units it tells of, that an attachment gets its unit's sectors and no
 * others, and what becomes of sessions when clients, drivers or it itself go.
 */
int block_main(void);
#define main block_main
#include "servers/mux/block/block.c"
#undef main
#include "servers/mux/block/disk.c"
#include "fake_frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "tree_test.h"

enum {
    DRIVER = 60,
    OTHER_DRIVER,
    BELL = 80,
    CLIENT = 7,
    STRANGER = 9,
    DATA = 40,
    NOTIFY,
    RING,
    SECTORS = 5000
};

static struct mux m;
static _Alignas(8) uint8_t table_buffer[TABLE_BUFFER_LEN];
static int nodes[2]; /* of the drivers */
static status_t open_error[2], driver_error;
static unsigned deaths, opened, looked;
static bool is_table_bad, is_driver_gone;
static struct msg forwarded;
static uint64_t next_number;
static const char *only_unit = ""; /* that CLIENT may attach to; "": all */

/* ---- what libsys's client would do ---- */

status_t service_open(const char *name, handle_t *out)
{
    char path[TREE_PATH_LEN];

    for (int i = 0; i < 2; i++) {
        tree_path(fake.node.tree, nodes[i], path, sizeof(path));
        if (strcmp(path, name) == 0) {
            opened++;
            *out = DRIVER + (handle_t)i;
            return open_error[i];
        }
    }
    return E_RIGHTS;
}

status_t block_info(handle_t service, uint64_t n, struct block_info *out)
{
    assert_int_equal(n, 0);
    assert_true(service == DRIVER || service == OTHER_DRIVER);
    *out = (struct block_info){ .sectors = SECTORS, .sector_len = 512, .flags = BLOCK_CACHES };
    return is_driver_gone ? E_DEAD : E_OK;
}

status_t block_open(struct block *b, handle_t service, uint64_t unit, struct block_window window,
                    uint32_t data_len)
{
    assert_true(unit == 0 && window.first == 0 && window.count == 0);
    assert_int_equal(window.flags, BLOCK_READ_ONLY);
    *b = (struct block){ .service = service, .sector_len = 512, .data_len = data_len };
    b->data = calloc(1, data_len);
    return E_OK;
}

void block_close(struct block *b)
{
    free(b->data);
}

status_t block_do(struct block *b, enum block_what what, uint64_t sector, uint32_t count,
                  uint32_t offset, uint64_t deadline)
{
    static const uint8_t entries[] = { 0, 0, 0, 0, 0x83, 0, 0, 0, 100, 0, 0, 0, 200, 0, 0, 0,
                                       0, 0, 0, 0, 0x82, 0, 0, 0, 0,   8, 0, 0, 0,   1, 0, 0 };

    assert_true(what == BLOCK_READ && sector == 0 && count == 1 && offset == 0 && deadline != 0);
    looked++;
    memcpy(b->data + 446, entries, sizeof(entries));
    b->data[446 + 16 + 9] = is_table_bad ? 0xff : 8;
    b->data[510] = 0x55, b->data[511] = 0xaa;
    return driver_error;
}

/* init's list of servers, and the drivers. */
static status_t answer(handle_t port, struct msg *msg)
{
    if (port != DRIVER && port != OTHER_DRIVER && info_op(msg->info) == INIT_OP_MAY) {
        bool is_listed = strncmp((const char *)&msg->w[1], only_unit, INIT_UNIT_LEN) == 0;
        return only_unit[0] == '\0' || msg->w[0] != CLIENT || is_listed ? E_OK : E_RIGHTS;
    }
    if (port != DRIVER && port != OTHER_DRIVER) {
        assert_int_equal(info_op(msg->info), INIT_OP_SERVER);
        static const int order[] = { -1, 0, 1, 0 };
        if (msg->w[0] >= 3) {
            return E_NOTFOUND;
        }
        int which = order[msg->w[0]];
        msg->w[4] = which < 0 ? UINT32_MAX : (uint32_t)nodes[which];
        return E_OK;
    }
    forwarded = *msg;
    if (deaths != 0) {
        deaths--;
        return E_DEAD;
    }
    if (driver_error == E_OK && info_op(msg->info) == BLOCK_OP_ATTACH) {
        *msg = (struct msg){ msg_info(0, 1, 0),
                             { ++next_number, 1 << 16, msg->w[3], 512, [7] = BELL } };
    }
    return driver_error;
}

static int setup(void **state)
{
    fake_frame_reset();
    memset(&m, 0, sizeof(m));
    *state = tree_load("good-virt-gicv2");
    fake.node.tree = *state;
    nodes[0] = tree_node(*state, "/pl031@9010000");
    nodes[1] = tree_node(*state, "/pl061@9030000");
    fake.call = answer;
    open_error[0] = open_error[1] = driver_error = E_OK;
    deaths = opened = looked = 0;
    is_table_bad = is_driver_gone = false;
    next_number = 1000;
    m.port = start_handle("port notify");
    m.buffer = table_buffer;
    disks_find(&m, -1);
    while (disks_look(&m)) {
    }
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static int nothing(void)
{
    return 0;
}

static status_t call(uint32_t badge, uint32_t op, unsigned handles, const uint64_t *w)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = badge,
                        .msg = { msg_info(op, handles, 0), { 0 } } };

    memcpy(ev.msg.w, w, sizeof(ev.msg.w));
    fake_event(ev);
    ev = event_wait();
    block_event(&m, &ev);
    fake_run(nothing); /* empties the queue */
    return fake.reply_status;
}

static status_t attach(uint32_t badge, uint64_t unit, uint64_t first, uint64_t count)
{
    return call(badge, BLOCK_OP_ATTACH, 3,
                (uint64_t[MSG_WORDS]){ 16, unit, first, count, 0, DATA, NOTIFY, RING });
}

static void event(enum event_kind kind, uint32_t badge, uint64_t node)
{
    struct event ev = { .kind = kind, .badge = badge, .msg = { COMMAND_REBIND, { node } } };

    fake_event(ev);
    ev = event_wait();
    block_event(&m, &ev);
}

static const char *name_of_reply(void)
{
    static char name[BLOCK_NAME_LEN + 1];

    memcpy(name, &fake.reply.w[3], BLOCK_NAME_LEN);
    return name;
}

static void disks_and_partitions_are_told_by_number(void **state)
{
    static const struct {
        uint64_t n, unit, first, count;
        const char *name, *label;
    } units[] = { { 0, 0, 0, SECTORS, "disk0", "MBR" },
                  { 1, 1, 100, 200, "disk0p1", "Linux" },
                  { 2, 2, 2048, 256, "disk0p2", "Linux swap" },
                  { 3, 64, 0, SECTORS, "disk1", "MBR" },
                  { 65, 65, 100, 200, "disk1p1", "Linux" } };

    (void)state;
    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 0, (uint64_t[MSG_WORDS]){ units[i].n }), E_OK);
        assert_int_equal(fake.reply.w[0], units[i].count);
        assert_int_equal(fake.reply.w[1], 512 | units[i].unit << 16 | (uint64_t)BLOCK_CACHES << 32);
        assert_int_equal(fake.reply.w[2], units[i].first);
        assert_string_equal(name_of_reply(), units[i].name);
        assert_string_equal((const char *)&fake.reply.w[5], units[i].label);
    }
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 0, (uint64_t[MSG_WORDS]){ 67 }), E_NOTFOUND);
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 0, (uint64_t[MSG_WORDS]){ UINT64_MAX }),
                     E_NOTFOUND);
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 1, (uint64_t[MSG_WORDS]){ 0 }), E_INVAL);
    assert_int_equal(call(CLIENT, BLOCK_OP_STAT, 0, (uint64_t[MSG_WORDS]){ 0 }), E_NOSYS);
    assert_true(looked == 2 && opened == 2 && fake.log_lines == 0);
}

static void an_attachment_has_its_units_sectors(void **state)
{
    (void)state;
    assert_int_equal(attach(CLIENT, 2, 10, 20), E_OK);
    assert_int_equal(forwarded.info, msg_info(BLOCK_OP_ATTACH, 3, 1));
    static const uint64_t sent[MSG_WORDS] = { 16, 0, 2058, 20, 0, DATA, NOTIFY, RING };
    assert_memory_equal(forwarded.w, sent, sizeof(sent));
    assert_true(fake.reply.w[0] == 1001 && fake.reply.w[7] == BELL &&
                info_handles(fake.reply.info) == 1);
    assert_int_equal(fake_count(FAKE_CLOSE, DATA, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, RING, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, NOTIFY, 0), 0);
    assert_int_equal(attach(STRANGER, 65, 0, 0), E_OK); /* all of it */
    assert_true(forwarded.w[2] == 100 && forwarded.w[3] == 200);
    assert_int_equal(attach(STRANGER, 64, 0, 0), E_OK);
    assert_true(forwarded.w[2] == 0 && forwarded.w[3] == SECTORS);
    static const struct {
        uint64_t unit, first, count;
        status_t err;
    } bad[] = { { 1, 200, 0, E_RANGE },          { 1, 0, 201, E_RANGE },
                { 1, 199, 2, E_RANGE },          { 1, UINT64_MAX, 0, E_RANGE },
                { 1, 1, UINT64_MAX, E_RANGE },   { 3, 0, 0, E_NOTFOUND },
                { 63, 0, 0, E_NOTFOUND },        { 128, 0, 0, E_NOTFOUND },
                { UINT64_MAX, 0, 0, E_NOTFOUND } };
    memset(&forwarded, 0, sizeof(forwarded));
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(attach(CLIENT, bad[i].unit, bad[i].first, bad[i].count), bad[i].err);
    }
    assert_int_equal(forwarded.info, 0); /* no driver was asked, and nothing detached */
    assert_int_equal(attach(0, 1, 0, 0), E_RIGHTS);
    assert_int_equal(call(CLIENT, BLOCK_OP_ATTACH, 2, sent), E_INVAL);
}

static void a_client_attaches_only_to_units_of_its_list(void **state)
{
    (void)state;
    only_unit = "disk0p2";
    assert_int_equal(attach(CLIENT, 0, 0, 0), E_RIGHTS);
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_RIGHTS);
    assert_int_equal(attach(CLIENT, 64, 0, 0), E_RIGHTS);
    assert_int_equal(attach(CLIENT, 2, 0, 0), E_OK);
    assert_int_equal(attach(STRANGER, 1, 0, 0), E_OK);
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_RIGHTS);
    only_unit = "";
}

static void a_session_is_the_badges_and_ends_with_it(void **state)
{
    uint64_t first[MSG_WORDS] = { 1001 };

    (void)state;
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_OK);
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, first), E_OK);
    assert_true(info_op(forwarded.info) == BLOCK_OP_CHECK && forwarded.w[0] == 1001);
    assert_int_equal(call(STRANGER, BLOCK_OP_CHECK, 0, first), E_NOTFOUND);
    assert_int_equal(call(STRANGER, BLOCK_OP_DETACH, 0, first), E_NOTFOUND);
    assert_int_equal(call(0, BLOCK_OP_CHECK, 0, (uint64_t[MSG_WORDS]){ 0 }), E_NOTFOUND);
    assert_int_equal(attach(CLIENT, 2, 0, 0), E_OK); /* in place of the first */
    assert_int_equal(fake_count(FAKE_CLOSE, NOTIFY, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, BELL, 0), 1);
    assert_int_equal(call(CLIENT, BLOCK_OP_CHECK, 0, first), E_NOTFOUND);
    event(EV_CLOSED, CLIENT, 0);
    assert_true(info_op(forwarded.info) == BLOCK_OP_DETACH && forwarded.w[0] == 1002);
    assert_int_equal(fake_count(FAKE_CLOSE, BELL, 0), 2);
    for (unsigned i = 0; i < SESSIONS_MAX; i++) {
        assert_int_equal(attach(100 + i, 1, 0, 0), E_OK);
    }
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_FULL);
    assert_int_equal(call(100, BLOCK_OP_DETACH, 0, (uint64_t[MSG_WORDS]){ 1003 }), E_OK);
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_OK);
}

static void a_driver_that_dies_is_asked_again_and_its_clients_are_told(void **state)
{
    (void)state;
    deaths = 2;
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_OK);
    deaths = 100;
    assert_int_equal(attach(STRANGER, 1, 0, 0), E_DEAD);
    deaths = 0;
    driver_error = E_BUSY;
    assert_int_equal(attach(STRANGER, 1, 0, 0), E_BUSY);
    assert_int_equal(fake_count(FAKE_CLOSE, DATA, 0), 3); /* the frame did, twice */
    driver_error = E_OK;
    assert_int_equal(attach(STRANGER, 65, 0, 0), E_OK);
    fake_trace_clear();
    event(EV_COMMAND, 0, (uint64_t)nodes[0]);
    assert_int_equal(fake_count(FAKE_NOTIFY, NOTIFY, 16 << BLOCK_EV_LOST),
                     1); /* the other disk's is not */
    assert_int_equal(fake_count(FAKE_NOTIFY, m.port, BIT_LOOK), 1);
    event(EV_NOTIFY, 0, 0);
    event(EV_NOTIFY, 0, 0);
    assert_true(looked == 3 && opened == 2);
    event(EV_COMMAND, 0, UINT64_MAX);
    event(EV_COMMAND, 0, (uint64_t)tree_node(*state, "/intc@8000000"));
    assert_true(m.disk_count == 2 && fake.reply_status == E_OK);
}

static void a_table_that_is_wrong_is_said_once_and_one_that_cannot_be_read_stays(void **state)
{
    (void)state;
    is_table_bad = true;
    for (unsigned i = 0; i < 3; i++) {
        event(EV_COMMAND, 0, (uint64_t)nodes[0]);
        event(EV_NOTIFY, 0, 0);
    }
    assert_int_equal(fake.log_lines, 1);
    assert_int_equal(attach(CLIENT, 2, 0, 0), E_NOTFOUND);
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_OK);
    driver_error = E_IO;
    event(EV_COMMAND, 0, (uint64_t)nodes[0]);
    event(EV_NOTIFY, 0, 0);
    assert_non_null(strstr(fake.log, "was not read"));
    driver_error = E_OK;
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_OK);
}

/* Disks that come late have the number that they were given, and nobody else's. */
static void a_disk_keeps_its_number(void **state)
{
    (void)state;
    memset(&m, 0, sizeof(m));
    m.buffer = table_buffer;
    m.port = 3;
    open_error[0] = E_AGAIN;
    disks_find(&m, -1);
    while (disks_look(&m)) {
    }
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_AGAIN);
    assert_int_equal(call(CLIENT, BLOCK_OP_INFO, 0, (uint64_t[MSG_WORDS]){ 0 }), E_OK);
    assert_string_equal(name_of_reply(), "disk1");
    open_error[0] = E_OK;
    event(EV_COMMAND, 0, (uint64_t)nodes[0]);
    event(EV_NOTIFY, 0, 0);
    assert_int_equal(attach(CLIENT, 1, 0, 0), E_OK);
    assert_int_equal(m.disk_count, 2);
}

static void main_finds_looks_and_serves(void **state)
{
    (void)state;
    looked = 0;
    fake_call(CLIENT, BLOCK_OP_INFO, 64, 0);
    fake_run(block_main);
    assert_true(looked == 2 && fake.accept == 3 && fake.reply_status == E_OK);
    assert_string_equal(name_of_reply(), "disk1");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(disks_and_partitions_are_told_by_number),
        T(an_attachment_has_its_units_sectors),
        T(a_session_is_the_badges_and_ends_with_it),
        T(a_client_attaches_only_to_units_of_its_list),
        T(a_driver_that_dies_is_asked_again_and_its_clients_are_told),
        T(a_table_that_is_wrong_is_said_once_and_one_that_cannot_be_read_stays),
        T(a_disk_keeps_its_number),
        T(main_finds_looks_and_serves),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
