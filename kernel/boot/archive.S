/* SPDX-License-Identifier: BSD-2-Clause
 * The boot archive that is used when the loader brings none.
 */
    .section .archive, "a"
    .balign 4096
    .incbin "archive.cpio"
    .global embedded_archive_end
embedded_archive_end:
