/* SPDX-License-Identifier: BSD-2-Clause
 * QEMU Firmware Configuration Device: docs/specs/fw_cfg.rst of QEMU 10.0, and Documentation/devicetree/bindings/firmware/
 * qemu,fw-cfg-mmio.yaml of Linux 6.12 for the layout of the window. The document has no names for bits; those here are its
 * words. Complete for what fw_cfg.c touches: the data register (0x00) and the selector (0x08) are not.
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FW_CFG_DMA_HIGH = 0x10, /* rw, big-endian: the upper half of the address of a struct fw_cfg_dma */
    FW_CFG_DMA_LOW = 0x14,  /* rw, big-endian: the lower half; writing it starts the transfer */
    FW_CFG_REGS_LEN = 0x18
};

/* What the two registers read as: the bytes "QEMU CFG", in the order of addresses. */
#define FW_CFG_MAGIC_HIGH 0x554d4551u
#define FW_CFG_MAGIC_LOW  0x47464320u

/* "FW_CFG_DMA_CTL_*" of the document; the item's number stands in the upper half. */
#define FW_CFG_DMA_ERROR  BIT(0)
#define FW_CFG_DMA_READ   BIT(1)
#define FW_CFG_DMA_SKIP   BIT(2)
#define FW_CFG_DMA_SELECT BIT(3)
#define FW_CFG_DMA_ITEM   FIELD(31, 16)

/* In memory; all big-endian. */
struct fw_cfg_dma {
    uint32_t control; /* the device writes 0 when it is done, or FW_CFG_DMA_ERROR */
    uint32_t length;
    uint64_t address;
};
static_assert(sizeof(struct fw_cfg_dma) == 16, "as in the document");

/* Items with a number of their own; files begin at FW_CFG_FILE_FIRST. */
enum {
    FW_CFG_SIGNATURE = 0x00, /* 4 bytes "QEMU" */
    FW_CFG_FILE_DIR = 0x19,  /* big-endian count of 32 bits, then so many struct fw_cfg_file */
    FW_CFG_FILE_FIRST = 0x20
};

struct fw_cfg_file {
    uint32_t size;   /* big-endian */
    uint16_t select; /* big-endian: the item's number */
    uint16_t reserved;
    char name[56]; /* with a zero behind it */
};
static_assert(sizeof(struct fw_cfg_file) == 64 && offsetof(struct fw_cfg_file, name) == 8,
              "as in the document");
