"""Where peload on Windows (under Wine 8.0) is known to differ from peload on Linux, and why. A
difference that is not in here is a failure, and so is a row that explains none.
"""
import re
from collections import namedtuple


class Row(namedtuple("Row", "about part pattern stands_for reason")):
    """`about`: the commands, a pattern. `pattern`, in `part` of both outcomes, becomes
    `stands_for`.
    """

    def is_about(self, scenario):
        return re.search(self.about, scenario.text) is not None

    def explain(self, scenario, ours, theirs):
        return tuple({**outcome, self.part: re.sub(self.pattern, self.stands_for,
                                                   outcome[self.part])}
                     for outcome in (ours, theirs))


ROWS = [
    Row("^map (?!.*--memory)", "stdout", r'("backing": "|MEM_COMMIT +)(?:file"? *|segment"? *)',
        r"\1FILE ", "Windows maps a file's pages however they are aligned"),
]
