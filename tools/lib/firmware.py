# SPDX-License-Identifier: BSD-2-Clause
"""tools/firmware: fetches Raspberry Pi's firmware and device trees into the user's cache."""
import argparse
import contextlib
import hashlib
import http.client
import os
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import debian
import helptext
import trees

PINS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "firmware.pins")
TIMEOUT = 20  # seconds without a byte
DESCRIPTION = """\
Fetches the files that a Raspberry Pi starts with into the user's cache: the boot firmware of Pi 3 and 4, and the device
trees of Pi 3, 4 and 5. Each is pinned: what does not have the length and the SHA-256 that tools/lib/firmware.pins says is
thrown away. A file that is there already, whole, is not fetched again. The firmware may only be used with a Raspberry Pi
(LICENCE.broadcom, which is fetched with it).

With --debian apt alone is enough: device trees out of Debian's kernel for arm64 (60 to 100 MB to fetch, of which 300 KB
are kept), in upstream's shape, and the firmware out of raspi-firmware. The packages are checked as apt checks any other,
and are unpacked, not installed.

tools/run --machine raspi3b and tools/sdcard take both from here: first what is pinned, then Debian's.
"""
DEBIAN_TREES = r".*/broadcom/bcm(2837|2711)-rpi-[^/]*\.dtb"
DEBIAN_BOOT = r".*/raspi-firmware/(bootcode\.bin|(start|fixup)4?\.(elf|dat)|copyright)"

INSTALLED, INSTALLED_DOC = "/usr/lib/raspi-firmware", "/usr/share/doc/raspi-firmware"


class Failed(Exception):
    """A file could not be had; the text says from where, and why."""


class Unreachable(Failed):
    """Nobody answers at that place: the next file need not be asked for there."""


def pins(path=PINS):
    """({source: [place, ...]}, {file name: (source, sha256, length)})."""
    places, files = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["place"]:
                places.setdefault(words[1], []).append(words[2])
            elif words[:1] == ["file"]:
                files[words[4]] = (words[1], words[2], int(words[3]))
    return places, files


def is_whole(path, sha256, length):
    try:
        with open(path, "rb") as f:
            data = f.read(length + 1)
    except OSError:
        return False
    return len(data) == length and hashlib.sha256(data).hexdigest() == sha256


def read(place, name, length):
    """At most length + 1 bytes of a file at a place: a folder, or an address. Failed: why there are none."""
    if "://" not in place:
        try:
            with open(os.path.join(place, name), "rb") as f:
                return f.read(length + 1)
        except OSError as what:
            raise Failed(what.strerror) from None
    try:
        url = place.rstrip("/") + "/" + urllib.parse.quote(name)
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            data = answer.read(length + 1)
            if len(data) <= length and getattr(answer, "length", 0):  # read(n) does not raise IncompleteRead
                raise Failed(f"cut short after {len(data)} of {length} bytes")
            return data
    except urllib.error.HTTPError as what:
        raise Failed(f"HTTP status {what.code} {what.reason}") from None
    except urllib.error.URLError as what:
        reason = what.reason
        raise Unreachable(str(getattr(reason, "strerror", None) or reason)) from None
    except TimeoutError:
        raise Unreachable(f"no byte for {TIMEOUT} seconds") from None
    except (OSError, http.client.HTTPException, ValueError) as what:
        raise Failed(str(what) or type(what).__name__) from None


