# SPDX-License-Identifier: BSD-2-Clause
"""1,300 kills spread over the interrupt controller, pl011 and mux/serial, while one program streams to the console, another
calls all three in a loop and a third starts and ends: no call stays unanswered, nothing leaks."""
import re

import boot as library
import pytest

# All counts of objects must be those from before the first kill. Of the pages one may be missing: the kernel packs seven
# processes or devices of one owner into a page. init has some twelve, in two pages, and up to eighteen under this load; a
# server that is restarted then gets a place in a third page, which is kept as long as that incarnation lives. A leak
# of a page in hundreds of kills of one server would show.
PAGE_KIB = 4


def counts(machine):
    """Free pages and objects, as `mem` tells them."""
    text = machine.run("mem", timeout=30)
    return {name: int(value) for name, value in re.findall(r"^ +([A-Za-z ]+?) +(\d+)\b", text, re.M)}


def answers(machine, number):
    """Types until the shell answers. A line that is typed while the console dies may be lost or cut, so each attempt
    begins by dropping what is there (Ctrl-U); a later one must be answered."""
    for attempt in range(30):
        machine.send(f"\x15echo answer-{number}-{attempt}\r")
        try:
            machine.expect(rf"\nanswer-{number}-{attempt}\r", timeout=min(0.2 * (attempt + 1), 2))
            return True
        except library.machine.Stopped:
            continue
    return False


def calls(machine):
    """The caller's next line: (answers, of which from a server that died over the call)."""
    match = machine.expect(r"caller: (\d+) answers, (\d+) of the dying\r|caller: (E_\w+)", timeout=30)
    assert match.group(3) is None, match.group(3)
    return int(match.group(1)), int(match.group(2))


def killed(machine, name):
    assert answers(machine, name)
    machine.send(f"kill {name}\r")
    assert answers(machine, f"after-{name}")


@pytest.mark.parametrize("gic, kills", [(2, 1000), (3, 300)])
def test_kills_under_load_lose_no_call_and_leak_nothing(boot, tmp_path, gic, kills):
    contents = {**library.few_servers(), "bin/test-caller": library.program("caller")}
    machine = boot(gic=gic, initrd=library.archive(tmp_path, contents), timeout=30)
    # The stream must be read as fast as it comes, or the UART stands still, in QEMU, and the machine with it.
    machine.child.maxread, machine.child.searchwindowsize = 65536, 1000
    servers = (f"gicv{gic}", "pl011", "serial")
    machine.prompt()
    machine.run("hello")
    before = counts(machine)
    machine.send("test-caller & ; stream &\r")
    calls(machine)
    for number in range(kills):
        machine.send(f"prodcons & ; kill {servers[number % 3]}\r")
        assert answers(machine, number), f"no answer after kill {number} ({servers[number % 3]})"
    calls(machine)
    answered, died = calls(machine)
    print(f"# {answered} calls were answered, {died} by a death")
    assert died > kills / 30, "a third of the kills is mux/serial's, at which a call of the caller's always waits"
    killed(machine, "test-caller")
    killed(machine, "stream")
    machine.run("sleep 3", timeout=30)  # the last programs end
    tree = machine.run("tree")
    for number, server in enumerate(servers):
        assert re.search(rf" {server} +running, restarted {len(range(number, kills, 3))} times", tree), tree
    after = counts(machine)
    lost = before.pop("free") - after.pop("free")
    assert after == before
    assert lost in (0, PAGE_KIB), f"{lost} KiB are gone"
