/* SPDX-License-Identifier: BSD-2-Clause
 * snprintf and vsnprintf on picolibc's vfprintf, in place of picolibc's own: those touch FP registers (variadic
 * functions save q0 to q7), and a server that never does costs no FP switch. So no floating point arguments.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct string_file {
    FILE file; /* first: string_put gets a pointer to it */
    char *at, *end;
};

static int string_put(char c, FILE *file)
{
    struct string_file *f = (struct string_file *)file;

    if (f->at < f->end) {
        *f->at++ = c;
    }
    return (unsigned char)c;
}

int vsnprintf(char *out, size_t len, const char *format, va_list args)
{
    struct string_file f = { .file = FDEV_SETUP_STREAM(string_put, NULL, NULL, _FDEV_SETUP_WRITE) };

    f.at = out;
    f.end = len > 0 ? out + len - 1 : out;
    int wanted = vfprintf(&f.file, format, args);
    if (len > 0) {
        *f.at = '\0';
    }
    return wanted;
}

int snprintf(char *out, size_t len, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int wanted = vsnprintf(out, len, format, args);
    va_end(args);
    return wanted;
}
