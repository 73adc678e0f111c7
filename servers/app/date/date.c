/* SPDX-License-Identifier: BSD-2-Clause
 * date - tells and sets the time of the machine's clock (class rtc), always in UTC.
 *
 *     date                                "Thu 2026-11-26 01:02:03 UTC"
 *     date +%s                            seconds since 1970
 *     date -s '2026-11-26 01:02:03'       sets the clock
 *     date -s @1795654923                 the same in seconds since 1970
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <cambium/proto/rtc.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

PROGRAM_NEEDS("rtc");

#define DAY_SECONDS 86400ull
enum { YEAR_FIRST = 1970, YEAR_LAST = 9999 };

struct date {
    unsigned year, month, day, hour, minute, second; /* month and day from 1 */
};

static int fail(const char *what, status_t err)
{
    (void)fprintf(stderr, "date: %s: %s (%s)\n", what, err_text(err), err_name(err));
    return 1;
}

/* ---- arithmetic of the Gregorian calendar ---- */

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0);
}

/* Days from 1970-01-01 to the first of January: 365 a year, and the leap days in between. */
static uint64_t days_before(unsigned year)
{
    unsigned last = year - 1;

    return 365ull * (year - YEAR_FIRST) + (last / 4 - 1969 / 4) - (last / 100 - 1969 / 100) +
           (last / 400 - 1969 / 400);
}

static uint64_t date_seconds(const struct date *d)
{
    uint64_t days = days_before(d->year) + d->day - 1;

    for (unsigned month = 1; month < d->month; month++) {
        days += month_days(d->year, month);
    }
    return days * DAY_SECONDS + d->hour * 3600u + d->minute * 60u + d->second;
}

/* The reverse; `seconds` of YEAR_LAST at most. */
static struct date date_of(uint64_t seconds)
{
    uint64_t days = seconds / DAY_SECONDS;
    unsigned rest = (unsigned)(seconds % DAY_SECONDS);
    struct date d = { .year = YEAR_FIRST + (unsigned)(days / 366),
                      .month = 1,
                      .hour = rest / 3600,
                      .minute = rest / 60 % 60,
                      .second = rest % 60 };

    while (days_before(d.year + 1) <= days) { /* 366 was too much: a year in some 1500 */
        d.year++;
    }
    days -= days_before(d.year);
    while (days >= month_days(d.year, d.month)) {
        days -= month_days(d.year, d.month++);
    }
    d.day = (unsigned)days + 1;
    return d;
}

/* ---- what a person types ---- */

/* Two or four digits, and the character behind them. */
static bool parse_number(const char **at, unsigned digits, char end, unsigned *out)
{
    unsigned value = 0;

    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(**at - '0');
    }
    if (**at != end) {
        return false;
    }
    (*at)++;
    *out = value;
    return true;
}

static bool parse_date(const char *text, uint64_t *out)
{
    struct date d;

    if (!parse_number(&text, 4, '-', &d.year) || !parse_number(&text, 2, '-', &d.month) ||
        !parse_number(&text, 2, ' ', &d.day) || !parse_number(&text, 2, ':', &d.hour) ||
        !parse_number(&text, 2, ':', &d.minute) || !parse_number(&text, 2, '\0', &d.second)) {
        return false;
    }
    if (d.year < YEAR_FIRST || d.month < 1 || d.month > 12 || d.day < 1 ||
        d.day > month_days(d.year, d.month) || d.hour > 23 || d.minute > 59 || d.second > 59) {
        return false;
    }
    *out = date_seconds(&d);
    return true;
}

static bool parse_seconds(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    const char *at = text;

    for (; *at >= '0' && *at <= '9' && value <= UINT64_MAX / 10 - 1; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *out = value;
    return at != text && *at == '\0';
}

/* ---- commands ---- */

static int set(handle_t clock, const char *text)
{
    struct msg m = { .info = RTC_OP_SET };

    if (!(*text == '@' ? parse_seconds(text + 1, &m.w[0]) : parse_date(text, &m.w[0]))) {
        (void)fprintf(stderr, "date: %s: not like '2026-11-26 01:02:03' or @1795654923\n", text);
        return 2;
    }
    status_t err = msg_call(clock, &m);
    return err ? fail("not set", err) : 0;
}

static int show(handle_t clock, bool as_seconds)
{
    static const char *const weekdays[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
    struct msg m = { .info = RTC_OP_READ };
    status_t err = msg_call(clock, &m);

    if (err) {
        return fail("the clock does not tell", err);
    }
    if (as_seconds || m.w[0] >= days_before(YEAR_LAST + 1) * DAY_SECONDS) {
        printf("%" PRIu64 "\n", m.w[0]);
        return 0;
    }
    struct date d = date_of(m.w[0]);
    printf("%s %04u-%02u-%02u %02u:%02u:%02u UTC\n", weekdays[m.w[0] / DAY_SECONDS % 7], d.year,
           d.month, d.day, d.hour, d.minute, d.second);
    return 0;
}

int main(int argc, char *argv[])
{
    bool as_seconds = argc == 2 && strcmp(argv[1], "+%s") == 0;
    bool sets = argc == 3 && strcmp(argv[1], "-s") == 0;
    handle_t clock;

    if (argc != 1 && !as_seconds && !sets) {
        (void)fprintf(stderr, "usage: date [+%%s | -s 'YYYY-MM-DD hh:mm:ss' | -s @SECONDS]\n");
        return 2;
    }
    status_t err = service_open("rtc", &clock);
    if (err) {
        return fail("no clock here", err);
    }
    return sets ? set(clock, argv[2]) : show(clock, as_seconds);
}
