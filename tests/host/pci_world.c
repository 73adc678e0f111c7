/* SPDX-License-Identifier: BSD-2-Clause
 * See pci_world.h.
 */
#include "pci_world.h"
#include <cambium/proto/init.h>
#include <cambium/proto/msi.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { TREE_LEN = 512 * 1024, BLOB_LEN = 512 * 1024 };

struct pci_world world;
const struct pci_world_aperture pci_world_usual[3] = {
    { 0x01000000, 0, 0x3eff0000, 0x10000 },
    { 0x02000000, 0x10000000, 0x10000000, 0x2eff0000 },
    { 0x03000000, 0x8000000000, 0x8000000000, 0x8000000000 },
};
static uint64_t tree[TREE_LEN / 8], blob[BLOB_LEN / 8];

static void must(int result, const char *what)
{
    if (result < 0) {
        (void)fprintf(stderr, "%s: %d\n", what, result);
        abort();
    }
}
#define MUST(call) must(call, #call)

/* ---- init ---- */

/* Hangs the nodes below `from` of the blob below `to`; what is there stays. */
static void graft(const void *from_tree, int from, int to)
{
    int child;

    fdt_for_each_subnode(child, from_tree, from)
    {
        const char *name = fdt_get_name(from_tree, child, NULL);
        int node = fdt_subnode_offset(tree, to, name);
        int property, len;
        if (node < 0) {
            node = fdt_add_subnode(tree, to, name);
            MUST(node);
        }
        fdt_for_each_property_offset(property, from_tree, child)
        {
            const char *key;
            const void *value = fdt_getprop_by_offset(from_tree, property, &key, &len);
            if (fdt_getprop(tree, node, key, NULL) == NULL) { /* as init: what is there stays */
                MUST(fdt_setprop(tree, node, key, value, len));
            }
        }
        graft(from_tree, child, node);
    }
}

static status_t msi_call(struct msg *m)
{
    switch (info_op(m->info)) {
    case MSI_OP_ALLOC:
        if (m->w[1] > world.msi_max) {
            return E_FULL;
        }
        world.msi_allocs++;
        world.msi_writer = m->w[2];
        m->w[1] = m->w[0] % 256 * 32 + world.msi_data;
        m->w[2] = m->w[1] + 100;
        m->w[0] = world.msi_address;
        return E_OK;
    case MSI_OP_FREE:
        world.msi_frees++;
        return E_OK;
    case MSI_OP_ATTACH:
        world.msi_attaches += world.msi_attach_error == E_OK;
        world.msi_bits = m->w[2];
        world.msi_port = (handle_t)m->w[7];
        return info_handles(m->info) == 1 ? world.msi_attach_error : E_INVAL;
    case MSI_OP_DETACH:
        world.msi_detaches++;
        return E_OK;
    default:
        return E_NOSYS;
    }
}

static status_t world_call(handle_t port, struct msg *m)
{
    if (port == start_handle("msi-parent 0")) {
        return msi_call(m);
    }
    if (port != start_handle("init")) {
        return E_HANDLE;
    }
    if (info_op(m->info) == INIT_OP_GONE) {
        world.gone += world.gone_error == E_OK;
        return world.gone_error;
    }
    if (info_op(m->info) == INIT_OP_RENEW) {
        world.renewed++;
        world.renewed_node = (uint32_t)m->w[0];
        return E_OK;
    }
    if (info_op(m->info) != INIT_OP_GROW) {
        return E_NOSYS;
    }
    if (world.grow_error != E_OK) {
        return world.grow_error;
    }
    if (world.grow_max != 0 && m->w[0] > world.grow_max) {
        return E_LIMIT;
    }
    MUST(fdt_check_full(blob, m->w[0]));
    world.grown++;
    graft(blob, 0, fake.node.offset);
    m->w[1] = world.drivers;
    return tree_check(tree, sizeof(tree));
}

/* The one memory that is mapped: the blob for init. */
static void *reserve(uint64_t len)
{
    return len <= sizeof(blob) ? blob : NULL;
}

/* ---- the tree ---- */

