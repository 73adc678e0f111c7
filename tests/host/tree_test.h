/* SPDX-License-Identifier: BSD-2-Clause
 * What the tree's tests share. Trees are dts/trees/NAME.dts, compiled into the folder that $CAMBIUM_TREES names.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tree.h"

/* The file as it is, in memory of exactly its size (so that the sanitizer sees a read behind it); free() it. */
void *tree_read_file(const char *path, size_t *out_len);
/* A blob of dts/trees, checked. */
void *tree_load(const char *name);
/* The node of a path, which must be there. */
int tree_node(const void *fdt, const char *path);
/* Asks every function about every node. Answers do not matter: it must return, and read nothing outside the blob. */
void tree_exercise(const void *fdt);

/* Groups report by TAP lines alone. */
#define TREE_RUN(tests)                                                                            \
    (cmocka_set_message_output(CM_OUTPUT_TAP), (void)cmocka_run_group_tests(tests, NULL, NULL), 0)
