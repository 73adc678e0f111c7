/* SPDX-License-Identifier: BSD-2-Clause
 * Class firmware: questions to the firmware of a board, as Raspberry Pi's property interface has them. Numbers and values:
 * the raspberrypi/firmware wiki, "Mailbox property interface", and include/soc/bcm2835/raspberrypi-firmware.h of
 * Linux 6.12.
 *
 * A tag is a line of FIRMWARE_TAGS: its name, its number, what is asked, what is answered. Everything else follows from the
 * table, for clients and server alike: a struct firmware_tag_NAME, which is the tag as it travels, and its sizes. A
 * message is a struct of such structs, up to FIRMWARE_MESSAGE_LEN bytes:
 *
 *     struct {
 *         struct firmware_tag_clock_rate rate;
 *         struct firmware_tag_temperature heat;
 *     } ask = { FIRMWARE_ASK(clock_rate, .clock = FIRMWARE_CLOCK_UART), FIRMWARE_ASK(temperature) };
 *     status_t err = firmware_ask(service, &ask, DEADLINE_NEVER);   (firmware.h)
 *     if (firmware_answered(&ask.rate)) { ... ask.rate.answer.hz ... }
 *
 * What cannot be right does not compile: a number twice, a value that would be padded, a tag that sets nothing, a message
 * too long, a member that the tag does not have (tests/host/firmware_table_test.py).
 */
#pragma once
#include <abi/status.h>
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum firmware_op {
    FIRMWARE_OP_ASK = 1, /* w0 = bytes of the message, which begins in w1 -> the same, answers in place of questions, and
                          * FIRMWARE_ANSWERED in the number of each tag that was answered; with an error too. E_NOSYS: not
                          * all were, the firmware does not know them; E_RANGE: the length; E_FORMAT: not a row of whole
                          * tags of the table; E_TIMEOUT: no answer within a second, or (at once) so many came to nothing
                          * that no buffer is left; E_IO: the answer was an error or made no sense; E_BUSY: too many ask */
    FIRMWARE_OP_STAT     /* -> w0 questions sent, w1 of them answered, w2 without an answer in time, w3 buffers lost to
                          * those, w4 buffers in all */
};
enum { FIRMWARE_MESSAGE_LEN = 56 };
#define FIRMWARE_ANSWERED (1u << 31)

/* ---- values ---- */

enum firmware_clock {
    FIRMWARE_CLOCK_EMMC = 1, FIRMWARE_CLOCK_UART, FIRMWARE_CLOCK_ARM, FIRMWARE_CLOCK_CORE, FIRMWARE_CLOCK_V3D,
    FIRMWARE_CLOCK_H264, FIRMWARE_CLOCK_ISP, FIRMWARE_CLOCK_SDRAM, FIRMWARE_CLOCK_PIXEL, FIRMWARE_CLOCK_PWM,
    FIRMWARE_CLOCK_HEVC, FIRMWARE_CLOCK_EMMC2, FIRMWARE_CLOCK_M2MC, FIRMWARE_CLOCK_PIXEL_BVB, FIRMWARE_CLOCK_VEC
};
enum { FIRMWARE_STATE_ON = 1, FIRMWARE_STATE_WAIT = 2 /* set: until it is stable */, FIRMWARE_STATE_NONE = 2 /* get: no such */ };
enum { /* throttled: now, and << 16: since boot */
    FIRMWARE_UNDER_VOLTAGE = 1, FIRMWARE_CAPPED = 2, FIRMWARE_THROTTLED = 4, FIRMWARE_SOFT_LIMIT = 8
};

struct firmware_nothing {};
struct firmware_u32 { uint32_t value; };
struct firmware_mac { uint8_t byte[6]; };
struct firmware_serial { uint32_t low, high; };
struct firmware_memory { uint32_t base, len; };
struct firmware_id { uint32_t id; };
struct firmware_state { uint32_t id, state; };
struct firmware_clock_id { uint32_t clock; };
struct firmware_clock_state { uint32_t clock, state; };
struct firmware_clock_hz { uint32_t clock, hz; };
struct firmware_clock_set { uint32_t clock, hz, skip_turbo; /* 1: leave the voltage as it is */ };
struct firmware_heat { uint32_t id, millidegrees; };

/* ---- the table ---- */

