# SPDX-License-Identifier: BSD-2-Clause
"""Files out of Debian's packages for arm64, fetched and checked by apt and unpacked, not installed. apt works with lists and
folders of its own here, so neither the machine's packages nor its architectures change, and no root is needed."""
import os
import re
import shutil
import subprocess
import tarfile
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Failed(Exception):
    """apt could not bring it; the text says why."""


def os_release():
    try:
        with open("/etc/os-release", encoding="utf-8") as f:
            return {key: value.strip('"') for key, _, value in (line.strip().partition("=") for line in f)}
    except OSError:
        return {}


class Apt:
    """Use as a context manager: its folder goes away with it."""
    fetched_lists = False

    def __init__(self, say=print, sources=None):
        """sources: pairs of `deb` or `deb-src` and a suite; without them the machine's own suite."""
        self.say = say
        release = os_release()
        if release.get("ID") != "debian" or not shutil.which("apt-get"):
            raise Failed("this needs Debian's apt")
        mirror = subprocess.run([os.path.join(os.path.dirname(os.path.realpath(__file__)), "mirror")],
                                stdout=subprocess.PIPE, text=True).stdout.strip()
        if not mirror:
            raise Failed("found no Debian mirror in apt's sources")
        self.folder = tempfile.mkdtemp(prefix="cambium-apt-")
        own = [("deb", release.get("VERSION_CODENAME", "stable"))]
        self.configure("".join(f"{kind} [{'arch=arm64 ' if kind == 'deb' else ''}signed-by={KEYRING}] {mirror} {suite} main "
                               "non-free-firmware\n" for kind, suite in sources or own))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, source):
        for name in "lists/partial", "cache/archives/partial", "empty":
            os.makedirs(os.path.join(self.folder, name))
        # Proxies and the like stay as they are; hooks that the machine runs after an update are not for these lists.
        dump = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout
        settings = [line for line in dump.splitlines() if line.startswith("Acquire::")]
        own = {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Sandbox::User": "root",
               "Acquire::Languages": "none", "Dir::State": "", "Dir::State::Lists": "lists", "Dir::State::status": "status",
               "Dir::Cache": "cache", "Dir::Etc::sourcelist": "sources.list", "Dir::Etc::sourceparts": "empty",
               "Dir::Etc::parts": "empty", "Dir::Etc::main": "none", "Dir::Etc::preferences": "none",
               "Dir::Etc::preferencesparts": "empty"}
        for key, value in own.items():
            value = os.path.join(self.folder, value) if key.startswith("Dir::") else value
            settings.append(f'{key} "{value}";')
        for name, text in (("apt.conf", "\n".join(settings) + "\n"), ("sources.list", source), ("status", "")):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as f:
                f.write(text)

    def run(self, *command):
        """What an apt command prints."""
        environment = {**os.environ, "APT_CONFIG": os.path.join(self.folder, "apt.conf"), "LC_ALL": "C"}
        done = subprocess.run(command, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))][-3:]
            raise Failed("\n    ".join([f"{' '.join(command[:2])} failed", *said]))
        return done.stdout

    def lists(self):
        if not self.fetched_lists:
            self.say("Fetching apt's list of packages (at most 10 MB).")
            self.run("apt-get", "update", "-qq", "--error-on=any")
            self.fetched_lists = True

    def kernel(self):
        """The package with the kernel's device trees."""
        self.lists()
        found = self.run("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
                         "--no-breaks", "--no-replaces", "--no-enhances", "linux-image-arm64")
        names = sorted(set(re.findall(r"^linux-(?:base|image)-\d\S*-arm64$", found, re.M)))
        if not names:
            raise Failed("Debian's linux-image-arm64 names no kernel")
        return names[0]  # "base" before "image": where both are, the trees are in the former

    def fetch(self, package, pattern, store, folder):
        """Calls store(folder, name, bytes) for each file of a package whose path matches."""
        self.lists()
        uri = re.search(r"^'\S+' (\S+_(\S+)_\S+\.deb) (\d+) ", self.run("apt-get", "download", "--print-uris", package), re.M)
        if not uri:
            raise Failed(f"apt does not know the package {package}")
        file, version, size = uri[1], uri[2].replace("%3a", ":"), int(uri[3])
        self.say(f"Fetching {package} {version} ({size / 1e6:.1f} MB).")
        self.run("apt-get", "download", "-qq", package)
        count = 0
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", os.path.join(self.folder, file)],
                              stdout=subprocess.PIPE) as unpack:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as archive:
                for member in archive:
                    if member.isfile() and re.fullmatch(pattern, member.name):
                        store(folder, os.path.basename(member.name), archive.extractfile(member).read())
                        count += 1
        os.unlink(os.path.join(self.folder, file))
        if unpack.returncode or not count:
            raise Failed(f"{package} {version} could not be unpacked, or has no such file")
        store(folder, re.sub(r"-\d.*", "", package) + ".version", f"{package} {version}\n".encode())

    def source(self, package, folder, names):
        """Brings the upstream tarball of a source package into `folder`; its path. Failed: it is none of `names`."""
        self.lists()
        uri = re.search(r"^'\S+' (\S+\.orig\.tar\.\S+) (\d+) ",
                        self.run("apt-get", "source", "--print-uris", "--tar-only", package), re.M)
        if not uri:
            raise Failed(f"apt knows no source of {package}")
        if uri[1] not in names:
            raise Failed(f"Debian has {uri[1]}, which is not pinned")
        self.say(f"Fetching {uri[1]} ({int(uri[2]) / 1e6:.1f} MB).")
        self.run("apt-get", "source", "-qq", "--download-only", "--tar-only", package)
        return shutil.move(os.path.join(self.folder, uri[1]), os.path.join(folder, uri[1]))

    def unpack(self, package, folder):
        """Unpacks a package's files into `folder`."""
        self.lists()
        self.run("apt-get", "download", "-qq", package)
        files = [name for name in os.listdir(self.folder) if name.startswith(package + "_") and name.endswith(".deb")]
        if not files:
            raise Failed(f"apt brought no package {package}")
        self.run("dpkg-deb", "-x", files[0], folder)
