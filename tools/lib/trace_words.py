# SPDX-License-Identifier: BSD-2-Clause
"""Words for the numbers in a trace, read from the source that defines them: events, faults, errors, and what the requests
to each class of server are called. What the source does not have stays a number."""
import functools
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = 15  # so much of a name is kept by init and kernel


def source(*path):
    try:
        with open(os.path.join(ROOT, *path), encoding="utf-8") as f:
            return re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    except OSError:
        return ""


def enumerators(text, prefix):
    """{number: name without the prefix} of the C enumeration that has names with this prefix."""
    body = re.search(r"enum[^{};]*\{([^}]*\b" + prefix + r"[^}]*)\}", text)
    names, number = {}, -1
    for name, value in re.findall(r"(\w+)\s*(?:=\s*(\w+))?", body[1] if body else ""):
        number = int(value, 0) if value.isdigit() else number + 1
        if name.startswith(prefix):
            names[number] = name[len(prefix):]
    return names


@functools.cache
def events():
    """{number: name}: SWITCH, CALL ..."""
    return enumerators(source("kernel", "abi", "abi.h"), "TRACE_")


@functools.cache
def faults():
    return {number: name.lower() for number, name in enumerators(source("kernel", "abi", "abi.h"), "FAULT_").items()}


@functools.cache
def errors():
    return {int(value): name for name, value in re.findall(r"ERR\((\w+),\s*(-?\d+)", source("kernel", "abi", "err.def"))}


def error(status):
    """The name of a status, given as its low 32 bits."""
    status = status - (1 << 32) if status >> 31 else status
    return errors().get(status, str(status))


@functools.cache
def classes():
    """{the name of a server's process: its class}"""
    found = {"init": "init"}
    for folder in sorted(glob.glob(os.path.join(ROOT, "servers", "drv", "*", "")) + glob.glob(os.path.join(ROOT, "servers", "mux", "*", ""))):
        name = os.path.basename(os.path.dirname(folder))
        text = "".join(source(path) for path in sorted(glob.glob(os.path.join(folder, "*.c"))))
        provides = re.search(r'DEV_MATCH\("[^"]*",\s*"(\w+)"', text)
        has_page = provides and os.path.exists(os.path.join(ROOT, "libsys", "include", "cambium", "proto", provides[1] + ".h"))
        found[name[:NAME]] = provides[1] if has_page else name  # a mux has its class's name
    return found


@functools.cache
def requests(of_class):
    return {number: name.lower() for number, name in
            enumerators(source("libsys", "include", "cambium", "proto", of_class + ".h"), of_class.upper() + "_OP_").items()}


def request(server, op):
    """What a call to this server asks for: "write", or "op 6"."""
    return requests(classes().get(server[:NAME], "")).get(op, f"op {op}")
