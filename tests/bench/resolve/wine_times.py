"""How long Wine takes to load a DLL with all that it needs, beside bench_resolve.

    wine_times.py LOAD_TIME_EXE DLL [ROUNDS]

Prints medians in microseconds: mapped, relocated and bound; with what the DllMains do; a second
load in the same process. Wine has ntdll, kernelbase and kernel32 by then already.
"""
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../wine"))
import wine  # noqa: E402

WHAT = ["mapped, relocated and bound", "with DllMains", "a second time"]


def main(program, dll, rounds=15):
    with tempfile.TemporaryDirectory() as folder, wine.Wine(program, folder) as runner:
        times = []
        for _ in range(int(rounds) + 1):
            status, lines = runner.program(os.path.abspath(program), folder, dll)
            if status != 0:
                sys.exit(f"{program} ends with status {status}")
            times.append([float(word) for word in lines[0].split()])
    for what, values in zip(WHAT, zip(*times[1:])):  # the first one fills the page cache
        print(f"{what:30} {statistics.median(values):9.1f} us, {min(values):.1f} at best")


if __name__ == "__main__":
    main(*sys.argv[1:])
