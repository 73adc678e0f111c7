# SPDX-License-Identifier: BSD-2-Clause
"""tools/sdcard: what is on the card, when none is made, and a boot from that very image: U-Boot, in the firmware's place,
loads kernel, archive and tree from it on QEMU's Raspberry Pis, and starts the kernel. U-Boot comes out of Debian's u-boot-rpi
(tools/lib/debian.py); where it or a tree cannot be had the boots are skipped. A Raspberry Pi 5's files are given to the model of
its firmware (tests/raspi5)."""
import os
import re
import subprocess

import boot as library
import pytest

import debian
import firmware
import raspi5_qemu
import sdcard
import trees

PARTITION = f"@@{sdcard.PARTITION}"
# QEMU's machine, U-Boot's name, the model, and where QEMU puts the card: raspi4b's is not at the controller where a board has it.
MODEL = {"rpi3": ("raspi3b", "rpi_3", "Raspberry Pi 3 Model B", "mmc 0:1"),
         "rpi4": ("raspi4b", "rpi_4", "Raspberry Pi 4 Model B", "mmc 1:1")}


def make(path, board, *arguments, **environment):
    done = subprocess.run([os.path.join(library.ROOT, "tools", "sdcard"), "--no-install", "--board", board, "-o", str(path),
                           *arguments], env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def content(card, name):
    return subprocess.run(["mtype", "-i", f"{card}{PARTITION}", f"::{name}"], stdout=subprocess.PIPE, check=True,
                          env={**os.environ, "MTOOLS_NO_VFAT": "0"}).stdout


def names_on(card):
    listing = subprocess.run(["mdir", "-b", "-/", "-i", f"{card}{PARTITION}", "::"], stdout=subprocess.PIPE, check=True,
                             text=True).stdout
    return {name[3:] for name in listing.split("\n") if name and not name.endswith("/")}


def tree_for(board):
    path = trees.find(sdcard.BOARDS[board][0][0])
    if path is None:
        pytest.skip(f"{' or '.join(sdcard.BOARDS[board][0][0])} is in none of {', '.join(trees.folders())}")
    return path


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """card(board) -> an image without firmware, made once."""
    made = {}

    def card(board):
        tree_for(board)
        if board not in made:
            path = str(tmp_path_factory.mktemp("cards") / f"{board}.img")
            code, _, err = make(path, board, "--without-firmware", "--bootargs", "a=1")
            assert code == 0 and ("WITHOUT THE FIRMWARE" in err) == (board != "rpi5"), err
            made[board] = path
        return made[board]
    return card


@pytest.fixture(scope="module")
def uboot():
    """uboot(name) -> path of Debian's U-Boot for rpi_3 or rpi_4, kept in the user's cache."""
    def get(name):
        folder = os.path.join(trees.OWN, f"u-boot-{name}")
        path = os.path.join(folder, "u-boot.bin")
        if not os.path.exists(path):
            try:
                with debian.Apt(say=lambda _: None) as apt:
                    apt.fetch("u-boot-rpi", rf".*/u-boot/{name}/u-boot\.bin", firmware.store, folder)
            except debian.Failed as what:
                pytest.skip(f"Debian's u-boot-rpi cannot be had: {str(what).splitlines()[0]}")
        return path
    return get


def fake_firmware(folder, board):
    """A cache with something in each file that the board's firmware needs; XDG_CACHE_HOME for it."""
    for name in [*sdcard.BOARDS[board][1], "LICENCE.broadcom"]:
        firmware.store(str(folder / "cambium" / "firmware"), name, name.encode() * 1000)
    return str(folder)


@pytest.mark.parametrize("board", sdcard.BOARDS)
def test_the_card_has_exactly_its_files_byte_for_byte_and_is_the_same_each_time(tmp_path, board):
    tree = tree_for(board)
    folder = os.path.dirname(tree)
    cache = fake_firmware(tmp_path, board)
    for name in "1", "2":
        code, out, err = make(tmp_path / name, board, XDG_CACHE_HOME=cache, CAMBIUM_DTB_DIR=folder, TZ=f"UTC+{name}")
        assert code == 0 and not err, err
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    files = {sdcard.KERNELS[board]: library.machine.IMAGE, "archive.cpio": library.machine.ARCHIVE,
             sdcard.BOARDS[board][0][0][0]: tree}
    boot = sdcard.BOARDS[board][1]
    files.update({n: f"{cache}/cambium/firmware/{n}" for n in (boot and [*boot, "LICENCE.broadcom"])})
    for name, path in files.items():
        with open(path, "rb") as f:
            assert content(tmp_path / "1", name) == f.read(), name
    more = {"config.txt", *(["overlays/disable-bt.dtbo", "overlays/miniuart-bt.dtbo"] if boot else [])}
    assert {n for n in names_on(tmp_path / "1") if not n.endswith(".dtb")} | {tree and sdcard.BOARDS[board][0][0][0]} \
        == set(files) | more
    assert os.path.getsize(tmp_path / "1") == 64 << 20
    (tmp_path / "part").write_bytes((tmp_path / "1").read_bytes()[sdcard.PARTITION:])
    subprocess.run(["/usr/sbin/fsck.vfat", "-n", tmp_path / "part"], check=True, stdout=subprocess.DEVNULL)


def test_config_says_what_the_firmware_must_know(cards, tmp_path):
    text = content(cards("rpi3"), "config.txt").decode("ascii")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == ["arm_64bit=1", "kernel=kernel8.img", "initramfs archive.cpio 0x08000000", "enable_uart=1", "os_check=0"]
    assert "\n#dtoverlay=disable-bt\n" in text and max(map(len, text.splitlines())) <= 98
    assert content(cards("rpi3"), "cmdline.txt") == b"a=1\n"
    code, _, err = make(tmp_path / "c", "rpi3", "--without-firmware", "--disable-bt")
    assert code == 0, err
    assert b"\ndtoverlay=disable-bt\n" in content(tmp_path / "c", "config.txt") and "cmdline.txt" not in names_on(tmp_path / "c")


def test_config_of_a_raspberry_pi_5_has_its_names(cards):
    text = content(cards("rpi5"), "config.txt").decode("ascii")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == ["kernel=kernel_2712.img", "initramfs archive.cpio 0x08000000", "os_check=0", "uart_2ndstage=1"]
    assert "\n#pciex4_reset=0\n#enable_rp1_uart=1\n" in text and max(map(len, text.splitlines())) <= 102


def test_without_firmware_or_tree_no_card_is_made_and_the_way_out_is_said(tmp_path):
    out = tmp_path / "card.img"
    out.write_bytes(b"the one before")
    empty = {"XDG_CACHE_HOME": str(tmp_path), "CAMBIUM_DTB_DIR": str(tmp_path)}
    code, _, err = make(out, "rpi3", "--without-firmware", **empty)
    assert code == 1 and "no device tree" in err and "tools/firmware" in err
    (tmp_path / "bcm2711-rpi-4-b.dtb").write_bytes(b"any")
    if not os.path.isdir(firmware.INSTALLED):
        code, _, err = make(out, "rpi4", **empty)
        assert code == 1 and "start4.elf" in err and "--without-firmware" in err
    assert out.read_bytes() == b"the one before" and {p.name for p in tmp_path.iterdir()} == {"card.img", "bcm2711-rpi-4-b.dtb"}


def test_firmware_without_its_licence_or_of_two_releases_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trees, "DEBIAN", str(tmp_path / "debian"))
    monkeypatch.setattr(firmware, "INSTALLED", str(tmp_path / "installed"))
    names = ["start4.elf", "fixup4.dat"]
    firmware.store(trees.CACHE, "start4.elf", b"new")
    firmware.store(trees.DEBIAN, "start4.elf", b"old"), firmware.store(trees.DEBIAN, "fixup4.dat", b"old")
    assert firmware.find_boot(names) is None
    firmware.store(trees.DEBIAN, "copyright", b"...")
    assert {os.path.dirname(path) for path in firmware.find_boot(names)[0]} == {trees.DEBIAN}
    firmware.store(trees.CACHE, "fixup4.dat", b"new"), firmware.store(trees.CACHE, "LICENCE.broadcom", b"...")
    assert {os.path.dirname(path) for path in firmware.find_boot(names)[0]} == {trees.CACHE}