def store(folder, name, data):
    """Puts a file into the cache, whole or not at all."""
    os.makedirs(folder, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f".{os.path.basename(name)}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
        os.chmod(part, 0o644)
        os.replace(part, os.path.join(folder, name))
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def fetch(name, places, sha256, length, folder):
    """Brings one file into `folder` from the first of `places` that has the pinned one; the place. Places that cannot be
    reached are taken out of the list. Failed: what each place said."""
    said = []
    for place in list(places):
        try:
            data = read(place, name, length)
        except Unreachable as what:
            places.remove(place)
            said.append(f"{place}: {what}")
            continue
        except Failed as what:
            said.append(f"{place}: {what}")
            continue
        got = hashlib.sha256(data).hexdigest()
        if len(data) > length:
            said.append(f"{place}: longer than the {length} bytes that are pinned")
        elif len(data) < length:
            said.append(f"{place}: {len(data)} bytes, where {length} are pinned")
        elif got != sha256:
            said.append(f"{place}: SHA-256 {got}, pinned is {sha256}")
        else:
            store(folder, name, data)
            return place
    raise Failed("".join(f"\n    {line}" for line in said))


def fetch_pinned(names, folder, more=(), say=print):
    """Fetches those of the pinned files `names` that the cache lacks; the names of those that could not be had."""
    places, files = pins()
    places = {source: [*more, *own] for source, own in places.items()}
    failed = []
    for name in names:
        source, sha256, length = files[name]
        if is_whole(os.path.join(folder, name), sha256, length):
            continue
        if not places[source]:  # what they said is said already
            failed.append(name)
            continue
        try:
            place = fetch(name, places[source], sha256, length, folder)
            say(f"  {name}: {length} bytes from {place}")
        except Failed as what:
            failed.append(name)
            print(f"tools/firmware: {name}:{what}", file=sys.stderr)
    return failed


def bring(names, say):
    """For who needs a device tree now and may fetch: the path of one called as one of `names`, pinned or else Debian's;
    None, after the reasons."""
    say(f"No device tree {' or '.join(names)} is here; fetching it, as tools/firmware would.")
    _, files = pins()
    try:
        if fetch_pinned([name for name in names if name in files], trees.CACHE, say=say):
            fetch_debian(with_boot=False, say=say)
    except (debian.Failed, OSError) as what:
        say(f"tools/firmware: {what}")
    return trees.find(names)


LICENCES = ("LICENCE.broadcom", "copyright")  # Raspberry Pi's, or Debian's with the same text


def find_boot(names):
    """The paths of the firmware's files `names` and of their licence, all of one release: what is pinned, what Debian's
    package has installed, or what tools/firmware --debian fetched. None if no place has them all."""
    for folder, licences in ((trees.CACHE, trees.CACHE), (INSTALLED, INSTALLED_DOC), (trees.DEBIAN, trees.DEBIAN)):
        paths = [os.path.join(folder, name) for name in names]
        licence = next((path for path in (os.path.join(licences, name) for name in LICENCES) if os.path.isfile(path)), None)
        if licence and all(os.path.isfile(path) for path in paths):
            return paths, licence
    return None


def bring_boot(names, say):
    """As bring(), for the firmware: what find_boot() says then."""
    say("The firmware is not here; fetching it, as tools/firmware would.")
    try:
        if fetch_pinned([*names, "LICENCE.broadcom"], trees.CACHE, say=say):
            fetch_debian(with_trees=False, say=say)
    except (debian.Failed, OSError) as what:
        say(f"tools/firmware: {what}")
    return find_boot(names)


def fetch_debian(with_trees=True, with_boot=True, say=print):
    """Fetches trees, and the firmware, out of Debian's packages. debian.Failed: why not."""
    with debian.Apt(say) as apt:
        if with_trees:
            apt.fetch(apt.kernel(), DEBIAN_TREES, store, trees.DEBIAN)
        if with_boot:
            apt.fetch("raspi-firmware", DEBIAN_BOOT, store, trees.DEBIAN)


def options(argv):
    parser = argparse.ArgumentParser(prog="tools/firmware", description=DESCRIPTION,
                                     formatter_class=helptext.Formatter)
    parser.add_argument("--trees", action="store_true", help="only the device trees, not the firmware")
    parser.add_argument("--debian", action="store_true", help="out of Debian's packages, with apt")
    parser.add_argument("--from", metavar="PLACE", action="append", default=[], dest="places",
                        help="look here first: a folder, or an address to which the file's name is added; may be repeated")
    parser.add_argument("--list", action="store_true", help="fetch nothing; say what is pinned, and what the cache has of it")
    args = parser.parse_args(argv)
    if args.debian and args.places:
        parser.error("--debian and --from: Debian's packages come from where apt's sources say")
    for place in args.places:
        if "://" in place and urllib.parse.urlsplit(place).scheme not in ("http", "https", "file"):
            parser.error(f"--from {place}: an address begins with http://, https:// or file://")
        if "://" not in place and not os.path.isdir(place):
            parser.error(f"--from {place}: no such folder")
    return args


def show(names, files):
    for name in names:
        there = is_whole(os.path.join(trees.CACHE, name), *files[name][1:])
        print(f"{'there  ' if there else 'missing'} {files[name][2]:8} {files[name][1]} {name}")
    print(f"in {trees.CACHE}")
    if os.path.isdir(trees.DEBIAN):
        print("in " + trees.DEBIAN + ": " + " ".join(sorted(os.listdir(trees.DEBIAN))))


def main():
    args = options(sys.argv[1:])
    _, files = pins()
    names = [name for name, (source, _, _) in files.items() if source == "trees" or not args.trees]
    if args.list:
        show(names, files)
        return 0
    try:
        if args.debian:
            fetch_debian(with_boot=not args.trees)
            print(f"Trees{'' if args.trees else ' and firmware'} out of Debian's packages are in {trees.DEBIAN}.")
            return 0
        failed = fetch_pinned(names, trees.CACHE, args.places)
    except (debian.Failed, OSError) as what:
        print(f"tools/firmware: {what}", file=sys.stderr)
        return 1
    if failed:
        print(f"tools/firmware: {len(failed)} of {len(names)} files could not be fetched, and the cache is without them. "
              "With --debian apt brings device trees and firmware from a Debian mirror; --from takes them from a folder "
              "or a mirror.", file=sys.stderr)
        return 1
    print(f"All {len(names)} files are in {trees.CACHE}.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
