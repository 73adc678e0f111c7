# SPDX-License-Identifier: BSD-2-Clause
"""Every key of tools/bench: what it measures, the goal (at most), and how its values are taken from a series.

Values of a series are totals of executed instructions: `median` of all; `half`: a lap is two of it; `spikes`: what the
interrupted laps of an idle loop cost more than the others; `first` and `second`: of pairs; `byte`: a lap is LAP_BYTES of it;
`request`: LAP_REQUESTS.
"""

# key: (metric, goal, how) ; how is None for what the runner measures by itself, goal where none is set
GOALS = {
    "ipc_round_trip_0w": ("call + reply_receive, other address space, whole loop", 180, "median"),
    "ipc_round_trip_4w": ("the same with four words", 180, "median"),
    "ipc_round_trip_6w": ("the same with six words", 190, "median"),
    "ipc_handle": ("call that transfers one handle", 500, "median"),
    "ipc_deferred_reply": ("reply kept and given later", 500, "median"),
    "notify_round_trip": ("notify, the waiter notifies back, other address space", 280, "median"),
    "null_syscall": ("system call that does nothing", 60, "median"),
    "irq_to_driver": ("interrupt taken to the driver's first instruction, GICv2 in user space", 240, "median"),
    "irq_to_driver_gicv3": ("the same with GICv3, whose CPU registers the kernel reads", 240, None),
    "irq_to_driver_raspi3b": ("the same through a controller below another, BCM2837's", 350, None),
    "irq_to_driver_raspi4b": ("the same on BCM2711, with its GIC-400", 240, None),
    "irq_to_driver_5hops": ("the same on BCM2712, from a source of RP1's: MSI-X, MIP, GIC-400, rp1", 700, None),
    "irq_ack": ("driver's acknowledge until the line can fire again", 100, "first"),
    "irq_ack_whole": ("the whole acknowledge call", 190, "second"),
    "timer_tick": ("timer interrupt, same thread goes on", 80, "spikes"),
    "thread_yield": ("switch by yield, other address space", 150, "half"),
    "page_fault": ("to a user handler, which maps the page, and back", 600, "median"),
    "map_unmap": ("map and unmap one page", 500, "median"),
    "thread_life": ("thread created, run, deleted", 3000, "median"),
    "process_life": ("program of the archive started by init, run, destroyed", 60000, "median"),
    "boot_first_user": ("reset to the first user instruction", 1500000, None),
    "boot_prompt": ("reset to the shell's prompt", 20000000, None),
    "serial_rx_byte": ("PL011: a byte of a 64 KiB paste into a program that reads raw", 60, "byte"),
    "serial_tx_byte": ("PL011: a byte of 64 KiB that a program prints", 30, "byte"),
    "serial_echo": ("PL011: a key pressed, to a program, and its echo back", 2500, "median"),
    "pci_enumerate": ("root port, switch and six functions: first look until init knows them", 200000, None),
    "blk_read_4k": ("virtio-blk over PCI: 4 KiB read somewhere, one in flight", 2500, "median"),
    "blk_read_4k_qd16": ("virtio-blk over PCI: one such read of sixteen in flight", 1000, "request"),
    "blk_seq_1m": ("virtio-blk over PCI: 1 MiB read", 15000, "median"),
    "blk_seq_1m_write": ("virtio-blk over PCI: 1 MiB written", 15000, "median"),
    "recover_pl011": ("the console's PL011's server killed, until a key pressed after that is read", None, "median"),
    "recover_rp1": ("the same with the server of RP1, behind which the console is", None, "median"),
    "recover_mip": ("the same with the MIP's server, by which RP1's interrupts come", None, "median"),
    "recover_pcie": ("the same with the root complex' server", None, "median"),
    "recover_gic": ("the same with the GIC's server", None, "median"),
    "kernel_text": ("bytes of kernel code, without libfdt and boot code", 32768, None),
    "kernel_lines": ("lines of the kernel's .c, .h and .S, without blanks and comments", 5000, None),
    "masked_longest": ("longest stretch in which an interrupt would have to wait", 5000, None),
}

LAP_BYTES = 4096  # servers/app/bench/serial.h
LAP_REQUESTS = 160  # servers/app/bench/disk.h

# A series that gives a second key.
SERIES_OF = {"irq_ack_whole": "irq_ack"}
