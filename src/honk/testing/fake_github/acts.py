"""What anybody does to issues and pull requests, by the API or on the pages: the record, the events, the webhooks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from honk.testing.fake_github import heads, shapes_issues
from honk.testing.fake_github.records import (
    Account,
    App,
    Comment,
    Issue,
    Json,
    Pull,
    Reaction,
    Repo,
    Review,
    ReviewComment,
)
from honk.testing.fake_github.wire import Refused, invalid

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

REACTIONS = shapes_issues.CONTENTS


def next_number(repo: Repo) -> int:
    return max(repo.issues, default=0) + 1


def _issue_event(world: "World", repo: Repo, issue: Issue, action: str, by: Account, **more: Any) -> None:
    if issue.pull is not None:
        heads.tell(world, repo, issue, action, by, **more)
    else:
        payload = {"action": action, "issue": shapes_issues.issue(world, repo, issue), **more}
        world.hooks.emit(repo, "issues", payload, by)


def open_issue(
    world: "World", repo: Repo, by: Account, title: str, body: str | None = None, *, app: App | None = None
) -> Issue:
    """A new issue."""
    now = world.now()
    issue = Issue(world.number(), next_number(repo), title, body, by, now, now, app)
    repo.issues[issue.number] = issue
    _issue_event(world, repo, issue, "opened", by)
    return issue


def open_pull(  # noqa: PLR0913 - what a pull request has
    world: "World",
    repo: Repo,
    by: Account,
    *,
    head: str,
    base: str,
    title: str,
    body: str | None = None,
    draft: bool = False,
    app: App | None = None,
    maintainer_can_modify: bool = False,
) -> Issue:
    """A new pull request. Refused as GitHub does: no such branch, no commits between them, one is open already."""
    head_repo, head_ref = _head(world, repo, head)
    tip, onto = head_repo.bare.branch(head_ref) if head_repo else None, repo.bare.branch(base)
    if onto is None:
        raise invalid("PullRequest", "base")
    if head_repo is None or tip is None:
        raise invalid("PullRequest", "head")
    now = world.now()
    issue = Issue(world.number(), next_number(repo), title, body, by, now, now, app)
    issue.pull = Pull(world.number(), head_repo, head_ref, tip, base, onto, draft=draft, unknown=repo.mergeable_after)
    issue.pull.maintainer_can_modify = maintainer_can_modify and head_repo is not repo
    for one in repo.pulls():
        there = one.pull
        if (
            there
            and one.state == "open"
            and (there.head_repo, there.head_ref, there.base_ref)
            == (
                head_repo,
                head_ref,
                base,
            )
        ):
            words = f"A pull request already exists for {head_repo.owner.login}:{head_ref}."
            error = {"resource": "PullRequest", "code": "custom", "message": words}
            raise Refused(422, "Validation Failed", errors=[error])
    heads.take_head(repo, issue, tip)
    if not repo.bare.between(onto, tip):
        repo.bare.set_ref(f"refs/pull/{issue.number}/head", None)
        words = f"No commits between {base} and {head}"
        raise Refused(
            422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "custom", "message": words}]
        )
    repo.issues[issue.number] = issue
    heads.tell(world, repo, issue, "opened", by)
    return issue


def _head(world: "World", repo: Repo, head: str) -> tuple[Repo | None, str]:
    owner, colon, ref = head.partition(":")
    if not colon:
        return repo, head
    if owner.lower() == repo.owner.login.lower():
        return repo, ref
    forks = (one for one in world.repos.values() if one.owner.login.lower() == owner.lower())
    return next((one for one in forks if one.parent is repo or repo.parent is one), None), ref


def edit(world: "World", repo: Repo, issue: Issue, by: Account, changes: Json) -> None:
    """Title, body or base of an issue or pull request."""
    old: Json = {}
    for name in ("title", "body"):
        if name in changes and getattr(issue, name) != changes[name]:
            old[name] = {"from": getattr(issue, name) or ""}
            if name == "title":
                rename = {"from": issue.title, "to": changes[name]}
                heads.note(world, issue, "renamed", by, rename=rename)
            setattr(issue, name, changes[name])
    base = changes.get("base")
    if issue.pull is not None and base and base != issue.pull.base_ref:
        tip = repo.bare.branch(base)
        if tip is None:
            raise invalid("PullRequest", "base")
        old["base"] = {"ref": {"from": issue.pull.base_ref}, "sha": {"from": issue.pull.base_sha}}
        issue.pull.base_ref, issue.pull.base_sha = base, tip
    if old:
        issue.updated_at = world.now()
        _issue_event(world, repo, issue, "edited", by, changes=old)


def set_state(world: "World", repo: Repo, issue: Issue, by: Account, state: str, reason: str | None = None) -> None:
    """Closes or opens again."""
    if state == issue.state:
        return
    if state == "closed":
        issue.state, issue.closed_at, issue.closed_by = "closed", world.now(), by
        issue.state_reason = None if issue.pull else reason or "completed"
        if issue.pull is not None:
            issue.pull.queued = issue.pull.auto_merge = None
    else:
        _may_reopen(repo, issue)
        issue.state, issue.closed_at, issue.closed_by = "open", None, None
        issue.state_reason = None if issue.pull else "reopened"
    issue.updated_at = world.now()
    heads.note(world, issue, "closed" if state == "closed" else "reopened", by)
    _issue_event(world, repo, issue, "closed" if state == "closed" else "reopened", by)
    heads.regroup_of(world, repo, issue, by)


def _may_reopen(repo: Repo, issue: Issue) -> None:
    pull = issue.pull
    if pull is None:
        return
    tip = pull.head_repo.bare.branch(pull.head_ref)
    if pull.merged_at or tip is None:
        words = "state cannot be changed. The pull request cannot be reopened."
        if tip is None:
            words = f"state cannot be changed. The {pull.head_ref} branch has been deleted."
        raise Refused(
            422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "invalid", "message": words}]
        )
    heads.take_head(repo, issue, tip)


def add_labels(world: "World", repo: Repo, issue: Issue, by: Account, names: Sequence[str]) -> None:
    """Puts labels on it; those that the repository has not are made."""
    for name in names:
        label = repo.labels.get(name.lower()) or world.label(repo, name)
        if label in issue.labels:
            continue
        issue.labels.append(label)
        issue.updated_at = world.now()
        heads.note(world, issue, "labeled", by, label={"name": label.name, "color": label.color})
        _issue_event(world, repo, issue, "labeled", by, label=shapes_issues.label(world, repo, label))


def remove_label(world: "World", repo: Repo, issue: Issue, by: Account, name: str) -> None:
    """Takes a label off. Refused where it is not there."""
    label = next((one for one in issue.labels if one.name.lower() == name.lower()), None)
    if label is None:
        raise Refused(404, "Label does not exist")
    issue.labels.remove(label)
    issue.updated_at = world.now()
    heads.note(world, issue, "unlabeled", by, label={"name": label.name, "color": label.color})
    _issue_event(world, repo, issue, "unlabeled", by, label=shapes_issues.label(world, repo, label))


def assign(world: "World", repo: Repo, issue: Issue, by: Account, who: Sequence[Account]) -> None:
    """Assigns people who are not yet."""
    for one in who:
        if one not in issue.assignees:
            issue.assignees.append(one)
            issue.updated_at = world.now()
            heads.note(world, issue, "assigned", by, assignee=one, assigner=by)
            from honk.testing.fake_github.shapes import user

            _issue_event(world, repo, issue, "assigned", by, assignee=user(world, one))


def comment(world: "World", repo: Repo, issue: Issue, by: Account, body: str, *, app: App | None = None) -> Comment:
    """A comment on the whole."""
    now = world.now()
    made = Comment(world.number(), issue, by, body, now, now, app)
    repo.comments[made.id] = made
    issue.updated_at = now
    comment_event(world, repo, made, "created", by)
    return made


def comment_event(world: "World", repo: Repo, one: Comment, action: str, by: Account, **more: Any) -> None:
    payload = {
        "action": action,
        "issue": shapes_issues.issue(world, repo, one.issue),
        "comment": shapes_issues.comment(world, repo, one),
        **more,
    }
    world.hooks.emit(repo, "issue_comment", payload, by)


def edit_comment(world: "World", repo: Repo, one: Comment | ReviewComment, by: Account, body: str) -> None:
    """Other words for a comment."""
    changes = {"body": {"from": one.body}}
    one.body, one.updated_at = body, world.now()
    if isinstance(one, Comment):
        comment_event(world, repo, one, "edited", by, changes=changes)
    else:
        line_event(world, repo, one, "edited", by, changes=changes)


def line_event(world: "World", repo: Repo, one: ReviewComment, action: str, by: Account, **more: Any) -> None:
    payload = {
        "action": action,
        "comment": shapes_issues.review_comment(world, repo, one),
        "pull_request": shapes_issues.pull(world, repo, one.issue),
        **more,
    }
    world.hooks.emit(repo, "pull_request_review_comment", payload, by)


def delete_comment(world: "World", repo: Repo, one: Comment | ReviewComment, by: Account) -> None:
    """Removes a comment."""
    if isinstance(one, Comment):
        del repo.comments[one.id]
        comment_event(world, repo, one, "deleted", by)
    else:
        del repo.review_comments[one.id]
        line_event(world, repo, one, "deleted", by)


def review_event(world: "World", repo: Repo, one: Review, action: str, by: Account) -> None:
    payload = {
        "action": action,
        "review": {**shapes_issues.review(world, repo, one), "state": one.state.lower()},
        "pull_request": shapes_issues.pull(world, repo, one.issue),
    }
    world.hooks.emit(repo, "pull_request_review", payload, by)


def submit(world: "World", repo: Repo, one: Review, state: str, body: str) -> None:
    """Hands a review in; its comments are seen from now on."""
    one.state, one.body = state, body or one.body
    one.submitted_at = world.now()
    one.issue.updated_at = world.now()
    pull = one.issue.pull
    if pull is not None and one.user in pull.reviewers:
        pull.reviewers.remove(one.user)
    review_event(world, repo, one, "submitted", one.user)
    for each in repo.review_comments.values():
        if each.review is one:
            line_event(world, repo, each, "created", one.user)


def react(world: "World", reactions: list[Reaction], by: Account, content: str) -> tuple[Reaction, bool]:
    """A reaction, and whether it is new."""
    for one in reactions:
        if one.user is by and one.content == content:
            return one, False
    made = Reaction(world.number(), by, content, world.now())
    reactions.append(made)
    return made, True
