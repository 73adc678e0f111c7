/* SPDX-License-Identifier: BSD-2-Clause
 * flash - looks into the machine's flash memory, and changes it (class flash).
 *
 *     flash                           lists the banks
 *     flash read BANK OFFSET [BYTES]  prints bytes (64), sixteen a line in hexadecimal
 *     flash erase BANK OFFSET         erases the block that begins there
 *     flash write BANK OFFSET TEXT    programs the text, filled up with ones; what is there must be erased
 *
 * Numbers are decimal or, with 0x, hexadecimal. BYTES and OFFSET are multiples of 4.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/flash.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PROGRAM_NEEDS("flash");

enum { ROW = 16, READ_USUAL = 64 };
#define LOOK_NS 10000000 /* from one look at an erase to the next */

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "flash: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

/* Asks again while an erase goes on: the driver ends that with E_TIMEOUT. */
static status_t ask(handle_t flash, uint32_t op, const uint64_t *w, struct msg *out)
{
    status_t err;

    for (;;) {
        *out = (struct msg){ .info = msg_info(op, 0, 0) };
        memcpy(out->w, w, sizeof(out->w));
        err = msg_call(flash, out);
        if (err != E_BUSY) {
            return err;
        }
        sleep_ns(LOOK_NS);
    }
}

static int list(handle_t flash)
{
    struct msg m;
    unsigned found = 0;
    status_t err = E_OK;

    for (uint64_t bank = 0; bank < FLASH_BANKS_MAX; bank++) {
        err = ask(flash, FLASH_OP_INFO, (uint64_t[MSG_WORDS]){ bank }, &m);
        if (err == E_OK) {
            printf("bank %u  %llu KiB in blocks of %llu KiB, %llu chips%s\n", (unsigned)bank,
                   (unsigned long long)m.w[0] / 1024, (unsigned long long)m.w[1] / 1024,
                   (unsigned long long)m.w[2], m.w[3] != 0 ? "" : ", read only");
            found++;
        } else if (err != E_NOTFOUND) {
            return fail("no answer", err);
        }
    }
    return found != 0 ? 0 : fail("no bank", err);
}

static void print_row(uint64_t at, const uint8_t *data, size_t count)
{
    char text[ROW + 1] = "";

    printf("%08llx ", (unsigned long long)at);
    for (size_t i = 0; i < ROW; i++) {
        if (i < count) {
            printf(" %02x", data[i]);
            text[i] = data[i] >= ' ' && data[i] <= '~' ? (char)data[i] : '.';
        } else {
            printf("   ");
        }
    }
    printf("  %s\n", text);
}

static int print(handle_t flash, uint64_t bank, uint64_t offset, uint64_t len)
{
    struct msg m;

    while (len != 0) {
        uint64_t part = len < FLASH_READ_MAX ? len : FLASH_READ_MAX;
        status_t err = ask(flash, FLASH_OP_READ, (uint64_t[MSG_WORDS]){ bank, offset, part }, &m);
        if (err) {
            return fail("not read", err);
        }
        for (uint64_t at = 0; at < part; at += ROW) {
            print_row(offset + at, (const uint8_t *)m.w + at, part - at < ROW ? part - at : ROW);
        }
        offset += part;
        len -= part;
    }
    return 0;
}

static int erase(handle_t flash, uint64_t bank, uint64_t offset)
{
    struct msg m;
    status_t err = ask(flash, FLASH_OP_ERASE, (uint64_t[MSG_WORDS]){ bank, offset }, &m);

    err = err ? err : ask(flash, FLASH_OP_STATUS, (uint64_t[MSG_WORDS]){ bank }, &m);
    return err ? fail("not erased", err) : 0;
}

static int write(handle_t flash, uint64_t bank, uint64_t offset, const char *text)
{
    struct msg m;

    for (size_t len = strlen(text), at = 0; at < len; at += FLASH_PROGRAM_MAX) {
        size_t part = len - at < FLASH_PROGRAM_MAX ? len - at : FLASH_PROGRAM_MAX;
        uint64_t w[MSG_WORDS] = { bank, offset + at,
                                  (part + FLASH_UNIT - 1) / FLASH_UNIT * FLASH_UNIT };
        memset(&w[4], 0xff, FLASH_PROGRAM_MAX);
        memcpy(&w[4], text + at, part);
        status_t err = ask(flash, FLASH_OP_PROGRAM, w, &m);
        if (err) {
            return fail("not written", err);
        }
    }
    return 0;
}

static bool parse(const char *text, uint64_t *out)
{
    char *end;

    *out = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

int main(int argc, char *argv[])
{
    const char *what = argc > 1 ? argv[1] : "";
    bool reads = strcmp(what, "read") == 0 && (argc == 4 || argc == 5);
    bool erases = strcmp(what, "erase") == 0 && argc == 4;
    bool writes = strcmp(what, "write") == 0 && argc == 5;
    uint64_t bank = 0, offset = 0, len = READ_USUAL;
    handle_t flash;

    if ((argc != 1 && !reads && !erases && !writes) ||
        (argc != 1 && (!parse(argv[2], &bank) || !parse(argv[3], &offset))) ||
        (reads && argc == 5 && !parse(argv[4], &len))) {
        (void)fprintf(stderr, "usage: flash [read BANK OFFSET [BYTES] | erase BANK OFFSET |"
                              " write BANK OFFSET TEXT]\n");
        return 2;
    }
    status_t err = service_open("flash", &flash);
    if (err) {
        return fail("none here", err);
    }
    if (reads) {
        return print(flash, bank, offset, len);
    }
    if (erases) {
        return erase(flash, bank, offset);
    }
    return writes ? write(flash, bank, offset, argv[4]) : list(flash);
}
