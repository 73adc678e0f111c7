/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel's own accesses that may fault: a word of a user's memory, a device's register. While one is on its way
 * core->fixup says where kernel_sync (vectors.S) goes on with x0 = -1; it uses x9, too. A device access is completed by a dsb, so that
 * an abort that the interconnect reports synchronously comes within it.
 */
#include <core/core.h>

/* `access` may use value and va; x0 is the result. this_core() is asked first: without optimisation it is a call, which
 * must not come between x0 = 0 and the asm. */
#define GUARDED(result, access, value, va)                                                         \
    struct core *core = this_core();                                                               \
    register int64_t result __asm__("x0") = 0;                                                     \
    __asm__ volatile("adr x9, 1f\n\tstr x9, %[fixup]\n\t" access "\n1:\tstr xzr, %[fixup]"         \
                     : "+r"(result), [value] "+r"(value), [fixup] "=m"(core->fixup)                \
                     : [va] "r"(va)                                                                \
                     : "x9", "memory")

/* ldtr: with EL0's permissions, so PAN does not matter. */
int user_load32(uint64_t va, uint32_t *out)
{
    uint64_t value = 0;
    GUARDED(result, "ldtr %w[value], [%[va]]", value, va);

    *out = (uint32_t)value;
    return (int)result;
}

#define ACCESS(op, access)                                                                         \
    case op: {                                                                                     \
        GUARDED(result, access ", [%[va]]\n\tdsb sy", value, va);                                  \
        *inout = value;                                                                            \
        return (int)result;                                                                        \
    }
int device_access_at(uint64_t va, uint64_t op, uint64_t *inout)
{
    uint64_t value = *inout;

    switch (op) {
        ACCESS(1, "ldrb %w[value]")
        ACCESS(2, "ldrh %w[value]")
        ACCESS(4, "ldr %w[value]")
        ACCESS(8, "ldr %[value]")
        ACCESS(1 | DEVICE_WRITE, "strb %w[value]")
        ACCESS(2 | DEVICE_WRITE, "strh %w[value]")
        ACCESS(4 | DEVICE_WRITE, "str %w[value]")
        ACCESS(8 | DEVICE_WRITE, "str %[value]")
    }
    return -1;
}
