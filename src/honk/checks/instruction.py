"""What an instruction asks for, decided by its words alone: the same words always give the same answer.

- It *reports a defect* when it holds a word such as fix, bug, crash, error, broken, fails, wrong,
  regression, or says that something does not work.
- It *asks for tests* when "add", "write", "cover" or the like stands in a clause with "test".
- It *asks to weaken tests* when "remove", "skip", "rewrite", "update" or the like stands at most four
  words from "test", "spec", "assertion" or "snapshot", with no "do not", "never" or "without" before it.
- It *reverts* when it is git's own command for that; then it reports no defect.
- It *asks for a file* when it names the path, or the file's name, in a clause without such a "not".
- It *asks for a kind of configuration* when it uses one of the kind's words in such a clause.

A clause ends at a full stop followed by a space, a semicolon, a line break, or "but".
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_DEFECT = re.compile(
    r"\b(fix(es|ed|ing)?|bug(s|gy)?|crash(es|ed|ing)?|errors?|exception|traceback|stack ?trace|broken|breaks?"
    r"|fail(s|ed|ing|ure|ures)?|wrong(ly)?|incorrect(ly)?|regress(ion|ions|ed|es)?|defect|faulty|hangs?|freezes?|segfault|leaks?"
    r"|(does|do|did|is|are|was) ?(n't|n’t| not) (work|working|handle|handled|return|respect)|misbehav\w+|repair)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"(?:[.!?](?=\s|$)|[;\n]|\bbut\b)", re.IGNORECASE)
_NOT = re.compile(
    r"\b(do ?n['’]?t|do not|don’t|never|without|must not|may not|should not|shouldn['’]t|no need to|avoid|leave)\b",
    re.I,
)
_TESTS = r"(tests?|specs?|test ?cases?|test suites?|assertions?|asserts?|snapshots?|coverage)"
_ASKS_TESTS = re.compile(
    rf"\b(add|write|create|cover|extend|improve|increase|more|missing|new|need|test)\b.{{0,120}}\b{_TESTS}\b", re.I
)
_REPORTS_TESTS = re.compile(
    rf"\b{_TESTS}\b.{{0,120}}\b(missing|lacking|needed|for)\b|\bcover\w{{0,9}}\b.{{0,120}}\bby\b", re.I
)
_WEAKEN = (
    r"(remov\w*|delet\w*|drop\w*|skip\w*|disabl\w*|xfail\w*|weaken\w*|simplif\w*|rewrit\w*|replac\w*|renam\w*|merg\w*"
    r"|prun\w*|clean(ing|ed)? ?up|consolidat\w*|migrat\w*|updat\w*|adapt\w*|regenerat\w*|refactor\w*|quarantin\w*)"
)
# Each form begins at the beginning of a word, so that a long text without blanks is not tried at every letter.
_TEST_WORD = (
    rf"(\b{_TESTS}\b|(?<!\S)\S{{0,99}}\btest_\w+|\b\w{{1,99}}_test\b"
    r"|(?<!\S)\S{1,99}\.(test|spec)\.\w+|(?<!\S)\S{0,99}__snapshots__)"
)
#: At most four words between the two, and none that begins another request.
_BETWEEN = r"(?:(?!and\b|with\b|add\b|write\b|then\b|plus\b|create\b|so\b|to\b)\S{1,99}\s{1,9}){0,4}"
_WEAKENS = re.compile(
    rf"\b{_WEAKEN}\s+{_BETWEEN}{_TEST_WORD}"
    rf"|{_TEST_WORD}\s+{_BETWEEN}(should|must|can|may|shall|needs? to|have to|has to) (be )?{_WEAKEN}"
    rf"|\b(obsolete|outdated|redundant)\s+{_BETWEEN}{_TEST_WORD}"
    rf"|{_TEST_WORD}\s+(is|are) (now )?(obsolete|outdated|redundant)",
    re.IGNORECASE,
)
_REVERTS = re.compile(r"\bgit revert --no-commit -m 1 [0-9a-f]{40,64} \|\| git revert --no-commit ")
_FIXES_TESTS = re.compile(rf"\b(fix|repair|stabili[sz]e|correct|deflake)\w{{0,5}}\s+{_BETWEEN}{_TEST_WORD}", re.I)
_DOCUMENTATION = re.compile(
    r"\b(typos?|spelling|grammar|wording|docs?|documentation|readme|changelog|comments?|docstrings?|links?|licen[cs]e)\b",
    re.IGNORECASE,
)


class Instruction:
    """The words of one instruction, with everything that a later reply may have added."""

    def __init__(self, text: str) -> None:
        self._text = re.sub(r"[ \t]+", " ", text[:200_000])
        self._clauses = [clause for clause in _CLAUSE.split(self._text) if clause.strip()]

    @property
    def reports_defect(self) -> bool:
        return bool(_DEFECT.search(self._text)) and not self.reverts

    @property
    def asks_for_tests(self) -> bool:
        return any(_ASKS_TESTS.search(clause) or _REPORTS_TESTS.search(clause) for clause in self._allowed())

    @property
    def asks_to_fix_tests(self) -> bool:
        """Whether the tests themselves are what is wrong."""
        return any(_FIXES_TESTS.search(clause) for clause in self._allowed())

    @property
    def is_about_documentation(self) -> bool:
        return any(_DOCUMENTATION.search(clause) for clause in self._allowed())

    @property
    def asks_to_weaken_tests(self) -> bool:
        return any(_WEAKENS.search(clause) for clause in self._allowed())

    @property
    def reverts(self) -> bool:
        """Whether a change is taken back as a whole, and with it the tests that came with it."""
        return bool(_REVERTS.search(self._text))

    def asks_for_file(self, path: str) -> bool:
        """Whether the file is named. A name without a dot or underscore, such as "test", names nothing."""
        name = PurePosixPath(path).name
        names = [path, name] if re.search(r"[._]|^Makefile$|^Jenkinsfile$", name) else [path]
        return any(self._says(re.escape(one)) for one in names)

    def asks_for(self, words: Iterable[str]) -> bool:
        return any(self._says(re.escape(word)) for word in words)

    def _says(self, pattern: str) -> bool:
        expression = re.compile(rf"(?<![\w.-]){pattern}(?![\w-])", re.IGNORECASE)
        return any(expression.search(clause) for clause in self._allowed())

    def _allowed(self) -> list[str]:
        """The clauses up to the first "not": what stands behind it is forbidden, not asked for."""
        return [_NOT.split(clause, maxsplit=1)[0] for clause in self._clauses]
