/* SPDX-License-Identifier: BSD-2-Clause
 * Fuzz target: any bytes as a blob. What tree_check accepts, and what tree_mend makes of the rest, must be answerable:
 * every function of libsys/tree about every node, without a read outside the blob (ASan: it is copied to memory of its
 * size). A refused blob must be refused again; a mended one stays accepted.
 */
#include "tree_test.h"

#include <stdlib.h>
#include <string.h>

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
    }
    free(blob);
    return 0;
}
