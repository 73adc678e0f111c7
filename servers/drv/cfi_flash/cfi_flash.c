/* SPDX-License-Identifier: BSD-2-Clause
 * cfi_flash - driver server for parallel NOR flash with the Common Flash Interface: two 16-bit chips side by side.
 *
 * Device:   JEDEC JESD68.01, Intel 290667; cfi_flash_regs.h.
 * Binding:  README.md beside this file (reg: a window per bank; bank-width).
 * Protocol: <cambium/proto/flash.h>; an erase is started, and looked at with each request to its bank.
 * Not here: other bank widths and command sets than Intel's; chips with blocks of several sizes; locks of blocks;
 *           programming by buffers; any change of bank 0, since it may hold the firmware.
 */
#include <cambium/driver.h>
#include <cambium/proto/flash.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <inttypes.h>
#include "cfi_flash_regs.h"

enum { SIZE_LOG2_MAX = 30, ERASE_LOG2_MAX = 16, PROGRAM_LOG2_MAX = 12 };

/* For an erase that a predecessor began. */
#define ERASE_UNKNOWN_NS ((1ull << ERASE_LOG2_MAX) * 1000000)

struct bank {
    struct mmio regs; /* by checked access: to map 64 MiB would cost 32 pages for tables, in vain */
    status_t error;   /* why it cannot be used; while is_busy: since it is not known yet */
    bool is_writable;
    bool is_busy;         /* as far as is known: with an erase, its own or a predecessor's */
    uint64_t deadline_ns; /* until then it may be */
    uint32_t failed;      /* status registers after the last erase, if it failed */
    uint64_t bytes, block_bytes;
    uint64_t erase_ns, program_ns; /* at most, for a block and a word */
};

struct cfi_flash {
    struct bank banks[FLASH_BANKS_MAX];
    unsigned count;
};

DEV_MATCH_TABLE struct dev_match cfi_flash_match[] = {
    DEV_MATCH("cfi-flash", "flash", "reg", 0),
};

static void bank_command(const struct bank *b, uint64_t offset, unsigned command)
{
    mmio_write32(&b->regs, (uint32_t)offset, CFI_BOTH(command));
}

static void bank_read_array(const struct bank *b)
{
    bank_command(b, 0, CFI_CLEAR_STATUS);
    bank_command(b, 0, CFI_READ_ARRAY);
}

static bool is_ready(uint32_t status)
{
    return (status & CFI_BOTH(SR_READY)) == CFI_BOTH(SR_READY);
}

/* `count` bytes of both chips' answer; UINT32_MAX: they do not say the same. */
static uint32_t bank_query(const struct bank *b, unsigned unit, unsigned count)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < count; i++) {
        uint32_t both = mmio_read32(&b->regs, CFI_OFFSET(unit + i));
        if (both != CFI_BOTH(both & 0xff)) {
            return UINT32_MAX;
        }
        value |= (both & 0xff) << 8 * i;
    }
    return value;
}

/* In query mode. What chips that do not agree say is too large for each of the checks. */
static status_t bank_geometry(struct bank *b)
{
    uint32_t set = bank_query(b, CFI_COMMAND_SET, 2);
    uint32_t size = bank_query(b, CFI_SIZE_LOG2, 1), regions = bank_query(b, CFI_REGIONS, 1);
    uint64_t blocks = bank_query(b, CFI_BLOCKS, 2) + 1ull,
             units = bank_query(b, CFI_BLOCK_UNITS, 2);
    uint64_t erase = (uint64_t)bank_query(b, CFI_ERASE_TYP, 1) + bank_query(b, CFI_ERASE_MAX, 1);
    uint64_t program =
        (uint64_t)bank_query(b, CFI_PROGRAM_TYP, 1) + bank_query(b, CFI_PROGRAM_MAX, 1);

    if (set != CFI_INTEL_EXTENDED && set != CFI_INTEL_STANDARD) {
        return E_NOSYS;
    }
    if (size > SIZE_LOG2_MAX || regions != 1 || blocks > UINT16_MAX + 1ull || units > UINT16_MAX ||
        erase > ERASE_LOG2_MAX || program > PROGRAM_LOG2_MAX) {
        return E_FORMAT;
    }
    b->bytes = (uint64_t)CFI_CHIPS << size;
    b->block_bytes = units * CFI_BLOCK_UNIT * CFI_CHIPS;
    b->erase_ns = 1000000ull << erase;
    b->program_ns = 1000ull << program;
    return blocks * b->block_bytes != b->bytes || b->bytes > b->regs.len ? E_FORMAT : E_OK;
}

