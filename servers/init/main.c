/* SPDX-License-Identifier: BSD-2-Clause
 * init - the device manager: from the tree and the boot archive to running servers (design: README.md beside this).
 *
 * The first process, and the only one that nobody restarts: its fault is the kernel's panic. It has the lowest rank: it
 * answers everybody and calls nobody. Nothing here trusts the tree, the archive, or what servers write; what is wrong
 * with one of them becomes a line in the log that names it.
 */
#include <cambium/client.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include "elf64.h"
#include "init.h"

/* What the kernel gave; see start.h. */
static status_t init_handles(struct init *init)
{
    init->self = start_handle("self");
    init->chosen = start_handle("chosen");
    init->root = start_handle("root");
    init->power = start_handle("power");
    init->tree = start_handle("tree");
    init->port = start_handle("port");
    init->fdt = (const void *)start_info->tree_va;
    init->tree_len = start_info->tree_len;
    init->archive =
        (struct archive){ (const uint8_t *)start_info->archive_va, start_info->archive_len };
    return init->port != 0 ? E_OK : sys_port_create(&init->port);
}

/* ---- registers that decide which server a node gets (plan.h) ---- */

struct look {
    handle_t root, device; /* of the window looked at last; 0: none */
    uint64_t base;
};

static void look_close(struct look *look)
{
    if (look->device != 0) {
        (void)sys_handle_close(look->device); /* ours */
        look->device = 0;
    }
}

/* By checked accesses: a bus that does not answer is an error, not our fault. */
static status_t look_read(void *context, uint64_t base, uint64_t len, uint32_t offset,
                          uint32_t *out)
{
    struct look *look = context;
    struct device_window window = { .pa = base, .len = len };
    uint64_t value = 0;
    status_t err = E_OK;

    if (look->device == 0 || look->base != base) {
        look_close(look);
        err = sys_device_derive(look->root, 0, 1, &window, &look->device);
        look->base = base;
    }
    err = err ? err : sys_device_access(look->device, 0, sizeof(*out), offset, &value);
    if (err == E_OK) {
        *out = (uint32_t)value;
    }
    return err;
}

static status_t init_plan(struct init *init)
{
    struct look eyes = { .root = init->root };
    struct plan_look look = { .read = look_read, .context = &eyes };

    status_t err = tree_check(init->fdt, init->tree_len);

    if (err) {
        report(init, LOG_ERROR, "the device tree is damaged (%s): no server can be started",
               err_name(err));
        return err;
    }
    err = grow_prepare(init);
    if (err) {
        report(init, LOG_ERROR, "the tree cannot be copied (%s): buses find nothing",
               err_name(err));
    }
    if (init->archive.len == 0) {
        report(init, LOG_ERROR, "there is no boot archive: no server can be started");
    }
    err = images_read(init);
    size_t len = plan_arena_len(init->fdt);
    void *arena = err ? NULL : malloc(len);
    if (arena == NULL) {
        err = E_NOMEM;
    }
    err = err ? err
              : plan_make(init->fdt, init->plan_images, init->image_count, &look, arena, len,
                          &init->plan);
    look_close(&eyes);
    err = err ? err : servers_create(init);
    if (err) {
        init->plan.service_count = 0; /* names.c looks at plan and servers together */
        report(init, LOG_ERROR,
               "not enough memory for the plan of %llu bytes: no server can be started",
               (unsigned long long)len);
    }
    return err;
}

/* Says why there will be no prompt, where that is known now; the early console goes on printing the log. */
static void report_console(struct init *init)
{
    const struct server *console = names_console(init);

    if (console == NULL) {
        report(init, LOG_ERROR,
               "no server in the archive provides the console: there will be no prompt");
    } else if (console->plan->is_waiting) {
        report(init, LOG_ERROR,
               "the console cannot be started, see above: there will be no prompt");
    }
}

static void serve_fault(struct init *init, uint32_t badge, const struct msg *m)
{
    bool is_exit = m->w[0] == FAULT_EXIT;
    struct job *job = job_by_badge(init, badge);
    char name[TREE_PATH_LEN];
    char why[sizeof(((struct server *)0)->reason)];

    if (job != NULL && job->state == JOB_RUNNING) {
        if (!is_exit) {
            fault_report(init, job->image->name, NULL, &job->child, m, why, sizeof(why));
        }
        job_end(init, job, is_exit ? JOB_EXITED : JOB_FAULTED,
                is_exit ? (int)m->w[6] : (int)m->w[0]);
    } else if (job == NULL && badge != 0 && badge <= init->server_count) {
        struct server *s = &init->servers[badge - 1];
        if (s->child.process == 0) {
            return; /* of an incarnation that was stopped already */
        }
        (void)snprintf(why, sizeof(why), "it ended by itself"); /* fits */
        if (!is_exit) {
            report_server_name(init, s, name, sizeof(name));
            fault_report(init, name, s, &s->child, m, why, sizeof(why));
        }
        supervise_death(init, s, why);
    }
}

static void serve(struct init *init)
{
    struct msg m = { 0 };
    bool must_answer = false;

    for (;;) {
        m.info = msg_info(must_answer ? info_op(m.info) : 0, 0, 2);
        int64_t from = must_answer ? sys_reply_receive(init->port, &m)
                                   : sys_receive(init->port, &m, (uint64_t)DEADLINE_NEVER);
        uint32_t badge = (uint32_t)from;

        must_answer = false;
        if (from < 0) {
            continue; /* a message with too many handles failed at its sender */
        }
        switch (from >> 32) {
        case RECV_CALL:
            m.info = (uint32_t)names_serve(init, badge, &m);
            must_answer = true;
            break;
        case RECV_EVENTS:
            if (m.w[0] >> INIT_EVENT_TIMER_BIT & 1) {
                init->timer_ns = 0;
                init->dirty = true;
            }
            supervise_pages(init);
            break;
        case RECV_CLOSED:
            init->dirty = true; /* a badge is free again */
            break;
        case RECV_FAULT:
            serve_fault(init, badge, &m);
            break;
        default:
            break;
        }
        if (init->dirty) {
            supervise_turn(init);
        }
    }
}

/* Which init this is: when it faults itself, the kernel tells offsets in it (tools/lib/symbolise.py). */
static void report_build(struct init *init)
{
    const struct elf64_ehdr *header = (const struct elf64_ehdr *)start_info->image_va;
    const struct elf64_phdr *text =
        (const struct elf64_phdr *)(start_info->image_va + header->e_phoff);
    struct elf_image own = { .segment_count = 1,
                             .segments = { { .data = (const uint8_t *)header,
                                             .data_len = text->p_filesz,
                                             .flags = MAP_EXEC } } };

    report(init, LOG_INFO, "build %08x", fault_image_id(&own));
}

int main(void)
{
    static struct init init = { .suspect = -1 };

    if (init_handles(&init)) {
        report(&init, LOG_ERROR, "no port: out of memory");
        return E_NOMEM;
    }
    report_build(&init);
    if (init_plan(&init) == E_OK) {
        report_plan(&init);
        report_console(&init);
        supervise_turn(&init);
    }
    serve(&init);
}
