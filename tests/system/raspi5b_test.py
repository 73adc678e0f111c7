# SPDX-License-Identifier: BSD-2-Clause
"""The same Image as everywhere else, on our model of a Raspberry Pi 5 (tests/raspi5) with the boards' own trees: the prompt on
UART10, interrupts through the GIC-400, the death of every server, reboot and power-off through PSCI; and the firmware's part
of the model: what it makes of the tree, and what it refuses. Skipped where that QEMU was not built (tools/raspi5-qemu)."""
import re
import subprocess

import boot as library
import libfdt
import pytest
import raspi
from raspi import events, tree_of

import raspi5_qemu

BOARD = "bcm2712-rpi-5-b"
BOARDS = {BOARD: "c1", "bcm2712-rpi-cm5-cm5io": "c1", "bcm2712d0-rpi-5-b": "d0", "bcm2712-rpi-500": "d0"}  # steppings
SERVERS = ["gicv2", "pl011", "bcm2835_mbox", "rpi_firmware", "serial"]
UART10 = "serial@7d001000"
VIDEOCORE = (0x3fc00000, 0x400000)


@pytest.fixture(autouse=True)
def qemu():
    return raspi5_qemu.find() or pytest.skip(raspi5_qemu.MISSING)


@pytest.fixture
def pi(boot):
    """pi(**options of boot.start, tree=path) -> a machine at its prompt."""
    return raspi.starter(boot, "raspi5b", BOARD)


def check_session(machine, line):
    """A board's prompt: what was said on the way to it, every server runs, the console's line counts, the shell works. Of the
    line the SoC's two steppings have another."""
    assert "entered at EL2, image at 0x200000" in machine.text
    assert "counter 54000 kHz" in machine.text
    assert re.search(r"RAM 4092 MiB in 2 ranges", machine.text), machine.text
    assert "PANIC" not in machine.text and "error:" not in machine.text, machine.text
    library.check_columns(machine.text)
    tree = machine.run("tree")
    for server in SERVERS:
        assert re.search(rf" {server} +running\n", tree), tree
    assert not re.search("FAILED|BROKEN|REFUSED", tree), tree
    before = events(machine, UART10)
    for number in range(10):
        assert machine.run(f"echo {number}") == f"{number}\n"
    assert events(machine, UART10) >= before + 10
    assert re.search(rf"^ +{line} +level [ \d]+/soc@107c000000/{UART10}", machine.run("irq"), re.M)
    assert "STORM" not in machine.run("irq")
    assert re.search(r"real +0\.[2-9]|0\.[2-9]\d* s", machine.run("time sleep 0.2"))
    assert "Hello from Cambium." in machine.run("hello")


@pytest.mark.parametrize("name", BOARDS)
def test_the_prompt_comes_with_the_tree_of(pi, name):
    machine = pi(tree=tree_of(name), properties=[f"stepping={BOARDS[name]}"], extra=["-smp", "4"])
    check_session(machine, {"c1": 153, "d0": 152}[BOARDS[name]])
    if name == BOARD:
        raspi.check_paste(machine)
        assert re.search(r"revision +0xc04170 +\(revision 1\.0, 4096 MiB\)", machine.run("firmware"))
        machine.send("reboot\r")
        machine.expect("entered at EL2")
        machine.prompt()
    machine.send("poweroff\r")
    assert machine.ended() == 0


def test_with_the_other_steppings_tree_the_console_hears_nothing(pi):
    """As on the board: the prompt comes, for writing needs no interrupt, and no key reaches it."""
    machine = pi(properties=["stepping=d0"])
    machine.send("hello\r")
    with pytest.raises(library.machine.Stopped):
        machine.expect("Hello from Cambium", timeout=5)


def test_every_server_may_die(pi):
    raspi.check_deaths(pi(), SERVERS)


def test_videocores_memory_stays_as_it_was(pi, tmp_path):
    monitor = library.Monitor(tmp_path)
    share = raspi.Untouched(tmp_path, monitor, *VIDEOCORE)
    machine = pi(extra=[*monitor.options, *share.options])
    raspi.use_memory(machine)
    share.check()


