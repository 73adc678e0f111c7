# SPDX-License-Identifier: BSD-2-Clause
"""A root interrupt server that is no good halts the machine with the node's path and the reason, on the early console:
without it there is no tick, no console and nobody to ask."""
import boot as library
import pytest

FAULTS, ENDS, FAILS, IS_SILENT, SPINS = range(5)  # programs/root.c


def boot_with(boot, folder, how):
    tree = library.qemu_tree(folder)
    tree.setprop_u32(library.subnode(tree, 0, "intc@"), "test-root", how)
    contents = {**library.entries(), "drv/gicv2": library.program("root")}
    return boot(initrd=library.archive(folder, contents), dtb=library.save(folder, "root.dtb", library.blob(tree)))


@pytest.mark.parametrize("how, said, count, reason", [
    (FAULTS, "error: [init] /intc@8000000: fault: breakpoint", 5, "is broken, died too often: fault: breakpoint"),
    (ENDS, "drv/gicv2 restarted", 4, "is broken, died too often: its main returned without an error (E_DEAD)"),
    (FAILS, "error: [gicv2] /intc@8000000: the distributor", 1, "did not start: the distributor does not answer (E_IO)"),
    (IS_SILENT, "did not become ready in time", 5, "is broken, died too often: it never became ready (E_DEAD)"),
], ids=["faults", "ends", "fails", "is_silent"])
def test_the_machine_halts_with_the_reason_if_its_root_interrupt_server(boot, tmp_path, how, said, count, reason):
    machine = boot_with(boot, tmp_path, how)
    machine.expect(r"\[init\] ([^\n]*)\n[^\n]*\[kernel\] halted: init ended \(-\d+\)", timeout=90)
    last = machine.child.match.group(1)
    assert "/intc@8000000: drv/gicv2 " + reason in last
    assert "without its root interrupt controller the machine cannot go on" in last
    assert machine.text.count(said) == count, machine.text
    assert "PANIC" not in machine.text


def test_the_reason_is_seen_even_if_the_console_was_up(boot, tmp_path):
    contents = {**library.entries(), "drv/gicv2": library.program("root_late")}
    machine = boot(initrd=library.archive(tmp_path, contents))
    machine.prompt()
    assert "Hello from Cambium." in machine.run("hello")
    machine.send("kill gicv2\r")
    machine.expect(r"\[init\] ([^\n]*)\n[^\n]*\[kernel\] halted: init ended \(-\d+\)", timeout=20)
    assert "/intc@8000000: drv/gicv2 is broken, died too often: fault: breakpoint" in machine.child.match.group(1)


def test_a_root_interrupt_server_that_spins_is_named_by_the_last_line(boot, tmp_path):
    machine = boot_with(boot, tmp_path, SPINS)
    machine.expect(r"/intc@8000000:\r+\n\S+ +\S+ +starting drv/gicv2; hung if this is the last line[\r\n]+", timeout=20)
    with pytest.raises(library.machine.Stopped):
        machine.expect(r"[^\r\n]", timeout=3)
