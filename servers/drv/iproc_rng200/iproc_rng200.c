/* SPDX-License-Identifier: BSD-2-Clause
 * iproc_rng200 - driver server for Broadcom's RNG200, the random number generator of BCM2711 and BCM2712.
 *
 * Device:   iproc_rng200_regs.h says where it is described. It tests itself, and has no interrupt.
 * Binding:  README.md beside this file (one reg).
 * Protocol: <cambium/proto/entropy.h>, by the kit <cambium/entropy_server.h>; while somebody waits, the FIFO is looked at.
 * Not here: judging the bytes beyond that no word comes twice in a row, or mixing them with others.
 *
 * There is no store: what is taken from the FIFO is given away, or thrown away with what failed a test.
 */
#include <cambium/driver.h>
#include <cambium/entropy_server.h>
#include <string.h>
#include "iproc_rng200_regs.h"

enum {
    POLL_NS = 1000000,
    TAKE_WORDS = ENTROPY_READ_LEN / sizeof(uint32_t), /* at a time: what one client can want */
    FAILS_MAX = 3 /* in a row, with not a word between: it is broken */
};

struct rng {
    struct entropy_server server;
    struct mmio regs;
    uint32_t last; /* the word that came last */
    bool has_last;
    unsigned fails;
};

DEV_MATCH_TABLE struct dev_match rng_match[] = {
    DEV_MATCH("brcm,bcm2711-rng200", "entropy", "reg", 0),
    DEV_MATCH("brcm,bcm7211-rng200", "entropy", "reg", 0),
    DEV_MATCH("brcm,bcm7278-rng200", "entropy", "reg", 0),
    DEV_MATCH("brcm,iproc-rng200", "entropy", "reg", 0),
};

static void rng_enable(const struct rng *r, bool on)
{
    uint32_t ctrl = mmio_read32(&r->regs, RNG_CTRL) & ~CTRL_RBGEN;

    mmio_write32(&r->regs, RNG_CTRL, ctrl | field_put(CTRL_RBGEN, on));
}

static uint32_t rng_failed(const struct rng *r)
{
    return mmio_read32(&r->regs, RNG_INT_STATUS) & (INT_LOCKOUT | INT_NIST_FAIL);
}

/* What was in the FIFO is lost: it is not trusted. In the order of Linux. */
static void rng_restart(struct rng *r)
{
    rng_enable(r, false);
    mmio_write32(&r->regs, RNG_INT_STATUS, UINT32_MAX);
    mmio_write32(&r->regs, RBG_SOFT_RESET, SOFT_RESET);
    mmio_write32(&r->regs, RNG_SOFT_RESET, SOFT_RESET);
    mmio_write32(&r->regs, RNG_SOFT_RESET, 0);
    mmio_write32(&r->regs, RBG_SOFT_RESET, 0);
    rng_enable(r, true);
}

/* A word that is the one before again: by chance once in 2^32, and from a generator that stands still always. */
static bool has_repeat(const struct rng *r, const uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i != 0 ? words[i] == words[i - 1] : r->has_last && words[0] == r->last) {
            return true;
        }
    }
    return false;
}

/* Takes what is wanted and there, up to TAKE_WORDS; *out may be 0. E_IO: it fails its tests again and again. */
static status_t rng_take(struct rng *r, uint32_t words[TAKE_WORDS], unsigned *out)
{
    uint32_t wanted = (entropy_server_wanted(&r->server) + 3) / sizeof(words[0]), failed;
    unsigned count = 0;

    while (count < TAKE_WORDS && count < wanted &&
           field_get(FIFO_COUNT_WORDS, mmio_read32(&r->regs, RNG_FIFO_COUNT)) != 0) {
        words[count++] = mmio_read32(&r->regs, RNG_FIFO_DATA);
    }
    *out = 0;
    failed = rng_failed(r); /* behind the words: they are from before */
    if (failed != 0 || has_repeat(r, words, count)) {
        memset(words, 0, TAKE_WORDS * sizeof(words[0]));
        if (++r->fails == FAILS_MAX) {
            log_error("its bits fail the tests again and again: it is broken");
            return E_IO;
        }
        log_warn("%s: restarted", failed != 0 ? "its own test failed" : "the same word twice");
        rng_restart(r);
    } else if (count != 0) {
        r->last = words[count - 1];
        r->has_last = true;
        r->fails = 0;
        r->server.fill_count++;
        *out = count;
    }
    return E_OK;
}

/* Gives what is there to those who wait. */
static status_t rng_pump(struct rng *r)
{
    uint32_t words[TAKE_WORDS];
    status_t err = E_OK;
    unsigned count = 1;

    while (!err && count != 0 && entropy_server_waits(&r->server)) {
        err = rng_take(r, words, &count);
        uint32_t len = count * (uint32_t)sizeof(words[0]), at = 0;
        while (at < len && entropy_server_waits(&r->server)) {
            at += entropy_server_give(&r->server, (const uint8_t *)words + at, len - at);
        }
    }
    memset(words, 0, sizeof(words));
    return err;
}

int main(void)
{
    static struct rng rng;
    status_t err = node_mmio(driver_node(), 0, RNG200_REGS_LEN, &rng.regs);

    if (err) {
        return err; /* init reports it against the node's path */
    }
    entropy_server_open(&rng.server, POLL_NS);
    rng_enable(&rng, true);
    while (!err) {
        struct event ev = event_wait();
        status_t answer;
        bool is_kept = entropy_server_event(&rng.server, &ev, &answer);
        if (!is_kept) {
            event_done(&ev, answer);
        }
        err = rng_pump(&rng);
    }
    return err; /* likewise, and it starts the next incarnation */
}
