/* SPDX-License-Identifier: BSD-2-Clause
 * The real driver of the console's UART, which says in the log that it is not the archive's own; or, by its name in the archive,
 * one that is no good: "fails", "faults".
 */
int pl011_main(void);
#define main pl011_main
#include "../../../servers/drv/pl011/pl011.c"
#undef main
#include <string.h>

int main(int argc, char *argv[])
{
    const char *name = strrchr(argv[argc - 1], '/');

    log_info("outside of the tree");
    if (name != NULL && strcmp(name, "/fails") == 0) {
        log_error("it cannot");
        return E_IO;
    }
    if (name != NULL && strcmp(name, "/faults") == 0) {
        __builtin_trap();
    }
    return pl011_main();
}
