/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's log on the console, from where the early console stopped. Until somebody reads (the first prompt) lines of
 * level info and worse are shown, afterwards errors and warnings; the shell's `log` shows all.
 *
 * A line waits while a program has a line open, at most LOG_PATIENCE_NS; then it ends that line.
 */
#include "mux.h"
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>

#define LOG_PATIENCE_NS 500000000ull

void klog_start(struct mux *m)
{
    m->chosen = start_handle("chosen");
    m->log_more = true;
    if (sys_log_console(m->chosen, 0, &m->log_seq) != E_OK ||
        sys_log_subscribe(m->chosen, m->port, MUX_EVENT_LOG) != E_OK) {
        log_warn("no access to the kernel's log: its lines do not appear here");
        m->chosen = 0;
    }
}

/* Moves the lines worth showing of data[0, len), a NUL behind it, to its beginning. *out_used: up to the last newline. */
static uint32_t select_lines(char *data, uint32_t len, int level, uint32_t *out_used)
{
    uint32_t kept = 0;
    char *line = data;
    char *end;

    while ((end = memchr(line, '\n', len - (uint32_t)(line - data))) != NULL) {
        if ((int)log_line_level(line) <= level) {
            uint32_t n = (uint32_t)(end + 1 - line);
            memmove(data + kept, line, n);
            kept += n;
        }
        line = end + 1;
    }
    *out_used = (uint32_t)(line - data);
    return kept;
}

static void wait_for_line_end(struct mux *m)
{
    if (out_log_waits(&m->out) && !m->log_timer) {
        m->log_timer =
            sys_timer_set(m->port, time_deadline(LOG_PATIENCE_NS), MUX_EVENT_TIMER) == E_OK;
    }
}

void klog_pump(struct mux *m)
{
    while (m->log_more && m->chosen != 0 && out_left(&m->out, OUT_LOG) == 0) {
        uint64_t seq = 0, len = 0;
        uint32_t used = 0;
        if (sys_log_read(m->chosen, m->log_seq, m->log_text, LOG_CHUNK - 1, &seq, &len) != E_OK ||
            len == 0) {
            m->log_more = false;
            break;
        }
        m->log_text[len] = '\0';
        uint32_t kept = select_lines(m->log_text, (uint32_t)len, m->log_level, &used);
        if (used == 0 && len == LOG_CHUNK - 1) {
            used = LOG_CHUNK - 1; /* no line is that long: damaged; skip it */
        }
        if (used == 0) {
            m->log_more = false; /* its end is still to come, and MUX_EVENT_LOG with it */
            break;
        }
        m->log_seq = seq + used;
        out_text(&m->out, OUT_LOG, m->log_text, kept);
        upstream_flush(m);
    }
    wait_for_line_end(m);
}
