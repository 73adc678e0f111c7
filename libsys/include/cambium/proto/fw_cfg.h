/* SPDX-License-Identifier: BSD-2-Clause
 * Class fw_cfg: files that a virtual machine's maker hands to what runs in it. They are read, never written, and are the
 * same until the machine ends.
 */
#pragma once

enum fw_cfg_op {
    FW_CFG_OP_FILE = 1, /* w0 = n -> w0 = bytes that the n-th file has, w1..w7 = its name, zero padded, always with a zero
                         * behind it. E_NOTFOUND: no more */
    FW_CFG_OP_READ      /* w0 = offset, w1..w7 = name, zero padded -> w0 = bytes that the file has, w1..w7 = its bytes from
                         * the offset on, FW_CFG_READ_LEN of them or as many as there are, zero padded. E_NOTFOUND: no
                         * such file; E_INVAL: no zero behind the name; E_IO: the device failed */
};
enum { FW_CFG_NAME_LEN = 56, FW_CFG_READ_LEN = 56 };
