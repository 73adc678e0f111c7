/* SPDX-License-Identifier: BSD-2-Clause */
#include "grow_world.h"
#include "tree_test.h"
#include <cambium/client.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct init init;
void *original, *copy;
uint64_t memory_len;
char log_text[2048];
int gone;
uint64_t renewed;
unsigned woken;
bool has_no_memory;
static uint64_t copy_len;
uint8_t blob[BLOB_LEN];

/* ---- what grow.c calls ---- */

status_t sys_memory_create(uint64_t len, uint32_t flags, uint64_t limit, handle_t *out)
{
    assert_true(flags == 0 && limit == 0 && len % PAGE_SIZE == 0);
    if (has_no_memory) {
        return E_BUDGET;
    }
    copy_len = len;
    copy = calloc(1, len);
    *out = COPY;
    return E_OK;
}

status_t sys_memory_info(handle_t memory, uint64_t offset, uint64_t *out_len, uint64_t *out_pa)
{
    assert_int_equal(offset, 0);
    if (memory != BLOB) {
        return E_TYPE;
    }
    *out_len = memory_len;
    *out_pa = 0;
    return E_OK;
}

/* Mappings are where the memory already is. */
static bool is_reserving_copy = true;
uint64_t vm_reserve(uint64_t len)
{
    return is_reserving_copy && len == copy_len ? (uint64_t)copy : (uint64_t)blob;
}

void vm_release(uint64_t va, uint64_t len)
{
    assert_true(va == (uint64_t)blob || va == (uint64_t)copy);
    (void)len;
}

status_t sys_map(handle_t process, handle_t object, unsigned window, uint64_t offset, uint64_t len,
                 uint64_t va, uint32_t flags)
{
    assert_true(process == HANDLE_SELF && window == 0 && offset == 0 && len != 0);
    assert_true(object == COPY ? va == (uint64_t)copy && flags == (MAP_READ | MAP_WRITE)
                               : va == (uint64_t)blob && flags == MAP_READ);
    return E_OK;
}

status_t sys_unmap(handle_t process, uint64_t va, uint64_t len)
{
    (void)process;
    (void)va;
    (void)len;
    return E_OK;
}

status_t sys_handle_close(handle_t h)
{
    (void)h;
    return E_OK;
}

void report(struct init *i, enum log_level level, const char *format, ...)
{
    size_t at = strlen(log_text);
    va_list args;

    (void)i;
    (void)level;
    va_start(args, format);
    int n = vsnprintf(log_text + at, sizeof(log_text) - at, format, args);
    va_end(args);
    assert_true(n > 0 && at + (size_t)n + 2 < sizeof(log_text));
    strcat(log_text, "\n");
}

void report_server_name(struct init *i, const struct server *s, char *out, size_t len)
{
    tree_path(i->fdt, i->plan.nodes[s->plan->node].offset, out, len);
}

void server_add(struct init *i)
{
    struct server *s = &i->servers[i->server_count];

    s->number = i->server_count++;
    s->plan = &i->plan.services[s->number];
}

struct server *server_provider(struct init *i, const struct server *s, unsigned index,
                               const struct plan_ref **out_ref)
{
    *out_ref = &i->plan.refs[s->plan->ref + index];
    return index < s->plan->ref_count ? &i->servers[(*out_ref)->provider] : NULL;
}

void servers_wake(struct init *i)
{
    woken++;
    (void)i;
}

void allow_renew(struct init *i)
{
    (void)i;
}

void supervise_gone(struct init *i, struct server *s)
{
    gone = (int)s->number;
    (void)i;
}

void supervise_restart(struct init *i, struct server *s)
{
    renewed |= (uint64_t)1 << s->number;
    (void)i;
}

/* ---- the bus's server ---- */

void blob_begin(void)
{
    assert_int_equal(fdt_create(blob, BLOB_LEN), 0);
    assert_int_equal(fdt_finish_reservemap(blob), 0);
    assert_int_equal(fdt_begin_node(blob, ""), 0);
}

/* A function with one BAR of memory (0: none) at that address. */
void blob_function(const char *name, const char *compatible, unsigned slot, uint32_t bar)
{
    fdt32_t reg[] = { cpu_to_fdt32(slot << 11), 0, 0, 0, 0 };
    fdt32_t assigned[] = { cpu_to_fdt32(0x82000010 | slot << 11), 0, cpu_to_fdt32(bar), 0,
                           cpu_to_fdt32(0x1000) };

    assert_int_equal(fdt_begin_node(blob, name), 0);
    assert_int_equal(fdt_property(blob, "reg", reg, sizeof(reg)), 0);
    if (bar != 0) {
        assert_int_equal(fdt_property(blob, "assigned-addresses", assigned, sizeof(assigned)), 0);
    }
    assert_int_equal(fdt_property_string(blob, "compatible", compatible), 0);
    assert_int_equal(fdt_property_u32(blob, "interrupts", 1), 0);
    assert_int_equal(fdt_end_node(blob), 0);
}

void blob_bridge_begin(const char *name)
{
    fdt32_t reg[5] = { 0 };

    assert_int_equal(fdt_begin_node(blob, name), 0);
    assert_int_equal(fdt_property_string(blob, "device_type", "pci"), 0);
    assert_int_equal(fdt_property(blob, "reg", reg, sizeof(reg)), 0);
    assert_int_equal(fdt_property_u32(blob, "#address-cells", 3), 0);
    assert_int_equal(fdt_property_u32(blob, "#size-cells", 2), 0);
    assert_int_equal(fdt_property(blob, "ranges", "", 0), 0);
}

status_t blob_send(const char *host, struct msg *m)
{
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(fdt_finish(blob), 0);
    *m = (struct msg){ msg_info(INIT_OP_GROW, 1, 0), { fdt_totalsize(blob), [7] = BLOB } };
    return grow_serve(
        &init,
        &init.servers[init.plan.nodes[plan_node_index(&init.plan, tree_node(init.fdt, host))]
                          .service],
        m);
}

int node_at(const char *path)
{
    return plan_node_index(&init.plan, tree_node(init.fdt, path));
}

struct server *server_at(const char *path)
{
    return &init.servers[init.plan.nodes[node_at(path)].service];
}

void world_begin(const char *tree, const struct plan_image *images, unsigned image_count)
{
    static uint8_t arena[512 * 1024] __attribute__((aligned(16)));

    world_end();
    init = (struct init){ 0 };
    log_text[0] = '\0';
    gone = -1;
    renewed = 0;
    woken = 0;
    memory_len = BLOB_LEN;
    has_no_memory = false;
    init.fdt = original = tree_load(tree);
    init.tree_len = tree_len(original);
    is_reserving_copy = true;
    assert_int_equal(grow_prepare(&init), E_OK);
    is_reserving_copy = false;
    assert_int_equal(tree_check(init.fdt, init.tree_len), E_OK);
    assert_true(plan_arena_len(init.fdt) <= sizeof(arena));
    assert_int_equal(
        plan_make(init.fdt, images, image_count, NULL, arena, sizeof(arena), &init.plan), E_OK);
    init.server_max = init.plan.service_count + 1 + init.plan.found_max;
    init.servers = calloc(init.server_max, sizeof(struct server));
    while (init.server_count < init.plan.service_count) {
        server_add(&init);
    }
    init.server_count++; /* the shell */
}

void world_end(void)
{
    free(copy);
    free(original);
    free(init.servers);
    copy = original = NULL;
    init.servers = NULL;
}
