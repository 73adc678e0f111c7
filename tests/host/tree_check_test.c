/* SPDX-License-Identifier: BSD-2-Clause
 * tree_check refuses every blob that the other functions could not read safely, with the right reason, and lets the
 * others through.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static struct fdt_header *blob;
static size_t blob_len;

static int setup(void **state)
{
    (void)state;
    blob = tree_load("good-names");
    blob_len = tree_len(blob);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(blob);
    return 0;
}

static void whole_blob_passes_and_tells_its_size(void **state)
{
    (void)state;
    assert_int_equal(tree_check(blob, blob_len), E_OK);
    assert_int_equal(tree_check(blob, blob_len + 4096), E_OK);
    assert_int_equal(tree_len(blob), blob_len);
}

static void truncated_blob_is_refused_at_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < blob_len; len++) {
        void *cut = malloc(len ? len : 1); /* exactly so long: the sanitizer watches its end */

        memcpy(cut, blob, len);
        assert_int_equal(tree_check(cut, len), E_RANGE);
        free(cut);
    }
}

static void blob_that_claims_to_be_shorter_is_refused_at_every_length(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < blob_len; len++) {
        fdt_set_totalsize(blob, len);
        assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    }
}

static void address_must_be_aligned(void **state)
{
    char *shifted = malloc(blob_len + 8);

    (void)state;
    memcpy(shifted + 4, blob, blob_len);
    assert_int_equal(tree_check(shifted + 4, blob_len), E_INVAL);
    free(shifted);
}

static void size_has_a_ceiling(void **state)
{
    (void)state;
    fdt_set_totalsize(blob, TREE_MAX_LEN + 8);
    assert_int_equal(tree_check(blob, 2 * TREE_MAX_LEN), E_RANGE);
    fdt_set_totalsize(blob, UINT32_MAX);
    assert_int_equal(tree_check(blob, SIZE_MAX), E_RANGE);
}

static void magic_and_versions_are_checked(void **state)
{
    (void)state;
    fdt_set_magic(blob, ~FDT_MAGIC); /* how libfdt marks a tree that is being written */
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    fdt_set_magic(blob, FDT_MAGIC);
    fdt_set_version(blob, 15);
    fdt_set_last_comp_version(blob, 15);
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    fdt_set_version(blob, 18); /* newer, but it says that 17 can read it */
    fdt_set_last_comp_version(blob, 17);
    assert_int_equal(tree_check(blob, blob_len), E_OK);
    fdt_set_last_comp_version(blob, 18);
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
}

static void version_2_header_in_a_short_buffer_is_refused(void **state)
{
    uint32_t *header = calloc(1, 32); /* libfdt 1.7.2's fdt_check_full reads behind it */

    (void)state;
    header[0] = cpu_to_fdt32(FDT_MAGIC);
    header[1] = cpu_to_fdt32(32);
    header[5] = cpu_to_fdt32(2);
    header[6] = cpu_to_fdt32(2);
    assert_int_equal(tree_check(header, 32), E_RANGE);
    free(header);
}

static void blocks_must_be_aligned_and_inside(void **state)
{
    uint32_t rsvmap = fdt_off_mem_rsvmap(blob), tokens = fdt_off_dt_struct(blob),
             strings = fdt_off_dt_strings(blob);

    (void)state;
    for (uint32_t wrong = 1; wrong < 8; wrong++) {
        fdt_set_off_mem_rsvmap(blob, rsvmap + wrong);
        assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    }
    fdt_set_off_mem_rsvmap(blob, (uint32_t)blob_len & ~7u); /* no room for its end */
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    fdt_set_off_mem_rsvmap(blob, rsvmap);
    for (uint32_t wrong = 1; wrong < 4; wrong++) {
        fdt_set_off_dt_struct(blob, tokens + wrong);
        assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    }
    fdt_set_off_dt_struct(blob, UINT32_MAX - 3);
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    fdt_set_off_dt_struct(blob, tokens);
    fdt_set_off_dt_strings(blob, (uint32_t)blob_len);
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    fdt_set_off_dt_strings(blob, strings);
    assert_int_equal(tree_check(blob, blob_len), E_OK);
}

static void names_must_end_inside_the_strings(void **state)
{
    uint32_t size = fdt_size_dt_strings(blob);

    (void)state;
    fdt_set_size_dt_strings(blob, size - 1); /* cuts the last name's NUL */
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
    fdt_set_size_dt_strings(blob, 0);
    assert_int_equal(tree_check(blob, blob_len), E_FORMAT);
}

