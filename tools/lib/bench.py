# SPDX-License-Identifier: BSD-2-Clause
"""tools/bench: counts the instructions that Cambium's common paths take, in QEMU, the same in every run."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import build
import goals
import helptext
import machine
import raspi5_qemu
import trees

DESCRIPTION = """\
Builds, boots Cambium in QEMU (-icount shift=0,sleep=off) under a plugin that counts every executed instruction, runs
bin/bench at the prompt, and prints a table: virt (GICv2, cortex-a72, one core), which the goals are for, and raspi3b,
raspi4b and raspi5b (with their four cores, of which one runs) if there is a device tree for them, and for the last one the
QEMU of tools/raspi5-qemu; virt once more with a GICv3 for
irq_to_driver_gicv3, with somebody at its console for the keys serial_*, and with a disk for blk_*; virt and raspi5b while their
servers are killed, for recover_*. Barriers, TLB maintenance and device accesses each count as one instruction here and far more on
silicon, so they are also shown apart.
"""
MACHINES = ("virt", "raspi3b", "raspi4b", "raspi5b")
ELSEWHERE = {"irq_to_driver_gicv3": "virt", "irq_to_driver_raspi3b": "raspi3b", "irq_to_driver_raspi4b": "raspi4b",
             "irq_to_driver_5hops": "raspi5b", "recover_rp1": "raspi5b", "recover_mip": "raspi5b", "recover_pcie": "raspi5b"}
NOTES = """\
Executed guest instructions (kernel_text: bytes, kernel_lines: lines), medians;
'-': not measured. No loops against Spectre-BHB are built in. The goals are for
virt, but where a key names another machine. One core runs: Cambium starts no
second one yet, and what a board's others do while they wait is not counted."""
COUNTERS = ("user", "kernel", "isb", "dsb", "tlbi", "mmio")
UNUSED_SPI = 100  # of QEMU's virt machine


