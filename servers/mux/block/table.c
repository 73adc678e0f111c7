/* SPDX-License-Identifier: BSD-2-Clause
 * Partition tables (table.h): MBR with logical partitions, and GPT.
 *
 * MBR: as PC firmware has had it since 1983; UEFI Specification 2.10, 5.2.1 writes it down. Logical partitions stand in a chain of
 * sectors of the same form inside the extended one, each with one partition and the next link. A link must lead forward, so there
 * is no loop. GPT: UEFI 2.10, 5.3; a protective MBR says that there is one. Numbers are little endian.
 */
#include "table.h"
#include <cambium/mmio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    MBR_LEN = 512,
    MBR_ENTRIES = 446,
    MBR_ENTRY_LEN = 16,
    MBR_SIGNATURE = 510,
    MBR_ACTIVE = 0x80,
    TYPE_NONE = 0x00,
    TYPE_EXTENDED = 0x05,
    TYPE_EXTENDED_LBA = 0x0f,
    TYPE_EXTENDED_LINUX = 0x85,
    TYPE_PROTECTIVE = 0xee,
    LOGICAL_FIRST = 5,
    HOPS_MAX = 128, /* of the chain: links may be without a partition */
    SECTOR_LEN_MAX = 4096
};
enum { /* 5.3.2, 5.3.3 */
       GPT_LEN_MIN = 92,
       GPT_REVISION = 0x10000,
       GPT_ENTRY_MIN = 128
};

static uint64_t get(const uint8_t *at, unsigned len)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < len; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

/* CRC-32 of ISO/IEC 8802-3, lowest bit first, goes on with `crc`; begins with 0. */
static uint32_t crc32(uint32_t crc, const uint8_t *data, uint32_t len)
{
    const uint32_t polynomial = BIT(31) | BIT(30) | BIT(29) | BIT(27) | BIT(26) | BIT(24) |
                                BIT(23) | BIT(21) | BIT(20) | BIT(19) | BIT(15) | BIT(9) | BIT(8) |
                                BIT(5);

    crc = ~crc;
    for (uint32_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? polynomial : 0);
        }
    }
    return ~crc;
}

static void say(const struct table *t, unsigned number, const char *what)
{
    char line[100];

    if (number == 0) {
        t->say(t->disk, what);
        return;
    }
    (void)snprintf(line, sizeof(line), "partition %u %s: left out", number, what); /* fits */
    t->say(t->disk, line);
}

/* Takes a partition, or says why not. */
static void partition_add(struct table *t, unsigned number, uint64_t first, uint64_t count,
                          const char *label)
{
    char what[40];

    if (first == 0 || first >= t->sectors || count > t->sectors - first) {
        say(t, number, first == 0 ? "has the table in it" : "lies beyond the end of the disk");
        return;
    }
    for (unsigned i = 1; i <= TABLE_PARTITIONS; i++) {
        const struct partition *p = &t->partitions[i];
        if (p->count != 0 && first < p->first + p->count && p->first < first + count) {
            (void)snprintf(what, sizeof(what), "overlaps partition %u", i); /* fits */
            say(t, number, what);
            return;
        }
    }
    t->partitions[number].first = first;
    t->partitions[number].count = count;
    memcpy(t->partitions[number].label, label, strnlen(label, BLOCK_LABEL_LEN));
}

/* ---- MBR ---- */

struct mbr_entry {
    uint8_t status, type;
    uint64_t first, count;
};

static struct mbr_entry mbr_entry(const uint8_t *sector, unsigned n)
{
    const uint8_t *at = sector + MBR_ENTRIES + n * MBR_ENTRY_LEN;

    return (struct mbr_entry){ at[0], at[4], get(at + 8, 4), get(at + 12, 4) };
}

static bool is_extended(const struct mbr_entry *e)
{
    return e->type == TYPE_EXTENDED || e->type == TYPE_EXTENDED_LBA ||
           e->type == TYPE_EXTENDED_LINUX;
}

static bool is_signed(const uint8_t *sector)
{
    return sector[MBR_SIGNATURE] == 0x55 && sector[MBR_SIGNATURE + 1] == 0xaa;
}

static void mbr_label(uint8_t type, char *out, size_t len)
{
    static const struct {
        uint8_t type;
        const char *name;
    } names[] = { { 0x01, "FAT12" },       { 0x04, "FAT16" },      { 0x06, "FAT16" },
                  { 0x07, "NTFS, exFAT" }, { 0x0b, "FAT32" },      { 0x0c, "FAT32" },
                  { 0x0e, "FAT16" },       { 0x82, "Linux swap" }, { 0x83, "Linux" },
                  { 0xef, "EFI system" } };

    (void)snprintf(out, len, "type 0x%02x", type);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].type == type) {
            (void)snprintf(out, len, "%s", names[i].name);
        }
    }
}

