/* SPDX-License-Identifier: BSD-2-Clause
 * open NAME... | give LIST PROGRAM WORD...: opens services and says what came of each; or starts a program with the words
 * of LIST (commas between them, "-": none) as what it may, and ends with its status.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <stdio.h>
#include <string.h>

PROGRAM_NEEDS("irq block +spawn");

enum { WORDS = 8, ENDED = 1, NOT_STARTED = 126 };

static int open_all(int count, char *names[])
{
    for (int i = 0; i < count; i++) {
        handle_t service;
        status_t err = service_open(names[i], &service);
        printf("%s: %s\n", names[i], err_name(err));
    }
    return 0;
}

static int give(const char *words, char *argv[])
{
    char copy[128], *list = copy; /* argv is not writable */
    const char *allow[WORDS + 1] = { NULL };
    enum job_state state = JOB_RUNNING;
    uint32_t job, console;
    handle_t port;
    int code = 0;

    (void)snprintf(copy, sizeof(copy), "%s", words); /* as long as any here */
    for (unsigned i = 0; i < WORDS && list != NULL && strcmp(list, "-") != 0; i++) {
        allow[i] = strsep(&list, ",");
    }
    status_t err = sys_port_create(&port);
    fflush(stdout);
    err = err ? err : spawn((const char *const *)argv, NULL, allow, port, ENDED, &job, &console);
    if (err) {
        printf("%s not started: %s\n", argv[0], err_name(err));
        return NOT_STARTED;
    }
    while (!err && state == JOB_RUNNING) {
        struct msg m = { 0 };
        err = sys_receive(port, &m, (uint64_t)DEADLINE_NEVER) < 0 ? E_DEAD : E_OK;
        err = err ? err : job_status(job, &state, &code);
    }
    return err ? 1 : code;
}

int main(int argc, char *argv[])
{
    if (argc > 2 && strcmp(argv[1], "open") == 0) {
        return open_all(argc - 2, argv + 2);
    }
    return argc > 3 && strcmp(argv[1], "give") == 0 ? give(argv[2], argv + 3) : 2;
}
