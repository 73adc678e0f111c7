/* SPDX-License-Identifier: BSD-2-Clause
 * give | plain | reset: gives the driver of /dma a buffer (plain: without the right to its address) and ends, or has the
 * driver say that its device was reset. Status 0 if the driver agreed.
 */
#include <cambium/client.h>
#include <cambium/match.h>
#include <stdio.h>
#include <string.h>
#include "dma_proto.h"

PROGRAM_NEEDS("/dma");

enum { LEN = 16 * PAGE_SIZE };

static status_t give(handle_t driver, uint32_t rights)
{
    struct msg m = { msg_info(DMA_TEST_GIVE, 1, 0), { 0 } };
    handle_t memory, shared;
    status_t err = sys_memory_create(LEN, 0, 0, &memory);

    err = err ? err : sys_handle_dup(memory, rights, 0, &shared);
    if (err) {
        return err;
    }
    m.w[7] = shared;
    return msg_call(driver, &m);
}

int main(int argc, char *argv[])
{
    const char *what = argc > 1 ? argv[1] : "";
    uint32_t rights = RIGHT_READ | RIGHT_WRITE | RIGHT_TRANSFER;
    handle_t driver;
    status_t err = service_open("/dma", &driver);

    if (err == E_OK && strcmp(what, "give") == 0) {
        err = give(driver, rights | RIGHT_MANAGE);
    } else if (err == E_OK && strcmp(what, "plain") == 0) {
        err = give(driver, rights);
    } else if (err == E_OK && strcmp(what, "reset") == 0) {
        struct msg m = { msg_info(DMA_TEST_RESET, 0, 0), { 0 } };
        err = msg_call(driver, &m);
    }
    printf("%s: %s\n", what, err_name(err));
    return err != E_OK;
}
