# SPDX-License-Identifier: BSD-2-Clause
"""servers/README.md is true: its commands are run and its files written, from top to bottom in a fresh checkout, and what is
printed is what stands there (tutorial.py says how it is read). It builds once, and takes some minutes for that."""
import os
import re
import shutil
import subprocess
import sys

import boot as library
import pytest
import tutorial

sys.path.insert(0, os.path.join(library.ROOT, "tests", "lint"))
import rules  # noqa: E402

PAGE = os.path.join(library.ROOT, "servers", "README.md")
with open(PAGE, encoding="utf-8") as page:
    PARTS = tutorial.parts(page.read())
GIT = ["git", "-c", "user.name=reader", "-c", "user.email=reader@example.org"]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """In a checkout with all that is here, committed or not, and the libraries as they were fetched."""
    root = tmp_path_factory.mktemp("reader") / "cambium"
    for path in rules.Tree(library.ROOT).paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.join(library.ROOT, path), target)
    shutil.copytree(os.path.join(library.ROOT, "subprojects"), root / "subprojects", dirs_exist_ok=True)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*GIT, *words], cwd=root, check=True)
    return tutorial.Reader(root, lambda command: re.sub(r"\btools/(run|test|plan)\b", r"tools/\1 --no-install", command))


@pytest.mark.parametrize("heading", [heading for heading in PARTS if heading.startswith("Part ")])
def test_what_the_page_says_is_so(reader, heading):
    assert reader.follow("servers/README.md", PARTS[heading]) > 3


def test_the_page_has_its_parts():
    assert {" ".join(heading.split()[:2]) for heading in PARTS} >= {"Part one:", "Part two:", "Part three:", "Part four:"}


# ---- the reader itself ----

def follow(folder, text):
    return tutorial.Reader(folder).follow("page", text)


def test_a_page_that_is_true_is_followed(tmp_path):
    text = """## Part
```console
$ printf 'a\\nb 12 c\\nd\\n'; (exit 3)
...
b ... c
d
$ echo $?
3
$ true
```
`x/y.c`:
```c
one
```
`x/y.c`, below that:
````c
```
````
`x/y.c` has:

```c

```
```
"""
    assert follow(tmp_path, text.replace("```c\n\n```\n```\n", "````c\none\n\n```\n````\n")) == 4
    assert (tmp_path / "x/y.c").read_text() == "one\n\n```\n"


def test_parts_begin_at_headings_outside_of_blocks():
    text = "# A\n## B\nb\n````md\n## C\n```\n## D\n````\n## E\ne\n"
    assert tutorial.parts(text) == {"B": "\n## B\nb\n````md\n## C\n```\n## D\n````\n", "E": 8 * "\n" + "## E\ne\n"}


@pytest.mark.parametrize("text, said", [
    ("```console\n$ echo a\nb\n```\n", "page:2: $ echo a"), ("```console\n$ echo a\n```\n", "--- printed\na"),
    ("```console\n$ true\na\n```\n", "the page says\na"), ("```console\n$ printf 'a\\nb\\n'\nb\n```\n", "printed\na\nb"),
    ("```console\n$ echo ab; echo c\na...d\nc\n```\n", "$ echo ab"), ("```console\n$ false\n```\n", "$ false: status 1"),
    ("```console\n$ false\n$ echo $?\n0\n```\n", "the page says\n0"), ("```console\n$ echo a >&2\n```\n", "printed\na"),
    ("```c\nx\n```\n", "page:2: a block that is neither"), ("text\n```\nx\n```\n", "neither"),
    ("`no/file`, below that:\n```c\nx\n```\n", "no/file is not begun yet"),
    ("`f`:\n```c\nx\n```\n`f` has:\n```c\ny\n```\n", "page:7: f has no such lines"), ("```console\nx\n```\n", "before the first")])
def test_a_page_that_is_not_true_is_seen(tmp_path, text, said):
    with pytest.raises(tutorial.Wrong, match=re.escape(said)):
        (tmp_path / "f").write_text("")
        follow(tmp_path, text)
