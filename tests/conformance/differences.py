"""Where peload on Windows (under Wine 8.0) is known to differ from peload on Linux, and why. A
difference that is not in here is a failure, and so is a row that explains none.
"""
import re
from collections import namedtuple


# How Wine shows pages that it has reserved and never filled.
NO_PAGE = "PAGE_EXECUTE_WRITECOPY"


class Row(namedtuple("Row", "about part pattern stands_for reason")):
    """`about`: the commands, a pattern. `pattern`, in `part` of both outcomes, becomes
    `stands_for`. `part` None: the whole outcomes may differ.
    """

    def is_about(self, scenario):
        return re.search(self.about, scenario.text) is not None

    def explain(self, scenario, ours, theirs):
        if self.part is None:
            return ours, ours
        return tuple({**outcome, self.part: re.sub(self.pattern, self.stands_for,
                                                   outcome[self.part])}
                     for outcome in (ours, theirs))


FILE_IMAGE = r"^map (?!.*--memory)"


def of_cases(command, *names):
    return rf"^{command} .*case/({'|'.join(names)})\.exe$"


# A region in text or in JSON: what it may do, its state and its backing.
ROWS = [
    Row(FILE_IMAGE, "stdout", r'("backing": "|MEM_COMMIT +)(?:file|segment)("?) *', r"\1FILE\2 ",
        "Windows maps the pages of a file however they are aligned"),
    Row("^map .*--profile winxp", "stdout", r"(PAGE_READONLY +MEM_COMMIT +)(?:FILE|private) *\n",
        r"\1HEADERS\n",
        "XP showed what the file has behind its headers; the system maps as it does, and so the page "
        "is another one"),
    Row(FILE_IMAGE + ".*case/prot_shared_", "stdout", r"(READWRITE|WRITECOPY)( +MEM_COMMIT +)(shared|FILE)",
        r"WRITABLE\2MEMORY", "Wine calls shared pages copied on write, which they are not"),
    Row("^map .*--memory.*case/prot_shared_", "stdout",
        r"(READWRITE|WRITECOPY)(.*?)(segment|shared)", r"WRITABLE\2MEMORY",
        "an image from memory shares nothing on Windows, there is no file to know it by"),
    Row(of_cases("map", "falign_10000", "salign_2000(_slack)?", "hdrs_past_eof"), "stdout",
        rf"(0|PAGE_READONLY|{NO_PAGE}) +(MEM_RESERVE|MEM_COMMIT) +(none|zero)", "NO PAGE",
        "Wine shows what it has reserved, and pages behind the headers, as committed code"),
    Row(of_cases("map", "bss_ptr_not_on_sector", "lfanew_page1", "nthdr_crosses_page",
                 "sectbl_crosses_page", "sectbl_on_page", "sect_96"), "stdout",
        r"(READWRITE|WRITECOPY|READONLY|EXECUTE_READ) +MEM_COMMIT +(FILE|private|zero) *", "PAGE ",
        "Wine reads such images into memory of the view's own"),
    Row(of_cases("map", "flat_400_200", "(ptr|rs|vs_0_raw)_past_eof_first", "rs_huge_first"), None,
        None, None, "Wine refuses these (rules A49, A60)"),
]
