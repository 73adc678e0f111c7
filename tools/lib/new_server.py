# SPDX-License-Identifier: BSD-2-Clause
"""tools/new-server: writes a driver server that builds and passes its tests, for a person to make a driver of; or takes one
away. The texts are in new_server/*.in. Everything is looked at before anything is written."""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

import helptext

DESCRIPTION = """\
Writes a new driver server, which builds and passes its tests at once: the
folder servers/drv/NAME (driver, registers, binding page, meson.build), a host
test against recorded registers, a system test that boots it, and its line in
servers/drv/meson.build and servers/drv/README.md. Nothing else has to be
edited by hand. servers/README.md tells how it becomes a driver.

CLASS is the noun by which clients find it (service_open, PROGRAM_NEEDS), and
names their protocol, libsys/include/cambium/proto/CLASS.h: say what the device
is for, as in rtc/pl031 or gpio/pl061. Several servers may be of one class.
NAME is the device: its folder, its image drv/NAME, its process in `ps`.
"""
EPILOG = """\
status: 0 done; 1 a file could not be written, and nothing is changed;
2 it cannot be done, and why
"""
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TEMPLATES = os.path.join(os.path.dirname(os.path.realpath(__file__)), "new_server")
LIST = "servers/drv/meson.build"
TABLE = "servers/drv/README.md"
VIRT = "dts/trees/good-virt-gicv2.dts"  # the tree that QEMU makes for its virt
MATCH = re.compile(r'\bDEV_MATCH\(\s*"([^"]+)"\s*,\s*"([^"]*)"[^)]*?\)', re.S)
KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long main
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while""".split()


class Refused(Exception):
    """It cannot be done; the sentence says what to do."""


def path_of(name):
    return os.path.join(ROOT, name)


def exists(name):
    return os.path.exists(path_of(name))


def read(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def files(*patterns):
    """Names of the files of the checkout that match, sorted."""
    found = [p for pattern in patterns for p in glob.glob(path_of(pattern), recursive=True)]
    return sorted(os.path.relpath(p, ROOT) for p in found if os.path.isfile(p))


def must_be_a_checkout():
    for name in (LIST, TABLE, VIRT, "kernel/abi/abi.h", "libsys/include/cambium/match.h", "tests/host/meson.build",
                 "tests/system/meson.build"):
        if not exists(name):
            raise Refused(f"{path_of(name)} is not there: run the tools/new-server of a checkout of Cambium, which has the "
                          "servers and their tests")


def limit(header, pattern):
    """The most characters that fit into an array of the ABI: its length, less the NUL where there is one."""
    return int(re.search(pattern, read(header))[1])


# ---- what may be asked for ----

def split_name(text):
    """CLASS/NAME as a pair, both fit for C, the archive and `ps`."""
    if text.count("/") != 1:
        raise Refused(f"{text} is not CLASS/NAME, such as rtc/pl031")
    longest = {"class": limit("libsys/include/cambium/match.h", r"provides\[(\d+)\]") - 1,
               "name": limit("kernel/abi/abi.h", r"PROCESS_NAME_LEN\s*=?\s*(\d+)")}
    for what, word in zip(("class", "name"), text.split("/")):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", word):
            raise Refused(f"{text!r}: the {what} {word!r} must be made of small letters, digits and _, with a letter first")
        if len(word) > longest[what]:
            where = "a match table has room for" if what == "class" else "ps shows of a process"
            raise Refused(f"{text}: the {what} {word} has {len(word)} characters, and {longest[what]} are what {where}: "
                          "shorten it")
        if word in KEYWORDS:
            raise Refused(f"{text}: {word} is a word of C: take another {what}")
    return text.split("/")


def name_must_be_free(name):
    """No folder, program, test or C name has it."""
    for folder in [f"servers/{name}"] + [f"servers/{group}/{name}" for group in ("drv", "mux", "app")]:
        if exists(folder):
            raise Refused(f"{folder} is there already: take another name" +
                          (f", or first away with it: tools/new-server --remove {removal_name(name)}"
                           if folder.startswith("servers/drv/") else ", since an image's name is that of its process"))
    for test in files(f"tests/*/{name}_test.c", f"tests/*/{name}_test.py"):
        raise Refused(f"{test} is there already, which is what the new server's test would be called: take another name")
    for listing in files("tests/*/meson.build", "tests/meson.build"):
        if re.search(rf"'(system )?{name}'", read(listing)):
            raise Refused(f"{listing} has something called {name} already: take another name")
    for header in files("libsys/include/**/*.h", "kernel/abi/*.h", "libsys/tree/*.h"):
        taken = re.search(rf"\b(struct|enum) {name}\b|\b{name}_(start|serve|match)\b", read(header))
        if taken:
            raise Refused(f"{header} has {taken[0]}, which the driver would define too: take another name")


def removal_name(name):
    """CLASS/NAME of a driver that is there, for a hint."""
    return next((f"{kind}/{name}" for _, kind in tables().get(f"servers/drv/{name}/{name}.c", []) if kind), f"CLASS/{name}")


def tables():
    """{file: [(compatible, class)]} of every match table."""
    found = {name: MATCH.findall(read(name)) for name in files("servers/**/*.c")}
    return {name: entries for name, entries in found.items() if entries}


def kernels_compatibles():
    """What the kernel drives by itself: init gives it to nobody."""
    table = re.search(r"compatibles\[\] = \{(.*?)\};", read("servers/init/plan.c"), re.S)
    return re.findall(r'"([^"]+)"', table[1])


def compatible_must_be_free(compatible):
    longest = limit("libsys/include/cambium/match.h", r"compatible\[(\d+)\]") - 1
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9,._+-]*( [0-9a-f]{1,8}=[0-9a-f]{1,8})*", compatible):
        raise Refused(f"{compatible!r} is no compatible string: letters, digits and ,._+- such as arm,pl031. Behind it may stand what "
                      "registers hold, such as 'virtio,mmio 8=4' (<cambium/match.h>)")
    if len(compatible) > longest:
        raise Refused(f"{compatible} has {len(compatible)} characters, and a match table has room for {longest}")
    if string_of(compatible) in kernels_compatibles():
        raise Refused(f"{compatible} is the kernel's own, says servers/init/plan.c: no server gets such a node")
    for name, entries in tables().items():
        for claimed in [entry[0] for entry in entries if string_of(entry[0]) == string_of(compatible)]:
            if claimed == compatible or " " not in claimed or " " not in compatible:
                raise Refused(f"{compatible} is claimed by {name} already ({claimed}): init would give the node to the first of them in "
                              "the archive. Name what only the new server knows, or change that one")


def string_of(compatible):
    """Without what registers must hold."""
    return compatible.partition(" ")[0]


def registers(compatibles):
    """{offset: value} of a device that the first string fits."""
    held = [word.split("=") for word in compatibles[0].split(" ")[1:]]
    return {0: 0x12345678, **{int(offset, 16): int(value, 16) for offset, value in held}}


def pci_compatible(text):
    match = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{4}):(?:0x)?([0-9a-fA-F]{4})", text)
    if not match:
        raise Refused(f"--pci {text}: not VVVV:DDDD, vendor and device as four hexadecimal digits each, such as 1b36:0005")
    return f"pci{int(match[1], 16):x},{int(match[2], 16):x}"  # as the binding of PCI's nodes writes it


def about_must_fit(text):
    """Into a comment, a heading and a table."""
    if not text.isprintable() or not 0 < len(text) <= 60 or re.search(r"[|`@]|\*/|/\*", text) or text != text.strip():
        raise Refused(f"--about {text!r}: a few words are wanted, 60 characters at most, without | ` @ and ends of comments")


def class_must_be_a_class(kind):
    """Not the name of a service, by which something else is found."""
    for name in files("servers/**/*.c"):
        if re.search(rf'DEV_MATCH\("{kind}"[^)]*MATCH_SERVICE', read(name)):
            raise Refused(f"{kind} is the name of a service, says {name}: take another class")


# ---- the texts ----

def virt_compatibles():
    """Of the nodes that QEMU's virt has; dtc writes the NUL between two of a node as \\0."""
    listed = re.findall(r'\bcompatible = ([^;]*);', read(VIRT))
    return {one for text in listed for string in re.findall(r'"([^"]+)"', text) for one in string.split("\\0")}


