/* SPDX-License-Identifier: BSD-2-Clause
 * init with a tree that grows: what servers/init/grow.c calls, and the server of a PCI host bridge that tells what it finds.
 */
#pragma once
#include "init.h"

enum { BLOB_LEN = 96 * 1024, COPY = 60, BLOB = 61 };

extern struct init init;
extern void *original, *copy;  /* the kernel's tree, and init's */
extern uint8_t blob[BLOB_LEN]; /* what the bus's server sends, in a memory of memory_len bytes */
extern uint64_t memory_len;
extern char log_text[2048]; /* what init said */
extern int gone;            /* number of the server whose device is gone; -1 */
extern uint64_t renewed;    /* bit n: server n began anew */
extern unsigned woken;      /* how often servers got what they need to start */
extern bool has_no_memory;

/* A tree of dts/trees, copied and planned for these images. */
void world_begin(const char *tree, const struct plan_image *images, unsigned image_count);
void world_end(void);

/* A blob, written from its begin to blob_send. A function has one BAR of memory (0: none) at that address. */
void blob_begin(void);
void blob_function(const char *name, const char *compatible, unsigned slot, uint32_t bar);
void blob_bridge_begin(const char *name);
status_t blob_send(const char *host, struct msg *m);

/* Indexes of nodes, and their servers. */
int node_at(const char *path);
struct server *server_at(const char *path);
