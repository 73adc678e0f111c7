/* SPDX-License-Identifier: BSD-2-Clause
 * The state of mux/serial, and what its files offer each other. One struct, one thread.
 */
#pragma once
#include "line.h"
#include "out.h"
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/proto/serial.h>
#include <cambium/ring.h>
#include <stddef.h>

enum {
    SESSION_MAX = OUT_SOURCES - 1, /* source n + 1 of `out` is session n */
    ECHO_LEN = 2048,
    LOG_CHUNK = 1024,              /* longer than any line of the log */
    SHORT_LEN = 48                 /* SERIAL_OP_*_SHORT */
};

/* Event bits of our own port. */
#define MUX_DRIVER_BASE 0x10000ull /* the driver's SERIAL_EV_* */
#define MUX_EVENT_LOG 0x100000ull
#define MUX_EVENT_TIMER 0x200000ull
#define MUX_SECOND_BASE (1ull << 24) /* the second port's driver's SERIAL_EV_* */

/* A client: a badge. It lives from its first request until *closed*. */
struct session {
    uint32_t badge; /* 0: free */
    handle_t notify;   /* 0: wants no events */
    uint64_t base_bit;
    handle_t interrupt; /* of FOREGROUND: where ^C is told; 0: as the other events */
    uint64_t interrupt_bits;
    uint8_t *buf;      /* the client's, mapped here; NULL: none attached */
    bool raw;
    bool wants_read, wants_write; /* told E_AGAIN: owed an event */
    bool read_short;
    handle_t read_reply, write_reply; /* kept calls; at most one each */
    uint32_t read_len, write_len;
    uint8_t text[SHORT_LEN]; /* of a kept WRITE_SHORT */
};

/* What a driver has of ours, and we of it (loss.c). */
struct loss {
    unsigned slot;          /* where it counts, of SERIAL_SLOTS */
    uint32_t read, written; /* by us: as its own counts began when it attached us */
};

/* Where all that goes out is shown, too, and input comes from (second.c). */
struct second {
    struct loss loss;
    struct serial port; /* service 0: there is none */
    uint64_t node;      /* as SERIAL_OP_SECOND tells */
    bool has_more;
    uint32_t stage, stage_end; /* as struct mux's */
    uint32_t lost; /* bytes that it did not take, and does not know of */
};

struct mux {
    struct second second;
    /* the driver */
    struct serial driver; /* buf NULL: not attached yet */
    struct loss loss;
    handle_t first;       /* the port that init chose */
    uint64_t node;        /* of the port in use, or SERIAL_FIRST */
    bool driver_lost;    /* failed for good; output is thrown away until init sends rebind */
    bool driver_full;    /* took less than offered; SERIAL_EV_WRITABLE follows */
    bool driver_has_more; /* may hold bytes that we did not fetch */
    uint32_t stage, stage_end; /* bytes in the driver's RX half that did not fit into `input` */
    /* input, for whoever reads */
    struct ring input; /* as typed; not yet seen by cooked mode */
    struct line line;
    uint8_t echo[ECHO_LEN];
    uint32_t reader; /* badge that gets input; 0: nobody yet */
    uint32_t master; /* badge that gets SERIAL_EV_INTERRUPT and input back (the shell); 0: nobody yet */
    /* output */
    struct out out;
    uint32_t writers; /* bit per source: has a kept write */
    struct session sessions[SESSION_MAX];
    /* the kernel's log */
    handle_t chosen; /* 0: no access */
    handle_t port;   /* our own, NOTIFY */
    uint64_t log_seq;
    int log_level;   /* the least severe level shown */
    bool log_more;   /* there may be lines that we did not read */
    bool log_timer;
    char log_text[LOG_CHUNK];
    /* counters for SERIAL_OP_STAT */
    uint64_t received, sent, interrupts;
    uint64_t lost_in, lost_out; /* with drivers that ended */
};

/* loss.c */
/* Attaches again, or to another port, with the memory that we have, in which output is kept; says and counts what the driver that
 * was attached in that slot took along. `node`: the port's, or SERIAL_FIRST. */
status_t loss_attach(struct mux *m, struct loss *l, const struct serial *s, uint64_t node) WARN_UNUSED;
/* The same driver as after serial_attach: nothing is lost yet. */
void loss_begin(struct loss *l, const struct serial *s);
/* Before loss_attach to another port: nothing of that one is ours yet. The first port has a slot of its own, as its driver keeps us,
 * and goes on counting. */
void loss_move(struct loss *l, const struct serial *s, bool is_first);

/* upstream.c: the driver's side. */
status_t upstream_attach(struct mux *m) WARN_UNUSED;
void upstream_event(struct mux *m, uint64_t bits);
/* Opens the port of a node. E_NOTFOUND: there is no such node; as INIT_OP_OPEN. */
status_t upstream_open(uint64_t node, handle_t *out) WARN_UNUSED;
/* The path of a port, for a line in the log. */
void upstream_name(uint64_t node, char *out, size_t len);
/* Goes over to another port, with what is not sent yet. Errors: as SERIAL_OP_USE. */
status_t upstream_use(struct mux *m, uint64_t node) WARN_UNUSED;
/* Moves output as far as it goes, answers writers that are done. */
void upstream_flush(struct mux *m);
/* Fetches input as far as there is room. */
void upstream_fetch(struct mux *m);

/* second.c */
/* Another one in the place of the former. Errors: as SERIAL_OP_ADD. */
status_t second_add(struct mux *m, uint64_t node) WARN_UNUSED;
void second_leave(struct mux *m);
/* What went out at the first port. */
void second_write(struct mux *m, const uint8_t *data, uint32_t len);
/* Fetches input as far as there is room. */
void second_fetch(struct mux *m);

/* input.c: who reads what. */
/* Gives the reader what there is; call after anything that may have changed it. */
void input_serve(struct mux *m);
/* Session s waits for input from now on. */
void input_waits(struct mux *m, const struct session *s);
/* Bytes for session s now, into `to`: true with *out_len (0: end of input), false: nothing yet. */
bool input_take(struct mux *m, struct session *s, uint8_t *to, uint32_t len, uint32_t *out_len);
/* ^C among newly fetched bytes: drops what was typed before it and tells the master. Returns the bytes to drop. */
uint32_t input_interrupt(struct mux *m, const uint8_t *data, uint32_t len);
/* The same for ^C that came while it was an ordinary byte, and that nobody read: call when it stops being one. */
void input_interrupt_late(struct mux *m);
void input_reader(struct mux *m, uint32_t badge);

/* session.c */
struct session *session_find(struct mux *m, uint32_t badge);
/* The session of a badge, made if need be; NULL: the table is full. */
struct session *session_get(struct mux *m, uint32_t badge);
int session_source(const struct mux *m, const struct session *s);
void session_notify(const struct session *s, uint64_t event);
/* Tells the session that ^C was typed. */
void session_interrupt(const struct session *s);
status_t session_attach(struct session *s, const struct msg *m, unsigned handles) WARN_UNUSED;
/* Where ^C is told from now on; the handle is the session's. */
void session_subscribe(struct session *s, handle_t interrupt, uint64_t bits);
void session_close(struct mux *m, uint32_t badge);

/* klog.c: the kernel's log on the console. */
void klog_start(struct mux *m);
void klog_pump(struct mux *m);
