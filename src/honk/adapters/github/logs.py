"""What a failed check printed, cut down to the steps that failed.

https://docs.github.com/en/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run
"""

import os
import re
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import anyio
from pydantic import Field

from honk.adapters.github.api import Api
from honk.adapters.github.check_runs import ACTIONS, CheckRun
from honk.adapters.github.reading import Shape, Text, every, read
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.domain.remote_check import RemoteCheck

#: Of a log that is larger, the end is read.
READ = 20_000_000
KEPT = 1_000_000
_DOWNLOAD = 200_000_000
_GREEN = frozenset({"success", "skipped", "neutral", ""})
_STAMP = re.compile(r"^\ufeff?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z ?")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_MARK = re.compile(r"^##\[(\w+)\]")
_MARKS = {"error": "Error: ", "warning": "Warning: ", "command": "$ "}


class Step(Shape):
    name: Text = ""
    conclusion: Text = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Job(Shape):
    id: int
    name: Text = ""
    steps: list[Step] = Field(default_factory=list)

    def failed(self) -> list[Step]:
        return [one for one in self.steps if one.conclusion not in _GREEN]


class Note(Shape):
    path: Text = ""
    start_line: int | None = None
    message: Text = ""


class Logs:
    """Reads them. What is gone is ""."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def read(self, of: str, check: RemoteCheck) -> str:
        if not check.id:
            return "\n".join(part for part in (check.summary, check.url) if part)
        text = await self._job(of, check.id) if check.by == ACTIONS else ""
        return shown(text or await self._output(of, check.id))

    async def _job(self, of: str, id: str) -> str:
        """Of GitHub Actions: a check run's id is that of its job."""
        try:
            answer = await self._api.get(f"/repos/{of}/actions/jobs/{id}", of=of)
            raw = await self._raw(of, id)
        except Absent:
            return ""
        return of_steps(raw, read(Job, answer.json, "a job").failed())

    async def _raw(self, of: str, id: str) -> str:
        """The whole log, or its end. "" for one that is too large to fetch."""
        with tempfile.TemporaryDirectory(prefix="honk-log-") as folder:
            file = Path(folder) / "log"
            try:
                await self._api.download(f"/repos/{of}/actions/jobs/{id}/logs", file, of=of, limit=_DOWNLOAD)
            except GithubRefused as refused:
                if refused.status >= 400:
                    raise
                return ""
            return await anyio.to_thread.run_sync(_end, file)

    async def _output(self, of: str, id: str) -> str:
        """What a check says of itself, and beside which lines."""
        try:
            answer = await self._api.get(f"/repos/{of}/check-runs/{id}", of=of)
            run = read(CheckRun, answer.json, "a check")
            listed = []
            if run.output.annotations_count:
                listed = await self._api.pages(f"/repos/{of}/check-runs/{id}/annotations", of=of)
        except Absent:
            return ""
        notes = every(Note, listed, "the annotations of a check")
        lines = (f"{one.path}:{one.start_line or 0}: {one.message}" for one in notes)
        said = (run.output.title, run.output.summary, run.output.text, "\n".join(lines))
        return "\n\n".join(part for part in said if part)


def of_steps(log: str, failed: Iterable[Step]) -> str:
    """The lines that were printed while the failing steps ran; all of them where the log does not tell.

    Steps have no mark of their own in the log: they are told apart by when they ran.
    """
    lines = _timed(log)
    parts = []
    for step in failed:
        if step.started_at is None:
            continue
        begin = step.started_at.replace(tzinfo=None, microsecond=0)
        end = (step.completed_at or step.started_at).replace(tzinfo=None, microsecond=0) + timedelta(seconds=1)
        inside = [text for at, text in lines if at is not None and begin <= at < end]
        if inside:
            parts.append("\n".join((f"Step: {step.name}", *inside)))
    return "\n\n".join(parts) or "\n".join(text for _, text in lines)


def shown(text: str) -> str:
    """Without colours, and of bearable length: the end."""
    plain = _ANSI.sub("", text)
    encoded = plain.encode("utf-8", "replace")
    return plain if len(encoded) <= KEPT else encoded[-KEPT:].decode("utf-8", "ignore")


def _timed(log: str) -> list[tuple[datetime | None, str]]:
    """Each line with its second; a line without one has that of the line before."""
    found: list[tuple[datetime | None, str]] = []
    at: datetime | None = None
    for line in log.splitlines():
        stamp = _STAMP.match(line)
        if stamp:
            at = datetime.fromisoformat(stamp[1])
            line = line[stamp.end() :]
        mark = _MARK.match(_ANSI.sub("", line))
        if mark and mark[1] == "endgroup":
            continue
        if mark:
            line = _MARKS.get(mark[1], "") + _ANSI.sub("", line)[mark.end() :]
        found.append((at, line))
    return found


def _end(file: Path) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(max(0, size - READ))
        return source.read().decode("utf-8", "replace")
