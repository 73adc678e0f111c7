/* SPDX-License-Identifier: BSD-2-Clause
 * Class edu: QEMU's educational device, which computes factorials and has a buffer that it fills and reads by DMA.
 *
 * One request at a time is with the device; it is answered when the device has done it, a second later at most. A restarted server
 * has forgotten it (E_DEAD); the buffer is the device's, and keeps what was in it.
 */
#pragma once

enum { EDU_BUFFER_LEN = 4096, EDU_DATA_LEN = 48, EDU_FACTORIAL_MAX = 12 /* 13! has more than 32 bits */ };

enum edu_op {
    EDU_OP_INFO = 1,  /* -> w0 = its identification, w1 = PCI_IRQ_* (proto/pci.h), w2 = bus address of its memory for DMA (0: it
                       * reaches none), w3 = interrupts that had a cause. E_IO: it is not alive */
    EDU_OP_FACTORIAL, /* w0 = n -> w0 = n!. E_RANGE: n above EDU_FACTORIAL_MAX; E_BUSY: it works for somebody else; E_TIMEOUT */
    EDU_OP_WRITE,     /* w0 = offset in the buffer, w1 = bytes (1..EDU_DATA_LEN), w2.. = the bytes. E_RANGE: beyond the buffer;
                       * E_NOTFOUND: it reaches no memory, its log says why; E_BUSY; E_TIMEOUT */
    EDU_OP_READ       /* w0 = offset, w1 = bytes -> w0 = bytes, w1.. = the bytes. E_* as EDU_OP_WRITE */
};
