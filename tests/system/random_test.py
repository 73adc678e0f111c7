# SPDX-License-Identifier: BSD-2-Clause
"""Where kernel and programs lie comes from /chosen's kaslr-seed and rng-seed, which nobody else gets to see. Without seeds
all lies where the source says."""
import os
import re
import struct

import boot as library
import pytest

HALF, LINEAR, IMAGE = 0xffffff8000000000, 0xffffff8000000000, 0xffffffff80000000  # kernel/arch/aarch64/mmu.h
GIB, MIB = 1 << 30, 1 << 20
TABLES = 11  # of 2 MiB each: image, windows, tree


def kernel_at(seed):
    """Image and linear map, as kernel/arch/aarch64/early.c says in words."""
    if not seed:
        return IMAGE, LINEAR
    linear, image = seed & 0xff, seed >> 8 & 0xff
    return (HALF + (linear + 256 + image) % 512 * GIB + (TABLES + (seed >> 16) % (512 - 2 * TABLES)) * 2 * MIB,
            HALF + linear * GIB)


def tree_with(folder, kaslr, rng, **more):
    """QEMU's tree with these bytes as seeds (None: no such property), and more properties of /chosen."""
    tree = library.qemu_tree(folder, properties=["dtb-randomness=off"])
    chosen = tree.path_offset("/chosen")
    for name, value in {"kaslr-seed": kaslr, "rng-seed": rng, **more}.items():
        if value is not None:
            tree.setprop(chosen, name, value)
    return library.blob(tree)


def boot_with(boot, folder, kaslr, rng, **options):
    """QEMU puts another rng-seed in the place of one that is there."""
    return boot(dtb=library.save(folder, "seeds.dtb", tree_with(folder, kaslr, rng)), **options)


def seed_of(number):
    """As the kernel reads it: little endian."""
    return struct.pack("<Q", number)


@pytest.mark.parametrize("seed", [
    None, 0, 0x1_0000_0000, 0x5a5a_1234_0000_0000, 0x1_ffff_ffff, 0x77_01df_fdff, 0x9_01e9_fe00, 0x9_0000_0100_00fe,
    0x123456789abcdef0], ids=lambda seed: "none" if seed is None else f"{seed:#x}")
def test_the_kernel_lies_where_its_seed_says_and_nowhere_else(boot, tmp_path, seed):
    monitor = library.Monitor(tmp_path)
    machine = boot_with(boot, tmp_path, None if seed is None else seed_of(seed), None, extra=monitor.options)
    machine.prompt()
    said = "/chosen has no kaslr-seed: addresses are fixed" in machine.run("log")
    assert said == (not seed)
    image, linear = kernel_at(seed)

    def mapped(address):
        return "gpa:" in monitor.ask(f"gva2gpa {address:#x}")

    ram, text = library.RAM + 512 * MIB, library.kernel_symbols()["stop_at_fault"]
    assert library.machine.wait_until(lambda: mapped(image + text), timeout=20)  # EL1: the kernel idles
    assert f"gpa: {ram:#x}" in monitor.ask(f"gva2gpa {linear + ram:#x}")
    if image != IMAGE:
        assert not mapped(IMAGE + text)
    if linear != LINEAR:
        assert not mapped(LINEAR + ram)
    # the tree's window, of the boot only, and what lies behind it: 11 tables from the image on
    assert not any(mapped(image + 2 * MIB * n) for n in (9, 10, 11, 12))


def test_a_seed_of_any_length_boots(boot, tmp_path):
    for kaslr, rng in (b"", b""), (b"abc", b"d"), (bytes(range(1, 100)), bytes(range(1, 200))):
        machine = boot_with(boot, tmp_path, kaslr, rng)
        machine.prompt()
        machine.kill()


PLACE = re.compile(r"image (0x\w+) stack (0x\w+) free (0x\w+) tree (0x\w+) seeds (\d+) of (\d+), (\d+) of (\d+) set")


def archive_with_where(folder):
    return library.archive(folder, {**library.entries(), "bin/where": library.program("where")})


def places(machine):
    machine.prompt()
    return [PLACE.search(machine.run("where")).groups() for _ in range(3)]


def test_each_program_lies_elsewhere_and_sees_no_seed(boot, tmp_path):
    machine = boot_with(boot, tmp_path, bytes(range(1, 9)), bytes(range(1, 33)), initrd=archive_with_where(tmp_path))
    found = places(machine)
    assert len({place[0] for place in found}) == 3
    for image, stack, free, tree, *seeds in found:
        assert seeds == ["0", "8", "0", "32"]
        assert int(image, 16) % (2 * MIB) == 0
        assert int(image, 16) < int(stack, 16) < int(tree, 16) < int(free, 16) < int(image, 16) + 2 * MIB


def test_without_seeds_each_program_lies_at_the_same_place(boot, tmp_path):
    machine = boot_with(boot, tmp_path, None, None, initrd=archive_with_where(tmp_path))
    assert {place[0] for place in places(machine)} == {hex(2 * MIB)}


def init_at(boot, folder, kaslr, rng):
    """`where` as init; loaded by hand, so that all bytes of the seeds are as they are said."""
    archive = library.archive(folder, {"init": library.program("where")})
    at = library.TREE_AT + 4 * MIB
    tree = tree_with(folder, kaslr, rng, **{"linux,initrd-start": struct.pack(">Q", at),
                                            "linux,initrd-end": struct.pack(">Q", at + os.path.getsize(archive))})
    options = library.loaded_by_hand(folder, tree)
    options["extra"] += ["-device", f"loader,file={archive},addr={at:#x},force-raw=on"]
    machine = boot(**options)
    machine.expect("halted: init ended", timeout=30)
    found = PLACE.search(machine.text).groups()
    assert found[4] == found[6] == "0"
    return [int(at, 16) for at in found[:4]]


def test_init_lies_where_the_seeds_say(boot, tmp_path):
    fixed = init_at(boot, tmp_path, None, None)
    assert fixed[0] == 2 * MIB
    slid = init_at(boot, tmp_path, seed_of(1), struct.pack("<QQQQ", 0x0000_0234_0000_0567, 2, 3, 4))
    assert slid[0] == 2 * MIB + 0x567 * 4096
    assert [a - b for a, b in zip(slid[1:], fixed[1:])] == [0x234 * 4096] * 3
    high = init_at(boot, tmp_path, seed_of(1), b"\xff" * 32)
    assert high[0] == 2 * MIB + 32 * GIB - 4096 and high[1] < 512 * GIB
    alone = init_at(boot, tmp_path, seed_of(0x777_0000_0000), None)  # a loader with one seed only
    assert alone[0] == 2 * MIB + 0x777 * 4096 and alone[3] == fixed[3] + 0x777 * 4096
