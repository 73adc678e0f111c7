# SPDX-License-Identifier: BSD-2-Clause
"""Every way in: exception level, place of the Image and of the archive, CPU, memory, controller, the kernel's optimisation,
Meson's build type. Not each with each: every value of one with every value of each other, in pairs, under -icount. And
U-Boot, a real loader."""
import itertools
import os
import struct

import boot as library
import pytest

U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
MIB = 1 << 20
AXES = {
    "level": ["EL1", "EL2", "EL3"],
    "image": ["512K", "516K", "4M", "510M"],  # from the start of RAM; the second is a multiple of 4 KiB only
    "archive": ["embedded", "before", "after"],  # the Image
    "cpu": ["cortex-a53", "cortex-a72", "cortex-a76", "max"],
    "memory": ["64M", "128M", "1G", "4G", "9G"],
    "build": ["default", "O0", "O2", "Os"],  # of the kernel's code
    "type": ["debugoptimized", "debug", "release", "minsize"],  # Meson's, of all other code: libfdt, servers, programs
    "gic": [2, 3],
}
LEVELS = {"EL1": [], "EL2": ["virtualization=on"], "EL3": ["secure=on"]}
OFFSETS = {"512K": MIB // 2, "516K": MIB // 2 + 4096, "4M": 4 * MIB, "510M": 510 * MIB}


def possible(case):
    """Where there is room; at EL3 with a GICv2 only (kernel/README.md, Limits); and a kernel of another level embeds only the
    default archive, so that seven builds will do."""
    return not (case.get("image") == "510M" and case.get("memory") in ("64M", "128M")
                or case.get("image") in ("512K", "516K") and case.get("archive") == "before"
                or case.get("level") == "EL3" and case.get("gic") == 3
                or case.get("archive") == "embedded" and case.get("build", "default") != "default"
                and case.get("type", "debugoptimized") != "debugoptimized")


def pairs_of(case):
    return {frozenset(pair) for pair in itertools.combinations(case.items(), 2)}


def all_pairs():
    """Cases that hold every possible pair of values; greedy, the same each time: about 25. (Short axes last: with the other
    order it is a quarter more.)"""
    wanted = set()
    for a, b in itertools.combinations(AXES, 2):
        wanted |= {frozenset([(a, x), (b, y)]) for x in AXES[a] for y in AXES[b] if possible({a: x, b: y})}
    cases = []
    while wanted:
        case = dict(sorted(min(wanted, key=lambda pair: sorted(map(str, pair)))))
        for axis in sorted(set(AXES) - set(case), key=lambda axis: (-len(AXES[axis]), list(AXES).index(axis))):
            choices = [c for c in ({**case, axis: value} for value in AXES[axis]) if possible(c)]
            case = max(choices, key=lambda c: len(pairs_of(c) & wanted))
        wanted -= pairs_of(case)
        cases.append({axis: case[axis] for axis in AXES})
    return cases


def built(case):
    """Image and archive of a case."""
    image, archive = library.IMAGE, library.ARCHIVE
    if case["type"] != "debugoptimized":
        folder = library.variant(case["type"], ["kernel/Image"], [f"-Dbuildtype={case['type']}"], tests=False)
        image, archive = os.path.join(folder, "kernel", "Image"), os.path.join(folder, "servers", "archive.cpio")
    return image if case["build"] == "default" else library.kernel_built(case["build"][1:]), archive


def options(case, folder):
    """For start(): everything loaded by hand, as a loader would that follows the boot protocol to the letter."""
    image, archive = built(case)
    with open(image, "rb") as f:
        image_len = struct.unpack("<16xQ", f.read(24))[0]  # image_size of the header: .bss included
    archive_len = os.path.getsize(archive)
    image_at = library.RAM + OFFSETS[case["image"]]
    behind = (image_at + image_len + MIB) // MIB * MIB
    archive_at = library.RAM + MIB // 4 if case["archive"] == "before" else behind
    machine = {"gic": case["gic"], "memory": case["memory"], "cpu": case["cpu"], "properties": LEVELS[case["level"]]}
    tree = library.qemu_tree(folder, **machine)
    extra = []
    if case["archive"] != "embedded":
        assert archive_at + archive_len <= image_at or case["archive"] == "after"
        chosen = tree.path_offset("/chosen")
        tree.setprop_u64(chosen, "linux,initrd-start", archive_at)
        tree.setprop_u64(chosen, "linux,initrd-end", archive_at + archive_len)
        extra = ["-device", f"loader,file={archive},addr={archive_at:#x},force-raw=on"]
    tree_at = behind + (archive_len // MIB + 1) * MIB + 8  # aligned to 8, no more
    blob = library.blob(tree)
    by_hand = library.loaded_by_hand(folder, tree=blob, tree_address=tree_at, image=image, image_address=image_at)
    # QEMU puts a tree at the start of RAM whatever we do: a small one leaves room, and nobody looks at it
    return {**machine, **by_hand, "extra": by_hand["extra"] + extra, "icount": True,
            "dtb": library.save(folder, "qemus.dtb", blob)}


@pytest.mark.parametrize("case", all_pairs(), ids=lambda case: "-".join(map(str, case.values())))
def test_boots(boot, tmp_path, case):
    machine = boot(**options(case, tmp_path))
    machine.prompt()
    where = library.RAM + OFFSETS[case["image"]]
    assert f"entered at {case['level']}, image at {where:#x}" in machine.text
    assert "Hello from Cambium." in machine.run("hello")
    assert "PANIC" not in machine.text
    if case["level"] != "EL3":  # there is no firmware above to switch the machine off
        machine.send("poweroff\r")
        assert machine.ended() == 0


def test_u_boot_boots_the_image_with_its_own_tree(boot):
    image_at = library.RAM + 64 * MIB
    machine = boot(image=None, extra=["-bios", U_BOOT, "-device", f"loader,file={library.IMAGE},addr={image_at:#x},force-raw=on"])
    machine.expect("Hit any key to stop autoboot")
    machine.send("\r")
    machine.expect("=> ")
    machine.send(f"booti {image_at:#x} - ${{fdtcontroladdr}}\r")
    machine.prompt()
    assert "entered at EL1" in machine.text
    assert "Hello from Cambium." in machine.run("hello")
    machine.send("poweroff\r")
    assert machine.ended() == 0
