"""peload on Linux and peload.exe under Wine do the same: one list of commands, run by both.

    conformance.py PELOAD WINDOWS_BUILD_FOLDER WRITE_CASES BUILD_FOLDER CORPUS [PATTERN]

scenarios.txt has a command on each line; its head says what words in braces and marks stand for.
Calls that are marked are also made by system_call.exe, with the system's loader. Exit status,
stdout, stderr and the files that a command writes have to be the same, once they are written alike
(alike.py); a difference is a failure unless a row of differences.py explains it, and so is a row
that explains none. CORPUS is the folder of downloaded images ($PELOAD_CORPUS if set);
$PELOAD_CONFORMANCE=all takes all of them, and all of Wine's modules, instead of some. Only the
scenarios with PATTERN in them, if it is given. Exit status 77 without Wine or peload.exe.
"""
import collections
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import alike
import differences
from scenarios import Files, is_sanitized, read_scenarios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "wine"))
from wine import Wine, find, windows_path  # noqa: E402

JOBS, SECONDS, SHOWN = 6, 120, 60

Outcome = collections.namedtuple("Outcome", "status stdout stderr written")


class Side:
    """One of the two that are compared."""

    def __init__(self, name, program, environment, folder, dropped=()):
        self.name, self.program, self.environment = name, program, environment
        self.folder, self.dropped = folder, dropped

    def command(self, words):
        """`words` of the program, or of a sample that is built beside it if they start with one."""
        program, extension = self.program, os.path.splitext(self.program)[1]
        if words[0].startswith("@"):
            name, words = words[0][1:], words[1:]
            program = os.path.join(os.path.dirname(program), "samples", name + extension)
        under = [] if extension == "" else [find("wine64")]
        return under + [program if extension == "" else windows_path(program)] + words

    def run(self, scenario):
        out = os.path.join(self.folder, f"out.{scenario.number}.{self.name}")
        words = [os.path.basename(out) if word == "{out}" else word
                 for word in scenario.words if word not in self.dropped]
        try:
            ended = subprocess.run(self.command(words), cwd=self.folder, env=self.environment,
                                   stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                                   check=False)
        except subprocess.TimeoutExpired:
            return Outcome("no end", b"", b"", b"")
        return Outcome(ended.returncode, ended.stdout, ended.stderr, take(out))


def take(path):
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return b""
    os.remove(path)
    return content


def shown(outcome, scenario):
    """The parts of an outcome, by name, as text of one shape."""
    return {"status": str(outcome.status),
            "stdout": alike.text(outcome.stdout, scenario),
            "stderr": alike.text(outcome.stderr, scenario),
            "written": alike.written(outcome.written)}


def first_difference(*sides):
    """Where two texts part, with a little of what is around."""
    texts = [text for _, text in sides]
    at = next((at for at, (a, b) in enumerate(zip(*texts)) if a != b), min(map(len, texts)))
    return "".join(f"\n      {name}: {text[max(0, at - 60):at + 100]!r}" for name, text in sides)


class Judge:
    def __init__(self):
        self.explained, self.failures = collections.Counter(), []
        self.count = self.different = 0

    def compare(self, scenario, ours, theirs, name):
        ours, theirs = shown(ours, scenario), shown(theirs, scenario)
        self.count += 1
        if ours == theirs:
            return
        for row in differences.ROWS:
            if not row.is_about(scenario):
                continue
            before = ours, theirs
            ours, theirs = row.explain(scenario, ours, theirs)
            self.explained[row] += (ours, theirs) != before
            if ours == theirs:
                self.different += 1
                return
        for part, text in ours.items():
            if text != theirs[part]:
                self.failures.append(f"{scenario.text}: {part}:" + first_difference(
                    (scenario.sides[0], text), (name, theirs[part])))

    def report(self, every_row):
        print(f"{self.count} scenarios, {self.different} of them different with reason")
        for row in differences.ROWS:
            if self.explained[row]:
                print(f"  {self.explained[row]:5}  {row.reason}")
            elif every_row:
                self.failures.append(f"a row explains nothing: {row.reason}")
        for failure in self.failures[:SHOWN]:
            print("FAILED:", failure)
        if len(self.failures) > SHOWN:
            print(len(self.failures) - SHOWN, "more")
        return 1 if self.failures else 0


def main(peload, windows, write_cases, build, corpus, pattern=""):
    exe, system_call = (os.path.join(os.path.abspath(windows), name)
                        for name in ("peload.exe", "system_call.exe"))
    if find("wine64") is None or not os.path.exists(exe):
        print("SKIPPED: wine64 or peload.exe is missing (tests/run installs and builds them)")
        return 77
    start = time.time()
    with tempfile.TemporaryDirectory(dir=os.path.dirname(exe)) as folder, Wine(exe, folder) as wine:
        work = os.path.join(folder, "work")
        files = Files(work, write_cases, build, os.environ.get("PELOAD_CORPUS", corpus))
        scenarios = [scenario for scenario in read_scenarios(files) if pattern in scenario.text]
        sides = {"linux": Side("linux", os.path.abspath(peload), os.environ, work),
                 "wine": Side("wine", exe, wine.environment, work),
                 "system": Side("system", system_call, wine.environment, work,
                                ("call", "--memory", "--search=."))}
        wine.begin(exe, "--version")
        judge = Judge()
        with ThreadPoolExecutor(JOBS) as pool:
            for scenario, outcomes in zip(scenarios, pool.map(
                    lambda scenario: [sides[name].run(scenario) for name in scenario.sides],
                    scenarios)):
                for name, theirs in zip(scenario.sides[1:], outcomes[1:]):
                    judge.compare(scenario, outcomes[0], theirs, name)
    status = judge.report(not pattern and not files.missing and not is_sanitized(build))
    for name in sorted(files.missing):
        print(f"without {name}, which is missing (tests/run makes or fetches it)")
    print(f"{time.time() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
