"""peload run against Wine: in which order DLLs come and go, what they are told, and how they count.

    life.py PELOAD FOLDER

life.exe of FOLDER runs each of its scenarios in a process of its own, and says all that happens.
Each is compared line by line; where they differ a row of LIFE in differences.py has to say why, and
a row that explains none is a failure. --rows prints the differences as rows. Exit status 77 without
Wine or programs.
"""
import difflib
import os
import sys
import tempfile

import differences
from programs import run_peload
from wine import Wine, find

# The program's main thread is not the one that loaded it and told its DLLs of the process, so that
# it is told to them as other threads are.
LOADED, MAIN_THREAD = "  p+ at start or end", ["  pd>", "  p>"]


def scenarios(lines):
    """The lines of each scenario by its name."""
    found, lines_of = {}, []
    for line in lines:
        if line.startswith("== "):
            lines_of = found.setdefault(line[3:], [])
        else:
            lines_of.append(line)
    return found


def without_main_thread(lines):
    after = lines.index(LOADED) + 1 if LOADED in lines else 0
    if lines[after:after + 2] == MAIN_THREAD:
        return lines[:after] + lines[after + 2:]
    return lines


def changes(ours, theirs):
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    return [(tuple(ours[a:b]), tuple(theirs[c:d]))
            for kind, a, b, c, d in matcher.get_opcodes() if kind != "equal"]


def compare(name, ours, theirs, explained):
    """The differences that no row explains, as text."""
    failures = []
    for windows, wine in changes(without_main_thread(ours), theirs):
        row = next((row for row in differences.LIFE
                    if (row.scenario, row.windows, row.wine) == (name, windows, wine)), None)
        if row is None:
            failures.append(f"{name}:\n  peload: {list(windows)}\n  Wine:   {list(wine)}")
        else:
            explained.add(row)
    return failures


def main(peload, folder, *options):
    path = os.path.join(folder, "life.exe")
    if find("wine64") is None or not os.path.exists(path):
        print("SKIPPED: wine64 or the cross compiler is missing (tests/run installs them)")
        return 77
    with tempfile.TemporaryDirectory(dir=folder) as place, Wine(None, place) as wine:
        theirs = scenarios(wine.program(path, folder)[1])
    ours = scenarios(run_peload(peload, path, folder)[1])
    if "--rows" in options:
        for name in theirs:
            for change in changes(without_main_thread(ours.get(name, [])), theirs[name]):
                print((name, *change))
        return 0
    failures, explained = [], set()
    for name in sorted(set(ours) | set(theirs)):
        failures += compare(name, ours.get(name, []), theirs.get(name, []), explained)
    for row in differences.LIFE:
        if row not in explained:
            failures.append(f"the row of {row.rule} explains nothing: {row.scenario}")
    print(f"{len(ours)} scenarios, {len(explained)} differences that are known")
    for failure in failures:
        print("FAILED:", failure)
    return 1 if failures or not ours else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
