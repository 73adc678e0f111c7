/* SPDX-License-Identifier: BSD-2-Clause
 * The fake kernel of init_fake.h. Ports are numbered from 1 in the order of their creation: that of the ranks.
 */
#include "init_fake.h"

#include <cambium/client.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

static const struct dev_match gic[] = { DEV_MATCH("arm,cortex-a15-gic", "irq", "",
                                                  MATCH_IRQ_ROOT) };
static const struct dev_match pl011[] = { DEV_MATCH("arm,pl011", "serial", "interrupts", 0) };
static const struct dev_match mux[] = { DEV_MATCH("console", "serial", "stdout-path",
                                                  MATCH_SERVICE) };
static struct image images[] = { { .name = "drv/gicv2" },  { .name = "drv/pl011" },
                                 { .name = "mux/serial" }, { .name = "bin/shell" },
                                 { .name = "bin/hello" },  { .name = "bin/test-all" } };
static struct plan_image plan_images[] = { { "drv/gicv2", gic, 1 },  { "drv/pl011", pl011, 1 },
                                           { "mux/serial", mux, 1 }, { "bin/shell", NULL, 0 },
                                           { "bin/hello", NULL, 0 }, { "bin/test-all", NULL, 0 } };

/* ---- the kernel ---- */

uint64_t time_now_ns(void)
{
    return fake.now;
}

uint64_t time_deadline(uint64_t timeout_ns)
{
    return fake.now + timeout_ns;
}

status_t sys_port_create(handle_t *out)
{
    static handle_t next;

    next = fake.init.servers[0].port == 0 ? 1 : next + 1;
    *out = next;
    return E_OK;
}

status_t sys_port_reset(handle_t port, int fail_callers)
{
    fake.ports[port].resets++;
    fake.ports[port].fails += fail_callers != 0;
    return E_OK;
}

status_t sys_notify(handle_t port, uint64_t bits)
{
    (void)bits;
    fake.ports[port].notified++;
    return E_OK;
}

status_t sys_timer_set(handle_t port, uint64_t deadline, uint64_t bits)
{
    (void)port;
    (void)deadline;
    (void)bits;
    return E_OK;
}

status_t sys_device_derive(handle_t parent, uint32_t flags, unsigned count,
                           const struct device_window *windows, handle_t *out)
{
    (void)parent;
    (void)flags;
    assert_true(count > 0 && windows[0].len != 0);
    *out = 100;
    return E_OK;
}

status_t sys_device_revoke(handle_t device)
{
    (void)device;
    fake.revoked++;
    return E_OK;
}

status_t sys_info(handle_t chosen, uint32_t op, uint64_t arg, uint64_t w[8])
{
    assert_int_equal(chosen, 51);
    if (op == INFO_PROCESS && arg != INIT_PROCESS) {
        unsigned server = GIC;
        while (fake_server(server)->child.id != arg) {
            server++;
            assert_true(server < SERVERS);
        }
        memset(w, 0, 8 * sizeof(w[0]));
        w[0] = arg;
        w[3] = fake.pages_used[server];
        w[4] = 512;
        w[5] = 9;
        w[7] = fake.now / 100 * fake.cpu_percent[server];
        return E_OK;
    }
    assert_true(op == INFO_PROCESS || op == INFO_SYSTEM);
    w[3] = op == INFO_PROCESS ? 1000 : FAKE_DMA_PAGES;
    w[4] = 1000 + FAKE_DMA_PAGES + fake.pages_left;
    return E_OK;
}

uint64_t time_ticks_ns(uint64_t ticks)
{
    return ticks;
}

status_t sys_power(handle_t psci, uint32_t op)
{
    (void)psci;
    return op == POWER_OFF || op == POWER_REBOOT ? E_OK : E_NOSYS;
}

status_t sys_log_console(handle_t chosen, int on, uint64_t *out_seq)
{
    (void)chosen;
    fake.is_early_console = on;
    *out_seq = 0;
    return E_OK;
}

_Noreturn void sys_process_exit(int code)
{
    fake.exit_code = code;
    if (fake.exit == NULL) {
        fail_msg("init ended");
        abort();
    }
    longjmp(*fake.exit, 1);
}

status_t sys_log_write(handle_t chosen, unsigned level, const char *text, uint64_t len)
{
    size_t used = strlen(fake.log);

    (void)chosen;
    (void)level;
    if (used + len < sizeof(fake.log)) {
        memcpy(fake.log + used, text, len);
    }
    return E_OK;
}

/* ---- what init's other files do ---- */

struct image *image_find(struct init *init, const char *name)
{
    (void)init;
    for (unsigned i = 0; i < IMAGES; i++) {
        if (strcmp(images[i].name, name) == 0) {
            return &images[i];
        }
    }
    return NULL;
}

status_t child_create(struct init *init, struct child *c, const struct child_spec *spec)
{
    (void)init;
    if (fake.fail_create) {
        return fake.fail_create;
    }
    fake.spec = *spec;
    fake.creations++;
    fake.log_rights = 0;
    fake.has_self = false;
    *c = (struct child){ .process = 100 + fake.creations,
                         .id = 100 + fake.creations,
                         .image = spec->image,
                         .command =
                             spec->is_program ? NULL : calloc(1, sizeof(struct command_page)) };
    return E_OK;
}

