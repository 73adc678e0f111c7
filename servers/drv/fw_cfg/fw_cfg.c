/* SPDX-License-Identifier: BSD-2-Clause
 * fw_cfg - driver server for the firmware configuration device of virtual machines.
 *
 * Device:   fw_cfg_regs.h says where it is described.
 * Binding:  README.md beside this file (one reg, no interrupt).
 * Protocol: <cambium/proto/fw_cfg.h>; no request blocks, none leaves anything behind.
 * Not here: writing, items without a name, the data register (README.md says why).
 *
 * The device carries out a transfer while the register write that starts it is under way; so a transfer is awaited, with
 * a bound. One that is not done by then may still write: its memory, and with it the device, is not used again.
 */
#include <cambium/driver.h>
#include <cambium/proto/fw_cfg.h>
#include <stdbool.h>
#include <string.h>
#include "fw_cfg_regs.h"

enum {
    FILES_MAX = 128,
    DONE_READS_MAX = 10000, /* of control: a millisecond at 100 ns */
    BUFFER_AT = 64,         /* in the page of DMA memory; before it the struct fw_cfg_dma */
    BUFFER_LEN = PAGE_SIZE - BUFFER_AT,
    ENTRIES = 32 /* of the directory in one transfer */
};
static_assert(ENTRIES * sizeof(struct fw_cfg_file) <= BUFFER_LEN, "fits");

struct file {
    char name[FW_CFG_NAME_LEN];
    uint32_t size;
    uint16_t item;
};

struct fw_cfg {
    struct mmio regs;
    struct dma dma;
    struct file files[FILES_MAX];
    unsigned file_count;
    bool is_stuck; /* a transfer was not done in time */
};

DEV_MATCH_TABLE struct dev_match fw_cfg_match[] = {
    DEV_MATCH("qemu,fw-cfg-mmio", "fw_cfg", "reg", 0),
};

/* ---- transfers ---- */

/* One transfer of `len` bytes between the selected item and the buffer. */
static status_t fw_cfg_transfer(struct fw_cfg *f, uint32_t control, uint32_t len)
{
    struct fw_cfg_dma *d = f->dma.at;
    uint64_t buffer = f->dma.bus + BUFFER_AT;
    uint32_t left = control;

    if (f->is_stuck) {
        return E_IO;
    }
    *d = (struct fw_cfg_dma){ __builtin_bswap32(control), __builtin_bswap32(len),
                              __builtin_bswap64(buffer) };
    mmio_wmb(); /* the device reads it as soon as its address is there */
    mmio_write32(&f->regs, FW_CFG_DMA_HIGH, __builtin_bswap32((uint32_t)(f->dma.bus >> 32)));
    mmio_write32(&f->regs, FW_CFG_DMA_LOW, __builtin_bswap32((uint32_t)f->dma.bus));
    for (unsigned n = 0; n < DONE_READS_MAX && (left & ~FW_CFG_DMA_ERROR) != 0; n++) {
        left = __builtin_bswap32(__atomic_load_n(&d->control, __ATOMIC_RELAXED));
    }
    mmio_rmb(); /* what it wrote before it was done is seen after that */
    if ((left & ~FW_CFG_DMA_ERROR) != 0) {
        log_error("the device does not finish a transfer; it is not used any more");
        f->is_stuck = true;
        return E_IO;
    }
    return left != 0 ? E_IO : E_OK;
}

static status_t fw_cfg_select(struct fw_cfg *f, uint16_t item, uint32_t skip)
{
    return fw_cfg_transfer(
        f, FW_CFG_DMA_SELECT | FW_CFG_DMA_SKIP | field_put(FW_CFG_DMA_ITEM, item), skip);
}

/* The next bytes of the selected item, in the buffer; behind its end come zeroes. */
static status_t fw_cfg_read(struct fw_cfg *f, void *out, uint32_t len)
{
    status_t err = fw_cfg_transfer(f, FW_CFG_DMA_READ, len);

    if (err == E_OK) {
        memcpy(out, (const uint8_t *)f->dma.at + BUFFER_AT, len);
    }
    return err;
}

/* ---- the directory ---- */

/* What is wrong with an entry; NULL: nothing. */
static const char *entry_flaw(const struct fw_cfg_file *e)
{
    size_t len = strnlen(e->name, sizeof(e->name));

    if (len == sizeof(e->name)) {
        return "a name without an end";
    }
    for (size_t i = 0; i < len; i++) {
        if (e->name[i] <= ' ' || e->name[i] > '~') {
            return "a name that cannot be printed";
        }
    }
    if (len == 0) {
        return "no name: the directory is shorter than it says";
    }
    return __builtin_bswap16(e->select) < FW_CFG_FILE_FIRST ? "the number of something else" : NULL;
}

