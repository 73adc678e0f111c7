# SPDX-License-Identifier: BSD-2-Clause
"""What `pci -v` says is what Linux says of the same machine: which functions there are and behind which bridges, IDs, classes, bus
numbers, lengths and kinds of BARs, capabilities. Where BARs lie is each one's own affair; but it must make sense."""
import base64
import re

import boot as library
import linux
import pcibus
import pytest

SCRIPT = """
for d in /sys/bus/pci/devices/*; do
  /busybox echo "function $(/busybox readlink $d)"
  for f in vendor device class revision subsystem_vendor subsystem_device secondary_bus_number subordinate_bus_number; do
    [ -e $d/$f ] && /busybox echo "$f $(/busybox cat $d/$f)"
  done
  /busybox sed 's/^/resource /' $d/resource
  /busybox echo config "$(/busybox base64 -w 0 $d/config)"
done
"""
# include/linux/ioport.h of Linux: what the third column of `resource` is
RESOURCE_IO, RESOURCE_PREFETCH, RESOURCE_64 = 0x100, 0x2000, 0x100000
ROM, WINDOWS = 6, 13  # lines of `resource`; 7 to 12 are of virtual functions


def capabilities_of(config):
    """Offsets in both lists of a configuration space (PCI Express Base Specification 5.0, 7.5.1.1.11 and 7.6.3)."""
    found = []
    at = config[0x34] & ~3 if config[0x06] & 0x10 else 0
    while at and at not in found:
        found.append(at)
        at = config[at + 1] & ~3
    at = 0x100 if len(config) > 0x100 else 0
    while at and at not in found:
        header = int.from_bytes(config[at:at + 4], "little")
        if header in (0, 0xffffffff):
            break
        found.append(at)
        at = header >> 20 & ~3
    return found


def function_of(text):
    """From the script's lines of one function."""
    path, *lines = text.split("\n")
    above = re.findall(r"/0000:(\w\w:\w\w\.\w)", path)
    words = [line.split() for line in lines if line]
    value = {key: int(rest[0], 0) for key, *rest in words if key not in ("resource", "config")}
    config = base64.b64decode(next(rest[0] for key, *rest in words if key == "config"))
    found = pcibus.Function(above[-1], above[-2] if len(above) > 1 else None, (value["vendor"], value["device"]), value["class"],
                            value["revision"], (value["subsystem_vendor"], value["subsystem_device"]),
                            capabilities=capabilities_of(config))
    if "secondary_bus_number" in value:
        found.buses = value["secondary_bus_number"], value["subordinate_bus_number"]
    for number, (start, end, flags) in enumerate([int(n, 16) for n in rest] for key, *rest in words if key == "resource"):
        part = pcibus.Range(start, end - start + 1, bool(flags & RESOURCE_IO), bool(flags & RESOURCE_64),
                            bool(flags & RESOURCE_PREFETCH))
        if flags and number <= ROM:
            found.bars[number] = part
        elif flags and number >= WINDOWS and end > start:
            found.windows.append(part)
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """(what Cambium says, what Linux says, the host bridge's ranges), of one machine each."""
    folder = tmp_path_factory.mktemp("referee")
    text = linux.output(folder, SCRIPT, extra=pcibus.options())
    theirs = {found.id: found for found in map(function_of, re.split(r"^function ", text, flags=re.M)[1:])}
    with library.start(extra=pcibus.options()) as machine:
        machine.prompt()
        ours = pcibus.facts(machine)
    return ours, theirs, pcibus.host_ranges(library.qemu_tree(folder))


def each(seen, of):
    """The same of both sides, function by function."""
    ours, theirs, _ = seen
    differing = {id: (of(ours[id]), of(theirs[id])) for id in theirs if of(ours[id]) != of(theirs[id])}
    assert not differing, f"ours and Linux's: {differing}"


def test_there_are_the_same_functions_in_the_same_order(seen):
    ours, theirs, _ = seen
    assert list(ours) == sorted(theirs) and len(theirs) > pcibus.MANY + 20


def test_each_is_behind_the_same_bridge_and_bridges_have_the_same_buses(seen):
    each(seen, lambda function: function.parent)
    each(seen, lambda function: function.buses)
    assert max(function.buses[1] for function in seen[0].values() if function.buses) > 10


def test_ids_class_and_revision_are_the_same(seen):
    each(seen, lambda function: (function.ids, function.class_code, function.revision, function.subsystem))


def test_bars_have_the_same_lengths_and_kinds(seen):
    each(seen, lambda function: {n: (bar.size, bar.is_io, bar.is_64, bar.is_prefetchable) for n, bar in function.bars.items()})
    sizes = {bar.size for function in seen[0].values() for bar in function.bars.values()}
    assert 8 in sizes and 64 << 20 in sizes


def test_capabilities_stand_at_the_same_offsets(seen):
    each(seen, lambda function: function.capabilities)


def test_bars_overlap_nowhere_and_lie_in_all_windows_above(seen):
    ours, theirs, host = seen
    assert len(pcibus.check_placement(ours, host)) == len(pcibus.check_placement(theirs, host)) > 40
