/* SPDX-License-Identifier: BSD-2-Clause
 * test-sink - reads raw, up to a '~', what loss_test.py sends: lines of seven digits, which count from 0 on. At first it reads nothing for
 * some seconds, so that all queues before it get full; then it is fast, so that they are empty. Says how many bytes came, and how many
 * are missing between them in how many places; or that they are not in order.
 */
#include <cambium/client.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PAUSE_NS 4000000000ull

enum {
    DATA_MAX = 1 << 20,
    LINE = 8,
    GAP_MAX = 1 << 16,
    SURE = 3 * LINE /* bytes that stand in one place only */
};

static uint8_t data[DATA_MAX];

/* What was sent as byte number `at`. */
static uint8_t sent(uint32_t at)
{
    uint32_t number = at / LINE;

    if (at % LINE == LINE - 1) {
        return '\n';
    }
    for (uint32_t digit = at % LINE; digit < LINE - 2; digit++) {
        number /= 10;
    }
    return (uint8_t)('0' + number % 10);
}

static bool is_sent(const uint8_t *bytes, uint32_t len, uint32_t at)
{
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != sent(at + i)) {
            return false;
        }
    }
    return true;
}

static void judge(uint32_t len)
{
    uint32_t missing = 0, places = 0;

    for (uint32_t i = 0; i < len; i++) {
        uint32_t gap = 0, left = len - i < SURE ? len - i : SURE;

        if (data[i] == sent(i + missing)) {
            continue;
        }
        do {
            gap++;
        } while (gap <= GAP_MAX && !is_sent(data + i, left, i + missing + gap));
        if (gap > GAP_MAX) {
            printf("sink: not in order at byte %u\n", (unsigned)i);
            return;
        }
        missing += gap;
        places++;
    }
    printf("sink: %u bytes, %u missing in %u places\n", (unsigned)len, (unsigned)missing,
           (unsigned)places);
}

int main(void)
{
    struct msg raw = { .info = SERIAL_OP_MODE, .w = { SERIAL_RAW } };
    struct serial input;
    uint32_t len = 0, got = 0;
    status_t err = serial_attach(&input, start_handle("service console"), 0, 0);

    err = err ? err : msg_call(input.service, &raw);
    sleep_ns(PAUSE_NS);
    while (!err && len < DATA_MAX && (len == 0 || data[len - 1] != '~')) {
        err = serial_read(&input, data + len, DATA_MAX - len, 0, &got);
        len += got;
    }
    if (err) {
        printf("sink: %s\n", err_name(err));
        return 1;
    }
    judge(len - 1); /* without the '~' */
    return 0;
}