static void fw_cfg_add(struct fw_cfg *f, const struct fw_cfg_file *e, unsigned number)
{
    const char *flaw = entry_flaw(e);

    if (flaw != NULL) {
        log_warn("file %u of the directory is left out: it has %s", number, flaw);
        return;
    }
    struct file *file = &f->files[f->file_count++];
    memcpy(file->name, e->name, sizeof(file->name));
    file->size = __builtin_bswap32(e->size);
    file->item = __builtin_bswap16(e->select);
}

static status_t fw_cfg_directory(struct fw_cfg *f)
{
    struct fw_cfg_file entries[ENTRIES];
    uint32_t said = 0;
    status_t err = fw_cfg_select(f, FW_CFG_FILE_DIR, 0);

    err = err ? err : fw_cfg_read(f, &said, sizeof(said));
    said = __builtin_bswap32(said);
    uint32_t count = said < FILES_MAX ? said : FILES_MAX;
    for (uint32_t at = 0; !err && at < count; at += ENTRIES) {
        uint32_t more = count - at < ENTRIES ? count - at : ENTRIES;
        err = fw_cfg_read(f, entries, more * sizeof(entries[0]));
        for (uint32_t i = 0; !err && i < more; i++) {
            fw_cfg_add(f, &entries[i], at + i + 1);
        }
    }
    if (!err && count < said) {
        log_warn("the directory says %u files: those behind the first %u are left out",
                 (unsigned)said, (unsigned)count);
    }
    return err;
}

/* ---- start ---- */

/* Nothing is told to a device that does not say what it is. */
static status_t fw_cfg_check(struct fw_cfg *f)
{
    char signature[4] = { 0 };
    uint32_t high = mmio_read32(&f->regs, FW_CFG_DMA_HIGH);
    uint32_t low = mmio_read32(&f->regs, FW_CFG_DMA_LOW);

    if (high != FW_CFG_MAGIC_HIGH || low != FW_CFG_MAGIC_LOW) {
        log_error("no signature at offset 0x%x (0x%08x 0x%08x): no such device, or one without DMA",
                  (unsigned)FW_CFG_DMA_HIGH, (unsigned)high, (unsigned)low);
        return E_FORMAT;
    }
    status_t err = fw_cfg_select(f, FW_CFG_SIGNATURE, 0);
    err = err ? err : fw_cfg_read(f, signature, sizeof(signature));
    if (!err && memcmp(signature, "QEMU", sizeof(signature)) != 0) {
        log_error("item 0 is not the signature: DMA does not reach the memory that it should");
        err = E_FORMAT;
    }
    return err;
}

/* ---- requests ---- */

static status_t serve_file(const struct fw_cfg *f, struct msg *m)
{
    if (m->w[0] >= f->file_count) {
        return E_NOTFOUND;
    }
    const struct file *file = &f->files[m->w[0]];
    m->w[0] = file->size;
    memcpy(&m->w[1], file->name, sizeof(file->name));
    return E_OK;
}

static status_t serve_read(struct fw_cfg *f, struct msg *m)
{
    uint64_t offset = m->w[0];
    char name[FW_CFG_NAME_LEN];
    status_t err = E_OK;

    memcpy(name, &m->w[1], sizeof(name));
    if (strnlen(name, sizeof(name)) == sizeof(name)) {
        return E_INVAL;
    }
    const struct file *file = f->files, *end = f->files + f->file_count;
    while (file < end && strcmp(file->name, name) != 0) {
        file++;
    }
    if (file == end) {
        return E_NOTFOUND;
    }
    m->w[0] = file->size;
    memset(&m->w[1], 0, FW_CFG_READ_LEN);
    if (offset < file->size) {
        uint64_t left = file->size - offset;
        err = fw_cfg_select(f, file->item, (uint32_t)offset);
        err = err ? err
                  : fw_cfg_read(f, &m->w[1],
                                left < FW_CFG_READ_LEN ? (uint32_t)left : FW_CFG_READ_LEN);
    }
    return err;
}

static status_t fw_cfg_serve(struct fw_cfg *f, struct msg *m)
{
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    switch (info_op(m->info)) {
    case FW_CFG_OP_FILE:
        return serve_file(f, m);
    case FW_CFG_OP_READ:
        return serve_read(f, m);
    default:
        return E_NOSYS;
    }
}

int main(void)
{
    static struct fw_cfg fw_cfg;
    struct node node = driver_node();
    status_t err = node_mmio(node, 0, FW_CFG_REGS_LEN, &fw_cfg.regs);

    err = err ? err : node_dma(node, 0, PAGE_SIZE, 0, 0, &fw_cfg.dma);
    err = err ? err : fw_cfg_check(&fw_cfg);
    err = err ? err : fw_cfg_directory(&fw_cfg);
    if (err) {
        return err; /* init reports it against the node's path */
    }
    event_accept(0);
    for (;;) {
        struct event ev = event_wait();
        err = E_OK;
        if (ev.kind == EV_CALL) {
            err = fw_cfg_serve(&fw_cfg, &ev.msg);
        } else if (ev.kind == EV_COMMAND) {
            err = E_NOSYS;
        }
        event_done(&ev, err);
    }
}
