"""GitHub's merge queue, and Honk's own check at the commits that it makes: it waits for every required one there.

Of entries that wait, each has a commit of the base, those before it, and it. A queue may merge several by the checks of
the last one alone, so a check says what is so of all that its commit holds.

https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue,
https://docs.github.com/en/graphql/reference/objects#mergequeueentry
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import anyio
from pydantic import Field

from honk.adapters.github.api import Api
from honk.adapters.github.reading import OrNone, Shape, Text, read
from honk.adapters.github.report import CHECK, CONCLUSIONS, STATES, TITLES, WORDS, Reporter
from honk.adapters.github.trouble import GithubRefused
from honk.domain.merge_queue import Grouped, QueueEntry, group_answer
from honk.domain.repository import Sha
from honk.domain.verdict import Answer

#: GitHub builds no more groups than this at once
_ENTRIES = 100
_QUEUE = (
    "query($owner:String!,$name:String!,$base:String!){repository(owner:$owner,name:$name){mergeQueue(branch:$base)"
    f"{{entries(first:{_ENTRIES}){{nodes{{position headCommit{{oid}} "
    "pullRequest{number headRefName headRefOid isCrossRepository}}}}}}"
)
_NOTHING = "Not a change of Honk's: nothing to say"
_SAYS = (
    "The verdict is on the head of each pull request of Honk's in this merge group. What the group adds, its base and "
    "the pull requests before, is verified by the repository's own checks."
)


class _Commit(Shape):
    oid: str


class _Pull(Shape):
    number: int
    headRefName: Text = ""
    headRefOid: str
    isCrossRepository: bool = False


class _Entry(Shape):
    position: int
    headCommit: _Commit | None = None
    pullRequest: _Pull | None = None


class _Entries(Shape):
    nodes: Annotated[list[_Entry | None], OrNone] = Field(default_factory=list)


class _Queue(Shape):
    entries: _Entries | None = None


class _Repository(Shape):
    mergeQueue: _Queue | None = None


class _Found(Shape):
    repository: _Repository | None = None


class MergeGroups:
    """Asks GitHub what waits, and says there what Honk says."""

    def __init__(self, api: Api, reporter: Reporter) -> None:
        self._api = api
        self._reporter = reporter
        #: looking for a check run and making it is one act: a webhook and the worker may both come to it
        self._alone = anyio.Lock()

    async def entries(self, of: str, base: str) -> tuple[QueueEntry, ...]:
        """See Ci.queue."""
        owner, _, name = of.partition("/")
        try:
            answer = await self._api.graphql(_QUEUE, {"owner": owner, "name": name, "base": base}, of=of)
        except GithubRefused:
            # An Enterprise Server without merge queues does not know the question.
            return ()
        repository = read(_Found, answer, f"the merge queue of {base}").repository
        queue = repository.mergeQueue if repository else None
        nodes = [one for one in (queue.entries.nodes if queue and queue.entries else ()) if one is not None]
        return tuple(
            QueueEntry(
                number=one.pullRequest.number,
                branch=one.pullRequest.headRefName,
                head=Sha(one.pullRequest.headRefOid),
                foreign=one.pullRequest.isCrossRepository,
                commit=Sha(one.headCommit.oid) if one.headCommit else None,
            )
            for one in sorted(nodes, key=lambda one: one.position)
            if one.pullRequest is not None
        )

    async def report(self, of: str, commit: Sha, held: Sequence[Grouped]) -> None:
        """See Ci.report_group. A commit status has no neutral: one for what is not Honk's is a success."""
        async with self._alone:
            if await self._reporter.checked(partial(self._check, of, commit, held)):
                return
            answer = group_answer(held)
            state = "pending" if _waits(held) else "success" if answer is None else STATES[answer]
            await self._reporter.status(of, commit, state, _title(held))

    async def _check(self, of: str, commit: Sha, held: Sequence[Grouped]) -> None:
        key = f"group/{commit}"
        there, wanted = await self._reporter.found(of, commit, key), _body(held)
        if there is None:
            made = {"name": CHECK, "head_sha": commit, "external_id": key, **wanted}
            await self._api.send("POST", f"/repos/{of}/check-runs", made, of=of)
            return
        said = (there.status, there.conclusion, there.output.title, there.output.summary)
        output = wanted["output"]
        if said != (wanted["status"], wanted.get("conclusion", ""), output["title"], output["summary"]):
            await self._api.send("PATCH", f"/repos/{of}/check-runs/{there.id}", wanted, of=of)


def _body(held: Sequence[Grouped]) -> dict[str, Any]:
    output = {"title": _title(held), "summary": _summary(held)}
    if _waits(held):
        return {"status": "in_progress", "output": output}
    answer = group_answer(held)
    conclusion = "neutral" if answer is None else CONCLUSIONS[answer]
    return {"status": "completed", "conclusion": conclusion, "output": output}


def _waits(held: Sequence[Grouped]) -> bool:
    """Whether the answer may still become another: a failure stays one."""
    pending = any(one.verdict is not None and one.verdict.pending for one in held)
    return pending and group_answer(held) is not Answer.FAIL


def _title(held: Sequence[Grouped]) -> str:
    answer = group_answer(held)
    if answer is None:
        return _NOTHING
    if _waits(held):
        return "Waiting for checks of the repository's own"
    pulls = ", ".join(f"#{one.number}" for one in held)
    return f"{TITLES[answer]}: the head of {pulls}"


def _summary(held: Sequence[Grouped]) -> str:
    if not held:
        return "No pull request in this merge group is a change of Honk's, so it has nothing to say of it."
    rows = [f"| #{one.number} | {one.head} | {_word(one)} |" for one in held]
    return "\n".join([_SAYS, "", "| Pull request | Head | Verdict |", "| --- | --- | --- |", *rows])


def _word(one: Grouped) -> str:
    return WORDS[one.verdict.answer] if one.verdict is not None else "❌ nobody verified this head"
