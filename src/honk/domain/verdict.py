"""A verdict: what the gate found out about one change, with evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from honk.domain.repository import Sha


class Answer(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    UNSURE = "unsure"


class Kind(StrEnum):
    TEST = "test"
    LINT = "lint"
    TYPES = "types"
    BUILD = "build"
    #: the gate's own rules: weakened tests, changed verifiers, red-green
    RULE = "rule"
    SETUP = "setup"
    #: a check that the repository's forge runs
    CHECK = "check"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What one command did."""

    command: str
    #: None when it was ended by a limit or never started
    exit_code: int | None
    seconds: float
    #: the relevant part of the output
    condensed: str
    #: SHA-256 that finds the full log in the artifact store; "" when there is none
    log: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One verifier's answer. `counts` is False for what is only mentioned ("not run")."""

    verifier: str
    kind: Kind
    answer: Answer
    #: one sentence for a person
    summary: str
    evidence: tuple[Evidence, ...] = ()
    counts: bool = True
    #: names of tests or messages that failed already on the base
    failing_before: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """A new test that is red without the change and green with it."""

    tests: tuple[str, ...]
    red: Evidence
    green: Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    answer: Answer
    #: the tree that was verified, and the commit that holds it
    tree: Sha
    commit: Sha
    findings: tuple[Finding, ...]
    proof: Proof | None = None
    #: sentences: what nobody has shown
    not_proven: tuple[str, ...] = ()
    seconds: float = 0.0
    #: the base itself is broken; a person must look before money is spent
    base_broken: str = ""
    #: names of the forge's checks that belong to it and have not answered; while there are any, it is never pass
    pending: tuple[str, ...] = ()


def conclude(findings: Iterable[Finding]) -> Answer:
    """fail beats unsure beats pass; without a green test verifier, here or at the forge, it is never pass."""
    counted = [finding for finding in findings if finding.counts]
    answers = {finding.answer for finding in counted}
    if Answer.FAIL in answers:
        return Answer.FAIL
    tested = any(f.kind in {Kind.TEST, Kind.CHECK} and f.answer is Answer.PASS for f in counted)
    return Answer.PASS if tested and Answer.UNSURE not in answers else Answer.UNSURE
