# SPDX-License-Identifier: BSD-2-Clause
"""drv/cfi_flash on QEMU's virt, asked by the program flash: two banks of 64 MiB, of which the second has what a file had, is
erased and programmed so that the file shows it, and does not care if the driver dies; the first is never written."""
import re

import boot as library
import pytest

BANK, BLOCK = 64 << 20, 256 << 10
EVERY = bytes((n * 7 + n // 256) % 256 for n in range(1024))  # at the beginning of each block


def rows(answer):
    """The bytes of a listing in hexadecimal."""
    return bytes.fromhex("".join(re.findall(r"^[0-9a-f]{8} ((?: [0-9a-f]{2}){1,16})  ", answer, re.M)))


@pytest.fixture
def flash(boot, tmp_path):
    """A machine at its prompt, and the file that is bank 1."""
    path = library.save(tmp_path, "bank1.bin", EVERY.ljust(BLOCK, b"\x5a") * (BANK // BLOCK))
    machine = boot(extra=["-drive", f"if=pflash,index=1,format=raw,file={path}"])
    machine.prompt()
    return machine, path


def at(path, offset, count):
    with open(path, "rb") as f:
        f.seek(offset)
        return f.read(count)


def refused(machine, command, reason, status=1):
    return reason in machine.run(command) and machine.status() == status


def test_its_node_gets_the_server_and_another_after_a_death(shell):
    looks = r"\[cfi_flash\] /flash@0: bank ([01]): 65536 KiB in blocks of 256 KiB(, never written)?\n"
    assert re.search(r" cfi_flash +running\n", shell.run("tree"))
    assert re.findall(looks, shell.run("log")) == [("0", ", never written"), ("1", "")]
    shell.run("kill cfi_flash")
    assert library.machine.wait_until(lambda: re.search(r" cfi_flash +running, restarted 1 time\n", shell.run("tree")))
    assert len(re.findall(looks, shell.run("log"))) == 4
    assert shell.run("flash") == ("bank 0  65536 KiB in blocks of 256 KiB, 2 chips, read only\n"
                                  "bank 1  65536 KiB in blocks of 256 KiB, 2 chips\n")


def test_what_is_in_the_file_is_read_up_to_the_last_byte(flash):
    machine, _ = flash
    assert rows(machine.run("flash read 1 0 1024")) == EVERY
    assert rows(machine.run(f"flash read 1 {3 * BLOCK + 0x14:#x} 20")) == EVERY[0x14:0x28]
    assert rows(machine.run(f"flash read 1 {BANK - 8} 8")) == b"\x5a" * 8
    assert refused(machine, f"flash read 1 {BANK - 4} 8", "E_RANGE")
    assert refused(machine, f"flash read 1 {1 << 32:#x} 4", "E_RANGE")
    assert refused(machine, "flash read 1 2 4", "E_INVAL")
    assert refused(machine, "flash read 2 0 4", "E_NOTFOUND")
    assert refused(machine, "flash read 1", "usage: ", 2) and refused(machine, "flash read 1 x", "usage: ", 2)
    assert "E_" not in machine.run("flash read 0 0 64")


def test_a_block_is_erased_and_programmed_and_the_file_has_it(flash):
    machine, path = flash
    text = "the quick brown fox jumps over the lazy dog"  # more than one request, and no multiple of four
    assert machine.run(f"flash erase 1 {BLOCK:#x}") == "" and machine.status() == 0
    assert rows(machine.run(f"flash read 1 {2 * BLOCK - 8} 12")) == b"\xff" * 8 + EVERY[:4]
    assert machine.run(f"flash write 1 {BLOCK + 4} '{text}'") == "" and machine.status() == 0
    machine.run("kill cfi_flash")
    written = b"\xff" * 4 + text.encode() + b"\xff" * 17
    assert rows(machine.run(f"flash read 1 {BLOCK:#x}")) == written
    assert refused(machine, f"flash erase 1 {BLOCK + 4}", "E_INVAL") and refused(machine, f"flash erase 1 {BANK}", "E_RANGE")
    assert refused(machine, "flash erase 0 0", "E_NOSYS") and refused(machine, "flash write 0 0 no", "E_NOSYS")
    assert library.machine.wait_until(lambda: at(path, BLOCK, 64) == written)
    assert at(path, BLOCK - 4, 4) == b"\x5a" * 4 and at(path, BLOCK + 64, BLOCK - 64) == b"\xff" * (BLOCK - 64)
    assert at(path, 2 * BLOCK, 1024) == EVERY


def test_without_chips_in_its_windows_it_does_not_start(boot, tmp_path):
    """The tree has the node where the machine has RAM."""
    machine = boot(**library.with_node(tmp_path, "flash", ["cfi-flash"], bank_width=[4]))
    machine.prompt()
    log = machine.run("log")
    node = f"/flash@{library.DEVICE_AT:x}"
    assert f"warn: [cfi_flash] {node}: bank 0 has no pair of chips" in log
    assert f"{node}: drv/cfi_flash did not start" in log
    assert re.search(r" flash@0 +cfi_flash +running\n", machine.run("tree"))  # the other node's
