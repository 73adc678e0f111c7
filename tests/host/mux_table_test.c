/* SPDX-License-Identifier: BSD-2-Clause
 * servers/mux/block/table.c on tables made here by hand, right ones and wrong ones: what is wrong is said, costs nothing else, and no
 * table whatever makes a partition that leaves the disk, overlaps another, or has the table in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include "servers/mux/block/table.h"

enum { SECTORS = 2000, LEN = 512, LIST = 128 * 128, USABLE = 34 };

static _Alignas(8) uint8_t buffer[TABLE_BUFFER_LEN];
static uint8_t disk[SECTORS * LEN];
static struct table t;
static char said[4000];
static unsigned reads, sentences, last_usable;
static status_t read_error;

static status_t read_disk(void *d, uint64_t sector, uint32_t count, void *to)
{
    assert_ptr_equal(d, disk);
    assert_true(count != 0 && count * t.sector_len <= TABLE_BUFFER_LEN);
    assert_true(sector < t.sectors && count <= t.sectors - sector);
    reads++;
    memcpy(to, disk + sector * t.sector_len, (size_t)count * t.sector_len);
    return read_error;
}

static void say(void *d, const char *what)
{
    assert_ptr_equal(d, disk);
    sentences++;
    if (strlen(said) + strlen(what) + 3 < sizeof(said)) {
        strcat(strcat(said, what), "; ");
    }
}

static int setup(void **state)
{
    (void)state;
    memset(disk, 0, sizeof(disk));
    memset(&t, 0xaa, sizeof(t));
    t.sectors = SECTORS;
    t.sector_len = LEN;
    t.read = read_disk;
    t.say = say;
    t.disk = disk;
    t.buffer = buffer;
    said[0] = '\0';
    reads = sentences = 0;
    read_error = E_OK;
    last_usable = SECTORS - USABLE;
    return 0;
}

static void put(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static void mbr(uint64_t sector, unsigned n, uint8_t type, uint32_t first, uint32_t count)
{
    uint8_t *at = disk + sector * LEN;

    at[510] = 0x55, at[511] = 0xaa;
    at[446 + 16 * n + 4] = type;
    put(at + 446 + 16 * n + 8, first, 4);
    put(at + 446 + 16 * n + 12, count, 4);
}

/* CRC-32 written another way: a bit of the message at a time. */
static uint32_t crc(const uint8_t *data, size_t len)
{
    uint32_t sum = 0xffffffff;

    for (size_t i = 0; i < len * 8; i++) {
        uint32_t bit = (data[i / 8] >> i % 8 & 1) ^ (sum & 1);
        sum = (sum >> 1) ^ (bit ? 0xedb88320 : 0);
    }
    return ~sum;
}

static void gpt_seal(uint64_t at, uint64_t list)
{
    uint8_t *h = disk + at * LEN;

    put(h + 88, crc(disk + list * LEN, LIST), 4);
    put(h + 16, 0, 4);
    put(h + 16, crc(h, 92), 4);
}

static void gpt_entry(unsigned n, uint64_t first, uint64_t last, const char *name)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *e = disk + (copy == 0 ? 2 : last_usable + 1) * LEN + n * 128;
        memset(e, 0x11, 16);
        put(e + 32, first, 8);
        put(e + 40, last, 8);
        for (unsigned i = 0; name[i] != '\0' && i < 36; i++) {
            put(e + 56 + 2 * i, (uint8_t)name[i], 2);
        }
    }
}

/* Headers of both copies. */
static void gpt(void)
{
    mbr(0, 0, 0xee, 1, SECTORS - 1);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint64_t at = copy == 0 ? 1 : SECTORS - 1, list = copy == 0 ? 2 : last_usable + 1;
        uint8_t *h = disk + at * LEN;
        memcpy(h, "EFI PART", 8);
        put(h + 8, 0x10000, 4);
        put(h + 12, 92, 4);
        put(h + 24, at, 8);
        put(h + 32, SECTORS - at, 8);
        put(h + 40, USABLE, 8);
        put(h + 48, last_usable, 8);
        put(h + 72, list, 8);
        put(h + 80, 128, 4);
        put(h + 84, 128, 4);
        gpt_seal(at, list);
    }
}

static void check(unsigned number, uint64_t first, uint64_t count, const char *label)
{
    assert_int_equal(t.partitions[number].first, first);
    assert_int_equal(t.partitions[number].count, count);
    assert_true(strncmp(t.partitions[number].label, label, BLOCK_LABEL_LEN) == 0);
}

static unsigned found(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i <= TABLE_PARTITIONS; i++) {
        count += t.partitions[i].count != 0;
    }
    return count;
}