static void put64(fdt32_t *cells, uint64_t value)
{
    cells[0] = cpu_to_fdt32((uint32_t)(value >> 32));
    cells[1] = cpu_to_fdt32((uint32_t)value);
}

static void add_bridge(const struct pci_world_aperture *apertures, unsigned count,
                       unsigned bus_first, unsigned bus_last)
{
    fdt32_t ranges[16 * 7], buses[2] = { cpu_to_fdt32(bus_first), cpu_to_fdt32(bus_last) };
    fdt32_t mask[4] = { cpu_to_fdt32(0x1800), 0, 0, cpu_to_fdt32(7) }, map[16 * 8];

    for (unsigned i = 0; i < count; i++) {
        ranges[i * 7] = cpu_to_fdt32(apertures[i].space);
        put64(&ranges[i * 7 + 1], apertures[i].bus);
        put64(&ranges[i * 7 + 3], apertures[i].cpu);
        put64(&ranges[i * 7 + 5], apertures[i].len);
    }
    for (unsigned i = 0; i < 16; i++) {
        const uint32_t row[8] = { i / 4 << 11, 0, 0, i % 4 + 1, 1, 0, 3 + (i / 4 + i % 4) % 4, 4 };
        for (unsigned k = 0; k < 8; k++) {
            map[i * 8 + k] = cpu_to_fdt32(row[k]);
        }
    }
    MUST(fdt_begin_node(tree, "pcie@10000000"));
    MUST(fdt_property_string(tree, "compatible", "pci-host-ecam-generic"));
    MUST(fdt_property_string(tree, "device_type", "pci"));
    MUST(fdt_property_u32(tree, "#address-cells", 3));
    MUST(fdt_property_u32(tree, "#size-cells", 2));
    MUST(fdt_property_u32(tree, "#interrupt-cells", 1));
    MUST(fdt_property_u32(tree, "msi-parent", 2));
    MUST(fdt_property(tree, "bus-range", buses, sizeof(buses)));
    MUST(fdt_property(tree, "interrupt-map-mask", mask, sizeof(mask)));
    MUST(fdt_property(tree, "interrupt-map", map, sizeof(map)));
    if (count != 0) {
        MUST(fdt_property(tree, "ranges", ranges, (int)(count * 28)));
    }
    MUST(fdt_end_node(tree));
}

static void add_controllers(void)
{
    MUST(fdt_begin_node(tree, "intc"));
    MUST(fdt_property_u32(tree, "phandle", 1));
    MUST(fdt_property_u32(tree, "#interrupt-cells", 3));
    MUST(fdt_property(tree, "interrupt-controller", "", 0));
    MUST(fdt_end_node(tree));
    MUST(fdt_begin_node(tree, "msi"));
    MUST(fdt_property_u32(tree, "phandle", 2));
    MUST(fdt_property(tree, "msi-controller", "", 0));
    MUST(fdt_end_node(tree));
}

/* What an earlier incarnation had allocated is gone with it. */
static void forget_process(void)
{
    for (unsigned i = 0; i < PCI_FUNCTIONS_MAX; i++) {
        free(world.host.functions[i].vectors);
        world.host.functions[i].vectors = NULL;
    }
}

void pci_world_reset(const struct pci_world_aperture *apertures, unsigned count, unsigned bus_first,
                     unsigned bus_last, const char *extra)
{
    fake_frame_reset();
    fake_config_reset();
    forget_process();
    memset(&world, 0, sizeof(world));
    world.drivers = 1;
    MUST(fdt_create(tree, TREE_LEN));
    MUST(fdt_finish_reservemap(tree));
    MUST(fdt_begin_node(tree, ""));
    MUST(fdt_property_u32(tree, "#address-cells", 2));
    MUST(fdt_property_u32(tree, "#size-cells", 2));
    MUST(fdt_begin_node(tree, "chosen"));
    if (extra != NULL) {
        MUST(fdt_property_u32(tree, extra, 1));
    }
    MUST(fdt_end_node(tree));
    add_controllers();
    add_bridge(apertures, count, bus_first, bus_last);
    MUST(fdt_end_node(tree));
    MUST(fdt_finish(tree));
    MUST(fdt_open_into(tree, tree, TREE_LEN));
    fake_config.bus_first = bus_first;
    world.tree = tree;
    fake.node = (struct node){ tree, fdt_path_offset(tree, "/pcie@10000000") };
    MUST(fake.node.offset);
    fake.call = world_call;
    world.msi_address = 0x8020040;
    world.msi_max = 32;
    fake.reserve = reserve;
}

