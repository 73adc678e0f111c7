/* SPDX-License-Identifier: BSD-2-Clause
 * The boot archive: a newc cpio, read in place. Pure: no allocation, no system call, nothing trusted.
 */
#pragma once
#include <abi/status.h>
#include <stddef.h>
#include <stdint.h>

struct archive {
    const uint8_t *base; /* 4-byte aligned, so that file contents are too */
    size_t len;
};

struct archive_file {
    const char *name; /* NUL-terminated, in the archive */
    const uint8_t *data;
    size_t len;
};

/* Iterates: *offset starts as 0. E_NOTFOUND after the last file; E_FORMAT: damaged or cut off at *offset. */
status_t archive_next(const struct archive *a, size_t *offset,
                      struct archive_file *out) WARN_UNUSED;
/* The file with exactly this name, searched from *offset on. E_NOTFOUND; E_FORMAT: damaged or cut off at *offset. */
status_t archive_find(const struct archive *a, const char *name, size_t *offset,
                      struct archive_file *out) WARN_UNUSED;
