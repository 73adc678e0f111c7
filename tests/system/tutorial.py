# SPDX-License-Identifier: BSD-2-Clause
"""Reads a page that says what to do, and does it. What a page says:

    ```console          each line that begins with `$ ` is a command, run in the checkout's root; what stands below it is what
    $ COMMAND           it prints, on both outputs. `...` alone is any lines or none, within a line any text. A command
    OUTPUT              succeeds, or the next one is `echo $?`.
    ```
    `FILE`:             the block that follows is the file, from its beginning; what was in it goes
    `FILE`, below that: the block is appended, behind an empty line
    `FILE` has:         the block stands in the file, which is not changed

Every block of a page must be one of these, so that nothing in it is unchecked; drawings are indented text, not blocks."""
import os
import re
import subprocess

MARK = re.compile(r"`([\w./-]+)`(:|, below that:| has:)")


class Wrong(AssertionError):
    """The page does not say what is true; where and how."""


def blocks(text):
    """(number of its first line, the paragraph's last line before it, language, lines) of each fenced block."""
    lines, at, before = text.splitlines(), 0, ""
    while at < len(lines):
        fence = re.match(r"(```+)(\w*)$", lines[at])
        if fence:
            end = lines.index(fence[1], at + 1)
            yield at + 2, before, fence[2], lines[at + 1:end]
            at, before = end, ""
        elif lines[at]:
            before = lines[at]
        at += 1


def parts(text):
    """{heading: its text, with empty lines before it, so that numbers of lines are the page's} by the headings of level 2 that
    are in no block."""
    found, heading, fence = {}, "", None
    for at, line in enumerate(text.splitlines(True)):
        mark = re.match(r"```+", line)
        if mark and (fence is None or line.strip() == fence):
            fence = mark[0] if fence is None else None
        if fence is None and line.startswith("## "):
            heading = line[3:].strip()
            found[heading] = "\n" * at
        if heading:
            found[heading] += line
    return found


def commands(lines):
    """[(command, [lines of output])] of a console block."""
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
        else:
            raise Wrong(f"output before the first command: {line}")
    return found


def says(expected, printed):
    """Whether a command printed what the page says."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else ".*?".join(map(re.escape, line.split("..."))) + "\n" for line in expected)
    return re.fullmatch(pattern, printed) is not None


def environment():
    """Nothing of the test that runs this."""
    return {key: value for key, value in os.environ.items()
            if not key.startswith(("CAMBIUM_", "MESON")) and key not in ("PYTHONPATH", "MALLOC_PERTURB_")}


class Reader:
    """Follows a page in a checkout."""

    def __init__(self, root, replace=lambda command: command):
        self.root, self.replace, self.status = str(root), replace, 0

    def follow(self, name, text):
        """Does all of it, in order; Wrong at the first that is not so."""
        done = 0
        for line, before, language, lines in blocks(text):
            mark = MARK.fullmatch(before)
            where = f"{name}:{line}"
            if language == "console":
                self.run(where, commands(lines))
            elif mark:
                self.file(where, mark[1], mark[2], "\n".join(lines) + "\n")
            else:
                raise Wrong(f"{where}: a block that is neither console nor `FILE`: nobody checks it")
            done += 1
        return done

    def run(self, where, listed):
        for number, (command, expected) in enumerate(listed):
            done = subprocess.run(["bash", "-c", f"(exit {self.status})\n{self.replace(command)}"], cwd=self.root, env=environment(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace")
            printed = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout.replace("\r", ""))
            printed += "" if printed.endswith("\n") or not printed else "\n"
            self.status = done.returncode
            if not says(expected, printed):
                raise Wrong(f"{where}: $ {command}\n--- the page says\n" + "\n".join(expected) + f"\n--- printed\n{printed}")
            if self.status and listed[number + 1:number + 2] and listed[number + 1][0] == "echo $?":
                continue
            if self.status and command != "echo $?":
                raise Wrong(f"{where}: $ {command}: status {self.status}\n{printed}")

    def file(self, where, name, mark, text):
        path = os.path.join(self.root, name)
        if mark == " has:":
            with open(path, encoding="utf-8") as file:
                if text not in file.read():
                    raise Wrong(f"{where}: {name} has no such lines")
            return
        if mark == ":":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        elif not os.path.exists(path):
            raise Wrong(f"{where}: {name} is not begun yet")
        with open(path, "w" if mark == ":" else "a", encoding="utf-8") as file:
            file.write(text if mark == ":" else "\n" + text)