/* What must hold of any table. */
static void check_all(void)
{
    assert_int_equal(t.partitions[0].count, 0);
    for (unsigned i = 1; i <= TABLE_PARTITIONS; i++) {
        const struct partition *p = &t.partitions[i];
        if (p->count == 0) {
            continue;
        }
        assert_true(p->first != 0 && p->first < t.sectors && p->count <= t.sectors - p->first);
        for (unsigned k = 1; k < i; k++) {
            const struct partition *q = &t.partitions[k];
            assert_true(q->count == 0 || p->first + p->count <= q->first ||
                        q->first + q->count <= p->first);
        }
        for (unsigned k = 0; k < BLOCK_LABEL_LEN; k++) {
            assert_true(p->label[k] == 0 || (p->label[k] >= ' ' && p->label[k] <= '~'));
        }
    }
    assert_true(reads <= 130);
}

/* ---- MBR ---- */

static void a_disk_without_a_table_has_no_partitions(void **state)
{
    (void)state;
    assert_int_equal(table_read(&t), E_OK);
    assert_true(found() == 0 && t.kind[0] == '\0' && said[0] == '\0');
    mbr(0, 0, 0, 0, 0); /* a signature alone */
    assert_int_equal(table_read(&t), E_OK);
    assert_true(found() == 0 && t.kind[0] == '\0');
    memset(disk + 446, 'a', 64); /* code of a boot sector */
    assert_int_equal(table_read(&t), E_OK);
    assert_true(found() == 0 && said[0] == '\0');
    t.sectors = 2;
    mbr(0, 0, 0xee, 1, 1);
    memset(disk + 446, 0, 4);
    assert_int_equal(table_read(&t), E_OK);
    assert_int_equal(found(), 0);
}

static void primary_and_logical_partitions_are_found(void **state)
{
    (void)state;
    mbr(0, 0, 0x83, 10, 100);
    mbr(0, 1, 0x0f, 200, 1000);
    mbr(0, 2, 0x77, 1900, 100);
    mbr(200, 0, 0x82, 1, 50);
    mbr(200, 1, 0x05, 100, 50);
    mbr(300, 0, 0x0c, 10, 40);
    mbr(300, 1, 0x85, 150, 50);
    mbr(350, 1, 0x05, 160, 10); /* a link without a partition */
    mbr(360, 0, 0xef, 1, 839);
    assert_int_equal(table_read(&t), E_OK);
    check(1, 10, 100, "Linux");
    check(3, 1900, 100, "type 0x77");
    check(5, 201, 50, "Linux swap");
    check(6, 310, 40, "FAT32");
    check(7, 361, 839, "EFI system");
    assert_string_equal(said, "");
    assert_true(found() == 5 && strcmp(t.kind, "MBR") == 0);
}

static void each_wrong_entry_is_said_and_nothing_else_lost(void **state)
{
    (void)state;
    mbr(0, 0, 0x83, 10, 100);
    mbr(0, 1, 0x83, 109, 10);
    mbr(0, 2, 0x83, 1999, 2);
    mbr(0, 3, 0x83, 0, 5);
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(
        said, "partition 2 overlaps partition 1: left out; partition 3 lies beyond the end of the "
              "disk: left out; partition 4 has the table in it: left out; ");
    check(1, 10, 100, "Linux");
    assert_int_equal(found(), 1);
    (void)setup(NULL);
    mbr(0, 0, 0x83, 10, 0);
    mbr(0, 1, 0x83, UINT32_MAX, UINT32_MAX);
    mbr(0, 2, 0x05, 1000, 1001);
    mbr(0, 3, 0x83, 5, 1);
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(
        said,
        "partition 3 lies beyond the end of the disk: left out; partition 1 has no sectors: left "
        "out; partition 2 lies beyond the end of the disk: left out; ");
    check(4, 5, 1, "Linux");
}

static void a_primary_partition_over_the_extended_one_or_a_second_is_none(void **state)
{
    (void)state;
    mbr(0, 0, 0x83, 1, 200);
    mbr(0, 1, 0x05, 200, 100);
    mbr(0, 2, 0x0f, 400, 100);
    mbr(0, 3, 0x83, 300, 100);
    mbr(200, 0, 0x83, 1, 99);
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(
        said,
        "partition 3 is a second extended one: left out; partition 1 overlaps the extended one: "
        "left out; ");
    check(4, 300, 100, "Linux");
    check(5, 201, 99, "Linux");
}

static void a_chain_that_leads_back_or_out_ends(void **state)
{
    static const uint32_t bad[] = { 0, 50, 100, UINT32_MAX };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)setup(NULL);
        mbr(0, 0, 0x05, 200, 100);
        mbr(200, 0, 0x83, 1, 10);
        mbr(200, 1, 0x05, 50, 10);
        mbr(250, 0, 0x83, 1, 10);
        mbr(250, 1, 0x05, bad[i], 10);
        assert_int_equal(table_read(&t), E_OK);
        assert_non_null(strstr(said, "leads back, out, or into one: not followed"));
        assert_true(found() == 2 && sentences == 1);
    }
}

