/* SPDX-License-Identifier: BSD-2-Clause
 * PCI host bridges: messages (MSI, MSI-X). A controller of class msi gives address and data for a run of vectors, which are written
 * into the function; whom a vector tells is passed on to it, so that an interrupt does not come this way. What was attached is kept,
 * so that a restarted controller can be asked for all of it anew. Where the tree names the bridge itself, pci_host_own.c is asked.
 *
 * While address and data are written, nothing of the function is sent: MSI is off, of MSI-X the whole function is masked. A vector of
 * MSI-X is open while it is attached; MSI has no bit for that everywhere, and what nobody has attached the controller drops.
 */
#include <cambium/client.h>
#include <cambium/proto/msi.h>
#include <cambium/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <tree.h>
#include "pci_host_parts.h"

enum { CALL_TRIES = 3, CONTROLLERS_MAX = 8 };

/* ---- the controller ---- */

static status_t msi_call(struct pci_host *h, struct pci_function *f, enum msi_op op,
                         uint64_t vector, uint64_t bits, handle_t port, struct msg *out)
{
    status_t err = E_DEAD;

    if (f->msi_server == 0) {
        return pci_own_request(h, f, op, vector, bits, port, out);
    }
    /* E_DEAD: it was restarted while we asked; its port lives on */
    for (unsigned i = 0; i < CALL_TRIES && err == E_DEAD; i++) {
        *out = (struct msg){ .info = msg_info(op, port != 0, 0), .w = { f->id, vector, bits } };
        out->w[MSG_WORDS - 1] = port;
        err = msg_call(f->msi_server, out);
    }
    return err;
}

/* The handle of the server to which the function's messages go; 0: the bridge itself. */
static status_t controller_find(struct pci_host *h, const struct pci_function *f, handle_t *out)
{
    char name[START_HANDLE_NAME];
    struct tree_ref ref;
    int node = -1;
    status_t err = tree_msi(h->node.tree, h->node.offset, f->requester, &ref);

    if (err == E_OK && ref.node == h->node.offset) {
        *out = 0;
        return h->own.count != 0 ? E_OK : E_NOTFOUND;
    }
    for (unsigned i = 0; !err && i < CONTROLLERS_MAX; i++) {
        err = tree_msi_parent(h->node.tree, h->node.offset, i, &node);
        if (err == E_OK && node == ref.node) {
            (void)snprintf(name, sizeof(name), "msi-parent %u", i); /* fits any unsigned */
            *out = start_handle(name);
            return *out != 0 ? E_OK : E_NOTFOUND;
        }
    }
    return E_NOTFOUND;
}

/* Up to `count` vectors, fewer if so many are not free. Of functions that write as one the controller tells the vectors apart. */
static status_t messages_get(struct pci_host *h, struct pci_function *f, unsigned count)
{
    struct msg m;
    status_t err;

    struct pci_vector *fresh = f->vectors != NULL ? f->vectors : calloc(count, sizeof(*fresh));
    if (fresh == NULL) {
        return E_NOMEM;
    }
    f->vectors = fresh;
    do {
        err = msi_call(h, f, MSI_OP_ALLOC, count, f->is_written_for ? f->requester : 0, 0, &m);
        f->vector_count = (uint8_t)count;
        count /= 2;
    } while (err == E_FULL && count != 0);
    if (err) {
        f->vector_count = 0;
        return err;
    }
    f->msi_address = m.w[0];
    f->msi_data = (uint32_t)m.w[1];
    f->msi_line = (uint32_t)m.w[2];
    if (f->msi_server != 0 && h->ops->is_let_in != NULL && !h->ops->is_let_in(h, f->msi_address)) {
        log_error("%s: dma-ranges let no messages out of the bus to 0x%lx", pci_function_name(h, f),
                  f->msi_address);
        (void)msi_call(h, f, MSI_OP_FREE, 0, 0, 0, &m);
        f->vector_count = 0;
        return E_NOTFOUND;
    }
    return E_OK;
}

static void vectors_forget(struct pci_function *f)
{
    free(f->vectors);
    f->vectors = NULL;
}

static void messages_give_back(struct pci_host *h, struct pci_function *f)
{
    struct msg m;

    (void)msi_call(h, f, MSI_OP_FREE, 0, 0, 0, &m); /* a new one has forgotten them by itself */
}

/* ---- MSI-X ---- */

/* Whether `len` bytes from the offset that a register of the capability names lie in a BAR that is placed. */
static const struct pci_range *table_find(struct pci_host *h, const struct pci_function *f,
                                          unsigned offset, uint64_t len, uint64_t *out_offset)
{
    uint32_t at = pci_config_read(h, f, f->msix + offset);
    const struct pci_range *r = &f->ranges[field_get(MSIX_BAR, at)];

    *out_offset = at & MSIX_OFFSET;
    return field_get(MSIX_BAR, at) < PCI_BARS && pci_range_is_placed(r) &&
                   (r->flags & PCI_BAR_IO) == 0 && *out_offset < r->len &&
                   len <= r->len - *out_offset
               ? r
               : NULL;
}

