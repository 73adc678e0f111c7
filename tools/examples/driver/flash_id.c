/* SPDX-License-Identifier: BSD-2-Clause
 * flash_id - a driver outside of Cambium's tree: asks a parallel NOR flash what it is, and tells whoever asks.
 *
 * Device:   Common Flash Interface, JESD68.01; flash_id_regs.h. Two 16-bit chips side by side, as QEMU's virt has them.
 * Binding:  README.md beside this file ("cfi-flash": reg, bank-width).
 * Protocol: FLASH_OP_INFO = 1 -> w0 = bytes, w1 = bytes of an erase block, w2 = chips side by side.
 * Not here: reading, writing and erasing; banks behind the first.
 */
#include <cambium/driver.h>
#include <inttypes.h>
#include <stdbool.h>
#include "flash_id_regs.h"

enum { FLASH_OP_INFO = 1 };

struct flash {
    struct mmio regs;
    uint64_t bytes, block_bytes;
};

DEV_MATCH_TABLE struct dev_match flash_match[] = {
    DEV_MATCH("cfi-flash", "flash", "reg", 0),
};

/* Both chips' answer at `unit`; false: they do not say the same. */
static bool flash_read(const struct flash *f, uint32_t unit, uint32_t *out)
{
    uint32_t both = mmio_read32(&f->regs, CFI_OFFSET(unit));

    *out = field_get(CFI_LANE0, both);
    return *out == field_get(CFI_LANE1, both);
}

static bool flash_is_cfi(const struct flash *f)
{
    static const char mark[] = { 'Q', 'R', 'Y' };
    uint32_t byte;

    for (unsigned i = 0; i < sizeof(mark); i++) {
        if (!flash_read(f, CFI_MARK + i, &byte) || byte != (uint8_t)mark[i]) {
            return false;
        }
    }
    return true;
}

/* In query mode. E_FORMAT: it answers, but with sizes that cannot be. */
static status_t flash_identify(struct flash *f)
{
    uint32_t size_log2, low, high;

    if (!flash_read(f, CFI_SIZE_LOG2, &size_log2) || size_log2 > CFI_SIZE_LOG2_MAX ||
        !flash_read(f, CFI_BLOCK_LOW, &low) || !flash_read(f, CFI_BLOCK_HIGH, &high)) {
        return E_FORMAT;
    }
    f->bytes = CFI_CHIPS << size_log2;
    f->block_bytes = (uint64_t)CFI_CHIPS * CFI_BLOCK_UNIT * (high << 8 | low);
    return f->block_bytes == 0 || f->block_bytes > f->bytes ? E_FORMAT : E_OK;
}

/* Whatever mode somebody left it in, it can be read when this is over. */
static status_t flash_start(struct flash *f)
{
    mmio_write32(&f->regs, CFI_OFFSET(0), CFI_READ_ARRAY);
    mmio_write32(&f->regs, CFI_OFFSET(CFI_QUERY_AT), CFI_QUERY);
    status_t err = flash_is_cfi(f) ? flash_identify(f) : E_NOTFOUND;
    mmio_write32(&f->regs, CFI_OFFSET(0), CFI_READ_ARRAY);
    return err;
}

static status_t flash_serve(const struct flash *f, struct msg *m)
{
    if (info_op(m->info) != FLASH_OP_INFO) {
        return E_NOSYS;
    }
    if (info_handles(m->info) != 0) {
        return E_INVAL; /* the frame closes what came */
    }
    m->w[0] = f->bytes;
    m->w[1] = f->block_bytes;
    m->w[2] = CFI_CHIPS;
    return E_OK;
}

int main(void)
{
    struct flash flash = { 0 };
    struct node node = driver_node();
    status_t err = node_mmio_part(node, 0, 0, CFI_REGS_LEN, &flash.regs);

    if (err) {
        return err;
    }
    if (node_u32_or(node, "bank-width", 0) != CFI_BANK_WIDTH) {
        log_error("bank-width is not %d: this driver knows two 16-bit chips only", CFI_BANK_WIDTH);
        return E_NOSYS;
    }
    err = flash_start(&flash);
    if (err) {
        log_error("no pair of CFI chips answers in the first window");
        return err;
    }
    log_info("%" PRIu64 " KiB of flash in blocks of %" PRIu64 " KiB", flash.bytes / 1024,
             flash.block_bytes / 1024);
    for (;;) {
        struct event ev = event_wait();
        status_t status = ev.kind == EV_CALL      ? flash_serve(&flash, &ev.msg)
                          : ev.kind == EV_COMMAND ? E_NOSYS
                                                  : E_OK;
        event_done(&ev, status);
    }
}
