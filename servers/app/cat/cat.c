/* SPDX-License-Identifier: BSD-2-Clause
 * cat - prints every line it reads, up to ^D; cat -r: every byte as it comes, raw, up to ^D.
 */
#include <cambium/client.h>
#include <cambium/proto/serial.h>
#include <cambium/start.h>
#include <stdio.h>
#include <string.h>

enum { KEY_END = 0x04 };

static int cat_raw(void)
{
    struct serial console;
    struct msg mode = { .info = SERIAL_OP_MODE, .w = { SERIAL_RAW } };
    uint8_t text[256] = { 0 };
    uint32_t got = 0, taken = 0;

    status_t err = serial_attach(&console, start_handle("service console"), 0, 0);
    err = err != E_OK ? err : msg_call(console.service, &mode);
    while (err == E_OK && (got == 0 || text[got - 1] != KEY_END)) {
        err = serial_read(&console, text, sizeof(text), 0, &got);
        err = err != E_OK ? err : serial_write(&console, text, got, 0, &taken);
    }
    return err == E_OK ? 0 : 1;
}

int main(int argc, char *argv[])
{
    int c;

    if (argc == 2 && strcmp(argv[1], "-r") == 0) {
        return cat_raw();
    }
    if (argc > 1) {
        printf("usage: cat [-r]\n");
        return 2;
    }
    while ((c = getchar()) != EOF) {
        putchar(c);
    }
    return 0;
}
