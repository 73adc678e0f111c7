/* SPDX-License-Identifier: BSD-2-Clause
 * block - looks at disks and partitions, and changes them (class block). `block --help` says how.
 */
#include <cambium/block.h>
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/mmio.h>
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PROGRAM_NEEDS("block");

enum { ROW = 16, DATA_LEN = 256 * 1024, STATUS_USAGE = 2 };
#define PATIENCE_NS 60000000000ull /* for one request */

static const char usage[] =
    "usage: block                           lists disks and partitions\n"
    "       block read NAME SECTOR [COUNT]  prints sectors in hexadecimal\n"
    "       block write NAME SECTOR TEXT    writes it, filled up with zeroes\n"
    "       block write NAME SECTOR --pattern SEED COUNT\n"
    "                                       writes sectors of numbers made of SEED\n"
    "       block sum NAME [FIRST COUNT]    checksum and bytes, as cksum has them\n"
    "       block flush NAME                has the disk keep all that was written\n"
    "       block discard NAME SECTOR COUNT says that these are not needed any more\n"
    "Numbers are decimal or, with 0x, hexadecimal; sectors count from 0.\n";

static int fail(const char *what, const char *name, status_t err)
{
    (void)fprintf(stderr, "block: %s%s%s: %s (%s)\n", name, name[0] != '\0' ? ": " : "", what,
                  err_text(err), err_name(err));
    return 1;
}

static int refuse(const char *what, const char *word)
{
    (void)fprintf(stderr, "block: %s: \"%s\"; see block --help\n", what, word);
    return STATUS_USAGE;
}

/* ---- units ---- */

static void size_text(uint64_t bytes, char *out, size_t len)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    unsigned unit = 0;
    uint64_t tenths = 0;

    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        tenths = bytes % 1024 * 10 / 1024;
        bytes /= 1024;
        unit++;
    }
    if (tenths != 0 && bytes < 100) {
        (void)snprintf(out, len, "%llu.%llu %s", (unsigned long long)bytes,
                       (unsigned long long)tenths, units[unit]); /* fits */
    } else {
        (void)snprintf(out, len, "%llu %s", (unsigned long long)bytes, units[unit]);
    }
}

static void list_one(const struct block_info *info)
{
    char size[24];

    size_text(info->sectors * info->sector_len, size, sizeof(size));
    bool has_label = info->label[0] != '\0', is_read_only = (info->flags & BLOCK_READ_ONLY) != 0;
    printf("%-10s %11llu %11llu %5u %9s%s%s%s%s\n", info->name, (unsigned long long)info->first,
           (unsigned long long)info->sectors, (unsigned)info->sector_len, size,
           has_label || is_read_only ? "  " : "", info->label,
           has_label && is_read_only ? ", " : "", is_read_only ? "read only" : "");
}

static int list(handle_t service)
{
    struct block_info info;
    status_t err = block_info(service, 0, &info);

    if (err == E_NOTFOUND) {
        (void)fprintf(stderr, "block: no disk: none is plugged in, or none has a driver\n");
        return 1;
    }
    if (err) {
        return fail("no disk", "", err);
    }
    printf("name         begins at     sectors  each      size\n");
    for (; !err;
         err = block_info(service, info.unit + 1u, &info)) { /* ends: numbers go up to 65535 */
        list_one(&info);
    }
    return err == E_NOTFOUND ? 0 : fail("no answer", "", err);
}

/* ---- data ---- */

/* What a command does with each part of its sectors. */
struct work {
    const char *name; /* of the unit */
    struct block disk;
    uint64_t seed;
    uint32_t crc;
    uint64_t at; /* the sector that data[0] is of, in the unit */
};

