"""What a change takes away from JavaScript tests, read from their text: titles, skips and expectations are counted."""

import re
from collections import Counter
from dataclasses import dataclass

_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)|(?<![:\"'`])//[^\n]*", re.DOTALL)
_TITLE = re.compile(
    r"\b(?:it|test|specify|bench)(?:\.(?!skip|todo|only)\w+)*\s*\(\s*(['\"`])((?:\\.|(?!\1).){0,300})\1", re.DOTALL
)
_SKIP = re.compile(
    r"\b(?:it|test|describe|suite|context|specify)\.(?:\w+\.)*(?:skip|todo|failing|fixme|skipIf|runIf)\b"
    r"|\b(?:xit|xtest|xdescribe|xcontext|xspecify)\s*\(|\b(?:skip|todo)\s*:\s*(?:true|['\"`])|\b(?:t|this|ctx)\.(?:skip|todo)\s*\("
)
_ONLY = re.compile(r"\b(?:it|test|describe|suite|context|specify)\.only\b|\b(?:fit|fdescribe)\s*\(|\bonly\s*:\s*true")
_EXPECT = re.compile(
    r"\bexpect(?:\.\w+)?\s*\(|\bassert(?:\.\w+)*\s*\(|\.should\b"
    r"|\bt\.\w*(?:equal|is|ok|throws|deep\w*|not\w*|true|false)\s*\("
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TestText:
    __test__ = False

    titles: tuple[str, ...]
    skips: int
    only: int
    expectations: int


def read_text(text: str) -> TestText:
    text = _COMMENT.sub("", text)
    return TestText(
        titles=tuple(match[2] for match in _TITLE.finditer(text)),
        skips=len(_SKIP.findall(text)),
        only=len(_ONLY.findall(text)),
        expectations=len(_EXPECT.findall(text)),
    )


def weaker(path: str, old: TestText, new: TestText) -> list[str]:
    """Sentences. A title that is gone while another came and nothing else got less is a new name."""
    found = []
    gone = list((Counter(old.titles) - Counter(new.titles)).elements())
    if gone and (len(new.titles) < len(old.titles) or new.expectations < old.expectations):
        found += [f"{path}: the test “{title}” is gone" for title in gone]
    elif new.expectations < old.expectations:
        found.append(f"{path}: {new.expectations} expectations instead of {old.expectations}")
    if new.skips > old.skips:
        found.append(f"{path}: tests are skipped")
    if new.only > old.only:
        found.append(f"{path}: `.only` leaves the other tests out")
    return found
