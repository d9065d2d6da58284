"""Every rule that the sources name has a row in pe/RULES.md, and so has every finding.

    rule_ids.py SOURCE_FOLDER

A rule is named by a string that is an ID ("A43", as diagnostics hold it) or in a comment: "rule
E5", "rules A43, A46", "Rules D1 to D3".
"""
import os
import re
import sys

FOLDERS = ["pe", "loader"]
ID = r"[A-HKNRS]\.?\d+"
RANGE = re.compile(rf"({ID})(?: to ({ID}))?")
NAMED = re.compile(rf"\b[Rr]ules? ((?:{ID})(?:(?:, | and | to )(?:{ID}))*)")
STRING = re.compile(r'(?<!L)"([A-HS]\d+)"')


def expand(text):
    """The IDs in "A43, A46" or "B2 to B5"."""
    for first, last in RANGE.findall(text):
        if not last:
            yield first
            continue
        for number in range(int(first[1:]), int(last[1:]) + 1):
            yield first[0] + str(number)


def listed(root):
    ids = set()
    with open(os.path.join(root, "pe/RULES.md"), encoding="utf-8") as page:
        for line in page:
            row = re.match(rf"\| ((?:{ID})[^|]*) \|", line)
            if row:
                ids |= set(expand(row.group(1)))
    return ids


def findings_without_row(root):
    """The codes of pe/findings/findings.h whose row does not say number, name and severity."""
    with open(os.path.join(root, "pe/findings/findings.h"), encoding="utf-8") as header:
        codes = re.findall(r"\bX\(([A-Z_]+), (\d+), (NOTICE|WARNING|ERROR),", header.read())
    with open(os.path.join(root, "pe/RULES.md"), encoding="utf-8") as page:
        text = page.read()
    return [name for name, number, severity in codes
            if f"| {number} | {name} | {severity.lower()} |" not in text] if codes else ["all"]


def sources(root):
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(root, folder)):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.join(path, name)


def named(text):
    """The IDs that a source names. Of a range, the ends: it may have gaps."""
    text = re.sub(r"\n\s*\* ", " ", text)
    ids = set(STRING.findall(text))
    for run in NAMED.findall(text):
        ids |= set(re.findall(ID, run))
    return ids


def main(root):
    rows = listed(root)
    seen = missing = 0
    for path in sources(root):
        with open(path, encoding="utf-8") as source:
            ids = named(source.read())
        seen += len(ids)
        for rule in sorted(ids - rows):
            print(f"{os.path.relpath(path, root)}: rule {rule} is not in pe/RULES.md")
            missing += 1
    for name in findings_without_row(root):
        print(f"finding {name} is not in pe/RULES.md")
        missing += 1
    print(f"{len(rows)} rules, named {seen} times, {missing} times without a row")
    return 1 if missing or not seen else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
