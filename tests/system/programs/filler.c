/* SPDX-License-Identifier: BSD-2-Clause
 * filler NAME MIB SEED - fills the first MIB of a disk with numbers made of SEED and their place, many requests in flight, writes
 * each eighth part once more with others, flushes, and reads all back. Says how far it is and what the sum of all words is; whatever
 * is wrong ends it. Meanwhile somebody kills the servers.
 */
#include <cambium/block.h>
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/thread.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

PROGRAM_NEEDS("block");

enum {
    CHUNK = 64 * 1024,
    SLOTS = BLOCK_DATA_MAX / CHUNK,
    WORDS = CHUNK / sizeof(uint64_t),
    MIB = 1024 * 1024
};
#define PATIENCE_NS 60000000000ull

struct filler {
    struct block disk;
    uint64_t seed, sum;
    uint32_t chunks, per_chunk; /* sectors */
    uint32_t chunk_of[SLOTS];
    uint32_t free; /* bits: slots */
};

/* The second round writes these again. */
static bool is_rewritten(const struct filler *f, uint32_t chunk)
{
    return ((chunk * 2654435761u + (uint32_t)f->seed) >> 13) % 8 == 0;
}

/* A word depends on its place and round: no two are the same, and no part can be taken for another. */
static uint64_t word(const struct filler *f, uint32_t chunk, uint32_t i, bool again)
{
    uint64_t x = f->seed + ((uint64_t)chunk * WORDS + i) * 2 + again;

    return x * 0x9e3779b97f4a7c15 ^ x >> 7;
}

static void fill(const struct filler *f, unsigned slot, uint32_t chunk, bool again)
{
    uint64_t *words = (uint64_t *)(void *)(f->disk.data + slot * CHUNK);

    for (uint32_t i = 0; i < WORDS; i++) {
        words[i] = word(f, chunk, i, again);
    }
}

static status_t check(struct filler *f, unsigned slot)
{
    const uint64_t *words = (const uint64_t *)(const void *)(f->disk.data + slot * CHUNK);
    uint32_t chunk = f->chunk_of[slot];
    bool again = is_rewritten(f, chunk);

    for (uint32_t i = 0; i < WORDS; i++) {
        if (words[i] != word(f, chunk, i, again)) {
            printf("filler: wrong: chunk %" PRIu32 " word %" PRIu32 ": %" PRIx64 "\n", chunk, i,
                   words[i]);
            return E_IO;
        }
        f->sum += words[i];
    }
    return E_OK;
}

/* Waits for one answer at least, and takes all that are there. */
static status_t take(struct filler *f, bool is_reading)
{
    struct block_answer a;
    status_t err = block_wait(&f->disk, 1, time_deadline(PATIENCE_NS));

    while (!err && block_take(&f->disk, &a) == E_OK) {
        f->free |= 1u << a.id;
        err = a.status;
        err = err || !is_reading ? err : check(f, a.id);
    }
    return err;
}

static status_t start(struct filler *f, enum block_what what, uint32_t chunk, bool again)
{
    unsigned slot = (unsigned)__builtin_ctz(f->free);
    struct block_request r = { .what = (uint16_t)what,
                               .id = (uint16_t)slot,
                               .count = f->per_chunk,
                               .sector = (uint64_t)chunk * f->per_chunk,
                               .offset = slot * CHUNK };

    f->free &= ~(1u << slot);
    f->chunk_of[slot] = chunk;
    if (what == BLOCK_WRITE) {
        fill(f, slot, chunk, again);
    }
    return block_put(&f->disk, &r);
}

/* One round over all chunks, or those of the second round. */
static status_t go(struct filler *f, enum block_what what, bool again, const char *says)
{
    bool is_reading = what == BLOCK_READ;
    status_t err = E_OK;

    for (uint32_t chunk = 0; chunk < f->chunks && !err; chunk++) {
        if (again && !is_rewritten(f, chunk)) {
            continue;
        }
        while (f->free == 0 && !err) {
            err = take(f, is_reading);
        }
        err = err ? err : start(f, what, chunk, again);
        if (!err && chunk % (f->chunks / 8) == 0) {
            printf("filler: %s %u of %u, %u restarts\n", says, (unsigned)chunk, (unsigned)f->chunks,
                   (unsigned)f->disk.restarts);
        }
    }
    while (f->disk.in_flight != 0 && !err) {
        err = take(f, is_reading);
    }
    if (!err && !is_reading) {
        err = block_do(&f->disk, BLOCK_FLUSH, 0, 0, 0, time_deadline(PATIENCE_NS));
    }
    return err;
}

int main(int argc, char *argv[])
{
    static struct filler f;
    struct block_info info;
    handle_t service;

    if (argc != 4) {
        return 2;
    }
    f.seed = strtoull(argv[3], NULL, 0);
    f.chunks = (uint32_t)(strtoul(argv[2], NULL, 0) * (MIB / CHUNK));
    f.free = (1u << SLOTS) - 1;
    status_t err = service_open("block", &service);
    err = err ? err : block_find(service, argv[1], &info);
    err = err ? err : block_open(&f.disk, service, info.unit, BLOCK_WHOLE, BLOCK_DATA_MAX);
    if (!err) {
        f.per_chunk = CHUNK / f.disk.sector_len;
        err = go(&f, BLOCK_WRITE, false, "writes");
    }
    err = err ? err : go(&f, BLOCK_WRITE, true, "rewrites");
    err = err ? err : go(&f, BLOCK_READ, false, "reads");
    if (err) {
        printf("filler: failed: %s\n", err_name(err));
        return 1;
    }
    printf("filler: right, sum %" PRIx64 ", %u restarts\n", f.sum, (unsigned)f.disk.restarts);
    return 0;
}
