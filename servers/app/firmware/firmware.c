/* SPDX-License-Identifier: BSD-2-Clause
 * firmware - what the board's firmware says about board, memory, clocks, heat and power; sets a clock.
 *
 *     firmware                  all of it
 *     firmware clock NAME       one clock's rate in Hz
 *     firmware clock NAME HZ    asks for that rate, says what it is then
 *
 * What this firmware does not know is left out, or shown as "-".
 */
#include <cambium/client.h>
#include <cambium/firmware.h>
#include <cambium/match.h>
#include <cambium/thread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PROGRAM_NEEDS("firmware");

#define PATIENCE_NS           3000000000ull
#define ASK(service, message) firmware_ask(service, message, time_deadline(PATIENCE_NS))

static const char *const clock_names[] = {
    [FIRMWARE_CLOCK_EMMC] = "emmc",   [FIRMWARE_CLOCK_UART] = "uart",
    [FIRMWARE_CLOCK_ARM] = "cpu",     [FIRMWARE_CLOCK_CORE] = "core",
    [FIRMWARE_CLOCK_V3D] = "v3d",     [FIRMWARE_CLOCK_H264] = "h264",
    [FIRMWARE_CLOCK_ISP] = "isp",     [FIRMWARE_CLOCK_SDRAM] = "sdram",
    [FIRMWARE_CLOCK_PIXEL] = "pixel", [FIRMWARE_CLOCK_PWM] = "pwm",
    [FIRMWARE_CLOCK_HEVC] = "hevc",   [FIRMWARE_CLOCK_EMMC2] = "emmc2",
    [FIRMWARE_CLOCK_M2MC] = "m2mc",   [FIRMWARE_CLOCK_PIXEL_BVB] = "bvb",
    [FIRMWARE_CLOCK_VEC] = "vec",
};
enum { CLOCKS = sizeof(clock_names) / sizeof(clock_names[0]) };

/* By the id of the message: that of a tree's power-domains + 1. */
static const char *const domain_names[] = {
    NULL,   "i2c0", "i2c1", "i2c2", "scaler",     "vpu1",    "hdmi",    "usb",
    "vec",  "jpeg", "h264", "v3d",  "isp",        "unicam0", "unicam1", "ccp2rx",
    "csi2", "cpi",  "dsi0", "dsi1", "transposer", "ccp2tx",  "cdp",     "cpu",
};
enum { DOMAINS = sizeof(domain_names) / sizeof(domain_names[0]) };

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "firmware: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

/* ---- the board ---- */

static uint32_t year_days(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 366 : 365;
}

/* Seconds since 1970 as a date. */
static void print_date(uint32_t seconds)
{
    static const uint8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    uint32_t days = seconds / 86400;
    uint32_t year = 1970, month = 0;

    for (; days >= year_days(year); year++) {
        days -= year_days(year);
    }
    for (uint32_t len;; days -= len, month++) { /* ends in December: the year has the days */
        len = month_days[month] + (month == 1 ? year_days(year) - 365 : 0);
        if (days < len) {
            break;
        }
    }
    printf("%04u-%02u-%02u", (unsigned)year, (unsigned)month + 1, (unsigned)days + 1);
}

static status_t print_board(handle_t service)
{
    struct {
        struct firmware_tag_firmware_revision firmware;
        struct firmware_tag_board_revision board;
        struct firmware_tag_board_serial serial;
        struct firmware_tag_mac_address mac;
    } ask = { FIRMWARE_ASK(firmware_revision), FIRMWARE_ASK(board_revision),
              FIRMWARE_ASK(board_serial), FIRMWARE_ASK(mac_address) };
    status_t err = ASK(service, &ask);

    if (err != E_OK && err != E_NOSYS) {
        return err;
    }
    printf("board\n");
    if (firmware_answered(&ask.firmware)) {
        printf("  firmware of    ");
        print_date(ask.firmware.answer.value);
        printf("\n");
    }
    if (firmware_answered(&ask.board)) {
        uint32_t code = ask.board.answer.value;
        printf("  revision       0x%x", (unsigned)code);
        if (code >> 23 & 1) { /* the new form of the codes: memory in bits 22:20 */
            printf("  (revision 1.%u, %u MiB)", (unsigned)(code & 0xf), 256u << (code >> 20 & 7));
        }
        printf("\n");
    }
    if (firmware_answered(&ask.serial)) {
        printf("  serial         %08x%08x\n", (unsigned)ask.serial.answer.high,
               (unsigned)ask.serial.answer.low);
    }
    if (firmware_answered(&ask.mac)) {
        const uint8_t *b = ask.mac.answer.byte;
        printf("  MAC            %02x:%02x:%02x:%02x:%02x:%02x\n", b[0], b[1], b[2], b[3], b[4],
               b[5]);
    }
    return E_OK;
}

/* ---- memory and heat ---- */

static void print_throttled(uint32_t bits)
{
    static const char *const names[] = { "under-voltage", "capped", "throttled", "soft limit" };
    bool any = false;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (bits >> i & 0x10001) {
            printf("%s%s%s", any ? ", " : "", names[i], bits >> i & 1 ? " (now)" : "");
            any = true;
        }
    }
    printf("%s\n", any ? "" : "never since boot");
}

