/* SPDX-License-Identifier: BSD-2-Clause
 * fwcfg - the files that a virtual machine was given (class fw_cfg).
 *
 *     fwcfg         lists them: bytes, name
 *     fwcfg NAME    prints one: as it is if all of it is text, else sixteen bytes a line in hexadecimal
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/fw_cfg.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PROGRAM_NEEDS("fw_cfg");

enum { FILE_LEN_MAX = 1 << 20, ROW = 16, TRIES = 4 };

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "fwcfg: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

/* Asks again if the server was restarted over it: a request changes nothing. */
static status_t ask(handle_t service, struct msg *m)
{
    const struct msg question = *m;
    status_t err = E_DEAD;

    for (unsigned i = 0; i < TRIES && err == E_DEAD; i++) {
        *m = question;
        err = msg_call(service, m);
    }
    return err;
}

static int list(handle_t service)
{
    struct msg m;
    status_t err;

    for (uint64_t n = 0;; n++) {
        m = (struct msg){ msg_info(FW_CFG_OP_FILE, 0, 0), { n } };
        err = ask(service, &m);
        if (err != E_OK) {
            break;
        }
        printf("%10llu  %.*s\n", (unsigned long long)m.w[0], FW_CFG_NAME_LEN,
               (const char *)&m.w[1]);
    }
    return err == E_NOTFOUND ? 0 : fail("no answer", err);
}

static status_t read_at(handle_t service, const char *name, uint64_t offset, struct msg *out)
{
    *out = (struct msg){ msg_info(FW_CFG_OP_READ, 0, 0), { offset } };
    memcpy(&out->w[1], name, strlen(name));
    return ask(service, out);
}

/* Reads all of a file; *out is to be freed. */
static status_t read_whole(handle_t service, const char *name, uint8_t **out, size_t *out_len)
{
    struct msg m;
    status_t err = read_at(service, name, 0, &m);
    size_t len = err ? 0 : (size_t)m.w[0];

    if (err || len > FILE_LEN_MAX) {
        return err ? err : E_LIMIT;
    }
    uint8_t *data = malloc(len + 1);
    if (data == NULL) {
        return E_NOMEM;
    }
    for (size_t at = 0; !err && at < len; at += FW_CFG_READ_LEN) {
        err = read_at(service, name, at, &m);
        memcpy(data + at, &m.w[1], len - at < FW_CFG_READ_LEN ? len - at : FW_CFG_READ_LEN);
    }
    if (err) {
        free(data);
        return err;
    }
    *out = data;
    *out_len = len;
    return E_OK;
}

static bool is_printable(uint8_t c)
{
    return c >= ' ' && c <= '~';
}

static bool is_text(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_printable(data[i]) && data[i] != '\n' && data[i] != '\t' &&
            !(data[i] == '\0' && i + 1 == len)) { /* C strings are handed over with their end */
            return false;
        }
    }
    return len != 0;
}

static void print_text(const uint8_t *data, size_t len)
{
    len -= data[len - 1] == '\0';
    (void)fwrite(data, 1, len, stdout); /* nowhere to complain to */
    if (len == 0 || data[len - 1] != '\n') {
        printf("\n");
    }
}

static void print_rows(const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len; at += ROW) {
        size_t count = len - at < ROW ? len - at : ROW;
        char text[ROW + 1] = "";

        printf("%06x ", (unsigned)at);
        for (size_t i = 0; i < ROW; i++) {
            if (i < count) {
                printf(" %02x", data[at + i]);
                text[i] = is_printable(data[at + i]) ? (char)data[at + i] : '.';
            } else {
                printf("   ");
            }
        }
        printf("  %s\n", text);
    }
}

static int print(handle_t service, const char *name)
{
    uint8_t *data;
    size_t len;

    if (strlen(name) >= FW_CFG_NAME_LEN) {
        return fail(name, E_NOTFOUND);
    }
    status_t err = read_whole(service, name, &data, &len);
    if (err) {
        return fail(name, err);
    }
    if (is_text(data, len)) {
        print_text(data, len);
    } else {
        print_rows(data, len);
    }
    free(data);
    return 0;
}

int main(int argc, char *argv[])
{
    handle_t service;

    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        (void)fprintf(stderr, "usage: fwcfg [NAME]\n");
        return 2;
    }
    status_t err = service_open("fw_cfg", &service);
    if (err) {
        return fail("none here", err);
    }
    return argc == 1 ? list(service) : print(service, argv[1]);
}
