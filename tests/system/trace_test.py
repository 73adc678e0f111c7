# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's trace, from `trace start` to Perfetto's JSON: the way of a key press on each kind of interrupt controller, hop by
hop; the life of a program; a server that is killed; a trace longer than the ring; tools/trace --exec."""
import json
import os
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree

import boot as library
import raspi

sys.path.insert(0, os.path.join(library.ROOT, "tests", "host"))
import trace_check  # noqa: E402
import trace_json  # noqa: E402
import trace_log  # noqa: E402
import trace_model  # noqa: E402
import trace_svg  # noqa: E402


def traced(machine, *lines, keys=""):
    """(model, events of the JSON) of a trace in which `keys` are typed, each when the one before was echoed, and then the lines."""
    machine.run("trace start")
    for key in keys:
        machine.send(key)
        machine.expect(key)
    for line in lines:
        machine.run(line)
    machine.run("trace stop")
    return converted(machine.run("trace dump", timeout=60))


def converted(text):
    model = trace_model.Model(trace_log.read(text))
    out = trace_json.text(model)
    assert trace_check.check(out) == []
    xml.etree.ElementTree.fromstring(trace_svg.draw(model, "a trace"))
    return model, json.loads(out)["traceEvents"]


def name(label):
    return label.partition("/")[0]


def flows(events, *kinds):
    """[(kind, from, to, what)] in the order in which they begin, by the names of processes."""
    return [(e["name"], name(e["args"]["from"]), name(e["args"]["to"]), e["args"]["what"]) for e in events
            if e["ph"] == "s" and (e["name"] in kinds or not kinds)]


def ways(events):
    """{number of the interrupt: [(hop, kind, from, to)]}"""
    found = {}
    for e in events:
        if e["ph"] == "s" and "hop" in e["args"]:
            found.setdefault(e["args"]["interrupt"], []).append((e["args"]["hop"], e["name"], name(e["args"]["from"]), name(e["args"]["to"])))
    return found


def check_key_press(machine, controllers, uart):
    """A key reaches the shell through these servers, and nobody else; so does each later one, as far as the shell waits for it."""
    model, events = traced(machine, "ello", keys="h")
    servers = ["core 0", *controllers, uart, "serial", "shell"]
    kinds = ["interrupt"] + ["notify"] * (len(servers) - 3) + ["reply"]
    way = [(hop, *rest) for hop, rest in enumerate(zip(kinds, servers, servers[1:]), 1)]
    found = ways(events)
    assert found[1] == way
    assert len(found) >= 2 and all(hops == way[:len(hops)] and len(hops) >= len(controllers) for hops in found.values()), found
    assert not model.dump.problems and model.dump.lost() == 0
    # what it makes the servers do: the driver has the line opened again, the mux fetches the key
    asked = [(source, target, what) for _, source, target, what in flows(events, "call")]
    assert (uart, controllers[-1], "ack") in asked and ("serial", uart, "read") in asked and ("shell", "serial", "read_short") in asked
    return model, events


def check_hello(events):
    """From its start to its end, as far as others have to do with it."""
    mine = [flow for flow in flows(events) if "hello" in flow[1:3]]
    assert mine == [("start", "init", "hello", "starts"), ("call", "hello", "serial", "attach"), ("reply", "serial", "hello", "answer"),
                    ("call", "hello", "serial", "write"), ("reply", "serial", "hello", "answer"), ("fault", "hello", "init", "fault")], mine
    moments = [e["name"] for e in events if e["ph"] == "i" and e["cat"] in ("start", "exit", "end")]
    assert moments == ["begins", "exits", "ends"]
    assert ("notify", "init", "shell", "events 0x2") in flows(events)


def test_a_key_press_and_a_program_are_followed_hop_by_hop(shell_of, gic):
    model, events = check_key_press(shell_of, [f"gicv{gic}"], "pl011")
    assert [chain.title for chain in model.chains] == [{2: "interrupt", 3: "interrupt 33"}[gic]] * len(model.chains)
    check_hello(events)
    assert {e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"} == {
        "CPU", "init", f"gicv{gic}", "pl011", "serial", "shell", "hello"}


def test_a_key_press_is_followed_through_two_controllers(boot):
    machine = raspi.starter(boot, "raspi3b", "bcm2710-rpi-3-b")()
    _, events = check_key_press(machine, ["bcm2836_l1_intc", "bcm2835_armctrl"], "bcm2835_aux_uar")
    check_hello(events)


def test_a_server_that_is_killed_has_an_end_and_its_successor_a_beginning(shell):
    driver = int(re.search(r"^ *(\d+) pl011 ", shell.run("ps"), re.M)[1])  # of one thread each: the same number
    model, events = traced(shell, "kill pl011; sleep 0.3")
    drivers = sorted((t for t in model.threads if t.name == "pl011"), key=lambda t: t.id)
    assert len(drivers) == 2 and drivers[0].id == driver
    assert [m.kind for m in drivers[0].moments] == ["end"] and [m.kind for m in drivers[1].moments] == ["start"]
    assert ("start", "init", "pl011", "starts") in flows(events)
    assert ("timer", "core 0", "shell") in [flow[:3] for flow in flows(events)]  # the sleep


def faulty(folder):
    """A boot archive with the program `faulty`: hello, whose first instruction is udf."""
    image = bytearray(library.entries()["bin/hello"])
    entry, headers = struct.unpack_from("<QQ", image, 24)
    for at in range(headers, headers + 56 * struct.unpack_from("<H", image, 56)[0], 56):
        kind, _, offset, va, _, length = struct.unpack_from("<IIQQQQ", image, at)
        if kind == 1 and va <= entry < va + length:
            image[offset + entry - va:offset + entry - va + 4] = bytes(4)
    return library.archive(folder, {**library.entries(), "bin/faulty": bytes(image)})


def test_a_fault_is_told_where_it_happens(boot, tmp_path):
    machine = boot(initrd=faulty(tmp_path))
    machine.prompt()
    _, events = traced(machine, "faulty")
    fault = next(e for e in events if e["ph"] == "i" and e["cat"] == "fault")
    thread = next(e for e in events if e["ph"] == "M" and e["name"] == "thread_name" and e["tid"] == fault["tid"])
    assert fault["name"] == "fault: instruction" and thread["args"]["name"].startswith("faulty/")
    assert flows(events, "fault") == [("fault", "faulty", "init", "fault")]


def test_of_a_long_trace_the_end_is_kept_and_the_loss_is_said(shell):
    model, events = traced(shell, "prodcons")
    assert model.dump.lost() > 0 and len(model.dump.records) == 2048
    assert re.search(r"the first \d+ records were overwritten: the kernel's ring holds 2048", model.dump.problems[0])
    assert len(flows(events)) > 100
    model, _ = traced(shell, "echo short")
    assert model.dump.lost() == 0 and not model.dump.problems


def test_a_dump_can_be_read_between_what_others_print(shell):
    shell.run("trace start; hello; trace stop")
    shell.send("stream 300 &\r")
    shell.expect("stream 300 &\r+\n")
    text = shell.run("trace dump", timeout=60)
    model = trace_model.Model(trace_log.read(text))
    assert trace_check.check(trace_json.text(model)) == []
    assert len(model.dump.records) > 20 and model.dump.is_whole, text[-2000:]


def test_the_tool_boots_traces_and_converts(tmp_path):
    paths = {kind: str(tmp_path / ("out." + kind)) for kind in ("json", "svg", "log")}
    done = subprocess.run([os.path.join(library.ROOT, "tools", "trace"), "--no-install", "--exec", "echo one; hello", "-o", paths["json"],
                           "--svg", paths["svg"], "--log", paths["log"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "cambium> echo one\none\ncambium> hello\nHello from Cambium.\n" in done.stdout
    assert re.search(r"^interrupt at .*: core 0 → gicv2/2 \+[\d.,\u202f]+ → pl011/\d+ ", done.stdout, re.M), done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines()), done.stdout
    with open(paths["json"], encoding="utf-8") as f:
        text = f.read()
    assert trace_check.check(text) == []
    check_hello(json.loads(text)["traceEvents"])
    xml.etree.ElementTree.parse(paths["svg"])
    with open(paths["log"], encoding="utf-8") as f:
        assert trace_log.read(f.read()).is_whole
