/* SPDX-License-Identifier: BSD-2-Clause
 * Logging (driver.h): one formatted line into the kernel's ring, by system call, so that every server may use it, root
 * interrupt servers too. A process without a /chosen handle (a program) logs nowhere.
 */
#include <assert.h>
#include <cambium/client.h>
#include <cambium/driver.h>
#include <cambium/start.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "frame.h"

enum { LOG_LINE = 200 };

static char log_error_line[LOG_LINE]; /* without the prefix */
static enum log_level log_highest = LOG_INFO;

void log_set_level(enum log_level level)
{
    log_highest = level;
}

const char *log_last_error(void)
{
    return log_error_line;
}

/* The name that the starter gave: argv[0] without its folder. */
static const char *log_name(void)
{
    if (start_info->argc == 0) {
        return "server";
    }
    const char *name = (const char *)start_info + start_info->strings;
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

static void log_line(enum log_level level, const char *format, va_list args)
{
    char line[LOG_LINE + 1];
    const char *path = driver_path();

    int prefix =
        snprintf(line, LOG_LINE, "[%s] %s%s", log_name(), path, path[0] != '\0' ? ": " : "");
    size_t len = prefix < LOG_LINE ? (size_t)prefix : LOG_LINE - 1;
    (void)vsnprintf(line + len, LOG_LINE - len, format, args); /* what is too long is cut */
    if (level == LOG_ERROR) {
        memcpy(log_error_line, line + len, LOG_LINE - len);
    }
    log_fold(start_handle("chosen"), level, line);
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *format, ...)                                                             \
    {                                                                                              \
        if (level <= log_highest) {                                                                \
            va_list args;                                                                          \
            va_start(args, format);                                                                \
            log_line(level, format, args);                                                         \
            va_end(args);                                                                          \
        }                                                                                          \
    }
LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
LOG_FUNCTION(log_debug, LOG_DEBUG)

enum log_level log_line_level(const char *line)
{
    static const char *const marks[] = {
        [LOG_ERROR] = "error: ", [LOG_WARN] = "warn: ", [LOG_DEBUG] = "debug: "
    };

    while (*line != ']' && *line != '\n' && *line != '\0') {
        line++;
    }
    for (unsigned level = LOG_ERROR; level <= LOG_DEBUG && line[0] == ']' && line[1] == ' ';
         level++) {
        if (marks[level] != NULL && strncmp(line + 2, marks[level], strlen(marks[level])) == 0) {
            return (enum log_level)level;
        }
    }
    return LOG_INFO;
}

/* What assert() calls: a line in the log, then a breakpoint fault, whose report carries pc and registers. */
_Noreturn void __assert_func(const char *file, int line, const char *function,
                             const char *expression)
{
    log_error("assertion failed: %s, %s:%d, in %s", expression, file, line,
              function != NULL ? function : "?");
    __builtin_trap();
}