/* Opens the table for `count` entries of the function's. E_NOTFOUND: it is nowhere, which was said. */
static status_t table_open(struct pci_host *h, struct pci_function *f, uint32_t control,
                           unsigned count)
{
    uint64_t at, unused, size = field_get(MSIX_SIZE, control) + 1;
    const struct pci_range *r = table_find(h, f, MSIX_TABLE, size * ENTRY_LEN, &at);

    if (r == NULL || table_find(h, f, MSIX_PENDING, (size + 63) / 64 * 8, &unused) == NULL) {
        log_warn("%s: its MSI-X table is outside of its BARs: not used", pci_function_name(h, f));
        f->msix = 0;
        return E_NOTFOUND;
    }
    for (unsigned i = 0; i < h->aperture_count; i++) {
        const struct pci_aperture *a = &h->apertures[i];
        if (!a->is_io && r->address - a->bus < a->len) {
            return node_aperture_mmio(h->node, a->entry, r->address - a->bus + at,
                                      (uint64_t)count * ENTRY_LEN, &f->table);
        }
    }
    return E_NOTFOUND;
}

static void table_close(struct pci_function *f)
{
    if (f->table.device != 0) {
        (void)sys_handle_close(f->table.device); /* ours, from table_open */
        f->table.device = 0;
    }
}

/* Opens or masks an entry. The table answers only while the function's memory is on. */
static void entry_write(struct pci_host *h, struct pci_function *f, unsigned n)
{
    uint16_t before = f->command;
    uint64_t address = f->msi_address;
    unsigned at = n * ENTRY_LEN;

    if ((before & COMMAND_MEMORY) == 0) {
        pci_command_write(h, f, before | COMMAND_MEMORY);
    }
    mmio_write32(&f->table, at + ENTRY_CONTROL, ENTRY_MASK);
    mmio_write32(&f->table, at + ENTRY_ADDRESS, (uint32_t)address);
    mmio_write32(&f->table, at + ENTRY_ADDRESS_HIGH, (uint32_t)(address >> 32));
    mmio_write32(&f->table, at + ENTRY_DATA, f->msi_data + n);
    if (f->vectors[n].port != 0) {
        mmio_write32(&f->table, at + ENTRY_CONTROL, 0);
    }
    (void)mmio_read32(&f->table, at + ENTRY_CONTROL); /* all of it has arrived */
    if ((before & COMMAND_MEMORY) == 0) {
        pci_command_write(h, f, before);
    }
}

static void msix_write(struct pci_host *h, struct pci_function *f)
{
    pci_config_write(h, f, f->msix, MSIX_ENABLE | MSIX_MASK);
    for (unsigned n = 0; n < f->vector_count; n++) {
        entry_write(h, f, n);
    }
    pci_config_write(h, f, f->msix, MSIX_ENABLE);
}

static status_t msix_open(struct pci_host *h, struct pci_function *f, unsigned wanted)
{
    uint32_t control = pci_config_read(h, f, f->msix);
    unsigned size = field_get(MSIX_SIZE, control) + 1;
    unsigned count = wanted < size ? wanted : size;
    status_t err = table_open(h, f, control, count);

    if (err) {
        return err;
    }
    err = messages_get(h, f, count);
    if (err) {
        vectors_forget(f);
        table_close(f);
        return err;
    }
    f->mode = PCI_IRQ_MSIX;
    msix_write(h, f);
    if ((pci_config_read(h, f, f->msix) & (MSIX_ENABLE | MSIX_MASK)) != MSIX_ENABLE) {
        pci_msi_close(h, f);
        return E_IO;
    }
    return E_OK;
}

/* ---- MSI ---- */

static void msi_write(struct pci_host *h, struct pci_function *f)
{
    uint32_t first = pci_config_read(h, f, f->msi);
    bool is_64 = (first & MSI_64) != 0;

    pci_config_write(h, f, f->msi, 0);
    pci_config_write(h, f, f->msi + MSI_ADDRESS, (uint32_t)f->msi_address);
    if (is_64) {
        pci_config_write(h, f, f->msi + MSI_ADDRESS_HIGH, (uint32_t)(f->msi_address >> 32));
    }
    pci_config_write(h, f, f->msi + (is_64 ? MSI_DATA_64 : MSI_DATA_32), f->msi_data);
    pci_config_write(h, f, f->msi,
                     MSI_ENABLE | field_put(MSI_COUNT, (uint32_t)__builtin_ctz(f->vector_count)));
}