/* A row that is like the one before is a "*", but the last is printed. */
static void print_sectors(struct work *w, uint32_t len)
{
    const uint8_t *data = w->disk.data;
    bool is_left_out = false;

    for (uint32_t at = 0; at < len; at += ROW) {
        if (at != 0 && at + ROW < len && memcmp(data + at, data + at - ROW, ROW) == 0) {
            printf("%s", is_left_out ? "" : "*\n");
            is_left_out = true;
            continue;
        }
        is_left_out = false;
        printf("%10" PRIx64 " ", w->at * w->disk.sector_len + at);
        for (unsigned i = 0; i < ROW; i++) {
            printf(" %02x", data[at + i]);
        }
        printf("  ");
        for (unsigned i = 0; i < ROW; i++) {
            uint8_t c = data[at + i];
            putchar(c >= ' ' && c <= '~' ? c : '.');
        }
        putchar('\n');
    }
}

/* Numbers that depend on seed and place only (the finisher of SplitMix64). */
static void make_pattern(struct work *w, uint32_t len)
{
    uint64_t *words = (uint64_t *)(void *)w->disk.data;
    uint64_t first = w->at * w->disk.sector_len / sizeof(uint64_t);

    for (uint32_t i = 0; i < len / sizeof(uint64_t); i++) {
        uint64_t x = w->seed + (first + i) * 0x9e3779b97f4a7c15;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        words[i] = x ^ x >> 31;
    }
}

/* POSIX.1-2017, cksum: the CRC of ISO/IEC 8802-3, highest bit first; x to the 32nd goes off the left. */
#define POLYNOMIAL                                                                                 \
    (BIT(26) | BIT(23) | BIT(22) | BIT(16) | BIT(12) | BIT(11) | BIT(10) | BIT(8) | BIT(7) |       \
     BIT(5) | BIT(4) | BIT(2) | BIT(1) | BIT(0))

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
    static uint32_t table[256];

    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) { /* once */
        table[i] = i << 24;
        for (int bit = 0; bit < 8; bit++) {
            table[i] = table[i] << 1 ^ (table[i] >> 31 != 0 ? POLYNOMIAL : 0);
        }
    }
    return crc << 8 ^ table[crc >> 24 ^ byte];
}

static void add_to_sum(struct work *w, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        w->crc = crc_byte(w->crc, w->disk.data[i]);
    }
}

/* Goes through sectors, as many at a time as there is memory for: `before` makes what is written, `after` takes what was read. */
static status_t each(struct work *w, enum block_what what, uint64_t first, uint64_t count,
                     void (*before)(struct work *, uint32_t),
                     void (*after)(struct work *, uint32_t))
{
    uint32_t most = w->disk.data_len / w->disk.sector_len;
    status_t err = E_OK;

    while (!err && count != 0) {
        uint32_t now = count < most ? (uint32_t)count : most;
        w->at = first;
        if (before != NULL) {
            before(w, now * w->disk.sector_len);
        }
        err = block_do(&w->disk, what, first, now, 0, time_deadline(PATIENCE_NS));
        if (!err && after != NULL) {
            after(w, now * w->disk.sector_len);
        }
        first += now;
        count -= now;
    }
    return err;
}

/* ---- commands ---- */

static bool number(const char *word, uint64_t *out)
{
    char *end;

    if (word[0] < '0' || word[0] > '9') {
        return false;
    }
    *out = strtoull(word, &end, 0);
    return *end == '\0';
}

static int do_read(struct work *w, uint64_t first, uint64_t count)
{
    status_t err = each(w, BLOCK_READ, first, count, NULL, print_sectors);

    return err ? fail("not read", w->name, err) : 0;
}

static int do_sum(struct work *w, uint64_t first, uint64_t count)
{
    status_t err = each(w, BLOCK_READ, first, count, NULL, add_to_sum);
    uint64_t len = count * w->disk.sector_len;

    if (err) {
        return fail("not read", w->name, err);
    }
    for (uint64_t rest = len; rest != 0; rest >>= 8) { /* the length counts too */
        w->crc = crc_byte(w->crc, rest & 0xff);
    }
    printf("%u %llu %s\n", (unsigned)~w->crc, (unsigned long long)len, w->name);
    return 0;
}

