/* SPDX-License-Identifier: BSD-2-Clause
 * Configuration space of PCI and PCI Express functions: PCI Local Bus 3.0, chapter 6 and 6.8 (MSI, MSI-X), PCI-to-PCI Bridge
 * Architecture 1.2, 3.2; PCI Express Base 3.0, 7.8 (capability), 7.9 (extended ones). Offsets are those of the word of 32 bits
 * that the register lies in; fields of the words are as in that word. r, rw, w1c. Complete for what pci_host*.c touches.
 */
#pragma once
#include <cambium/mmio.h>

enum {
    PCI_ID = 0x00,        /* r: vendor 15:0, device 31:16. All ones: nobody is there */
    PCI_COMMAND = 0x04,   /* rw 15:0; status 31:16 is w1c */
    PCI_CLASS = 0x08,     /* r: revision 7:0, class code 31:8 */
    PCI_HEADER = 0x0c,    /* r: header type 23:16 */
    PCI_BAR0 = 0x10,      /* rw: up to 0x24, of bridges up to 0x14 */
    PCI_BUSES = 0x18,     /* rw, bridges */
    PCI_IO = 0x1c,        /* rw 15:0, bridges; secondary status 31:16 is w1c */
    PCI_MEMORY = 0x20,    /* rw, bridges */
    PCI_PREFETCH = 0x24,  /* rw, bridges */
    PCI_PREFETCH_BASE_HIGH = 0x28, /* rw, bridges */
    PCI_PREFETCH_LIMIT_HIGH = 0x2c,
    PCI_SUBSYSTEM = 0x2c, /* r: vendor 15:0, ID 31:16 */
    PCI_ROM_BASE = 0x30,  /* rw */
    PCI_IO_HIGH = 0x30,   /* rw, bridges: base 31:16 in 15:0, limit 31:16 in 31:16 */
    PCI_CAPABILITIES = 0x34, /* r: offset of the first in 7:0 */
    PCI_BRIDGE_ROM = 0x38,   /* rw, bridges */
    PCI_INTERRUPT = 0x3c,    /* pin r 15:8 */
    PCI_CONFIG_LEN = 0x100, PCI_CONFIG_EXTENDED_LEN = 0x1000
};

#define COMMAND_IO        BIT(0)
#define COMMAND_MEMORY    BIT(1)
#define COMMAND_MASTER    BIT(2)
#define COMMAND_INTX_OFF  BIT(10)
#define COMMAND_WRITABLE  FIELD(15, 0)
#define STATUS_CAPABILITIES BIT(20)
#define HEADER_TYPE       FIELD(22, 16)
#define HEADER_MULTIPLE   BIT(23) /* the device has further functions */
enum { HEADER_DEVICE = 0, HEADER_BRIDGE = 1 };
#define CLASS_CODE        FIELD(31, 8)
#define INTERRUPT_PIN     FIELD(15, 8)

#define BAR_IO            BIT(0)
#define BAR_TYPE          FIELD(2, 1)
enum { BAR_TYPE_32 = 0, BAR_TYPE_64 = 2 };
#define BAR_PREFETCH      BIT(3)
#define BAR_IO_FLAGS      FIELD(1, 0)
#define BAR_MEMORY_FLAGS  FIELD(3, 0)
#define ROM_ENABLE        BIT(0)
#define ROM_ADDRESS       FIELD(31, 11)

#define BUSES_PRIMARY     FIELD(7, 0)
#define BUSES_SECONDARY   FIELD(15, 8)
#define BUSES_SUBORDINATE FIELD(23, 16)

/* A window's base and limit: bits 15:12 of an I/O address, 31:20 of a memory address; below them in prefetchable ones whether
 * there are the upper registers. Base above limit: closed. */
