"""The fields of each type of the GraphQL API that is served."""

from typing import Any

from honk.testing.fake_github import access, merge_groups, mergeable, shapes
from honk.testing.fake_github.graphql_types import (
    EDGE,
    Connection,
    Failed,
    Field,
    PullFields,
    Typed,
    actor,
    decision,
    entry,
    find,
    object_field,
    page_info,
    paged_field,
    pull_of,
    queue_of,
    repo_of,
    rollup,
    scalar,
    thread_comments,
    threads,
    viewer_role,
)
from honk.testing.fake_github.records import Json, Repo
from honk.testing.fake_github.smart_http import find as find_repo
from honk.testing.fake_github.wire import Call


def _repository(call: Call, value: Any, given: Json) -> Typed | None:
    name = f"{given.get('owner')}/{given.get('name')}"
    found = find_repo(call.world, name)
    if found is None or not access.sees(call.world, call.who, found):
        raise Failed("NOT_FOUND", f"Could not resolve to a Repository with the name '{name}'.")
    return Typed("Repository", found)


def _pull(call: Call, repo: Repo, given: Json) -> Typed:
    found = repo.issues.get(given["number"])
    if found is None or found.pull is None:
        raise Failed("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {given['number']}.")
    return Typed("PullRequest", found)


def _issue(call: Call, repo: Repo, given: Json) -> Typed:
    found = repo.issues.get(given["number"])
    if found is None or found.pull is not None:
        raise Failed("NOT_FOUND", f"Could not resolve to an Issue with the number of {given['number']}.")
    return Typed("Issue", found)


def _pulls(call: Call, repo: Repo, given: Json) -> Connection:
    found = [
        one
        for one in repo.pulls()
        if (not given.get("states") or PullFields(call, one).state() in given["states"])
        and given.get("headRefName") in (None, pull_of(one).head_ref)
        and given.get("baseRefName") in (None, pull_of(one).base_ref)
    ]
    return Connection("PullRequest", [Typed("PullRequest", one) for one in found])


def ref(repo: Repo, name: str) -> Typed | None:
    full = name if name.startswith("refs/") else f"refs/heads/{name}"
    sha = repo.bare.ref(full)
    return Typed("Ref", (repo, full, sha)) if sha else None


def _rule(repo: Repo, full: str) -> Typed | None:
    """What the older protection of a branch asks for, as whoever is no administrator sees it."""
    name = full.removeprefix("refs/heads/")
    found = repo.protections.get(name)
    return Typed("RefUpdateRule", (name, found)) if found else None


def _object(call: Call, repo: Repo, given: Json) -> Typed | None:
    sha = repo.bare.resolve(str(given.get("oid") or given.get("expression") or ""))
    return Typed("Commit", (repo, sha)) if sha else None


def _entries(call: Call, value: tuple[Repo, str]) -> Connection:
    return Connection("MergeQueueEntry", [Typed("MergeQueueEntry", one) for one in merge_groups.queue(*value)])


def _grouped(call: Call, issue: Any, which: str) -> Typed | None:
    repo = repo_of(call, issue)
    group = repo.groups.get(issue.number)
    return Typed("Commit", (repo, getattr(group, which))) if group else None


def _auto_merge(issue: Any) -> Typed | None:
    return Typed("AutoMergeRequest", issue) if pull_of(issue).auto_merge else None


def _auto(name: str) -> Field:
    return scalar(lambda issue: (pull_of(issue).auto_merge or {}).get(name))


