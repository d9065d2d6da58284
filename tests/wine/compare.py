"""peload map against Wine: verdicts, and all pages of all views, over images.

    compare.py PELOAD ORACLE cases WRITE_CASES
    compare.py PELOAD ORACLE corpus FOLDER      (or $PELOAD_CORPUS)

Both map an image without relocating it. What VirtualQuery tells of each page and a checksum of its
bytes must be the same; so must be the verdict, or a row of differences.py says why not. Of the
cases, each row must explain one. Exit status 77 without Wine or images.
"""
import collections
import itertools
import os
import sys
import tempfile

import differences
import views
from headers import PAGE, Image
from images import found_images, written_cases
from wine import Wine, find

SHOWN = 100  # failures


class Comparison:
    def __init__(self, peload, wine, folder):
        self.peload, self.wine = peload, wine
        self.dump = os.path.join(folder, "dump")
        self.mapped = self.pages = 0
        self.explained = collections.Counter()
        self.failures = []

    def image(self, path, told):
        if told is None:
            self.failures.append(f"{path}: Wine ended, or took too long")
            return
        ours, theirs = views.of_peload(self.peload, path, self.dump), views.of_oracle(told)
        if ours.outcome != "mapped" or theirs.outcome != "mapped":
            self.verdict(path, ours, theirs)
        else:
            self.view(path, ours, theirs)

    def explain(self, rows, holds, text):
        """Counts the first row that explains a difference, or keeps the difference's text."""
        row = next((row for row in rows if holds(row)), None)
        if row is None:
            self.failures.append(text())
        else:
            self.explained[row] += 1

    def verdict(self, path, ours, theirs):
        if ours.status == theirs.status:
            return
        image = Image(path)
        self.explain(differences.VERDICTS,
                     lambda row: row.wine == theirs.outcome and
                     ours.rule == (row.rule if row.windows == differences.REFUSED else "") and
                     row.holds(image),
                     lambda: f"{path}: peload: {ours.outcome} {ours.rule}, Wine: {theirs.outcome}")

    def view(self, path, ours, theirs):
        image = Image(path)
        self.mapped += 1
        for name, view in ("peload", ours), ("Wine", theirs):
            at_base = view.base == image.image_base
            if view.status != ("STATUS_SUCCESS" if at_base else "STATUS_IMAGE_NOT_AT_BASE"):
                self.failures.append(f"{path}: {name}: {view.status} at {view.base:#x}")
        for index, pair in enumerate(itertools.zip_longest(ours.pages, theirs.pages)):
            self.pages += 1
            if None in pair:
                self.failures.append(f"{path}: one view ends after {index} pages")
                break
            if pair[0] != pair[1]:
                self.page(path, image, index * PAGE, *pair)

    def page(self, path, image, rva, ours, theirs):
        def contents():
            with open(self.dump, "rb") as view:
                view.seek(rva)
                return view.read(PAGE), self.wine.contents(path)[rva:rva + PAGE]

        self.explain(differences.PAGES,
                     lambda row: ours.kind == theirs.kind and
                     row.holds(image, rva, ours, theirs, contents),
                     lambda: f"{path}: page {rva:#x}: peload: {ours}, Wine: {theirs}" +
                     first_difference(rva, *contents()))


def first_difference(rva, ours, theirs):
    return next((f", at {rva + at:#x} {a:02x} and {b:02x}"
                 for at, (a, b) in enumerate(zip(ours, theirs)) if a != b), "")


def report(comparison, count, every_row):
    print(f"{count} images, {comparison.mapped} mapped by both, {comparison.pages} pages")
    for row in differences.VERDICTS + differences.PAGES:
        found = comparison.explained[row]
        if found:
            print(f"  {row.rule:4} {found:5}  {row.what}: Wine: {row.wine}; Windows: {row.windows}")
        elif every_row:
            comparison.failures.append(f"the row of {row.rule} explains nothing: {row.what}")
    for failure in comparison.failures[:SHOWN]:
        print("FAILED:", failure)
    if len(comparison.failures) > SHOWN:
        print(len(comparison.failures) - SHOWN, "more")
    return 1 if comparison.failures else 0


def main(peload, oracle, kind, source):
    if find("wine64") is None or not os.path.exists(oracle):
        print("SKIPPED: wine64 or the cross compiler is missing (tests/run installs them)")
        return 77
    with tempfile.TemporaryDirectory(dir=os.path.dirname(oracle)) as folder, \
            Wine(oracle, folder) as wine:
        paths = written_cases(source, os.path.join(folder, "cases")) if kind == "cases" else \
            list(found_images(os.environ.get("PELOAD_CORPUS", source)))
        if not paths:
            print("SKIPPED: no images (tests/run fetches them, some with --corpus only)")
            return 77
        if not wine.starts():
            print("FAILED: Wine does not start")
            return 1
        comparison = Comparison(peload, wine, folder)
        for path, told in zip(paths, wine.lines(paths)):
            comparison.image(path, told)
        return report(comparison, len(paths), kind == "cases")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
