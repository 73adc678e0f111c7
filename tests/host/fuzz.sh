#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs the fuzzers for longer than tools/test does. What they find is kept in build/fuzz/TARGET, so the next run goes on.
set -eu
if [ $# -lt 1 ] || [ "$1" = --help ] || [ "$1" = -h ]; then
    echo "usage: tests/host/fuzz.sh SECONDS [tree|boot|virtio|pci]...
After tools/test has built all. A crash ends it; the input is build/fuzz/crash-*: run build/tests/host/fuzz_TARGET FILE
to see it again. Once it is fixed, the input comes into tests/host/corpus/ under a name that says what it is."
    [ $# -ge 1 ] && exit 0 || exit 2
fi
cd "$(dirname "$0")/../.."
seconds=$1
shift
[ $# -gt 0 ] || set -- tree boot virtio pci
for target; do
    mkdir -p "build/fuzz/$target" build/fuzz/seeds
    if [ "$target" = virtio ] || [ "$target" = pci ]; then # their inputs are steps, not trees
        ninja --quiet -C build "tests/host/fuzz_$target"
        "build/tests/host/fuzz_$target" -max_total_time="$seconds" -max_len=4000 -len_control=0 -timeout=60 -print_final_stats=1 \
            -artifact_prefix=build/fuzz/ "build/fuzz/$target"
        continue
    fi
    ninja --quiet -C build "tests/host/fuzz_$target" tests/host/good-virt-least.dtb
    cp build/tests/host/*.dtb build/fuzz/seeds/
    "build/tests/host/fuzz_$target" -max_total_time="$seconds" -max_len=8192 -timeout=60 -print_final_stats=1 \
        -artifact_prefix=build/fuzz/ "build/fuzz/$target" build/fuzz/seeds tests/host/corpus
done
