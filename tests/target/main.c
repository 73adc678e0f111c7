/* SPDX-License-Identifier: BSD-2-Clause
 * The first process: starts drv/gicv2 or drv/gicv3 and the runner from copies of its own image, waits for the runner's end, powers
 * off.
 * /chosen bootargs say what to run: "stress", or a word that the names of the tests must contain.
 */
#include <cambium/start.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>
#include "hostile.h"
#include "ktest.h"

struct world world;

/* ELF-64 program header, System V ABI 4.1, figure 5-1. */
struct program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
enum { ELF_PHOFF = 32, ELF_PHNUM = 56, LOAD = 1, FLAG_X = 1, FLAG_W = 2 };

#define COPY_VA          0x48000000ull /* where the first process fills memories */
#define RUNNER_STACK     0x58000000ull
#define RUNNER_STACK_LEN 0x10000ull
enum { RUNNER_BADGE = 1, CONTROLLER_BADGE = 2, BOSS_BADGE = 3 };

static handle_t copy_of(uint64_t va, uint64_t len)
{
    handle_t memory = memory_new(len);

    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, len, COPY_VA, MAP_READ | MAP_WRITE), E_OK);
    memcpy((void *)COPY_VA, (const void *)va, len);
    EXPECT(sys_unmap(HANDLE_SELF, COPY_VA, len), E_OK);
    return memory;
}

