# SPDX-License-Identifier: BSD-2-Clause
"""tools/raspi5-qemu with a small source in QEMU's place: only what is pinned is built, once, under a name that follows from
its content; what goes wrong is said and leaves nothing that looks finished. And which kernel judges that machine. No place on the
network is asked."""
import hashlib
import io
import lzma
import os
import re
import sys
import tarfile
import threading

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools", "lib"))
import debian  # noqa: E402
import raspi5_qemu  # noqa: E402
import referee  # noqa: E402
import test as tools_test  # noqa: E402

CONFIGURE = """#!/bin/sh
set -e
for word; do [ "$word" != --with-devices-aarch64=raspi5 ] || found=yes; done
[ "$found" = yes ]
grep -q CONFIG_RASPI5=y ../source/configs/devices/aarch64-softmmu/raspi5.mak
echo configured >>../../configured
cat >build.ninja <<'END'
rule join
  command = echo built >>../../built && cat $in >$out && chmod +x $out
build qemu-system-aarch64: join /bin/true ../source/hw/arm/raspi5/model.c
END
"""


def tarball(folder, name="qemu.tar.xz", configure=CONFIGURE, kconfig="config ARM_VIRT\n"):
    """A source as QEMU's, of only what the builder touches; its SHA-256."""
    files = {"configure": configure, "hw/arm/meson.build": "x\nhw_arch += {'arm': arm_ss}\n", "hw/arm/Kconfig": kconfig,
             "pythondeps.toml": "[meson]\npycotap = {}\n", "pc-bios/meson.build": "if unpack_edk2_blobs\nendif\n"}
    with tarfile.open(os.path.join(folder, name), "w:xz") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(f"qemu-1.0/{path}")
            member.size, member.mode = len(text), 0o755
            tar.addfile(member, io.BytesIO(text.encode()))
    with open(os.path.join(folder, name), "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


class World:
    """A cache, a model and a folder with the source of their own."""

    def __init__(self, folder, monkeypatch):
        self.cache, self.model, self.places, self.said = (str(folder / name) for name in ("cache", "model", "places", "said"))
        for path in self.model, self.places, str(folder / "tools"):
            os.mkdir(path)
        self.edit("model.c", "one\n")
        self.edit("Kconfig", "")
        self.edit("meson.build", "")
        (folder / "tools" / "setup").write_text("#!/bin/sh\nexit 0\n")
        (folder / "tools" / "setup").chmod(0o755)
        self.pins, self.said = folder / "pins", []
        self.pin(tarball(self.places))
        for name, value in (("CACHE", self.cache), ("MODEL", self.model), ("PINS", str(self.pins)),
                            ("meson", lambda *_: dict(os.environ))):
            monkeypatch.setattr(raspi5_qemu, name, value)
        monkeypatch.setattr(raspi5_qemu.pins, "__defaults__", (str(self.pins),))
        monkeypatch.setattr(raspi5_qemu.build, "TOOLS", str(folder / "tools"))

    def edit(self, name, text):
        with open(os.path.join(self.model, name), "w", encoding="utf-8") as f:
            f.write(text)

    def pin(self, sha256, where="http://127.0.0.1:1/"):
        self.pins.write_text(f"# comment\nupstream {sha256} qemu.tar.xz {where}\n")

    def make(self, **options):
        return raspi5_qemu.make(install=options.pop("install", False), places=[self.places], say=self.said.append, **options)

    def count(self, what):
        try:
            with open(os.path.join(self.cache, what), encoding="utf-8") as f:
                return len(f.readlines())
        except OSError:
            return 0


@pytest.fixture
def world(tmp_path, monkeypatch):
    return World(tmp_path, monkeypatch)


def test_it_is_built_once_and_found_again(world):
    assert raspi5_qemu.find() is None
    path = world.make()
    assert raspi5_qemu.find() == path and os.access(path, os.X_OK)
    assert world.make() == path and world.count("built") == 1
    assert not os.path.exists(os.path.join(world.cache, "work"))
    assert any(line.startswith("Built in 0 min") for line in world.said), world.said


def test_another_model_is_another_binary_and_the_old_one_stays(world):
    first = world.make()
    world.edit("model.c", "two\n")
    assert raspi5_qemu.find() is None
    second = world.make()
    assert second != first and os.path.exists(first)
    world.edit("model.c", "one\n")
    assert world.make() == first and world.count("built") == 2


def test_with_keep_an_edit_configures_nothing_anew(world):
    world.make(keep=True)
    world.edit("model.c", "two\n")
    world.make(keep=True)
    assert (world.count("configured"), world.count("built")) == (1, 2)
    world.edit("Kconfig", "another")  # ninja configures again by itself, and throws nothing away
    world.make(keep=True)
    assert world.count("configured") == 1


def test_a_build_that_broke_off_goes_on_and_left_nothing_that_looks_finished(world):
    world.edit("model.c", "one\n")
    os.rename(os.path.join(world.model, "model.c"), os.path.join(world.model, "other.c"))  # ninja lacks its input
    with pytest.raises(raspi5_qemu.Failed, match="building QEMU failed"):
        world.make()
    assert raspi5_qemu.find() is None and world.count("configured") == 1
    os.rename(os.path.join(world.model, "other.c"), os.path.join(world.model, "model.c"))
    world.make()
    assert (world.count("configured"), world.count("built")) == (1, 1)


def test_what_broke_off_before_it_was_configured_starts_anew(world):
    world.pin(tarball(world.places, configure="#!/bin/sh\necho no such compiler\nexit 3\n"))
    with pytest.raises(raspi5_qemu.Failed, match="no such compiler\nconfiguring QEMU failed"):
        world.make()
    world.pin(tarball(world.places))
    world.make()
    assert world.count("built") == 1


def test_a_source_that_is_not_the_pinned_one_is_not_built(world, monkeypatch):
    world.pin("0" * 64)
    monkeypatch.setattr(raspi5_qemu, "download", lambda where, folder, name: tarball(folder) and os.path.join(folder, name))
    with pytest.raises(raspi5_qemu.Failed, match="has SHA-256 .*, pinned is 0000"):
        world.make(install=True)
    assert not os.path.exists(os.path.join(world.cache, "qemu.tar.xz"))


def test_a_source_that_no_place_has_is_said_with_each_reason(world, monkeypatch):
    os.unlink(os.path.join(world.places, "qemu.tar.xz"))
    with open(world.pins, "a", encoding="utf-8") as f:
        f.write(f"debian {'1' * 64} qemu.orig.tar.xz sometime\n")

    def no_apt(*_):
        raise debian.Failed("this needs Debian's apt")
    monkeypatch.setattr(debian, "Apt", no_apt)
    with pytest.raises(raspi5_qemu.Failed) as what:
        world.make(install=True)
    assert "127.0.0.1:1/: Connection refused" in str(what.value) and "sometime: this needs Debian's apt" in str(what.value)


def test_no_install_fetches_nothing(world, monkeypatch):
    os.unlink(os.path.join(world.places, "qemu.tar.xz"))
    monkeypatch.setattr(raspi5_qemu, "download", lambda *_: pytest.fail("fetched"))
    with pytest.raises(raspi5_qemu.Failed, match="--no-install forbids"):
        world.make()


def test_a_source_that_is_another_than_expected_is_said(world):
    world.pin(tarball(world.places, kconfig="config OTHER\n"))
    with pytest.raises(raspi5_qemu.Failed, match=r"hw/arm/Kconfig of QEMU's source .* stands 0 times"):
        world.make()


def test_two_at_once_build_once(world):
    paths = []
    threads = [threading.Thread(target=lambda: paths.append(world.make())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1 and len(paths) == 2 and world.count("built") == 1


def test_without_it_its_tests_are_skipped_with_a_reason(world):
    """What tests/system says, as tools/test counts it."""
    log = f"1..1\nok 1 - the prompt comes # SKIP {raspi5_qemu.MISSING}\n"
    assert tools_test.counts({"name": "system raspi5b", "result": "SKIP", "stdout": log}) == (
        0, [], [f"system raspi5b: the prompt comes: {raspi5_qemu.MISSING}"])


# ---- the kernel that judges the machine ----

def module(*needs):
    """A kernel module, compressed, that says it needs others."""
    return lzma.compress(b"\0name=x\0depends=" + ",".join(needs).encode() + b"\0vermagic=7\0")


def archived(monkeypatch, wanted, modules):
    monkeypatch.setattr(referee, "MODULES", wanted)
    return referee.archive(modules)


def test_modules_are_archived_behind_what_they_need_and_no_others(monkeypatch):
    data = archived(monkeypatch, ["sdhci_brcmstb", "fixed"], {
        "sdhci-brcmstb.ko.xz": module("sdhci", "cqhci"), "sdhci.ko.xz": module("mmc-lib"), "cqhci.ko.xz": module("mmc-lib"),
        "mmc-lib.ko.xz": module(), "fixed.ko.xz": module(), "other.ko.xz": module(), "linux-modules.version": b"7"})
    script = re.search(rb"(/bin/busybox insmod .*\n)+", data)[0].decode().splitlines()
    assert script == [f"/bin/busybox insmod /modules/{name}.ko" for name in
                      ("mmc_lib", "sdhci", "cqhci", "sdhci_brcmstb", "fixed")]
    assert [name.decode() for name in re.findall(rb"modules/(\w+)\.ko\0", data)] == [line.split("/")[-1][:-3] for line in script]
    assert b"depends=mmc-lib\0" in data  # unpacked


def test_a_module_that_debian_lacks_is_named(monkeypatch):
    with pytest.raises(debian.Failed, match="no module gone"):
        archived(monkeypatch, ["here"], {"here.ko.xz": module("gone")})


class Lists:
    """apt's lists, with these packages."""

    def __init__(self, *names):
        self.names = names

    def lists(self):
        pass

    def run(self, *_):
        return "".join(name + "\n" for name in self.names)


def test_the_newest_kernel_is_taken_whichever_suite_has_it():
    assert referee.newest(Lists("linux-binary-7.2.9+deb14-arm64", "linux-binary-7.3~rc7-arm64", "linux-binary-7.2.13+deb14-arm64",
                                "linux-binary-9.9-rt-arm64", "linux-binary-9.9-cloud-arm64",
                                "linux-binary-unsigned-9.9-arm64")) == "7.3~rc7"
    with pytest.raises(debian.Failed, match="no package linux-binary"):
        referee.newest(Lists("linux-binary-unsigned-9.9-arm64"))


@pytest.fixture
def referee_cache(tmp_path, monkeypatch):
    """A cache with the files of the pinned kernel, or at least of those lengths."""
    monkeypatch.setattr(referee.trees, "OWN", str(tmp_path))
    for folder in "referee", "referee-latest":
        os.mkdir(tmp_path / folder)
        for name in referee.FILES:
            (tmp_path / folder / name).write_bytes(name.encode())
    monkeypatch.setattr(referee, "FILES", {name: wanted and hashlib.sha256(name.encode()).hexdigest()
                                           for name, wanted in referee.FILES.items()})
    monkeypatch.delenv("CAMBIUM_REFEREE", raising=False)
    return tmp_path


def test_the_pinned_kernel_is_found_only_if_it_is_the_pinned_one(referee_cache):
    assert set(referee.find()) == set(referee.FILES) and referee.version() == referee.PINNED
    (referee_cache / "referee" / "modules.cpio").write_bytes(b"another")
    assert referee.find() is None
    with pytest.raises(debian.Failed, match=f"Linux {re.escape(referee.PINNED)} is not in .*--no-install forbids"):
        referee.fetch(may_fetch=False)


def test_the_latest_kernel_is_not_pinned_and_lies_apart(referee_cache, monkeypatch):
    monkeypatch.setenv("CAMBIUM_REFEREE", "latest")
    assert referee.find() is None and referee.version() is None  # nobody knows which it is
    with pytest.raises(debian.Failed, match=r"Linux \(the newest\) is not in .*referee-latest"):
        referee.fetch(may_fetch=False)
    (referee_cache / "referee-latest" / "version").write_text("7.3\n")
    (referee_cache / "referee-latest" / "vmlinuz").write_bytes(b"whatever came")
    assert referee.version() == "7.3"
    assert referee.find() is None  # its modules are those of another list
    (referee_cache / "referee-latest" / "modules.cpio").write_bytes(b"".join(b"modules/%s.ko\0" % name.encode()
                                                                             for name in referee.MODULES))
    assert referee.find()["vmlinuz"] == str(referee_cache / "referee-latest" / "vmlinuz")
    referee.fetch(may_fetch=False)  # what is there is taken
