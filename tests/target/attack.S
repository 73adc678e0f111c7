/* SPDX-License-Identifier: BSD-2-Clause
 * Threads that need nothing but their registers and this text: no stack, no data. So hundreds of them cost a process
 * only their blocks.
 */
#include <abi/abi.h>

#define CALL(number, name, object, rights, needs) .equ SVC_##name, number;
#include <abi/calls.def>
#undef CALL

/* _Noreturn void attack_fault(uint64_t port)
 * In: x0 a port with RECEIVE. Takes one message, so that its sender waits for this thread, and faults in turn. */
    .text
    .global attack_fault
    .type attack_fault, %function
attack_fault:
    mov     x1, xzr
    mov     x10, #DEADLINE_NEVER
    svc     #SVC_receive
    udf     #0
    .size attack_fault, . - attack_fault

/* _Noreturn void attack_call(uint64_t port)
 * In: x0 a port with CALL. Calls it, taking one handle with the answer; faults when the call ends. */
    .global attack_call
    .type attack_call, %function
attack_call:
    mov     x1, #1 << INFO_ACCEPT_SHIFT
    svc     #SVC_call
    udf     #0
    .size attack_call, . - attack_call

/* _Noreturn void attack_loop(uint64_t port)
 * In: x0 a handle of any kind. Notifies, calls and receives on it for a while, each with a short deadline; then faults. */
    .global attack_loop
    .type attack_loop, %function
attack_loop:
    mov     x19, x0
    mov     w20, #32
.Lloop:
    mov     x0, x19
    mov     x1, #0xff
    svc     #SVC_notify
    mov     x0, x19
    mov     x1, #4 << INFO_ACCEPT_SHIFT
    mrs     x10, cntvct_el0
    add     x10, x10, #0x400
    svc     #SVC_call_deadline
    mov     x0, x19
    mov     x1, #4 << INFO_ACCEPT_SHIFT
    mrs     x10, cntvct_el0
    add     x10, x10, #0x400
    svc     #SVC_receive
    .irp    n, 2, 3, 4, 5, 6, 7, 8, 9   /* an address that faulted is not to go on */
    mov     x\n, xzr
    .endr
    svc     #SVC_yield
    sub     w20, w20, #1
    cbnz    w20, .Lloop
    udf     #0
    .size attack_loop, . - attack_loop

/* _Noreturn void attack_pass(uint64_t ports)
 * In: x0 bits 31:0 a port with RECEIVE, 63:32 one with CALL. Takes one call and makes another one; faults when that ends. */
    .global attack_pass
    .type attack_pass, %function
attack_pass:
    lsr     x19, x0, #32
    mov     w0, w0
    mov     x1, xzr
    mov     x10, #DEADLINE_NEVER
    svc     #SVC_receive
    mov     x0, x19
    mov     x1, xzr
    svc     #SVC_call
    udf     #0
    .size attack_pass, . - attack_pass
