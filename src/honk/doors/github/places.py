"""Which repository a name means, and which task a pull request, a branch or a commit belongs to.

A repository is known under the address with which it was used or listed first, also after a rename or transfer, so
that its threads and tasks are found again.
"""

import time
from contextlib import suppress

from honk.domain.address import canonical
from honk.domain.discussion import Issue
from honk.domain.pull_request import PullRequestState
from honk.domain.repository import Repository, Sha
from honk.domain.task import State, Task
from honk.domain.thread import Thread
from honk.doors.github.backstage import Backstage
from honk.doors.github.names import place_of
from honk.errors import NeedsHuman, Usage
from honk.ports import Discussions

_PREFIX = "honk/"
#: of a repository, the tasks that are looked at
_LATEST = 200
_USED = 500
#: In which a task has a pull request that may change.
_PROPOSED = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.MERGING})


class Places:
    """Names are believed for a while, or until something is heard of a repository."""

    def __init__(self, backstage: Backstage, discussions: Discussions) -> None:
        self._stage = backstage
        self._discussions = discussions
        self._found: dict[str, tuple[float, Repository]] = {}
        self._names: dict[str, tuple[float, str]] = {}

    def forget(self) -> None:
        """Something was renamed, transferred, or let in or out."""
        self._found.clear()
        self._names.clear()

    async def repository(self, full_name: str) -> Repository:
        """The repository of that name. Raises RepositoryUnusable."""
        now, name = time.monotonic(), full_name.lower()
        at, found = self._found.get(name, (0.0, None))
        if found is None or now - at > self._stage.waits.name:
            found = await self._known_as(await self._discussions.repository(full_name))
            self._found[name] = now, found
        return found

    async def name(self, repository: Repository) -> str:
        """ "owner/name" as it is now; "" where it lies elsewhere, or Honk is not let in."""
        now = time.monotonic()
        at, name = self._names.get(repository.url, (0.0, ""))
        if not name or now - at > self._stage.waits.name:
            try:
                name = await self._discussions.full_name(repository) or ""
            except NeedsHuman:
                return ""
            self._names[repository.url] = now, name
        return name

    async def known(self) -> tuple[Repository, ...]:
        """Those that were used or are listed, oldest first, wherever they lie."""
        ports = self._stage.ports
        found = [one.repository for one in await ports.tasks.repositories(limit=_USED)][::-1]
        for named in self._stage.listed():
            with suppress(Usage):  # a listed path that this machine cannot resolve is said by whoever uses it
                found.append(ports.repositories.identify(named.address))
        return tuple({one.url: one for one in found}.values())

    async def _known_as(self, now: Repository) -> Repository:
        known = await self.known()
        place = canonical(now.url)
        for one in known:
            if one.url == now.url or (place is not None and canonical(one.url) == place):
                return one
        wanted = await self.name(now)
        for one in known:
            if wanted and (await self.name(one)).lower() == wanted.lower():
                return one
        return now

    # ── tasks ──────────────────────────────────────────────────────────────────────────────────
    async def talked(self, repository: Repository, number: int) -> Thread | None:
        """The latest task that is talked about there."""
        return await self._stage.chats.threads.at(place_of(repository, number))

    async def proposed(self, repository: Repository, issue: Issue | None) -> Task | None:
        """The task whose pull request that is; None for everybody else's, and for a fork's branch with such a name."""
        if issue is None or not issue.pull_request or issue.foreign:
            return None
        return await self.of_branch(repository, issue.branch)

    async def of_branch(self, repository: Repository, branch: str) -> Task | None:
        """The task whose branch that is."""
        id = branch.removeprefix(_PREFIX)
        if id == branch or not id:
            return None
        try:
            task = await self._stage.ports.tasks.get(id)
        except Usage:
            return None
        return task if task.id == id and await self._same(task.repository, repository) else None

    async def at(self, repository: Repository, head: str) -> tuple[Task, ...]:
        """Tasks whose pull request is at that commit."""
        return tuple([one for one, _, at in await self._open(repository) if at == head])

    async def upon(self, repository: Repository, base: str) -> tuple[Task, ...]:
        """Tasks whose pull request is to be merged into that branch."""
        return tuple([one for one, into, _ in await self._open(repository) if into == base])

    async def in_states(self, repository: Repository, states: frozenset[State]) -> tuple[Task, ...]:
        """Tasks of the repository in one of these."""
        return await self._stage.ports.tasks.list(states=states, limit=_LATEST, repository=repository.key)

    async def _open(self, repository: Repository) -> list[tuple[Task, str, Sha]]:
        """Tasks with a pull request that is neither merged nor closed: its base, and its head."""
        found = []
        for task in await self.in_states(repository, _PROPOSED | {State.CODING, State.VERIFYING, State.QUEUED}):
            there = await self._stage.ports.records.pull_request(task.id)
            if there is not None and there.state in {PullRequestState.OPEN, PullRequestState.DRAFT}:
                found.append((task, there.base, there.head))
        return found

    async def _same(self, one: Repository, other: Repository) -> bool:
        if one.url == other.url:
            return True
        name = await self.name(one)
        return bool(name) and name.lower() == (await self.name(other)).lower()
