/* SPDX-License-Identifier: BSD-2-Clause
 * Between dma.c and dma_client.c.
 */
#pragma once

enum {
    DMA_TEST_GIVE = 1, /* w7 = memory: register it -> w0 = number */
    DMA_TEST_RESET     /* the device was reset: unregister what dead incarnations registered */
};