static status_t print_state(handle_t service)
{
    struct {
        struct firmware_tag_cpu_memory cpu;
        struct firmware_tag_gpu_memory gpu;
        struct firmware_tag_temperature heat;
        struct firmware_tag_temperature_max heat_max;
        struct firmware_tag_throttled throttled;
    } ask = { FIRMWARE_ASK(cpu_memory), FIRMWARE_ASK(gpu_memory), FIRMWARE_ASK(temperature),
              FIRMWARE_ASK(temperature_max), FIRMWARE_ASK(throttled) };
    status_t err = ASK(service, &ask);

    if (err != E_OK && err != E_NOSYS) {
        return err;
    }
    printf("memory below 1 GiB\n");
    if (firmware_answered(&ask.cpu)) {
        printf("  CPU            0x%08x  %4u MiB\n", (unsigned)ask.cpu.answer.base,
               (unsigned)(ask.cpu.answer.len >> 20));
    }
    if (firmware_answered(&ask.gpu)) {
        printf("  VideoCore      0x%08x  %4u MiB\n", (unsigned)ask.gpu.answer.base,
               (unsigned)(ask.gpu.answer.len >> 20));
    }
    printf("state\n");
    if (firmware_answered(&ask.heat)) {
        uint32_t now = ask.heat.answer.millidegrees, most = ask.heat_max.answer.millidegrees;
        printf("  temperature    %u.%u C", (unsigned)(now / 1000), (unsigned)(now % 1000 / 100));
        if (firmware_answered(&ask.heat_max)) {
            printf("  (at most %u.%u C)", (unsigned)(most / 1000), (unsigned)(most % 1000 / 100));
        }
        printf("\n");
    }
    if (firmware_answered(&ask.throttled)) {
        printf("  throttled      ");
        print_throttled(ask.throttled.answer.value);
    }
    return E_OK;
}

/* ---- clocks and power ---- */

static void print_mhz(bool is_known, uint32_t hz)
{
    if (is_known && hz != 0) {
        printf(" %9u.%03u", (unsigned)(hz / 1000000), (unsigned)(hz / 1000 % 1000));
    } else {
        printf(" %13s", "-");
    }
}

static status_t print_clocks(handle_t service)
{
    printf("clocks (MHz)           set      measured       minimum       maximum\n");
    for (uint32_t id = 1; id < CLOCKS; id++) {
        struct {
            struct firmware_tag_clock_rate rate;
            struct firmware_tag_clock_rate_measured measured;
            struct firmware_tag_clock_rate_min min;
            struct firmware_tag_clock_rate_max max;
        } ask = { FIRMWARE_ASK(clock_rate, .clock = id),
                  FIRMWARE_ASK(clock_rate_measured, .clock = id),
                  FIRMWARE_ASK(clock_rate_min, .clock = id),
                  FIRMWARE_ASK(clock_rate_max, .clock = id) };
        status_t err = ASK(service, &ask);
        if (err != E_OK && err != E_NOSYS) {
            return err;
        }
        printf("  %-10s", clock_names[id]);
        print_mhz(firmware_answered(&ask.rate), ask.rate.answer.hz);
        print_mhz(firmware_answered(&ask.measured), ask.measured.answer.hz);
        print_mhz(firmware_answered(&ask.min), ask.min.answer.hz);
        print_mhz(firmware_answered(&ask.max), ask.max.answer.hz);
        printf("\n");
    }
    return E_OK;
}

static status_t print_domains(handle_t service)
{
    bool any = false;

    for (uint32_t id = 1; id < DOMAINS; id++) {
        struct firmware_tag_domain_state ask = FIRMWARE_ASK(domain_state, .id = id);
        status_t err = ASK(service, &ask);
        if (err == E_NOSYS) {
            break; /* it knows none */
        }
        if (err != E_OK) {
            return err;
        }
        if (ask.answer.state == FIRMWARE_STATE_ON) {
            printf("%s%s", any ? " " : "power on\n  ", domain_names[id]);
            any = true;
        }
    }
    printf("%s", any ? "\n" : "");
    return E_OK;
}

static int show_all(handle_t service)
{
    status_t err = print_board(service);

    err = err ? err : print_state(service);
    err = err ? err : print_clocks(service);
    err = err ? err : print_domains(service);
    return err ? fail("no answer", err) : 0;
}

static int clock_command(handle_t service, const char *name, const char *rate)
{
    uint32_t id = 1;
    char *end = NULL;

    while (id < CLOCKS && strcmp(clock_names[id], name) != 0) {
        id++;
    }
    unsigned long hz = rate != NULL ? strtoul(rate, &end, 10) : 0;
    if (id == CLOCKS || (rate != NULL && (*end != '\0' || hz == 0 || hz > UINT32_MAX))) {
        return fail(id == CLOCKS ? name : rate, E_INVAL);
    }
    if (rate != NULL) {
        struct firmware_tag_set_clock_rate set =
            FIRMWARE_ASK(set_clock_rate, .clock = id, .hz = (uint32_t)hz, .skip_turbo = 1);
        status_t err = ASK(service, &set);
        if (err) {
            return fail("not set", err);
        }
    }
    struct firmware_tag_clock_rate ask = FIRMWARE_ASK(clock_rate, .clock = id);
    status_t err = ASK(service, &ask);
    if (err) {
        return fail("no answer", err);
    }
    printf("%s %u Hz\n", name, (unsigned)ask.answer.hz);
    return 0;
}

int main(int argc, char *argv[])
{
    handle_t service;
    status_t err = service_open("firmware", &service);

    if (err) {
        return fail("none here", err);
    }
    if (argc == 1) {
        return show_all(service);
    }
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "clock") == 0) {
        return clock_command(service, argv[2], argc == 4 ? argv[3] : NULL);
    }
    (void)fprintf(stderr, "usage: firmware [clock NAME [HZ]]\n");
    return 2;
}
