/* SPDX-License-Identifier: BSD-2-Clause
 * Every handle argument of every call refuses what is no handle, what names another kind of object, and what lacks the
 * right, each with its own error; and duplication can only shrink rights.
 */
#include "ktest.h"

enum kind { PORT = 1, MEMORY = 2, DEVICE = 4, PROCESS = 8, THREAD = 16 };

/* One handle argument of one call. The call gets `h` there and something good everywhere else. */
struct use {
    const char *what;
    status_t (*call)(handle_t h);
    unsigned kinds; /* that it takes */
    uint32_t right; /* that it needs; 0: none */
    bool harmful;   /* with a good handle it would wait or end something: only refusals are tried */
};

static handle_t good_port; /* all rights */

static status_t use_call(handle_t h)
{
    struct msg m = { 0 };
    return sys_call(h, &m);
}
static status_t use_call_deadline(handle_t h)
{
    struct msg m = { 0 };
    return sys_call_deadline(h, &m, 0);
}
static status_t use_receive(handle_t h)
{
    struct msg m = { 0 };
    return (status_t)sys_receive(h, &m, 0);
}
static status_t use_reply_receive(handle_t h)
{
    struct msg m = { 0 };
    return (status_t)sys_reply_receive(h, &m);
}
static status_t use_notify_receive_port(handle_t h)
{
    struct msg m = { 0 };
    return (status_t)sys_notify_receive(0, 0, h, &m);
}
static status_t use_notify_receive_target(handle_t h)
{
    struct msg m = { 0 };
    return (status_t)sys_notify_receive(h, 1, good_port, &m);
}
static status_t use_notify(handle_t h)
{
    return sys_notify(h, 0);
}
static status_t use_dup(handle_t h)
{
    handle_t copy;
    status_t err = sys_handle_dup(h, RIGHTS_ALL, 0, &copy);
    return err ? err : sys_handle_close(copy);
}
static status_t use_port_reset(handle_t h)
{
    return sys_port_reset(h, 0);
}
static status_t use_memory_info(handle_t h)
{
    uint64_t len, pa;
    return sys_memory_info(h, 0, &len, &pa);
}
static status_t use_map_object(handle_t h)
{
    return sys_map(HANDLE_SELF, h, 0, 1 << 30, PAGE_SIZE, 0x7fff0000,
                   MAP_READ); /* offset: beyond any object */
}
static status_t use_map_process(handle_t h)
{
    return sys_map(h, 0, 0, 0, PAGE_SIZE, 0x7fff0000, MAP_READ);
}
static status_t use_unmap(handle_t h)
{
    return sys_unmap(h, 0x7fff0000, PAGE_SIZE);
}
static status_t use_derive(handle_t h)
{
    handle_t d;
    status_t err = sys_device_derive(h, 0, 0, NULL, &d);
    return err ? err : sys_handle_close(d);
}
static status_t use_revoke(handle_t h)
{
    return sys_device_revoke(h);
}
static status_t use_access_read(handle_t h)
{
    uint64_t value = 0;
    return sys_device_access(h, 9, 4, 0, &value); /* no such window */
}
static status_t use_access_write(handle_t h)
{
    uint64_t value = 0;
    return sys_device_access(h, 9, 4 | DEVICE_WRITE, 0, &value);
}
static status_t use_process_create(handle_t h)
{
    handle_t p;
    return sys_process_create(h, "x", 0, 0, 0, 0, &p); /* no pages */
}
static status_t use_process_create_port(handle_t h)
{
    handle_t p;
    return sys_process_create(world.self, "x", 0, 0, h, 0, &p);
}
static status_t use_kill(handle_t h)
{
    return sys_process_kill(h);
}
static status_t use_grant_process(handle_t h)
{
    handle_t there;
    return sys_process_grant(h, 0, RIGHTS_ALL, 0, &there);
}
static status_t use_grant_handle(handle_t h)
{
    handle_t there;
    status_t err = sys_process_grant(HANDLE_SELF, h, RIGHTS_ALL, 0, &there);
    return err ? err : sys_handle_close(there);
}
static status_t use_thread_create(handle_t h)
{
    handle_t t;
    return sys_thread_create(h, 0, 0, 0, 99, 0, &t); /* no such priority */
}
static status_t use_thread_control(handle_t h)
{
    return sys_thread_control(h, 99, 0, NULL);
}
static status_t use_timer_set(handle_t h)
{
    return sys_timer_set(h, (uint64_t)DEADLINE_NEVER, 0);
}
static status_t use_futex_owner(handle_t h)
{
    static const uint32_t word = 1;
    return sys_futex_wait(&word, 2, h, 0);
}
static status_t use_log_write(handle_t h)
{
    return sys_log_write(h, LOG_DEBUG, "", 1);
}
static status_t use_log_read(handle_t h)
{
    char text[8];
    uint64_t seq, len;
    return sys_log_read(h, 0, text, sizeof(text), &seq, &len);
}
static status_t use_log_console(handle_t h)
{
    uint64_t seq;
    return sys_log_console(h, 1, &seq);
}
static status_t use_log_subscribe_port(handle_t h)
{
    return sys_log_subscribe(world.chosen, h, 0);
}
static status_t use_info(handle_t h)
{
    uint64_t w[8];
    return sys_info(h, INFO_SYSTEM, 0, w);
}
static status_t use_irq_root(handle_t h)
{
    return sys_irq_root(h, good_port, 0, NULL);
}
static status_t use_irq_root_port(handle_t h)
{
    return sys_irq_root(world.root, h, 0, NULL);
}
static status_t use_power(handle_t h)
{
    return sys_power(h, 99);
}

