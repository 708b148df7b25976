#!/usr/bin/env python3
"""Counts words on its own and compares with what the word_count example printed.

    word_count PATH --json > result.json
    python3 .ci/word_count.py PATH --json-from result.json

Shares nothing with the example but the definition: a word is a match of
[A-Za-z0-9_]+ in the bytes of a file, in lower case.
"""

import argparse
import collections
import json
import os
import re
import stat
import sys

WORD = re.compile(rb"[A-Za-z0-9_]+")
LEFT_OUT = {b".git", b"target"}


def regular_files(path, unreadable):
    """The regular files below path; what cannot be listed goes to unreadable."""
    if os.path.isfile(path):
        yield path
        return
    for folder, folders, names in os.walk(path, onerror=unreadable.append):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        for name in names:
            file = os.path.join(folder, name)
            try:
                if stat.S_ISREG(os.lstat(file).st_mode):
                    yield file
            except OSError as error:
                unreadable.append(error)


def count(path, top):
    """The same object as the example prints, but for the seconds."""
    unreadable = []
    words = collections.Counter()
    files = size = 0
    for file in regular_files(os.fsencode(path), unreadable):
        try:
            with open(file, "rb") as handle:
                data = handle.read()
        except OSError as error:
            unreadable.append(error)
            continue
        files += 1
        size += len(data)
        # bytes.lower() changes ASCII letters only.
        words.update(WORD.findall(data.lower()))
    order = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:top]
    return {
        "files": files,
        "bytes": size,
        "words": words.total(),
        "distinct": len(words),
        "skipped": len(unreadable),
        "top": [{"word": word.decode(), "count": n} for word, n in order],
    }


def differences(expected, given):
    """One line for each difference."""
    for name in ("files", "bytes", "words", "distinct", "skipped"):
        if given.get(name) != expected[name]:
            yield f"{name}: counted {expected[name]}, given {given.get(name)}"
    tops = expected["top"], given.get("top")
    if not isinstance(tops[1], list):
        yield f"top: expected a list, given {tops[1]!r}"
        return
    if len(tops[0]) != len(tops[1]):
        yield f"top: expected {len(tops[0])} words, given {len(tops[1])}"
    for place, (ours, theirs) in enumerate(zip(*tops), 1):
        if ours != theirs:
            yield f"top {place}: counted {ours}, given {theirs}"
            return
    if set(given) != set(expected) | {"seconds"}:
        yield f"the members of the object: given {sorted(given)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--json-from", metavar="FILE", required=True)
    parser.add_argument("--top", metavar="N", type=int, default=20,
                        help="what the example was given (default 20, like the example)")
    args = parser.parse_args()

    if not os.path.exists(args.path):
        sys.exit(f"{args.path}: no such path")
    try:
        with open(args.json_from, encoding="utf-8") as handle:
            given = json.load(handle)
    except (OSError, ValueError) as error:
        sys.exit(f"{args.json_from}: {error}")
    if not isinstance(given, dict):
        sys.exit(f"{args.json_from}: not one JSON object")

    expected = count(args.path, args.top)
    found = list(differences(expected, given))
    for line in found:
        print(f"DIFFERENT {line}")
    if found:
        sys.exit(1)
    print(f"same: {expected['files']} files, {expected['bytes']} bytes, "
          f"{expected['words']} words, {expected['distinct']} distinct, "
          f"{expected['skipped']} skipped, top {len(expected['top'])}")


if __name__ == "__main__":
    main()
