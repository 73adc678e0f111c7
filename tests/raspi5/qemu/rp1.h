/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RP1, the I/O controller of the Raspberry Pi 5: one function behind root
 * complex 2, with its peripherals in BAR1
 */

#ifndef HW_ARM_RP1_H
#define HW_ARM_RP1_H

#include "chardev/char-fe.h"
#include "hw/char/pl011.h"
#include "hw/net/cadence_gem.h"
#include "hw/pci/pci_device.h"
#include "hw/sysbus.h"
#include "qemu/fifo8.h"
#include "qemu/notify.h"

#define TYPE_RP1 "rp1"
OBJECT_DECLARE_SIMPLE_TYPE(RP1State, RP1)

#define TYPE_RP1_GPIO "rp1-gpio"
OBJECT_DECLARE_SIMPLE_TYPE(RP1GPIOState, RP1_GPIO)

#define TYPE_RP1_CLOCKS "rp1-clocks"
OBJECT_DECLARE_SIMPLE_TYPE(RP1ClocksState, RP1_CLOCKS)

#define TYPE_RP1_UART "rp1-uart"
OBJECT_DECLARE_SIMPLE_TYPE(RP1UARTState, RP1_UART)

#define RP1_INTS        61  /* interrupt sources, and as many vectors */
#define RP1_UARTS       6
#define RP1_BANKS       3
#define RP1_PINS        54
#define RP1_BLOCK       0x4000

/*
 * What a write does to a register of RP1's own blocks: the address bits 13:12
 * select plain, XOR, SET or CLR.
 */
static inline uint32_t rp1_alias(hwaddr offset, uint32_t old, uint32_t value)
{
    switch (extract64(offset, 12, 2)) {
    case 1:
        return old ^ value;
    case 2:
        return old | value;
    case 3:
        return old & ~value;
    default:
        return value;
    }
}

/* What drives a pin from outside, or what its wire is at */
typedef enum RP1Level {
    RP1_LOW,
    RP1_HIGH,
    RP1_FLOAT,
} RP1Level;

typedef struct RP1Pin {
    uint32_t ctrl;
    uint32_t pad;
    RP1Level outside;
    bool in;            /* what the pad's input buffer says */
    bool rose, fell;    /* since IRQRESET */
} RP1Pin;

typedef struct RP1Bank {
    uint32_t out, oe;               /* SYS_RIO */
    uint32_t enable[3], force[3];   /* processor 0, processor 1, PCIe */
    uint32_t voltage;
} RP1Bank;

struct RP1GPIOState {
    SysBusDevice parent_obj;

    MemoryRegion io, rio, pads;
    RP1Pin pin[RP1_PINS];
    RP1Bank bank[RP1_BANKS];
    qemu_irq irq[RP1_BANKS];
};

/* Whether a pin carries the UART's TXD out, and one leads to its RXD */
bool rp1_gpio_carries_txd(RP1GPIOState *s, unsigned uart);
bool rp1_gpio_leads_to_rxd(RP1GPIOState *s, unsigned uart);

/* For rp1_leave_uart0() */
void rp1_gpio_leave_uart0(RP1GPIOState *s);

/* CLOCKS main and video, PLLs sys, audio and video, one block each */
#define RP1_CLOCK_BLOCKS 5

struct RP1ClocksState {
    SysBusDevice parent_obj;

    MemoryRegion regs;
    uint32_t reg[RP1_CLOCK_BLOCKS][0x340 / 4];
    int64_t locked[RP1_CLOCK_BLOCKS];   /* from when on a PLL is, in ns */
    NotifierList changed;               /* a register */
};

/* The rate of the UARTs' clock in Hz; 0: it stands still. */
uint64_t rp1_clocks_uart_hz(RP1ClocksState *s);

struct RP1UARTState {
    SysBusDevice parent_obj;

    unsigned number;
    uint32_t baud;          /* of what is at the wire's other end; 0: any */
    RP1State *rp1;
    PL011State pl011;
    MemoryRegion regs;
    CharBackend wire;       /* towards the other end */
    Chardev *pins;          /* towards the PL011 */
    Fifo8 waiting;          /* what it cannot send now */
};

/* Sends what had to wait for a clock. */
void rp1_uart_clock_changed(RP1UARTState *s);

/* For rp1_leave_uart0() */
void rp1_uart_leave_enabled(RP1UARTState *s);

struct RP1State {
    PCIDevice parent_obj;

    uint16_t vendor_id;
    uint16_t device_id;
    uint32_t baud;
    bool msix;              /* whether it has that capability */

    MemoryRegion bar[3];
    MemoryRegion rest;      /* BAR1, where nothing is modelled */
    MemoryRegion sysinfo;
    MemoryRegion apbs;
    MemoryRegion config;
    MemoryRegion gem_words;
    MemoryRegion dma;       /* what RP1's masters see */
    MemoryRegion dma_view[3];

    RP1GPIOState gpio;
    RP1ClocksState clocks;
    RP1UARTState uart[RP1_UARTS];
    CadenceGEMState gem;
    Notifier clocks_changed;

    uint32_t cfg[RP1_INTS];     /* MSIX_CFG */
    bool line[RP1_INTS];        /* the sources */
    bool sent[RP1_INTS];        /* not acknowledged since */
    QEMUTimer storm;
};

/* The firmware's part with enable_rp1_uart=1: UART0 ready, 115200 8N1 */
void rp1_leave_uart0(RP1State *s);

#endif
