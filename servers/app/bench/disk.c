/* SPDX-License-Identifier: BSD-2-Clause
 * bench disk - a disk's sectors to and from a program's memory. All that is executed meanwhile counts: driver, interrupt
 * controller, kernel and this program; what waits for the disk is no instructions.
 */
#include <cambium/block.h>
#include <cambium/client.h>
#include <cambium/thread.h>
#include <stdio.h>
#include "disk.h"
#include "marker.h"

enum { READ_LEN = 4096, DEPTH = 16, SEQ_LEN = 1024 * 1024, DISK_LAPS = 100 };
#define NEVER ((uint64_t)DEADLINE_NEVER)

typedef status_t disk_series(struct block *disk);

/* Places all over the disk, the same in every run (Numerical Recipes' generator). */
static uint64_t next_place(const struct block *disk, uint32_t *seed)
{
    uint32_t sectors = READ_LEN / disk->sector_len;

    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % (disk->sectors / sectors) * sectors;
}

static status_t run_blk_read_4k(struct block *disk)
{
    uint32_t seed = 1;
    status_t err = E_OK;

    for (int i = 0; i <= DISK_LAPS && !err; i++) {
        MARK(MARK_LAP);
        err = block_do(disk, BLOCK_READ, next_place(disk, &seed), READ_LEN / disk->sector_len, 0,
                       NEVER);
    }
    return err;
}

/* As soon as half of what is in flight was answered, as many are put again. */
static status_t run_blk_read_4k_qd16(struct block *disk)
{
    uint32_t seed = 1, total = 0;
    status_t err = E_OK;
    struct block_request r = { .what = BLOCK_READ, .count = READ_LEN / disk->sector_len };

    while (total < DISK_LAP * 20 && !err) {
        while (disk->in_flight < DEPTH && !err) {
            if (total++ % DISK_LAP == 0) {
                MARK(MARK_LAP);
            }
            r.sector = next_place(disk, &seed);
            r.offset = total % DEPTH * READ_LEN;
            err = block_put(disk, &r);
        }
        err = err ? err : block_wait(disk, DEPTH / 2, NEVER);
        struct block_answer answer;
        while (!err && block_take(disk, &answer) == E_OK) {
            err = answer.status;
        }
    }
    status_t last = block_wait(disk, DEPTH, NEVER);
    err = err ? err : last;
    struct block_answer answer;
    while (block_take(disk, &answer) == E_OK) {
        err = err ? err : answer.status;
    }
    return err;
}

static status_t run_sequence(struct block *disk, enum block_what what)
{
    uint32_t sectors = SEQ_LEN / disk->sector_len;
    status_t err = E_OK;

    for (unsigned i = 0; i <= 20 && !err; i++) {
        MARK(MARK_LAP);
        err = block_do(disk, what, i * sectors % (disk->sectors / sectors * sectors), sectors, 0,
                       NEVER);
    }
    return err;
}

static status_t run_blk_seq_1m(struct block *disk)
{
    return run_sequence(disk, BLOCK_READ);
}

static status_t run_blk_seq_1m_write(struct block *disk)
{
    return run_sequence(disk, BLOCK_WRITE);
}

static const struct {
    const char *name;
    disk_series *run;
} series[] = {
#define KEY(key) { #key, run_##key },
#include "disk_keys.def"
#undef KEY
};

int bench_disk(const char *name)
{
    static struct block disk;
    struct block_info info;
    handle_t service;
    int failed = 0;
    status_t err = service_open("block", &service);

    err = err ? err : block_find(service, name, &info);
    err = err ? err : block_open(&disk, service, info.unit, BLOCK_WHOLE, SEQ_LEN);
    if (!err && disk.sectors < SEQ_LEN / disk.sector_len) {
        err = E_RANGE; /* too short for a megabyte */
    }
    if (err) {
        printf("bench: %s: %s (%s)\n", name, err_text(err), err_name(err));
        return 1;
    }
    for (unsigned i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
        uint64_t begin = time_now_ns();

        MARK(MARK_START);
        err = series[i].run(&disk);
        MARK(MARK_END);
        if (err) {
            printf("%-20s failed: %s (%s)\n", series[i].name, err_text(err), err_name(err));
            failed = 1;
        } else {
            printf("%-20s %8u us\n", series[i].name, (unsigned)((time_now_ns() - begin) / 1000));
        }
    }
    block_close(&disk);
    return failed;
}
