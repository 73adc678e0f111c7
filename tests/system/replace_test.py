# SPDX-License-Identifier: BSD-2-Clause
"""restart NAME --from IMAGE: another image in a server's place, on the running system; a bad one changes nothing."""
import re
import struct

import boot as library
import pytest


def changed(elf, at, format_, value):
    data = bytearray(elf)
    struct.pack_into(format_, data, at, value)
    return bytes(data)


def abi_at(elf):
    """Where the file tells its ABI version."""
    return library.tools_image.read_sections(elf, library.tools_image.check_head(elf))[".cambium.abi"][1]


@pytest.fixture
def machine(boot, tmp_path):
    """At its prompt, with images in spare/ that no node gets by itself."""
    contents = library.entries()
    odd, hello, gicv2 = library.program("pl011_odd"), contents["bin/hello"], contents["drv/gicv2"]
    contents.update({"spare/marked": odd, "spare/fails": odd, "spare/faults": odd, "spare/stuck": library.program("stuck"),
                     "spare/gic": gicv2, "spare/badgic": library.program("root"), "spare/hello": hello, "spare/text": b"hello\n",
                     "spare/x86": changed(odd, 18, "<H", 62), "spare/bits": changed(odd, 4, "<B", 1), "spare/cut": odd[:len(odd) // 2],
                     "spare/old": changed(odd, abi_at(odd), "<I", 99)})
    machine = boot(initrd=library.archive(tmp_path, contents))
    machine.prompt()
    return machine


def server(machine, node):
    """(process's name, times restarted) of the server of a node."""
    found = re.search(r"(\w+) +running(?:, restarted (\d+) time)?", machine.run(f"tree {node}"))
    return found and (found[1], int(found[2] or 0))


def test_a_bad_image_is_refused_with_the_reason_and_the_old_server_runs_on(machine):
    pid = re.search(r"(\d+) pl011 ", machine.run("ps"))[1]
    for image, reason in {
            "text": "not an ELF file, or cut off in its header (E_FORMAT)", "bits": "not a 64-bit little-endian ELF file (E_FORMAT)",
            "x86": "built for another machine than AArch64 (E_FORMAT)", "cut": "(cut off?) (E_FORMAT)",
            "old": "built for another version of the kernel's ABI (E_ABI)",
            "hello": "it has no match table, so it is no server (E_INVAL)",
            "stuck": 'it serves "cambium,test-stuck", and not "arm,pl011" (E_INVAL)'}.items():
        said = machine.run(f"restart pl011 --from {image}")
        assert f"spare/{image}: " in said and f"{reason}; drv/pl011 stays" in said, said
        assert machine.status() == 1
    assert "the boot archive has no such image" in machine.run("restart pl011 --from nothing")
    assert "no such server" in machine.run("restart nothing --from marked")
    assert "usage: restart NAME" in machine.run("restart pl011 --from")
    assert re.search(r"(\d+) pl011 ", machine.run("ps"))[1] == pid


def test_a_server_goes_on_from_another_image_until_it_is_told_otherwise(machine):
    def becomes(name, restarts):
        assert library.machine.wait_until(lambda: server(machine, "/pl011@9000000") == (name, restarts)), machine.run("log")
        assert "Hello from Cambium." in machine.run("hello")

    machine.run("restart pl011 --from spare/marked")
    assert machine.status() == 0
    becomes("marked", 1)
    machine.run("restart pl011")
    becomes("marked", 2)
    machine.run("kill marked")
    becomes("marked", 3)
    machine.run("restart marked --from drv/pl011")
    becomes("pl011", 4)
    log = machine.run("log")
    assert "/pl011@9000000: spare/marked in place of drv/pl011" in log and log.count("outside of the tree") == 3


def test_an_image_that_is_given_up_makes_room_for_the_former(machine):
    machine.run("restart pl011 --from marked")
    for image, why in {"fails": "it cannot", "faults": "fault: "}.items():
        machine.run(f"restart pl011 --from {image}")
        assert library.machine.wait_until(lambda: f"spare/{image} is given up: " in machine.run("log"), timeout=30), machine.run("log")
        assert re.search(rf"spare/{image} is given up: {why}[^\n]*; back to spare/marked", machine.run("log"))
        assert library.machine.wait_until(lambda: (server(machine, "/pl011@9000000") or [""])[0] == "marked")


def test_the_root_of_interrupts_can_be_replaced_and_comes_back_from_a_bad_one(machine):
    machine.run("restart gicv2 --from gic")
    assert library.machine.wait_until(lambda: server(machine, "/intc@8000000") == ("gic", 1))
    machine.run("sleep 0.1")
    machine.run("restart gic --from badgic")
    assert library.machine.wait_until(lambda: (server(machine, "/intc@8000000") or [""])[0] == "gic")
    machine.run("sleep 0.1")
    assert "spare/badgic is given up: fault: breakpoint" in machine.run("log")
    assert "cannot be the root" not in machine.run("log")
