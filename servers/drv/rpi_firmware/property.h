/* SPDX-License-Identifier: BSD-2-Clause
 * Messages of the property interface in memory: from a row of tags (proto/firmware.h) and back. No state, no access but to
 * the buffer.
 *
 * A buffer, in little-endian words: bytes in all, code, tags, 0. A tag: number, bytes of its value, bytes of the answer with
 * bit 31 set (a question: 0), value. Code: 0 question, PROPERTY_OK, PROPERTY_PARTLY.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/proto/firmware.h>
#include <stdbool.h>

enum { BUFFER_WORDS = 64, BUFFERS = PAGE_SIZE / (BUFFER_WORDS * 4) }; /* whole cache lines, and 16 bytes as the word asks */
#define PROPERTY_OK (1u << 31)
#define PROPERTY_PARTLY (PROPERTY_OK | 1)

/* At most one word of a row becomes three of a message. */
static_assert(2 + FIRMWARE_MESSAGE_LEN / 4 * 3 + 1 <= BUFFER_WORDS, "any message fits into a buffer");

/* E_FORMAT: not a row of whole tags of the table, at least one. `len` is at most FIRMWARE_MESSAGE_LEN. */
status_t property_check(const uint64_t *row, unsigned len) WARN_UNUSED;
/* Writes the question; *row passed property_check. From then on the buffer is out. */
void property_encode(uint32_t *buffer, const uint64_t *row, unsigned len);
/* Reads the answer into *row, which holds the question; whatever else is in the buffer, only what was asked for is read.
 * E_FORMAT: it is none (*row is unchanged); E_NOSYS: tags without FIRMWARE_ANSWERED were not answered; E_IO: all were, but
 * the code says that something went wrong. */
status_t property_decode(const uint32_t *buffer, uint64_t *row, unsigned len) WARN_UNUSED;
/* There is a question in it without an answer. Fresh memory has none. */
bool buffer_is_out(const uint32_t *buffer);
/* So that buffer_is_out says so, and that it does not. */
void buffer_give_away(uint32_t *buffer);
void buffer_take_back(uint32_t *buffer);
