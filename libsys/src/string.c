/* SPDX-License-Identifier: BSD-2-Clause
 * Memory and string functions in plain C, by words, without FP registers. The kernel compiles this same file (with
 * -mstrict-align, before its MMU is on), and every process gets it instead of picolibc's: it stands before libc.a on
 * the linker's line, and crt.c refers to it.
 *
 * Must not be turned into calls of itself: both builds pass -fno-tree-loop-distribute-patterns (clang: -fno-builtin).
 * The word-wise scans read whole aligned words, so up to 7 bytes beyond the end, but never beyond the end's page.
 */
#include <stddef.h>
#include <stdint.h>

/* Declared here, because the kernel has no string.h of its own at hand in every place that compiles this file. */
void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *mem, int byte, size_t len);
void *memrchr(const void *mem, int byte, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* A word at any address: with -mstrict-align the compiler takes it apart into bytes. */
struct unaligned {
    uint64_t value;
} __attribute__((packed, may_alias));
typedef uint64_t __attribute__((may_alias)) word_t;

enum { WORD = sizeof(word_t) };
#define ONES  0x0101010101010101ull
#define HIGHS 0x8080808080808080ull
#if defined(__SANITIZE_ADDRESS__)
#define READS_WHOLE_WORDS __attribute__((no_sanitize_address))
#else
#define READS_WHOLE_WORDS
#endif

/* Not 0 if a byte of the word is 0; the lowest bit set is in the first such byte. */
static inline uint64_t zero_bytes(uint64_t word)
{
    return (word - ONES) & ~word & HIGHS;
}

static inline size_t misalignment(const void *p)
{
    return (uintptr_t)p % WORD;
}

/* From the start up; also right for a target below its source, since it reads before it writes (and nothing here says
 * `restrict`, so the compiler keeps that order). */
static inline void copy_up(uint8_t *d, const uint8_t *s, size_t len)
{
    if (len >= 2 * WORD) {
        while (misalignment(d) != 0) {
            *d++ = *s++;
            len--;
        }
        if (misalignment(s) == 0) {
            for (; len >= 4 * WORD; len -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
                word_t *dw = (word_t *)(void *)d;
                const word_t *sw = (const word_t *)(const void *)s;
                uint64_t w0 = sw[0], w1 = sw[1], w2 = sw[2], w3 = sw[3];
                dw[0] = w0, dw[1] = w1, dw[2] = w2, dw[3] = w3;
            }
            for (; len >= WORD; len -= WORD, d += WORD, s += WORD) {
                *(word_t *)(void *)d = *(const word_t *)(const void *)s;
            }
        } else {
            for (; len >= WORD; len -= WORD, d += WORD, s += WORD) {
                *(word_t *)(void *)d = ((const struct unaligned *)(const void *)s)->value;
            }
        }
    }
    while (len-- > 0) {
        *d++ = *s++;
    }
}

/* From the end down, for a target that overlaps the end of its source. */
static void copy_down(uint8_t *d, const uint8_t *s, size_t len)
{
    d += len;
    s += len;
    if (len >= 2 * WORD) {
        while (misalignment(d) != 0) {
            *--d = *--s;
            len--;
        }
        for (; len >= WORD; len -= WORD) {
            d -= WORD;
            s -= WORD;
            *(word_t *)(void *)d = ((const struct unaligned *)(const void *)s)->value;
        }
    }
    while (len-- > 0) {
        *--d = *--s;
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    copy_up(to, from, len);
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    if ((uintptr_t)to - (uintptr_t)from >= len) { /* below the source, or apart from it */
        copy_up(to, from, len);
    } else {
        copy_down(to, from, len);
    }
    return to;
}

void *memset(void *to, int byte, size_t len)
{
    uint8_t *d = to;
    uint64_t word = (uint8_t)byte * ONES;

    if (len >= 2 * WORD) {
        while (misalignment(d) != 0) {
            *d++ = (uint8_t)byte;
            len--;
        }
        for (; len >= 4 * WORD; len -= 4 * WORD, d += 4 * WORD) {
            word_t *dw = (word_t *)(void *)d;
            dw[0] = word, dw[1] = word, dw[2] = word, dw[3] = word;
        }
        for (; len >= WORD; len -= WORD, d += WORD) {
            *(word_t *)(void *)d = word;
        }
    }
    while (len-- > 0) {
        *d++ = (uint8_t)byte;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *p = a, *q = b;

    if (misalignment(p) == misalignment(q)) {
        for (; len > 0 && misalignment(p) != 0 && *p == *q; len--) {
            p++;
            q++;
        }
        if (misalignment(p) == 0) {
            while (len >= WORD &&
                   *(const word_t *)(const void *)p == *(const word_t *)(const void *)q) {
                p += WORD;
                q += WORD;
                len -= WORD;
            }
        }
    }
    for (; len > 0; len--, p++, q++) {
        if (*p != *q) {
            return *p - *q;
        }
    }
    return 0;
}

READS_WHOLE_WORDS void *memchr(const void *mem, int byte, size_t len)
{
    const uint8_t *p = mem;
    uint64_t pattern = (uint8_t)byte * ONES;

    for (; len > 0 && misalignment(p) != 0; len--, p++) {
        if (*p == (uint8_t)byte) {
            return (void *)(uintptr_t)p;
        }
    }
    while (len >= WORD && zero_bytes(*(const word_t *)(const void *)p ^ pattern) == 0) {
        p += WORD;
        len -= WORD;
    }
    for (; len > 0; len--, p++) {
        if (*p == (uint8_t)byte) {
            return (void *)(uintptr_t)p;
        }
    }
    return NULL;
}

void *memrchr(const void *mem, int byte, size_t len)
{
    const uint8_t *p = mem;

    while (len-- > 0) {
        if (p[len] == (uint8_t)byte) {
            return (void *)(uintptr_t)(p + len);
        }
    }
    return NULL;
}

READS_WHOLE_WORDS size_t strlen(const char *s)
{
    const char *p = s;

    for (; misalignment(p) != 0; p++) {
        if (*p == '\0') {
            return (size_t)(p - s);
        }
    }
    while (zero_bytes(*(const word_t *)(const void *)p) == 0) {
        p += WORD;
    }
    while (*p != '\0') {
        p++;
    }
    return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
    const char *end = memchr(s, '\0', max);

    return end != NULL ? (size_t)(end - s) : max;
}

int strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t len)
{
    for (; len > 0; len--, a++, b++) {
        if (*a != *b || *a == '\0') {
            return (uint8_t)*a - (uint8_t)*b;
        }
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++) {
        if (*s == '\0') {
            return NULL;
        }
    }
    return (char *)(uintptr_t)s;
}

char *strrchr(const char *s, int c)
{
    return memrchr(s, c, strlen(s) + 1);
}
