/* SPDX-License-Identifier: BSD-2-Clause
 * The cpio reader (libsys/image/archive.c): what tools/mkarchive writes is read, everything damaged is refused, and
 * no byte outside is touched (the sanitizer watches).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "archive.h"

struct cpio {
    uint8_t bytes[2048];
    size_t len;
};

static void cpio_add(struct cpio *c, const char *name, const void *data, size_t len)
{
    char head[160];

    (void)snprintf(head, sizeof(head),
                   "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zX%08x", 1, 0100755, 0, 0,
                   1, 0, len, 0, 0, 0, 0, strlen(name) + 1, 0);
    memcpy(c->bytes + c->len, head, 110);
    memcpy(c->bytes + c->len + 110, name, strlen(name) + 1);
    c->len = (c->len + 110 + strlen(name) + 1 + 3) & ~(size_t)3;
    memcpy(c->bytes + c->len, data, len);
    c->len = (c->len + len + 3) & ~(size_t)3;
}

static struct cpio cpio_example(void)
{
    struct cpio c = { .len = 0 };

    cpio_add(&c, "bin/hello", "hello!", 6);
    cpio_add(&c, "empty", "", 0);
    cpio_add(&c, "init", "abcd", 4);
    cpio_add(&c, "TRAILER!!!", "", 0);
    return c;
}

/* Reads all files of exactly `len` bytes; how it ended. */
static status_t read_all(const uint8_t *bytes, size_t len, unsigned *out_count)
{
    uint8_t *exact = malloc(len + 1);
    struct archive a = { exact, len };
    struct archive_file file;
    size_t at = 0;
    status_t err;

    memcpy(exact, bytes, len);
    *out_count = 0;
    while ((err = archive_next(&a, &at, &file)) == E_OK) {
        unsigned sum = (unsigned)strlen(file.name);
        for (size_t i = 0; i < file.len; i++) {
            sum += file.data[i]; /* every byte is readable */
        }
        *out_count += sum > 0;
        assert_true(at <= len + 3);
    }
    free(exact);
    return err;
}

static status_t find(const struct archive *a, const char *name, struct archive_file *out)
{
    size_t at = 0;

    return archive_find(a, name, &at, out);
}

static void files_are_found_by_name(void **state)
{
    struct cpio c = cpio_example();
    struct archive a = { c.bytes, c.len };
    struct archive_file file;
    unsigned count;

    (void)state;
    assert_int_equal(find(&a, "init", &file), E_OK);
    assert_int_equal(file.len, 4);
    assert_memory_equal(file.data, "abcd", 4);
    assert_int_equal((uintptr_t)(file.data - c.bytes) % 4, 0);
    assert_int_equal(find(&a, "empty", &file), E_OK);
    assert_int_equal(file.len, 0);
    assert_int_equal(find(&a, "bin/hell", &file), E_NOTFOUND);
    assert_int_equal(find(&a, "TRAILER!!!", &file), E_NOTFOUND);
    assert_int_equal(read_all(c.bytes, c.len, &count), E_NOTFOUND);
    assert_int_equal(count, 3);
}

static void a_cut_archive_is_damaged_wherever_it_is_cut(void **state)
{
    struct cpio c = cpio_example();
    unsigned count;

    (void)state;
    for (size_t len = 0; len < c.len - 3; len++) { /* behind the trailer's name is padding only */
        assert_int_equal(read_all(c.bytes, len, &count), E_FORMAT);
    }
}

static void a_search_that_fails_tells_where_the_damage_is(void **state)
{
    struct cpio c = cpio_example();
    struct archive a = { c.bytes, c.len };
    struct archive_file file;
    size_t at = 0, damage;

    (void)state;
    assert_int_equal(archive_next(&a, &at, &file), E_OK); /* the second header is here */
    damage = at;
    c.bytes[damage] = 'x';
    at = 0;
    assert_int_equal(archive_find(&a, "init", &at, &file), E_FORMAT);
    assert_int_equal(at, damage);
}

static void every_damaged_byte_is_survived(void **state)
{
    static const uint8_t values[] = { 0, 1, '0', '9', 'f', 'g', 0x7f, 0xff };
    struct cpio c = cpio_example();
    unsigned count;

    (void)state;
    for (size_t i = 0; i < c.len; i++) {
        for (unsigned v = 0; v < sizeof(values); v++) {
            struct cpio damaged = c;
            damaged.bytes[i] = values[v];
            status_t err = read_all(damaged.bytes, damaged.len, &count);
            assert_true(err == E_FORMAT || err == E_NOTFOUND);
        }
    }
}

static void lengths_that_wrap_are_refused(void **state)
{
    struct cpio c = { .len = 0 };
    unsigned count;

    (void)state;
    cpio_add(&c, "x", "", 0);
    memcpy(c.bytes + 6 + 6 * 8, "FFFFFFFF", 8); /* c_filesize */
    assert_int_equal(read_all(c.bytes, c.len, &count), E_FORMAT);
    memcpy(c.bytes + 6 + 6 * 8, "00000000", 8);
    memcpy(c.bytes + 6 + 11 * 8, "FFFFFFFF", 8); /* c_namesize */
    assert_int_equal(read_all(c.bytes, c.len, &count), E_FORMAT);
    memcpy(c.bytes + 6 + 11 * 8, "00000000", 8);
    assert_int_equal(read_all(c.bytes, c.len, &count), E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_by_name),
        cmocka_unit_test(a_cut_archive_is_damaged_wherever_it_is_cut),
        cmocka_unit_test(a_search_that_fails_tells_where_the_damage_is),
        cmocka_unit_test(every_damaged_byte_is_survived),
        cmocka_unit_test(lengths_that_wrap_are_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
