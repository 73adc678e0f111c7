/* SPDX-License-Identifier: BSD-2-Clause
 * The own node: what driver.h promises about registers, properties and clocks. All facts come out of the tree that init
 * mapped (start_info->tree_va); the authority comes with the handles named "device", "device1", ...
 */
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/proto/clock.h>
#include <cambium/start.h>
#include <stdio.h>
#include <tree.h>

enum { CALL_TRIES = 3 };

struct node driver_node(void)
{
    return (struct node){ (const void *)start_info->tree_va, start_info->node };
}

const char *driver_path(void)
{
    static char path[TREE_PATH_LEN];

    if (path[0] == '\0' && start_info->tree_va != 0 && start_info->node >= 0) {
        tree_path((const void *)start_info->tree_va, start_info->node, path, sizeof(path));
    }
    return path;
}

/* The device object that holds window `index`: four windows each. */
static handle_t node_device(unsigned index)
{
    char name[START_HANDLE_NAME] = "device";

    if (index >= DEVICE_WINDOWS) {
        (void)snprintf(name, sizeof(name), "device%u",
                       index / DEVICE_WINDOWS); /* fits any unsigned */
    }
    return start_handle(name);
}

status_t node_mmio_checked(struct node node, unsigned index, uint64_t len, struct mmio *out)
{
    struct tree_range reg;
    handle_t device = node_device(index);

    if (node.tree == NULL || node.offset < 0 || device == 0) {
        return E_NOTFOUND;
    }
    status_t err = tree_reg(node.tree, node.offset, index, &reg);
    if (err != E_OK) {
        return err;
    }
    if (reg.len < len) {
        return E_RANGE;
    }
    *out = (struct mmio){ 0, reg.len, device, index % DEVICE_WINDOWS };
    return E_OK;
}

/* Maps [offset, offset + m->len) of m's window, whose registers begin at physical address `pa`. E_NOSYS: only checked
 * accesses reach it. */
static status_t window_map(struct mmio *m, uint64_t pa, uint64_t offset)
{
    /* init rounded the window up to whole pages if no other node has a window there; then it can be mapped. If it did
     * not, the window begins at the first register, and the kernel refuses to map it. */
    uint64_t start = pa % PAGE_SIZE + offset;
    uint64_t skip = start % PAGE_SIZE;
    uint64_t span = (skip + m->len + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE;
    uint64_t va = vm_reserve(span);

    if (va == 0) {
        return E_NOMEM;
    }
    status_t err =
        sys_map(HANDLE_SELF, m->device, m->window, start - skip, span, va, MAP_READ | MAP_WRITE);
    if (err != E_OK) {
        vm_release(va, span);
        return err == E_RANGE || err == E_INVAL ? E_NOSYS : err;
    }
    m->base = va + skip;
    return E_OK;
}

status_t node_mmio(struct node node, unsigned index, uint64_t len, struct mmio *out)
{
    struct mmio m;
    struct tree_range reg;
    status_t err = node_mmio_checked(node, index, len, &m);

    err = err ? err : tree_reg(node.tree, node.offset, index, &reg);
    if (err) {
        return err;
    }
    err = window_map(&m, reg.base, 0);
    if (err != E_OK && err != E_NOSYS) {
        return err;
    }
    *out = m;
    return E_OK;
}

status_t node_mmio_part(struct node node, unsigned index, uint64_t offset, uint64_t len,
                        struct mmio *out)
{
    struct mmio m;
    struct tree_range reg;
    status_t err = node_mmio_checked(node, index, len, &m);

    err = err ? err : tree_reg(node.tree, node.offset, index, &reg);
    if (!err && offset > m.len - len) {
        err = E_RANGE;
    }
    if (err) {
        return err;
    }
    m.len = len;
    err = window_map(&m, reg.base, offset);
    if (!err) {
        *out = m;
    }
    return err;
}

status_t node_u32(struct node node, const char *name, uint32_t *out)
{
    return node.tree != NULL && node.offset >= 0 ? tree_u32(node.tree, node.offset, name, out)
                                                 : E_NOTFOUND;
}

uint32_t node_u32_or(struct node node, const char *name, uint32_t fallback)
{
    uint32_t value;

    return node_u32(node, name, &value) == E_OK ? value : fallback;
}

status_t node_clock_hz(struct node node, const char *name, uint32_t *out)
{
    struct tree_ref clock;
    unsigned index = 0;

    if (node.tree == NULL || node.offset < 0) {
        return E_NOTFOUND;
    }
    if (name != NULL &&
        tree_name_index(node.tree, node.offset, "clock-names", name, &index) != E_OK) {
        return E_NOTFOUND;
    }
    status_t err = tree_reference(node.tree, node.offset, "clocks", "#clock-cells", index, &clock);
    if (err != E_OK) {
        return err;
    }
    if (tree_compatible(node.tree, clock.node, "fixed-clock") < 0) {
        return E_NOTFOUND;
    }
    return tree_u32(node.tree, clock.node, "clock-frequency", out);
}

status_t node_clock_enable(struct node node, unsigned index)
{
    char name[START_HANDLE_NAME];
    status_t err = E_DEAD;

    (void)node; /* the handle is the own node's: no other can be named */
    (void)snprintf(name, sizeof(name), "clocks %u", index); /* fits */
    handle_t clock = start_handle(name);
    if (clock == 0) {
        return E_NOTFOUND;
    }
    /* E_DEAD: it was restarted while we asked; its port lives on */
    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        struct msg m = { msg_info(CLOCK_OP_ENABLE, 0, 0), { index } };
        err = msg_call(clock, &m);
    }
    return err;
}
