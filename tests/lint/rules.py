# SPDX-License-Identifier: BSD-2-Clause
"""The rules of CONTRIBUTING.md that a machine can check. A rule is a function of a Tree that yields findings,
"path:line: what"; RULES says which of them are laws (they fail) and which only warn."""
import os
import re
import shutil
import subprocess


class Skip(Exception):
    """A rule that cannot be checked here; the reason."""


class Tree:
    """The files of a source tree: those that git knows or would add; without git, all but build directories."""

    def __init__(self, root):
        self.root = str(root)
        listing = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        paths = listing.stdout.splitlines() if listing.returncode == 0 else self._walk()
        self.paths = sorted({p for p in paths if os.path.isfile(os.path.join(self.root, p))})
        self._texts = {}

    def _walk(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if not f.startswith(("build", ".git", "__pycache__"))]
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.root)
                if not path.startswith("subprojects/") or path.endswith(".wrap"):
                    yield path

    def text(self, path):
        if path not in self._texts:
            with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
                self._texts[path] = f.read()
        return self._texts[path]

    def code(self, path):
        """The text of a C or assembly file, comments and strings blanked, lines kept."""
        key = path, "code"
        if key not in self._texts:
            self._texts[key] = blanked(self.text(path))
        return self._texts[key]

    def under(self, *folders, ends=(".c", ".h")):
        return [p for p in self.paths if p.endswith(tuple(ends)) and
                (not folders or p.startswith(tuple(f + "/" for f in folders)))]


TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blanked(text, keep_strings=False):
    def replace(match):
        token = match.group()
        if keep_strings and not token.startswith("/"):
            return token
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token[0] + token[-1]
    return TOKEN.sub(replace, text)


def lines_matching(tree, paths, pattern, what, raw=False):
    """Findings for each line that matches; `what` may use the match's group 0 as {}."""
    for path in paths:
        for number, line in enumerate((tree.text(path) if raw else tree.code(path)).splitlines(), 1):
            for match in re.finditer(pattern, line):
                yield f"{path}:{number}: {what.format(match.group().strip())}"


def is_mask(value):
    """One run of at least eight ones, a top bit, or one byte repeated: 0xffff0000 is a mask, 0x40000000 could well be
    where RAM starts."""
    if value == 1 << 31 or len(set(value.to_bytes(8, "big").lstrip(b"\0"))) == 1:
        return True
    run = value >> ((value & -value).bit_length() - 1) if value else 0
    return run >= 0xff and run & (run + 1) == 0


# ---- laws of the architecture ----

def no_addresses(tree):
    """Law 1: addresses come from the tree. Long literals that are not masks or named magic numbers look like one.
    Programs have no device, so their constants are their own."""
    paths = tree.under("servers", "kernel/core", "kernel/boot", "libsys/src", "libsys/include")
    for path in [p for p in paths if not p.startswith("servers/app/")]:
        for number, line in enumerate(tree.code(path).splitlines(), 1):
            for literal in re.findall(r"\b0x([0-9a-fA-F]{7,})[uUlL]*\b", line):
                if not is_mask(int(literal, 16)) and not re.search(r"magic", line, re.I):
                    yield f"{path}:{number}: 0x{literal} looks like an address; the device tree has it"


BOARD = re.compile(r"\b(raspi\w*|rpi\w*|raspberry\w*|qemu\w*|virt_\w+|bcm27\w+)\b", re.I)


def no_board_names(tree):
    """Law 1: what makes boards differ lives in the tree. (Compatible strings are strings, and are not looked at.)"""
    for path in tree.under("servers", "kernel", "libsys", ends=(".c", ".h", ".S")):
        for number, line in enumerate(tree.code(path).splitlines(), 1):
            for match in BOARD.finditer(line):
                yield f"{path}:{number}: {match.group()} names a board"


INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def include_directions(tree):
    """Includes point down: everything may use kernel/abi, servers may use libsys, nothing uses a server."""
    for path in tree.under("kernel", "libsys", "servers", ends=(".c", ".h", ".S")):
        text = blanked(tree.text(path), keep_strings=True)
        for match in INCLUDE.finditer(text):
            name, local = match.group(2), match.group(1) == '"'
            where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
            if local and ".." in name.split("/"):
                yield f"{where}: {name}: no way up; the include path has what may be used"
            if path.startswith("kernel/abi/") and name.partition("/")[0] in ("cambium", "kernel"):
                yield f"{where}: {name}: kernel/abi includes nothing but itself"
            if path.startswith("kernel/") and name.startswith("cambium/"):
                yield f"{where}: {name}: the kernel does not use libsys"
            if path.startswith("libsys/") and re.match(r"(drv|mux|app|servers|core|arch|boot)/", name):
                yield f"{where}: {name}: libsys uses neither servers nor the kernel's inside"
            if path.startswith("servers/") and re.match(r"(drv|mux|app|init|servers|core|arch|boot)/", name):
                yield f"{where}: {name}: a server uses neither another server nor the kernel's inside"


def no_volatile(tree):
    """Registers are accessed by <cambium/mmio.h>, so that a test can record them (R4)."""
    allowed = ("kernel/arch/", "libsys/include/cambium/mmio.h", "libsys/src/mmio.c")
    for path in tree.under("kernel", "libsys", "servers"):
        if not path.startswith(allowed):
            code = re.sub(r"\b(asm|__asm__)\s+volatile\b", r"\1", tree.code(path))
            for number, line in enumerate(code.splitlines(), 1):
                if re.search(r"\bvolatile\b", line):
                    yield f"{path}:{number}: volatile outside of mmio and kernel/arch"


def inline_assembly(tree):
    """Assembly stays in kernel/arch and libsys (S6). The benchmark's markers are instructions by nature."""
    paths = [p for p in tree.under("kernel", "servers") if not p.startswith(("kernel/arch/", "servers/app/bench/"))]
    return lines_matching(tree, paths, r"\b(asm|__asm__)\b", "{}: assembly outside of kernel/arch and libsys")


def assembly_budget(tree, limit=800):
    """S1: the kernel's assembly is small enough to be read in one sitting."""
    total = sum(len([l for l in tree.code(p).splitlines() if l.strip()]) for p in tree.under("kernel", ends=(".S",)))
    if total > limit:
        yield f"kernel: {total} lines of assembly, the budget is {limit}"


def conditional_budget(tree):
    """M6: a variant is another file or a constant, not an #if: none in servers, under two per 1000 lines in kernel."""
    count = lambda paths: [(p, len(re.findall(r"^\s*#\s*if", tree.code(p), re.M))) for p in paths]  # noqa: E731
    for path, found in count(tree.under("servers", ends=(".c",))):
        if found:
            yield f"{path}: {found} #if in a server"
    paths = tree.under("kernel", ends=(".c",))
    lines = sum(tree.text(p).count("\n") for p in paths)
    found = sum(n for _, n in count(paths))
    if found * 1000 > 2 * max(lines, 500):
        yield f"kernel: {found} #if in {lines} lines"


# ---- how the source is written ----

SOURCE_ENDS = (".c", ".h", ".S", ".ld", ".def", ".py", ".pml", ".sh")


def licence_lines(tree):
    """C1: one SPDX line, near the top, in every source file and in every script of tools/."""
    for path in tree.paths:
        script = path.startswith(("tools/", ".ci/")) and "." not in os.path.basename(path)
        if (path.endswith(SOURCE_ENDS) or script) and not path.startswith("subprojects/"):
            if "SPDX-License-Identifier:" not in "\n".join(tree.text(path).splitlines()[:3]):
                yield f"{path}:1: no SPDX line in the first three"


def block_comments(tree):
    """C14: /* */ only."""
    for path in tree.under(ends=(".c", ".h", ".S")):
        text = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"", lambda m: re.sub(r"[^\n]", " ", m.group()), tree.text(path),
                      flags=re.S)
        for number, line in enumerate(text.splitlines(), 1):
            if "//" in line:
                yield f"{path}:{number}: // comment"


def banned_functions(tree):
    """M10."""
    return lines_matching(tree, tree.under("kernel", "libsys", "servers"),
                          r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca)\s*\(", "{}...): not allowed")


def todo_names_its_condition(tree):
    """C14: a TODO says what it waits for."""
    return lines_matching(tree, tree.under("kernel", "libsys", "servers", "tests", ends=(".c", ".h", ".S")),
                          r"\b(TODO|FIXME|XXX)\b(?!\s*[(:]\s*\w)", "{} without a condition or an issue", raw=True)


