"""verdict → a check of Honk's own at the commit; with a personal token a commit status, which says less.

https://docs.github.com/en/rest/checks/runs, https://docs.github.com/en/rest/commits/statuses
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

from honk.adapters.github.api import Api
from honk.adapters.github.check_runs import CheckRun, combined
from honk.adapters.github.logs import Note
from honk.adapters.github.own import Own
from honk.adapters.github.reading import every, read
from honk.adapters.github.trouble import GithubRefused
from honk.domain.remote_check import Annotation
from honk.domain.repository import Sha
from honk.domain.text import one_line, plain, shortened
from honk.domain.verdict import Answer, Finding, Verdict

#: Names of Honk's own check run, and of its own commit status.
CHECK = "Honk"
CONTEXT = "honk"
#: https://docs.github.com/en/rest/checks/runs#create-a-check-run
_AT_ONCE = 50
_SUMMARY = 65_535
_MESSAGE = 60_000
_DESCRIPTION = 140
#: by answer: a check run's conclusion, a commit status' state, a title, a cell
CONCLUSIONS = {Answer.PASS: "success", Answer.FAIL: "failure", Answer.UNSURE: "neutral"}
STATES = {Answer.PASS: "success", Answer.FAIL: "failure", Answer.UNSURE: "error"}
TITLES = {Answer.PASS: "Verified", Answer.FAIL: "Not accepted", Answer.UNSURE: "Not proven"}
WORDS = {Answer.PASS: "✅ pass", Answer.FAIL: "❌ fail", Answer.UNSURE: "❔ unsure"}


class Reporter:
    """Shows verdicts. Of all accounts only a GitHub App may make check runs."""

    def __init__(self, api: Api, own: Own) -> None:
        self._api = api
        self._own = own

    async def report(
        self, of: str, head: Sha, verdict: Verdict, *, key: str, annotations: Sequence[Annotation]
    ) -> None:
        """The same key again changes the same check. Raises Unreachable, ForgeRefused."""
        if await self.checked(partial(self._check, of, head, verdict, key, annotations)):
            return
        state = "pending" if verdict.pending else STATES[verdict.answer]
        await self.status(of, head, state, f"{_title(verdict)}: {_counted(verdict.findings)}")

    async def checked(self, check: Callable[[], Awaitable[None]]) -> bool:
        """Whether Honk may make check runs there, and made that one; else a commit status has to do."""
        if not await self._own.slug():
            return False
        try:
            await check()
        except GithubRefused as refused:
            if refused.status != 403:
                raise
            return False
        return True

    async def status(self, of: str, head: Sha, state: str, words: str) -> None:
        """Says it as a commit status, unless the latest says the same."""
        description = shortened(words, _DESCRIPTION)
        there = [one for one in await combined(self._api, of, head) if one.context == CONTEXT]
        if any((one.state, one.description) == (state, description) for one in there):
            return
        body = {"state": state, "context": CONTEXT, "description": description}
        await self._api.send("POST", f"/repos/{of}/statuses/{head}", body, of=of)

    async def _check(self, of: str, head: Sha, verdict: Verdict, key: str, annotations: Sequence[Annotation]) -> None:
        there = await self.found(of, head, key)
        noted = await self._noted(of, there)
        new = [one for one in map(_annotation, annotations) if one not in noted]
        batches = [new[at : at + _AT_ONCE] for at in range(0, len(new), _AT_ONCE)] or [[]]
        body = _body(verdict, batches[0])
        if there is None:
            answer = await self._api.send(
                "POST",
                f"/repos/{of}/check-runs",
                {"name": CHECK, "head_sha": head, "external_id": key, **body},
                of=of,
            )
            there = read(CheckRun, answer.json, "Honk's own check")
        else:
            await self._api.send("PATCH", f"/repos/{of}/check-runs/{there.id}", body, of=of)
        for batch in batches[1:]:
            await self._api.send("PATCH", f"/repos/{of}/check-runs/{there.id}", _body(verdict, batch), of=of)

    async def found(self, of: str, head: Sha, key: str) -> CheckRun | None:
        """Honk's own check run there that has this key."""
        listed = await self._api.pages(
            f"/repos/{of}/commits/{head}/check-runs",
            of=of,
            params={"check_name": CHECK, "filter": "all"},
            key="check_runs",
        )
        runs, slug = every(CheckRun, listed, "Honk's own checks"), await self._own.slug()
        return next((one for one in runs if one.by == slug and one.external_id == key), None)

    async def _noted(self, of: str, run: CheckRun | None) -> list[dict[str, Any]]:
        """What stands there already: each update appends its annotations to those before."""
        if run is None or not run.output.annotations_count:
            return []
        listed = await self._api.pages(f"/repos/{of}/check-runs/{run.id}/annotations", of=of, limit=10_000)
        levels = [str(one.get("annotation_level", "")) for one in listed]
        notes = every(Note, listed, "the annotations of Honk's check")
        return [
            _annotation(Annotation(path=one.path, line=one.start_line or 1, text=one.message, level=level))
            for one, level in zip(notes, levels, strict=True)
        ]


def summary(verdict: Verdict) -> str:
    """The verdict in Markdown; what a verifier says is foreign text."""
    lines = ["| Verifier | Answer | |", "| --- | --- | --- |"]
    lines += [_row(finding) for finding in verdict.findings]
    if verdict.pending:
        lines += ["", f"Not answered yet: {_cell(', '.join(verdict.pending))}"]
    if verdict.not_proven:
        lines += ["", "Not proven:", "", *(f"- {_cell(one)}" for one in verdict.not_proven)]
    if verdict.base_broken:
        lines += ["", f"The base is broken: {_cell(verdict.base_broken)}"]
    return _cut(lines)


def _body(verdict: Verdict, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    output: dict[str, Any] = {"title": _title(verdict), "summary": summary(verdict)}
    if annotations:
        output["annotations"] = annotations
    if verdict.pending:
        return {"status": "in_progress", "output": output}
    return {"status": "completed", "conclusion": CONCLUSIONS[verdict.answer], "output": output}


def _title(verdict: Verdict) -> str:
    if verdict.pending:
        count = len(verdict.pending)
        return f"Waiting for {count} {'check' if count == 1 else 'checks'} of the repository's own"
    return TITLES[verdict.answer]


def _counted(findings: Iterable[Finding]) -> str:
    """Such as "pytest pass, ruff fail"."""
    return ", ".join(f"{one_line(one.verifier)} {one.answer.value}" for one in findings if one.counts) or "nothing ran"


def _row(finding: Finding) -> str:
    answer = WORDS[finding.answer] if finding.counts else f"{finding.answer.value} (does not count)"
    return f"| {_cell(finding.verifier)} | {answer} | {_cell(finding.summary)} |"


def _cell(text: str) -> str:
    """Foreign words that neither leave their cell nor become a link, a picture or code."""
    shown = plain(shortened(text, 500)).replace("\\", "\\\\")
    for mark in "|[]`*_~#!":
        shown = shown.replace(mark, f"\\{mark}")
    return shown


def _cut(lines: list[str]) -> str:
    """As many lines as GitHub takes."""
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line.encode()) + 1
        if length > _SUMMARY - 100:
            return "\n".join([*kept, "", "… and more, which has no room here"])
        kept.append(line)
    return "\n".join(kept)


def _annotation(annotation: Annotation) -> dict[str, Any]:
    level = annotation.level if annotation.level in {"notice", "warning", "failure"} else "failure"
    line = max(1, annotation.line)
    message = annotation.text.strip()[:_MESSAGE] or "no words"
    return {
        "path": annotation.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": level,
        "message": message,
    }
