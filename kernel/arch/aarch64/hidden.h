/* SPDX-License-Identifier: BSD-2-Clause
 * Included before every kernel file by the compiler's -include: makes declarations hidden too (-fvisibility only does
 * definitions), so that no address goes through the GOT, which holds nothing useful before relocate().
 */
#pragma GCC visibility push(hidden)
