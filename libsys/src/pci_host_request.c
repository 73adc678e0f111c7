/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: the requests of <cambium/proto/pci.h>. A driver's badge is its function's node, and it may speak of that one
 * only; anybody may look.
 */
#include <cambium/thread.h>
#include <tree.h>
#include "pci_host_parts.h"

/* ---- of a function's driver ---- */

/* Whether the function has a BAR of that kind in its place. */
static bool has_placed(const struct pci_function *f, bool is_io)
{
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (pci_range_is_placed(&f->ranges[n]) &&
            ((f->ranges[n].flags & PCI_BAR_IO) != 0) == is_io) {
            return true;
        }
    }
    return false;
}

bool pci_function_answers(struct pci_host *h, struct pci_function *f)
{
    if (f->state == PCI_STATE_OK && pci_config_read(h, f, PCI_ID) == ~0u) {
        f->state = PCI_STATE_GONE;
        log_warn("%s: it does not answer any more", pci_function_name(h, f));
        pci_function_leave(h, f);
    }
    return f->state == PCI_STATE_OK;
}

status_t pci_function_enable(struct pci_host *h, struct pci_function *f, uint16_t what,
                             uint16_t *out)
{
    uint16_t all = PCI_ENABLE_IO | PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER;

    pci_command_write(h, f, (uint16_t)(f->command & ~all) | what);
    uint32_t command = pci_config_read(h, f, PCI_COMMAND);
    if (command == ~0u && !pci_function_answers(h, f)) {
        return E_DEAD;
    }
    f->command = (uint16_t)command;
    *out = (uint16_t)(command & all);
    return *out == what ? E_OK : E_IO;
}

static status_t serve_enable(struct pci_host *h, struct pci_function *f, struct msg *m)
{
    uint16_t is_on = 0;

    if ((m->w[0] & ~(uint64_t)(PCI_ENABLE_IO | PCI_ENABLE_MEMORY | PCI_ENABLE_MASTER)) != 0) {
        return E_INVAL;
    }
    if (((m->w[0] & PCI_ENABLE_IO) != 0 && !has_placed(f, true)) ||
        ((m->w[0] & PCI_ENABLE_MEMORY) != 0 && !has_placed(f, false))) {
        return E_RANGE;
    }
    status_t err = pci_function_enable(h, f, (uint16_t)m->w[0], &is_on);
    m->w[0] = is_on;
    if (!err && is_on != 0) {
        pci_function_say(h, f);
    }
    return err;
}

static status_t serve_read(struct pci_host *h, struct pci_function *f, struct msg *m)
{
    uint64_t offset = m->w[0], len = m->w[1];

    if ((len != 1 && len != 2 && len != 4) || offset % len != 0 ||
        offset >= (f->express != 0 ? PCI_CONFIG_EXTENDED_LEN : PCI_CONFIG_LEN)) {
        return E_RANGE;
    }
    uint32_t word = pci_config_read(h, f, (unsigned)offset & ~3u);
    if (word == ~0u && !pci_function_answers(h, f)) {
        return E_DEAD;
    }
    m->w[0] = word >> offset % 4 * 8 & (~0u >> (32 - 8 * len));
    return E_OK;
}

/* ---- reset ---- */

enum { RESET_NS = 100000000 };

/* Starts a reset of this function alone. E_NOSYS: it knows none. */
static status_t reset_begin(struct pci_host *h, const struct pci_function *f)
{
    if (f->express != 0 && (pci_config_read(h, f, f->express + EXPRESS_DEVICE) & DEVICE_FLR) != 0) {
        pci_config_write(h, f, f->express + EXPRESS_CONTROL, CONTROL_FLR);
        return E_OK;
    }
    if (f->af != 0 && (pci_config_read(h, f, f->af) & AF_FLR) != 0) {
        pci_config_write(h, f, f->af + AF_CONTROL, AF_CONTROL_FLR);
        return E_OK;
    }
    return E_NOSYS;
}

/* PCI Express Base 3.0, 6.6.2: it may take 100 ms, during which nobody else is served. A function that still answers all ones
 * to its ID, or not with it, is waited for. */
static bool reset_is_over(struct pci_host *h, const struct pci_function *f)
{
    uint64_t end = time_now_ns() + RESET_NS;
    uint32_t names = f->vendor | (uint32_t)f->device << 16;

    do {
        if (pci_config_read(h, f, PCI_ID) == names) {
            return true;
        }
    } while (time_now_ns() < end);
    return false;
}

status_t pci_function_reset(struct pci_host *h, struct pci_function *f)
{
    uint16_t command = f->command & (uint16_t)~COMMAND_MASTER;

    if (!pci_function_answers(h, f)) {
        return E_DEAD;
    }
    pci_vectors_close(h, f);
    command |= COMMAND_INTX_OFF;
    status_t err = reset_begin(h, f);
    if (err) {
        return err;
    }
    if (!reset_is_over(h, f)) {
        return pci_function_answers(h, f) ? E_IO : E_DEAD;
    }
    for (unsigned n = 0; n < PCI_BARS; n++) {
        bool is_kept = f->ranges[n].is_kept;
        f->ranges[n].is_kept = false; /* the reset took it */
        pci_bar_write(h, f, n);
        f->ranges[n].is_kept = is_kept;
    }
    pci_command_write(h, f, command);
    return E_OK;
}

/* ---- requests of a driver ---- */

static status_t serve_vectors(struct pci_host *h, struct pci_function *f, struct msg *m)
{
    uint64_t wanted = m->w[0];

    if (wanted > PCI_VECTORS_MAX) {
        wanted = PCI_VECTORS_MAX;
    }
    if (!pci_function_answers(h, f)) {
        return E_DEAD;
    }
    if (wanted == 0) {
        pci_vectors_close(h, f);
    }
    status_t err = wanted != 0 ? pci_vectors_open(h, f, (unsigned)wanted) : E_OK;
    m->w[0] = f->vector_count;
    m->w[1] = wanted == 0 ? PCI_IRQ_NONE : f->mode == PCI_IRQ_NONE ? PCI_IRQ_INTX : f->mode;
    return err;
}

static status_t request_own(struct pci_host *h, uint32_t badge, struct msg *m)
{
    struct pci_function *f = badge < tree_len(h->node.tree) ? pci_function_of_node(h, badge) : NULL;

    if (f == NULL || f->is_bridge) {
        return E_RIGHTS; /* a program's session, or a node that is no function */
    }
    if (f->state != PCI_STATE_OK) {
        return E_DEAD;
    }
    switch (info_op(m->info)) {
    case PCI_OP_ENABLE:
        return serve_enable(h, f, m);
    case PCI_OP_VECTORS:
        return serve_vectors(h, f, m);
    case PCI_OP_READ:
        return serve_read(h, f, m);
    case PCI_OP_RESET:
        return pci_function_reset(h, f);
    default:
        return E_NOSYS;
    }
}

/* ---- of anybody ---- */

static status_t serve_bridge(struct pci_host *h, struct msg *m)
{
    unsigned last = h->bus_first;

    for (unsigned i = 0; i < h->function_count; i++) {
        const struct pci_function *f = &h->functions[i];
        last = f->is_bridge && f->subordinate > last ? f->subordinate : last;
    }
    m->w[0] = h->function_count;
    m->w[1] = (uint64_t)h->node.offset;
    m->w[2] = h->bus_first | last << 8;
    return E_OK;
}

/* Where in the order a function is. */
static uint64_t order_of(const struct pci_host *h, unsigned number)
{
    unsigned n = 0;

    while (h->order[n] != number) { /* it is there */
        n++;
    }
    return n;
}

