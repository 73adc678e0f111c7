/* SPDX-License-Identifier: BSD-2-Clause
 * The image check (libsys/image/elf.c): a good static PIE gives its segments and match table; each way of being
 * wrong gives its own sentence; random damage never reads outside the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "elf.h"

enum {
    EHDR = 64,
    PHDR = 56,
    SHDR = 64,
    FILE_LEN = 0x3000 + 0x200,
    PHDRS = 4,
    MATCH_AT = 0x1100,
    ABI_AT = 0x1300,
    NEEDS_AT = 0x1310,
    NAMES_AT = 0x1400,
    SECTIONS_AT = 0x1500,
    DYNAMIC_AT = 0x3100
};

struct file {
    uint8_t bytes[FILE_LEN];
};

static void put(struct file *f, size_t at, uint64_t value, size_t len)
{
    memcpy(f->bytes + at, &value, len); /* little endian, as the host */
}

static void put_phdr(struct file *f, unsigned i, uint32_t type, uint32_t flags, uint64_t offset,
                     uint64_t filesz, uint64_t memsz)
{
    size_t at = EHDR + i * PHDR;

    put(f, at, type, 4);
    put(f, at + 4, flags, 4);
    put(f, at + 8, offset, 8);
    put(f, at + 16, offset, 8);
    put(f, at + 32, filesz, 8);
    put(f, at + 40, memsz, 8);
}

/* text r-x at 0, rodata r-- at 0x1000, data rw- at 0x3010 with bss, PT_DYNAMIC in it. */
static struct file good_file(void)
{
    static const uint8_t ident[] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
    static const char names[] = "\0.shstrtab\0.cambium.match\0.cambium.abi\0.cambium.needs";
    struct dev_match match[2] = { DEV_MATCH("test,one", "serial", "interrupts", 0),
                                  DEV_MATCH("test,two", "irq", "", 0) };
    static const char needs[] = "irq +spawn";
    struct file f = { { 0 } };

    memcpy(f.bytes, ident, sizeof(ident));
    put(&f, 16, 3, 2);
    put(&f, 18, 183, 2);
    put(&f, 24, 0x200, 8);
    put(&f, 32, EHDR, 8);
    put(&f, 40, SECTIONS_AT, 8);
    put(&f, 54, PHDR, 2);
    put(&f, 56, PHDRS, 2);
    put(&f, 58, SHDR, 2);
    put(&f, 60, 5, 2);
    put(&f, 62, 1, 2);
    put_phdr(&f, 0, 1, 5, 0, 0x800, 0x800);
    put_phdr(&f, 1, 1, 4, 0x1000, 0x1000, 0x1000);
    put_phdr(&f, 2, 1, 6, 0x3010, 0x1f0, 0x2000);
    put_phdr(&f, 3, 2, 6, DYNAMIC_AT, 0x40, 0x40);
    memcpy(f.bytes + MATCH_AT, match, sizeof(match));
    memcpy(f.bytes + NAMES_AT, names, sizeof(names));
    put(&f, SECTIONS_AT + SHDR, 1, 4);
    put(&f, SECTIONS_AT + SHDR + 24, NAMES_AT, 8);
    put(&f, SECTIONS_AT + SHDR + 32, sizeof(names), 8);
    put(&f, SECTIONS_AT + 2 * SHDR, 11, 4);
    put(&f, SECTIONS_AT + 2 * SHDR + 4, 1, 4);
    put(&f, SECTIONS_AT + 2 * SHDR + 24, MATCH_AT, 8);
    put(&f, SECTIONS_AT + 2 * SHDR + 32, sizeof(match), 8);
    put(&f, SECTIONS_AT + 3 * SHDR, 26, 4);
    put(&f, SECTIONS_AT + 3 * SHDR + 24, ABI_AT, 8);
    put(&f, SECTIONS_AT + 3 * SHDR + 32, 4, 8);
    put(&f, ABI_AT, ABI_VERSION, 4);
    put(&f, SECTIONS_AT + 4 * SHDR, 39, 4);
    put(&f, SECTIONS_AT + 4 * SHDR + 24, NEEDS_AT, 8);
    put(&f, SECTIONS_AT + 4 * SHDR + 32, sizeof(needs), 8);
    memcpy(f.bytes + NEEDS_AT, needs, sizeof(needs));
    return f;
}

