/* SPDX-License-Identifier: BSD-2-Clause
 * cksum - checksum and length of what is typed or pasted, as POSIX cksum prints them.
 *
 *   cksum        cooked: lines, echoed, up to ^D
 *   cksum N      cooked: the first N bytes
 *   cksum -r N   raw: the first N bytes as they come, not echoed
 */
#include <cambium/client.h>
#include <cambium/mmio.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* POSIX.1-2017, cksum: the CRC of ISO/IEC 8802-3, highest bit first; x to the 32nd goes off the left. */
#define POLYNOMIAL                                                                                 \
    (BIT(26) | BIT(23) | BIT(22) | BIT(16) | BIT(12) | BIT(11) | BIT(10) | BIT(8) | BIT(7) |       \
     BIT(5) | BIT(4) | BIT(2) | BIT(1) | BIT(0))

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i << 24;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc << 1 ^ (crc >> 31 != 0 ? POLYNOMIAL : 0);
        }
        table[i] = crc;
    }
}

static uint32_t add(uint32_t crc, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        crc = crc << 8 ^ table[crc >> 24 ^ data[i]];
    }
    return crc;
}

/* The length counts too, lowest byte first, without leading zeros. */
static uint32_t finish(uint32_t crc, uint64_t len)
{
    for (; len != 0; len >>= 8) {
        uint8_t byte = len & 0xff;
        crc = add(crc, &byte, 1);
    }
    return ~crc;
}

static status_t set_mode(handle_t console, bool raw)
{
    struct msg m = { .info = SERIAL_OP_MODE, .w = { raw ? SERIAL_RAW : SERIAL_COOKED } };

    return msg_call(console, &m);
}

int main(int argc, char *argv[])
{
    static uint8_t data[SERIAL_HALF];
    struct serial input;
    bool raw = argc == 3 && strcmp(argv[1], "-r") == 0;
    char *end = NULL;
    uint64_t limit = argc > 1 ? strtoull(argv[argc - 1], &end, 10) : UINT64_MAX;
    uint64_t total = 0;
    uint32_t crc = 0, got = 0;

    if (argc > 2 + raw || (end != NULL && (*end != '\0' || end == argv[argc - 1]))) {
        printf("usage: cksum [[-r] BYTES]\n");
        return 2;
    }
    make_table();
    handle_t console = start_handle("service console");
    status_t err = serial_attach(&input, console, 0, 0);
    err = err != E_OK ? err : set_mode(console, raw);
    while (err == E_OK && total < limit) {
        uint32_t want = limit - total < sizeof(data) ? (uint32_t)(limit - total) : sizeof(data);
        err = serial_read(&input, data, want, 0, &got);
        if (err != E_OK || got == 0) {
            break;
        }
        crc = add(crc, data, got);
        total += got;
    }
    if (err != E_OK) {
        printf("cksum: %s\n", err_text(err));
        return 1;
    }
    printf("%" PRIu32 " %" PRIu64 "\n", finish(crc, total), total);
    return 0;
}
