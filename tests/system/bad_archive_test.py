# SPDX-License-Identifier: BSD-2-Clause
"""Archives and images that are damaged: the reason is given, and what is not affected runs."""
import re
import struct

import boot as library
import pytest


def boot_with(boot, folder, contents):
    return boot(initrd=library.archive(folder, contents))


def halts(machine, *words):
    machine.expect(r"halted: ", timeout=20)
    line = machine.expect(r"([^\n]*)\n", timeout=5).group(1)
    for word in words:
        assert word in line, line


def test_an_archive_without_init_halts_with_the_reason(boot, tmp_path):
    contents = library.entries()
    del contents["init"]
    halts(boot_with(boot, tmp_path, contents), "init")


def test_an_archive_that_is_none_halts_with_the_reason(boot, tmp_path):
    halts(boot(initrd=library.save(tmp_path, "garbage", b"garbage!" * 1000)), "archive")


def test_a_cut_archive_halts_with_the_reason(boot, tmp_path):
    path = library.archive(tmp_path, library.entries())
    with open(path, "rb") as f:
        data = f.read()
    halts(boot(initrd=library.save(tmp_path, "cut", data[:len(data) // 2])), "archive")


def test_a_damaged_init_halts_with_the_reason(boot, tmp_path):
    contents = library.entries()
    contents["init"] = b"\x7fELLE" + contents["init"][5:]
    halts(boot_with(boot, tmp_path, contents), "init")


def test_a_cut_init_halts_with_the_reason(boot, tmp_path):
    contents = library.entries()
    contents["init"] = contents["init"][:300]
    halts(boot_with(boot, tmp_path, contents), "init")


def test_an_init_without_segments_stops_with_a_report(boot, tmp_path):
    contents = library.entries()
    contents["init"] = contents["init"][:64] + b"\xff" * 200 + contents["init"][264:]
    boot_with(boot, tmp_path, contents).expect(r"(halted|PANIC): [^\n]*init", timeout=20)


def test_an_init_that_faults_is_a_panic_that_says_where(boot, tmp_path):
    """Its first instruction is undefined."""
    contents = library.entries()
    entry, = struct.unpack_from("<Q", contents["init"], 24)  # also its offset in the file: the first segment begins both
    contents["init"] = contents["init"][:entry] + bytes(4) + contents["init"][entry + 4:]
    machine = boot_with(boot, tmp_path, contents)
    machine.expect(r"PANIC: init: undef 0x[^\n]*", timeout=20)
    machine.expect("process init", timeout=5)
    found = machine.expect(r"\[kernel\] init 0x[0-9a-f]+: pc \+(0x[0-9a-f]+) lr", timeout=5)
    assert int(found.group(1), 16) == entry


def with_initrd(boot, folder, start, end, no_map=None):
    """A machine whose tree says that the archive lies in [start, end), and forbids to map `no_map`."""
    tree = library.qemu_tree(folder)
    chosen = tree.path_offset("/chosen")
    tree.setprop(chosen, "linux,initrd-start", struct.pack(">Q", start))
    tree.setprop(tree.path_offset("/chosen"), "linux,initrd-end", struct.pack(">Q", end))
    if no_map is not None:
        node = tree.add_subnode(0, "reserved-memory")
        for name in ("#address-cells", "#size-cells"):
            tree.setprop_u32(tree.path_offset("/reserved-memory"), name, 2)
        node = tree.add_subnode(tree.path_offset("/reserved-memory"), "secret")
        tree.setprop(node, "no-map", b"")
        tree.setprop(tree.path_offset("/reserved-memory/secret"), "reg", struct.pack(">QQ", *no_map))
    return boot(**library.loaded_by_hand(folder, library.blob(tree)))


@pytest.mark.parametrize("start, end", [(library.RAM + 0x4000000, 2 ** 64 - 1), (2 ** 64 - 8192, 2 ** 64 - 1),
                                        (library.RAM - 4096, library.RAM + 4096)])
def test_an_archive_outside_of_ram_halts_with_the_reason(boot, tmp_path, start, end):
    halts(with_initrd(boot, tmp_path, start, end), "archive", f"{start:#x}")


def test_an_archive_that_must_not_be_mapped_halts_with_the_reason(boot, tmp_path):
    start = library.RAM + 0x4000000
    halts(with_initrd(boot, tmp_path, start, start + 0x1000, no_map=(start + 0xfff, 1)), "archive", f"{start:#x}")


def test_an_archive_over_the_kernel_halts_with_the_reason(boot, tmp_path):
    start = library.IMAGE_AT + 0x4000
    halts(with_initrd(boot, tmp_path, start, start + 0x100000), "archive", f"{start:#x}")


def test_a_damaged_program_is_refused_with_the_reason(boot, tmp_path):
    contents = library.entries()
    contents["bin/hello"] = contents["bin/hello"][:300]
    machine = boot_with(boot, tmp_path, contents)
    machine.prompt()
    assert "E_FORMAT" in machine.run("hello")
    assert machine.status() == 126


def test_a_program_of_another_machine_is_refused(boot, tmp_path):
    contents = library.entries()
    elf = bytearray(contents["bin/hello"])
    struct.pack_into("<H", elf, 18, 62)  # e_machine: x86-64
    contents["bin/hello"] = bytes(elf)
    machine = boot_with(boot, tmp_path, contents)
    machine.prompt()
    assert "E_FORMAT" in machine.run("hello")


def with_abi(elf, version):
    """The same server, built for another ABI: the last word of each entry of .cambium.match."""
    at = elf.index(b"cambium,test-stuck\0")
    entry = 48 + 16 + 64  # compatible, provides, requires; then flags, abi (struct dev_match)
    return elf[:at + entry + 4] + struct.pack("<I", version) + elf[at + entry + 8:]


def stuck_tree(tmp_path):
    tree = library.qemu_tree(tmp_path)
    tree.setprop_str(tree.add_subnode(0, "stuck"), "compatible", "cambium,test-stuck")
    return library.save(tmp_path, "stuck.dtb", library.blob(tree))


def test_a_server_for_another_abi_is_refused_and_the_rest_runs(boot, tmp_path):
    contents = library.entries()
    contents["drv/stuck"] = with_abi(library.program("stuck"), 99)
    machine = boot(initrd=library.archive(tmp_path, contents), dtb=stuck_tree(tmp_path))
    machine.prompt()
    assert "ABI" in machine.run("log")


def test_a_server_that_never_becomes_ready_is_reported_and_the_rest_runs(boot, tmp_path):
    contents = library.entries()
    contents["drv/stuck"] = library.program("stuck")
    machine = boot(initrd=library.archive(tmp_path, contents), dtb=stuck_tree(tmp_path))
    machine.prompt()
    assert library.machine.wait_until(lambda: "BROKEN" in machine.run("tree"), timeout=120, pause=2)
    assert "/stuck" in machine.run("log")
    assert "Hello from Cambium." in machine.run("hello")


def greedy_tree(tmp_path, **nodes):
    """A tree with a node for each; its value is the property "how" (tests/system/programs/greedy.c), or a compatible."""
    tree = library.qemu_tree(tmp_path)
    for name, how in nodes.items():
        node = tree.add_subnode(0, name)
        tree.setprop_str(node, "compatible", how if isinstance(how, str) else "cambium,test-greedy")
        if not isinstance(how, str):
            tree.setprop_u32(tree.path_offset("/" + name), "how", how)
    return library.save(tmp_path, "greedy.dtb", library.blob(tree))


WELL, SILENT, HOG, LEAK = range(4)


def test_each_bad_driver_is_named_with_the_reason_and_the_rest_runs(boot, tmp_path):
    contents, greedy = library.entries(), library.program("greedy")
    contents.update({"drv/greedy": greedy, "drv/twin": greedy, "drv/tableless": contents["bin/hello"], "drv/short": greedy[:5000],
                     "drv/other": greedy[:18] + b"\x3e\0" + greedy[20:], "drv/narrow": greedy[:4] + b"\1" + greedy[5:],
                     "mux/text": b"not a program"})
    machine = boot(initrd=library.archive(tmp_path, contents),
                   dtb=greedy_tree(tmp_path, well=WELL, silent=SILENT, leak=LEAK, lacking="cambium,test-lacking"))
    machine.prompt()
    log = machine.run("log")
    for sentence in [
            "/well: drv/greedy and drv/twin both claim \"cambium,test-greedy\": drv/greedy serves it; take one out of the archive",
            "drv/tableless: has no match table, so it serves nothing: DEV_MATCH_TABLE is missing",
            "drv/other: cannot be used: built for another machine than AArch64 (E_FORMAT); build it anew",
            "drv/narrow: cannot be used: not a 64-bit little-endian ELF file (E_FORMAT); build it anew",
            "mux/text: cannot be used: not an ELF file, or cut off in its header (E_FORMAT); build it anew",
            "/lacking: drv/greedy waits for resets bridge, which leads nowhere"]:
        assert sentence in log, log
    assert "drv/short: cannot be used: " in log and "(cut off?) (E_FORMAT)" in log
    assert "waits for resets bridge" in " ".join(machine.run("tree /lacking").split()), machine.run("tree /lacking")
    for sentence in [r"/leak: drv/greedy uses \d+ of 512 pages and 40\d\d of 4095 handles: does it leak\? 'restart /leak' frees them",
                     "/silent: drv/greedy does not answer any more: stopped"]:
        assert library.machine.wait_until(lambda: re.search(sentence, machine.run("log")), timeout=60, pause=1), machine.run("log")
    assert "Hello from Cambium." in machine.run("hello")


def test_a_driver_that_takes_the_cpu_is_stopped_and_those_it_starved_are_not(boot, tmp_path):
    contents = library.entries()
    contents["drv/greedy"] = library.program("greedy")
    machine = boot(initrd=library.archive(tmp_path, contents), dtb=greedy_tree(tmp_path, hog=HOG))
    machine.expect("/hog: drv/greedy takes the CPU from all below it: stopped", timeout=60)
    assert machine.text.count("stopped") == 1, machine.text