/* Writes `count` tokens as the whole structure block of the blob. */
static void set_tokens(const uint32_t *tokens, size_t count)
{
    fdt32_t *out = (fdt32_t *)(void *)((char *)blob + fdt_off_dt_struct(blob));

    for (size_t i = 0; i < count; i++) {
        out[i] = cpu_to_fdt32(tokens[i]);
    }
    fdt_set_size_dt_struct(blob, (uint32_t)(count * 4));
}

#define CHECK_TOKENS(expected, ...)                                                                \
    do {                                                                                           \
        const uint32_t tokens[] = { __VA_ARGS__ };                                                 \
        set_tokens(tokens, sizeof(tokens) / 4);                                                    \
        assert_int_equal(tree_check(blob, blob_len), expected);                                    \
    } while (0)

static void tokens_must_form_one_tree(void **state)
{
    const uint32_t node = FDT_BEGIN_NODE, end_node = FDT_END_NODE, prop = FDT_PROP, nop = FDT_NOP,
                   end = FDT_END;
    const uint32_t name_a = 'a' << 24;

    (void)state;
    CHECK_TOKENS(E_OK, node, 0, end_node, end);
    CHECK_TOKENS(E_OK, node, 0, nop, end_node, nop, end);
    CHECK_TOKENS(E_OK, node, 0, prop, 0, 0, node, name_a, nop, prop, 4, 0, end, end_node, end_node,
                 end);
    fdt_set_version(blob, 15);
    fdt_set_last_comp_version(blob, 15);
    CHECK_TOKENS(E_FORMAT, node, 0, end_node, end); /* an old version, although libfdt knows it */
    fdt_set_version(blob, 17);
    CHECK_TOKENS(E_FORMAT, end);                                       /* no root */
    CHECK_TOKENS(E_FORMAT, nop, node, 0, end_node, end);               /* the root is not at 0 */
    CHECK_TOKENS(E_FORMAT, node, name_a, end_node, end);               /* the root has a name */
    CHECK_TOKENS(E_FORMAT, node, 0, end);                              /* not closed */
    CHECK_TOKENS(E_FORMAT, node, 0, end_node);                         /* no end */
    CHECK_TOKENS(E_FORMAT, node, 0, end_node, end_node, end);          /* closed twice */
    CHECK_TOKENS(E_FORMAT, node, 0, end_node, node, 0, end_node, end); /* two roots */
    CHECK_TOKENS(E_FORMAT, node, 0, end_node, prop, 0, 0, end);        /* a property of nobody */
    CHECK_TOKENS(E_FORMAT, node, 0, 7, end_node, end);                 /* unknown token */
    CHECK_TOKENS(E_FORMAT, node, 0, prop, 64, 0, end_node,
                 end); /* the value is longer than the block */
    CHECK_TOKENS(E_FORMAT, node, 0, prop, 0xfffffff0, 0, end_node, end);
    CHECK_TOKENS(E_FORMAT, node, 0, prop, 0, 0x7fffffff, end_node, end); /* no such name */
    CHECK_TOKENS(E_FORMAT, node, 0, node, 0x61616161);                   /* a name without end */
}

static void depth_has_a_ceiling(void **state)
{
    void *deep;
    size_t len;
    char path[512];

    (void)state;
    (void)strcat(strcpy(path, getenv("CAMBIUM_TREES")), "/bad-nesting.dtb");
    deep = tree_read_file(path, &len);
    assert_int_equal(tree_check(deep, len), E_LIMIT);
    free(deep);

    uint32_t tokens[TREE_MAX_DEPTH * 3 + 1] = { 0 };
    for (size_t i = 0; i < TREE_MAX_DEPTH; i++) { /* as many as allowed */
        tokens[2 * i] = FDT_BEGIN_NODE;
        tokens[2 * i + 1] = i ? 'n' << 24 : 0;
        tokens[2 * TREE_MAX_DEPTH + i] = FDT_END_NODE;
    }
    tokens[TREE_MAX_DEPTH * 3] = FDT_END;
    set_tokens(tokens, sizeof(tokens) / 4);
    assert_int_equal(tree_check(blob, blob_len), E_OK);
    tree_exercise(blob);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whole_blob_passes_and_tells_its_size),
        CASE(truncated_blob_is_refused_at_every_length),
        CASE(blob_that_claims_to_be_shorter_is_refused_at_every_length),
        CASE(address_must_be_aligned),
        CASE(size_has_a_ceiling),
        CASE(magic_and_versions_are_checked),
        CASE(version_2_header_in_a_short_buffer_is_refused),
        CASE(blocks_must_be_aligned_and_inside),
        CASE(names_must_end_inside_the_strings),
        CASE(tokens_must_form_one_tree),
        CASE(depth_has_a_ceiling),
    };

    return TREE_RUN(tests);
}
