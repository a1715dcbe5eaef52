"""What Honk asked GitHub to run, written down at the commit itself before it asks, so that a crash cannot hide it.

It is a check run that has ended already, or with a personal token a commit status; neither holds anything up.
"""

from dataclasses import dataclass
from datetime import datetime

from honk.adapters.github.api import Api
from honk.adapters.github.check_runs import CheckRun, Status
from honk.adapters.github.own import Own
from honk.adapters.github.reading import every, read
from honk.domain.deployment import RemoteRelease
from honk.errors import ForgeRefused

_CHECK = "Honk deployment"
#: Statuses of Honk's own begin with this.
CONTEXT = "honk/deployment/"
_ASKED = "asked"
_REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """That a workflow was asked for."""

    #: of the check run; 0 for a status
    id: int
    at: datetime
    #: of the workflow run that came of it; 0 while that is not known
    run: int = 0
    #: GitHub said no: nothing came of it
    refused: bool = False


class Ledger:
    """Entries of releases. Raises Unreachable, ForgeRefused."""

    def __init__(self, api: Api, own: Own) -> None:
        self._api = api
        self._own = own

    async def find(self, of: str, release: RemoteRelease) -> Entry | None:
        return await (self._checked(of, release) if await self._own.slug() else self._stated(of, release))

    async def begin(self, of: str, release: RemoteRelease, there: Entry | None) -> Entry:
        """Written before GitHub is asked."""
        return await self._write(of, release, there, _ASKED)

    async def started(self, of: str, release: RemoteRelease, there: Entry, run: int) -> Entry:
        return await self._write(of, release, there, f"run {run}")

    async def refuse(self, of: str, release: RemoteRelease, there: Entry) -> Entry:
        return await self._write(of, release, there, _REFUSED)

    async def _checked(self, of: str, release: RemoteRelease) -> Entry | None:
        listed = await self._api.pages(
            f"/repos/{of}/commits/{release.commit}/check-runs",
            of=of,
            params={"check_name": _CHECK, "filter": "all"},
            key="check_runs",
        )
        runs = every(CheckRun, listed, "what Honk asked for")
        slug = await self._own.slug()
        own = [one for one in runs if one.by == slug and one.external_id.rpartition("|")[0] == release.id]
        if not own:
            return None
        latest = max(own, key=lambda one: one.id)
        return _entry(latest.id, latest.started_at or latest.completed_at, latest.external_id.rpartition("|")[2])

    async def _stated(self, of: str, release: RemoteRelease) -> Entry | None:
        """The first of the statuses says when it began, the newest how far it came. Only Honk's own count."""
        listed = await self._api.pages(f"/repos/{of}/commits/{release.commit}/statuses", of=of)
        login = (await self._own.login()).lower()
        found = [
            one
            for one in every(Status, listed, "what Honk asked for")
            if one.context == f"{CONTEXT}{release.id}" and one.creator and one.creator.login.lower() == login
        ]
        if not found:
            return None
        asked = [one.created_at for one in found if one.description == _ASKED]
        return _entry(0, max((at for at in asked if at is not None), default=None), found[0].description)

    async def _write(self, of: str, release: RemoteRelease, there: Entry | None, word: str) -> Entry:
        if not await self._own.slug():
            body = {"state": "success", "context": f"{CONTEXT}{release.id}", "description": word}
            answer = await self._api.send("POST", f"/repos/{of}/statuses/{release.commit}", body, of=of)
            at = read(Status, answer.json, "a status").created_at
            return _entry(0, there.at if there and word != _ASKED else at, word)
        said = {
            "external_id": f"{release.id}|{word}",
            "status": "completed",
            "conclusion": "neutral",
            "output": {"title": f"{release.environment}: {word}", "summary": f"Honk asked for {release.workflow}."},
        }
        if there is not None and word != _ASKED:
            await self._api.send("PATCH", f"/repos/{of}/check-runs/{there.id}", said, of=of)
            return _entry(there.id, there.at, word)
        made = {"name": _CHECK, "head_sha": release.commit, **said}
        answer = await self._api.send("POST", f"/repos/{of}/check-runs", made, of=of)
        run = read(CheckRun, answer.json, "what Honk asked for")
        return _entry(run.id, run.started_at or run.completed_at, word)


def _entry(id: int, at: datetime | None, word: str) -> Entry:
    if at is None:
        raise ForgeRefused("GitHub does not say when Honk asked for a deployment", "look at the workflow's runs")
    run = word.removeprefix("run ")
    return Entry(id=id, at=at, run=int(run) if run.isdecimal() else 0, refused=word == _REFUSED)