def protocol(kind):
    return f"libsys/include/cambium/proto/{kind}.h"


def is_pci(compatible):
    return re.fullmatch(r"pci[0-9a-f]{1,4},[0-9a-f]{1,4}", compatible) is not None


def texts(kind, name, compatibles, about, qemu):
    """{file: text} of the server."""
    pci = is_pci(compatibles[0])
    tested = qemu is not None or not pci
    on_virt = bool(set(compatibles) & virt_compatibles())
    holds = registers(compatibles)
    has_protocol = exists(protocol(kind))
    words = {
        "NAME": name, "UPPER": name.upper(), "CLASS": kind, "ABOUT": about,
        "MATCHES": "\n".join(f'    DEV_MATCH("{c}", "{kind}", "{"parent" if pci else "reg"}", 0),' for c in compatibles),
        "COMPATIBLES": ", ".join(f"`{c}`" for c in compatibles),
        "COMPATIBLES_PY": ", ".join(f'"{c}"' for c in dict.fromkeys(map(string_of, compatibles))),
        "REGISTERS": "{" + ", ".join(f"{offset:#05x}: {value:#010x}" for offset, value in holds.items()) + "}",
        "PROTOCOL": f"<cambium/proto/{kind}.h>." if has_protocol else f"none yet; it will be <cambium/proto/{kind}.h>.",
        "PROTOCOL_MD": f"`<cambium/proto/{kind}.h>`" if has_protocol else f"whose protocol will be `<cambium/proto/{kind}.h>`",
        "QEMU": qemu or "", "SUITES": "'host', 'system'" if tested else "'host'",
        "TESTS": f"`tests/host/{name}_test.c`" + (f", `tests/system/{name}_test.py`" if tested else ""),
    }
    variants = PCI if pci else MMIO
    words.update({key: filled_text(text, words) for key, text in variants.items()})
    templates = {
        f"servers/drv/{name}/{name}.c": "driver.c", f"servers/drv/{name}/{name}_regs.h": "regs.h",
        f"servers/drv/{name}/README.md": "README.md", f"servers/drv/{name}/meson.build": "meson.build",
        f"tests/host/{name}_test.c": "host_test.c",
    }
    if tested:
        templates[f"tests/system/{name}_test.py"] = \
            "system_test_pci.py" if pci else "system_test_virt.py" if on_virt else "system_test.py"
    return {target: filled(template, words) for target, template in templates.items()}


