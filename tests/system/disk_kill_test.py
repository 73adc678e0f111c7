# SPDX-License-Identifier: BSD-2-Clause
"""A disk is filled, flushed, read back and compared while its driver, the mux and the bus's server are killed at random: what was
acknowledged is there, what was in flight is done again, in order, and nothing of it is seen but time."""
import mmap
import os
import random
import re
import time

import boot as library
import pytest

MIB = 1024 * 1024
DEVICES = {"mmio": ("virtio-blk-device", ["virtio_blk", "virtio_blk", "virtio_blk", "block"]),
           "pci": ("virtio-blk-pci", ["virtio_blk", "virtio_blk", "block", "pcie_ecam"])}


def sum_of_words(path):
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ) as data, memoryview(data) as view:
        return sum(view.cast("Q")) % 2**64


def filled_while_killed(boot, folder, transport, mib, kills, pause, seed):
    device, victims = DEVICES[transport]
    path = os.path.join(folder, "disk")
    with open(path, "wb") as f:
        f.truncate(mib * MIB)
    contents = {**library.entries(), "bin/filler": library.program("filler")}
    machine = boot(initrd=library.archive(folder, contents), timeout=600,
                   extra=["-drive", f"file={path},format=raw,if=none,id=disk", "-device", f"{device},drive=disk"])
    machine.prompt()
    chance = random.Random(seed)
    machine.run(f"filler disk0 {mib} {seed} &")
    for _ in range(kills):
        machine.run(f"kill {chance.choice(victims)}", timeout=60)
        time.sleep(chance.random() * pause)
    if not re.search(r"filler: (right|failed|wrong)", machine.text):
        machine.expect(r"filler: (right|failed|wrong).*\n", timeout=500)
    said = machine.text
    match = re.search(r"filler: right, sum ([0-9a-f]+), (\d+) restarts", said)
    assert match, said[-2000:]
    assert int(match[1], 16) == sum_of_words(path)
    print(f"# {kills} kills, {match[2]} attached again, {mib} MiB")
    assert int(match[2]) > kills / 4, "the kills did not meet it at work"
    return machine


@pytest.mark.parametrize("transport", DEVICES)
def test_a_gibibyte_is_right_after_a_hundred_kills(boot, tmp_path, transport):
    machine = filled_while_killed(boot, str(tmp_path), transport, 1024, 100, pause=0.2, seed=6)
    assert "GiB" in machine.run("block")


def test_a_short_one_is_right_after_some_kills(boot, tmp_path):
    filled_while_killed(boot, str(tmp_path), "mmio", 64, 8, pause=0.02, seed=7)