@pytest.mark.parametrize("arguments, reason", [
    (["-o", "/dev/null"], "not a regular file"), (["-o", "/no/such/folder/c.img"], "no such folder"),
    (["--bootargs", "a\nb"], "one line"), (["--board", "rpi6"], "invalid choice"),
    (["--board", "rpi5", "--disable-bt"], "Bluetooth has no UART")])
def test_what_cannot_be_is_refused(tmp_path, arguments, reason):
    code, _, err = make(tmp_path / "c", "rpi3", *arguments)
    assert code == 2 and reason in err and not os.path.exists(tmp_path / "c")


def started(boot, card, board, uboot, log):
    """U-Boot at its prompt, with the card; its serial line is the first or, where that stays silent, the second. What
    the other one says is written to `log`."""
    qemu, name, _, _ = MODEL[board]
    rest = ["-drive", f"if=sd,format=raw,snapshot=on,file={card}", "-accel", "tcg,thread=single"]
    other = ["-serial", f"file:{log}"]
    own = ["-serial", "mon:stdio"]
    for serials in (other + own, own + other):
        machine = library.machine.Machine([library.machine.QEMU, "-M", qemu, "-nic", "none", "-display", "none", *serials,
                                           "-kernel", uboot(name), "-dtb", tree_for(board), *rest], timeout=60)
        boot(machine)
        try:
            machine.expect("Hit any key to stop autoboot", timeout=20)
        except library.machine.Stopped:
            machine.kill()
            continue
        machine.send(" ")
        machine.expect("U-Boot> ")
        return machine
    raise AssertionError("U-Boot is silent on both serial lines")


