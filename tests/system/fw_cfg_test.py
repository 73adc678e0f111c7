# SPDX-License-Identifier: BSD-2-Clause
"""Files that QEMU was given reach the prompt, byte for byte, and a killed driver changes nothing about it."""
import re

import boot as library

NAME = "opt/org.cambium/"


def rows(answer):
    """The bytes of a listing in hexadecimal; a prompt may stand before a line of a program in the background."""
    lines = re.findall(r"^(?:cambium> )*[0-9a-f]{6} ((?: [0-9a-f]{2}){1,16})(?=  )", answer, re.M)
    return bytes.fromhex("".join(lines))


def test_files_are_listed_and_printed(boot, tmp_path):
    data = bytes((n * 7 + n // 256) % 256 for n in range(1000))
    path = library.save(tmp_path, "data.bin", data)
    limit = library.save(tmp_path, "long.bin", bytes(2 << 20))
    machine = boot(extra=["-fw_cfg", f"name={NAME}words,string=two words", "-fw_cfg", f"name={NAME}data,file={path}",
                          "-fw_cfg", f"name={NAME}long,file={limit}"])
    machine.prompt()
    listed = {name: int(size) for size, name in re.findall(r"^ *(\d+)  (\S+)$", machine.run("fwcfg"), re.M)}
    assert listed[NAME + "words"] == len("two words")
    assert listed[NAME + "data"] == len(data)
    assert machine.run(f"fwcfg {NAME}words") == "two words\n"
    assert rows(machine.run(f"fwcfg {NAME}data")) == data
    for name, reason in (("opt/none", "E_NOTFOUND"), (NAME + "long", "E_LIMIT"), ("x" * 56, "E_NOTFOUND")):
        assert reason in machine.run(f"fwcfg {name}")
        assert machine.status() == 1
    assert "usage: fwcfg" in machine.run("fwcfg a b")
    assert machine.status() == 2

    machine.run("kill fw_cfg")
    assert rows(machine.run(f"fwcfg {NAME}data")) == data
    start = len(machine.text)  # what a program in the background prints comes when it likes
    machine.run(f"fwcfg {NAME}data & ; kill fw_cfg")
    assert library.machine.wait_until(lambda: machine.run("echo and") and "fwcfg: done" in machine.text[start:])
    assert rows(library.machine.clean(machine.text[start:])) == data
    assert machine.run(f"fwcfg {NAME}words") == "two words\n"
    assert re.search(r"fw_cfg +running, restarted 2 times", machine.run("tree"))


def test_a_window_without_the_device_is_named(boot, tmp_path):
    """The tree has it where QEMU has flash memory with nothing in it."""
    tree = library.qemu_tree(tmp_path)
    tree.setprop_str(library.subnode(tree, 0, "flash@"), "status", "disabled")
    node = library.subnode(tree, 0, "fw-cfg@")
    tree.setprop(node, "reg", (0x4000000).to_bytes(8, "big") + (0x18).to_bytes(8, "big"))
    machine = boot(dtb=library.save(tmp_path, "absent.dtb", library.blob(tree)))
    machine.prompt()
    log = machine.run("log")
    assert re.search(r"error: \[fw_cfg\] /fw-cfg@9020000: no signature at offset 0x10 \(0x[0-9a-f]+ 0x[0-9a-f]+\)", log)
    assert "/fw-cfg@9020000: drv/fw_cfg did not start: no signature" in log
    assert "none here" in machine.run("fwcfg") and machine.status() == 1
