"""approval → merge at GitHub: exactly the wanted head, directly, through the merge queue, or when checks have passed.

https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request
"""

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from honk.adapters.github.api import Api
from honk.adapters.github.obstacles import CLOSED, Obstacles, behind, conflict, moved
from honk.adapters.github.proposing import Proposing
from honk.adapters.github.pull_requests import Pull, Pulls
from honk.adapters.github.reviewing import Reviewing
from honk.adapters.github.site import Site, rules, said
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.domain.pull_request import (
    Merged,
    MergeMethod,
    MergeResult,
    PullRequest,
    PullRequestState,
    Queued,
    Refused,
)
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.errors import ForgeRefused, RepositoryUnusable, Retryable
from honk.ports.git_target import Target

_log = structlog.get_logger()
_QUEUE = (
    "query($owner:String!,$name:String!,$number:Int!,$base:String!){repository(owner:$owner,name:$name){"
    "mergeQueue(branch:$base){id} pullRequest(number:$number){mergeQueueEntry{position}}}}"
)
_ENQUEUE = (
    "mutation($id:ID!,$head:GitObjectID!){enqueuePullRequest(input:{pullRequestId:$id,expectedHeadOid:$head})"
    "{mergeQueueEntry{position}}}"
)
_AUTO = (
    "mutation($id:ID!,$head:GitObjectID!,$method:PullRequestMergeMethod!,$title:String,$body:String)"
    "{enablePullRequestAutoMerge(input:{pullRequestId:$id,expectedHeadOid:$head,mergeMethod:$method,"
    "commitHeadline:$title,commitBody:$body}){pullRequest{number}}}"
)
_WORDS = {MergeMethod.MERGE: "merge commits", MergeMethod.SQUASH: "squashed merges", MergeMethod.REBASE: "rebases"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """One merge that somebody asked for."""

    site: Site
    repository: Repository
    pull: Pull
    record: PullRequest
    method: MergeMethod
    message: str

    @property
    def base(self) -> str:
        return self.pull.base.ref

    @property
    def titled(self) -> tuple[str, str]:
        title, _, rest = self.message.strip().partition("\n")
        return title, rest.strip()


@dataclass(frozen=True)
class Merging:
    """With `auto`, GitHub merges by itself when the checks that are still to come have passed."""

    api: Api
    target: Target
    pulls: Pulls
    proposing: Proposing
    reviewing: Reviewing
    obstacles: Obstacles
    auto: bool

    async def merge(
        self, site: Site, repository: Repository, record: PullRequest, *, method: MergeMethod, message: str
    ) -> MergeResult:
        """`record.head` is the commit that may be merged; no other is."""
        pull = await self.pulls.find(site, record.task)
        if pull is None:
            return Refused(reason="there is no pull request to merge")
        wanted = _Wanted(site=site, repository=repository, pull=pull, record=record, method=method, message=message)
        if pull.standing is PullRequestState.MERGED:
            return await self._finished(wanted, None)
        if pull.standing is PullRequestState.CLOSED:
            return CLOSED
        if pull.head.sha != record.head:
            with suppress(GithubRefused):
                await self.pulls.calm(site, pull)
            return moved(record.branch, record.head, Sha(pull.head.sha))
        try:
            site.writable()
            # Whoever merges a draft has decided that it is none.
            wanted = replace(wanted, pull=await self.proposing.ready(site, pull))
        except ForgeRefused as error:
            return Refused(reason=error.message, remedy=error.remedy)
        queue = await self._queue(site, wanted.pull)
        result = await self._direct(wanted) if queue is None else await self._enqueued(wanted, queue)
        if isinstance(result, Queued):
            await self.pulls.save(repository, wanted.pull.model_copy(update={"queued": True}), record.task)
        return result

    async def looked(self, site: Site, pull: Pull, task: TaskId) -> Pull:
        """With whether a merge queue has it still; asked only where it was put into one."""
        known = await self.pulls.records.pull_request(task)
        waits = known is not None and known.waits_to_merge and pull.standing is PullRequestState.OPEN
        if not waits or pull.auto_merge:
            return pull
        queue = await self._queue(site, pull)
        return pull.model_copy(update={"queued": queue is not None and queue.position is not None})

    async def _direct(self, wanted: _Wanted) -> MergeResult:
        """By the wanted method, or the nearest to it that the repository takes."""
        allowed = await self.obstacles.methods(wanted.site, wanted.base, wanted.method)
        for method in allowed:
            try:
                commit = await self._put(wanted, method)
            except GithubRefused as error:
                if _other_method(error) and method is not allowed[-1]:
                    continue
                return await self._explained(wanted, method, error)
            result = await self._finished(wanted, commit)
            await self._told(wanted, method)
            return result
        return Refused(
            reason=f"{wanted.site.full_name} allows no way of merging into {wanted.base}",
            remedy=f"allow one in the settings of {wanted.site.full_name}",
        )

    async def _put(self, wanted: _Wanted, method: MergeMethod) -> Sha:
        """Once more where the base moved at the same moment. Raises GithubRefused."""
        body: dict[str, Any] = {"sha": wanted.record.head, "merge_method": method.value}
        if method is not MergeMethod.REBASE:
            title, rest = (await self._worded(wanted, method)).titled
            body |= {"commit_title": title, "commit_message": rest}
        path = f"{wanted.site.path}/pulls/{wanted.pull.number}/merge"
        try:
            answer = await self.api.send("PUT", path, body, of=wanted.site.full_name)
        except GithubRefused as error:
            if error.status != 405 or "base branch was modified" not in said(error).lower():
                raise
            answer = await self.api.send("PUT", path, body, of=wanted.site.full_name)
        return Sha(answer.json["sha"])

    async def _worded(self, wanted: _Wanted, method: MergeMethod) -> _Wanted:
        """A squashed commit keeps the trailers of those that it takes the place of."""
        if method is not MergeMethod.SQUASH:
            return wanted
        with suppress(RepositoryUnusable, Retryable):
            await self.target.refresh(wanted.repository)
            onto = await self.target.known_tip(wanted.repository, wanted.base)
            if onto is not None:
                message = await self.target.with_trailers(wanted.repository, wanted.message, onto, wanted.record.head)
                return replace(wanted, message=message)
        return wanted

    async def _queue(self, site: Site, pull: Pull) -> Queued | None:
        """None where the base has no merge queue; with a position where it waits there already."""
        base = pull.base.ref
        owner, _, name = site.full_name.partition("/")
        asked = {"owner": owner, "name": name, "number": pull.number, "base": base}
        try:
            found = (await self.api.graphql(_QUEUE, asked, of=site.full_name)).get("repository") or {}
        except GithubRefused:
            # An Enterprise Server without merge queues does not know the question.
            found = {}
        entry = (found.get("pullRequest") or {}).get("mergeQueueEntry")
        if entry:
            return Queued(position=entry.get("position"))
        if found.get("mergeQueue"):
            return Queued()
        queued = any(rule.type == "merge_queue" for rule in await rules(self.api, site, base))
        return Queued() if queued else None

    async def _enqueued(self, wanted: _Wanted, queue: Queued) -> MergeResult:
        if queue.position is not None:
            return queue
        asked = {"id": wanted.pull.node_id, "head": wanted.record.head}
        try:
            made = await self.api.graphql(_ENQUEUE, asked, of=wanted.site.full_name)
        except GithubRefused as error:
            again = await self._queue(wanted.site, wanted.pull)
            if again is not None and again.position is not None:
                return again
            return await self._explained(wanted, wanted.method, error)
        entry = (made.get("enqueuePullRequest") or {}).get("mergeQueueEntry") or {}
        return Queued(position=entry.get("position"))

    async def _explained(self, wanted: _Wanted, method: MergeMethod, error: GithubRefused) -> MergeResult:
        """What the refusal means, by what GitHub shows now."""
        site, words = wanted.site, said(error)
        now = await self.pulls.get(site, wanted.pull.number)
        if now is None:
            return Refused(reason=f"GitHub does not show {site.full_name}#{wanted.pull.number} any more: {words}")
        if now.standing is PullRequestState.MERGED:
            return await self._finished(replace(wanted, pull=now), None)
        if now.standing is PullRequestState.CLOSED:
            return CLOSED
        if now.head.sha != wanted.record.head:
            return moved(wanted.record.branch, wanted.record.head, Sha(now.head.sha))
        if error.status == 409 or re.search("expected head|head sha", words, re.IGNORECASE):
            return Refused(
                reason=f"the branch {wanted.record.branch} moved at this moment: {words}",
                remedy="have it verified as it is now, by a reply to the task",
            )
        missing = await self.obstacles.missing(site, wanted.repository, now)
        if missing.only_pending:
            waits = await self._when_passed(replace(wanted, pull=now), method)
            if waits is not None:
                return waits
        if missing:
            return missing.refused(wanted.base)
        return _why(error, words, now, wanted)

    async def _when_passed(self, wanted: _Wanted, method: MergeMethod) -> Queued | None:
        """GitHub merges it by itself later, where that is wanted and allowed, or was asked for before."""
        if wanted.pull.auto_merge:
            return Queued()
        if not (self.auto and wanted.site.auto_merge):
            return None
        title, rest = (await self._worded(wanted, method)).titled
        asked = {"id": wanted.pull.node_id, "head": wanted.record.head, "method": method.value.upper()}
        words = {"title": None, "body": None} if method is MergeMethod.REBASE else {"title": title, "body": rest}
        try:
            await self.api.graphql(_AUTO, {**asked, **words}, of=wanted.site.full_name)
        except GithubRefused as error:
            _log.info("GitHub does not merge by itself", name="github.no_auto_merge", said=said(error))
            return None
        return Queued()

    async def _finished(self, wanted: _Wanted, commit: Sha | None) -> Merged:
        """Merged, now or before: that is kept, the branch removed, the mirror brought up to date."""
        site, task = wanted.site, wanted.record.task
        pull = wanted.pull if commit is None else await self.pulls.get(site, wanted.pull.number) or wanted.pull
        if commit is not None and pull.standing is not PullRequestState.MERGED:
            known = replace(pull.record(task, wanted.record), state=PullRequestState.MERGED, merged_as=commit)
            await self.pulls.records.save_pull_request(wanted.repository.key, known)
        else:
            known = await self.pulls.save(wanted.repository, pull, task)
        await self._removed(site, pull)
        with suppress(Retryable, RepositoryUnusable):
            await self.target.refresh(wanted.repository)
        return Merged(commit=commit or known.merged_as or known.head)

    async def _removed(self, site: Site, pull: Pull) -> None:
        """The merged branch is deleted, unless somebody put something on it since, or builds upon it."""
        branch = pull.head.ref
        if site.deletes_branches or not branch.startswith("honk/") or not pull.at_home:
            return
        with suppress(GithubRefused):
            there = (await self.api.get(site.ref(branch, kind="ref"), of=site.full_name)).json["object"]["sha"]
            upon = await self.api.pages(
                f"{site.path}/pulls", of=site.full_name, params={"base": branch, "state": "open"}, limit=1
            )
            if there == pull.head.sha and not upon:
                await self.api.send("DELETE", site.ref(branch), of=site.full_name)

    async def _told(self, wanted: _Wanted, method: MergeMethod) -> None:
        """Where it was merged by another method than the wanted one, the pull request says so."""
        if method is wanted.method:
            return
        text = f"{wanted.site.full_name} takes no {_WORDS[wanted.method]} into {wanted.base}: merged by {method}."
        with suppress(ForgeRefused):
            await self.reviewing.comment(
                wanted.site, wanted.pull, wanted.record.task, text, f"method/{wanted.record.head}"
            )


def _other_method(error: GithubRefused) -> bool:
    low = said(error).lower()
    return error.status in {405, 422} and "not allowed" in low and ("merge" in low or "rebas" in low)


def _why(error: GithubRefused, words: str, pull: Pull, wanted: _Wanted) -> Refused:
    """For what the checks and reviews do not explain."""
    low, site, base = words.lower(), wanted.site, wanted.base
    if pull.mergeable is False or pull.mergeable_state == "dirty" or "conflict" in low:
        return conflict(base)
    if pull.mergeable_state == "behind" or "not up to date" in low or "out of date" in low or "out-of-date" in low:
        return behind(base)
    if "archived" in low:
        return Refused(
            reason=f"{site.full_name} is archived at GitHub", remedy=f"unarchive it in the settings of {site.full_name}"
        )
    if "rule violations" in low or "ruleset" in low:
        return Refused(
            reason=f"a ruleset refuses to merge into {base}: {words}",
            remedy=f"do what it asks for, or merge at {pull.html_url}",
        )
    if error.status in {403, 404} or isinstance(error, Absent):
        return Refused(
            reason=f"GitHub does not let Honk merge into {base} of {site.full_name}: {words}",
            remedy=error.remedy or f"give Honk the permission contents: write, or merge at {pull.html_url}",
        )
    if pull.mergeable is None and "not mergeable" in low:
        return Refused(reason="GitHub is still working out whether it can be merged", remedy="merge again in a minute")
    remedy = f"do what GitHub asks for at {pull.html_url}, then merge again"
    return Refused(reason=f"GitHub refuses to merge into {base}: {words}", remedy=remedy)