status_t child_grant(struct child *c, const char *name, handle_t h, uint32_t rights, uint32_t badge)
{
    assert_int_not_equal(h, 0);
    assert_int_not_equal(strlen(name), 0);
    assert_false((rights & RIGHT_CALL) && (rights & RIGHT_TRANSFER)); /* law 5 */
    assert_true(!(rights & RIGHT_CALL) || badge != 0);
    (void)c;
    if (fake.grants_busy > 0) {
        fake.grants_busy--;
        return E_BUSY;
    }
    fake.log_rights = strcmp(name, "chosen") == 0 ? rights : fake.log_rights;
    fake.has_self = fake.has_self || strcmp(name, "self") == 0;
    return E_OK;
}

status_t child_run(struct child *c)
{
    (void)c;
    return E_OK;
}

void child_destroy(struct child *c)
{
    fake.kills += c->process != 0;
    free(c->command);
    *c = (struct child){ 0 };
}

/* allow.c, job.c and names.c, where they are not linked */
#define WEAK __attribute__((weak))

WEAK void jobs_end_owned(struct init *init, uint32_t owner)
{
    (void)init;
    (void)owner;
}

WEAK struct server *names_console(struct init *init)
{
    return &init->servers[CONSOLE];
}

WEAK status_t names_session(struct init *init, struct child *c, uint32_t *out)
{
    (void)init;
    (void)c;
    *out = BADGE_CONSOLE;
    return E_OK;
}

WEAK void allow_renew(struct init *init)
{
    (void)init;
}

WEAK status_t grow_serve(struct init *init, const struct server *s, struct msg *m)
{
    (void)init;
    (void)s;
    (void)m;
    return E_NOSYS;
}

/* ---- the tests' side ---- */

void fake_setup(void)
{
    static uint8_t arena[256 * 1024] __attribute__((aligned(16)));

    fake = (struct fake){ .now = 1 * SECOND, .next_pa = 0x40000000, .pages_left = 1000000 };
    fake.init.suspect = -1;
    fake.init.port = 50;
    fake.init.chosen = 51;
    fake.init.root = 52;
    fake.init.fdt = tree_load("good-virt-gicv2");
    fake.init.images = images;
    fake.init.plan_images = plan_images;
    fake.init.image_count = IMAGES;
    assert_int_equal(
        plan_make(fake.init.fdt, plan_images, IMAGES, NULL, arena, sizeof(arena), &fake.init.plan),
        E_OK);
    fake.init.servers =
        calloc(SERVERS, sizeof(struct server)); /* so that sys_port_create can look */
    struct server *first = fake.init.servers;
    assert_int_equal(servers_create(&fake.init), E_OK);
    free(first);
    assert_int_equal(fake.init.server_count, SERVERS);
}

void fake_teardown(void)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        free(fake.init.servers[i].child.command);
    }
    free(fake.init.servers);
    free((void *)(uintptr_t)fake.init.fdt);
}

struct server *fake_server(unsigned server)
{
    return &fake.init.servers[server];
}

static void look(void)
{
    supervise_pages(&fake.init);
    if (fake.init.dirty) {
        supervise_turn(&fake.init);
    }
}

void fake_ready(unsigned server)
{
    assert_int_equal(fake_server(server)->state, SERVICE_STARTING);
    fake_server(server)->child.command->state = SERVER_READY;
    look();
    assert_int_equal(fake_server(server)->state, SERVICE_RUNNING);
}

uint32_t fake_command(unsigned server)
{
    const struct server *s = fake_server(server);
    return s->command_open ? s->child.command->op : 0;
}

void fake_done(unsigned server, status_t status)
{
    struct command_page *page = fake_server(server)->child.command;

    assert_int_not_equal(fake_command(server), 0);
    page->status = status;
    page->done = page->seq;
    look();
}

void fake_fails(unsigned server, status_t error)
{
    struct command_page *page = fake_server(server)->child.command;

    page->error = error;
    (void)snprintf(page->reason, sizeof(page->reason), "it says why");
    page->state = SERVER_FAILED;
    supervise_death(&fake.init, fake_server(server), "it ended");
    look();
}

void fake_faults(unsigned server)
{
    supervise_death(&fake.init, fake_server(server), "it faulted");
    look();
}

void fake_boot(void)
{
    supervise_turn(&fake.init);
    fake_ready(GIC);
    fake_ready(PL011);
    fake_ready(CONSOLE);
    fake.now += 10 * MS;
}

bool fake_advance(uint64_t until)
{
    if (fake.init.timer_ns == 0 || fake.init.timer_ns > until) {
        fake.now = until;
        return false;
    }
    fake.now = fake.init.timer_ns > fake.now ? fake.init.timer_ns : fake.now;
    fake.init.timer_ns = 0;
    supervise_turn(&fake.init);
    return true;
}

static void answer(unsigned alive)
{
    for (unsigned i = 0; i < SHELL; i++) {
        while ((alive >> i & 1) && fake_server(i)->child.process != 0 && fake_command(i) != 0) {
            fake_done(i, E_OK);
        }
    }
}

void fake_live(uint64_t ns, unsigned alive)
{
    uint64_t until = fake.now + ns;

    do {
        answer(alive);
    } while (fake_advance(until));
}