static int do_text(struct work *w, uint64_t first, const char *text)
{
    size_t len = strlen(text);
    uint32_t sectors = (uint32_t)((len + w->disk.sector_len - 1) / w->disk.sector_len);

    if (len == 0 || len > w->disk.data_len) {
        return refuse("a text of no bytes, or of too many", text);
    }
    memset(w->disk.data, 0, sectors * w->disk.sector_len);
    memcpy(w->disk.data, text, len);
    status_t err = block_do(&w->disk, BLOCK_WRITE, first, sectors, 0, time_deadline(PATIENCE_NS));
    return err ? fail("not written", w->name, err) : 0;
}

static int do_plain(struct work *w, enum block_what what, uint64_t first, uint64_t count)
{
    if (count > UINT32_MAX) {
        return fail("too many sectors at once", w->name, E_RANGE);
    }
    status_t err = block_do(&w->disk, what, first, (uint32_t)count, 0, time_deadline(PATIENCE_NS));
    return err ? fail(what == BLOCK_FLUSH ? "not flushed" : "not discarded", w->name, err) : 0;
}

static int do_write(struct work *w, int argc, char *argv[], uint64_t first)
{
    uint64_t count;

    if (argc == 5 && strncmp(argv[4], "--", 2) != 0) {
        return do_text(w, first, argv[4]);
    }
    if (argc != 7 || strcmp(argv[4], "--pattern") != 0) {
        return refuse("what to write at", argv[3]);
    }
    if (!number(argv[5], &w->seed) || !number(argv[6], &count) || count == 0) {
        return refuse("no numbers behind", argv[4]);
    }
    status_t err = each(w, BLOCK_WRITE, first, count, make_pattern, NULL);
    return err ? fail("not written", w->name, err) : 0;
}

/* The command, with its unit attached. */
static int run(struct work *w, int argc, char *argv[])
{
    uint64_t first = 0, count = 1;
    const char *verb = argv[1];

    if (argc > 3 && !number(argv[3], &first)) {
        return refuse("not a sector", argv[3]);
    }
    if (strcmp(verb, "write") == 0) {
        return argc > 4 ? do_write(w, argc, argv, first) : refuse("too few words behind", verb);
    }
    if (argc > 4 && (!number(argv[4], &count) || count == 0)) {
        return refuse("not a count", argv[4]);
    }
    if (strcmp(verb, "read") == 0 && (argc == 4 || argc == 5)) {
        return do_read(w, first, count);
    }
    if (strcmp(verb, "sum") == 0 && (argc == 3 || argc == 5)) {
        return do_sum(w, first, argc == 3 ? w->disk.sectors : count);
    }
    if (strcmp(verb, "flush") == 0 && argc == 3) {
        return do_plain(w, BLOCK_FLUSH, 0, 0);
    }
    if (strcmp(verb, "discard") == 0 && argc == 5) {
        return do_plain(w, BLOCK_DISCARD, first, count);
    }
    return refuse("too few or too many words behind", verb);
}

static bool is_verb(const char *word)
{
    static const char *const verbs[] = { "read", "write", "sum", "flush", "discard" };

    for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i], word) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char *argv[])
{
    static struct work w;
    struct block_info info;
    handle_t service;

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("%s", usage);
        return 0;
    }
    if (argc == 2 || (argc > 2 && !is_verb(argv[1]))) {
        (void)fprintf(stderr, "%s", usage);
        return STATUS_USAGE;
    }
    status_t err = service_open("block", &service);
    if (err) {
        return fail("no disk", "", err);
    }
    if (argc == 1) {
        return list(service);
    }
    w.name = argv[2];
    err = block_find(service, w.name, &info);
    if (err) {
        return fail("no such disk or partition", w.name, err);
    }
    bool is_reading = strcmp(argv[1], "read") == 0 || strcmp(argv[1], "sum") == 0;
    err = block_open(&w.disk, service, info.unit,
                     (struct block_window){ 0, 0, is_reading ? BLOCK_READ_ONLY : 0 }, DATA_LEN);
    if (err) {
        return fail("not opened", w.name, err);
    }
    int status = run(&w, argc, argv);
    block_close(&w.disk);
    return status;
}
