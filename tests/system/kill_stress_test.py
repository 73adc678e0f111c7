# SPDX-License-Identifier: BSD-2-Clause
"""300 kills spread over gicv2, pl011 and mux/serial under load: no call stays unanswered, nothing leaks."""
import re

import boot as library

KILLS = 300
SERVERS = ("gicv2", "pl011", "serial")

# All counts of objects must be those from before the first kill. Of the pages one may be missing: the kernel packs seven
# processes or devices of one owner into a page. init has some twelve, in two pages, and up to eighteen under this load; a
# server that is restarted then gets a place in a third page, which is kept as long as that incarnation lives. A leak
# of a page in fifty kills of one server would show.
PAGE_KIB = 4


def counts(machine):
    """Free pages and objects, as `mem` tells them."""
    text = machine.run("mem", timeout=30)
    return {name: int(value) for name, value in re.findall(r"^ +([A-Za-z ]+?) +(\d+)\b", text, re.M)}


def answers(machine, number):
    """Types until the shell answers. A line that is typed while the console dies may be lost or cut, so each attempt
    begins by dropping what is there (Ctrl-U); a later one must be answered."""
    for attempt in range(20):
        machine.send(f"\x15echo answer-{number}-{attempt}\r")
        try:
            machine.expect(rf"\nanswer-{number}-{attempt}\r", timeout=1 + attempt / 2)
            return True
        except library.machine.Stopped:
            continue
    return False


def test_three_hundred_kills_lose_no_call_and_leak_nothing(boot):
    machine = boot(timeout=30)
    machine.prompt()
    before = counts(machine)
    for number in range(KILLS):
        machine.send(f"prodcons & ; stream 20 & ; kill {SERVERS[number % 3]}\r")
        assert answers(machine, number), f"no answer after kill {number} ({SERVERS[number % 3]})"
    machine.prompt(timeout=10)
    machine.run("sleep 3", timeout=30)  # the last programs end
    after = counts(machine)
    lost = before.pop("free") - after.pop("free")
    assert after == before
    assert lost in (0, PAGE_KIB), f"{lost} KiB are gone"
