/* SPDX-License-Identifier: BSD-2-Clause
 * The kit for servers of message interrupts (msi_server.h) in front of a fake controller, on dts/trees/good-msi.dts: who gets
 * which vectors, whom they tell, and what is left of those who leave.
 */
#include <cambium/msi_server.h>
#include <cambium/proto/irq.h>
#include "fake_frame.h"
#include "tree_test.h"
#include <stdlib.h>
#include <string.h>

enum { PARENT = 15 /* of the fake's start_handle */, FIRST_LINE = 84, SLOTS = 48, PORT = 60 };

/* The controller, as its frame sees it. */
static struct {
    struct {
        uint64_t bits;
        handle_t port;
        unsigned told; /* attached again counts, too */
    } line[SLOTS];
    unsigned calls, dead; /* so many calls fail with E_DEAD */
    status_t error;
} gic;

static status_t call(handle_t port, struct msg *m)
{
    uint64_t i = m->w[0] - FIRST_LINE;

    assert_int_equal(port, PARENT);
    assert_int_equal(info_op(m->info), IRQ_OP_MESSAGE);
    assert_true(i < SLOTS);
    gic.calls++;
    if (gic.dead > 0 || gic.error) {
        gic.dead -= gic.dead > 0;
        return gic.error ? gic.error : E_DEAD;
    }
    assert_int_equal(info_handles(m->info), m->w[1] != 0);
    if (m->w[1] == 0 && gic.line[i].port == 0) {
        return E_NOTFOUND;
    }
    gic.line[i].bits = m->w[1];
    gic.line[i].port = m->w[1] != 0 ? (handle_t)m->w[7] : 0;
    gic.line[i].told++;
    return E_OK;
}

/* The frame: which device has which slots. */
static struct {
    uint32_t device[SLOTS]; /* + 1; 0: none */
    bool is_shared[SLOTS];
    unsigned changes[SLOTS];
    status_t error;
} frame;

static status_t map(struct msi_server *s, const struct msi_run *run, uint64_t *out_data)
{
    if (frame.error) {
        return frame.error;
    }
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        assert_int_equal(frame.device[i], 0);
        frame.device[i] = run->device + 1;
        frame.is_shared[i] = run->is_shared;
    }
    *out_data = s->first_data != 0 ? s->first_data + run->first : 0;
    return E_OK;
}

static void unmap(struct msi_server *s, const struct msi_run *run)
{
    (void)s;
    for (uint32_t i = run->first; i < run->first + run->count; i++) {
        assert_int_equal(frame.device[i], run->device + 1);
        assert_int_equal(frame.is_shared[i], run->is_shared);
        assert_int_equal(gic.line[i].port, 0); /* detached before */
        frame.device[i] = 0;
    }
}

static void changed(struct msi_server *s, const struct msi_run *run, uint32_t vector)
{
    (void)s;
    assert_true(vector < run->count);
    assert_int_equal(frame.device[run->first + vector], run->device + 1);
    frame.changes[run->first + vector]++;
}

static const struct msi_server_ops ops = { .map = map, .unmap = unmap, .changed = changed };
static struct msi_server msi;
static void *tree;
static uint32_t bus, other_bus, frame_bus;