static void read_image(void)
{
    const uint8_t *base = (const uint8_t *)start_info->image_va;
    const struct program_header *ph =
        (const struct program_header *)(const void *)(base +
                                                      *(const uint64_t *)(const void *)(base +
                                                                                        ELF_PHOFF));
    unsigned count = *(const uint16_t *)(const void *)(base + ELF_PHNUM);

    for (unsigned i = 0, n = 0; i < count && n < SEGMENTS_MAX; i++) {
        if (ph[i].type != LOAD) {
            continue;
        }
        struct segment *s = &world.segments[n++];
        uint64_t end = start_info->image_va + ph[i].vaddr + ph[i].memsz;
        s->va = (start_info->image_va + ph[i].vaddr) & ~(uint64_t)(PAGE_SIZE - 1);
        s->len = (end - s->va + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
        s->flags = MAP_READ | (ph[i].flags & FLAG_W ? MAP_WRITE : 0) |
                   (ph[i].flags & FLAG_X ? MAP_EXEC : 0);
        s->memory = s->flags & MAP_WRITE ? 0 : copy_of(s->va, s->len);
    }
}

static const char *arguments(void)
{
    const void *tree = (const void *)start_info->tree_va;
    int chosen;
    const char *args =
        tree_find(tree, "/chosen", &chosen) == E_OK ? tree_string(tree, chosen, "bootargs") : NULL;

    return args != NULL ? args : "";
}

static char run_what[64];
static struct start_info runner_info; /* the page that start_info points at is not the runner's */

static void runner_main(uint64_t arg)
{
    (void)arg;
    start_info = &runner_info;
    if (strcmp(run_what, "stress") == 0) {
        stress_run();
    } else if (strcmp(run_what, "seeded") == 0) {
        ktest_seeded();
    } else if (strncmp(run_what, "hostile ", 8) == 0 &&
               run_what[8] <= '9') { /* a number: the long run */
        hostile_words(run_what + 8);
    } else {
        ktest_all(run_what);
    }
    sys_process_exit(0);
}

static handle_t grant(handle_t process, handle_t h, uint32_t rights)
{
    handle_t there = 0;

    EXPECT(sys_process_grant(process, h, rights, 0, &there), E_OK);
    return there;
}

/* Maps the image into `process`, the data as they are now but for `there`, which it finds as its world. */
static void load(handle_t process, const struct world *there)
{
    struct world here = world;

    for (unsigned i = 0; i < SEGMENTS_MAX && here.segments[i].len != 0; i++) {
        struct segment *s = &here.segments[i];
        handle_t memory = s->memory;
        if (s->flags & MAP_WRITE) {
            world = *there;
            memory = copy_of(s->va, s->len);
            world = here;
        }
        EXPECT(sys_map(process, memory, 0, 0, s->len, s->va, s->flags), E_OK);
        if (memory != s->memory) {
            close_handle(memory);
        }
    }
}

static handle_t run(handle_t process, void (*entry)(uint64_t), uint64_t arg, unsigned priority)
{
    handle_t thread = 0, stack = memory_new(RUNNER_STACK_LEN);

    EXPECT(sys_map(process, stack, 0, 0, RUNNER_STACK_LEN, RUNNER_STACK, MAP_READ | MAP_WRITE),
           E_OK);
    EXPECT(sys_thread_create(process, (uint64_t)entry, RUNNER_STACK + RUNNER_STACK_LEN, arg,
                             priority, world.tp, &thread),
           E_OK);
    close_handle(stack);
    return thread;
}

static void start_runner(handle_t faults)
{
    uint64_t w[8] = { 0 };
    handle_t process = 0;
    struct world there = world;
    handle_t boss = dup_of(faults, RIGHT_CALL | RIGHT_TRANSFER, BOSS_BADGE);

    EXPECT(sys_info(world.chosen, INFO_SYSTEM, 0, w), E_OK);
    EXPECT(sys_process_create(start_handle("self"), "ktest", w[1] / 2, CEILING, faults,
                              RUNNER_BADGE, &process),
           E_OK);
    there.self = grant(process, process, RIGHT_READ | RIGHT_MANAGE);
    there.chosen =
        grant(process, world.chosen, RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER);
    there.root = grant(process, start_handle("root"),
                       RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE | RIGHT_TRANSFER);
    there.power = grant(process, start_handle("power"), RIGHT_MANAGE | RIGHT_TRANSFER);
    there.irq = grant(process, world.irq, RIGHT_CALL | RIGHT_MANAGE | RIGHT_TRANSFER);
    there.boss = grant(process, boss, RIGHT_CALL);
    for (unsigned i = 0; i < SEGMENTS_MAX && world.segments[i].len != 0; i++) {
        struct segment *s = &world.segments[i];
        if (s->memory != 0) {
            there.segments[i].memory =
                grant(process, s->memory, RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_TRANSFER);
        }
    }
    runner_info = (struct start_info){ .magic = START_MAGIC,
                                       .size = sizeof(runner_info),
                                       .image_va = start_info->image_va,
                                       .free_va = start_info->free_va,
                                       .free_end = start_info->free_end };
    load(process, &there);
    ignore(run(process, runner_main, 0, PRIORITY_RUNNER));
}

/* ---- the interrupt controller: without its server there is no tick ---- */

#define INFO_VA 0x5a000000ull

static int node_with(const char *compatible)
{
    const void *tree = (const void *)start_info->tree_va;
    int depth = 0, node = tree_next(tree, -1, &depth);

    while (node >= 0 && tree_compatible(tree, node, compatible) < 0) {
        node = tree_next(tree, node, &depth);
    }
    return node;
}

static void name_handle(struct start_info *info, const char *name, handle_t h)
{
    struct start_handle *entry = &info->handles[info->handle_count++];

    (void)snprintf(entry->name, sizeof(entry->name), "%s", name); /* fits */
    entry->handle = h;
}

static const struct controller {
    const char *compatible, *name;
    void (*entry)(uint64_t info);
} controllers[] = { { "arm,cortex-a15-gic", "gicv2", controller_gicv2 },
                    { "arm,gic-v3", "gicv3", controller_gicv3 } };

static const struct controller *controller(void)
{
    return &controllers[node_with(controllers[1].compatible) >= 0];
}

/* What start_controller makes, for stop_controller. */
static struct {
    handle_t process, thread, device;
} running;

/* Before the first start. */
static void find_controller(void)
{
    const void *tree = (const void *)start_info->tree_va;
    struct tree_range reg;

    EXPECT(tree_reg(tree, node_with(controller()->compatible), 0, &reg), E_OK);
    world.controller_pa = reg.base;
    world.irq = port_new();
    world.irq_node = node_with("arm,pl031"); /* nobody else uses its line, nor that of the other */
    world.edge_node = node_with("virtio,mmio");
}

/* The server itself, linked into this image, in a process of its own. */
static void start_controller(handle_t faults)
{
    const struct controller *c = controller();
    const void *tree = (const void *)start_info->tree_va;
    struct device_window windows[2] = { { 0, 0 } };
    struct tree_range reg;
    handle_t process = 0, device = 0, memory = memory_new(PAGE_SIZE);
    struct start_info *info = (struct start_info *)INFO_VA;
    int node = node_with(c->compatible);

    for (unsigned i = 0; i < 2; i++) {
        EXPECT(tree_reg(tree, node, i, &reg), E_OK);
        windows[i] = (struct device_window){ reg.base, reg.len };
    }
    EXPECT(sys_device_derive(start_handle("root"), DERIVE_IRQ_ROOT, 2, windows, &device), E_OK);
    EXPECT(sys_process_create(start_handle("self"), c->name, 256, PRIORITY_COUNT - 1, faults,
                              CONTROLLER_BADGE, &process),
           E_OK);
    EXPECT(sys_map(HANDLE_SELF, memory, 0, 0, PAGE_SIZE, INFO_VA, MAP_READ | MAP_WRITE), E_OK);
    *info = (struct start_info){ .magic = START_MAGIC,
                                 .size = PAGE_SIZE,
                                 .tree_va = start_info->tree_va,
                                 .tree_len = start_info->tree_len,
                                 .free_va = start_info->free_va + (1ull << 32),
                                 .free_end = start_info->free_end,
                                 .node = node };
    name_handle(info, "device", grant(process, device, RIGHT_READ | RIGHT_WRITE | RIGHT_MANAGE));
    name_handle(info, "port", grant(process, world.irq, RIGHT_RECEIVE));
    name_handle(info, "chosen", grant(process, world.chosen, RIGHT_WRITE));
    EXPECT(sys_unmap(HANDLE_SELF, INFO_VA, PAGE_SIZE), E_OK);
    EXPECT(sys_map(process, memory, 0, 0, PAGE_SIZE, INFO_VA, MAP_READ), E_OK);
    close_handle(memory);
    EXPECT(sys_map(process, start_handle("tree"), 0, 0,
                   (start_info->tree_len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull),
                   start_info->tree_va, MAP_READ),
           E_OK);
    load(process, &world);
    running.thread = run(process, c->entry, INFO_VA, PRIORITY_COUNT - 1);
    running.process = process;
    running.device = device;
}

static void stop_controller(void)
{
    EXPECT(sys_process_kill(running.process), E_OK);
    EXPECT(sys_device_revoke(running.device), E_OK);
    close_handle(running.thread);
    close_handle(running.process);
    close_handle(running.device);
}

/* Serves the runner until its end, which is returned as sys_receive tells it. */
static int64_t serve(handle_t faults, struct msg *m)
{
    *m = (struct msg){ .info = 0 };
    int64_t from = sys_receive(faults, m, (uint64_t)DEADLINE_NEVER);

    while (from == ((int64_t)RECV_CALL << 32 | BOSS_BADGE)) {
        if (info_op(m->info) == BOSS_STOP_CONTROLLER) {
            stop_controller();
        } else {
            start_controller(faults);
        }
        *m = (struct msg){ .info = 0 };
        from = sys_reply_receive(faults, m);
    }
    return from;
}

int main(void)
{
    struct msg m = { .info = 0 };
    handle_t faults = port_new();

    world.chosen = start_handle("chosen");
    __asm__("mrs %[tp], tpidr_el0" : [tp] "=r"(world.tp));
    (void)snprintf(run_what, sizeof(run_what), "%s", arguments());
    read_image();
    find_controller();
    start_controller(faults);
    start_runner(faults);
    int64_t from = serve(faults, &m);
    if (from != ((int64_t)RECV_FAULT << 32 | RUNNER_BADGE)) {
        say("Bail out! the first process received %llx, cause %d at %llx", (unsigned long long)from,
            (int)m.w[0], (unsigned long long)m.w[1]);
    } else if (m.w[0] != FAULT_EXIT) {
        say("Bail out! fault %d at %llx, pc image+%llx, ESR %llx, sp %llx", (int)m.w[0],
            (unsigned long long)m.w[1], (unsigned long long)(m.w[2] - start_info->image_va),
            (unsigned long long)m.w[3], (unsigned long long)m.w[4]);
    }
    say("# end");
    (void)sys_power(start_handle("power"),
                    POWER_OFF); /* if it comes back, the test of the host runs into its time */
    for (;;) {
        ignore(sys_receive(faults, &m, (uint64_t)DEADLINE_NEVER));
    }
}
