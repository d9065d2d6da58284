"""Where peload on Windows (under Wine 8.0) is known to differ from peload on Linux, and why. A
difference that is not in here is a failure, and so is a row that explains none.
"""
import re
from collections import namedtuple


# How Wine shows pages that it has reserved and never filled.
NO_PAGE = "PAGE_EXECUTE_WRITECOPY"


class Row(namedtuple("Row", "about part pattern stands_for reason")):
    """`about`: the commands, a pattern. `pattern`, in `part` of both outcomes, becomes
    `stands_for`. Where that is None, they may differ altogether if Wine's is of the pattern.
    """

    def is_about(self, scenario):
        return re.search(self.about, scenario.text) is not None

    def explain(self, scenario, ours, theirs):
        if self.stands_for is None:
            return ours, ours if re.search(self.pattern, theirs[self.part]) else theirs
        return tuple({**outcome, self.part: re.sub(self.pattern, self.stands_for,
                                                   outcome[self.part])}
                     for outcome in (ours, theirs))


FILE_IMAGE = r"^map (?!.*--memory)"


def of_cases(command, *names):
    return rf"^{command} .*case/({'|'.join(names)})\.exe$"


# Regions are "protection  state  backing  ...".
ROWS = [
    Row(FILE_IMAGE, "stdout", r"(MEM_COMMIT  )(file|segment)\b", r"\1FILE",
        "Windows maps the pages of a file however they are aligned"),
    Row("^map .*--profile winxp", "stdout", r"(PAGE_READONLY  MEM_COMMIT  )(FILE|private)(?= *\n)",
        r"\1HEADERS",
        "XP showed what the file has behind its headers; the system maps as it does, whatever the "
        "profile, and so the page is another one"),
    Row(of_cases("map(?! .*--memory)", "prot_shared_.*"), "stdout",
        r"(READWRITE|WRITECOPY)(  MEM_COMMIT  )(shared|FILE)", r"WRITABLE\2MEMORY",
        "Wine calls shared pages copied on write, which they are not"),
    Row(of_cases("map .*--memory", "prot_shared_.*"), "stdout",
        r"(READWRITE|WRITECOPY)(  MEM_COMMIT  )(shared|segment)", r"WRITABLE\2MEMORY",
        "an image from memory shares nothing on Windows, there is no file to know it by"),
    Row(of_cases("map", "falign_10000", "salign_2000(_slack)?", "hdrs_past_eof"), "stdout",
        rf"\b(0|PAGE_READONLY|{NO_PAGE})  (MEM_RESERVE|MEM_COMMIT)  (none|zero)\b", "NO PAGE",
        "Wine shows what it has reserved, and pages behind the headers, as committed code"),
    Row(of_cases("map", "bss_ptr_not_on_sector", "lfanew_page1", "nthdr_crosses_page",
                 "sectbl_crosses_page", "sectbl_on_page", "sect_96"), "stdout",
        r"(READWRITE|WRITECOPY|READONLY|EXECUTE_READ)  MEM_COMMIT  (FILE|private|zero)\b", "PAGE",
        "Wine reads such images into memory of the view's own"),
    Row(of_cases("map", "flat_400_200", "(ptr|rs|vs_0_raw)_past_eof_first", "rs_huge_first",
                 "sect_(97|65535)"),
        "stderr", "STATUS_INVALID_IMAGE_FORMAT", None, "Wine refuses these (rules A17, A49, A60)"),
    Row(of_cases("map(?! .*--memory)", "prot_shared_w_past_eof"), "stderr",
        "STATUS_INVALID_FILE_FOR_SECTION", None,
        "Wine makes no shared memory of what is behind the end of the file"),
    Row("^map .*--no-execute", "stdout", r"PAGE_(READONLY|EXECUTE_READ|(EXECUTE_)?WRITECOPY)\b",
        "PAGE", "Wine does not know of SEC_IMAGE_NO_EXECUTE"),
    Row("^call ", "stderr", r"\((SIGSEGV|exception 0xC0000005)\)", "",
        "a crash is a signal on Linux and an exception on Windows"),
]
