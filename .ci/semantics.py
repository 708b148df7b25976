"""Checks that every test that docs/semantics.md names exists: python3 .ci/semantics.py"""

import collections
import glob
import os
import re
import sys

TESTS = collections.defaultdict(set)
for path in glob.glob("*/**/*.rs", recursive=True):
    parts = path.split("/")
    if "target" in parts:
        continue
    names = set(re.findall(r"#\[test\][^{;]*?fn (\w+)\(", open(path, encoding="utf-8").read(), re.S))
    stem = os.path.splitext(parts[-1])[0]
    if parts[1] == "tests":
        # A test program: a file, or a folder with a main.rs.
        TESTS[parts[2] if len(parts) > 3 else stem] |= names
    else:
        # Unit tests: beside their module, in its tests.rs, or in the files of its folder tests.
        modules = parts[2:-1] + ([] if stem in ("mod", "tests") else [stem])
        if "tests" in modules:
            modules = modules[: modules.index("tests")]
        TESTS["::".join([parts[0], *modules])] |= names

text = open("docs/semantics.md", encoding="utf-8").read()
named = re.findall(r"`((?:[a-z_0-9]+::)+)([a-z_0-9]+)`", text)
missing = [f"{place}{name}" for place, name in named if name not in TESTS.get(place.removesuffix("::"), set())]
if missing:
    sys.exit("docs/semantics.md names tests that do not exist:\n" + "\n".join(missing))
print(f"{len(named)} tests named in docs/semantics.md, all there")
if len(named) < 500:
    sys.exit("fewer than expected: has the form of their names changed?")