static void mbr_add(struct table *t, unsigned number, const struct mbr_entry *e, uint64_t base)
{
    char label[BLOCK_LABEL_LEN + 1];

    mbr_label(e->type, label, sizeof(label));
    if (e->count == 0) {
        say(t, number, "has no sectors");
        return;
    }
    partition_add(t, number, base + e->first, e->count, label);
}

static bool is_within(uint64_t at, uint64_t first, uint64_t count)
{
    return at >= first && at - first < count;
}

/* Whether a partition that was taken has this sector: then its client could change what is read there. */
static bool is_taken(const struct table *t, uint64_t at)
{
    for (unsigned i = 1; i <= TABLE_PARTITIONS; i++) {
        if (is_within(at, t->partitions[i].first, t->partitions[i].count)) {
            return true;
        }
    }
    return false;
}

/* The logical partitions in `extended`. Each link leads on, within it, and not into a partition. */
static status_t mbr_chain(struct table *t, const struct mbr_entry *extended)
{
    uint64_t at = extended->first, end = extended->first + extended->count;
    unsigned number = LOGICAL_FIRST;

    for (unsigned hop = 0; hop < HOPS_MAX && number <= TABLE_PARTITIONS; hop++) {
        status_t err = t->read(t->disk, at, 1, t->buffer);
        if (err) {
            return err;
        }
        if (!is_signed(t->buffer)) {
            say(t, 0, "the chain of logical partitions ends in a sector without a signature");
            return E_OK;
        }
        struct mbr_entry e = mbr_entry(t->buffer, 0), next = mbr_entry(t->buffer, 1);
        bool is_last = !is_extended(&next);
        uint64_t next_at = extended->first + next.first;
        if (e.type != TYPE_NONE && (at + e.first + e.count > end || e.first == 0)) {
            say(t, number, e.first == 0 ? "has the table in it" : "lies beyond the extended one");
        } else if (e.type != TYPE_NONE && !is_last && is_within(next_at, at + e.first, e.count)) {
            say(t, number, "has the next one's table in it");
        } else if (e.type != TYPE_NONE) {
            mbr_add(t, number, &e, at);
        }
        number += e.type != TYPE_NONE;
        if (is_last) {
            return E_OK;
        }
        if (next_at <= at || next_at >= end || is_taken(t, next_at)) {
            say(t, 0, "the chain of logical partitions leads back, out, or into one: not followed");
            return E_OK;
        }
        at = next_at;
    }
    say(t, 0, "more partitions than there are numbers: the rest is left out");
    return E_OK;
}

/* Whether the sector is a table at all, and no boot sector of a disk without one, which has the same signature. */
static bool mbr_is_table(const uint8_t *sector)
{
    for (unsigned i = 0; i < 4; i++) {
        if ((mbr_entry(sector, i).status & ~MBR_ACTIVE) != 0) {
            return false;
        }
    }
    return is_signed(sector);
}

/* The extended partition, if there is one that makes sense; else one of no sectors. */
static struct mbr_entry mbr_extended(const struct table *t, const uint8_t *sector)
{
    struct mbr_entry found = { 0 };

    for (unsigned i = 0; i < 4; i++) {
        struct mbr_entry e = mbr_entry(sector, i);
        if (!is_extended(&e)) {
            continue;
        }
        if (found.count != 0) {
            say(t, i + 1, "is a second extended one");
        } else if (e.first == 0 || e.first >= t->sectors || e.count > t->sectors - e.first) {
            say(t, i + 1, "lies beyond the end of the disk");
        } else {
            found = e;
        }
    }
    return found;
}

static status_t mbr_read(struct table *t, const uint8_t *sector)
{
    struct mbr_entry extended = mbr_extended(t, sector);

    for (unsigned i = 0; i < 4; i++) {
        struct mbr_entry e = mbr_entry(sector, i);
        if (e.type == TYPE_NONE) {
            continue;
        }
        (void)snprintf(t->kind, sizeof(t->kind), "MBR");
        if (is_extended(&e)) {
            continue;
        }
        if (e.first < extended.first + extended.count && extended.first < e.first + e.count) {
            say(t, i + 1, "overlaps the extended one");
        } else {
            mbr_add(t, i + 1, &e, 0);
        }
    }
    return extended.count != 0 ? mbr_chain(t, &extended) : E_OK;
}

/* ---- GPT ---- */

struct gpt {
    uint64_t first_usable, last_usable, entries_at;
    uint32_t entries, entry_len, entries_crc;
};

