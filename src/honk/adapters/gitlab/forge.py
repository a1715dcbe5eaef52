"""Pull requests as GitLab's merge requests: found by the task's branch, pushed by git, merged by GitLab."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import anyio

from honk.adapters.gitlab import merging, reading
from honk.adapters.gitlab.server import Project, Server
from honk.adapters.gitlab.trouble import Absent, GitlabRefused
from honk.domain.person import Person
from honk.domain.pull_request import (
    Merged,
    MergeMethod,
    MergeResult,
    Published,
    PullRequest,
    PullRequestState,
    Refused,
    approvable,
)
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import one_line
from honk.errors import Defect, ForgeRefused, RepositoryUnusable, Retryable
from honk.ports.git_target import PullRequests, Target

_OWN = "honk/"
#: seconds in which GitLab must answer a question that nothing depends on
_GLANCE = 2.0
#: how often GitLab is asked, a second apart, until it knows of a push and whether it can merge
_TRIES = 15
_ENDED = frozenset({PullRequestState.MERGED, PullRequestState.CLOSED})


class GitlabForge:
    """See `Forge`. Whether somebody may merge, and whether drafts may be merged, is for the caller to ask.

    Labels are made by GitLab where there are none; reviewers are users, and teams are left out.
    """

    def __init__(
        self,
        server: Server,
        target: Target,
        records: PullRequests,
        *,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._server = server
        self._target = target
        self._records = records
        self._sleep = sleep

    # ── the branch ─────────────────────────────────────────────────────────────────────────────
    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        """The branch is in the mirror afterwards, whatever GitLab says. What a person pushed is never overwritten."""
        if not branch.startswith(_OWN):
            raise Defect(f"{branch} is not a branch of Honk's")
        try:
            refused = await self._push(repository, branch, commit, over)
        except RepositoryUnusable as error:
            refused = error.message
        finally:
            await self._target.hold(repository, branch, commit)
        return Published(commit=commit, refused=refused)

    async def _push(self, repository: Repository, branch: str, commit: Sha, over: Sha | None) -> str:
        tip = await self._target.tip(repository, branch)
        if tip == commit:
            return ""
        if tip is not None and (tip != over or not await self._known(repository, branch, tip, commit)):
            return f"somebody moved {branch} to {tip[:12]}"
        return await self._target.push(repository, branch, commit, over=tip)

    async def _known(self, repository: Repository, branch: str, tip: Sha, commit: Sha) -> bool:
        """Whether Honk pushed it, or the commit contains it."""
        if await self._target.held(repository, branch) == tip:
            return True
        await self._target.refresh(repository)
        return await self._target.landed(repository, tip, commit, "nothing") is not None

    async def source(self, repository: Repository, branch: str) -> str | None:
        with suppress(RepositoryUnusable, Retryable), anyio.move_on_after(_GLANCE):
            if await self._target.tip(repository, branch) is not None:
                return repository.url
        held = await self._target.held(repository, branch)
        return None if held is None else str(self._target.mirror(repository))

    # ── the merge request ──────────────────────────────────────────────────────────────────────
    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None:
        merge_request = await self._find(repository, f"{_OWN}{task}")
        return None if merge_request is None else await self._seen(repository, merge_request)

    async def open(self, repository: Repository, pull_request: PullRequest, *, by: Person | None = None) -> PullRequest:
        """Always as the user of Honk's token: GitLab lets only administrators act in the name of others."""
        if not pull_request.branch.startswith(_OWN):
            raise Defect(f"{pull_request.branch} is not a branch of Honk's")
        there = await self.find(repository, pull_request.task)
        if there is not None:
            return there
        base = await self._server.base(repository)
        body: dict[str, object] = {
            "source_branch": pull_request.branch,
            "target_branch": pull_request.base,
            "title": reading.title(pull_request),
            "description": reading.text(pull_request.body),
        }
        if pull_request.labels:
            body["labels"] = list(pull_request.labels)
        if asked := await self._reviewers(pull_request, {}):
            body["reviewer_ids"] = asked
        try:
            made = await self._server.send("post", f"{base}/merge_requests", body, act=f"open {pull_request.branch}")
        except GitlabRefused as error:
            # Opened meanwhile, or by a call that was cut off.
            again = await self.find(repository, pull_request.task) if error.status == 409 else None
            if again is None:
                raise
            return again
        return await self._seen(repository, made, head=pull_request.head)

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        there = await self._find(repository, pull_request.branch)
        if there is None:
            raise ForgeRefused(f"task {pull_request.task} has no merge request", "honk retry opens one")
        if there.get("state") == "merged":
            return await self._seen(repository, there)
        body = await self._changes(there, pull_request)
        if body:
            path = f"{await self._server.base(repository)}/merge_requests/{there['iid']}"
            there = await self._server.send("put", path, body, act=f"change !{there['iid']}")
        return await self._seen(repository, there)

    async def _changes(self, there: dict[str, Any], wanted: PullRequest) -> dict[str, object]:
        """What of it is another one."""
        body: dict[str, object] = {}
        # A closed one says nothing of being a draft.
        title = there["title"] if wanted.state is PullRequestState.CLOSED else reading.title(wanted)
        if there["title"] != title:
            body["title"] = title
        if (there.get("description") or "") != reading.text(wanted.body):
            body["description"] = reading.text(wanted.body)
        closed = there.get("state") == "closed"
        if closed != (wanted.state is PullRequestState.CLOSED):
            body["state_event"] = "reopen" if closed else "close"
        if missing := [one for one in wanted.labels if one not in (there.get("labels") or ())]:
            body["add_labels"] = missing
        if asked := await self._reviewers(wanted, there):
            body["reviewer_ids"] = asked
        return body

    async def _reviewers(self, wanted: PullRequest, there: dict[str, Any]) -> list[int]:
        """All of them by their ids, with those that are there; nobody when nobody is new."""
        if wanted.state is not PullRequestState.OPEN:
            return []
        asked = {str(one["username"]): int(one["id"]) for one in there.get("reviewers") or ()}
        new = [one for one in wanted.reviewers if "/" not in one and one not in asked]
        for login in new:
            found = await self._server.pages("/users", {"username": login}, act=f"look up the user {login}", limit=1)
            asked.update((login, int(one["id"])) for one in found)
        return list(asked.values()) if any(one in asked for one in new) else []

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """The branch stays. A merged one stays merged."""
        return await self.update(repository, replace(pull_request, state=PullRequestState.CLOSED))

    # ── words ──────────────────────────────────────────────────────────────────────────────────
    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None:
        if not await self._said(repository, pull_request, key):
            await self._say(repository, pull_request, text, key)

    async def approve(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, by: Person, text: str, key: str
    ) -> None:
        """GitLab's own approval where it takes one of Honk's user, and in any case a comment that says whose it is."""
        there = approvable(await self.find(repository, pull_request.task), head)
        if await self._said(repository, there, key):
            return
        path = f"{await self._server.base(repository)}/merge_requests/{there.number}/approve"
        with suppress(GitlabRefused):
            # Not allowed to, approved already (both 401), no approvals in this edition: the comment says it.
            await self._server.send("post", path, {"sha": there.head}, act=f"approve !{there.number}")
        said = f"{one_line(by.name)} approves {there.head}" + (f"\n\n{text}" if text else "")
        await self._say(repository, there, said, key)

    async def _said(self, repository: Repository, pull_request: PullRequest, key: str) -> bool:
        """Whether Honk's user has said it; nobody else can by using the mark."""
        path = f"{await self._server.base(repository)}/merge_requests/{pull_request.number}/notes"
        notes = await self._server.pages(path, {"sort": "desc", "order_by": "created_at"}, act="read the comments")
        me = await self._server.me()
        mark = reading.marker(key)
        return any(mark in str(one.get("body")) and _id(one.get("author")) == me for one in notes)

    async def _say(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None:
        path = f"{await self._server.base(repository)}/merge_requests/{pull_request.number}/notes"
        body = {"body": f"{reading.text(text)}\n\n{reading.marker(key)}"}
        await self._server.send("post", path, body, act=f"comment on !{pull_request.number}")

    # ── the merge ──────────────────────────────────────────────────────────────────────────────
    async def obstacle(
        self, repository: Repository, pull_request: PullRequest, *, method: MergeMethod
    ) -> Refused | None:
        """Where GitLab does not answer at once, nothing is known to be in the way."""
        if pull_request.state is PullRequestState.CLOSED:
            return merging.CLOSED
        try:
            with suppress(Retryable, GitlabRefused), anyio.move_on_after(_GLANCE):
                return await self._obstacle(repository, pull_request, method)
        except RepositoryUnusable as error:
            return Refused(reason=error.message, remedy=error.remedy)
        return None

    async def _obstacle(self, repository: Repository, wanted: PullRequest, method: MergeMethod) -> Refused | None:
        project = await self._server.project(repository)
        tip = await self._tip(f"/projects/{project.id}", wanted.branch)
        if tip not in {None, wanted.head}:
            return merging.moved(wanted, tip)
        there = await self._read(project, wanted.number)
        if there.get("state") == "closed":
            return merging.CLOSED
        if there.get("state") == "merged":
            return None
        held = None if merging.status(there) == "draft_status" else merging.held_back(there, wanted.base)
        return merging.of_project(project, method) or held

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        try:
            project = await self._server.project(repository)
            found = await self._find(repository, pull_request.branch)
            if found is None:
                return Refused(reason="there is no merge request to merge", remedy="honk retry opens one")
            if found.get("state") == "closed":
                return merging.CLOSED
            wanted = replace(pull_request, number=int(found["iid"]), base=str(found["target_branch"]), head=head)
            if found.get("state") == "merged":
                return await self._merged(repository, wanted, found)
            body = await self._wishes(repository, wanted, method, message)
        except RepositoryUnusable as error:
            return Refused(reason=error.message, remedy=error.remedy)
        return merging.of_project(project, method) or await self._merge(repository, project, wanted, body)

    async def _merge(
        self, repository: Repository, project: Project, wanted: PullRequest, body: dict[str, object]
    ) -> MergeResult:
        """Goes on while GitLab is still finding out whether it can."""
        answer: MergeResult | None = None
        for _ in range(_TRIES):
            there = await self._read(project, wanted.number)
            if there.get("state") == "merged":
                return await self._merged(repository, wanted, there)
            if there.get("state") != "locked":
                # "locked" is being merged at this moment, by somebody else or by a call that was cut off
                tip = await self._tip(f"/projects/{project.id}", wanted.branch)
                if tip != wanted.head:
                    return merging.moved(wanted, tip)
                answer = await self._try(repository, project, wanted, there, body)
            if isinstance(answer, Merged) or (answer is not None and not await self._undecided(project, wanted)):
                return answer
            await self._sleep(1.0)
        return answer or Refused(reason="GitLab does not come to an end with it", remedy="merge again")

    async def _try(
        self,
        repository: Repository,
        project: Project,
        wanted: PullRequest,
        there: dict[str, Any],
        body: dict[str, object],
    ) -> Merged | Refused | None:
        """None where GitLab took it, and does it later."""
        path = f"/projects/{project.id}/merge_requests/{wanted.number}"
        if reading.is_draft(there):
            ready = replace(wanted, title=str(there["title"]), state=PullRequestState.OPEN)
            act = f"mark !{wanted.number} as ready"
            await self._server.send("put", path, {"title": reading.title(ready)}, act=act)
        try:
            merged = await self._server.send("put", f"{path}/merge", body, act=f"merge !{wanted.number}")
        except GitlabRefused as error:
            return merging.explained(error, await self._read(project, wanted.number), wanted)
        return await self._merged(repository, wanted, merged) if merged.get("state") == "merged" else None

    async def _undecided(self, project: Project, wanted: PullRequest) -> bool:
        """GitLab looks at a push, and at whether it can merge, after the push is over."""
        there = await self._read(project, wanted.number)
        undecided = there.get("sha") != wanted.head or merging.status(there) in merging.UNDECIDED
        return undecided or there.get("state") in {"locked", "merged"}

    async def _wishes(
        self, repository: Repository, wanted: PullRequest, method: MergeMethod, message: str
    ) -> dict[str, object]:
        """`sha` is what makes it exactly that commit: GitLab merges no other."""
        squash = method is MergeMethod.SQUASH
        body: dict[str, object] = {"sha": wanted.head, "squash": squash, "merge_commit_message": message}
        if squash:
            await self._target.refresh(repository)
            if (tip := await self._target.known_tip(repository, wanted.base)) is not None:
                message = await self._target.with_trailers(repository, message, tip, wanted.head)
            body["squash_commit_message"] = message
        return body

    async def _merged(
        self, repository: Repository, wanted: PullRequest, merge_request: dict[str, Any]
    ) -> Merged | Refused:
        seen = await self._seen(repository, merge_request)
        if seen.head != wanted.head:
            return Refused(reason=f"it was merged at {seen.head[:12]}, not at the verified {wanted.head[:12]}")
        return Merged(commit=seen.merged_as or seen.head)

    # ── reading ────────────────────────────────────────────────────────────────────────────────
    async def _find(self, repository: Repository, branch: str) -> dict[str, Any] | None:
        """The open one, or else the latest; never one from a fork whose branch has the same name."""
        base = await self._server.base(repository)
        query = {"source_branch": branch, "state": "all", "order_by": "created_at", "sort": "desc"}
        # else a list says of conflicts what was known when somebody last looked
        query["with_merge_status_recheck"] = "true"
        listed = await self._server.pages(f"{base}/merge_requests", query, act=f"look for {branch}", limit=100)
        own = [one for one in listed if one.get("source_project_id") == one.get("target_project_id")]
        own = [one for one in own if one.get("source_branch") == branch]
        open_ = [one for one in own if one.get("state") in {"opened", "locked"}]
        return next(iter([*open_, *own]), None)

    async def _read(self, project: Project, number: int) -> dict[str, Any]:
        return await self._server.get(f"/projects/{project.id}/merge_requests/{number}", act=f"read !{number}")

    async def _tip(self, base: str, branch: str) -> Sha | None:
        """Where the branch is now; the merge request follows it some moments later."""
        path = f"{base}/repository/branches/{quote(branch, safe='')}"
        try:
            found = await self._server.get(path, act=f"read the branch {branch}")
        except Absent:
            return None
        return Sha(str(found["commit"]["id"]))

    async def _seen(
        self, repository: Repository, merge_request: dict[str, Any], *, head: Sha | None = None
    ) -> PullRequest:
        """Kept in the records too, for whoever asks without asking GitLab."""
        known = Sha(str(merge_request.get("sha") or head or ""))
        seen = reading.pull_request(merge_request, known)
        if seen.state not in _ENDED:
            base = await self._server.base(repository)
            seen = replace(seen, head=await self._tip(base, seen.branch) or known)
        return await self._records.save_pull_request(repository.key, seen)


def _id(author: object) -> int:
    return int(author.get("id") or 0) if isinstance(author, dict) else 0