def load(machine, board, address, name, size):
    machine.send(f"fatload {MODEL[board][3]} {address} {name}\r")
    machine.expect(rf"{size} bytes read")
    machine.expect("U-Boot> ")


def booted(machine, card, board):
    """All three files come from the card; then the kernel is entered."""
    tree = sdcard.BOARDS[board][0][0][0]
    load(machine, board, "${kernel_addr_r}", "kernel8.img", os.path.getsize(library.machine.IMAGE))
    load(machine, board, "${fdt_addr_r}", tree, len(content(card, tree)))
    load(machine, board, "${ramdisk_addr_r}", "archive.cpio", os.path.getsize(library.machine.ARCHIVE))
    machine.send("booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr_r}\r")
    machine.expect("Starting kernel")


FIRST_LINES = (r"(?s)\[kernel\] Cambium on {model}.*entered at EL2, image at 0x\w+.*RAM \d+ MiB.*"
               r"\[kernel\] boot archive at 0x[0-9a-f]{{7}}, {kib} KiB")


def first_lines(board):
    return FIRST_LINES.format(model=MODEL[board][2], kib=os.path.getsize(library.machine.ARCHIVE) >> 10)


@pytest.fixture
def keep():
    machines = []
    yield machines.append
    for machine in machines:
        machine.kill()


@pytest.mark.parametrize("board", MODEL)
def test_the_prompt_comes_with_all_three_files_from_the_card(keep, cards, uboot, tmp_path, board):
    """U-Boot and Cambium may be at different serial lines, as the U-Boot is: what either says counts."""
    card, other = cards(board), tmp_path / "other"
    machine = started(keep, card, board, uboot, other)
    booted(machine, card, board)

    def said():
        try:
            machine.expect("\x00", timeout=1)  # reads what there is
        except library.machine.Stopped as what:
            text = what.output + other.read_text(encoding="utf-8", errors="replace")
            return re.search(first_lines(board) + ".*cambium> ", text.replace("\r", ""))
    assert library.machine.wait_until(said, timeout=60), other.read_text(encoding="utf-8", errors="replace")
    if "cambium> " in machine.child.before:
        machine.prompt()
        assert machine.run("echo from the card") == "from the card\n"


def test_a_raspberry_pi_5_starts_from_the_cards_files(keep, cards, tmp_path):
    """Its firmware is not on the card: the model's firmware part takes what is."""
    if not raspi5_qemu.find():
        pytest.skip(raspi5_qemu.MISSING)
    card = cards("rpi5")
    for name in ("kernel_2712.img", "archive.cpio", "bcm2712-rpi-5-b.dtb"):
        (tmp_path / name).write_bytes(content(card, name))
    machine = library.start(board="raspi5b", image=str(tmp_path / "kernel_2712.img"), dtb=str(tmp_path / "bcm2712-rpi-5-b.dtb"),
                            initrd=str(tmp_path / "archive.cpio"), extra=["-drive", f"if=sd,format=raw,snapshot=on,file={card}"])
    keep(machine)
    machine.prompt(timeout=60)
    assert re.search(FIRST_LINES.format(model="Raspberry Pi 5 Model B", kib=os.path.getsize(library.machine.ARCHIVE) >> 10),
                     machine.text.replace("\r", ""))


def test_the_overlay_on_the_card_moves_the_prompt_to_the_pl011(keep, cards, tmp_path):
    card = cards("rpi3")
    (tmp_path / "o.dtbo").write_bytes(content(card, "overlays/disable-bt.dtbo"))
    (tmp_path / "in.dtb").write_bytes(content(card, sdcard.BOARDS["rpi3"][0][0][0]))
    moved = str(tmp_path / "moved.dtb")
    subprocess.run(["fdtoverlay", "-i", tmp_path / "in.dtb", "-o", moved, tmp_path / "o.dtbo"], check=True)
    machine = library.start(board="raspi3b", dtb=moved)
    keep(machine)
    assert "null" not in library.machine.board_serials(moved)  # the first serial line, the PL011
    machine.prompt(timeout=60)
    assert "stdout-path -> /soc/serial@7e201000" in library.machine.unfolded(machine.text)
    assert re.search(r"serial@7e201000 +pl011 +running", machine.run("tree"))
    assert "aux_uart" not in machine.run("ps")