static const struct use uses[] = {
    { "call", use_call, PORT, RIGHT_CALL, true },
    { "call_deadline", use_call_deadline, PORT, RIGHT_CALL, false },
    { "receive", use_receive, PORT, RIGHT_RECEIVE, false },
    { "reply_receive", use_reply_receive, PORT, RIGHT_RECEIVE, true },
    { "notify_receive's port", use_notify_receive_port, PORT, RIGHT_RECEIVE, true },
    { "notify_receive's target", use_notify_receive_target, PORT, RIGHT_NOTIFY, true },
    { "notify", use_notify, PORT, RIGHT_NOTIFY, false },
    { "handle_dup", use_dup, PORT | MEMORY | DEVICE | PROCESS | THREAD, 0, false },
    { "port_reset", use_port_reset, PORT, RIGHT_MANAGE, false },
    { "memory_info", use_memory_info, MEMORY, 0, false },
    { "map's object", use_map_object, MEMORY | DEVICE, RIGHT_READ, false },
    { "map's process", use_map_process, PROCESS, RIGHT_MANAGE, false },
    { "unmap", use_unmap, PROCESS, RIGHT_MANAGE, false },
    { "device_derive", use_derive, DEVICE, RIGHT_MANAGE, false },
    { "device_revoke", use_revoke, DEVICE, RIGHT_MANAGE, false },
    { "device_access to read", use_access_read, DEVICE, RIGHT_READ, false },
    { "device_access to write", use_access_write, DEVICE, RIGHT_WRITE, false },
    { "process_create's parent", use_process_create, PROCESS, RIGHT_MANAGE, false },
    { "process_create's fault port", use_process_create_port, PORT, RIGHT_MANAGE, false },
    { "process_kill", use_kill, PROCESS, RIGHT_MANAGE, true },
    { "process_grant's process", use_grant_process, PROCESS, RIGHT_MANAGE, false },
    { "process_grant's handle", use_grant_handle, PORT | MEMORY | DEVICE | PROCESS | THREAD, 0,
      false },
    { "thread_create", use_thread_create, PROCESS, RIGHT_MANAGE, false },
    { "thread_control", use_thread_control, THREAD, RIGHT_MANAGE, false },
    { "timer_set", use_timer_set, PORT, RIGHT_RECEIVE, false },
    { "futex_wait's owner", use_futex_owner, THREAD, 0, false },
    { "log to write", use_log_write, DEVICE, RIGHT_WRITE, false },
    { "log to read", use_log_read, DEVICE, RIGHT_READ, false },
    { "log's console", use_log_console, DEVICE, RIGHT_MANAGE, true },
    { "log's subscriber", use_log_subscribe_port, PORT, RIGHT_NOTIFY, false },
    { "info", use_info, DEVICE, RIGHT_READ, false },
    { "irq_root's device", use_irq_root, DEVICE, RIGHT_MANAGE, true },
    { "irq_root's port", use_irq_root_port, PORT, RIGHT_RECEIVE, true },
    { "power", use_power, DEVICE, RIGHT_MANAGE, false },
};
enum { USE_COUNT = sizeof(uses) / sizeof(uses[0]), KIND_COUNT = 5 };