# What differs between a node with registers and a function of a PCI bus.
MMIO = {
    "HEADER": "<cambium/driver.h>", "BINDING": "one reg",
    "CLAIM": "    status_t err = node_mmio(driver_node(), 0, @UPPER@_REGS_LEN, &device.regs);\n\n",
    "WINDOW_MD": "`reg` | 0: registers (at least 4 bytes)",
    "FAKE": "fake_frame.h", "SETUP": "", "ERROR": "fake.mmio_error", "ON": "",
}
PCI = {
    "HEADER": "<cambium/pci.h>", "BINDING": "a PCI function: BAR 0",
    "CLAIM": """\
    struct node node = driver_node();
    status_t err = pci_bar(node, 0, @UPPER@_REGS_LEN, &device.regs);

    err = err ? err : pci_enable(node, PCI_ENABLE_MEMORY);
""",
    "WINDOW_MD": "BAR | 0: registers (at least 4 bytes)",
    "FAKE": "fake_pci.h", "ERROR": "fake_pci.bar_error",
    "SETUP": "    fake_pci_reset(1, 2); /* the bus knows who it is */\n    fake_pci.bar_len[0] = 4096;\n",
    "ON": "    assert_int_equal(fake_pci.enabled, PCI_ENABLE_MEMORY); /* it masters nothing */\n",
}


def filled_text(text, words):
    return re.sub(r"@([A-Z_]+)@", lambda match: words[match[1]], text)


