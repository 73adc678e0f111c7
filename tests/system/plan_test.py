# SPDX-License-Identifier: BSD-2-Clause
"""What tools/plan says on the host is what the running system does: its JSON against the shell's command tree."""
import json
import os
import re
import subprocess

import boot as library
import pytest

TOOL = os.path.join(library.ROOT, "tools", "plan")


def planned(path, *options):
    done = subprocess.run([TOOL, "--no-install", "--json", path, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def short(name):
    return name.rpartition("/")[2]


def expected(node):
    """What the command tree says of a node, without its name; runs of blanks are one. Sockets are empty here."""
    if "decided_by_registers" in node:
        assert node["decided_by_registers"] == ["drv/virtio_blk", "drv/virtio_console", "drv/virtio_rng"]
        return "empty"
    return {"none": lambda: "", "disabled": lambda: "disabled", "unclaimed": lambda: "no server", "kernel": lambda: "kernel",
            "served": lambda: f"{short(node['server'])} running", "waiting": lambda: f"waits for {node['why']}",
            "refused": lambda: f"REFUSED: {node['why']}", "covered": lambda: node["why"]}[node["state"]]()


def seen(answer):
    """{path: state} of the lines that `tree -a` printed, and {service: state} of what has no node."""
    nodes, services, above = {}, {}, []
    lines, _, rest = answer.partition("without a node\n")
    for line in lines.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name, _, state = line.strip().partition(" ")
        del above[depth:]
        above.append("" if name == "/" else name)
        nodes["/".join(above) or "/"] = " ".join(state.split())
    for line in rest.splitlines():
        name, _, state = line.strip().partition(" ")
        services[name] = " ".join(state.split())
    return nodes, services


def test_the_plan_is_what_the_system_does(boot, tmp_path, gic):
    """On QEMU's own tree, with a UART more that must wait, one that lies over RAM and one that is covered."""
    tree = library.qemu_tree(tmp_path, gic=gic)
    clock = "/apb-pclk"  # behind the UART, which so keeps its registers
    for name in ("#address-cells", "#size-cells"):
        tree.setprop_u32(tree.path_offset(clock), name, 2)
    tree.setprop(tree.path_offset(clock), "ranges", b"")
    for parent, name, address, line in (("/", "waits@b000000", 0xb000000, None), ("/", "refused@40000000", 0x40000000, 99),
                                        (clock, "covered@9000000", 0x9000000, 99)):
        tree.add_subnode(tree.path_offset(parent), name)
        path = f"{parent.rstrip('/')}/{name}"
        tree.setprop_str(tree.path_offset(path), "compatible", "arm,pl011")
        tree.setprop(tree.path_offset(path), "reg", address.to_bytes(8, "big") + (4096).to_bytes(8, "big"))
        if line is not None:
            cells = b"".join(c.to_bytes(4, "big") for c in (0, line, 4))
            tree.setprop(tree.path_offset(path), "interrupts", cells)
    path = str(tmp_path / "tree.dtb")
    with open(path, "wb") as f:
        f.write(library.blob(tree))
    plan = planned(path)
    machine = boot(gic=gic, dtb=path)
    machine.prompt()
    nodes, services = seen(machine.run("tree -a"))
    wanted = {n["path"]: expected(n) for n in plan["nodes"] if not n.get("is_data")}
    assert {p: s for p, s in nodes.items() if p in wanted} == wanted
    assert {n["state"] for n in plan["nodes"]} >= {"served", "waiting", "refused", "covered", "kernel", "unclaimed", "none"}
    assert services["mux/serial"] == "serial running"
    assert [(s["name"], s["server"]) for s in plan["services"]] == [("block", "mux/block"), ("console", "mux/serial")]
    log = machine.run("log")
    for node in plan["nodes"]:
        if "rank" in node:
            assert re.search(rf"{re.escape(node['path'])}: {node['server']} \(rank {node['rank']}[,)]", log), log


@pytest.mark.parametrize("arguments, status, words", [
    ([], 2, "usage:"), (["--help"], 0, "--svg"), (["/no/such/file.dtb"], 1, "/no/such/file.dtb: No such file"),
    (["/"], 1, "/: Is a directory"), (["x.dtb", "--json", "--svg", "y"], 2, "not allowed with"),
    (["x.dtb", "--memory", "much"], 2, "much is not BASE+LEN")])
def test_wrong_uses_say_what_is_wrong(arguments, status, words):
    done = subprocess.run([TOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == status and words in done.stdout


def test_it_prints_draws_and_stops_at_a_closed_pipe(tmp_path):
    path = os.path.join(library.BUILD, "tests", "host", "good-virt-gicv2.dtb")
    text = subprocess.run([TOOL, "--no-install", path], stdout=subprocess.PIPE, check=True, text=True).stdout
    assert "drv/gicv2" in text and "window 0: 0x9000000 + 0x1000" in text
    assert re.search(r"Sockets: .*\n +virtio,mmio: drv/virtio_blk, drv/virtio_console, drv/virtio_rng, or none\n +/virtio_mmio@a000000, /virtio_mmio@a000200,", text)
    subprocess.run([TOOL, "--no-install", path, "--svg", tmp_path / "out.svg"], check=True)
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").startswith("<svg")
    done = subprocess.run(f"{TOOL} --no-install {path} --json | head -c 10", shell=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    assert done.stderr == ""
