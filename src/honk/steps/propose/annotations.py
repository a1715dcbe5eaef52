"""Lines that the verifiers' output names, for showing what they say beside them."""

import posixpath
import re
from collections.abc import Collection

from honk.domain.remote_check import Annotation
from honk.domain.verdict import Answer, Finding, Verdict

#: more than a page of a change can show
_MOST = 100
_PLACE = re.compile(
    r"^\s*(?:File )?[\"']?(?P<path>[\w./@+-]+\.\w+)[\"']?(?::|\(|, line )(?P<line>\d+)(?:[:,]\d+)?\)?:?"
    r"\s*(?P<text>.*)$",
    re.MULTILINE,
)


def annotations(verdict: Verdict, paths: Collection[str]) -> tuple[Annotation, ...]:
    """What the verifiers that did not pass say of lines of these files; each place once."""
    found: dict[tuple[str, int], Annotation] = {}
    for finding in verdict.findings:
        if finding.answer is not Answer.PASS:
            for one in _of(finding, paths):
                found.setdefault((one.path, one.line), one)
    return tuple(found.values())[:_MOST]


def _of(finding: Finding, paths: Collection[str]) -> list[Annotation]:
    level = "failure" if finding.answer is Answer.FAIL and finding.counts else "warning"
    named = []
    for evidence in finding.evidence:
        for match in _PLACE.finditer(evidence.condensed):
            path = posixpath.normpath(match["path"]).removeprefix("/workspace/")
            if path in paths and 0 < int(match["line"]) < 10_000_000:
                said = match["text"].strip() or finding.summary
                named.append(
                    Annotation(
                        path=path, line=int(match["line"]), text=f"{finding.verifier}: {said}"[:1000], level=level
                    )
                )
    return named
