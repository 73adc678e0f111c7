/* SPDX-License-Identifier: BSD-2-Clause
 * init's acting half on the build machine: real server.c, supervise.c, round.c, command.c, report.c over a fake kernel
 * that records, on QEMU's tree with the images gicv2 (rank 1), pl011 (2), the console (3) and the shell. names.c, job.c and
 * dma.c are real where a test links them.
 */
#pragma once
#include "init.h"
#include "tree_test.h"
#include <setjmp.h>

enum { GIC = 0, PL011, CONSOLE, SHELL, SERVERS };
enum { IMAGE_HELLO = SERVERS, IMAGE_TEST, IMAGES };

/* A handle in init's table that a test or a system call made; others are not looked at. */
struct fake_handle {
    bool is_open, is_memory, tells_address;
    uint64_t len, pa;
    const void *data; /* what mapping it shows */
};
enum { FAKE_HANDLES = 512, FAKE_FIRST = 1000, FAKE_DMA_PAGES = 1024 };

struct fake {
    struct init init;
    uint64_t now; /* what time_now_ns tells */
    unsigned cpu_percent[SERVERS], pages_used[SERVERS]; /* of the servers' processes, as the kernel tells */
    unsigned creations, kills;
    unsigned grants_busy; /* so many grants answer E_BUSY first */
    status_t fail_create, fail_grant, fail_memory; /* E_OK: they work */
    struct child_spec spec;                        /* of the last child_create */
    struct {
        handle_t process, handle;
        uint32_t rights, badge;
    } granted; /* the last sys_process_grant */
    uint32_t log_rights; /* at /chosen, of the last child */
    bool has_self;       /* it may create processes */
    struct fake_handle handles[FAKE_HANDLES];
    uint64_t next_pa;
    uint64_t pages_left; /* of init's budget, without the DMA pool */
    unsigned reserved;   /* address ranges */
    bool is_early_console;
    jmp_buf *exit; /* where init's end goes; NULL: it must not end */
    int exit_code;
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
/* A handle of `len` bytes of memory, or (0) of something else. `data`: what is in it. */
handle_t fake_handle(uint64_t len, bool tells_address, const void *data);
struct fake_handle *fake_handle_of(handle_t h);
/* Handles of that kind that are open. */
unsigned fake_open(void);
/* `ns` go by; the servers with a bit in `alive` answer what they are asked. */
void fake_live(uint64_t ns, unsigned alive);