def filled(template, words):
    with open(os.path.join(TEMPLATES, template + ".in"), encoding="utf-8") as file:
        return filled_text(file.read(), words)


def lists(kind, name, about, add):
    """{file: text} of the sorted lists, with or without the server's line: the build's, and the table for people."""
    lines = [line for line in read(LIST).splitlines() if line != f"subdir('{name}')"]
    rows = [line for line in read(TABLE).splitlines() if not line.startswith(f"| `{name}/` |")]
    table = [n for n, line in enumerate(rows) if line.startswith("| `")]
    if not table:
        raise Refused(f"{TABLE} has no table of drivers: its rows begin with | `NAME/` |")
    if add:
        lines = sorted([*lines, f"subdir('{name}')"])
        rows[table[0]:table[-1] + 1] = sorted([*rows[table[0]:table[-1] + 1], f"| `{name}/` | `{kind}` | {about} |"])
    return {LIST: "\n".join(lines) + "\n", TABLE: "\n".join(rows) + "\n"}


# ---- doing it ----

def write(name, text):
    os.makedirs(os.path.dirname(path_of(name)), exist_ok=True)
    with open(path_of(name), "w", encoding="utf-8") as file:
        file.write(text)


ABOUT = {".c": "the driver", "_regs.h": "its registers", "README.md": "its binding page", "meson.build": "",
         "_test.c": "its host test", "_test.py": "its system test"}


def purpose(name):
    return next(text for end, text in sorted(ABOUT.items(), key=lambda e: -len(e[0])) if name.endswith(end))


def create(kind, name, compatibles, about, qemu):
    class_must_be_a_class(kind)
    name_must_be_free(name)
    for number, compatible in enumerate(compatibles):
        compatible_must_be_free(compatible)
        if compatible in compatibles[:number]:
            raise Refused(f"{compatible} is given twice")
    about = compatibles[0] if about is None else about
    about_must_fit(about)
    if qemu is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*(,[A-Za-z0-9._+=-]+)*", qemu):
        raise Refused(f"--qemu {qemu!r}: what stands behind QEMU's -device is wanted, such as edu or nvme,serial=1,drive=d")
    written = texts(kind, name, compatibles, about, qemu)
    listed = lists(kind, name, about, True)
    before = {target: read(target) for target in listed}
    try:
        for target, text in [*written.items(), *listed.items()]:
            write(target, text)
    except OSError as error:
        shutil.rmtree(path_of(f"servers/drv/{name}"), ignore_errors=True)
        for target in filter(exists, written):
            os.remove(path_of(target))
        for target, text in before.items():
            if read(target) != text:
                write(target, text)
        raise SystemExit(f"tools/new-server: {error.filename}: {error.strerror}; nothing is changed") from None
    width = max(map(len, written))
    for target in written:
        print(f"wrote  {target:{width}}  {purpose(target)}".rstrip())
    for target in listed:
        print(f"added  {target:{width}}  its line")
    if not exists(protocol(kind)):
        print(f"\nClass {kind} has no protocol yet: what clients may ask comes into\n{protocol(kind)}.")
    if f"tests/system/{name}_test.py" not in written:
        print("\nNo system test: --qemu DEVICE says what QEMU calls the function.")
    print(f"\n`tools/test -k {name}` builds and tests it.\nservers/README.md shows how it becomes a driver.")


