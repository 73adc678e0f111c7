/* SPDX-License-Identifier: BSD-2-Clause
 * What edit.c and edit_recall.c offer each other.
 */
#pragma once
#include "edit.h"

void edit_out(struct edit *e, const char *text, uint32_t len);
void edit_put(struct edit *e, const char *text);
void edit_draw(struct edit *e);
void edit_insert(struct edit *e, const char *text, uint32_t len);
/* Shows the line `back` lines ago (0: the one being typed); where there is none, nothing happens. */
void edit_recall(struct edit *e, uint32_t back);
void edit_complete(struct edit *e);