status_t pci_world_start(void)
{
    forget_process();
    status_t err = pci_host_open(&world.host, fake.node,
                                 world.ops != NULL ? world.ops : &fake_config_ops, NULL);

    if (!err && world.own != NULL) {
        world.own_error = pci_own_open(&world.host, world.own);
    }
    return err ? err : pci_host_start(&world.host);
}

struct pci_function *pci_world_function(int n)
{
    int id = fake_config_id(n);

    for (unsigned i = 0; id >= 0 && i < world.host.function_count; i++) {
        if (world.host.functions[i].id == id) {
            return &world.host.functions[i];
        }
    }
    return NULL;
}

/* ---- the check ---- */

static bool in_aperture(bool is_io, uint64_t address, uint64_t len)
{
    for (unsigned i = 0; i < world.host.aperture_count; i++) {
        const struct pci_aperture *a = &world.host.apertures[i];
        if (a->is_io == is_io && address >= a->bus && address - a->bus < a->len &&
            len <= a->len - (address - a->bus)) {
            return true;
        }
    }
    return false;
}

const char *pci_world_check(void)
{
    static struct {
        bool is_io;
        uint64_t first, last;
    } seen[FAKE_CONFIG_MAX * 6];
    static char why[160];
    unsigned count = 0;

    for (int n = 0; n < (int)fake_config.count; n++) {
        const struct pci_function *f = pci_world_function(n);
        for (unsigned bar = 0; f != NULL && f->state == PCI_STATE_OK && bar < 6; bar++) {
            const struct pci_range *r = &f->ranges[bar];
            bool is_io = (r->flags & PCI_BAR_IO) != 0;
            uint64_t address = fake_config_bar_address(n, bar),
                     len = fake_config.functions[n].bar_len[bar];
            if (r->len == 0 || (r->flags & PCI_BAR_UNPLACED) != 0) {
                continue;
            }
            if (r->len != len || r->address != address || !in_aperture(is_io, address, len) ||
                !fake_config_decodes(n, bar) || address % len != 0) {
                (void)snprintf(
                    why, sizeof(why),
                    "%x BAR %u: 0x%lx+0x%lx, said 0x%lx+0x%lx, in aperture %d, decoded %d", f->id,
                    bar, address, len, r->address, r->len, in_aperture(is_io, address, len),
                    fake_config_decodes(n, bar));
                return why;
            }
            for (unsigned i = 0; i < count; i++) {
                if (seen[i].is_io == is_io && seen[i].first < address + len &&
                    seen[i].last >= address) {
                    (void)snprintf(why, sizeof(why), "%x BAR %u at 0x%lx is on another", f->id, bar,
                                   address);
                    return why;
                }
            }
            seen[count].is_io = is_io;
            seen[count].first = address;
            seen[count++].last = address + len - 1;
        }
    }
    return NULL;
}

static int nothing(void)
{
    return 0;
}

void pci_world_flush(void)
{
    (void)fake_run(nothing);
}

status_t pci_world_event(struct event ev)
{
    fake_event(ev);
    ev = event_wait();
    assert_int_equal(pci_host_event(&world.host, &ev), E_OK);
    pci_world_flush();
    return fake.reply_status;
}

status_t pci_world_ask(uint32_t badge, uint32_t op, uint64_t w0, uint64_t w1, handle_t handle)
{
    return pci_world_event((struct event){
        .kind = EV_CALL,
        .badge = badge,
        .msg = { msg_info(op, handle != 0, 0), { w0, w1, [MSG_WORDS - 1] = handle } } });
}

uint32_t pci_world_node(int n)
{
    return (uint32_t)pci_world_function(n)->node;
}