static const enum kind kinds[KIND_COUNT] = { PORT, MEMORY, DEVICE, PROCESS, THREAD };
static handle_t objects[KIND_COUNT];
static struct child victim;

static void napper(uint64_t arg)
{
    (void)arg;
    struct msg m = { 0 };
    ignore(sys_receive(good_port, &m, (uint64_t)DEADLINE_NEVER));
    thread_leave();
}

static void make_objects(void)
{
    good_port = port_new();
    objects[0] = port_new();
    objects[1] = memory_new(PAGE_SIZE);
    EXPECT(sys_device_derive(world.root, 0, 0, NULL, &objects[2]), E_OK);
    child_new(&victim, 0, 0);
    objects[3] = victim.process;
    objects[4] = thread_run(0, napper, 0, PRIORITY_RUNNER + 1);
}

static void close_objects(void)
{
    EXPECT(sys_notify(good_port, 1), E_OK);
    thread_gone(objects[4]);
    child_end(&victim);
    close_handle(objects[0]);
    close_handle(objects[1]);
    close_handle(objects[2]);
    close_handle(good_port);
}

static void no_call_takes_what_is_no_handle(void)
{
    handle_t closed = port_new();
    close_handle(closed);
    handle_t after = port_new(); /* the same slot, the next generation */
    const handle_t bad[] = {
        closed, 0x7fffffff, 1, 0xfff, after ^ 0x1000, after + (1u << 20), after | 0x80000000
    };

    good_port = port_new();
    for (unsigned u = 0; u < USE_COUNT; u++) {
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            check_value(uses[u].what, "no handle", uses[u].call(bad[i]), E_HANDLE);
        }
    }
    EXPECT(sys_handle_close(closed), E_HANDLE);
    EXPECT(sys_handle_close(0), E_HANDLE);
    EXPECT(sys_handle_close(HANDLE_SELF), E_HANDLE);
    EXPECT(sys_reply(closed, &(struct msg){ 0 }), E_HANDLE);
    close_handle(after);
    close_handle(good_port);
}

static void no_call_takes_another_kind_of_object(void)
{
    make_objects();
    for (unsigned u = 0; u < USE_COUNT; u++) {
        for (unsigned k = 0; k < KIND_COUNT; k++) {
            if (!(uses[u].kinds & kinds[k])) {
                check_value(uses[u].what, "wrong type", uses[u].call(objects[k]), E_TYPE);
            }
        }
    }
    close_objects();
}

static void every_call_needs_its_right(void)
{
    make_objects();
    for (unsigned u = 0; u < USE_COUNT; u++) {
        for (unsigned k = 0; k < KIND_COUNT; k++) {
            /* rights that this kind has: a duplicate needs at least one */
            static const uint32_t all[KIND_COUNT] = {
                RIGHT_CALL | RIGHT_NOTIFY | RIGHT_RECEIVE | RIGHT_MANAGE,
                RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_MANAGE,
                RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE, RIGHT_READ | RIGHT_MANAGE,
                RIGHT_READ | RIGHT_MANAGE
            };
            if (!(uses[u].kinds & kinds[k]) || uses[u].right == 0) {
                continue;
            }
            handle_t less = dup_of(objects[k], all[k] & ~uses[u].right, 0);
            check_value(uses[u].what, "without the right", uses[u].call(less), E_RIGHTS);
            close_handle(less);
        }
    }
    close_objects();
}