/* Whatever mode it was left in, it can be read when this is over; but an erase that goes on hears no command. First all
 * ones, whose lower byte is CFI_READ_ARRAY: if somebody died between CFI_PROGRAM and the data, they are the data, and change
 * no bit. */
static status_t bank_identify(struct bank *b)
{
    mmio_write32(&b->regs, 0, UINT32_MAX);
    bank_read_array(b);
    bank_command(b, CFI_OFFSET(CFI_QUERY_AT), CFI_QUERY);
    status_t err =
        bank_query(b, CFI_MARK, 3) == ('Q' | 'R' << 8 | 'Y' << 16) ? bank_geometry(b) : E_NOTFOUND;
    bank_read_array(b);
    return err;
}

static uint32_t bank_status(const struct bank *b)
{
    bank_command(b, 0, CFI_READ_STATUS);
    return mmio_read32(&b->regs, 0);
}

/* An erase that a dead predecessor began is waited for later: with the requests, as one's own. */
static void bank_start(struct bank *b)
{
    b->error = bank_identify(b);
    if (b->error == E_NOTFOUND && start_info->incarnation > 1 && !is_ready(bank_status(b))) {
        b->is_busy = true;
        b->deadline_ns = time_now_ns() + ERASE_UNKNOWN_NS;
    }
}

/* One look at what goes on; E_OK: nothing, and the bank can be used. */
static status_t bank_settle(struct bank *b)
{
    if (!b->is_busy) {
        return b->error == E_OK ? E_OK : E_NOTFOUND;
    }
    uint64_t now = time_now_ns();
    uint32_t status = bank_status(b);
    if (!is_ready(status)) {
        return now < b->deadline_ns ? E_BUSY : E_TIMEOUT;
    }
    b->is_busy = false;
    b->failed = (status & CFI_BOTH(SR_ERRORS)) != 0 ? status : 0;
    if (b->error == E_OK) {
        bank_read_array(b);
        return E_OK;
    }
    b->error = bank_identify(b);
    return b->error == E_OK ? E_OK : E_NOTFOUND;
}

/* E_OK: w1 = offset and w2 = bytes name what is in the bank. */
static status_t range_check(const struct bank *b, const struct msg *m, uint64_t max)
{
    uint64_t offset = m->w[1], len = m->w[2];

    if (offset % FLASH_UNIT != 0 || len % FLASH_UNIT != 0 || len == 0 || len > max) {
        return E_INVAL;
    }
    return offset >= b->bytes || len > b->bytes - offset ? E_RANGE : E_OK;
}

static status_t bank_read(const struct bank *b, struct msg *m)
{
    status_t err = range_check(b, m, FLASH_READ_MAX);
    struct msg out = { 0 };

    for (unsigned at = 0; !err && at < m->w[2]; at += FLASH_UNIT) {
        uint64_t word = mmio_read32(&b->regs, (uint32_t)m->w[1] + at);
        out.w[at / 8] |= word << at % 8 * 8;
    }
    *m = err ? *m : out;
    return err;
}

static status_t bank_erase(struct bank *b, const struct msg *m)
{
    uint64_t offset = m->w[1];

    if (offset >= b->bytes || offset % b->block_bytes != 0) {
        return offset >= b->bytes ? E_RANGE : E_INVAL;
    }
    b->is_busy = true;
    b->deadline_ns = time_now_ns() + b->erase_ns;
    bank_command(b, offset, CFI_ERASE);
    bank_command(b, offset, CFI_CONFIRM);
    return E_OK;
}

/* Waits for program_ns at most, some milliseconds; chips that need longer are looked at with the next request. */
static status_t bank_program_word(struct bank *b, uint32_t offset, uint32_t value, uint32_t *out)
{
    uint64_t now;

    bank_command(b, offset, CFI_PROGRAM);
    mmio_write32(&b->regs, offset, value);
    b->deadline_ns = time_now_ns() + b->program_ns;
    do {
        now = time_now_ns();
        *out = mmio_read32(&b->regs, offset);
    } while (!is_ready(*out) && now < b->deadline_ns);
    b->is_busy = !is_ready(*out);
    return b->is_busy ? E_TIMEOUT : (*out & CFI_BOTH(SR_ERRORS)) != 0 ? E_IO : E_OK;
}