def machine_paths(tree):
    """Nothing in the tree depends on where somebody has it."""
    paths = [p for p in tree.paths if not p.startswith("tests/lint/")]
    return lines_matching(tree, paths, r"(?<![\w.$})/-])/(home|root|tmp|Users|mnt|work)/\w[\w./-]*", "path of one machine: {}",
                          raw=True)


def references_resolve(tree):
    """C10: `path:symbol` in a document names a file and something in it."""
    for path in tree.under(ends=(".md",)):
        text = tree.text(path)
        for match in re.finditer(r"`([\w./-]+\.\w+):([A-Za-z_]\w*)`", text):
            name, symbol = match.groups()
            candidates = [name, os.path.normpath(os.path.join(os.path.dirname(path), name))]
            target = next((c for c in candidates if c in tree.paths), None)
            where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
            if target is None:
                yield f"{where}: {name}: no such file"
            elif not re.search(rf"\b{symbol}\b", tree.text(target)):
                yield f"{where}: {target} has no {symbol}"


def abi_is_described(tree):
    """C9: kernel/abi/README.md has an entry for each call of calls.def and each status of err.def, and for nothing else; a
    call's entry names the right that calls.def asks for, and HANDLE_SELF where that is taken."""
    page, calls, errors = (f"kernel/abi/{name}" for name in ("README.md", "calls.def", "err.def"))
    if calls not in tree.paths or page not in tree.paths:
        return
    listed = {(n, name) for n, name in re.findall(r"^CALL\((\d+), (\w+)", tree.text(calls), re.M)}
    entries = re.findall(r"^### (\d+) `(\w+)`", tree.text(page), re.M)
    listed |= {(n, name) for name, n in re.findall(r"^ERR\((\w+), +(-?\d+),", tree.text(errors), re.M)}
    entries += [(n, name) for name, n in re.findall(r"^\| `(E_\w+)` \| (-?\d+) \|", tree.text(page), re.M)]
    for name, rights, needs in re.findall(r"^CALL\(\d+, (\w+), \w+, (\w+), ([^)]*)\)", tree.text(calls), re.M):
        text = re.search(rf"^### \d+ `{name}`\n(.*?)(?=^##|\Z)", tree.text(page), re.M | re.S)
        words = [rights.replace("RIGHT_", "")] * (rights != "0") + ["HANDLE_SELF"] * ("NEEDS_SELF" in needs)
        for word in words if text else []:
            if not re.search(rf"\b{word}\b", text.group(1)) and "As `call`" not in text.group(1):
                yield f"{page}: {name}: {word} is not named"
    for n, name in sorted(listed - set(entries)):
        yield f"{page}: {n} {name} has no entry"
    for n, name in sorted(set(entries) - listed) + sorted({e for e in entries if entries.count(e) > 1}):
        yield f"{page}: {n} {name} is not on the list, or twice"


def frame_is_described(tree):
    """C9: servers/frame.md has every call of the driver frame, and no other; every kind of event."""
    page, headers = "servers/frame.md", ("libsys/include/cambium/driver.h", "libsys/include/cambium/mmio.h")
    if page not in tree.paths or not all(header in tree.paths for header in headers):
        return
    code = "".join(tree.code(header) for header in headers)
    calls = set(re.findall(r"^(?:static inline )?[a-z][\w ]*[ *](\w+)\(", code, re.M)) | set(re.findall(r"\b(EV_\w+)", code))
    calls -= {name for name in calls if name.startswith("mmio_checked_")}  # what the others do where they cannot map
    named = set(re.findall(r"`((?:node|driver|event|mmio|field|log)_\w+|EV_[A-Z]+)\b", tree.text(page)))
    for name in sorted(calls - named):
        yield f"{page}: {name} has no entry"
    for name in sorted(named - calls):
        yield f"{page}: {name} is in neither {' nor '.join(headers)}"


MATCH = re.compile(r'\bDEV_MATCH\(\s*"([^"]+)"\s*,[^)]*?\)', re.S)


def bindings_documented_and_tested(tree):
    """D3, T4: each compatible string stands in the driver's README.md, and the driver has a host test."""
    for path in tree.under("servers/drv", "servers/mux", ends=(".c",)):
        folder = os.path.dirname(path)
        for match in MATCH.finditer(blanked(tree.text(path), keep_strings=True)):
            if "MATCH_SERVICE" in match.group():
                continue
            readme = folder + "/README.md"
            if readme not in tree.paths or match.group(1) not in tree.text(readme):
                yield f"{path}: {match.group(1)}: not described in {readme}"
            test = f"tests/host/{os.path.basename(folder)}_test.c"
            if test not in tree.paths:
                yield f"{path}: {match.group(1)}: no {test}"


