# SPDX-License-Identifier: BSD-2-Clause
"""tools/firmware against servers on this machine that do everything a server can do wrong: only whole, pinned files reach
the cache, and what went wrong is said. The real addresses are not asked."""
import hashlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import debian  # noqa: E402
import firmware  # noqa: E402
import trees  # noqa: E402

DATA = bytes(range(256)) * 512  # more than a socket's buffer takes at once
STOCK = os.environ.get("CAMBIUM_DTB_DIR", "")
SHA = hashlib.sha256(DATA).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves DATA; the folder in the path says what goes wrong."""
    daemon_threads = True

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            way = self.path.split("/")[1]
            self.server.asked.append(self.path)
            if way == "none":
                self.send_error(404)
                return
            body = {"wrong": b"x" + DATA[1:], "longer": DATA + b"x", "shorter": DATA[:-1], "empty": b""}.get(way, DATA)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:5000] if way in ("cut", "stuck") else body)
            if way == "stuck":
                self.server.release.wait(20)

        def log_message(self, *_):
            pass

    def handle_error(self, *_):
        pass  # the client hung up


@pytest.fixture
def server():
    it = Server(("127.0.0.1", 0), Server.Handler)
    it.asked, it.release = [], threading.Event()
    it.at = f"http://127.0.0.1:{it.server_address[1]}/"
    threading.Thread(target=it.serve_forever, args=[0.02], daemon=True).start()
    yield it
    it.release.set()
    it.shutdown()
    it.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing of the person who runs the tests is read or written, and no proxy is asked."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")] + ["CAMBIUM_DTB_DIR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(trees, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(trees, "DEBIAN", str(tmp_path / "debian"))


def get(places, folder):
    return firmware.fetch("a.dtb", places, SHA, len(DATA), str(folder))


def test_what_is_pinned_is_fetched_from_the_first_place_that_has_it(server, tmp_path):
    places = [server.at + "none/", server.at + "wrong/", server.at + "good/", server.at + "never/"]
    assert get(places, tmp_path / "c") == server.at + "good/"
    assert (tmp_path / "c" / "a.dtb").read_bytes() == DATA
    assert os.listdir(tmp_path / "c") == ["a.dtb"]
    assert server.asked == ["/none/a.dtb", "/wrong/a.dtb", "/good/a.dtb"] and len(places) == 4


@pytest.mark.parametrize("way, words", [
    ("wrong", "SHA-256 [0-9a-f]{64}, pinned is " + SHA), ("longer", "longer than the 131072 bytes"),
    ("shorter", "131071 bytes, where 131072 are pinned"), ("empty", "0 bytes, where"), ("none", "HTTP status 404"),
    ("cut", "cut short after 5000 of 131072 bytes"), ("stuck", "no byte for 1 seconds")])
def test_anything_else_is_refused_with_the_reason_and_leaves_nothing(server, tmp_path, monkeypatch, way, words):
    monkeypatch.setattr(firmware, "TIMEOUT", 1)
    with pytest.raises(firmware.Failed, match=words):
        get([server.at + way], tmp_path / "c")
    assert not os.path.exists(tmp_path / "c") or os.listdir(tmp_path / "c") == []
    (tmp_path / "c").mkdir(exist_ok=True)
    (tmp_path / "c" / "a.dtb").write_bytes(b"the one before")
    with pytest.raises(firmware.Failed):
        get([server.at + way], tmp_path / "c")
    assert (tmp_path / "c" / "a.dtb").read_bytes() == b"the one before" and os.listdir(tmp_path / "c") == ["a.dtb"]


def test_a_place_where_nobody_answers_is_asked_once(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        places = [f"http://127.0.0.1:{nobody.getsockname()[1]}/", "http://no-such-host.invalid/"]
        with pytest.raises(firmware.Failed, match=r"(?s)Connection refused.*no-such-host.invalid/: \w"):
            get(places, tmp_path / "c")
    assert places == [] and not os.path.exists(tmp_path / "c")


def test_a_cache_that_cannot_be_written_keeps_what_it_has(tmp_path, monkeypatch):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.dtb").write_bytes(b"the one before")

    def full(*_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        firmware.store(str(tmp_path / "c"), "a.dtb", DATA)
    assert (tmp_path / "c" / "a.dtb").read_bytes() == b"the one before" and os.listdir(tmp_path / "c") == ["a.dtb"]


def pin(monkeypatch, tmp_path, *places):
    """One pinned tree, at these places."""
    path = tmp_path / "pins"
    path.write_text("".join(f"place trees {place}\n" for place in places) + f"# a remark\nfile trees {SHA} {len(DATA)} a.dtb\n")
    monkeypatch.setattr(firmware.pins, "__defaults__", (str(path),))


def test_the_command_fetches_once_and_again_what_is_damaged(server, tmp_path, monkeypatch, capsys):
    pin(monkeypatch, tmp_path, server.at + "good/")
    monkeypatch.setattr(sys, "argv", ["firmware"])
    assert firmware.main() == 0 and len(server.asked) == 1
    assert firmware.main() == 0 and len(server.asked) == 1
    (tmp_path / "cache" / "a.dtb").write_bytes(DATA[:-1])
    assert firmware.main() == 0 and len(server.asked) == 2
    assert (tmp_path / "cache" / "a.dtb").read_bytes() == DATA
    assert "All 1 files are in " + trees.CACHE in capsys.readouterr().out


def test_from_is_asked_first_be_it_a_folder_or_an_address(server, tmp_path, monkeypatch, capsys):
    pin(monkeypatch, tmp_path, server.at + "none/")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.dtb").write_bytes(DATA)
    for place in str(tmp_path / "folder"), server.at + "good", (tmp_path / "folder").as_uri():
        monkeypatch.setattr(sys, "argv", ["firmware", "--from", place])
        assert firmware.main() == 0, capsys.readouterr()
        os.unlink(tmp_path / "cache" / "a.dtb")
    (tmp_path / "folder" / "a.dtb").write_bytes(b"x" + DATA[1:])
    monkeypatch.setattr(sys, "argv", ["firmware", "--from", str(tmp_path / "folder")])
    assert firmware.main() == 1 and os.listdir(tmp_path / "cache") == []
    assert "1 of 1 files could not be fetched" in capsys.readouterr().err


def test_who_needs_a_tree_gets_the_pinned_one_or_else_debians(server, tmp_path, monkeypatch):
    said, fetched = [], []
    pin(monkeypatch, tmp_path, server.at + "good/")
    monkeypatch.setattr(firmware, "fetch_debian", lambda **how: (fetched.append(how), firmware.store(trees.DEBIAN, "b.dtb", b"")))
    assert firmware.bring(["a.dtb", "b.dtb"], said.append) == os.path.join(trees.CACHE, "a.dtb") and not fetched
    os.unlink(tmp_path / "cache" / "a.dtb")
    pin(monkeypatch, tmp_path, server.at + "none/")
    assert firmware.bring(["a.dtb", "b.dtb"], said.append) == os.path.join(trees.DEBIAN, "b.dtb") and len(fetched) == 1
    os.unlink(tmp_path / "debian" / "b.dtb")

    def unable(**_):
        raise debian.Failed("found no Debian mirror")
    monkeypatch.setattr(firmware, "fetch_debian", unable)
    assert firmware.bring(["a.dtb", "b.dtb"], said.append) is None and "no Debian mirror" in said[-1]


def test_every_pin_is_whole_and_every_place_is_pinned_to_a_version():
    places, files = firmware.pins()
    assert {"bcm2710-rpi-3-b.dtb", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb", "start.elf", "start4.elf"} <= set(files)
    for name, (source, sha256, length) in files.items():
        assert re.fullmatch("[0-9a-f]{64}", sha256) and 0 < length < 1 << 23 and name == os.path.basename(name)
        assert places[source]
    for place in sum(places.values(), []):
        assert re.fullmatch(r"https://\S+/([0-9a-f]{40}|\d+\.\d+)/(boot/)?", place)


def test_the_pins_are_those_of_the_stock_trees_here():
    files = {name: pin for name, pin in firmware.pins()[1].items() if pin[0] == "trees"}
    here = [name for name in files if os.path.exists(os.path.join(STOCK, name))]
    if not STOCK or not here:
        pytest.skip("CAMBIUM_DTB_DIR names no folder of stock trees")
    other = [name for name in here if not firmware.is_whole(os.path.join(STOCK, name), *files[name][1:])]
    if len(other) == len(here):
        pytest.skip("CAMBIUM_DTB_DIR names a folder of another release's trees")
    assert other == []


@pytest.mark.parametrize("arguments, words", [
    (["--from", "/no/such/folder"], "no such folder"), (["--from", "ftp://x/"], "begins with http"),
    (["--debian", "--from", "."], "apt's sources"), (["--nonsense"], "unrecognized")])
def test_wrong_options_are_refused(arguments, words):
    done = subprocess.run([os.path.join(ROOT, "tools", "firmware"), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2 and words in done.stderr


def test_debian_is_refused_where_apt_is_not_debians(monkeypatch):
    monkeypatch.setattr(debian, "os_release", lambda: {"ID": "fedora"})
    with pytest.raises(debian.Failed, match="needs Debian's apt"):
        debian.Apt()


class FakeApt(debian.Apt):
    """Answers as apt does, with a package that is made here."""

    def __init__(self, folder, depends="", files=()):
        self.folder, self.say, self.depends, self.files = str(folder), lambda _: None, depends, files

    def run(self, *command):
        if command[0] == "apt-cache":
            return self.depends
        if command[1:3] == ("download", "--print-uris"):
            return "'http://x/linux-image-6.1.0-50-arm64_6.1%2b1_arm64.deb' linux-image-6.1.0-50-arm64_6.1+1_arm64.deb 123 SHA256:00\n"
        if command[1] == "download":
            root = os.path.join(self.folder, "root")
            for name in ("DEBIAN/control", *self.files):
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="ascii") as f:
                    f.write("Package: linux\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n")
            subprocess.run(["dpkg-deb", "--build", root, os.path.join(self.folder, "linux-image-6.1.0-50-arm64_6.1+1_arm64.deb")],
                           check=True, stdout=subprocess.DEVNULL)
        return ""


def test_the_kernel_of_the_day_is_found_however_debian_splits_it(tmp_path):
    one = "linux-image-arm64\n  Depends: linux-image-6.1.0-50-arm64\nlinux-image-6.1.0-50-arm64\n  Depends: kmod\nkmod\n"
    assert FakeApt(tmp_path, one).kernel() == "linux-image-6.1.0-50-arm64"
    split = "linux-image-arm64\nlinux-image-7.2.13+deb14-arm64\nlinux-binary-7.2.13+deb14-arm64\nlinux-base-7.2.13+deb14-arm64\n"
    assert FakeApt(tmp_path, split + "linux-base\n").kernel() == "linux-base-7.2.13+deb14-arm64"
    with pytest.raises(debian.Failed, match="names no kernel"):
        FakeApt(tmp_path, "linux-image-arm64\n").kernel()


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="makes a package with dpkg-deb, which is not here")
def test_only_the_files_that_are_wanted_leave_a_package(tmp_path):
    folder = "usr/lib/linux-image-6.1.0-50-arm64/"
    names = ["broadcom/bcm2837-rpi-3-b.dtb", "broadcom/bcm2711-rpi-4-b.dtb", "broadcom/stingray/bcm958742k.dtb",
             "allwinner/bcm2837-rpi-3-b.dtb", "broadcom/bcm2837-rpi-3-b.dtb.txt"]
    apt = FakeApt(tmp_path, files=[folder + name for name in names])
    apt.fetch("linux-image-6.1.0-50-arm64", firmware.DEBIAN_TREES, firmware.store, trees.DEBIAN)
    assert sorted(os.listdir(trees.DEBIAN)) == ["bcm2711-rpi-4-b.dtb", "bcm2837-rpi-3-b.dtb", "linux-image.version"]
    with open(os.path.join(trees.DEBIAN, "linux-image.version"), encoding="ascii") as f:
        assert f.read() == "linux-image-6.1.0-50-arm64 6.1+1\n"
    with pytest.raises(debian.Failed, match="has no such file"):
        apt.fetch("linux-image-6.1.0-50-arm64", firmware.DEBIAN_BOOT, firmware.store, str(tmp_path / "boot"))
    assert not os.path.exists(tmp_path / "boot")