/* What is wrong with a header; NULL: nothing. */
static const char *gpt_check(const struct table *t, uint8_t *sector, uint64_t at, struct gpt *out)
{
    uint32_t len = (uint32_t)get(sector + 12, 4), crc = (uint32_t)get(sector + 16, 4);

    if (memcmp(sector, "EFI PART", 8) != 0) {
        return "is none";
    }
    if (get(sector + 8, 4) < GPT_REVISION || len < GPT_LEN_MIN || len > t->sector_len) {
        return "has a revision or length that is not known";
    }
    memset(sector + 16, 0, 4);
    if (crc32(0, sector, len) != crc) {
        return "has a wrong checksum";
    }
    *out = (struct gpt){ get(sector + 40, 8),           get(sector + 48, 8),
                         get(sector + 72, 8),           (uint32_t)get(sector + 80, 4),
                         (uint32_t)get(sector + 84, 4), (uint32_t)get(sector + 88, 4) };
    if (get(sector + 24, 8) != at || out->last_usable >= t->sectors - 1 || out->first_usable < 2 ||
        out->first_usable > out->last_usable) {
        return "is one of another disk, or of another place";
    }
    uint64_t list_len = (uint64_t)out->entries * out->entry_len;
    if (out->entry_len < GPT_ENTRY_MIN || out->entry_len % 8 != 0 || list_len == 0 ||
        list_len > TABLE_BUFFER_LEN - SECTOR_LEN_MAX) {
        return "has entries that are too short, too many, or none";
    }
    uint64_t list_sectors = (list_len + t->sector_len - 1) / t->sector_len;
    if (out->entries_at == 0 || out->entries_at >= t->sectors ||
        list_sectors > t->sectors - out->entries_at) {
        return "has its entries beyond the end of the disk";
    }
    if (out->entries_at <= out->last_usable && out->entries_at + list_sectors > out->first_usable) {
        return "has its entries where partitions are";
    }
    return NULL;
}

/* Header and entries: E_FORMAT, said, where they are not right. The entries are in the buffer then. */
static status_t gpt_load(struct table *t, uint64_t at, const char *which, struct gpt *out)
{
    char line[100];
    const char *wrong = NULL;
    status_t err = t->read(t->disk, at, 1, t->buffer);

    if (!err && (wrong = gpt_check(t, t->buffer, at, out)) == NULL) {
        uint32_t len = out->entries * out->entry_len;
        err =
            t->read(t->disk, out->entries_at, (len + t->sector_len - 1) / t->sector_len, t->buffer);
        if (!err && crc32(0, t->buffer, len) != out->entries_crc) {
            wrong = "has entries with a wrong checksum";
        }
    }
    if (!err && wrong != NULL) {
        (void)snprintf(line, sizeof(line), "the %s GPT %s", which, wrong); /* fits */
        say(t, 0, line);
        err = E_FORMAT;
    }
    return err;
}

/* UTF-16, of which only what is ASCII is shown. */
static void gpt_label(const uint8_t *entry, char *out)
{
    memset(out, 0, BLOCK_LABEL_LEN + 1);
    for (unsigned i = 0; i < BLOCK_LABEL_LEN && get(entry + 56 + 2 * i, 2) != 0; i++) {
        uint64_t c = get(entry + 56 + 2 * i, 2);
        out[i] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
}

static void gpt_entry(struct table *t, const struct gpt *g, unsigned number, const uint8_t *entry)
{
    static const uint8_t no_type[16];
    uint64_t first = get(entry + 32, 8), last = get(entry + 40, 8);
    char label[BLOCK_LABEL_LEN + 1];

    if (memcmp(entry, no_type, sizeof(no_type)) == 0) {
        return;
    }
    if (number > TABLE_PARTITIONS) {
        say(t, number, "has a number that is too high");
    } else if (first < g->first_usable || last > g->last_usable || first > last) {
        say(t, number, "lies outside of what is for partitions");
    } else {
        gpt_label(entry, label);
        partition_add(t, number, first, last - first + 1, label);
    }
}

static status_t gpt_read(struct table *t)
{
    struct gpt g;
    status_t err = gpt_load(t, 1, "first", &g);

    if (err == E_FORMAT) {
        err = gpt_load(t, t->sectors - 1, "second", &g);
        if (!err) {
            say(t, 0, "the second GPT, at the disk's end, is used");
        }
    }
    if (err) {
        return err == E_FORMAT ? E_OK : err;
    }
    (void)snprintf(t->kind, sizeof(t->kind), "GPT");
    for (uint32_t i = 0; i < g.entries; i++) {
        gpt_entry(t, &g, i + 1, t->buffer + (uint64_t)i * g.entry_len);
    }
    return E_OK;
}

status_t table_read(struct table *t)
{
    uint8_t sector[MBR_LEN];

    memset(t->partitions, 0, sizeof(t->partitions));
    memset(t->kind, 0, sizeof(t->kind));
    if (t->sectors < 3) { /* no room for anything */
        return E_OK;
    }
    status_t err = t->read(t->disk, 0, 1, t->buffer);
    if (err || !mbr_is_table(t->buffer)) {
        return err;
    }
    memcpy(sector, t->buffer, sizeof(sector));
    for (unsigned i = 0; i < 4; i++) {
        if (mbr_entry(sector, i).type == TYPE_PROTECTIVE) {
            return gpt_read(t);
        }
    }
    return mbr_read(t, sector);
}