def test_what_is_there_answers_and_what_is_not_aborts(boot, tmp_path):
    """RP1's windows on both sides are dead while the link is down; what is listed as not modelled reads as zero."""
    monitor = library.Monitor(tmp_path)
    boot(board="raspi5b", dtb=tree_of(BOARD), extra=[*monitor.options, "-S"])
    for address in (0x1f00030000, 0x1c00030000, 0x1800000000, 0x1040000000, 0x107fff8000, 0x400000000):
        assert "Cannot access memory" in monitor.ask(f"xp /1wx {address:#x}"), hex(address)
    for address, value in ((0x1000120000, 0x271214e4), (0x1002000000, 0), (0x107d004000, 0), (0x1001504004, 0x21), (0x107d20001c, 0x102),
                           (0x107c013898, 0x40000000)):
        assert monitor.ask(f"xp /1wx {address:#x}").split()[-1] == f"{value:#010x}", hex(address)


# ---- the firmware's part ----

def completed(boot, folder, tree=None, **options):
    """The tree as the model's firmware leaves it for the kernel, as a python3-libfdt object."""
    monitor = library.Monitor(folder)
    extra = [*monitor.options, "-S", *options.pop("extra", [])]
    boot(board="raspi5b", dtb=tree or tree_of(BOARD), extra=extra, **options)
    out = str(folder / "completed.dtb")
    said = monitor.ask(f"dumpdtb {out}")
    with open(out, "rb") as f:
        return libfdt.Fdt(f.read()), said


def prop(tree, path, name):
    return bytes(tree.getprop(tree.path_offset(path), name))


def numbers(data, size=8):
    return [int.from_bytes(data[at:at + size], "big") for at in range(0, len(data), size)]


def test_the_tree_is_completed_as_the_eeprom_does(boot, tmp_path):
    with open(tree_of(BOARD), "rb") as f:
        stock = libfdt.Fdt(f.read())
    initrd = library.save(tmp_path, "initrd", b"x" * 5000)
    tree, _ = completed(boot, tmp_path, initrd=initrd, extra=["-append", "here=1"])
    assert numbers(prop(tree, "/memory@0", "reg")) == [0, 0x3fc00000, 0x40000000, 0xc0000000]
    assert prop(tree, "/chosen", "bootargs") == prop(stock, "/chosen", "bootargs")[:-1] + b" here=1\0"
    start, end = (numbers(prop(tree, "/chosen", f"linux,initrd-{name}"))[0] for name in ("start", "end"))
    assert end - start == 5000
    assert any(prop(tree, "/chosen", "kaslr-seed")) and len(prop(tree, "/chosen", "rng-seed")) == 64
    assert prop(tree, "/", "model") == b"Raspberry Pi 5 Model B Rev 1.0\0"
    assert prop(tree, "/", "serial-number") == b"1000000000000005\0"
    assert numbers(prop(tree, "/system", "linux,serial")) == [0x1000000000000005]
    assert numbers(prop(tree, "/system", "linux,revision"), 4) == [0xc04170]
    assert prop(tree, tree.get_alias("ethernet0"), "local-mac-address") == bytes.fromhex("525400123456")
    for path, name in (("/psci", "compatible"), ("/psci", "method"), ("/chosen", "stdout-path"), ("/reserved-memory/atf@0", "reg")):
        assert prop(tree, path, name) == prop(stock, path, name), path  # what the file has already stays


def test_an_older_trees_narrow_sizes_become_several_banks(boot, tmp_path):
    def narrow(tree):
        tree.setprop_u32(0, "#size-cells", 1)
    tree, _ = completed(boot, tmp_path, tree=raspi.edited(tmp_path, BOARD, narrow), extra=["-m", "8G"])
    reg = prop(tree, "/memory@0", "reg")
    banks = [(numbers(reg[at:at + 8])[0], numbers(reg[at + 8:at + 12], 4)[0]) for at in range(0, len(reg), 12)]
    assert banks == [(0, 0x3fc00000), (0x40000000, 0x80000000), (0xc0000000, 0x80000000), (0x140000000, 0x80000000),
                     (0x1c0000000, 0x40000000)]


def refused(qemu, *options):
    done = subprocess.run([qemu, "-M", "raspi5b", "-display", "none", "-nic", "none", *options], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_what_the_firmware_would_not_start_is_refused_with_the_reason(qemu):
    image, elf = library.IMAGE, library.os.path.join(library.BUILD, "kernel", "kernel.elf")
    assert "nothing without a device tree" in refused(qemu, "-kernel", image)
    assert "not a tree of a BCM2712" in refused(qemu, "-kernel", image, "-dtb", tree_of("bcm2711-rpi-4-b"))
    assert "not an arm64 Image" in refused(qemu, "-kernel", elf, "-dtb", tree_of(BOARD))
    assert "1, 2, 4, 8 or 16 GiB" in refused(qemu, "-m", "3G")
    assert "stepping is c1 or d0" in refused(qemu, "-M", "stepping=b0")