static int setup(void **state)
{
    (void)state;
    fake_frame_reset();
    fake.call = call;
    memset(&gic, 0, sizeof(gic));
    memset(&frame, 0, sizeof(frame));
    tree = tree_load("good-msi");
    msi = (struct msi_server){ .ops = &ops,
                               .node = { tree, tree_node(tree, "/gic/its@20000") },
                               .address = 0x8090040,
                               .first_line = FIRST_LINE,
                               .slot_count = SLOTS };
    bus = (uint32_t)tree_node(tree, "/mapped");
    other_bus = (uint32_t)tree_node(tree, "/to-its");
    frame_bus = (uint32_t)tree_node(tree, "/to-frame");
    assert_int_equal(msi_server_open(&msi), E_OK);
    assert_int_equal(fake.accept, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(tree);
    return 0;
}

static struct msg answer;

static status_t ask(uint32_t caller, uint32_t op, uint64_t w0, uint64_t w1, uint64_t w2,
                    handle_t port)
{
    struct event ev = { .kind = EV_CALL,
                        .badge = caller,
                        .msg = { msg_info(op, port != 0, 0), { w0, w1, w2, [7] = port } } };
    status_t err = msi_server_event(&msi, &ev);

    answer = ev.msg;
    return err;
}

static status_t alloc(uint32_t caller, uint64_t requester, uint64_t count)
{
    return ask(caller, MSI_OP_ALLOC, requester, count, 0, 0);
}

static status_t attach(uint32_t caller, uint64_t requester, uint64_t vector, handle_t port)
{
    return ask(caller, MSI_OP_ATTACH, requester, vector, 1u << vector % 32, port);
}

static void closed(uint32_t caller)
{
    struct event ev = { .kind = EV_CLOSED, .badge = caller };
    assert_int_equal(msi_server_event(&msi, &ev), E_OK);
}

static status_t rebind(void)
{
    struct event ev = { .kind = EV_COMMAND, .msg = { .info = COMMAND_REBIND } };
    return msi_server_event(&msi, &ev);
}

static void a_function_gets_vectors_and_each_tells_whom_it_names(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 3, 4), E_OK);
    assert_int_equal(answer.w[0], 0x8090040);
    assert_int_equal(answer.w[1], 0);
    assert_int_equal(answer.w[2], FIRST_LINE);
    assert_int_equal(frame.device[3], 0x8003 + 1); /* as the msi-map calls it */
    assert_int_equal(frame.device[4], 0);
    assert_int_equal(attach(bus, 3, 0, PORT), E_OK);
    assert_int_equal(attach(bus, 3, 3, PORT + 1), E_OK);
    assert_int_equal(gic.line[0].port, PORT);
    assert_int_equal(gic.line[3].port, PORT + 1);
    assert_int_equal(gic.line[3].bits, 8);
    assert_int_equal(attach(bus, 3, 3, PORT + 2), E_OK); /* replaces */
    assert_int_equal(gic.line[3].port, PORT + 2);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT + 1, 0), 1);
    assert_int_equal(ask(bus, MSI_OP_DETACH, 3, 3, 0, 0), E_OK);
    assert_int_equal(gic.line[3].port, 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT + 2, 0), 1);
    assert_int_equal(ask(bus, MSI_OP_DETACH, 3, 3, 0, 0), E_OK); /* nothing any more */
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 0);
}

static void the_frame_hears_when_the_controller_changed_a_line(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 3, 4), E_OK);
    assert_int_equal(attach(bus, 3, 2, PORT), E_OK);
    assert_int_equal(frame.changes[2], 1);
    gic.error = E_IO;
    assert_int_equal(attach(bus, 3, 2, PORT), E_IO);
    assert_int_equal(frame.changes[2], 1);
    gic.error = E_OK;
    assert_int_equal(rebind(), E_OK);
    assert_int_equal(frame.changes[2], 2);
    assert_int_equal(ask(bus, MSI_OP_FREE, 3, 0, 0, 0), E_OK);
    assert_int_equal(frame.changes[2], 3);
    assert_int_equal(frame.changes[0] + frame.changes[1] + frame.changes[3], 0);
}

static void functions_behind_a_bridge_may_share_its_name(void **state)
{
    (void)state;
    assert_int_equal(ask(bus, MSI_OP_ALLOC, 0x1230, 2, 5, 0), E_OK); /* its own ID has no row */
    assert_int_equal(frame.device[0], 0x8005 + 1);
    assert_true(frame.is_shared[0]);
    assert_int_equal(ask(bus, MSI_OP_ALLOC, 0x1238, 2, 5, 0), E_OK);
    assert_int_equal(frame.device[2], 0x8005 + 1);
    assert_int_equal(attach(bus, 0x1238, 1, PORT), E_OK);
    assert_int_equal(gic.line[3].port, PORT);
    assert_int_equal(attach(bus, 5, 1, PORT), E_NOTFOUND);
    assert_int_equal(ask(bus, MSI_OP_ALLOC, 3, 1, 0x10, 0), E_RANGE);
    assert_int_equal(ask(bus, MSI_OP_ALLOC, 3, 1, 0x10005, 0), E_RANGE);
    assert_int_equal(ask(bus, MSI_OP_FREE, 0x1230, 0, 0, 0), E_OK);
    assert_int_equal(gic.line[3].port, PORT);
}

