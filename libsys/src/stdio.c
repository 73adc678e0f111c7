/* SPDX-License-Identifier: BSD-2-Clause
 * stdin, stdout and stderr on the console service. Where a process has no console, output goes to the kernel's log if it
 * may write there, else nowhere, and input is at its end.
 *
 * Output collects in a line buffer of the calling thread, so that lines of several threads do not mix; a newline, a full
 * buffer, fflush and the end of the thread write it out. Input has one buffer: it is for one reader at a time.
 */
#include <cambium/client.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdio.h>
#include <string.h>
#include "frame.h"

enum { LINE_LEN = 120, INPUT_LEN = 256, SHORT_LEN = 48 };

enum console_way { CONSOLE_UNKNOWN = 0, CONSOLE_ATTACHED, CONSOLE_SHORT, CONSOLE_LOG };

static struct {
    struct mutex lock; /* guards way and serial's transmit half */
    enum console_way way;
    handle_t service;
    struct serial serial;
} console;

static struct {
    uint32_t pos, len;
    uint8_t data[INPUT_LEN];
} input;

static _Thread_local struct {
    uint32_t len;
    char text[LINE_LEN];
} line;

/* With console.lock held. */
static enum console_way console_open(void)
{
    if (console.way == CONSOLE_UNKNOWN) {
        console.service = start_handle("service console");
        if (console.service == 0) {
            console.way = CONSOLE_LOG;
        } else if (serial_attach(&console.serial, console.service, 0, 0) == E_OK) {
            console.way = CONSOLE_ATTACHED;
        } else {
            console.way = CONSOLE_SHORT;
        }
    }
    return console.way;
}

static status_t short_write(const char *text, uint32_t len, uint32_t *out)
{
    struct msg m = { SERIAL_OP_WRITE_SHORT, { len < SHORT_LEN ? len : SHORT_LEN } };

    memcpy(&m.w[1], text, m.w[0]);
    status_t err = msg_call(console.service, &m);
    if (err == E_OK) {
        *out = (uint32_t)m.w[0];
    }
    return err;
}

static status_t console_write(const char *text, uint32_t len)
{
    status_t err = E_OK;

    mutex_lock(&console.lock);
    enum console_way way = console_open();
    while (len > 0 && err == E_OK) {
        uint32_t taken = len;

        if (way == CONSOLE_ATTACHED) {
            err = serial_write(&console.serial, text, len, 0, &taken);
        } else if (way == CONSOLE_SHORT) {
            err = short_write(text, len, &taken);
        } else {
            err = sys_log_write(start_handle("chosen"), LOG_INFO, text, len);
        }
        text += err == E_OK ? taken : 0;
        len -= err == E_OK ? taken : 0;
    }
    mutex_unlock(&console.lock);
    return err;
}

static int line_flush(void)
{
    uint32_t len = line.len;

    line.len = 0;
    return len == 0 || console_write(line.text, len) == E_OK ? 0 : EOF;
}

void stdio_flush(void)
{
    (void)line_flush(); /* the process ends, or the thread: nobody is left to be told */
}

static int console_put(char c, FILE *file)
{
    (void)file;
    line.text[line.len++] = c;
    if (c == '\n' || line.len == LINE_LEN) {
        return line_flush() == 0 ? (unsigned char)c : EOF;
    }
    return (unsigned char)c;
}

static int console_flush(FILE *file)
{
    (void)file;
    return line_flush();
}

static status_t input_fill(void)
{
    status_t err = E_NOTFOUND;

    mutex_lock(&console.lock);
    enum console_way way = console_open();
    mutex_unlock(&console.lock); /* a read waits: writers must not wait with it */
    input.pos = input.len = 0;
    if (way == CONSOLE_ATTACHED) {
        err = serial_read(&console.serial, input.data, INPUT_LEN, 0, &input.len);
    } else if (way == CONSOLE_SHORT) {
        struct msg m = { SERIAL_OP_READ_SHORT, { SHORT_LEN } };
        err = msg_call(console.service, &m);
        if (err == E_OK) {
            input.len = m.w[0] < SHORT_LEN ? (uint32_t)m.w[0] : SHORT_LEN;
            memcpy(input.data, &m.w[1], input.len);
        }
    }
    return err;
}

static int console_get(FILE *file)
{
    (void)file;
    if (input.pos == input.len) {
        (void)line_flush(); /* a prompt without newline is seen before the answer is waited for */
        if (input_fill() != E_OK) {
            return _FDEV_ERR;
        }
        if (input.len == 0) {
            return _FDEV_EOF;
        }
    }
    return input.data[input.pos++];
}

static FILE console_file =
    FDEV_SETUP_STREAM(console_put, console_get, console_flush, _FDEV_SETUP_RW);
FILE *const stdin = &console_file;
FILE *const stdout = &console_file;
FILE *const stderr = &console_file;