/* Its client could else write what the other logical partitions are. */
static void a_logical_partition_has_no_table_in_it(void **state)
{
    (void)state;
    mbr(0, 0, 0x05, 200, 300);
    mbr(200, 0, 0x83, 0, 10);
    mbr(200, 1, 0x05, 50, 10);
    mbr(250, 0, 0x83, 1, 60);
    mbr(250, 1, 0x05, 100, 10);
    mbr(300, 0, 0x83, 100, 50);
    mbr(300, 1, 0x05, 150, 10);
    mbr(350, 0, 0x83, 1, 10);
    mbr(350, 1, 0x05, 210, 10);
    mbr(410, 0, 0x83, 60, 10);
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(
        said,
        "partition 5 has the table in it: left out; partition 6 has the next one's table in it: "
        "left out; the chain of logical partitions leads back, out, or into one: not followed; ");
    check(7, 400, 50, "Linux");
    check(8, 351, 10, "Linux");
    assert_int_equal(found(), 2);
}

static void a_chain_ends_where_no_table_is_and_where_numbers_do(void **state)
{
    (void)state;
    mbr(0, 0, 0x05, 200, 1000);
    mbr(200, 0, 0x83, 999, 2);
    mbr(200, 1, 0x05, 50, 10);
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(
        said,
        "partition 5 lies beyond the extended one: left out; the chain of logical partitions ends "
        "in a sector without a signature; ");
    (void)setup(NULL);
    mbr(0, 0, 0x05, 200, 1000);
    for (unsigned i = 0; i < 100; i++) {
        mbr(200 + 2 * i, 0, 0x83, 1, 1);
        mbr(200 + 2 * i, 1, 0x05, 2 * i + 2, 2);
    }
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(said, "more partitions than there are numbers: the rest is left out; ");
    assert_int_equal(found(), TABLE_PARTITIONS - 4);
}

/* ---- GPT ---- */

static void partitions_of_a_gpt_are_found(void **state)
{
    (void)state;
    gpt_entry(0, 34, 99, "boot");
    gpt_entry(2, 100, SECTORS - USABLE, "a name\xc4 longer than its place");
    gpt_entry(62, 0, 0, "none");
    gpt();
    memset(disk + 2 * LEN + 62 * 128, 0, 16),
        memset(disk + (last_usable + 1) * LEN + 62 * 128, 0, 16);
    gpt();
    assert_int_equal(table_read(&t), E_OK);
    check(1, 34, 66, "boot");
    check(3, 100, SECTORS - USABLE - 99, "a name? longer than its ");
    assert_string_equal(said, "");
    assert_true(found() == 2 && strcmp(t.kind, "GPT") == 0);
}

static void a_damaged_gpt_is_said_and_its_second_used(void **state)
{
    static const struct {
        unsigned at, byte;
        const char *said;
    } damage[] = { { LEN, 1, "the first GPT is none" },
                   { LEN + 60, 1, "the first GPT has a wrong checksum" },
                   { LEN + 16, 1, "the first GPT has a wrong checksum" },
                   { 2 * LEN + 200, 1, "the first GPT has entries with a wrong checksum" },
                   { LEN + 13, 9, "the first GPT has a revision or length that is not known" },
                   { LEN + 12, 1, "the first GPT has a revision or length that is not known" },
                   { LEN + 10, 0, "the first GPT has a revision or length that is not known" } };

    (void)state;
    for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        (void)setup(NULL);
        gpt_entry(0, 34, 99, "boot");
        gpt();
        disk[damage[i].at] = disk[damage[i].at] == damage[i].byte ? 0x55 : (uint8_t)damage[i].byte;
        assert_int_equal(table_read(&t), E_OK);
        assert_non_null(strstr(said, damage[i].said));
        assert_non_null(strstr(said, "the second GPT, at the disk's end, is used; "));
        check(1, 34, 66, "boot");
        disk[(SECTORS - 1) * LEN + 100] = 1; /* behind the header: means nothing */
        disk[(SECTORS - 1) * LEN + 50] ^= 1;
        said[0] = '\0';
        assert_int_equal(table_read(&t), E_OK);
        assert_non_null(strstr(said, "; the second GPT has a wrong checksum; "));
        assert_int_equal(found(), 0);
    }
}

