/* SPDX-License-Identifier: BSD-2-Clause
 * The own node: what driver.h promises about registers, properties and clocks. All facts come out of the tree that init
 * mapped (start_info->tree_va); the authority comes with the handles named "device", "device1", ...
 */
#include <cambium/client.h>
#include <cambium/command.h>
#include <cambium/driver.h>
#include <cambium/proto/clock.h>
#include <cambium/proto/gpio.h>
#include <cambium/proto/reset.h>
#include <cambium/start.h>
#include <stdbool.h>
#include <stdio.h>
#include <tree.h>
#include "frame.h"

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

/* Window `index` by checked accesses, if it is not rounded to pages; *out_base: where its registers are. */
static status_t window_find(struct node node, unsigned index, uint64_t len, struct mmio *out,
                            uint64_t *out_base)
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
    *out_base = reg.base;
    return E_OK;
}

status_t node_mmio_checked(struct node node, unsigned index, uint64_t len, struct mmio *out)
{
    uint64_t base;
    status_t err = window_find(node, index, len, out, &base);

    return err == E_OK && base % PAGE_SIZE != 0 ? E_NOSYS
                                                : err; /* it may be rounded down to its page */
}

/* Tells init where a window is, so that it can say of a fault what register that was. */
static void window_tell(unsigned index, const struct mmio *m, uint64_t offset)
{
    struct command_page *page = (struct command_page *)start_info->command_va;

    if (page != NULL && index < COMMAND_WINDOWS) {
        page->windows[index] = (struct command_window){ m->base, m->len, offset };
    }
}

/* Maps [offset, offset + m->len) of m's window `index`, whose registers begin at physical address `pa`. E_NOSYS: only
 * checked accesses reach it. */
static status_t window_map(struct mmio *m, unsigned index, uint64_t pa, uint64_t offset)
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
    window_tell(index, m, offset);
    return E_OK;
}

status_t node_mmio(struct node node, unsigned index, uint64_t len, struct mmio *out)
{
    struct mmio m;
    uint64_t base;
    status_t err = window_find(node, index, len, &m, &base);

    if (err) {
        return err;
    }
    err = window_map(&m, index, base, 0);
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
    uint64_t base;
    status_t err = window_find(node, index, len, &m, &base);

    if (!err && offset > m.len - len) {
        err = E_RANGE;
    }
    if (err) {
        return err;
    }
    m.len = len;
    err = window_map(&m, index, base, offset);
    if (!err) {
        *out = m;
    }
    return err;
}

/* How many windows of the node's devices are before those of its ranges. */
static unsigned reg_count(struct node node)
{
    struct tree_range unused;
    unsigned count = 0;

    while (tree_reg(node.tree, node.offset, count, &unused) == E_OK) {
        count++;
    }
    return count;
}

status_t node_aperture_mmio(struct node node, unsigned range, uint64_t offset, uint64_t len,
                            struct mmio *out)
{
    struct tree_aperture aperture;
    handle_t device;

