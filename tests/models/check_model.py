#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run one check or one seeded mutation of a Promela model through SPIN; print TAP.

What is run stands in the model's header, in lines that meson.build reads too:
  @check NAME [liveness=CLAIM] [-DNAME=VALUE ...] | the property
  @bug N CHECK EXPECTED | what is broken; EXPECTED: a PROVE name, end_state or acceptance_cycle
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

SECONDS = 60            # of the CPU, for one search; hang detection, the searches are far shorter
MEMORY_MIB = 2048
DEPTH = 2_000_000
HASH_BITS = 23


class Model:
    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.checks = {}
        self.bugs = {}
        with open(path, encoding='utf-8') as f:
            for line in f:
                words = line.split('|')[0].split()
                text = line.partition('|')[2].strip()
                if words[:2] == ['*', '@check']:
                    self.checks[words[2]] = (words[3:], text)
                elif words[:2] == ['*', '@bug']:
                    self.bugs[int(words[2])] = (words[3], words[4], text)


def limit():
    """A minute of the CPU, not of the clock: on a busy machine a proof takes longer and is as good."""
    size = MEMORY_MIB << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def run(command, cwd, **options):
    return subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def search(model, options, bug, work):
    """Generates, compiles and runs the verifier. Returns (output, names of all COVER marks compiled in, seconds)."""
    defines = [o for o in options if o.startswith('-D')] + ['-DBUG=%d' % bug]
    claim = next((o.partition('=')[2] for o in options if o.startswith('liveness=')), None)
    for name in os.listdir(os.path.dirname(model.path)):
        if name.endswith(('.h', '.pml')):
            shutil.copy(os.path.join(os.path.dirname(model.path), name), work)
    spin = run(['spin', '-a'] + defines + [model.name + '.pml'], work)
    if spin.returncode or not os.path.exists(os.path.join(work, 'pan.c')):
        raise RuntimeError('spin -a: ' + spin.stdout)
    # A mutation is found after few states: there the compiler's time counts, not the verifier's.
    compiler = ['gcc', '-O0' if bug else '-O1', '-Werror=int-conversion', '-DVECTORSZ=2048', '-DMEMLIM=%d' % (MEMORY_MIB - 48)]
    compiler += ['-DNFAIR=3'] if claim else ['-DSAFETY', '-DNOCLAIM']
    gcc = run(compiler + ['-o', 'pan', 'pan.c'], work)
    if gcc.returncode:
        raise RuntimeError('gcc: ' + gcc.stdout)
    pan = ['./pan', '-m%d' % DEPTH, '-w%d' % HASH_BITS]
    if claim:
        pan += ['-a', '-f', '-N', claim]
    with open(os.path.join(work, 'pan.m'), encoding='utf-8') as f:
        cover = set(re.findall(r'"reached: %s\\n", "(\w+)"', f.read()))
    start = time.monotonic()
    try:
        done = run(pan, work, timeout=10 * SECONDS, preexec_fn=limit)
    except subprocess.TimeoutExpired as e:
        raise RuntimeError('no end after %d s\n%s' % (10 * SECONDS, (e.stdout or b'').decode()[-2000:])) from e
    if done.returncode < 0:
        raise RuntimeError('ended by signal %d after at most %d s of the CPU\n%s' %
                           (-done.returncode, SECONDS, done.stdout[-2000:]))
    out = done.stdout
    return out, cover, time.monotonic() - start


def errors(out):
    """What the verifier found, by the names that @bug lines use."""
    found = re.search(r'errors: (\d+)', out)
    if not found:
        return ['no report']
    if found.group(1) == '0':
        return []
    names = re.findall(r'^violated: (\w+)', out, re.M)
    if re.search(r'^pan:\d+: invalid end state', out, re.M):
        names.append('end_state')
    if re.search(r'^pan:\d+: acceptance cycle', out, re.M):
        names.append('acceptance_cycle')
    return names or ['unnamed error']


def incomplete(out):
    """Signs that the search did not see every state."""
    signs = ('max search depth too small', 'out of memory', 'Search not completed', 'aborting', 'VECTORSZ too small',
             'Bit statespace')
    return [s for s in signs if s in out]


