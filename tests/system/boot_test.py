# SPDX-License-Identifier: BSD-2-Clause
"""The Image boots with QEMU's own tree, at EL1 and EL2, to a prompt; the log says what it found; power-off is clean."""
import re

import boot as library
import pytest


def log_of(machine):
    return machine.run("log")


def test_boots_to_the_prompt(shell_of):
    assert "Cambium" in shell_of.text


def test_the_log_names_what_was_found(shell_of, gic):
    log = log_of(shell_of)
    for what in (r"MIDR 0x41[0-9a-f]+, entered at EL1", r"counter [0-9]+ kHz, 16-bit ASID", r"RAM 1024 MiB", rf"/intc@\w+: drv/gicv{gic}",
                 r"console: mux/serial \(.*/pl011@\w+\)"):
        assert re.search(what, log), f"{what} is not in the log:\n{log}"
    library.check_columns(shell_of.text)


def test_boot_code_and_the_page_below_the_stack_are_not_mapped_after_the_boot(boot, tmp_path):
    offsets = library.kernel_symbols()
    monitor = library.Monitor(tmp_path)
    machine = boot(extra=monitor.options, properties=["dtb-randomness=off"])
    machine.prompt()

    def mapped(symbol, offset=0):
        address = 0xffffffff80000000 + offsets[symbol] + offset
        return "gpa:" in monitor.ask(f"gva2gpa {address:#x}")

    assert library.machine.wait_until(lambda: mapped("stop_at_fault"), timeout=20)  # EL1: the kernel idles
    assert not mapped("_start") and not mapped("boot_main") and not mapped("tree_check") and not mapped("fdt_next_tag")
    assert mapped("stop") and mapped("psci_system")
    assert mapped("__boot_stack_end", -8) and mapped("__boot_stack")
    assert not mapped("__boot_stack", -8) and mapped("__bss_end", -8)  # a stack that is too short is an exception


def test_boots_at_el2(boot, gic):
    machine = boot(gic=gic, properties=["virtualization=on"])
    machine.prompt()
    assert re.search(r"EL2", log_of(machine))
    machine.send("poweroff\r")
    assert machine.ended() == 0


def test_boots_at_el3_without_firmware(boot, tmp_path):
    machine = {"properties": ["secure=on"]}
    tree = library.blob(library.qemu_tree(tmp_path, **machine))
    running = boot(**machine, **library.loaded_by_hand(tmp_path, tree=tree), dtb=library.save(tmp_path, "packed.dtb", tree))
    running.prompt()
    assert "entered at EL3" in log_of(running)


def test_power_off_ends_qemu_with_status_0(shell):
    shell.send("poweroff\r")
    assert shell.ended() == 0


def test_interrupts_of_the_console_are_counted(shell_of):
    """Each is told to the driver once and acknowledged once; `irq` itself types nothing in between."""
    before, after = ([int(n) for n in re.search(r" 33 +level +(\d+) +(\d+)", shell_of.run("irq")).groups()]
                     for _ in range(2))
    assert before[0] == before[1] and after[0] == after[1] and after[0] > before[0]


def test_reboot_comes_back_to_a_prompt(shell_of):
    shell_of.send("reboot\r")
    shell_of.expect("Cambium")
    shell_of.prompt()
    assert shell_of.run("echo back") == "back\n"


def test_more_cores_than_are_used_do_no_harm(boot, gic):
    machine = boot(gic=gic, smp=4)
    machine.prompt()
    assert machine.run("echo here") == "here\n"


def test_an_archive_of_the_loader_comes_before_the_embedded_one(boot, tmp_path):
    contents = library.entries()
    contents["bin/greet"] = contents["bin/hello"]
    machine = boot(initrd=library.archive(tmp_path, contents))
    machine.prompt()
    assert "Hello from Cambium." in machine.run("greet")


@pytest.mark.parametrize("options", [["virtualization=on"], ["secure=on"], ["secure=on", "virtualization=on"],
                                     ["its=off"]], ids=",".join)
def test_boots_on_a_gicv3_of_every_kind(boot, options):
    machine = boot(gic=3, properties=options)
    machine.prompt()
    assert "0." in machine.run("time sleep 0.1")


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a76", "neoverse-n1", "max"])
def test_boots_on_a_gicv3_with_every_cpu(boot, cpu):
    machine = boot(gic=3, cpu=cpu)
    machine.prompt()
    assert machine.run("echo here") == "here\n"


def test_two_boots_under_icount_print_the_same(boot, tmp_path):
    """Nothing in the system depends on the host's time."""
    tree = library.save(tmp_path, "fixed.dtb", library.blob(library.qemu_tree(tmp_path, properties=["dtb-randomness=off"])))
    texts = []
    for _ in range(2):
        machine = boot(icount=True, dtb=tree)
        machine.prompt()
        texts.append(machine.text)
        machine.kill()
    assert texts[0] == texts[1]