    if (node.tree == NULL || node.offset < 0) {
        return E_NOTFOUND;
    }
    status_t err = tree_aperture(node.tree, node.offset, range, &aperture);
    if (!err && (len == 0 || offset > aperture.len || len > aperture.len - offset)) {
        err = E_RANGE;
    }
    if (err) {
        return err;
    }
    struct device_window window = { .pa = aperture.cpu + offset, .len = len };
    handle_t parent = node_device(reg_count(node) + range);
    err = parent == 0 ? E_NOTFOUND : sys_device_derive(parent, 0, 1, &window, &device);
    if (err == E_OK) {
        *out = (struct mmio){ 0, len, device, 0 };
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

/* The clock's index, and who feeds it. */
static status_t node_clock(struct node node, const char *name, unsigned *out_index,
                           struct tree_ref *out)
{
    unsigned index = 0;

    if (node.tree == NULL || node.offset < 0) {
        return E_NOTFOUND;
    }
    if (name != NULL &&
        tree_name_index(node.tree, node.offset, "clock-names", name, &index) != E_OK) {
        return E_NOTFOUND;
    }
    *out_index = index;
    return tree_reference(node.tree, node.offset, "clocks", "#clock-cells", index, out);
}

static bool clock_is_fixed(struct node node, const struct tree_ref *clock)
{
    return tree_compatible(node.tree, clock->node, "fixed-clock") >= 0;
}

/* Asks the server behind reference `index` of a property; the answer is in *m. */
static status_t provider_ask(const char *property, unsigned index, uint32_t op, struct msg *m)
{
    char name[START_HANDLE_NAME];
    struct msg request = *m;
    status_t err = E_DEAD;

    (void)snprintf(name, sizeof(name), "%s %u", property, index); /* fits any unsigned */
    handle_t provider = start_handle(name);
    if (provider == 0) {
        return E_NOTFOUND; /* no server in the archive knows it, or it ranks above */
    }
    request.info = msg_info(op, 0, 0);
    /* E_DEAD: it was restarted while we asked; its port lives on */
    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        *m = request;
        err = msg_call(provider, m);
    }
    return err;
}

static status_t clock_ask(enum clock_op op, unsigned index, uint32_t hz, uint64_t *out)
{
    struct msg m = { .w = { index, hz } };
    status_t err = provider_ask("clocks", index, op, &m);

    if (err == E_OK) {
        *out = m.w[0];
    }
    return err;
}

static status_t clock_ask_hz(enum clock_op op, unsigned index, uint32_t hz, uint32_t *out)
{
    uint64_t got = 0;
    status_t err = clock_ask(op, index, hz, &got);

    if (err == E_OK) {
        *out = (uint32_t)got;
    }
    return err;
}

status_t node_clock_hz(struct node node, const char *name, uint32_t *out)
{
    struct tree_ref clock;
    unsigned index;
    status_t err = node_clock(node, name, &index, &clock);

    if (err != E_OK) {
        return err;
    }
    if (clock_is_fixed(node, &clock)) {
        return tree_u32(node.tree, clock.node, "clock-frequency", out);
    }
    return clock_ask_hz(CLOCK_OP_RATE, index, 0, out);
}

status_t node_clock_set_hz(struct node node, const char *name, uint32_t hz, uint32_t *out)
{
    struct tree_ref clock;
    unsigned index;
    status_t err = node_clock(node, name, &index, &clock);

    if (err != E_OK) {
        return err;
    }
    return clock_is_fixed(node, &clock) ? E_NOSYS : clock_ask_hz(CLOCK_OP_SET, index, hz, out);
}

status_t node_clock_enable(struct node node, unsigned index)
{
    uint64_t unused;

    (void)node; /* the handle is the own node's: no other can be named */
    return clock_ask(CLOCK_OP_ENABLE, index, 0, &unused);
}

/* ---- resets ---- */

static status_t reset_ask(struct node node, const char *name, enum reset_op op, uint64_t *out)
{
    unsigned index = 0;

    if (node.tree == NULL || node.offset < 0 ||
        (name != NULL &&
         tree_name_index(node.tree, node.offset, "reset-names", name, &index) != E_OK)) {
        return E_NOTFOUND;
    }
    struct msg m = { .w = { index } };
    status_t err = provider_ask("resets", index, op, &m);
    if (err == E_OK) {
        *out = m.w[0];
    }
    return err;
}

status_t node_reset_set(struct node node, const char *name, bool is_asserted)
{
    uint64_t unused;

    return reset_ask(node, name, is_asserted ? RESET_OP_ASSERT : RESET_OP_DEASSERT, &unused);
}

status_t node_reset_get(struct node node, const char *name, bool *out)
{
    uint64_t is_asserted = 0;
    status_t err = reset_ask(node, name, RESET_OP_STATUS, &is_asserted);

    if (err == E_OK) {
        *out = is_asserted != 0;
    }
    return err;
}

status_t node_reset_pulse(struct node node, const char *name)
{
    uint64_t unused;

    return reset_ask(node, name, RESET_OP_PULSE, &unused);
}

/* ---- pins ---- */

/* What the controller refuses it has logged. The driver is started all the same: pins that the firmware has set may do. */
void node_pins_set(void)
{
    struct node node = driver_node();
    int state, controller;
    status_t err = E_OK;

    for (unsigned i = 0; node.tree != NULL && node.offset >= 0 && !err; i++) {
        struct msg m = { .w = { i } };

        err = tree_pins(node.tree, node.offset, i, &state, &controller);
        if (err == E_FORMAT) {
            log_warn("pinctrl-0 %u leads to no pins: they stay as they are", i);
        }
        status_t refused = err ? E_OK : provider_ask("pinctrl-0", i, GPIO_OP_PINS, &m);
        if (refused && refused != E_NOTFOUND) {
            log_warn("pins of pinctrl-0 %u not set, they stay as they are: %s", i,
                     err_name(refused));
        }
    }
}