def git(*words):
    """Output of git; None if it cannot say anything of this checkout."""
    try:
        done = subprocess.run(["git", "-C", ROOT, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def must_be_as_written_or_committed(kind, name, targets, force):
    """What --remove takes away, git or new-server can bring back."""
    entries = tables()[f"servers/drv/{name}/{name}.c"]
    compatibles = [compatible for compatible, _ in entries]
    page = f"servers/drv/{name}/README.md"
    heading = re.match(rf"# {name}: (.*)\n", read(page) if exists(page) else "")
    test = f"tests/system/{name}_test.py"
    device = re.search(r'^DEVICE = "([^"]*)"$', read(test) if exists(test) else "", re.M)
    fresh = texts(kind, name, compatibles, heading[1] if heading else "", device[1] if device else None)
    for target in [] if force else targets:
        if target in fresh and read(target) == fresh[target]:
            continue
        if git("ls-files", "--error-unmatch", target) is None or git("status", "--porcelain", "--", target) != "":
            raise Refused(f"{target} has work in it that git does not have: commit it, or say --force to lose it")


def nobody_else_uses(name, targets):
    for user in files(*(f"{top}/**/{end}" for top in ("libsys", "servers", "tests", "tools") for end in ("*.[ch]", "meson.build"))):
        if user not in targets and f"drv/{name}/" in read(user):
            raise Refused(f"{user} uses servers/drv/{name}: take that away first")


def remove(kind, name, force):
    source = f"servers/drv/{name}/{name}.c"
    entries = tables().get(source)
    if not entries:
        raise Refused(f"servers/drv/{name} is no driver: {source} with a match table is not there")
    classes = sorted({entry[1] for entry in entries if entry[1]})
    if kind not in classes:
        raise Refused(f"{source} is of class {' and '.join(classes)}, not {kind}: say --remove {classes[0]}/{name}")
    tests = [f"tests/host/{name}_test.c", f"tests/system/{name}_test.py"]
    if "'tests'" not in read(f"servers/drv/{name}/meson.build") or f"subdir('{name}')\n" not in read(LIST):
        raise Refused(f"servers/drv/{name}/meson.build lists no tests: tools/new-server did not write that server, and would "
                      "leave half of it behind")
    targets = files(f"servers/drv/{name}/**") + [test for test in tests if exists(test)]
    nobody_else_uses(name, targets)
    must_be_as_written_or_committed(kind, name, targets, force)
    for target in targets:
        os.remove(path_of(target))
        print(f"removed  {target}")
    shutil.rmtree(path_of(f"servers/drv/{name}"))
    for target, text in lists(kind, name, "", False).items():
        write(target, text)
        print(f"removed  its line in {target}")


def options():
    parser = argparse.ArgumentParser(prog="tools/new-server", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("server", metavar="CLASS/NAME", help="what it is for, and which device it is")
    what = parser.add_argument_group("what it drives, one at least").add_argument
    what("--compatible", metavar="STR", action="append", default=[],
         help="a string of the nodes' `compatible`, as the binding has it; may be repeated")
    what("--pci", metavar="VVVV:DDDD", action="append", default=[],
         help="instead: vendor and device of a PCI function, in hexadecimal; may be repeated")
    parser.add_argument("--qemu", metavar="DEVICE", help="with --pci: what QEMU's -device calls such a function; its system test "
                        "boots a machine that has it. Without, none is written")
    parser.add_argument("--about", metavar="TEXT", help="the device in a few words, for comments and tables (default: the first STR)")
    parser.add_argument("--remove", action="store_true",
                        help="instead: delete the server, its tests and its line, as they were written. Refused if something "
                        "else uses it, or if there is work in it that git does not have")
    parser.add_argument("--force", action="store_true", help="with --remove: even then")
    return parser.parse_args()


def main():
    args = options()
    try:
        must_be_a_checkout()
        kind, name = split_name(args.server)
        if args.remove:
            if args.compatible or args.pci or args.about is not None or args.qemu is not None:
                raise Refused("--remove takes no --compatible, --pci, --qemu or --about")
            remove(kind, name, args.force)
        else:
            if args.force:
                raise Refused("--force belongs to --remove")
            if not args.compatible and not args.pci:
                raise Refused(f"which nodes is {args.server} for? --compatible STR says it, such as arm,pl031; --pci VVVV:DDDD a "
                              "PCI function")
            if args.compatible and args.pci:
                raise Refused("--compatible and --pci: a node's registers are found in one way, a function's in another. Begin with "
                              "one of them, and add the other's line to the match table")
            if args.qemu is not None and not args.pci:
                raise Refused("--qemu belongs to --pci: nodes of the tree are not made by -device")
            create(kind, name, args.compatible + [pci_compatible(pci) for pci in args.pci], args.about, args.qemu)
    except Refused as why:
        print(f"tools/new-server: {why}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
