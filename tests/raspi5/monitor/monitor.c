/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test of the machine raspi5b lets its core do: single accesses to memory, told over UART10, which it owns and polls.
 * So a bring-up, or a mistake in one, is written in Python (tests/system/raspi5_monitor.py), and what aborts says so.
 *
 * Each line is answered by one:
 *     r SIZE ADDRESS          "= VALUE"
 *     w SIZE ADDRESS VALUE    "="
 *     t                       "= COUNT" of the generic timer, at 54 MHz
 * or "! ESR" where the access faulted, or "?" for what is none of these. SIZE is 1, 2, 4 or 8; all numbers are hexadecimal.
 */
#include <stdbool.h>
#include <stdint.h>

#define UART10  0x107d001000ull
#define UART_DR 0x00u
#define UART_FR 0x18u
#define FR_TXFF (1u << 5)
#define FR_RXFE (1u << 4)

#pragma GCC visibility push(hidden) /* nothing is relocated: no table of addresses */
uint64_t access_read(uint64_t address, uint64_t size);
void access_write(uint64_t address, uint64_t size, uint64_t value);
void monitor(void);
extern volatile uint64_t fault_esr;
#pragma GCC visibility pop

static char get(void)
{
    while (access_read(UART10 + UART_FR, 4) & FR_RXFE)
        ;
    return (char)access_read(UART10 + UART_DR, 4);
}

static void put(char c)
{
    while (access_read(UART10 + UART_FR, 4) & FR_TXFF)
        ;
    access_write(UART10 + UART_DR, 4, (uint8_t)c);
}

static void put_answer(char kind, uint64_t value)
{
    put(kind);
    put(' ');
    for (int shift = 60; shift >= 0; shift -= 4) {
        uint64_t digit = value >> shift & 0xf;

        put((char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
    put('\n');
}

static uint64_t hex(const char **text, bool *good)
{
    uint64_t value = 0;
    const char *start = *text;

    for (;; (*text)++) {
        char c = **text;

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            break;
    }
    *good = *good && *text != start;
    while (**text == ' ')
        (*text)++;
    return value;
}

static void obey(const char *line)
{
    bool good = true;
    char command = line[0];
    uint64_t numbers[3] = { 0 };
    unsigned wanted = command == 'r' ? 2 : command == 'w' ? 3 : 0;
    uint64_t value = 0;

    for (line += line[0] && line[1] ? 2 : 1; wanted; wanted--)
        numbers[(command == 'r' ? 2 : 3) - wanted] = hex(&line, &good);
    if (command == 't') {
        __asm__ volatile("isb; mrs %0, cntpct_el0" : "=r"(value));
        put_answer('=', value);
        return;
    }
    if (command == 'm') {
        __asm__ volatile("mrs %0, mpidr_el1" : "=r"(value));
        put_answer('=', value);
        return;
    }
    if (!good || (command != 'r' && command != 'w')) {
        put('?');
        put('\n');
        return;
    }
    fault_esr = 0;
    if (command == 'r')
        value = access_read(numbers[1], numbers[0]);
    else
        access_write(numbers[1], numbers[0], numbers[2]);
    if (fault_esr)
        put_answer('!', fault_esr);
    else
        put_answer('=', value);
}

void monitor(void)
{
    char line[80];

    put_answer('=', 0); /* it is there */
    for (;;) {
        unsigned length = 0;
        char c;

        while ((c = get()) != '\n' && c != '\r')
            if (length < sizeof(line) - 1)
                line[length++] = c;
        line[length] = 0;
        if (length)
            obey(line);
    }
}