static void serve_function(struct pci_host *h, struct pci_function *f, struct msg *m)
{
    uint32_t command = f->state == PCI_STATE_OK ? pci_config_read(h, f, PCI_COMMAND) : 0;

    m->w[0] = f->id | (uint64_t)f->header << 16 | (uint64_t)f->secondary << 24 |
              (uint64_t)f->subordinate << 32;
    m->w[1] = f->vendor | (uint64_t)f->device << 16 | (uint64_t)f->subsystem_vendor << 32 |
              (uint64_t)f->subsystem << 48;
    m->w[2] = f->revision | (uint64_t)f->class_code << 8;
    m->w[3] = (uint64_t)(int64_t)f->node;
    m->w[4] = f->mode | (uint64_t)f->vector_count << 8 |
              (uint64_t)(f->mode >= PCI_IRQ_MSI ? f->msi_line : pci_intx_number(h, f)) << 32;
    m->w[5] = command;
    m->w[6] = f->state;
    m->w[7] = f->parent != PCI_NONE ? order_of(h, f->parent) : UINT64_MAX;
}

/* Of windows the place says what kind they are of. */
static uint64_t window_kind(uint64_t n)
{
    return n == PCI_WINDOW + PCI_SPACE_IO         ? PCI_BAR_IO
           : n == PCI_WINDOW + PCI_SPACE_PREFETCH ? PCI_BAR_PREFETCH
                                                  : 0;
}

static status_t serve_bar(struct pci_host *h, const struct pci_function *f, struct msg *m)
{
    uint64_t n = m->w[1];

    if (n >= PCI_RANGES || (n >= PCI_WINDOW && !f->is_bridge)) {
        return E_NOTFOUND;
    }
    const struct pci_range *r = &f->ranges[n];
    bool is_placed = pci_range_is_placed(r);
    m->w[0] = is_placed ? r->address : 0;
    m->w[1] = r->len;
    m->w[2] = r->flags | window_kind(n);
    m->w[3] = is_placed ? pci_range_cpu(h, r) : 0;
    return E_OK;
}

static status_t serve_capability(struct pci_host *h, const struct pci_function *f, struct msg *m)
{
    unsigned offset = 0;
    uint32_t first = 0, words[4];

    if (m->w[1] > PCI_CONFIG_EXTENDED_LEN || f->state != PCI_STATE_OK) {
        return E_NOTFOUND;
    }
    status_t err = pci_capability_at(h, f, (unsigned)m->w[1], &offset, &first);
    if (err) {
        return E_NOTFOUND; /* of a list that makes no sense, what did make some */
    }
    words[0] = first;
    for (unsigned i = 1; i < 4; i++) {
        words[i] =
            offset + 4 * i < PCI_CONFIG_EXTENDED_LEN ? pci_config_read(h, f, offset + 4 * i) : 0;
    }
    m->w[0] = offset < PCI_CONFIG_LEN ? first & CAPABILITY_ID
                                      : (first & FIELD(15, 0)) | (first & FIELD(19, 16));
    m->w[1] = offset;
    m->w[2] = words[0] | (uint64_t)words[1] << 32;
    m->w[3] = words[2] | (uint64_t)words[3] << 32;
    return E_OK;
}

static status_t request_look(struct pci_host *h, struct msg *m)
{
    if (info_op(m->info) == PCI_OP_BRIDGE) {
        return serve_bridge(h, m);
    }
    if (m->w[0] >= h->function_count) {
        return E_NOTFOUND;
    }
    struct pci_function *f = &h->functions[h->order[m->w[0]]];
    switch (info_op(m->info)) {
    case PCI_OP_FUNCTION:
        serve_function(h, f, m);
        return E_OK;
    case PCI_OP_BAR:
        return serve_bar(h, f, m);
    case PCI_OP_CAPABILITY:
        return serve_capability(h, f, m);
    default:
        return E_NOSYS;
    }
}

status_t pci_request(struct pci_host *h, uint32_t badge, struct msg *m)
{
    uint32_t op = info_op(m->info);

    if (op < PCI_OP_ENABLE) {
        return pci_irq_request(h, badge, m);
    }
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    if (op >= PCI_OP_BRIDGE && op <= PCI_OP_CAPABILITY) {
        return request_look(h, m);
    }
    return op >= PCI_OP_ENABLE && op <= PCI_OP_RESET ? request_own(h, badge, m) : E_NOSYS;
}
