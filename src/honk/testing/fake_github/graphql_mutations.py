"""The mutations of the GraphQL API that are served."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from honk.testing.fake_github import access, api_git, api_reviews, heads, merging
from honk.testing.fake_github.graphql_types import (
    Failed,
    Typed,
    actor,
    entry,
    find,
    object_field,
    pull_of,
    repo_of,
    scalar,
)
from honk.testing.fake_github.records import Issue, Json, Repo, ReviewComment
from honk.testing.fake_github.smart_http import find as find_repo
from honk.testing.fake_github.wire import Call, Route

_BOTH = ("pull_requests:write", "contents:write")


def _may(call: Call, repo: Repo, *needs: str) -> None:
    """Refuses who has not all of these."""
    for one in needs:
        access.check(call.world, call.who, repo, Route("POST", "", _nothing, (one,), role="write"))


def _nothing(call: Call) -> Any:
    raise AssertionError(call.path)


def _needed(given: Json, name: str) -> Any:
    if given.get(name) is None:
        raise Failed("", f"Argument '{name}' on InputObject is required.", code="missingRequiredInputObjectAttribute")
    return given[name]


def _pull(call: Call, given: Json, *needs: str) -> tuple[Repo, Issue]:
    found = find(call, _needed(given, "pullRequestId"))
    if found.kind != "PullRequest":
        raise Failed("NOT_FOUND", f"Could not resolve to PullRequest node with the global id of '{given}'")
    repo = repo_of(call, found.value)
    _may(call, repo, *needs)
    return repo, found.value


def _payload(kind: str, **fields: Any) -> Typed:
    return Typed(kind, fields)


def _draft(call: Call, given: Json, draft: bool) -> Issue:
    repo, issue = _pull(call, given, "pull_requests:write")
    if issue.state != "open":
        raise Failed("UNPROCESSABLE", "Pull request is closed")
    if pull_of(issue).draft != draft:
        pull_of(issue).draft = draft
        action = "converted_to_draft" if draft else "ready_for_review"
        heads.note(call.world, issue, "convert_to_draft" if draft else action, call.who.person)
        heads.tell(call.world, repo, issue, action, call.who.person)
        merging.settle(call.world, repo)
    return issue


def mark_ready(call: Call, given: Json) -> Typed:
    return _payload("MarkPullRequestReadyForReviewPayload", pullRequest=_draft(call, given, False))


def convert_to_draft(call: Call, given: Json) -> Typed:
    return _payload("ConvertPullRequestToDraftPayload", pullRequest=_draft(call, given, True))


def enable_auto_merge(call: Call, given: Json) -> Typed:
    repo, issue = _pull(call, given, *_BOTH)
    expected = given.get("expectedHeadOid")
    if expected and expected != pull_of(issue).head_sha:
        raise Failed("UNPROCESSABLE", "Head branch was modified. Review and try the merge again.")
    merging.enable_auto_merge(
        call.world,
        repo,
        issue,
        call.who.person,
        method=str(given.get("mergeMethod") or "MERGE").lower(),
        title=given.get("commitHeadline") or "",
        message=given.get("commitBody") or "",
    )
    return _payload("EnablePullRequestAutoMergePayload", pullRequest=issue, actor=call.who.person)


def disable_auto_merge(call: Call, given: Json) -> Typed:
    repo, issue = _pull(call, given, *_BOTH)
    merging.disable_auto_merge(call.world, repo, issue, call.who.person)
    return _payload("DisablePullRequestAutoMergePayload", pullRequest=issue, actor=call.who.person)


def enqueue(call: Call, given: Json) -> Typed:
    repo, issue = _pull(call, given, *_BOTH)
    merging.enqueue(call.world, repo, issue, call.who.person, given.get("expectedHeadOid") or "")
    return _payload("EnqueuePullRequestPayload", mergeQueueEntry=issue)


def dequeue(call: Call, given: Json) -> Typed:
    repo, issue = _pull(call, {"pullRequestId": given.get("id")}, *_BOTH)
    merging.dequeue(call.world, repo, issue, call.who.person)
    return _payload("DequeuePullRequestPayload", mergeQueueEntry=None)


def _thread(call: Call, given: Json) -> tuple[Repo, ReviewComment]:
    found = find(call, _needed(given, "threadId"))
    if found.kind != "PullRequestReviewThread":
        raise Failed("NOT_FOUND", f"Could not resolve to a node with the global id of '{given['threadId']}'")
    repo = repo_of(call, found.value.issue)
    # writing to contents is needed too, as people found out: https://github.com/orgs/community/discussions/44650
    _may(call, repo, *_BOTH)
    return repo, found.value


def resolve(call: Call, given: Json) -> Typed:
    repo, root = _thread(call, given)
    root.resolved_by = call.who.person
    _tell(call, repo, root, "resolved")
    return _payload("ResolveReviewThreadPayload", thread=root)


def unresolve(call: Call, given: Json) -> Typed:
    repo, root = _thread(call, given)
    root.resolved_by = None
    _tell(call, repo, root, "unresolved")
    return _payload("UnresolveReviewThreadPayload", thread=root)


def _tell(call: Call, repo: Repo, root: ReviewComment, action: str) -> None:
    from honk.testing.fake_github.shapes_issues import pull

    payload = {
        "action": action,
        "pull_request": pull(call.world, repo, root.issue),
        "thread": api_reviews.shape_thread(call.world, repo, root),
    }
    call.world.hooks.emit(repo, "pull_request_review_thread", payload, call.who.person)


def create_commit(call: Call, given: Json) -> Typed:
    """A commit on a branch that exists, signed by GitHub; only on the head that is expected."""
    branch, message = _needed(given, "branch"), _needed(given, "message")
    repo, name = _branch(call, branch)
    _may(call, repo, "contents:write")
    tip = repo.bare.branch(name)
    if tip is None:
        raise Failed("NOT_FOUND", f'Could not resolve to a Ref with the name "{name}".')
    if _needed(given, "expectedHeadOid") != tip:
        words = f'Expected branch to point to "{tip}" but it did not. Pull and try again.'
        raise Failed("STALE_DATA", words)
    tree = repo.bare.tree(_entries(repo, tip, given.get("fileChanges") or {}), repo.bare.read_commit(tip).tree)
    words = str(_needed(message, "headline")) + (f"\n\n{message['body']}" if message.get("body") else "")
    who, web = call.world.signature(call.who.person), call.world.signature(call.world.web_flow)
    made = repo.bare.commit(tree, [tip], words, who, committer=web, signed=True)
    api_git.guard(_in(call, repo), f"refs/heads/{name}", tip, made)
    repo.bare.set_ref(f"refs/heads/{name}", made, tip)
    heads.settle(call.world, repo, call.who.person)
    return _payload("CreateCommitOnBranchPayload", commit=(repo, made), ref=(repo, f"refs/heads/{name}", made))


def _in(call: Call, repo: Repo) -> Call:
    return Call(call.world, call.method, call.path, {}, {}, None, call.who, call.headers, repo)


def _branch(call: Call, branch: Json) -> tuple[Repo, str]:
    name = str(branch.get("branchName") or "").removeprefix("refs/heads/")
    repo = find_repo(call.world, str(branch.get("repositoryNameWithOwner") or ""))
    if repo is None or not access.sees(call.world, call.who, repo):
        words = f"Could not resolve to a Repository with the name '{branch.get('repositoryNameWithOwner')}'."
        raise Failed("NOT_FOUND", words)
    return repo, name


def _entries(repo: Repo, tip: str, changes: Json) -> list[tuple[str, str | None, str]]:
    found: list[tuple[str, str | None, str]] = []
    for one in changes.get("deletions") or []:
        if repo.bare.at(tip, one["path"]) is None:
            raise Failed("UNPROCESSABLE", f"A path was requested for deletion which does not exist: {one['path']}")
        found.append(("100644", None, one["path"]))
    for one in changes.get("additions") or []:
        try:
            content = base64.b64decode(one["contents"], validate=True)
        except binascii.Error:
            raise Failed("", "contents is not valid Base64", code="argumentLiteralsIncompatible") from None
        before = repo.bare.at(tip, one["path"])
        found.append((before[0] if before else "100644", repo.bare.write("blob", content), one["path"]))
    return found


MUTATIONS: dict[str, Callable[[Call, Json], Typed]] = {
    "markPullRequestReadyForReview": mark_ready,
    "convertPullRequestToDraft": convert_to_draft,
    "enablePullRequestAutoMerge": enable_auto_merge,
    "disablePullRequestAutoMerge": disable_auto_merge,
    "enqueuePullRequest": enqueue,
    "dequeuePullRequest": dequeue,
    "resolveReviewThread": resolve,
    "unresolveReviewThread": unresolve,
    "createCommitOnBranch": create_commit,
}
PAYLOADS = {name: f"{name[0].upper()}{name[1:]}Payload" for name in MUTATIONS}
_FIELDS = {
    "clientMutationId": scalar(lambda one: one.get("clientMutationId")),
    "pullRequest": object_field("PullRequest", lambda call, one: Typed("PullRequest", one["pullRequest"])),
    "actor": object_field("Actor", lambda call, one: actor(one["actor"])),
    "mergeQueueEntry": object_field(
        "MergeQueueEntry", lambda call, one: entry(one["mergeQueueEntry"]) if one["mergeQueueEntry"] else None
    ),
    "thread": object_field(
        "PullRequestReviewThread", lambda call, one: Typed("PullRequestReviewThread", one["thread"])
    ),
    "commit": object_field("Commit", lambda call, one: Typed("Commit", one["commit"])),
    "ref": object_field("Ref", lambda call, one: Typed("Ref", one["ref"])),
}
_HAS = {
    "MarkPullRequestReadyForReviewPayload": ("pullRequest",),
    "ConvertPullRequestToDraftPayload": ("pullRequest",),
    "EnablePullRequestAutoMergePayload": ("pullRequest", "actor"),
    "DisablePullRequestAutoMergePayload": ("pullRequest", "actor"),
    "EnqueuePullRequestPayload": ("mergeQueueEntry",),
    "DequeuePullRequestPayload": ("mergeQueueEntry",),
    "ResolveReviewThreadPayload": ("thread",),
    "UnresolveReviewThreadPayload": ("thread",),
    "CreateCommitOnBranchPayload": ("commit", "ref"),
}
TYPES = {kind: {name: _FIELDS[name] for name in ("clientMutationId", *names)} for kind, names in _HAS.items()}