_ACTOR = {
    "id": scalar(lambda one: shapes.node("User", one.id)),
    "login": scalar(lambda one: one.login),
    "databaseId": scalar(lambda one: one.id),
    "name": scalar(lambda one: one.name),
    "url": Field("", lambda call, one, given: f"{call.world.web}/{one.login}"),
    "avatarUrl": Field("", lambda call, one, given: f"{call.world.web}/avatars/{one.id}", ("size",)),
}
_COMMENT = {
    "author": object_field("Actor", lambda call, one: actor(one.user)),
    "body": scalar(lambda one: one.body or ""),
    "createdAt": scalar(lambda one: shapes.when(one.created_at)),
    "databaseId": scalar(lambda one: one.id),
}
_THREAD = {
    "id": scalar(lambda one: shapes.node("PullRequestReviewThread", one.id)),
    "isResolved": scalar(lambda one: one.resolved_by is not None),
    "isCollapsed": scalar(lambda one: one.resolved_by is not None),
    "isOutdated": Field("", lambda call, one, given: not mergeable.up_to_date(repo_of(call, one.issue), one)),
    "path": scalar(lambda one: one.path),
    "line": scalar(lambda one: one.line),
    "originalLine": scalar(lambda one: one.line),
    "startLine": scalar(lambda one: one.start_line),
    "diffSide": scalar(lambda one: one.side),
    "subjectType": scalar(lambda one: one.subject_type.upper()),
    "resolvedBy": object_field("User", lambda call, one: Typed("User", one.resolved_by) if one.resolved_by else None),
    "viewerCanReply": scalar(lambda one: True),
    "viewerCanResolve": scalar(lambda one: one.resolved_by is None),
    "viewerCanUnresolve": scalar(lambda one: one.resolved_by is not None),
    "pullRequest": object_field("PullRequest", lambda call, one: Typed("PullRequest", one.issue)),
    "repository": object_field("Repository", lambda call, one: Typed("Repository", repo_of(call, one.issue))),
    "comments": paged_field("PullRequestReviewComment", thread_comments, "skip"),
}
_PULL = {
    "id": scalar(lambda one: shapes.node("PullRequest", pull_of(one).id)),
    "databaseId": scalar(lambda one: pull_of(one).id),
    "number": scalar(lambda one: one.number),
    "title": scalar(lambda one: one.title),
    "body": scalar(lambda one: one.body or ""),
    "state": Field("", lambda call, one, given: PullFields(call, one).state()),
    "url": Field("", lambda call, one, given: PullFields(call, one).url()),
    "isDraft": scalar(lambda one: pull_of(one).draft),
    "merged": scalar(lambda one: pull_of(one).merged_at is not None),
    "closed": scalar(lambda one: one.state == "closed"),
    "mergedAt": scalar(lambda one: shapes.maybe(pull_of(one).merged_at)),
    "mergeable": Field("", lambda call, one, given: PullFields(call, one).mergeable()),
    "mergeStateStatus": Field("", lambda call, one, given: PullFields(call, one).status()),
    "headRefName": scalar(lambda one: pull_of(one).head_ref),
    "headRefOid": scalar(lambda one: pull_of(one).head_sha),
    "baseRefName": scalar(lambda one: pull_of(one).base_ref),
    "baseRefOid": scalar(lambda one: pull_of(one).base_sha),
    "isCrossRepository": Field("", lambda call, one, given: pull_of(one).head_repo is not repo_of(call, one)),
    "author": object_field("Actor", lambda call, one: actor(one.user)),
    "reviewDecision": Field("", lambda call, one, given: decision(call, one)),
    "repository": object_field("Repository", lambda call, one: Typed("Repository", repo_of(call, one))),
    "headRepository": object_field("Repository", lambda call, one: Typed("Repository", pull_of(one).head_repo)),
    "mergeCommit": object_field(
        "Commit",
        lambda call, one: (
            Typed("Commit", (repo_of(call, one), pull_of(one).merge_commit_sha))
            if pull_of(one).merge_commit_sha
            else None
        ),
    ),
    "reviewThreads": paged_field(
        "PullRequestReviewThread",
        lambda call, one: Connection("PullRequestReviewThread", threads(repo_of(call, one), one)),
    ),
    "reviews": paged_field("PullRequestReview", lambda call, one: PullFields(call, one).reviews(), "author", "states"),
    "comments": paged_field("IssueComment", lambda call, one: PullFields(call, one).comments(), "orderBy"),
    "commits": paged_field("PullRequestCommit", lambda call, one: PullFields(call, one).commits()),
    "isInMergeQueue": scalar(lambda one: pull_of(one).queued is not None),
    "isMergeQueueEnabled": Field(
        "", lambda call, one, given: queue_of(repo_of(call, one), pull_of(one).base_ref) is not None
    ),
    "mergeQueueEntry": object_field("MergeQueueEntry", lambda call, one: entry(one)),
    "mergeQueue": object_field("MergeQueue", lambda call, one: queue_of(repo_of(call, one), pull_of(one).base_ref)),
    "autoMergeRequest": object_field("AutoMergeRequest", lambda call, one: _auto_merge(one)),
    "viewerCanEnableAutoMerge": Field(
        "",
        lambda call, one, given: (
            repo_of(call, one).allow_auto_merge
            and mergeable.mergeable(call.world, repo_of(call, one), one)[1] == "blocked"
        ),
    ),
    "viewerCanUpdate": scalar(lambda one: True),
}
_REPOSITORY = {
    "id": scalar(lambda one: shapes.node("Repository", one.id)),
    "databaseId": scalar(lambda one: one.id),
    "name": scalar(lambda one: one.name),
    "nameWithOwner": scalar(lambda one: one.full_name),
    "isPrivate": scalar(lambda one: one.private),
    "isArchived": scalar(lambda one: one.archived),
    "isFork": scalar(lambda one: one.parent is not None),
    "url": Field("", lambda call, one, given: f"{call.world.web}/{one.full_name}"),
    "owner": object_field("RepositoryOwner", lambda call, one: actor(one.owner)),
    "viewerPermission": Field("", lambda call, one, given: viewer_role(call, one)),
    "autoMergeAllowed": scalar(lambda one: one.allow_auto_merge),
    "mergeCommitAllowed": scalar(lambda one: one.allow_merge_commit),
    "squashMergeAllowed": scalar(lambda one: one.allow_squash_merge),
    "rebaseMergeAllowed": scalar(lambda one: one.allow_rebase_merge),
    "deleteBranchOnMerge": scalar(lambda one: one.delete_branch_on_merge),
    "defaultBranchRef": object_field("Ref", lambda call, one: ref(one, one.default_branch)),
    "pullRequest": Field("PullRequest", _pull, ("number",)),
    "issue": Field("Issue", _issue, ("number",)),
    "pullRequests": Field(
        "PullRequestConnection",
        _pulls,
        ("first", "last", "after", "before", "states", "headRefName", "baseRefName", "orderBy", "labels"),
    ),
    "ref": Field("Ref", lambda call, one, given: ref(one, given["qualifiedName"]), ("qualifiedName",)),
    "object": Field("Commit", _object, ("oid", "expression")),
    "mergeQueue": Field(
        "MergeQueue", lambda call, one, given: queue_of(one, given.get("branch") or one.default_branch), ("branch",)
    ),
}
_ISSUE = {
    **_COMMENT,
    "id": scalar(lambda one: shapes.node("Issue", one.id)),
    "number": scalar(lambda one: one.number),
    "title": scalar(lambda one: one.title),
    "state": scalar(lambda one: one.state.upper()),
    "url": Field("", lambda call, one, given: f"{call.world.web}/{repo_of(call, one).full_name}/issues/{one.number}"),
}
_QUEUE = {
    "id": scalar(lambda one: shapes.node("MergeQueue", one[0].id)),
    "url": Field("", lambda call, one, given: f"{call.world.web}/{one[0].full_name}/queue/{one[1]}"),
    "entries": paged_field("MergeQueueEntry", _entries),
    "configuration": object_field("MergeQueueConfiguration", lambda call, one: Typed("MergeQueueConfiguration", one)),
    "nextEntryEstimatedTimeToMerge": scalar(lambda one: None),
    "repository": object_field("Repository", lambda call, one: Typed("Repository", one[0])),
}
_ENTRY = {
    "id": scalar(lambda one: shapes.node("MergeQueueEntry", pull_of(one).queued["id"])),  # type: ignore[index]
    "position": Field("", lambda call, one, given: PullFields(call, one).position()),
    "state": scalar(lambda one: pull_of(one).queued["state"]),  # type: ignore[index]
    "enqueuedAt": scalar(lambda one: shapes.when(pull_of(one).queued["at"])),  # type: ignore[index]
    "enqueuer": object_field("Actor", lambda call, one: actor(pull_of(one).queued["by"])),  # type: ignore[index]
    "estimatedTimeToMerge": scalar(lambda one: None),
    "jump": scalar(lambda one: False),
    "solo": scalar(lambda one: False),
    "pullRequest": object_field("PullRequest", lambda call, one: Typed("PullRequest", one)),
    "mergeQueue": object_field("MergeQueue", lambda call, one: queue_of(repo_of(call, one), pull_of(one).base_ref)),
    "headCommit": object_field("Commit", lambda call, one: _grouped(call, one, "head_sha")),
    "baseCommit": object_field("Commit", lambda call, one: _grouped(call, one, "base_sha")),
}


