/* SPDX-License-Identifier: BSD-2-Clause
 * libFuzzer's mutator for blobs. Bytes put in or taken out anywhere make the header's offsets wrong, and tree_check ends
 * the matter; so three times of four this changes what stands between the tokens, or moves whole words and corrects the
 * header.
 */
#include <libfdt.h>
#include <stdint.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t len, size_t max_len);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned seed);

static uint32_t next(uint32_t *seed) /* xorshift32: Marsaglia, "Xorshift RNGs", 2003 */
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Numbers that hurt: tokens, counts of cells, phandles, ends of ranges. */
static void put_word(uint8_t *at, uint32_t *seed)
{
    static const uint32_t words[] = { 0,          1,          2,          3,          4,
                                      5,          9,          16,         17,         0x1000,
                                      0x8000,     0x8002,     0x40000000, 0x48000000, 0x7fffffff,
                                      0x80000000, 0xfffff000, 0xfffffffc, 0xffffffff };
    uint32_t word = words[next(seed) % (sizeof(words) / sizeof(words[0]))];
    fdt32_t cell = cpu_to_fdt32(next(seed) % 8 ? word : next(seed));

    memcpy(at, &cell, sizeof(cell));
}

/* Doubles, or takes out, some words of the structure block. */
static size_t move_words(uint8_t *data, size_t len, size_t max_len, uint32_t from, uint32_t size,
                         uint32_t *seed)
{
    uint32_t at = from + (next(seed) % size & ~3u);
    uint32_t count = 4 + (next(seed) % 64 & ~3u);
    int32_t change = next(seed) % 2 ? (int32_t)count : -(int32_t)count;

    if (count > from + size - at || (change > 0 && len + count > max_len)) {
        return len;
    }
    memmove(data + at + (change > 0 ? count : 0), data + at + (change > 0 ? 0 : count),
            len - at - (change > 0 ? 0 : count));
    fdt_set_size_dt_struct(data, size + (uint32_t)change);
    if (fdt_off_dt_strings(data) > at) {
        fdt_set_off_dt_strings(data, fdt_off_dt_strings(data) + (uint32_t)change);
    }
    fdt_set_totalsize(data, fdt_totalsize(data) + (uint32_t)change);
    return len + (size_t)change;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t len, size_t max_len, unsigned random)
{
    uint32_t seed = random | 1, from, size;

    if (len < sizeof(struct fdt_header) || next(&seed) % 4 == 0) {
        return LLVMFuzzerMutate(data, len, max_len);
    }
    from = fdt_off_dt_struct(data);
    size = fdt_size_dt_struct(data);
    if (from % 4 != 0 || size < 4 || from > len || size > len - from) {
        return LLVMFuzzerMutate(data, len, max_len);
    }
    for (uint32_t n = 1 + next(&seed) % 3; n > 0; n--) {
        switch (next(&seed) % 4) {
        case 0:
            return move_words(data, len, max_len, from, size, &seed);
        case 1:
            data[from + next(&seed) % (uint32_t)(len - from)] ^= (uint8_t)(1 << next(&seed) % 8);
            break;
        case 2: { /* one word where another is: names, phandles, values of the same tree */
            uint32_t to = from + (next(&seed) % size & ~3u),
                     what = from + (next(&seed) % size & ~3u);

            memmove(data + to, data + what, 4);
            break;
        }
        default:
            put_word(data + from + (next(&seed) % size & ~3u), &seed);
            break;
        }
    }
    return len;
}
