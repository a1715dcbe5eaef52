"""A verdict that the forge's own checks are part of: what is awaited, and what becomes of it when they answer."""

from collections.abc import Mapping
from dataclasses import replace

from honk.domain.remote_check import CheckState, RemoteCheck, RemoteChecks
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Verdict, conclude

#: Stands for every check that reports, where their names are not known before.
EVERY = "the repository's checks"


def awaiting(verdict: Verdict, names: tuple[str, ...]) -> Verdict:
    """The verdict, which these checks belong to from now on. One that refuses waits for nobody."""
    if verdict.answer is Answer.FAIL or not names:
        return verdict
    return _with(verdict, [_pending(name) for name in names], names)


def answered(verdict: Verdict, remote: RemoteChecks, evidence: Mapping[str, Evidence]) -> Verdict | None:
    """The verdict with what the checks say; None while one that belongs to it is missing or still runs.

    A red check that does not belong to it is named, and counts for nothing.
    """
    names = awaited(verdict, remote)
    if names is None:
        return None
    belongs = frozenset(names)
    findings = [_finding(one, evidence.get(one.name), belongs) for one in remote.checks if _told(one, belongs)]
    return _with(verdict, findings, ())


def awaited(verdict: Verdict, remote: RemoteChecks) -> tuple[str, ...] | None:
    """Names of the checks that belong to the verdict; None while one of them has not answered."""
    names = verdict.pending or tuple(one.verifier for one in verdict.findings if one.kind is Kind.CHECK and one.counts)
    if EVERY in names:
        names = tuple(one.name for one in remote.checks)
        return names if names and not remote.running() else None
    there = {one.name for one in remote.checks}
    running = {one.name for one in remote.running()}
    return names if all(name in there and name not in running for name in names) else None


def missing(verdict: Verdict, remote: RemoteChecks) -> tuple[str, ...]:
    """Names of those that belong to the verdict and have not answered."""
    done = {one.name for one in remote.checks} - {one.name for one in remote.running()}
    if EVERY in verdict.pending:
        return tuple(one.name for one in remote.running()) or ((EVERY,) if not remote.checks else ())
    return tuple(name for name in verdict.pending if name not in done)


def _told(check: RemoteCheck, belongs: frozenset[str]) -> bool:
    return check.name in belongs or check.state is CheckState.FAILED


def _pending(name: str) -> Finding:
    return Finding(verifier=name, kind=Kind.CHECK, answer=Answer.UNSURE, summary="has not answered yet")


def _finding(check: RemoteCheck, evidence: Evidence | None, belongs: frozenset[str]) -> Finding:
    answer, summary, counts = Answer.UNSURE, "said nothing: it was skipped", False
    if check.state is CheckState.PASSED:
        answer, summary, counts = Answer.PASS, "passed", True
    elif check.state is CheckState.FAILED and check.failing_before:
        summary = "failing before, so that it shows nothing"
    elif check.state is CheckState.FAILED:
        answer, summary, counts = Answer.FAIL, "failed", check.name in belongs
    return Finding(
        verifier=check.name,
        kind=Kind.CHECK,
        answer=answer,
        summary=f"{summary} ({check.by})" if check.by else summary,
        evidence=(evidence,) if evidence is not None else (),
        counts=counts,
        failing_before=(check.name,) if check.failing_before else (),
    )


def _with(verdict: Verdict, findings: list[Finding], pending: tuple[str, ...]) -> Verdict:
    own = [one for one in verdict.findings if one.kind is not Kind.CHECK]
    named = {one.verifier for one in verdict.findings if one.kind is Kind.CHECK}
    kept = [line for line in verdict.not_proven if not any(line.startswith(f"{name}: ") for name in named)]
    open_ = [f"{one.verifier}: {one.summary}." for one in findings if one.answer is Answer.UNSURE]
    every = (*own, *findings)
    answer = Answer.UNSURE if pending and conclude(own) is not Answer.FAIL else conclude(every)
    return replace(verdict, answer=answer, findings=every, not_proven=(*kept, *open_), pending=pending)
