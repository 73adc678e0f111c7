/* SPDX-License-Identifier: BSD-2-Clause
 * Fuzz target: any bytes as a blob. What tree_check accepts, and what tree_mend makes of the rest, must be answerable:
 * every function of libsys/tree about every node, without a read outside the blob (ASan: it is copied to memory of its
 * size). A refused blob must be refused again; a mended one stays accepted.
 */
#include "tree_test.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

/* The same tree with the structure block at the very end, where a read behind a property leaves the blob. */
static void exercise_struct_last(const char *blob)
{
    uint32_t reserved_len = 16 * ((uint32_t)fdt_num_mem_rsv(blob) + 1);
    uint32_t strings_at = (uint32_t)sizeof(struct fdt_header) + reserved_len;
    uint32_t struct_at = (strings_at + fdt_size_dt_strings(blob) + 3) & ~3u;
    int used = 0;

    while (fdt_next_tag(blob, used, &used) != FDT_END) {
    }
    size_t len = struct_at + (uint32_t)used;
    char *moved = calloc(1, len);

    memcpy(moved, blob, sizeof(struct fdt_header));
    memcpy(moved + sizeof(struct fdt_header), blob + fdt_off_mem_rsvmap(blob), reserved_len);
    memcpy(moved + strings_at, blob + fdt_off_dt_strings(blob), fdt_size_dt_strings(blob));
    memcpy(moved + struct_at, blob + fdt_off_dt_struct(blob), (uint32_t)used);
    fdt_set_off_mem_rsvmap(moved, sizeof(struct fdt_header));
    fdt_set_off_dt_strings(moved, strings_at);
    fdt_set_off_dt_struct(moved, struct_at);
    fdt_set_size_dt_struct(moved, (uint32_t)used);
    fdt_set_totalsize(moved, (uint32_t)len);
    if (tree_check(moved, len) != E_OK) {
        abort();
    }
    tree_exercise(moved);
    free(moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *blob = malloc(len);

    memcpy(blob, data, len);
    if (tree_check(blob, len) == E_OK || tree_mend(blob, len) == E_OK) {
        if (tree_check(blob, tree_len(blob)) != E_OK) {
            abort();
        }
        tree_exercise(blob);
        exercise_struct_last(blob);
    }
    free(blob);
    return 0;
}
