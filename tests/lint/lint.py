# SPDX-License-Identifier: BSD-2-Clause
"""Runs the rules of rules.py over the source and prints TAP: a law that is broken is a failure, a length a warning.

usage: lint.py SOURCE-ROOT
"""
import sys

import rules


def main():
    tree = rules.Tree(sys.argv[1])
    print(f"1..{len(rules.RULES)}")
    for number, (name, (rule, law)) in enumerate(rules.RULES.items(), 1):
        try:
            findings = list(rule(tree))
        except rules.Skip as why:
            print(f"ok {number} - {name.replace('#', '')} # SKIP {why}")
            continue
        for finding in findings:
            print(f"# {'law' if law else 'warning'}: {finding}")
        print(f"{'not ok' if findings and law else 'ok'} {number} - {name.replace('#', '')}")


if __name__ == "__main__":
    main()
