/* SPDX-License-Identifier: BSD-2-Clause
 * Virtio over PCI: Virtual I/O Device (VIRTIO) Version 1.2, 4.1.2 to 4.1.5; names are the document's. Complete for what virtio_pci.c
 * touches. Little-endian; each register is accessed by its own width, 64 bits as two halves (4.1.3.1).
 */
#pragma once
#include <assert.h>
#include <cambium/mmio.h>

/* Configuration space */
enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_BAR_0 = 0x10,         /* 4 bytes each */
    PCI_SUBSYSTEM_ID = 0x2e,  /* of transitional devices: the kind of device */
    PCI_CONFIG_LEN = 0x100,
    PCI_CAP_VENDOR = 0x09
};
#define PCI_BAR_IS_IO BIT(0)
enum { VIRTIO_PCI_VENDOR = 0x1af4, VIRTIO_PCI_TRANSITIONAL_MAX = 0x103f, VIRTIO_PCI_DEVICE_0 = 0x1040 };

/* 4.1.4: struct virtio_pci_cap, in configuration space */
enum {
    CAP_LEN = 0x02,      /* 8 bits, of the capability itself */
    CAP_CFG_TYPE = 0x03, /* 8 */
    CAP_BAR = 0x04,      /* 8 */
    CAP_OFFSET = 0x08,   /* 32: where in the BAR the structure begins */
    CAP_LENGTH = 0x0c,   /* 32: how long it is */
    CAP_NOTIFY_OFF_MULTIPLIER = 0x10, /* 32, of VIRTIO_PCI_CAP_NOTIFY_CFG alone */
    CAP_LEN_MIN = 0x10,
    CAP_NOTIFY_LEN_MIN = 0x14
};
/* CAP_CFG_TYPE; others (access through configuration space, shared memory) are not used here */
enum {
    VIRTIO_PCI_CAP_COMMON_CFG = 1,
    VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
    VIRTIO_PCI_CAP_ISR_CFG = 3,
    VIRTIO_PCI_CAP_DEVICE_CFG = 4
};

/* 4.1.4.3: struct virtio_pci_common_cfg */
enum {
    COMMON_DEVICE_FEATURE_SELECT = 0x00, /* 32, rw: which 32 of them */
    COMMON_DEVICE_FEATURE = 0x04,        /* 32, r */
    COMMON_DRIVER_FEATURE_SELECT = 0x08, /* 32, rw */
    COMMON_DRIVER_FEATURE = 0x0c,        /* 32, rw */
    COMMON_CONFIG_MSIX_VECTOR = 0x10,    /* 16, rw: reads as VIRTIO_MSI_NO_VECTOR if the device cannot */
    COMMON_NUM_QUEUES = 0x12,            /* 16, r */
    COMMON_DEVICE_STATUS = 0x14,         /* 8, rw: writing 0 resets */
    COMMON_CONFIG_GENERATION = 0x15,     /* 8, r */
    COMMON_QUEUE_SELECT = 0x16,          /* 16, rw: the queue that 0x18 to 0x37 are about */
    COMMON_QUEUE_SIZE = 0x18,            /* 16, rw: the most that it can have, then what it has; 0: no such queue */
    COMMON_QUEUE_MSIX_VECTOR = 0x1a,     /* 16, rw: as COMMON_CONFIG_MSIX_VECTOR */
    COMMON_QUEUE_ENABLE = 0x1c,          /* 16, rw */
    COMMON_QUEUE_NOTIFY_OFF = 0x1e,      /* 16, r: times the multiplier, where its notification is written */
    COMMON_QUEUE_DESC = 0x20,            /* 64, rw */
    COMMON_QUEUE_DRIVER = 0x28,          /* 64, rw */
    COMMON_QUEUE_DEVICE = 0x30,          /* 64, rw */
    COMMON_LEN_MIN = 0x38                /* version 1.0 has so many */
};
enum { VIRTIO_MSI_NO_VECTOR = 0xffff };

/* 4.1.4.5: the ISR status, 8 bits; reading clears it, and the line falls */
#define ISR_QUEUE  BIT(0)
#define ISR_CONFIG BIT(1)
enum { ISR_LEN_MIN = 1, NOTIFY_LEN_MIN = 2 };