#define WINDOW_IO_BASE    FIELD(7, 4)
#define WINDOW_IO_LIMIT   FIELD(15, 12)
#define WINDOW_IO_32      BIT(0)
#define WINDOW_BASE       FIELD(15, 4)
#define WINDOW_LIMIT      FIELD(31, 20)
#define WINDOW_64         BIT(0)

/* Capabilities. The list's header is the first word: ID 7:0, next 15:8. */
enum { CAPABILITY_PM = 0x01, CAPABILITY_MSI = 0x05, CAPABILITY_EXPRESS = 0x10, CAPABILITY_MSIX = 0x11, CAPABILITY_AF = 0x13 };
#define CAPABILITY_ID     FIELD(7, 0)
#define CAPABILITY_NEXT   FIELD(15, 8)
/* Extended ones: ID 15:0, version 19:16, next 31:20. */
#define EXTENDED_NEXT     FIELD(31, 20)

/* PCI Express capability: first word. */
#define EXPRESS_PORT      FIELD(23, 20)
#define EXPRESS_HAS_SLOT  BIT(24)
enum { PORT_ROOT = 4, PORT_UPSTREAM = 5, PORT_DOWNSTREAM = 6, PORT_TO_PCI = 7, PCI_PORT_NONE = 0xff };
enum { EXPRESS_DEVICE = 0x04, EXPRESS_CONTROL = 0x08, EXPRESS_SLOT = 0x14, EXPRESS_SLOT_CONTROL = 0x18 };
#define DEVICE_FLR        BIT(28) /* EXPRESS_DEVICE: function-level reset */
#define CONTROL_FLR       BIT(15) /* EXPRESS_CONTROL */
#define SLOT_HOT_PLUG     BIT(6)  /* EXPRESS_SLOT */
/* EXPRESS_SLOT_CONTROL: control rw 15:0, status 31:16, of which the lower five bits are w1c */
#define SLOT_CONTROL      FIELD(15, 0)
#define SLOT_INTERRUPTS   (FIELD(5, 0) | BIT(12))
#define SLOT_LIGHT        FIELD(9, 8) /* power indicator */
enum { LIGHT_ON = 1, LIGHT_BLINKS = 2, LIGHT_OFF = 3 };
#define SLOT_POWER_OFF    BIT(10)
#define SLOT_BUTTON       BIT(16) /* attention button pressed */
#define SLOT_PRESENT      BIT(22)

/* MSI capability (6.8.1): first word, then address, [address high], data. */
#define MSI_ENABLE        BIT(16)
#define MSI_CAPABLE       FIELD(19, 17) /* log2 of vectors */
#define MSI_COUNT         FIELD(22, 20) /* likewise: enabled */
#define MSI_64            BIT(23)
enum { MSI_ADDRESS = 0x04, MSI_DATA_32 = 0x08, MSI_ADDRESS_HIGH = 0x08, MSI_DATA_64 = 0x0c, MSI_DATA_MAX = 0xffff };

/* MSI-X capability (6.8.2): first word, table, pending bits; and an entry of the table. */
#define MSIX_SIZE         FIELD(26, 16) /* entries - 1 */
#define MSIX_MASK         BIT(30)       /* the whole function */
#define MSIX_ENABLE       BIT(31)
#define MSIX_BAR          FIELD(2, 0)
#define MSIX_OFFSET       FIELD(31, 3)  /* in 8 bytes */
enum { MSIX_TABLE = 0x04, MSIX_PENDING = 0x08 };
enum { ENTRY_ADDRESS = 0x00, ENTRY_ADDRESS_HIGH = 0x04, ENTRY_DATA = 0x08, ENTRY_CONTROL = 0x0c, ENTRY_LEN = 0x10 };
#define ENTRY_MASK        BIT(0)

/* Advanced Features capability (PCI-SIG ECN, 2006): a reset for functions of conventional PCI. */
enum { AF_CONTROL = 0x04 };
#define AF_FLR            BIT(25)
#define AF_CONTROL_FLR    BIT(0)
