# SPDX-License-Identifier: BSD-2-Clause
"""How --help looks: a paragraph as it was laid out where that fits the terminal, else filled to the terminal's width."""
import argparse
import textwrap


class Formatter(argparse.RawDescriptionHelpFormatter):
    def _fill_text(self, text, width, indent):
        return "\n\n".join(indent + filled(paragraph, width) for paragraph in text.strip("\n").split("\n\n"))


def filled(paragraph, width):
    if all(len(line) <= width for line in paragraph.splitlines()):
        return paragraph
    return textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)
