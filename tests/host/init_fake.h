/* SPDX-License-Identifier: BSD-2-Clause
 * init's acting half on the build machine: real server.c, supervise.c, round.c, command.c, report.c over a fake kernel
 * that records, on QEMU's tree with the images gicv2 (rank 1), pl011 (2), the console (3) and the shell.
 */
#pragma once
#include "init.h"
#include "tree_test.h"

enum { GIC = 0, PL011, CONSOLE, SHELL, SERVERS };

struct fake {
    struct init init;
    uint64_t now; /* what time_now_ns tells */
    unsigned creations, kills;
    unsigned grants_busy; /* so many grants answer E_BUSY first */
    unsigned fail_create; /* status of the next child_create's, 0: works */
    struct {
        unsigned resets, fails, notified; /* of the port with this number */
    } ports[SERVERS + 2];
    unsigned revoked;
    char log[8192];
};

extern struct fake fake;

/* A fresh init, all plans made, nothing started. */
void fake_setup(void);
void fake_teardown(void);
/* The server says it is ready, init looks. */
void fake_ready(unsigned server);
/* The server finishes the open command with `status`, init looks. */
void fake_done(unsigned server, status_t status);
/* Its main returned `error`, or it faulted. */
void fake_fails(unsigned server, status_t error);
void fake_faults(unsigned server);
/* Everything starts and is ready. */
void fake_boot(void);
/* Lets time go on until the next thing that init wants to do, at most to `until`; true: something was due. */
bool fake_advance(uint64_t until);
struct server *fake_server(unsigned server);
/* The open command of a server, 0 if none. */
uint32_t fake_command(unsigned server);
/* `ns` go by; the servers with a bit in `alive` answer what they are asked. */
void fake_live(uint64_t ns, unsigned alive);