static void who_the_tree_does_not_send_here_gets_nothing(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 0x10, 1), E_RANGE);  /* no row */
    assert_int_equal(alloc(bus, 0x200, 1), E_RANGE); /* another controller's */
    assert_int_equal(alloc(frame_bus, 3, 1), E_RANGE);
    assert_int_equal(alloc(0, 3, 1), E_RANGE);
    assert_int_equal(alloc((uint32_t)msi.node.offset, 3, 1), E_RANGE);
    assert_int_equal(alloc(0x40000001, 3, 1), E_RANGE); /* a program's session */
    assert_int_equal(alloc(bus, 0x10003, 1), E_RANGE);
    assert_int_equal(alloc(bus, UINT64_MAX, 1), E_RANGE);
    assert_int_equal(alloc(bus, 3, 0), E_INVAL);
    assert_int_equal(alloc(bus, 3, MSI_VECTORS_MAX + 1), E_INVAL);
    assert_int_equal(alloc(other_bus, 3, 1), E_OK);
    assert_int_equal(frame.device[0], 3 + 1); /* without a map: as the bus calls it */
    assert_int_equal(ask(0, MSI_OP_FREE, 0, 0, 0, 0), E_RANGE);
}

static void nobody_reaches_anothers_vectors(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 3, 2), E_OK);
    assert_int_equal(attach(bus, 3, 1, PORT), E_OK);
    const uint32_t callers[] = { other_bus, bus, bus, 77 };
    const uint64_t requesters[] = { 3, 4, 0x10003, 3 };
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(attach(callers[i], requesters[i], 1, PORT + 1), E_NOTFOUND);
        assert_int_equal(ask(callers[i], MSI_OP_DETACH, requesters[i], 1, 0, 0), E_NOTFOUND);
        assert_int_equal(ask(callers[i], MSI_OP_FREE, requesters[i], 0, 0, 0), E_NOTFOUND);
    }
    assert_int_equal(attach(bus, 3, 2, PORT + 1), E_NOTFOUND);
    assert_int_equal(attach(bus, 3, UINT64_MAX, PORT + 1), E_NOTFOUND);
    assert_int_equal(ask(bus, MSI_OP_DETACH, 3, 2, 0, 0), E_NOTFOUND);
    assert_int_equal(attach(bus, 3, 0, 0), E_INVAL);
    assert_int_equal(ask(bus, MSI_OP_ATTACH, 3, 0, 0, PORT + 1), E_INVAL);
    assert_int_equal(ask(bus, 99, 3, 0, 0, PORT + 1), E_NOSYS);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT + 1, 0), 0); /* event_done's, with an error */
    assert_int_equal(gic.line[1].port, PORT);
}

static void a_handle_that_nobody_asked_for_is_closed(void **state)
{
    (void)state;
    assert_int_equal(ask(bus, MSI_OP_ALLOC, 3, 1, 0, PORT), E_OK);
    assert_int_equal(ask(bus, MSI_OP_DETACH, 3, 0, 0, PORT), E_OK);
    assert_int_equal(ask(bus, MSI_OP_FREE, 3, 0, 0, PORT), E_OK);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 3);
}

static void blocks_begin_where_msi_can_count_from(void **state)
{
    (void)state;
    msi.first_data = msi.first_line; /* FIRST_LINE is a multiple of 4 */
    assert_int_equal(alloc(bus, 1, 1), E_OK);
    assert_int_equal(answer.w[1], FIRST_LINE);
    for (uint32_t count = 1; count <= 16; count++) {
        uint64_t align = 1;
        while (align < count) {
            align *= 2;
        }
        assert_int_equal(alloc(bus, 2, count), E_OK);
        assert_int_equal(answer.w[1] % align, 0);
        assert_int_equal(answer.w[1], answer.w[2]);
        assert_true(answer.w[1] > FIRST_LINE && answer.w[1] + count <= FIRST_LINE + SLOTS);
    }
}

static void what_is_used_up_is_refused_and_comes_back(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 0, 16), E_OK);
    assert_int_equal(alloc(bus, 1, 32), E_FULL); /* not in one piece where it may begin */
    assert_int_equal(alloc(bus, 1, 16), E_OK);
    assert_int_equal(alloc(bus, 2, 16), E_OK);
    assert_int_equal(alloc(bus, 3, 1), E_FULL);
    assert_int_equal(alloc(bus, 1, 8), E_OK); /* what it had is given back before */
    assert_int_equal(alloc(bus, 3, 8), E_OK);
    assert_int_equal(alloc(bus, 4, 1), E_FULL);
    assert_int_equal(ask(bus, MSI_OP_FREE, 0, 0, 0, 0), E_OK);
    assert_int_equal(alloc(bus, 4, 16), E_OK);
    frame.error = E_NOMEM;
    assert_int_equal(ask(bus, MSI_OP_FREE, 3, 0, 0, 0), E_OK);
    assert_int_equal(alloc(bus, 5, 2), E_NOMEM);
    assert_int_equal(attach(bus, 5, 0, PORT), E_NOTFOUND);
    frame.error = E_OK;
    assert_int_equal(alloc(bus, 5, 8), E_OK); /* nothing of it was left taken */
}

