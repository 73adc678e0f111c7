# SPDX-License-Identifier: BSD-2-Clause
"""Where the device tree of a Raspberry Pi comes from, and what it says about the console. Used by tools/run and
tests/system."""
import ctypes
import os

# What tools/firmware fills: files as in the folder boot/ of Raspberry Pi's firmware repository, and Debian's.
OWN = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cambium")
CACHE, DEBIAN = os.path.join(OWN, "firmware"), os.path.join(OWN, "debian")


def folders():
    """Where trees are looked for, in this order."""
    return [folder for folder in (os.environ.get("CAMBIUM_DTB_DIR"), CACHE, DEBIAN) if folder]


def find(names):
    """The path of the first of `names` in the first folder that has one; None."""
    paths = [os.path.join(folder, name) for folder in folders() for name in names]
    return next((path for path in paths if os.path.isfile(path)), None)


def missing(names):
    """What a person can do who has no such tree."""
    looked = ", ".join(folders())
    return (f"no device tree: {' or '.join(names)} is in none of {looked}. Give one with --dtb, name a folder that has it in "
            "CAMBIUM_DTB_DIR, or run tools/firmware (tools/firmware --debian where only a Debian mirror is in reach)")


class Odd(Exception):
    """A blob that libfdt cannot read."""


class Tree:
    """As much of a blob as is needed here, read with the libfdt that QEMU brings along."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.blob = f.read()
        self.fdt = ctypes.CDLL("libfdt.so.1")
        self.fdt.fdt_getprop.restype = ctypes.c_void_p
        if self.fdt.fdt_check_full(self.blob, ctypes.c_size_t(len(self.blob))) != 0:
            raise Odd(path)

    def node(self, path):
        """Its offset; negative: there is none. `path` may begin with an alias."""
        return self.fdt.fdt_path_offset(self.blob, path.encode())

    def string(self, path, name):
        """The first string of a property, or None."""
        length = ctypes.c_int()
        at = self.fdt.fdt_getprop(self.blob, self.node(path), name.encode(), ctypes.byref(length))
        value = ctypes.string_at(at, length.value) if at else b""
        return value.partition(b"\0")[0].decode(errors="replace") if b"\0" in value else None

    def is_usable(self, path):
        """Whether such a node is there, and not disabled. (Of a bus above that is disabled nothing is known here.)"""
        return self.node(path) >= 0 and self.string(path, "status") in (None, "okay", "ok")

    def is_compatible(self, path, name):
        return self.fdt.fdt_node_check_compatible(self.blob, self.node(path), name.encode()) == 0


def console_is(path, compatible):
    """Whether the tree's console (what /chosen's stdout-path or linux,stdout-path names, or the alias serial0) is such a
    device."""
    tree = Tree(path)
    names = [tree.string("/chosen", "stdout-path"), tree.string("/chosen", "linux,stdout-path"), "serial0"]
    paths = [name.partition(":")[0] for name in names if name]
    console = next((path for path in paths if tree.is_usable(path)), paths[-1])
    return tree.is_compatible(console, compatible)