def options():
    parser = argparse.ArgumentParser(prog="tools/bench", description=DESCRIPTION,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("--machine", choices=MACHINES, action="append",
                        help="measure on this machine only (may be given several times; default: all)")
    parser.add_argument("--json", metavar="FILE",
                        help="also write {key: {measured, goal, ok, ..., machines: {machine: {measured, ...}}}} to FILE")
    parser.add_argument("--timeout", type=float, default=300, metavar="S", help="give up after S seconds (default: 300)")
    parser.add_argument("--traced", action="store_true", help="with the kernel's trace on, which no goal is for: what it costs")
    parser.add_argument("--no-install", action="store_true", help="never install packages; stop if one is missing")
    return parser.parse_args()


# ---- running ----

def tree_with_peer(folder, gic):
    """QEMU's own tree, and in it a node with an unused interrupt for bench-peer. (path, address of the UART)"""
    sys.path.append("/usr/lib/python3/dist-packages")
    import libfdt
    path = os.path.join(folder, "bench.dtb")
    subprocess.run(machine.command(image=None, gic=gic, properties=["dtb-randomness=off", f"dumpdtb={path}"]), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, "rb") as f:
        tree = libfdt.Fdt(f.read())
    tree.pack()
    tree.resize(tree.totalsize() + 1024)
    uart = tree.path_offset(tree.getprop(tree.path_offset("/chosen"), "stdout-path").as_str())
    address = int.from_bytes(bytes(tree.getprop(uart, "reg"))[:8], "big")
    node = tree.add_subnode(0, "bench")
    tree.setprop_str(node, "compatible", "cambium,bench")
    cells = (0, UNUSED_SPI, 1)  # SPI, number, edge
    tree.setprop(tree.path_offset("/bench"), "interrupts", b"".join(c.to_bytes(4, "big") for c in cells))
    tree.pack()
    with open(path, "wb") as f:
        f.write(bytes(tree.as_bytearray()))
    return path, address


# Of QEMU's Raspberry Pis: the console is the PL011, and the mini UART's place is bench-peer's. Its interrupt (raspi3b: through
# both controllers) is up while "transmit FIFO empty" is enabled (IER).
BOARD_CONSOLE, BOARD_PEER = "/soc/serial@7e201000", "/soc/serial@7e215040"
BOARD_UART = {"raspi3b": 0x3f201000, "raspi4b": 0xfe201000, "raspi5b": 0x107d001000}
# Of raspi5b: RP1's pins, whose first bank raises its interrupt while it is forced (PCIE_INTF).
RP1_PEER, RP1_REGISTER = "/axi/pcie@1000120000/rp1/gpio@d0000", {"at": 0x120, "raise": 0x01, "lower": 0x00}
BOARD_REGISTER = {"at": 0x04, "raise": 0x02, "lower": 0x00}


def board_tree_with_peer(folder, board):
    """The same for a board; None if there is no source of its tree."""
    import libfdt
    source = trees.find(machine.BOARDS[board]["trees"])
    if source is None or (machine.BOARDS[board].get("own") and not raspi5_qemu.find()):
        return None
    with open(source, "rb") as f:
        tree = libfdt.Fdt(f.read())
    tree.resize(tree.totalsize() + 1024)
    peer, register = (RP1_PEER, RP1_REGISTER) if board == "raspi5b" else (BOARD_PEER, BOARD_REGISTER)
    if board != "raspi5b":
        tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", BOARD_CONSOLE)
    tree.setprop_str(tree.path_offset(peer), "compatible", "cambium,bench")
    for name, value in register.items():
        tree.setprop_u32(tree.path_offset(peer), name, value)
    tree.pack()
    path = os.path.join(folder, "board.dtb")
    with open(path, "wb") as f:
        f.write(bytes(tree.as_bytearray()))
    return path, BOARD_UART[board]


def compile_plugin():
    source = os.path.join(build.TOOLS, "bench-plugin.c")
    plugin = os.path.join(build.BUILD, "bench-plugin.so")
    if not os.path.exists(plugin) or os.path.getmtime(plugin) < os.path.getmtime(source):
        build.step("compiling the plugin", ["gcc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", plugin, source])
    return plugin


def count(timeout, gic=2, board="virt", traced=False):
    """Runs it all; (lines of the plugin, what bench printed). Nothing of either without a tree for the board."""
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        out = os.path.join(folder, "counts")
        tree = tree_with_peer(folder, gic) if board == "virt" else board_tree_with_peer(folder, board)
        if tree is None:
            return [], ""
        dtb, uart = tree
        plugin = f"{compile_plugin()},out={out},uart={uart:#x},prompt={machine.PROMPT.strip()}"
        command = machine.command(board=board, gic=gic, memory="1024", dtb=dtb, icount=True, extra=["-plugin", plugin])
        with machine.Machine(command, timeout=timeout) as m:
            m.prompt()
            if board == "raspi5b":  # what is behind PCIe comes later than the prompt
                machine.wait_until(lambda: re.search(r" bench-peer +running", m.run("tree")), timeout=timeout)
            if traced:
                m.run("trace start")
            printed = m.run("bench")
            m.send("bench exit\r")
            m.ended()
        with open(out, encoding="utf-8") as f:
            return f.read().splitlines(), printed


# As servers/app/bench/serial.h says.
SERIAL_BYTES, SERIAL_KEYS = 65536, 100


def count_serial(timeout, traced=False):
    """The lines of the plugin for `bench serial` on virt. Idle time passes as on the host: else it would jump to the next timer,
    and what the system does once a second would be done for every key."""
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        out = os.path.join(folder, "counts")
        command = machine.command(memory="1024", extra=["-icount", "shift=0", "-seed", "1", "-plugin",
                                                        f"{compile_plugin()},out={out}"])
        with machine.Machine(command, timeout=timeout) as m:
            m.prompt()
            if traced:
                m.run("trace start")
            m.send("bench serial\r")
            m.expect("now send the bytes")
            paste = "paste " * (SERIAL_BYTES // 6) + "end."
            while paste:
                paste = paste[m.child.send(paste[:4096]):]
            m.expect("now press the keys")
            for n in range(SERIAL_KEYS):
                m.send("+-"[n % 2])
                m.expect(["\\+", "-"][n % 2])
            m.prompt()
            m.send("bench exit\r")
            m.ended()
        with open(out, encoding="utf-8") as f:
            return f.read().splitlines()


def pci_topology():
    """A root port, and a switch with a function behind each of its six ports."""
    devices = ["pcie-root-port,id=root,chassis=1", "x3130-upstream,id=switch,bus=root"]
    for n in range(6):
        devices += [f"xio3130-downstream,id=port{n},bus=switch,chassis={n + 2},slot={n}", f"virtio-rng-pci,bus=port{n}"]
    return [word for device in devices for word in ("-device", device)]


def count_pci(timeout):
    """The lines of the plugin for a boot with that plugged in."""
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        out = os.path.join(folder, "counts")
        command = machine.command(memory="1024", icount=True, properties=["dtb-randomness=off"],
                                  extra=[*pci_topology(), "-plugin", f"{compile_plugin()},out={out}"])
        with machine.Machine(command, timeout=timeout) as m:
            m.prompt()
            m.send("bench exit\r")
            m.ended()
        with open(out, encoding="utf-8") as f:
            return f.read().splitlines()


DISK_LEN = 256 * 1024 * 1024


def count_disk(timeout, traced=False):
    """The lines of the plugin for `bench disk` on virt, with a disk of virtio. Idle time passes as on the host, as above."""
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        out, disk = os.path.join(folder, "counts"), os.path.join(folder, "disk")
        with open(disk, "wb") as f:
            f.truncate(DISK_LEN)
        command = machine.command(memory="1024", extra=["-icount", "shift=0", "-seed", "1", "-plugin",
                                                        f"{compile_plugin()},out={out}",
                                                        "-drive", f"file={disk},format=raw,if=none,id=disk", "-device",
                                                        "virtio-blk-pci,drive=disk"])
        with machine.Machine(command, timeout=timeout) as m:
            m.prompt()
            if traced:
                m.run("trace start")
            m.run("bench disk disk0", timeout=timeout)
            m.send("bench exit\r")
            m.ended()
        with open(out, encoding="utf-8") as f:
            return f.read().splitlines()


# As servers/app/bench/recover.h says; {machine: {key: server}}.
RECOVER_LAPS = 9
HEADER = "/axi/pcie@1000120000/rp1/serial@30000"
RECOVERED = {
    "virt": {"recover_pl011": "pl011", "recover_gic": "gicv2"},
    "raspi5b": {"recover_pl011": HEADER, "recover_rp1": "rp1", "recover_mip": "bcm2712_mip", "recover_pcie": "pcie_brcmstb",
                "recover_gic": "gicv2"},
}


def command_at_header(folder):
    """QEMU's arguments for a raspi5b whose console is the header's UART0, and that is the terminal."""
    import libfdt
    with open(trees.find(machine.BOARDS["raspi5b"]["trees"]), "rb") as f:
        tree = libfdt.Fdt(f.read())
    tree.resize(tree.totalsize() + 1024)
    tree.setprop_str(tree.path_offset(HEADER), "status", "okay")
    tree.setprop_str(tree.path_offset("/chosen"), "stdout-path", HEADER)
    tree.pack()
    path = os.path.join(folder, "header.dtb")
    with open(path, "wb") as f:
        f.write(bytes(tree.as_bytearray()))
    command = machine.command(board="raspi5b", dtb=path)
    at = command.index("mon:stdio")
    return command[:at] + ["null", "-serial", "mon:stdio"] + command[at + 1:]


def count_recover(timeout, board):
    """The lines of the plugin for `bench recover`. Idle time passes as on the host, as above."""
    with tempfile.TemporaryDirectory(prefix="cambium-") as folder:
        out = os.path.join(folder, "counts")
        command = machine.command(memory="1024") if board == "virt" else command_at_header(folder)
        command += ["-icount", "shift=0", "-seed", "1", "-plugin", f"{compile_plugin()},out={out}"]
        with machine.Machine(command, timeout=timeout) as m:
            m.prompt()
            m.send("bench recover " + " ".join(RECOVERED[board].values()) + "\r")
            for _ in range(RECOVER_LAPS * len(RECOVERED[board])):
                m.expect("now press a key")
                m.send("x")
            m.prompt()
            m.send("bench exit\r")
            m.ended()
        with open(out, encoding="utf-8") as f:
            return f.read().splitlines()


# ---- reading ----

def keys_in_order(name="keys"):
    """Of the guest's series, as servers/app/bench/NAME.def says."""
    with open(os.path.join(build.ROOT, f"servers/app/bench/{name}.def"), encoding="utf-8") as f:
        return re.findall(r"^KEY\((\w+)\)", f.read(), re.M)


def parse(lines, names=None):
    """({key: [values]}, {mark: value}, (longest, address before, total)); a value is a dict of COUNTERS and total. `names`: keys of
    the series, where they are not those of `bench`."""
    series, marks, longest = {}, {}, None
    names = names or keys_in_order()
    for line in lines:
        what, *rest = line.split()
        if what == "longest":
            longest = int(rest[0]), int(rest[1], 16), int(rest[2])
            continue
        value = dict(zip(COUNTERS, map(int, rest[1:])))
        value["total"] = value["user"] + value["kernel"]
        if what == "mark":
            marks[rest[0]] = value
        else:
            series.setdefault(names[int(rest[0])], []).append(value)
    return series, marks, longest


def total(value):
    return value["total"]


def middle(values):
    """The median by total, with its other counters."""
    return sorted(values, key=total)[len(values) // 2] if values else None


def reduced(values, how):
    """One value for a series, as goals.py says."""
    if not values:
        return None
    if how == "half":
        return {name: number / 2 for name, number in middle(values).items()}
    if how == "byte":
        return {name: number / goals.LAP_BYTES for name, number in middle(values).items()}
    if how == "request":
        return {name: number / goals.LAP_REQUESTS for name, number in middle(values).items()}
    if how == "spikes":
        base = middle(values)
        spikes = [v for v in values if v["total"] > base["total"] + 10]
        return {name: number - base[name] for name, number in middle(spikes).items()} if spikes else None
    if how in ("first", "second"):
        return middle(values[how == "second"::2])
    return middle(values)


# ---- the kernel's size ----

def kernel_lines(ends):
    """Lines of the kernel's files that end so, which are neither blank nor comment."""
    lines = 0
    for folder, _, names in os.walk(os.path.join(build.ROOT, "kernel")):
        for name in names:
            if name.endswith(ends):
                with open(os.path.join(folder, name), encoding="utf-8") as f:
                    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), f.read(), flags=re.S)
                lines += sum(1 for line in text.splitlines() if line.strip())
    return lines


def tool(name, *args):
    return subprocess.run([f"aarch64-linux-gnu-{name}", *args], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout


def kernel_text():
    """Bytes of code by what they are for: {'core': n, 'boot': n, 'tree': n, 'libfdt': n}. core is section .text, all that
    stays. Section .boot is unmapped when init starts (kernel.ld); it is told apart by the members of the libraries."""
    folder = os.path.join(build.BUILD, "kernel")
    kernel = os.path.join(folder, "kernel.elf")
    sizes = {name: int(size) for name, size in re.findall(r"^(\.\w+)\s+(\d+)", tool("size", "-A", kernel), re.M)}
    start = {name: int(at, 16) for name, at in re.findall(r"^(\.\w+)\s+\w+\s+(\w+)", tool("size", "-A", "-x", kernel), re.M)}
    listing = re.findall(r"^([0-9a-f]+) ([0-9a-f]+) [tT] (\S+)$", tool("nm", "-S", "--defined-only", kernel), re.M)
    first = start[".boot"]
    inside = [(name, int(size, 16)) for at, size, name in listing if first <= int(at, 16) < first + sizes[".boot"]]
    ours = set(re.findall(r" [tT] (\S+)$", tool("nm", "--defined-only", os.path.join(folder, "libboot-libsys.a")), re.M))
    parts = {"tree": sum(size for name, size in inside if name in ours),
             "libfdt": sum(size for name, size in inside if re.match(r"_?fdt_", name))}
    return {"core": sizes[".text"], "boot": sizes[".boot"] - sum(parts.values()), **parts}


# ---- measuring ----

def result_of(value, **more):
    """What a reduced value is in the table; `measured` is None where there is none."""
    return {"measured": value["total"], **value, **more} if value else {"measured": None}


def of_series(lines, keys):
    """{key: result} of the series in a list of the guest's, or in one of keys."""
    names = keys_in_order(keys) if isinstance(keys, str) else list(keys)
    series, results = parse(lines, names)[0], {}
    for key, (_, _, how) in goals.GOALS.items():
        name = goals.SERIES_OF.get(key, key)
        if how and name in names:
            values = series.get(name, [])
            results[key] = result_of(reduced(values, how), values=len(values))
    return results


def of_run(lines, board):
    """{key: result} of one run of the guest."""
    _, marks, longest = parse(lines)
    results = of_series(lines, "keys")
    for key, mark in (("boot_first_user", "first_user"), ("boot_prompt", "prompt")):
        results[key] = result_of(marks.get(mark))
    for key in (key for key, home in ELSEWHERE.items() if home == board != "virt" and "irq" in key):  # has a goal of its own
        results[key] = results["irq_to_driver"]
    results["masked_longest"] = ({"measured": longest[0], "after_pc": longest[1], "at_total": longest[2]} if longest
                                 else {"measured": None})
    return results


def size():
    text = kernel_text()
    return {"kernel_text": {"measured": text["core"], **text},
            "kernel_lines": {"measured": kernel_lines((".c", ".h", ".S")), "lists": kernel_lines((".def",))}}


def measure(machines, timeout, traced=False):
    """({machine: {key: result}}, {machine: what bench printed, or why it was not run})"""
    results, printed = {}, {}
    for board in machines:
        lines, said = count(timeout, board=board, traced=traced)
        if not lines:
            printed[board] = "no device tree for it: tools/firmware fetches one, or CAMBIUM_DTB_DIR names a folder"
            if machine.BOARDS[board].get("own") and not raspi5_qemu.find():
                printed[board] = raspi5_qemu.MISSING
            continue
        results[board] = of_run(lines, board)
        printed[board] = "\n".join(l for l in said.splitlines() if not re.fullmatch(r"\w+ +\d+ us", l))
        if board == "virt":
            values = parse(count(timeout, gic=3, traced=traced)[0])[0].get("irq_to_driver", [])
            results[board]["irq_to_driver_gicv3"] = result_of(reduced(values, "median"), values=len(values))
            results[board].update(of_series(count_serial(timeout, traced), "serial_keys"))
            results[board]["pci_enumerate"] = result_of(parse(count_pci(timeout))[1].get("pci_enumerate"), values=1)
            results[board].update(of_series(count_disk(timeout, traced), "disk_keys"))
            results[board].update(size())
        if board in RECOVERED:
            results[board].update(of_series(count_recover(timeout, board), RECOVERED[board]))
    return results, printed


def by_key(results):
    """{key: {measured, goal, ok, ..., machines}}: what a goal is for, and beside it what the others measured."""
    table = {}
    for key, (_, goal, _) in goals.GOALS.items():
        home = ELSEWHERE.get(key, "virt")
        result = dict(results.get(home, {}).get(key, {"measured": None}))
        result["goal"] = goal
        result["ok"] = result["measured"] is not None and (goal is None or result["measured"] <= goal)
        result["machines"] = {name: r[key] for name, r in results.items() if key in r}
        table[key] = result
    return table


# ---- the table: 80 columns ----

def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}".replace(",", " ") if value == int(value) else f"{value:.1f}"


def beside(result):
    """The counters worth showing beside the total."""
    if "values" in result:
        apart = [f"{name} {number(result[name])}" for name in COUNTERS[2:] if result.get(name)]
        return f"user {number(result['user'])} + kernel {number(result['kernel'])}" + "".join(", " + a for a in apart)
    if "after_pc" in result:
        return f"after the user instruction at {result['after_pc']:#x}, {number(result['at_total'])} after reset"
    if "lists" in result:
        return f"beside it {number(result['lists'])} of the lists .def, of calls and of errors"
    if "libfdt" in result:
        return f"beside it boot {number(result['boot'])}, tree {number(result['tree'])}, libfdt {number(result['libfdt'])}"
    return ""


def rows(table, machines):
    """The table's lines."""
    yield f"{'key':22}" + "".join(f"{name:>10}" for name in machines) + f"{'goal':>11}  ok"
    for key, result in table.items():
        columns = [number(result["machines"][name]["measured"]) if name in result["machines"] else "" for name in machines]
        if not any(columns):
            continue
        ok = "-" if result["measured"] is None or result["goal"] is None else "yes" if result["ok"] else "NO"
        yield f"{key:22}" + "".join(f"{column:>10}" for column in columns) + f"{number(result['goal']):>11}  {ok}"
        yield f"    {goals.GOALS[key][0]}"
        if result["measured"] is not None and beside(result):
            yield f"    {beside(result)}"


def main():
    args = options()
    machines = [name for name in MACHINES if name in (args.machine or MACHINES)]
    build.everything(install=not args.no_install, targets=["kernel/Image"])
    results, printed = measure(machines, args.timeout, args.traced)
    table = by_key(results)
    if results:
        print("\n".join(rows(table, [name for name in machines if name in results])))
        print(NOTES)
    for name, said in printed.items():
        if said:
            print(f"{name}: {said}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(table, f, indent=1)
            f.write("\n")
    return 0 if results else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except machine.Stopped as what:
        sys.exit(f"tools/bench: {what}")
    except KeyboardInterrupt:
        sys.exit(1)
