# SPDX-License-Identifier: BSD-2-Clause
"""tools/raspi5-qemu: builds QEMU with the machine raspi5b (tests/raspi5) into the user's cache."""
import argparse
import contextlib
import fcntl
import hashlib
import http.client
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import build
import debian
import helptext
import referee
import trees

MODEL = os.path.join(build.ROOT, "tests", "raspi5", "qemu")
PINS = os.path.join(build.TOOLS, "lib", "raspi5_qemu.pins")
CACHE = os.path.join(trees.OWN, "raspi5-qemu")
BINARY = "qemu-system-aarch64"
TIMEOUT = 20  # seconds without a byte
DESCRIPTION = """\
Builds QEMU with the machine raspi5b, which no release of QEMU has, and prints the path of the binary. The source is
QEMU's own, pinned by checksum (tools/lib/raspi5_qemu.pins): from QEMU's site, or else out of Debian's pool by apt. The
machine is what lies in tests/raspi5/qemu. It is built once, in a few minutes; what was built is found again in the cache by
the content of all that went into it. A build that was interrupted goes on where it was.

tools/run --machine raspi5b and tools/test do this by themselves.

status: 0 it is there, 1 it could not be built, 2 wrong options
"""

OWN_FOLDER = os.path.join("hw", "arm", "raspi5")  # where the model's files are put in QEMU's source
CONFIGURE = ["--target-list=aarch64-softmmu", "--without-default-features", "--without-default-devices",
             "--with-devices-aarch64=raspi5", "--enable-system", "--enable-tcg", "--enable-fdt=system", "--enable-plugins",
             "--enable-pixman", "--disable-install-blobs", "--disable-download", "--disable-debug-info", "--disable-docs"]
DEVICES = ("configs/devices/aarch64-softmmu/raspi5.mak", "CONFIG_RASPI5=y\n")
# (file of QEMU's, what stands there once, what shall stand there). The latter two are so that a source without QEMU's
# bundled Python packages and firmware can be configured; neither is needed for this.
EDITS = [("hw/arm/meson.build", "hw_arch += {'arm': arm_ss}", "subdir('raspi5')\nhw_arch += {'arm': arm_ss}"),
         ("hw/arm/Kconfig", "config ARM_VIRT\n", "source raspi5/Kconfig\n\nconfig ARM_VIRT\n"),
         ("pythondeps.toml", "\npycotap = ", "\n# pycotap = "),
         ("pc-bios/meson.build", "if unpack_edk2_blobs\n", "if false\n")]
LEAST_MESON = (1, 5)


class Failed(Exception):
    """It could not be built; the text says why."""


def pins(path=PINS):
    """[(where from, sha256, file name, address or suite), ...]"""
    with open(path, encoding="utf-8") as lines:
        return [tuple(line.split()) for line in lines if line.strip() and not line.startswith("#")]


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def model():
    """{file name: bytes} of what is added to QEMU."""
    contents = {}
    for name in sorted(name for name in os.listdir(MODEL) if not name.startswith(".")):
        with open(os.path.join(MODEL, name), "rb") as f:
            contents[name] = f.read()
    return contents


def release():
    with open("/etc/os-release", encoding="utf-8") as f:
        return [platform.machine(), *sorted(line for line in f if line.startswith(("ID=", "VERSION_ID=")))]


def binary(contents):
    """Where the binary with this model() is, or will be."""
    return os.path.join(CACHE, digest(contents, CONFIGURE, DEVICES, EDITS, pins(), release()), BINARY)


def find():
    """The path of the binary, if it was built; else None."""
    path = binary(model())
    return path if os.access(path, os.X_OK) else None


MISSING = "QEMU with the machine raspi5b was not built: tools/raspi5-qemu builds it"


def sha256(path):
    whole = hashlib.sha256()
    try:
        with open(path, "rb") as f:
            for data in iter(lambda: f.read(1 << 20), b""):
                whole.update(data)
    except OSError:
        return None
    return whole.hexdigest()