def format_is_kept(tree):
    """M9: .clang-format decides how .c files look. Headers are laid out by hand: their comments are tables."""
    paths = [p for p in tree.under("kernel", "libsys", "servers", "tests", "tools", ends=(".c",))]
    tool = shutil.which("clang-format-14")
    if tool is None:
        raise Skip("clang-format-14 is not here (Debian 13 does not have it)")
    if not paths:
        return
    done = subprocess.run([tool, "--style=file", "--dry-run", *paths], cwd=tree.root, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    seen = set()
    for path, line in re.findall(r"^(\S+?):(\d+):\d+: warning:", done.stdout, re.M):
        if path not in seen:
            seen.add(path)
            yield f"{path}:{line}: not as clang-format-14 -i would write it"


def generated_files(tree):
    """M5: what a generator writes is not committed."""
    for path in tree.paths:
        if re.match(r"\W*generated by\b", "\n".join(tree.text(path).splitlines()[:1])):
            yield f"{path}:1: a generated file is committed"


def folders_have_readmes(tree):
    """B1: the folders of the map explain themselves; a program of one file does so in its first comment."""
    wanted = ["kernel", "kernel/abi", "kernel/arch/aarch64", "kernel/boot", "kernel/core", "libsys", "servers", "tools",
              "tests/host", "tests/models", "tests/system", "tests/target"]
    sources = [os.path.dirname(p) for p in tree.under("servers", ends=(".c",))]
    wanted += sorted({f for f in sources if not f.startswith("servers/app/") or sources.count(f) > 1})
    for folder in wanted:
        if any(p.startswith(folder + "/") for p in tree.paths) and folder + "/README.md" not in tree.paths:
            yield f"{folder}: no README.md"


# ---- lengths: warnings ----

def file_lengths(tree):
    for path in tree.under("kernel", "libsys", "servers", "tests", ends=(".c", ".h", ".py")):
        limit = 400
        if path.startswith("servers/drv/") and path.endswith(".c"):
            limit = 250
        elif path.endswith(".h"):
            limit = 10 ** 9 if path.startswith("kernel/abi/") or path.endswith("_regs.h") else 200
        length = tree.text(path).count("\n")
        if length > limit:
            yield f"{path}: {length} lines, should be at most {limit}"


def function_lengths(tree):
    for path in tree.under("kernel", "libsys", "servers", ends=(".c",)):
        start = name = None
        lines = tree.code(path).splitlines()
        for number, line in enumerate(lines, 1):
            if line == "{":
                start, name = number, lines[number - 2].strip()
            elif line == "}" and start:
                if number - start - 1 > 40:
                    yield f"{path}:{start}: {number - start - 1} lines, should be at most 40: {name[:60]}"
                start = None


# name of the TAP line -> rule, law?
RULES = {
    "no address literals outside of the tree (law 1)": (no_addresses, True),
    "no board names in code (law 1)": (no_board_names, True),
    "includes point down": (include_directions, True),
    "volatile only in mmio and kernel/arch": (no_volatile, True),
    "inline assembly only in kernel/arch and libsys": (inline_assembly, True),
    "the kernel's assembly is within its budget": (assembly_budget, True),
    "no #if ladders": (conditional_budget, True),
    "every source has its SPDX line": (licence_lines, True),
    "comments are /* */": (block_comments, True),
    "no banned functions": (banned_functions, True),
    "every TODO names its condition": (todo_names_its_condition, True),
    "no path of one machine": (machine_paths, True),
    "references in documents resolve": (references_resolve, True),
    "kernel/abi/README.md describes every call and error": (abi_is_described, True),
    "servers/frame.md describes every call of the driver frame": (frame_is_described, True),
    "compatible strings have a binding page and a host test": (bindings_documented_and_tested, True),
    "C files are formatted by .clang-format": (format_is_kept, True),
    "generated files are not committed": (generated_files, True),
    "folders have a README.md": (folders_have_readmes, True),
    "files are short enough": (file_lengths, False),
    "functions are short enough": (function_lengths, False),
}
