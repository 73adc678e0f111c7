/* SPDX-License-Identifier: BSD-2-Clause
 * log, info, power: what they tell and what they refuse.
 */
#include "ktest.h"
#include <string.h>

static void unknown_operations_are_refused(void)
{
    uint64_t w[8];

    EXPECT(sys_info(world.chosen, 99, 0, w), E_NOSYS);
    EXPECT(sys_power(world.power, 99), E_NOSYS);
    EXPECT(sys_info(world.chosen, INFO_PROCESS, 1ull << 40, w), E_NOTFOUND);
    EXPECT(sys_info(world.chosen, INFO_THREAD, 1ull << 40, w), E_NOTFOUND);
    EXPECT(sys_thread_control(0, 99, 0, NULL), E_NOSYS);
}

static void system_information_is_plausible(void)
{
    uint64_t w[8];

    EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, w), E_OK);
    CHECK(w[0] > 1000 && w[1] <= w[0] && w[3] <= w[2]);
    EXPECT(w[4], 1);
    EXPECT(sys_info(world.chosen, INFO_PROCESS, 0, w), E_OK);
    EXPECT(strncmp((const char *)&w[1], "init", 5), 0);
    do {
        EXPECT(sys_info(world.chosen, INFO_PROCESS, w[0] + 1, w), E_OK);
    } while (w[0] < 10 && strncmp((const char *)&w[1], "ktest", 6) != 0);
    EXPECT(w[5] >> 32, 1); /* threads */
    CHECK(w[3] <= w[4] && w[3] > 10);
}

static void processes_and_threads_appear_and_go(void)
{
    struct child c;
    uint64_t before[8], during[8];

    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, before), E_OK);
    child_new(&c, 0, 0);
    EXPECT(sys_info(world.chosen, INFO_OBJECTS, 0, during), E_OK);
    EXPECT(during[0], before[0] + 1);
    EXPECT(during[2], before[2] + 1); /* the fault port */
    child_end(&c);
}

static void log_gives_back_what_was_written(void)
{
    static const char text[] =
        "# a line of more than fifty-six characters, so that it takes two system calls to write";
    char buf[512];
    uint64_t seq = 0, len = 0, next = 0;

    EXPECT(sys_log_console(world.chosen, 1, &next), E_OK);
    say("%s", text);
    EXPECT(sys_log_read(world.chosen, next, buf, sizeof(buf) - 1, &seq, &len), E_OK);
    EXPECT(seq, next);
    buf[len] = '\0';
    CHECK(strstr(buf, text) != NULL);
    EXPECT(buf[len - 1], '\n');
    EXPECT(sys_log_read(world.chosen, seq + len, buf, sizeof(buf), &seq, &len), E_OK);
    EXPECT(len, 0);
    EXPECT(sys_log_read(world.chosen, 1ull << 60, buf, sizeof(buf), &seq, &len),
           E_OK); /* beyond the end: the end */
    EXPECT(len, 0);
    EXPECT(sys_log_read(world.chosen, 0, buf, sizeof(buf), &seq, &len), E_OK);
    EXPECT(len, sizeof(buf));
}

static void log_tells_its_subscriber(void)
{
    handle_t port = port_new();
    struct msg m;

    EXPECT(sys_log_subscribe(world.chosen, port, 0x40), E_OK);
    EXPECT(sys_log_write(world.chosen, LOG_INFO, "# half a line", 13), E_OK);
    EXPECT(receive_for(port, &m, 0, 0), E_TIMEOUT);
    say(", and the rest");
    EXPECT(receive_for(port, &m, 0, 0), (int64_t)RECV_EVENTS << 32);
    EXPECT(m.w[0], 0x40);
    close_handle(port); /* the kernel forgets it */
    say("# nobody listens");
}

const struct ktest info_tests[] = {
    { "unknown operations are refused", unknown_operations_are_refused },
    { "system information is plausible", system_information_is_plausible },
    { "processes and threads appear and go", processes_and_threads_appear_and_go },
    { "the log gives back what was written", log_gives_back_what_was_written },
    { "the log tells its subscriber", log_tells_its_subscriber },
    { NULL, NULL },
};
