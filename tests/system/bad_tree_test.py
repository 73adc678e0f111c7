# SPDX-License-Identifier: BSD-2-Clause
"""A tree that is missing, cut or wrong stops the boot with its reason, or costs only the node that is wrong."""
import re
import struct

import boot as library


def silent_reason(boot, folder, **how):
    """Why a machine without output halted: the reason is in its log in memory."""
    monitor = library.Monitor(folder)
    options = library.loaded_by_hand(folder, **how)
    options["extra"] += monitor.options
    boot(**options)

    def find():
        path = folder / "memory"
        monitor.ask(f'pmemsave {library.IMAGE_AT:#x} {8 << 20:#x} "{path}"')
        match = re.search(rb"\[kernel\] halted: ([ -~]+)\n", path.read_bytes() if path.exists() else b"")
        return match and match.group(1).decode()

    return library.machine.wait_until(find, timeout=20)


def test_no_tree_halts_with_the_reason(boot, tmp_path):
    """x0 = 0: no address is guessed, so there is no output either."""
    assert "device tree" in silent_reason(boot, tmp_path)


def test_a_tree_that_is_not_aligned_halts_with_the_reason(boot, tmp_path):
    tree = library.blob(library.qemu_tree(tmp_path))
    assert "not 8-byte aligned" in silent_reason(boot, tmp_path, tree=tree, tree_address=library.TREE_AT + 4)


def halts(machine, *words):
    machine.expect(r"halted: ", timeout=20)
    line = machine.expect(r"([^\n]*)\n", timeout=5).group(1)
    for word in words:
        assert word in line, line


def test_boots_when_loaded_by_hand(boot, tmp_path):
    """The harness itself: with a good tree the same way of loading gives a prompt."""
    tree = library.blob(library.qemu_tree(tmp_path))
    boot(**library.loaded_by_hand(tmp_path, tree)).prompt()


def test_a_cut_tree_halts_with_the_reason(boot, tmp_path):
    tree = library.blob(library.qemu_tree(tmp_path))
    assert "device tree" in silent_reason(boot, tmp_path, tree=tree[:len(tree) // 2])


def test_a_blob_that_is_no_tree_halts_with_the_reason(boot, tmp_path):
    assert "device tree" in silent_reason(boot, tmp_path, tree=b"this is no tree" * 100)


def test_no_memory_node_halts_and_the_early_console_says_so(boot, tmp_path):
    tree = library.qemu_tree(tmp_path)
    tree.del_node(library.subnode(tree, 0, "memory"))
    halts(boot(**library.loaded_by_hand(tmp_path, library.blob(tree))), "memory")


def test_more_reservations_than_are_read_halt_with_the_reason(boot, tmp_path):
    """None is dropped in silence: what is reserved would be given away."""
    tree = bytearray(library.blob(library.qemu_tree(tmp_path)))
    entries = b"".join(struct.pack(">QQ", library.RAM + 0xa000000 + i * 4096, 4096) for i in range(600)) + bytes(16)
    tree += bytes(-len(tree) % 8)
    struct.pack_into(">I", tree, 16, len(tree))  # off_mem_rsvmap
    tree += entries
    struct.pack_into(">I", tree, 4, len(tree))  # totalsize
    halts(boot(**library.loaded_by_hand(tmp_path, bytes(tree))), "reservations")


def test_more_ranges_of_memory_than_are_read_halt_with_the_reason(boot, tmp_path):
    tree = library.qemu_tree(tmp_path)
    tree.resize(tree.totalsize() + (1 << 16))
    pairs = b"".join(struct.pack(">QQ", library.RAM + i * (3 << 20), 2 << 20) for i in range(300))
    tree.setprop(library.subnode(tree, 0, "memory"), "reg", pairs)
    halts(boot(memory="1G", **library.loaded_by_hand(tmp_path, library.blob(tree))), "ranges")


def test_a_controller_that_nobody_serves_is_named_and_its_children_wait(boot, tmp_path):
    tree = library.qemu_tree(tmp_path)
    tree.setprop_str(library.subnode(tree, 0, "intc"), "compatible", "test,unknown-controller")
    machine = boot(**library.loaded_by_hand(tmp_path, library.blob(tree)))
    machine.expect(r"/pl011@\w+: drv/pl011 waits for [^\n]*/intc@\w+", timeout=20)


def test_a_node_without_its_registers_is_refused_and_the_rest_runs(boot, tmp_path):
    tree = library.qemu_tree(tmp_path)
    tree.setprop(library.subnode(tree, 0, "pl031"), "compatible", b"arm,pl011\0")
    tree.setprop(library.subnode(tree, 0, "pl031"), "reg", struct.pack(">I", 0))
    machine = boot(dtb=library.save(tmp_path, "wrong.dtb", library.blob(tree)))
    machine.prompt()
    assert "REFUSED" in machine.run("tree")


def test_a_window_over_ram_is_refused_and_the_rest_runs(boot, tmp_path):
    tree = library.qemu_tree(tmp_path)
    node = library.subnode(tree, 0, "pl031")
    tree.setprop(node, "compatible", b"arm,pl011\0")
    tree.setprop(library.subnode(tree, 0, "pl031"), "reg", struct.pack(">QQ", library.RAM + 0x1000000, 0x1000))
    machine = boot(dtb=library.save(tmp_path, "ram.dtb", library.blob(tree)))
    machine.prompt()
    assert "REFUSED" in machine.run("tree")