#define FIRMWARE_TAGS(TAG)                                                                         \
    TAG(firmware_revision, 0x00001, nothing, u32) /* seconds since 1970 */                         \
    TAG(board_model, 0x10001, nothing, u32)                                                        \
    TAG(board_revision, 0x10002, nothing, u32)                                                     \
    TAG(mac_address, 0x10003, nothing, mac)                                                        \
    TAG(board_serial, 0x10004, nothing, serial)                                                    \
    TAG(cpu_memory, 0x10005, nothing, memory) /* below 1 GiB */                                    \
    TAG(gpu_memory, 0x10006, nothing, memory)                                                      \
    TAG(power_state, 0x20001, id, state)                                                           \
    TAG(set_power_state, 0x28001, state, state)                                                    \
    TAG(clock_state, 0x30001, clock_id, clock_state)                                               \
    TAG(set_clock_state, 0x38001, clock_state, clock_state)                                        \
    TAG(clock_rate, 0x30002, clock_id, clock_hz)                                                   \
    TAG(set_clock_rate, 0x38002, clock_set, clock_hz)                                              \
    TAG(clock_rate_max, 0x30004, clock_id, clock_hz)                                               \
    TAG(temperature, 0x30006, id, heat)                                                            \
    TAG(clock_rate_min, 0x30007, clock_id, clock_hz)                                               \
    TAG(temperature_max, 0x3000a, id, heat)                                                        \
    TAG(domain_state, 0x30030, id, state) /* id: that of a tree's power-domains + 1 */             \
    TAG(set_domain_state, 0x38030, state, state)                                                   \
    TAG(throttled, 0x30046, nothing, u32)                                                          \
    TAG(clock_rate_measured, 0x30047, clock_id, clock_hz)                                          \
    TAG(notify_reboot, 0x30048, nothing, nothing) /* before the watchdog's reset */                \
    TAG(notify_xhci_reset, 0x30058, u32, u32) /* VL805, after PCIe's reset: bus << 20 | device << 15 | function << 12 */

/* ---- what follows from a line ---- */

#define FIRMWARE_MAX(a, b) ((a) > (b) ? (a) : (b))
#define FIRMWARE_VALUE_LEN(request, reply)                                                         \
    ((FIRMWARE_MAX(sizeof(struct firmware_##request), sizeof(struct firmware_##reply)) + 3) / 4 * 4)
/* `tag` is its number; the rest is the value, in whole words. */
#define FIRMWARE_TAG_STRUCT(name, number, request, reply)                                          \
    enum { FIRMWARE_TAG_##name = (number) };                                                       \
    struct firmware_tag_##name {                                                                   \
        uint32_t tag;                                                                              \
        union {                                                                                    \
            struct firmware_##request ask;                                                         \
            struct firmware_##reply answer;                                                        \
            uint32_t words[FIRMWARE_VALUE_LEN(request, reply) / 4];                                \
        };                                                                                         \
    };                                                                                             \
    static_assert((number) > 0 && (number) < 1 << 20, #name ": not the number of a tag");          \
    static_assert(sizeof(struct firmware_tag_##name) == 4 + FIRMWARE_VALUE_LEN(request, reply),    \
                  #name ": its value would be padded; build it from words and bytes");             \
    static_assert(sizeof(struct firmware_tag_##name) <= FIRMWARE_MESSAGE_LEN,                      \
                  #name ": longer than a message");                                                \
    static_assert(((number) & 1 << 15) == 0 || sizeof(struct firmware_##request) != 0,             \
                  #name ": its number says that it sets something, and it has nothing to set");
FIRMWARE_TAGS(FIRMWARE_TAG_STRUCT)

/* Two tags with one number do not compile. */
static inline int firmware_number_known(uint32_t number)
{
#define FIRMWARE_NUMBER_CASE(name, number, request, reply) case (number):
    switch (number) {
        FIRMWARE_TAGS(FIRMWARE_NUMBER_CASE)
        return 1;
    default:
        return 0;
    }
#undef FIRMWARE_NUMBER_CASE
}

/* A tag with its question: FIRMWARE_ASK(set_clock_rate, .clock = FIRMWARE_CLOCK_UART, .hz = 48000000). */
#define FIRMWARE_ASK(name, ...)                                                                    \
    {                                                                                              \
        .tag = FIRMWARE_TAG_##name, .ask = { __VA_ARGS__ }                                         \
    }
#define firmware_answered(t) (((t)->tag & FIRMWARE_ANSWERED) != 0)