class Tap:
    def __init__(self, count):
        self.number = 0
        self.failed = False
        print('TAP version 13\n1..%d' % count)

    def result(self, good, text, details=''):
        self.number += 1
        self.failed |= not good
        print('%s %d - %s' % ('ok' if good else 'not ok', self.number, text))
        for line in details.splitlines() if not good else []:
            print('# ' + line)


def trail(model, work):
    """The last steps before the error, readable."""
    if not os.path.exists(os.path.join(work, model.name + '.pml.trail')):
        return ''
    out = run(['./pan', '-r', model.name + '.pml.trail'], work, timeout=10 * SECONDS).stdout
    return '\n'.join(out.splitlines()[-120:])


def check(model, name, work):
    options, text = model.checks[name]
    tap = Tap(3)
    out, cover, seconds = search(model, options, 0, work)
    found = errors(out)
    states = re.search(r'(\d+) states, stored', out)
    tap.result(not found, '%s' % text, 'found: %s\n%s\n%s' % (found, out, trail(model, work)))
    signs = incomplete(out)
    tap.result(not signs, 'the search was complete', '%s\n%s' % (signs, out))
    missed = sorted(cover - set(re.findall(r'^reached: (\w+)', out, re.M)))
    tap.result(not missed and bool(cover), 'every essential state was reached', 'not reached: ' + ' '.join(missed))
    print('# %s %s: %s states, %.1f s, %d essential states' %
          (model.name, name, states.group(1) if states else '?', seconds, len(cover)))
    return tap


def follows(model):
    """The code that the header names: one result for each file, good if it defines all names."""
    with open(model.path, encoding='utf-8') as f:
        header = re.sub(r'\n \*', ' ', f.read().partition('*/')[0]).partition('Follows:')[2]
    files = re.findall(r'([\w/]+\.[cS])\s+\(([\w\s,]+)\)', header)
    tap = Tap(len(files))
    root = os.path.join(os.path.dirname(model.path), '..', '..')
    for path, names in files:
        missing = names.replace(',', ' ').split()
        if os.path.exists(os.path.join(root, path)):
            with open(os.path.join(root, path), encoding='utf-8') as f:
                code = f.read()
            pattern = r'^%s:' if path.endswith('.S') else r'^\w.*\b%s\('
            missing = [n for n in missing if not re.search(pattern % n, code, re.M)]
        tap.result(not missing, 'what it follows in %s is there' % path, 'not defined: ' + ' '.join(missing))
    return tap


def mutate(model, number, work):
    base, expected, text = model.bugs[number]
    tap = Tap(1)
    out, _, seconds = search(model, model.checks[base][0], number, work)
    found = errors(out)
    tap.result(expected in found, 'found as %s: %s' % (expected, text), 'found instead: %s\n%s' % (found, out))
    print('# %s bug %d: %.1f s' % (model.name, number, seconds))
    return tap


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='the .pml file')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--check', metavar='NAME', help='prove the property: no error may be found')
    what.add_argument('--bug', metavar='N', type=int, help='seeded mutation: the error must be found')
    what.add_argument('--follows', action='store_true', help='the code that the header names must be there')
    what.add_argument('--all', action='store_true', help='every check and mutation, one after the other')
    parser.add_argument('--keep', metavar='DIR', help='leave the verifier and its trail in DIR')
    args = parser.parse_args()
    model = Model(args.model)
    if args.all:
        status = 0
        for word in [['--follows']] + [['--check', c] for c in model.checks] + [['--bug', str(b)] for b in model.bugs]:
            print('# ' + ' '.join(word), flush=True)
            status |= subprocess.run([sys.executable, __file__, args.model] + word, check=False).returncode
        return status
    if args.follows:
        return 1 if follows(model).failed else 0
    for tool in 'spin', 'gcc':
        if not shutil.which(tool):
            print('1..0 # SKIP %s is not installed' % tool)
            return 0
    with tempfile.TemporaryDirectory(prefix='model-') as temporary:
        work = args.keep or temporary
        os.makedirs(work, exist_ok=True)
        try:
            tap = check(model, args.check, work) if args.check else mutate(model, args.bug, work)
        except (KeyError, RuntimeError, OSError) as e:
            print('Bail out! %s' % str(e).replace('\n', '\n# '))
            return 1
    return 1 if tap.failed else 0


if __name__ == '__main__':
    sys.exit(main())