/* The counterpart, or the tests above could pass with calls that refuse everything. */
static void with_its_right_no_call_complains_about_rights(void)
{
    make_objects();
    for (unsigned u = 0; u < USE_COUNT; u++) {
        for (unsigned k = 0; k < KIND_COUNT && !uses[u].harmful; k++) {
            bool chosen = uses[u].call == use_log_write || uses[u].call == use_log_read ||
                          uses[u].call == use_info ||
                          uses[u].call == use_power; /* these want a particular device */
            if ((uses[u].kinds & kinds[k]) && !chosen) {
                status_t err = uses[u].call(objects[k]);
                check_value(uses[u].what, "complains",
                            err == E_RIGHTS || err == E_TYPE ||
                                (err == E_HANDLE && uses[u].call != use_map_process &&
                                 uses[u].call != use_grant_process),
                            0);
            }
        }
    }
    close_objects();
}

static void devices_without_the_flag_have_no_privilege(void)
{
    handle_t plain = 0;

    good_port = port_new();
    EXPECT(sys_device_derive(world.root, 0, 0, NULL, &plain), E_OK);
    EXPECT(use_log_write(plain), E_RIGHTS);
    EXPECT(use_log_read(plain), E_RIGHTS);
    EXPECT(use_log_console(plain), E_RIGHTS);
    EXPECT(use_info(plain), E_RIGHTS);
    EXPECT(use_irq_root(plain), E_RIGHTS);
    EXPECT(sys_irq_root(world.root, good_port, ~(uint32_t)IRQ_ROOT_ICC, NULL), E_INVAL);
    EXPECT(sys_irq_root(world.root, good_port, IRQ_ROOT_ICC, NULL), E_BUSY);
    EXPECT(use_power(plain), E_RIGHTS);
    EXPECT(sys_device_derive(plain, DERIVE_IRQ_ROOT, 0, NULL, &plain), E_RIGHTS);
    EXPECT(sys_device_derive(world.root, DERIVE_CHOSEN, 0, NULL, &plain), E_RIGHTS);
    EXPECT(sys_device_derive(world.root, DERIVE_POWER, 0, NULL, &plain), E_RIGHTS);
    close_handle(plain);
    close_handle(good_port);
}

static void duplicates_can_only_shrink(void)
{
    handle_t port = port_new(), copy = 0, again = 0;

    copy = dup_of(port, RIGHT_CALL | RIGHT_TRANSFER, 0);
    EXPECT(sys_handle_dup(copy, RIGHTS_ALL, 0, &again), E_OK); /* all that there are */
    EXPECT(use_notify(again), E_RIGHTS);
    close_handle(again);
    EXPECT(sys_handle_dup(copy, RIGHT_NOTIFY, 0, &again), E_INVAL); /* none would be left */
    EXPECT(sys_handle_dup(copy, RIGHT_CALL, 5, &again), E_RIGHTS);  /* a badge needs MANAGE */
    close_handle(copy);
    copy = dup_of(port, RIGHT_CALL, 0);
    EXPECT(sys_handle_dup(copy, RIGHT_CALL, 0, &again), E_RIGHTS); /* without TRANSFER */
    close_handle(copy);
    EXPECT(sys_handle_dup(port, RIGHT_CALL, BADGE_MAX + 1, &again), E_INVAL);
    EXPECT(sys_handle_dup(world.chosen, RIGHT_READ, 5, &again), E_TYPE);
    EXPECT(sys_handle_dup(port, 0, 0, &again), E_INVAL);
    close_handle(port);
}

const struct ktest handle_tests[] = {
    { "no call takes what is no handle", no_call_takes_what_is_no_handle },
    { "no call takes another kind of object", no_call_takes_another_kind_of_object },
    { "every call needs its right", every_call_needs_its_right },
    { "with its right no call complains about rights",
      with_its_right_no_call_complains_about_rights },
    { "devices without the flag have no privilege", devices_without_the_flag_have_no_privilege },
    { "duplicates can only shrink", duplicates_can_only_shrink },
    { NULL, NULL },
};
