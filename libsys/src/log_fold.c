/* SPDX-License-Identifier: BSD-2-Clause
 * Lines of the log that are longer than a terminal is wide (client.h), in two:
 *
 *     [    0.303998] [pcie_brcmstb] /axi/pcie@1000120000:
 *     [    0.303998]   inbound 1: set PCI 0x0 as CPU 0x1f00000000, 4 MiB
 *
 * To the kernel they are two lines, which it stamps and marks: so what picks lines by their level needs to know nothing of this. What
 * one call writes nobody comes between: all of the second line, and the end of the first, are written by the last call, so that it is
 * clear to what the second belongs. Longer lines than that allows stay one, which the terminal breaks where it likes; so do warnings
 * and errors, which are looked for, and sent to somebody, whole.
 */
#include <cambium/client.h>
#include <cambium/sys.h>
#include <string.h>

enum { COLUMNS = 80, STAMP = sizeof("[    0.000000] ") - 1, DEBUG_MARK = sizeof("debug: ") - 1 };
enum { CALL_LEN = 56 }; /* what sys_log_write hands over at once */
#define INDENT "  "
enum { REST_LEN = CALL_LEN - sizeof("\n" INDENT "\n") + 1 };

/* The space where the line is broken: behind the path, if then the rest is whole, else as late as it may be. NULL: nowhere. */
static char *fold_at(char *line, size_t len, size_t room)
{
    char *path = strstr(line, ": ");

    if (path != NULL && len - (size_t)(path + 2 - line) <= REST_LEN) {
        return path + 1;
    }
    char *space = line + room;
    while (space > line && *space != ' ') {
        space--;
    }
    return space > line && len - (size_t)(space + 1 - line) <= REST_LEN ? space : NULL;
}

void log_fold(handle_t chosen, enum log_level level, char *line)
{
    size_t len = strlen(line), room = COLUMNS - STAMP - (level == LOG_DEBUG ? DEBUG_MARK : 0);
    char *space = level >= LOG_INFO && len > room ? fold_at(line, len, room) : NULL;
    char end[CALL_LEN] = "\n";

    if (space != NULL) {
        (void)sys_log_write(chosen, level, line,
                            (uint64_t)(space - line)); /* nowhere to complain */
        len -= (size_t)(space + 1 - line);
        memcpy(end + 1, INDENT, sizeof(INDENT) - 1);
        memcpy(end + sizeof(INDENT), space + 1, len);
        end[sizeof(INDENT) + len] = '\n';
        (void)sys_log_write(chosen, level, end, sizeof(INDENT) + len + 1); /* likewise */
        return;
    }
    line[len] = '\n';
    (void)sys_log_write(chosen, level, line, len + 1); /* likewise */
}
