/* SPDX-License-Identifier: BSD-2-Clause
 * The client's side of class firmware: proto/firmware.h shows how a message is made.
 */
#pragma once
#include <abi/abi.h>
#include <cambium/proto/firmware.h>

/* Asks all tags of *message (a struct of struct firmware_tag_*) in one go, until the absolute `deadline`. Errors: as
 * FIRMWARE_OP_ASK, E_TIMEOUT for the deadline too, and those of sys_call. On E_NOSYS some may have been answered. */
#define firmware_ask(service, message, deadline)                                                   \
    firmware_ask_words(service, message, sizeof(*(message)) + FIRMWARE_FITS(message), deadline)

/* 0, if it compiles. */
#define FIRMWARE_FITS(message)                                                                     \
    (0 * sizeof(struct {                                                                           \
         static_assert(sizeof(*(message)) <= FIRMWARE_MESSAGE_LEN && sizeof(*(message)) % 4 == 0,  \
                       "a message is a struct of tags, FIRMWARE_MESSAGE_LEN bytes at most");       \
         int unused;                                                                               \
     }))
status_t firmware_ask_words(handle_t service, void *message, size_t len, uint64_t deadline) WARN_UNUSED;
