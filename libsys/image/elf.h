/* SPDX-License-Identifier: BSD-2-Clause
 * What the kernel (for init) and init (for all others) accept as an image: AArch64 ELF64, static PIE, whole pages per
 * protection. Pure: checks a file in memory and tells what to map; the caller maps it.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/match.h>
#include <stdbool.h>
#include <stddef.h>

enum { ELF_SEGMENTS_MAX = 4, ELF_SPAN_MAX = 64 * 1024 * 1024 };

struct elf_segment {
    uint64_t va;   /* page aligned, from the image's base */
    uint64_t len;  /* whole pages */
    uint64_t skip; /* bytes between va and the first byte of the file */
    const uint8_t *data;
    uint64_t data_len; /* the rest up to len is zero */
    uint32_t flags;    /* MAP_*: never WRITE with EXEC */
};

struct elf_image {
    uint64_t entry; /* from the image's base */
    uint64_t span;  /* bytes from the base to the end of the last segment, whole pages */
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
    const struct dev_match *match; /* in the file; NULL: a program */
    unsigned match_count;
    const char *needs; /* PROGRAM_NEEDS, in the file; NULL: none */
};

/* Checks `len` bytes at `data` (4-byte aligned). On an error *out_why is a sentence for the log.
 * E_FORMAT: damaged, or not what we load; E_ABI: built for another ABI; E_LIMIT: too big. */
status_t elf_check(const uint8_t *data, size_t len, struct elf_image *out,
                   const char **out_why) WARN_UNUSED;