static status_t check(const struct file *f, size_t len, struct elf_image *out, const char **out_why)
{
    uint8_t *exact = malloc(len + 1);

    memcpy(exact, f->bytes, len);
    status_t err = elf_check(exact, len, out, out_why);
    free(exact); /* pointers in *out are not used any more */
    return err;
}

static void a_good_file_gives_its_segments_and_match_table(void **state)
{
    struct file f = good_file();
    struct elf_image image;
    const char *why = NULL;

    (void)state;
    assert_int_equal(elf_check(f.bytes, sizeof(f.bytes), &image, &why), E_OK);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.entry, 0x200);
    assert_int_equal(image.segments[0].flags, MAP_READ | MAP_EXEC);
    assert_int_equal(image.segments[1].flags, MAP_READ);
    assert_int_equal(image.segments[2].flags, MAP_READ | MAP_WRITE);
    assert_int_equal(image.segments[2].va, 0x3000);
    assert_int_equal(image.segments[2].skip, 0x10);
    assert_int_equal(image.segments[2].len, 0x3000);
    assert_int_equal(image.span, 0x6000);
    assert_int_equal(image.match_count, 2);
    assert_string_equal(image.match[1].compatible, "test,two");
    assert_string_equal(image.needs, "irq +spawn");
}

struct damage {
    size_t at;
    uint64_t value;
    size_t len;
    status_t err;
    const char *why; /* begins with */
};

