#!/usr/bin/env python3
"""Counts the instructions that an event takes, and compares them with what was recorded.

    python3 .ci/instructions.py            fail if an event takes more than 5 % more than recorded
    python3 .ci/instructions.py --record   write what an event takes now into benches/instructions.json

An event's share is the difference between a long run and a short one of the program `steady` under callgrind, on one
worker: starting and ending fall away, and a busy machine matters little.
"""

import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target" / "release" / "steady"
RECORD = ROOT / "benches" / "instructions.json"
# Each scenario: events of the short run, and of the long one.
SIZES = {
    "linear-1": (500_000, 10_500_000),
    "linear-3": (500_000, 5_500_000),
    "demand-4": (500_000, 5_500_000),
    "partition-4": (500_000, 5_500_000),
}
GROWTH = 1.05
TIMES = 7


def instructions(scenario, events):
    """Instructions of all threads together: under load a seat may change its thread."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out"
        subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", str(PROGRAM), scenario, str(events)],
            check=True, capture_output=True, timeout=300,
        )
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(encoding="utf-8"), re.M).group(1))


def per_event(scenario, enough):
    """The least of several measurements, or the first that is little enough. What the clock thread does, one look a millisecond,
    and how many slices are timed, depends on the machine: it only ever adds."""
    short, long = SIZES[scenario]
    least = math.inf
    for _ in range(TIMES):
        count = (instructions(scenario, long) - instructions(scenario, short)) / (long - short)
        least = min(least, round(count, 3))
        if least <= enough:
            break
    return least


def main():
    if shutil.which("valgrind") is None:
        print("SKIPPED: no valgrind on this machine, so no instructions are counted")
        return
    compiler = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    if "--record" in sys.argv[1:]:
        now = {scenario: per_event(scenario, 0) for scenario in SIZES}
        RECORD.write_text(json.dumps({"compiler": compiler, "instructions": now}, indent=2) + "\n", encoding="utf-8")
        print(f"recorded: {now}")
        return
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    wrong = []
    for scenario in SIZES:
        before = record["instructions"].get(scenario)
        if before is None:
            sys.exit(f"{RECORD.name} has no {scenario}")
        count = per_event(scenario, before * GROWTH)
        print(f"{scenario:<10} {count:>10.3f} instructions an event, {before:.3f} recorded, {count / before - 1:+.1%}")
        if count > before * GROWTH:
            wrong.append(scenario)
    if wrong:
        sys.exit(
            f"{', '.join(wrong)}: more than 5 % above what was recorded with {record['compiler']} (here: {compiler}). "
            "If that is meant to be, say why and record anew: python3 .ci/instructions.py --record"
        )


main()
