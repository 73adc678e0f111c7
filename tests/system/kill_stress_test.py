# SPDX-License-Identifier: BSD-2-Clause
"""300 kills spread over gicv2, pl011 and mux/serial under load: no call stays unanswered, nothing leaks."""
import re

KILLS = 300
SERVERS = ("gicv2", "pl011", "serial")


def counts(machine):
    """Free pages and objects, as `mem` tells them."""
    text = machine.run("mem", timeout=30)
    return {name: int(value) for name, value in re.findall(r"^ +([A-Za-z ]+?) +(\d+)\b", text, re.M)}


def answers(machine, number):
    """Types until the shell answers: a line typed while the console dies may be lost, an answer to a later one not."""
    for attempt in range(10):
        machine.send(f"echo answer-{number}-{attempt}\r")
        try:
            machine.expect(rf"\nanswer-{number}-{attempt}", timeout=10)
            machine.prompt(timeout=10)
            return True
        except Exception:  # noqa: BLE001 - the next attempt tells
            continue
    return False


def test_three_hundred_kills_lose_no_call_and_leak_nothing(boot):
    machine = boot(timeout=30)
    machine.prompt()
    for server in SERVERS:  # once each, so that what is allocated once is there
        machine.send(f"kill {server}\r")
        assert answers(machine, server)
    before = counts(machine)
    for number in range(KILLS):
        machine.send(f"prodcons & ; stream 20 & ; kill {SERVERS[number % 3]}\r")
        assert answers(machine, number), f"no answer after kill {number} ({SERVERS[number % 3]})"
    machine.run("sleep 3", timeout=30)
    after = counts(machine)
    assert after == before