def _commit_url(call: Call, one: tuple[Repo, str], given: Json) -> str:
    return f"{call.world.web}/{one[0].full_name}/commit/{one[1]}"


def _status(call: Call, one: tuple[Repo, str]) -> Typed | None:
    return Typed("StatusCheckRollup", one) if rollup(*one) else None


_PAGED = ("PullRequest", "PullRequestReviewThread", "PullRequestReviewComment", "MergeQueueEntry", "IssueComment")


def _edge(kind: str) -> dict[str, Field]:
    return {"cursor": scalar(lambda one: str(one[0])), "node": Field(kind, lambda call, one, given: one[1])}


TYPES: dict[str, dict[str, Field]] = {
    **{kind + EDGE: _edge(kind) for kind in _PAGED},
    "Query": {
        "repository": Field("Repository", _repository, ("owner", "name", "followRenames")),
        "node": Field("Node", lambda call, one, given: find(call, given["id"]), ("id",)),
        "viewer": object_field("User", lambda call, one: Typed("User", call.who.person)),
    },
    "Node": {"id": scalar(lambda one: None)},
    "PageInfo": {
        name: scalar(lambda found, name=name: page_info(found)[name])  # type: ignore[misc]
        for name in ("hasNextPage", "hasPreviousPage", "startCursor", "endCursor")
    },
    "Actor": {name: _ACTOR[name] for name in ("login", "url", "avatarUrl")},
    "RepositoryOwner": {name: _ACTOR[name] for name in ("id", "login", "url", "avatarUrl")},
    "User": _ACTOR,
    "Bot": {name: _ACTOR[name] for name in _ACTOR if name != "name"},
    "Organization": _ACTOR,
    "Repository": _REPOSITORY,
    "PullRequest": _PULL,
    "Issue": _ISSUE,
    "PullRequestReviewThread": _THREAD,
    "PullRequestReviewComment": {
        **_COMMENT,
        "id": scalar(lambda one: shapes.node("PullRequestReviewComment", one.id)),
        "path": scalar(lambda one: one.path),
        "line": scalar(lambda one: one.line),
    },
    "PullRequestReview": {
        **_COMMENT,
        "id": scalar(lambda one: shapes.node("PullRequestReview", one.id)),
        "state": scalar(lambda one: one.state),
        "submittedAt": scalar(lambda one: shapes.maybe(one.submitted_at)),
    },
    "IssueComment": {**_COMMENT, "id": scalar(lambda one: shapes.node("IssueComment", one.id))},
    "PullRequestCommit": {"commit": object_field("Commit", lambda call, one: one)},
    "Commit": {
        "oid": scalar(lambda one: one[1]),
        "abbreviatedOid": scalar(lambda one: one[1][:7]),
        "url": Field("", _commit_url),
        "message": scalar(lambda one: one[0].bare.read_commit(one[1]).message),
        "statusCheckRollup": object_field("StatusCheckRollup", _status),
    },
    "StatusCheckRollup": {"state": scalar(lambda one: rollup(*one))},
    "Ref": {
        "id": scalar(lambda one: shapes.node(f"Ref {one[1]}", one[0].id)),
        "name": scalar(lambda one: one[1].removeprefix("refs/heads/")),
        "prefix": scalar(lambda one: "refs/heads/"),
        "target": object_field("Commit", lambda call, one: Typed("Commit", (one[0], one[2]))),
        "refUpdateRule": object_field("RefUpdateRule", lambda call, one: _rule(one[0], one[1])),
    },
    "RefUpdateRule": {
        "pattern": scalar(lambda one: one[0]),
        "requiresSignatures": scalar(lambda one: one[1].signatures),
        "requiresLinearHistory": scalar(lambda one: one[1].linear),
        "requiredStatusCheckContexts": scalar(lambda one: one[1].checks),
        "requiredApprovingReviewCount": scalar(lambda one: one[1].reviews or None),
    },
    "MergeQueue": _QUEUE,
    "MergeQueueEntry": _ENTRY,
    "MergeQueueConfiguration": {
        "mergeMethod": scalar(lambda one: next(rule.queue for rule in mergeable.rules(*one) if rule.queue).upper()),
    },
    "AutoMergeRequest": {
        "mergeMethod": scalar(lambda one: pull_of(one).auto_merge["merge_method"].upper()),  # type: ignore[index]
        "commitHeadline": _auto("commit_title"),
        "commitBody": _auto("commit_message"),
        "enabledBy": object_field("Actor", lambda call, one: actor((pull_of(one).auto_merge or {})["enabled_by"])),
        "enabledAt": scalar(lambda one: shapes.when(one.updated_at)),
        "pullRequest": object_field("PullRequest", lambda call, one: Typed("PullRequest", one)),
    },
}
