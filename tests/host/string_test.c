/* SPDX-License-Identifier: BSD-2-Clause
 * libsys/src/string.c does what the C standard says, at every alignment and length up to a few words, and touches no
 * byte outside. The C library of the build machine is the reference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define memcpy  our_memcpy
#define memmove our_memmove
#define memset  our_memset
#define memcmp  our_memcmp
#define memchr  our_memchr
#define memrchr our_memrchr
#define strlen  our_strlen
#define strnlen our_strnlen
#define strcmp  our_strcmp
#define strncmp our_strncmp
#define strchr  our_strchr
#define strrchr our_strrchr
#include "../../libsys/src/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef memrchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr

enum { AREA = 160, LEN_MAX = 80, ALIGNS = 9 };

static void fill(uint8_t *area, unsigned seed)
{
    for (unsigned i = 0; i < AREA; i++) {
        area[i] = (uint8_t)(i * 7 + seed);
    }
}

static void copies_are_right_at_every_alignment(void **state)
{
    (void)state;
    uint8_t from[AREA], ours[AREA], reference[AREA];

    fill(from, 1);
    for (unsigned to_at = 8; to_at < 8 + ALIGNS; to_at++) {
        for (unsigned from_at = 0; from_at < ALIGNS; from_at++) {
            for (unsigned len = 0; len <= LEN_MAX; len++) {
                fill(ours, 100);
                fill(reference, 100);
                assert_ptr_equal(our_memcpy(ours + to_at, from + from_at, len), ours + to_at);
                memcpy(reference + to_at, from + from_at, len);
                assert_memory_equal(ours, reference, AREA);
            }
        }
    }
}

static void moves_bear_overlap_both_ways(void **state)
{
    (void)state;
    uint8_t ours[AREA], reference[AREA];

    for (unsigned to_at = 0; to_at < 40; to_at++) {
        for (unsigned from_at = 0; from_at < 40; from_at++) {
            for (unsigned len = 0; len <= LEN_MAX; len++) {
                fill(ours, 3);
                fill(reference, 3);
                assert_ptr_equal(our_memmove(ours + to_at, ours + from_at, len), ours + to_at);
                memmove(reference + to_at, reference + from_at, len);
                assert_memory_equal(ours, reference, AREA);
            }
        }
    }
}

static void memset_fills_exactly_its_range(void **state)
{
    (void)state;
    uint8_t ours[AREA], reference[AREA];

    for (unsigned at = 0; at < ALIGNS; at++) {
        for (unsigned len = 0; len <= LEN_MAX; len++) {
            fill(ours, 5);
            fill(reference, 5);
            assert_ptr_equal(our_memset(ours + at, 0x1a5, len), ours + at);
            memset(reference + at, 0xa5, len);
            assert_memory_equal(ours, reference, AREA);
        }
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void memcmp_finds_the_first_difference(void **state)
{
    (void)state;
    uint8_t a[AREA], b[AREA];

    for (unsigned at = 0; at < 2 * ALIGNS; at++) {
        for (unsigned len = 0; len <= 40; len++) {
            for (unsigned bad = 0; bad <= len; bad++) {
                fill(a, 0);
                memset(b, 0, sizeof(b));
                memcpy(b + at / 2, a + at % ALIGNS, len);
                if (bad < len) {
                    b[at / 2 + bad] ^= 0x80; /* the sign bit: bytes compare as unsigned */
                }
                assert_int_equal(sign(our_memcmp(a + at % ALIGNS, b + at / 2, len)),
                                 sign(memcmp(a + at % ALIGNS, b + at / 2, len)));
            }
        }
    }
}

static void memchr_finds_the_first_only_inside(void **state)
{
    (void)state;
    uint8_t area[AREA];

    for (unsigned at = 0; at < ALIGNS; at++) {
        for (unsigned len = 0; len <= 40; len++) {
            for (unsigned where = 0; where <= len; where++) {
                memset(area, 0x81,
                       sizeof(area)); /* high and low bits that a careless trick takes for a hit */
                area[at + where] = 0x80;
                area[at + len] = 0x80; /* just outside */
                assert_ptr_equal(our_memchr(area + at, 0x180, len), memchr(area + at, 0x80, len));
                assert_ptr_equal(our_memrchr(area + at, 0x80, len),
                                 where < len ? area + at + where : NULL);
            }
        }
    }
}

static void string_lengths_and_searches_agree(void **state)
{
    (void)state;
    char area[AREA];

    for (unsigned at = 0; at < ALIGNS; at++) {
        for (unsigned len = 0; len <= 40; len++) {
            memset(area, 'x', sizeof(area));
            area[at + len] = '\0';
            assert_int_equal(our_strlen(area + at), len);
            assert_int_equal(our_strnlen(area + at, 20), len < 20 ? len : 20);
            assert_null(our_strchr(area + at, 'y'));
            assert_ptr_equal(our_strchr(area + at, '\0'), area + at + len);
            if (len > 2) {
                area[at + 1] = area[at + len - 1] = 'y';
                assert_ptr_equal(our_strchr(area + at, 'y'), area + at + 1);
                assert_ptr_equal(our_strrchr(area + at, 'y'), area + at + len - 1);
            }
        }
    }
}

static void string_comparisons_agree(void **state)
{
    (void)state;
    static const char *const words[] = { "", "a", "ab", "abc", "abd", "\x80", "a\xff" };

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (unsigned j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
            assert_int_equal(sign(our_strcmp(words[i], words[j])),
                             sign(strcmp(words[i], words[j])));
            for (unsigned len = 0; len < 5; len++) {
                assert_int_equal(sign(our_strncmp(words[i], words[j], len)),
                                 sign(strncmp(words[i], words[j], len)));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_right_at_every_alignment),
        cmocka_unit_test(moves_bear_overlap_both_ways),
        cmocka_unit_test(memset_fills_exactly_its_range),
        cmocka_unit_test(memcmp_finds_the_first_difference),
        cmocka_unit_test(memchr_finds_the_first_only_inside),
        cmocka_unit_test(string_lengths_and_searches_agree),
        cmocka_unit_test(string_comparisons_agree),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)cmocka_run_group_tests(tests, NULL, NULL); /* the TAP lines tell */
    return 0;
}
