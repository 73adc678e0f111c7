# SPDX-License-Identifier: BSD-2-Clause
"""RAM from 64 MiB to beyond 4 GiB is found, and nearly all of it is free at the prompt."""
import re

import pytest


@pytest.mark.parametrize("size, mib", [("64M", 64), ("128M", 128), ("1G", 1024), ("6G", 6144)])
def test_ram_is_found(boot, size, mib):
    machine = boot(memory=size)
    machine.prompt()
    text = machine.run("mem")
    total, free = (int(re.search(rf"{word} +(\d+) KiB", text).group(1)) // 1024 for word in ("total", "free"))
    assert mib - 10 - mib // 100 <= total <= mib  # the rest: kernel, archive, tables of the page frames
    assert free >= total - 8