static void each_fault_has_its_own_sentence(void **state)
{
    static const struct damage damages[] = {
        { 0, 0, 1, E_FORMAT, "not an ELF file" },
        { 4, 1, 1, E_FORMAT, "not a 64-bit little-endian" },
        { 5, 2, 1, E_FORMAT, "not a 64-bit little-endian" },
        { 16, 2, 2, E_FORMAT, "not linked as position-independent" },
        { 18, 62, 2, E_FORMAT, "built for another machine" },
        { 54, 57, 2, E_FORMAT, "damaged program header" },
        { 56, 0, 2, E_FORMAT, "damaged program header" },
        { 32, FILE_LEN - 8, 8, E_FORMAT, "the program header table lies outside" },
        { 32, UINT64_MAX - 8, 8, E_FORMAT, "the program header table lies outside" },
        { 24, 0x1000, 8, E_FORMAT, "the entry point" },
        { 24, 0x202, 8, E_FORMAT, "the entry point" },
        { EHDR + 4, 7, 4, E_FORMAT, "a segment is writable and executable" },
        { EHDR + PHDR + 16, 0x700, 8, E_FORMAT, "segments overlap" },
        { EHDR + 2 * PHDR + 16, 0x1ff0, 8, E_FORMAT, "segments overlap" },
        { EHDR + 8, 0x1000, 8, E_FORMAT, "segments overlap" },
        { EHDR + 2 * PHDR + 8, FILE_LEN - 8, 8, E_FORMAT, "a segment lies outside" },
        { EHDR + 2 * PHDR + 32, 0x2001, 8, E_FORMAT, "a segment lies outside" },
        { EHDR + 2 * PHDR + 40, 1ull << 40, 8, E_LIMIT, "larger than" },
        { EHDR + 2 * PHDR + 16, UINT64_MAX - 16, 8, E_LIMIT, "larger than" },
        { EHDR + 3 * PHDR, 3, 4, E_FORMAT, "needs a dynamic linker" },
        { DYNAMIC_AT, 1, 8, E_FORMAT, "needs a shared library" },
        { SECTIONS_AT + 2 * SHDR + 32, 100, 8, E_FORMAT, "damaged match table" },
        { SECTIONS_AT + 2 * SHDR + 24, MATCH_AT + 2, 8, E_FORMAT, "damaged match table" },
        { SECTIONS_AT + 2 * SHDR + 24, FILE_LEN - 8, 8, E_FORMAT, "damaged match table" },
        { MATCH_AT + 47, 'x', 1, E_FORMAT, "damaged match table" },
        { MATCH_AT, 0, 1, E_FORMAT, "damaged match table" },
        { MATCH_AT + 132, ABI_VERSION + 1, 4, E_ABI, "built for another version" },
        { SECTIONS_AT + 4 * SHDR + 24, FILE_LEN - 8, 8, E_FORMAT, "damaged list of what" },
        { SECTIONS_AT + 4 * SHDR + 24, UINT64_MAX, 8, E_FORMAT, "damaged list of what" },
        { SECTIONS_AT + 4 * SHDR + 32, 10, 8, E_FORMAT, "damaged list of what" }, /* no NUL */
        { SECTIONS_AT + 4 * SHDR + 32, 12, 8, E_FORMAT, "damaged list of what" }, /* two */
        { SECTIONS_AT + 4 * SHDR + 32, 0, 8, E_FORMAT, "damaged list of what" },
        { SECTIONS_AT + 4 * SHDR + 4, 8, 4, E_FORMAT, "damaged list of what" }, /* NOBITS */
        { ABI_AT, ABI_VERSION + 1, 4, E_ABI, "built for another version" },
        { SECTIONS_AT + 3 * SHDR, 0, 4, E_ABI, "it does not tell its ABI" },
        { SECTIONS_AT + 3 * SHDR + 32, 8, 8, E_FORMAT, "damaged ABI version" },
        { 60, 0, 2, E_ABI, "it does not tell its ABI" },
        { 62, 9, 2, E_FORMAT, "damaged section header" },
        { 40, FILE_LEN - 100, 8, E_FORMAT, "damaged section header" },
        { 40, UINT64_MAX, 8, E_FORMAT, "the section header table lies outside" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const struct damage *d = &damages[i];
        struct file f = good_file();
        struct elf_image image;
        const char *why = "";

        put(&f, d->at, d->value, d->len);
        assert_int_equal(check(&f, sizeof(f.bytes), &image, &why), d->err);
        if (strncmp(why, d->why, strlen(d->why)) != 0) {
            fail_msg("damage %zu: \"%s\", not \"%s\"", i, why, d->why);
        }
    }
}

static void a_cut_file_is_refused(void **state)
{
    struct file f = good_file();
    struct elf_image image;
    const char *why;

    (void)state;
    for (size_t len = 0; len < FILE_LEN; len += 7) {
        assert_int_not_equal(check(&f, len, &image, &why), E_OK);
    }
}

static void a_file_without_a_match_table_is_a_program(void **state)
{
    struct file f = good_file();
    struct elf_image image;
    const char *why;

    (void)state;
    put(&f, SECTIONS_AT + 2 * SHDR, 0, 4);
    assert_int_equal(check(&f, sizeof(f.bytes), &image, &why), E_OK);
    assert_int_equal(image.match_count, 0);
    put(&f, SECTIONS_AT + 4 * SHDR, 0, 4); /* nor one that needs anything */
    assert_int_equal(check(&f, sizeof(f.bytes), &image, &why), E_OK);
    assert_null(image.needs);
}

static void random_damage_is_survived(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct file f = good_file();
        struct elf_image image;
        const char *why;

        for (unsigned k = 0; k < 3; k++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = (seed >> 8) % 3 == 0 ? SECTIONS_AT + (seed >> 12) % (5 * SHDR)
                                             : (seed >> 12) % (EHDR + 4 * PHDR);
            f.bytes[at] = (uint8_t)(seed >> 24);
        }
        status_t err = elf_check(f.bytes, sizeof(f.bytes), &image, &why);
        for (unsigned i = 0; err == E_OK && i < image.segment_count; i++) {
            const struct elf_segment *s = &image.segments[i];
            assert_true(s->data >= f.bytes && s->data + s->data_len <= f.bytes + sizeof(f.bytes));
            assert_true(s->skip + s->data_len <= s->len && s->va + s->len <= image.span);
            assert_false((s->flags & MAP_WRITE) && (s->flags & MAP_EXEC));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_gives_its_segments_and_match_table),
        cmocka_unit_test(each_fault_has_its_own_sentence),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(a_file_without_a_match_table_is_a_program),
        cmocka_unit_test(random_damage_is_survived),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL);
    return 0;
}
