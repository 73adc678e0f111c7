/* SPDX-License-Identifier: BSD-2-Clause
 * See property.h. The firmware writes into the buffer when it likes: each word is read once, into a copy.
 */
#include "property.h"
#include <string.h>

enum { WORD_TOTAL = 0, WORD_CODE, WORD_TAGS, TAG_HEAD = 3, ROW_WORDS = FIRMWARE_MESSAGE_LEN / 4 };
#define TAG_ANSWERED (1u << 31)

struct form {
    uint32_t number;
    uint16_t value_words; /* what a tag takes beside its number */
    uint16_t answer_len;  /* bytes; less is no answer */
};

#define FORM(name, number, request, reply)                                                         \
    { number, FIRMWARE_VALUE_LEN(request, reply) / 4, sizeof(struct firmware_##reply) },
static const struct form forms[] = { FIRMWARE_TAGS(FORM) };

static const struct form *form_of(uint32_t number)
{
    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (forms[i].number == number) {
            return &forms[i];
        }
    }
    return NULL;
}

status_t property_check(const uint64_t *row, unsigned len)
{
    uint32_t words[ROW_WORDS];
    unsigned count = len / 4;

    memcpy(words, row, len);
    if (count == 0 || len % 4 != 0) {
        return E_FORMAT;
    }
    for (unsigned at = 0; at < count;) {
        const struct form *form = form_of(words[at]);
        if (form == NULL || form->value_words > count - at - 1) {
            return E_FORMAT;
        }
        at += 1 + form->value_words;
    }
    return E_OK;
}

static void buffer_write(uint32_t *buffer, unsigned at, uint32_t value)
{
    __atomic_store_n(&buffer[at], value, __ATOMIC_RELAXED); /* the caller's barrier orders them */
}

void property_encode(uint32_t *buffer, const uint64_t *row, unsigned len)
{
    uint32_t words[ROW_WORDS];
    unsigned out = WORD_TAGS;

    memcpy(words, row, len);
    for (unsigned at = 0; at < len / 4;) {
        const struct form *form = form_of(words[at]);
        buffer_write(buffer, out++, words[at++]);
        buffer_write(buffer, out++, form->value_words * 4u);
        buffer_write(buffer, out++, 0);
        for (unsigned i = 0; i < form->value_words; i++) {
            buffer_write(buffer, out++, words[at++]);
        }
    }
    buffer_write(buffer, out++, 0);
    buffer_write(buffer, WORD_CODE, 0);
    buffer_write(buffer, WORD_TOTAL, out * 4);
}

status_t property_decode(const uint32_t *buffer, uint64_t *row, unsigned len)
{
    uint32_t copy[BUFFER_WORDS], words[ROW_WORDS];
    unsigned in = WORD_TAGS;
    bool has_all = true;

    for (unsigned i = 0; i < BUFFER_WORDS; i++) {
        copy[i] = __atomic_load_n(&buffer[i], __ATOMIC_RELAXED); /* after the caller's barrier */
    }
    memcpy(words, row, len);
    if (copy[WORD_CODE] != PROPERTY_OK && copy[WORD_CODE] != PROPERTY_PARTLY) {
        return E_FORMAT;
    }
    for (unsigned at = 0; at < len / 4;) {
        const struct form *form = form_of(words[at]);
        uint32_t state = copy[in + 2];
        if (copy[in] != words[at] || copy[in + 1] != form->value_words * 4u) {
            return E_FORMAT;
        }
        bool is_answered = (state & TAG_ANSWERED) && (state & ~TAG_ANSWERED) >= form->answer_len;
        words[at] |= is_answered ? FIRMWARE_ANSWERED : 0;
        has_all = has_all && is_answered;
        at++;
        in += TAG_HEAD;
        for (unsigned i = 0; i < form->value_words; i++, at++, in++) {
            words[at] = is_answered ? copy[in] : words[at];
        }
    }
    memcpy(row, words, len);
    if (!has_all) {
        return E_NOSYS;
    }
    return copy[WORD_CODE] == PROPERTY_OK ? E_OK : E_IO;
}

bool buffer_is_out(const uint32_t *buffer)
{
    return __atomic_load_n(&buffer[WORD_TOTAL], __ATOMIC_RELAXED) != 0 &&
           __atomic_load_n(&buffer[WORD_CODE], __ATOMIC_RELAXED) == 0;
}

void buffer_give_away(uint32_t *buffer)
{
    buffer_write(buffer, WORD_TOTAL, BUFFER_WORDS * 4);
    buffer_write(buffer, WORD_CODE, 0);
}

void buffer_take_back(uint32_t *buffer)
{
    buffer_write(buffer, WORD_TOTAL, 0);
}
