/* SPDX-License-Identifier: BSD-2-Clause
 * Who may write on the console now: several sources become one stream, by whole lines. Pure: no calls.
 *
 * A source that began a line goes on until its newline or until it has nothing more to write. Then the others take turns,
 * one line each while several have something. A line left open by a source that waits for input (a prompt) is taken
 * off the screen for the others and put back behind them; any other open line is ended with "\r\n". Source OUT_LOG, the
 * kernel's log, goes first but never ends a program's open line unless out_urge said so.
 *
 * Invariant: a bit of `pending` is set when that source has text that is not yet in `tx`; tx[sent, filled) is not yet with the
 * driver.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    OUT_LOG = 0,
    OUT_SOURCES = 32,
    OUT_LINE_LEN = 512, /* longest prompt that can be put back */
    OUT_NOBODY = -1
};

struct out_text {
    const uint8_t *at;
    uint32_t len;
};

/* What stands on the screen's last line, as written since its beginning. */
struct out_line {
    uint32_t len;
    bool cut; /* longer than text: cannot be put back */
    uint8_t text[OUT_LINE_LEN];
};

struct out {
    uint8_t *tx; /* where text goes for the driver, tx_len bytes */
    uint32_t tx_len;
    uint32_t sent, filled;

    uint32_t pending; /* bit per source */
    struct out_text text[OUT_SOURCES];
    struct out_text echo; /* of echo_source, goes before its text */
    int echo_source;

    int owner;   /* wrote last; the open line is its own. OUT_NOBODY: it is gone */
    int reader;  /* waits for input: its open line is a prompt */
    int hidden;  /* whose prompt is in `saved`, off the screen; OUT_NOBODY */
    int turn;    /* had the last turn */
    bool urgent; /* the log may end an open line */
    struct out_line line, saved;
};

void out_init(struct out *o, uint8_t *tx, uint32_t tx_len);
/* `len` bytes at `data`, which must stay there until out_left is 0. The source must have nothing pending. */
void out_text(struct out *o, int source, const void *data, uint32_t len);
void out_echo(struct out *o, int source, const void *data, uint32_t len);
/* Bytes of out_text that did not go yet; out_drop forgets them. */
uint32_t out_left(const struct out *o, int source);
void out_drop(struct out *o, int source);
/* The source is gone. */
void out_close(struct out *o, int source);
/* Which source waits for input (OUT_NOBODY: none). */
void out_reader(struct out *o, int source);
/* Moves what may go into tx, as far as it has room. */
void out_fill(struct out *o);
/* Bytes for the driver, and how many of them it took. */
uint32_t out_ready(const struct out *o);
void out_took(struct out *o, uint32_t len);
/* The log waits for somebody's open line. */
bool out_log_waits(const struct out *o);
/* ... and has waited long enough. */
void out_urge(struct out *o);
