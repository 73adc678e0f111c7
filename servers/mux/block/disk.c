/* SPDX-License-Identifier: BSD-2-Clause
 * The disks below mux/block: which servers there are, and what their tables say. A table is read by an ordinary client, which
 * waits for the driver, one second at most; a disk that is slower is tried again when it is asked for.
 */
#include "mux.h"
#include <cambium/client.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>
#include <tree.h>

#define PATIENCE_NS 1000000000ull

unsigned disk_number(const struct mux *m, const struct disk *d)
{
    return (unsigned)(d - m->disks);
}

/* ---- which there are ---- */

static struct disk *disk_of(struct mux *m, int node)
{
    for (struct disk *d = m->disks; d < m->disks + m->disk_count; d++) {
        if (d->node == node) {
            return d;
        }
    }
    return NULL;
}

/* Opens the server of a node: E_RIGHTS and E_NOTFOUND for what is none of ours. */
static status_t node_open(int node, handle_t *out)
{
    char path[TREE_PATH_LEN];

    tree_path(driver_node().tree, node, path, sizeof(path));
    return service_open(path, out);
}

static void disk_found(struct mux *m, int node)
{
    struct disk *d = disk_of(m, node);
    handle_t service = d != NULL ? d->service : 0;
    status_t err = service != 0 ? E_OK : node_open(node, &service);

    if (err == E_RIGHTS || err == E_NOTFOUND || node < 0) {
        return;
    }
    if (d == NULL && m->disk_count == DISKS_MAX) {
        log_warn("more than %d disks: the rest is left out", DISKS_MAX);
        return;
    }
    if (d == NULL) { /* also one that waits, or was given up: it may come */
        d = &m->disks[m->disk_count++];
        *d = (struct disk){ .node = node };
    }
    d->service = err ? 0 : service;
    d->is_due = !err;
}

void disks_find(struct mux *m, int node)
{
    if (node >= 0) {
        disk_found(m, node);
        return;
    }
    for (uint64_t n = 0;; n++) { /* ends: init has a last one */
        struct msg msg = { msg_info(INIT_OP_SERVER, 0, 0), { n } };
        if (msg_call(start_handle("init"), &msg) != E_OK) {
            return;
        }
        disk_found(m, (int32_t)msg.w[4]);
    }
}

/* ---- what is on one ---- */

static status_t disk_read(void *mux, uint64_t sector, uint32_t count, void *to)
{
    struct mux *m = mux;
    status_t err = block_do(&m->reader, BLOCK_READ, sector, count, 0, time_deadline(PATIENCE_NS));

    if (!err) {
        memcpy(to, m->reader.data, (size_t)count * m->reader.sector_len);
    }
    return err;
}

static uint32_t sum_of(const char *text)
{
    uint32_t sum = 1; /* never 0, which is nothing */

    for (; *text != '\0'; text++) {
        sum = (sum << 5 | sum >> 27) ^ (uint8_t)*text;
    }
    return sum != 0 ? sum : 1;
}

/* A driver that comes back has its disk looked at again, and the same sentence is not said again. */
static void disk_say(void *mux, const char *what)
{
    struct mux *m = mux;
    struct disk *d = m->looked_at;
    unsigned n = m->said++;

    if (n == SAID_MAX) {
        log_warn("disk%u: more is wrong with its table", disk_number(m, d));
    }
    if (n < SAID_MAX && d->said[n] != sum_of(what)) {
        d->said[n] = sum_of(what);
        log_warn("disk%u: %s", disk_number(m, d), what);
    }
}

static status_t disk_look(struct mux *m, struct disk *d)
{
    struct block_window whole = { .flags = BLOCK_READ_ONLY };

    m->looked_at = d;
    m->said = 0;
    status_t err = block_info(d->service, 0, &d->info);

    if (err || d->info.sectors == 0) {
        return err;
    }
    err = block_open(&m->reader, d->service, 0, whole, TABLE_BUFFER_LEN);
    if (err) {
        return err;
    }
    m->fresh = (struct table){ .sectors = d->info.sectors,
                               .sector_len = d->info.sector_len,
                               .read = disk_read,
                               .say = disk_say,
                               .disk = m,
                               .buffer = m->buffer };
    err = table_read(&m->fresh);
    block_close(&m->reader);
    if (!err) { /* else what it was before */
        memcpy(d->partitions, m->fresh.partitions, sizeof(d->partitions));
        memcpy(d->kind, m->fresh.kind, sizeof(d->kind));
    }
    return err;
}

bool disks_look(struct mux *m)
{
    for (struct disk *d = m->disks; d < m->disks + m->disk_count; d++) {
        if (d->is_due) {
            status_t err = disk_look(m, d);
            if (err) {
                log_warn("disk%u: its table was not read (%s)", disk_number(m, d), err_name(err));
            }
            d->is_due = false;
            d->is_there = d->info.sectors != 0;
            return true;
        }
    }
    return false;
}
