/* SPDX-License-Identifier: BSD-2-Clause
 * archive - the reader of the boot archive.
 *
 * Format: Linux Documentation/driver-api/early-userspace/buffer-format.rst, "newc": a header of 110 ASCII characters
 * (magic 070701, then 13 numbers of eight hex digits), the name with its NUL, padding to four, the data, padding to
 * four. The file "TRAILER!!!" ends it. 070702 (with checksums) is accepted; the sum is not looked at.
 * Invariant: offsets only grow, and every one is compared with the length before it is used.
 */
#include "archive.h"
#include <stdbool.h>
#include <string.h>

enum {
    NEWC_HEADER_LEN = 110,
    NEWC_MAGIC_LEN = 6,
    NEWC_FIELD_LEN = 8,
    NEWC_FILESIZE = 6,
    NEWC_NAMESIZE = 11
};

/* Field number `field` of the header at `head`. */
static status_t newc_field(const uint8_t *head, unsigned field, uint32_t *out)
{
    const uint8_t *digits = head + NEWC_MAGIC_LEN + field * NEWC_FIELD_LEN;
    uint32_t value = 0;

    for (unsigned i = 0; i < NEWC_FIELD_LEN; i++) {
        uint8_t c = digits[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return E_FORMAT;
        }
        value = value << 4 | digit;
    }
    *out = value;
    return E_OK;
}

static size_t align4(size_t offset)
{
    return (offset + 3) & ~(size_t)3;
}

status_t archive_next(const struct archive *a, size_t *offset, struct archive_file *out)
{
    size_t at = *offset;
    uint32_t name_len = 0;
    uint32_t data_len = 0;

    if (at > a->len || a->len - at < NEWC_HEADER_LEN) {
        return E_FORMAT; /* the trailer is missing: cut off */
    }
    const uint8_t *head = a->base + at;
    if (memcmp(head, "070701", NEWC_MAGIC_LEN) != 0 &&
        memcmp(head, "070702", NEWC_MAGIC_LEN) != 0) {
        return E_FORMAT;
    }
    if (newc_field(head, NEWC_NAMESIZE, &name_len) || newc_field(head, NEWC_FILESIZE, &data_len)) {
        return E_FORMAT;
    }
    at += NEWC_HEADER_LEN;
    if (name_len == 0 || name_len > a->len - at || a->base[at + name_len - 1] != '\0') {
        return E_FORMAT;
    }
    const char *name = (const char *)a->base + at;
    if (strcmp(name, "TRAILER!!!") == 0) {
        return E_NOTFOUND;
    }
    at = align4(at + name_len);
    if (at > a->len || data_len > a->len - at) {
        return E_FORMAT;
    }
    *out = (struct archive_file){ .name = name, .data = a->base + at, .len = data_len };
    *offset = align4(at + data_len);
    return E_OK;
}

status_t archive_find(const struct archive *a, const char *name, size_t *offset,
                      struct archive_file *out)
{
    for (;;) {
        struct archive_file file;
        status_t err = archive_next(a, offset, &file);
        if (err) {
            return err;
        }
        if (strcmp(file.name, name) == 0) {
            *out = file;
            return E_OK;
        }
    }
}