static status_t bank_program(struct bank *b, struct msg *m)
{
    status_t err = range_check(b, m, FLASH_PROGRAM_MAX);
    uint32_t status = 0;

    if (err) {
        return err;
    }
    for (unsigned at = 0; !err && at < m->w[2]; at += FLASH_UNIT) {
        uint32_t word = (uint32_t)(m->w[4 + at / 8] >> at % 8 * 8);
        err = bank_program_word(b, (uint32_t)m->w[1] + at, word, &status);
    }
    if (err != E_TIMEOUT) {
        bank_read_array(b);
    }
    m->w[0] = status;
    return err;
}

static status_t cfi_flash_serve(struct cfi_flash *d, struct msg *m)
{
    uint32_t op = info_op(m->info);

    if (op < FLASH_OP_INFO || op > FLASH_OP_STATUS) {
        return E_NOSYS;
    }
    if (m->w[0] >= d->count) {
        return E_NOTFOUND;
    }
    struct bank *b = &d->banks[m->w[0]];
    status_t err = bank_settle(b);
    if (err) {
        return err;
    }
    switch (op) {
    case FLASH_OP_INFO:
        *m = (struct msg){ .w = { b->bytes, b->block_bytes, CFI_CHIPS, b->is_writable } };
        return E_OK;
    case FLASH_OP_READ:
        return bank_read(b, m);
    case FLASH_OP_ERASE:
        return b->is_writable ? bank_erase(b, m) : E_NOSYS;
    case FLASH_OP_PROGRAM:
        return b->is_writable ? bank_program(b, m) : E_NOSYS;
    default:
        m->w[0] = b->failed;
        return b->failed != 0 ? E_IO : E_OK;
    }
}

/* All windows of the node, nothing touched. */
static status_t cfi_flash_claim(struct cfi_flash *d, struct node node)
{
    status_t err = E_OK;

    if (node_u32_or(node, "bank-width", 0) != CFI_BANK_WIDTH) {
        log_error("bank-width is not %d: this driver knows two 16-bit chips only", CFI_BANK_WIDTH);
        return E_NOSYS;
    }
    for (d->count = 0; d->count < FLASH_BANKS_MAX && !err; d->count += err == E_OK) {
        err = node_mmio_checked(node, d->count, CFI_OFFSET(CFI_QUERY_AT + 1),
                                &d->banks[d->count].regs);
    }
    return err == E_NOTFOUND && d->count != 0 ? E_OK : err;
}

/* E_OK: there is a bank of use. */
static status_t cfi_flash_start(struct cfi_flash *d)
{
    status_t err = E_NOTFOUND;

    for (unsigned n = 0; n < d->count; n++) {
        struct bank *b = &d->banks[n];
        b->is_writable = n != 0;
        bank_start(b);
        if (b->is_busy) {
            log_info("bank %u is still at an erase", n);
        } else if (b->error) {
            log_warn("bank %u has no pair of chips that this driver knows (error %d)", n, b->error);
        } else {
            log_info("bank %u: %" PRIu64 " KiB in blocks of %" PRIu64 " KiB%s", n, b->bytes / 1024,
                     b->block_bytes / 1024, b->is_writable ? "" : ", never written");
        }
        err = b->is_busy || !b->error ? E_OK : err;
    }
    return err;
}

int main(void)
{
    static struct cfi_flash flash;
    status_t err = cfi_flash_claim(&flash, driver_node());

    if (err) {
        return err; /* init reports it against the node's path */
    }
    event_accept(0); /* no request brings a handle */
    err = cfi_flash_start(&flash);
    if (err) {
        return err;
    }
    for (;;) {
        struct event ev = event_wait();
        err = E_OK;
        if (ev.kind == EV_CALL) {
            err = cfi_flash_serve(&flash, &ev.msg);
        } else if (ev.kind == EV_COMMAND) {
            err = E_NOSYS;
        }
        event_done(&ev, err);
    }
}