def download(url, folder, name):
    """A file at an address; its path. Failed: why not."""
    handle, part = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as out, urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            shutil.copyfileobj(answer, out, 1 << 20)
        os.replace(part, os.path.join(folder, name))
    except urllib.error.HTTPError as what:
        raise Failed(f"HTTP status {what.code} {what.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as what:
        reason = getattr(what, "reason", what)
        raise Failed(str(getattr(reason, "strerror", None) or reason) or type(what).__name__) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
    return os.path.join(folder, name)


def fetch(places, may_fetch, say):
    """The path of one of the pinned tarballs: of those in the cache or in the folders `places`, else fetched. Failed: what
    each place said."""
    said = []
    for _, wanted, name, _ in pins():
        for folder in [CACHE, *places]:
            if sha256(os.path.join(folder, name)) == wanted:
                return os.path.join(folder, name)
    names = [name for _, _, name, _ in pins()]
    if not may_fetch:
        raise Failed(f"none of {', '.join(names)} is in {', '.join([CACHE, *places])}, and --no-install forbids to fetch one")
    for kind, wanted, name, where in pins():
        try:
            if kind == "upstream":
                say(f"Fetching {name} from {where}.")
                path = download(where + urllib.parse.quote(name), CACHE, name)
            else:
                with debian.Apt(say, [("deb-src", where)]) as apt:
                    path = apt.source("qemu", CACHE, names)
        except (Failed, debian.Failed) as what:
            said.append(f"{where}: {what}")
            continue
        wanted = next(own for _, own, pinned, _ in pins() if pinned == os.path.basename(path))
        got = sha256(path)
        if got == wanted:
            return path
        os.unlink(path)
        said.append(f"{where}: {os.path.basename(path)} has SHA-256 {got}, pinned is {wanted}")
    raise Failed("QEMU's source could not be had:" + "".join(f"\n    {line}" for line in said))


def meson(may_fetch, say):
    """The environment in which `meson` is new enough: this one, or with Debian's backport, unpacked in the cache."""
    env = dict(os.environ)
    found = subprocess.run(["meson", "--version"], stdout=subprocess.PIPE, text=True).stdout
    if tuple(int(n) for n in re.findall(r"\d+", found)[:2]) >= LEAST_MESON:
        return env
    folder = os.path.join(CACHE, "meson")
    if not os.path.isdir(folder):
        if not may_fetch:
            raise Failed(f"QEMU needs Meson {'.'.join(map(str, LEAST_MESON))}, here is {found.strip()}, and --no-install forbids "
                         "to fetch one")
        suite = debian.os_release().get("VERSION_CODENAME", "") + "-backports"
        say(f"QEMU needs Meson {'.'.join(map(str, LEAST_MESON))}, here is {found.strip()}; taking {suite}'s, for this only.")
        with debian.Apt(say, [("deb", suite)]) as apt:
            part = tempfile.mkdtemp(dir=CACHE)
            apt.unpack("meson", part)
            os.rename(part, folder)
    env["PATH"] = os.path.join(folder, "usr", "bin") + os.pathsep + env["PATH"]
    env["PYTHONPATH"] = os.path.join(folder, "usr", "lib", "python3", "dist-packages")
    return env


def write(path, data):
    """Writes a file if it is another: what is the same is not compiled again."""
    with contextlib.suppress(OSError):
        with open(path, "rb") as f:
            if f.read() == data:
                return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def edit(source):
    for name, old, new in EDITS:
        path = os.path.join(source, name)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        if text.count(old) != 1:
            raise Failed(f"{name} of QEMU's source is another than expected: {old.strip()!r} stands {text.count(old)} times there")
        write(path, text.replace(old, new).encode())
    write(os.path.join(source, DEVICES[0]), DEVICES[1].encode())


def step(what, command, folder, env):
    """Runs a command; Failed, with the end of what it said, if it fails."""
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise Failed("\n".join([*done.stdout.splitlines()[-30:], f"{what} failed: {' '.join(command)}"]))


def prepare(archive, contents, work, env):
    """Unpacks, adds the model and configures; leaves `work` with a stamp that says what for. What is there for the same is kept."""
    source, stamp = os.path.join(work, "source"), os.path.join(work, "stamp")
    wanted = digest(sha256(archive), CONFIGURE, DEVICES, EDITS, work, release())  # the model's own build files ninja sees
    ready = False
    with contextlib.suppress(OSError), open(stamp, encoding="utf-8") as f:
        ready = f.read() == wanted
    if not ready:
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        with tarfile.open(archive) as tar:
            tar.extractall(work)
        os.rename(os.path.join(work, next(name for name in os.listdir(work) if name.startswith("qemu-"))), source)
        edit(source)
    for name, data in contents.items():
        write(os.path.join(source, OWN_FOLDER, name), data)
    if not ready:
        os.makedirs(os.path.join(work, "build"))
        step("configuring QEMU", [os.path.join(source, "configure"), "--python=/usr/bin/python3", *CONFIGURE],
             os.path.join(work, "build"), env)
        write(stamp, wanted.encode())


@contextlib.contextmanager
def locked(say):
    """One builds, others wait."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another program is building QEMU; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(install=True, keep=False, places=(), say=build.say):
    """The path of the binary, built if it is not there. Failed: why it cannot be."""
    path = find()
    if path:
        return path
    options = [] if install else ["--no-install"]
    if subprocess.run([os.path.join(build.TOOLS, "setup"), *options, "--boot-only", "--qemu"]).returncode:
        raise Failed("packages that QEMU is built with are missing")
    with locked(say):
        path = find()
        if path:
            return path
        start = time.monotonic()
        try:
            contents = model()  # what is edited meanwhile is not in this build, nor in its name
            archive = fetch(places, install, say)
            say(f"Building QEMU with the machine raspi5b, once ({os.path.basename(archive)}; two to five minutes).")
            work, env = os.path.join(CACHE, "work"), meson(install, say)
            prepare(archive, contents, work, env)
            step("building QEMU", ["ninja", "-C", os.path.join(work, "build"), BINARY], work, env)
            path = binary(contents)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            step("stripping", ["strip", "-o", path + ".part", os.path.join(work, "build", BINARY)], work, env)
            os.replace(path + ".part", path)
            if not keep:
                shutil.rmtree(work)
        except (OSError, tarfile.TarError, debian.Failed) as what:
            raise Failed(str(what)) from what
        seconds = int(time.monotonic() - start)
        say(f"Built in {seconds // 60} min {seconds % 60} s: {path}")
    return path


def options(argv):
    parser = argparse.ArgumentParser(prog="tools/raspi5-qemu", description=DESCRIPTION, formatter_class=helptext.Formatter)
    parser.add_argument("--from", metavar="FOLDER", action="append", default=[], dest="places",
                        help="look for the pinned source here before fetching it; may be repeated")
    parser.add_argument("--keep", action="store_true", help="keep source and objects (550 MB): for who works on the model, "
                        "the next build then takes seconds")
    parser.add_argument("--referee", action="store_true", help="fetch Debian's Linux, which judges the machine in "
                        "tests/system, too (112 MB, of which 15 MB are kept)")
    parser.add_argument("--no-install", action="store_true", help="install and fetch nothing; stop if something is missing")
    args = parser.parse_args(argv)
    for place in args.places:
        if not os.path.isdir(place):
            parser.error(f"--from {place}: no such folder")
    return args


def main():
    args = options(sys.argv[1:])
    try:
        print(make(not args.no_install, args.keep, args.places))
        if args.referee:
            referee.fetch(not args.no_install)
    except (Failed, debian.Failed) as what:
        print(f"tools/raspi5-qemu: {what}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