static void a_bus_that_is_gone_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 1, 2), E_OK);
    assert_int_equal(alloc(other_bus, 1, 2), E_OK);
    assert_int_equal(alloc(bus, 2, 1), E_OK);
    assert_int_equal(attach(bus, 1, 1, PORT), E_OK);
    assert_int_equal(attach(other_bus, 1, 0, PORT + 1), E_OK);
    assert_int_equal(attach(bus, 2, 0, PORT + 2), E_OK);
    closed(bus);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 1);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT + 1, 0), 0);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT + 2, 0), 1);
    assert_true(frame.device[0] == 0 && frame.device[2] != 0 && frame.device[4] == 0);
    assert_int_equal(gic.line[2].port, PORT + 1);
    assert_int_equal(attach(bus, 1, 0, PORT), E_NOTFOUND);
    closed(bus);
}

static void a_restarted_controller_is_told_all_of_it_again(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 1, 3), E_OK);
    assert_int_equal(attach(bus, 1, 0, PORT), E_OK);
    assert_int_equal(attach(bus, 1, 2, PORT + 2), E_OK);
    memset(&gic, 0, sizeof(gic));
    assert_int_equal(rebind(), E_OK);
    assert_true(gic.line[0].port == PORT && gic.line[0].bits == 1);
    assert_int_equal(gic.line[1].port, 0);
    assert_true(gic.line[2].port == PORT + 2 && gic.line[2].bits == 4);
    assert_int_equal(gic.calls, 2);
    gic.error = E_BUSY;
    assert_int_equal(rebind(), E_BUSY);
    assert_int_equal(gic.calls, 4); /* one that fails does not keep the others */
    gic.error = E_OK;
    assert_int_equal(rebind(), E_OK);
    struct event ev = { .kind = EV_COMMAND, .msg = { .info = COMMAND_DMA_OFF } };
    assert_int_equal(msi_server_event(&msi, &ev), E_NOSYS);
    ev = (struct event){ .kind = EV_NOTIFY, .bits = 1 };
    assert_int_equal(msi_server_event(&msi, &ev), E_OK);
}

static void a_call_that_died_with_the_controller_is_made_again(void **state)
{
    (void)state;
    assert_int_equal(alloc(bus, 1, 1), E_OK);
    gic.dead = 2;
    assert_int_equal(attach(bus, 1, 0, PORT), E_OK);
    assert_int_equal(gic.line[0].port, PORT);
    gic.dead = 99;
    assert_int_equal(attach(bus, 1, 0, PORT + 1), E_DEAD);
    assert_int_equal(gic.calls, 3 + 3);
    gic.dead = 0;
    assert_int_equal(rebind(), E_OK); /* what it had is still known */
    assert_int_equal(gic.line[0].port, PORT);
    gic.error = E_BUSY;
    assert_int_equal(attach(bus, 1, 0, PORT + 1), E_BUSY);
    assert_int_equal(fake_count(FAKE_CLOSE, PORT, 0), 0);
}

static void without_a_controller_it_does_not_start(void **state)
{
    (void)state;
    fake.no_handle = "parent";
    assert_int_equal(msi_server_open(&msi), E_NOTFOUND);
    assert_int_equal(fake.log_lines, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_function_gets_vectors_and_each_tells_whom_it_names),
        T(the_frame_hears_when_the_controller_changed_a_line),
        T(functions_behind_a_bridge_may_share_its_name),
        T(who_the_tree_does_not_send_here_gets_nothing),
        T(nobody_reaches_anothers_vectors),
        T(a_handle_that_nobody_asked_for_is_closed),
        T(blocks_begin_where_msi_can_count_from),
        T(what_is_used_up_is_refused_and_comes_back),
        T(a_bus_that_is_gone_leaves_nothing),
        T(a_restarted_controller_is_told_all_of_it_again),
        T(a_call_that_died_with_the_controller_is_made_again),
        T(without_a_controller_it_does_not_start),
    };
    return TREE_RUN(tests);
}
