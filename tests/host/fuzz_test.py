# SPDX-License-Identifier: BSD-2-Clause
"""The fuzzers, for a short time and with the same inputs in every run: first all seeds (the museum, corpus/, and the stock
trees in $CAMBIUM_DTB_DIR), then as many new inputs as take about ten seconds. fuzz.sh runs them for as long as wanted."""
import glob
import os
import shutil
import subprocess

import pytest

FUZZ = os.environ["CAMBIUM_FUZZ"]
TREES = os.environ["CAMBIUM_TREES"]
STOCK = os.environ.get("CAMBIUM_DTB_DIR", "")
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
RUNS = {"tree": 12000, "boot": 40000}
VIRTIO_RUNS = 15000
PCI_RUNS = 5000


def fuzz(target, folder, *arguments):
    """Runs a target; its last words."""
    if not FUZZ:
        pytest.skip("clang or its libFuzzer is not installed (tools/setup does that on Debian 12 and 13)")
    done = subprocess.run([f"{FUZZ}/fuzz_{target}", "-timeout=60", f"-artifact_prefix={folder}/", *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    words = "\n".join(done.stdout.splitlines()[-60:])
    assert done.returncode == 0, words
    return words


def museum(folder):
    """The build directory holds more than trees: a folder with copies of them."""
    seeds = folder / "seeds"
    seeds.mkdir()
    for path in glob.glob(f"{TREES}/*.dtb"):
        shutil.copy(path, seeds)
    return str(seeds)


@pytest.mark.parametrize("target", RUNS)
def test_seeds(target, tmp_path):
    seeds = sorted(glob.glob(f"{CORPUS}/*") + glob.glob(f"{TREES}/*.dtb"))
    assert len(seeds) > 40
    fuzz(target, tmp_path, *seeds)


@pytest.mark.parametrize("target", RUNS)
def test_new_inputs(target, tmp_path):
    """New ones go to a folder of their own, so that the next run begins with the same."""
    new = tmp_path / "new"
    new.mkdir()
    words = fuzz(target, tmp_path, "-seed=1", f"-runs={RUNS[target]}", "-max_len=4096", str(new), CORPUS, museum(tmp_path))
    assert f"Done {RUNS[target]} runs" in words, words


def test_steps_of_a_virtio_device_and_its_clients(tmp_path):
    """Its inputs are no trees: it begins with nothing."""
    words = fuzz("virtio", tmp_path, "-seed=1", f"-runs={VIRTIO_RUNS}", "-max_len=400",
                 "-len_control=0")
    assert f"Done {VIRTIO_RUNS} runs" in words, words


def test_steps_of_functions_on_a_pci_bus(tmp_path):
    words = fuzz("pci", tmp_path, "-seed=1", f"-runs={PCI_RUNS}", "-max_len=600", "-len_control=0")
    assert f"Done {PCI_RUNS} runs" in words, words


@pytest.mark.parametrize("target", RUNS)
def test_stock(target, tmp_path):
    stock = sorted(glob.glob(f"{STOCK}/*.dtb")) if STOCK else []
    if not stock:
        pytest.skip("CAMBIUM_DTB_DIR names no folder of stock trees")
    fuzz(target, tmp_path, *stock)