static status_t msi_open(struct pci_host *h, struct pci_function *f, unsigned wanted)
{
    uint32_t first = pci_config_read(h, f, f->msi);
    unsigned count = 1u << field_get(MSI_CAPABLE, first);

    while (count > wanted) {
        count /= 2; /* a power of two is all that can be enabled */
    }
    status_t err = messages_get(h, f, count);
    if (err) {
        vectors_forget(f);
        return err;
    }
    f->mode = PCI_IRQ_MSI;
    if (f->msi_data > MSI_DATA_MAX || ((first & MSI_64) == 0 && f->msi_address > UINT32_MAX)) {
        pci_msi_close(h, f);
        return E_NOTFOUND; /* what the controller wants to hear, it cannot say */
    }
    msi_write(h, f);
    if ((pci_config_read(h, f, f->msi) & MSI_ENABLE) == 0) {
        pci_msi_close(h, f);
        return E_IO;
    }
    return E_OK;
}

/* ---- what pci_host_irq.c asks for ---- */

status_t pci_msi_open(struct pci_host *h, struct pci_function *f, unsigned wanted)
{
    int len;

    if (f->msix == 0 && f->msi == 0) {
        return E_NOTFOUND;
    }
    if (controller_find(h, f, &f->msi_server) != E_OK) {
        if (tree_prop(h->node.tree, h->node.offset, "msi-parent", &len) != NULL) {
            log_warn("%s: msi-parent leads to nobody who serves messages: its line instead",
                     pci_function_name(h, f));
        }
        return E_NOTFOUND;
    }
    status_t msix = f->msix != 0 ? msix_open(h, f, wanted) : E_NOTFOUND;
    if (msix == E_OK || f->msi == 0) {
        return msix;
    }
    return msi_open(h, f, wanted);
}

void pci_msi_close(struct pci_host *h, struct pci_function *f)
{
    pci_config_write(h, f, f->mode == PCI_IRQ_MSIX ? f->msix : f->msi,
                     f->mode == PCI_IRQ_MSIX ? MSIX_MASK : 0);
    messages_give_back(h, f);
    table_close(f);
    for (unsigned n = 0; n < f->vector_count; n++) {
        if (f->vectors[n].port != 0) {
            (void)sys_handle_close(f->vectors[n].port); /* ours since ATTACH */
        }
    }
    vectors_forget(f);
    f->mode = PCI_IRQ_NONE;
    f->vector_count = 0;
}

status_t pci_msi_attach(struct pci_host *h, struct pci_function *f, uint64_t vector, uint64_t bits,
                        handle_t port)
{
    struct msg m;

    if (vector >= f->vector_count) {
        return E_NOTFOUND;
    }
    if (port == 0 || bits == 0) {
        return E_INVAL;
    }
    status_t err = msi_call(h, f, MSI_OP_ATTACH, vector, bits, port, &m);
    if (err) {
        return err;
    }
    struct pci_vector *v = &f->vectors[vector];
    if (v->port != 0) {
        (void)sys_handle_close(v->port); /* attaching again replaces */
    }
    *v = (struct pci_vector){ port, bits };
    if (f->mode == PCI_IRQ_MSIX) {
        entry_write(h, f, (unsigned)vector);
    }
    return E_OK;
}

status_t pci_msi_detach(struct pci_host *h, struct pci_function *f, uint64_t vector)
{
    struct msg m;

    if (vector >= f->vector_count || f->vectors[vector].port == 0) {
        return E_NOTFOUND;
    }
    handle_t port = f->vectors[vector].port;
    f->vectors[vector] = (struct pci_vector){ 0 };
    if (f->mode == PCI_IRQ_MSIX) {
        entry_write(h, f, (unsigned)vector);
    }
    (void)sys_handle_close(port); /* ours since ATTACH */
    return msi_call(h, f, MSI_OP_DETACH, vector, 0, 0, &m);
}

/* Of one function. What it had is gone at the controller. */
static status_t function_renew(struct pci_host *h, struct pci_function *f)
{
    struct msg m;
    unsigned count = f->vector_count;
    status_t err = messages_get(h, f, count);
    bool is_fewer = f->vector_count != count; /* the table keeps its length */

    f->vector_count = (uint8_t)count;
    if (!err && is_fewer) {
        err = E_FULL;
    }
    if (!err && f->mode == PCI_IRQ_MSIX) {
        msix_write(h, f);
    } else if (!err) {
        msi_write(h, f);
    }
    for (unsigned n = 0; !err && n < count; n++) {
        const struct pci_vector *v = &f->vectors[n];
        if (v->port != 0) {
            err = msi_call(h, f, MSI_OP_ATTACH, n, v->bits, v->port, &m);
        }
    }
    if (err) {
        log_error("%s: its messages are lost with their controller (%s)", pci_function_name(h, f),
                  err_name(err));
        pci_msi_close(h, f);
    }
    return err;
}

status_t pci_msi_renew(struct pci_host *h, int node)
{
    struct tree_ref ref;
    status_t err = E_OK;

    for (unsigned i = 0; i < h->function_count; i++) {
        struct pci_function *f = &h->functions[i];
        if (f->mode >= PCI_IRQ_MSI &&
            tree_msi(h->node.tree, h->node.offset, f->requester, &ref) == E_OK &&
            ref.node == node) {
            status_t e = function_renew(h, f);
            err = err ? err : e;
        }
    }
    return err;
}