/* With right checksums, but numbers that make no sense. */
static void a_gpt_that_makes_no_sense_is_none(void **state)
{
    static const struct {
        unsigned at, len;
        uint64_t value;
        const char *said;
    } wrong[] = { { 24, 8, 2, "another disk" },
                  { 48, 8, SECTORS - 1, "another disk" },
                  { 48, 8, UINT64_MAX, "another disk" },
                  { 40, 8, 1, "another disk" },
                  { 40, 8, SECTORS, "another disk" },
                  { 84, 4, 127, "too short" },
                  { 84, 4, 132, "too short" },
                  { 84, 4, 0, "too short" },
                  { 80, 4, 0, "too short" },
                  { 80, 4, UINT32_MAX, "too short" },
                  { 80, 4, 600, "too short" },
                  { 72, 8, 0, "beyond the end" },
                  { 72, 8, SECTORS - 5, "beyond the end" },
                  { 72, 8, UINT64_MAX, "beyond the end" },
                  { 72, 8, 3, "where partitions are" },
                  { 72, 8, 500, "where partitions are" },
                  { 72, 8, SECTORS - USABLE, "where partitions are" } };

    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void)setup(NULL);
        gpt_entry(0, 34, 99, "boot");
        gpt();
        put(disk + LEN + wrong[i].at, wrong[i].value, wrong[i].len);
        gpt_seal(1, 2);
        assert_int_equal(table_read(&t), E_OK);
        if (strstr(said, wrong[i].said) == NULL || strstr(said, "is used") == NULL) {
            fail_msg("%u: %s", i, said);
        }
        check(1, 34, 66, "boot");
    }
}

static void each_wrong_entry_of_a_gpt_is_said(void **state)
{
    (void)state;
    gpt_entry(0, 34, 99, "a");
    gpt_entry(1, 99, 120, "b");
    gpt_entry(2, 33, 33, "c");
    gpt_entry(3, 1900, SECTORS - USABLE + 1, "d");
    gpt_entry(4, 200, 199, "e");
    gpt_entry(5, 200, UINT64_MAX, "f");
    gpt_entry(63, 300, 400, "g");
    gpt_entry(6, 120, 120, "h");
    gpt();
    assert_int_equal(table_read(&t), E_OK);
    assert_string_equal(said, "partition 2 overlaps partition 1: left out; partition 3 lies "
                              "outside of what is for partitions: "
                              "left out; partition 4 lies outside of what is for partitions: left "
                              "out; partition 5 lies outside "
                              "of what is for partitions: left out; partition 6 lies outside of "
                              "what is for partitions: left "
                              "out; partition 64 has a number that is too high: left out; ");
    check(7, 120, 1, "h");
    assert_int_equal(found(), 2);
}

static void what_cannot_be_read_is_the_callers_error(void **state)
{
    (void)state;
    gpt();
    read_error = E_IO;
    assert_int_equal(table_read(&t), E_IO);
}

/* ---- anything ---- */

static uint32_t seed = 1;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static void no_table_whatever_makes_a_wrong_partition(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        (void)setup(NULL);
        bool is_gpt = any(2);
        if (is_gpt) {
            for (unsigned i = 0; i < 6; i++) {
                gpt_entry(any(70), any(SECTORS + 20), any(SECTORS + 20), "x");
            }
            gpt();
        } else {
            for (unsigned i = 0; i < 8; i++) {
                static const uint8_t types[] = { 0x83, 0x05, 0x0f, 0x82 };
                mbr(i == 0 ? 0 : any(100), any(4), types[any(4)], any(200), any(300));
            }
        }
        for (unsigned i = any(6); i != 0; i--) {
            disk[any(3) == 0 ? any(sizeof(disk)) : any(3 * LEN)] = (uint8_t)any(256);
        }
        if (is_gpt && any(3)) {
            gpt_seal(1, 2); /* checksums that are right all the same */
        }
        assert_int_equal(table_read(&t), E_OK);
        check_all();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_disk_without_a_table_has_no_partitions, setup),
        cmocka_unit_test_setup(primary_and_logical_partitions_are_found, setup),
        cmocka_unit_test_setup(each_wrong_entry_is_said_and_nothing_else_lost, setup),
        cmocka_unit_test_setup(a_primary_partition_over_the_extended_one_or_a_second_is_none,
                               setup),
        cmocka_unit_test_setup(a_chain_that_leads_back_or_out_ends, setup),
        cmocka_unit_test_setup(a_logical_partition_has_no_table_in_it, setup),
        cmocka_unit_test_setup(a_chain_ends_where_no_table_is_and_where_numbers_do, setup),
        cmocka_unit_test_setup(partitions_of_a_gpt_are_found, setup),
        cmocka_unit_test_setup(a_damaged_gpt_is_said_and_its_second_used, setup),
        cmocka_unit_test_setup(a_gpt_that_makes_no_sense_is_none, setup),
        cmocka_unit_test_setup(each_wrong_entry_of_a_gpt_is_said, setup),
        cmocka_unit_test_setup(what_cannot_be_read_is_the_callers_error, setup),
        cmocka_unit_test_setup(no_table_whatever_makes_a_wrong_partition, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
