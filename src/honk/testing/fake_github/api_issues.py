"""Issues, comments, labels, assignees, reactions, events and the timeline. By https://docs.github.com/en/rest/issues."""

from collections.abc import Sequence
from typing import Any

from honk.testing.fake_github import access, acts, shapes, shapes_git, shapes_issues
from honk.testing.fake_github.mergeable import commits as commits_of
from honk.testing.fake_github.records import Account, Comment, Issue, Json, Reaction, ReviewComment
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, invalid, paged


def get_issue(call: Call) -> Reply:
    return Reply(body=shapes_issues.issue(call.world, call.repo, call.issue()))


def issues(call: Call) -> Reply:
    """Pull requests are among them."""
    found = _filtered(call, list(call.repo.issues.values()))
    by = call.query.get("sort", "created")
    if by == "updated":
        found.sort(key=lambda one: one.updated_at)
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    return paged(found, lambda one: shapes_issues.issue(call.world, call.repo, one))


def _filtered(call: Call, found: list[Issue]) -> list[Issue]:
    state, since = call.query.get("state", "open"), call.since()
    labels = {one for one in call.query.get("labels", "").lower().split(",") if one}
    assignee, creator = call.query.get("assignee"), call.query.get("creator")
    return [
        one
        for one in found
        if state in ("all", one.state)
        and (since is None or one.updated_at >= since)
        and labels <= {each.name.lower() for each in one.labels}
        and (assignee in (None, "*") or assignee in [each.login for each in one.assignees])
        and (creator is None or one.user.login == creator)
    ]


def _label_names(call: Call, name: str = "labels") -> list[str]:
    body = call.body
    given = body if isinstance(body, list) else call.given(name, list, otherwise=[])
    return [str(one["name"] if isinstance(one, dict) else one) for one in given]


def _triages(call: Call) -> bool:
    if call.who.kind == "installation":
        return True
    return access.at_least(access.role(call.world, call.who.account, call.repo), "triage")


def create_issue(call: Call) -> Reply:
    title = call.given("title", str, int, needed=True)
    if not call.repo.has_issues:
        raise Refused(410, "Issues has been disabled in this repository.")
    by = call.who.person
    made = acts.open_issue(call.world, call.repo, by, str(title), call.given("body", str), app=call.who.through)
    if _triages(call):
        acts.add_labels(call.world, call.repo, made, by, _label_names(call))
        acts.assign(call.world, call.repo, made, by, _people(call, call.names("assignees")))
    return Reply(201, shapes_issues.issue(call.world, call.repo, made))


def _people(call: Call, logins: Sequence[str]) -> list[Account]:
    found = [call.world.accounts.get(one.lower()) for one in logins]
    return [one for one in found if one is not None and access.role(call.world, one, call.repo) != "none"]


def update_issue(call: Call) -> Reply:
    issue, by, body = call.issue(), call.who.person, call.json()
    if issue.user is not by and not _triages(call):
        raise Refused(403, "Must have admin rights to Repository.")
    changes: Json = {name: body[name] for name in ("title", "body") if name in body}
    acts.edit(call.world, call.repo, issue, by, changes)
    if "labels" in body:
        wanted = _label_names(call)
        for one in [each.name for each in issue.labels if each.name not in wanted]:
            acts.remove_label(call.world, call.repo, issue, by, one)
        acts.add_labels(call.world, call.repo, issue, by, wanted)
    if "assignees" in body:
        issue.assignees = [one for one in issue.assignees if one.login in body["assignees"]]
        acts.assign(call.world, call.repo, issue, by, _people(call, call.names("assignees")))
    state = call.choice("state", ("open", "closed"))
    if state:
        acts.set_state(call.world, call.repo, issue, by, state, call.given("state_reason", str))
    return Reply(body=shapes_issues.issue(call.world, call.repo, issue))


def issue_labels(call: Call) -> Reply:
    return paged(call.issue().labels, lambda one: shapes_issues.label(call.world, call.repo, one))


def add_labels(call: Call) -> Reply:
    issue = call.issue()
    acts.add_labels(call.world, call.repo, issue, call.who.person, _label_names(call))
    return Reply(body=[shapes_issues.label(call.world, call.repo, one) for one in issue.labels])


def set_labels(call: Call) -> Reply:
    issue, wanted = call.issue(), _label_names(call)
    for one in [each.name for each in issue.labels if each.name not in wanted]:
        acts.remove_label(call.world, call.repo, issue, call.who.person, one)
    return add_labels(call)


def remove_label(call: Call) -> Reply:
    issue = call.issue()
    acts.remove_label(call.world, call.repo, issue, call.who.person, call.params["name"])
    return Reply(body=[shapes_issues.label(call.world, call.repo, one) for one in issue.labels])


def add_assignees(call: Call) -> Reply:
    issue = call.issue()
    acts.assign(call.world, call.repo, issue, call.who.person, _people(call, call.names("assignees")))
    return Reply(201, shapes_issues.issue(call.world, call.repo, issue))


# comments


def comments(call: Call) -> Reply:
    issue, since = call.issue(), call.since()
    found = [one for one in call.repo.comments.values() if one.issue is issue]
    found = [one for one in found if since is None or one.updated_at >= since]
    return paged(found, lambda one: shapes_issues.comment(call.world, call.repo, one))


def sorted_since(call: Call, found: list[Any]) -> list[Any]:
    """Comments of a whole repository: since, sort, direction."""
    since = call.since()
    found = [one for one in found if since is None or one.updated_at >= since]
    if call.query.get("sort") == "updated":
        found.sort(key=lambda one: one.updated_at)
    if "sort" in call.query and call.query.get("direction", "desc") == "desc":
        found.reverse()
    return found


def all_comments(call: Call) -> Reply:
    found = sorted_since(call, list(call.repo.comments.values()))
    return paged(found, lambda one: shapes_issues.comment(call.world, call.repo, one))


def create_comment(call: Call) -> Reply:
    issue, body = call.issue(), call.text("body", needed=True)
    if not body.strip():
        raise invalid("IssueComment", "data", "unprocessable", "Body cannot be blank")
    if len(body) > 65536:
        raise invalid("IssueComment", "data", "unprocessable", "Body is too long (maximum is 65536 characters)")
    if issue.locked and not _triages(call):
        raise Refused(403, "Unable to create comment because issue is locked.")
    made = acts.comment(call.world, call.repo, issue, call.who.person, body, app=call.who.through)
    return Reply(201, shapes_issues.comment(call.world, call.repo, made))


def _comment(call: Call) -> Comment:
    found = call.repo.comments.get(call.number("id"))
    if found is None:
        raise absent()
    return found


def may_edit(call: Call, one: Comment | ReviewComment) -> None:
    """A comment is changed by its author, or by those who may write."""
    if one.user is call.who.account:
        return
    if call.who.kind == "installation":
        return
    if not access.at_least(access.role(call.world, call.who.account, call.repo), "write"):
        raise Refused(403, "Must have admin rights to Repository.")


def get_comment(call: Call) -> Reply:
    return Reply(body=shapes_issues.comment(call.world, call.repo, _comment(call)))


def update_comment(call: Call) -> Reply:
    one = _comment(call)
    may_edit(call, one)
    acts.edit_comment(call.world, call.repo, one, call.who.person, call.text("body", needed=True))
    return Reply(body=shapes_issues.comment(call.world, call.repo, one))


def delete_comment(call: Call) -> Reply:
    one = _comment(call)
    may_edit(call, one)
    acts.delete_comment(call.world, call.repo, one, call.who.person)
    return Reply(204)


# reactions


def reactions_of(call: Call) -> list[Reaction]:
    """Those of what the path names."""
    if "number" in call.params:
        return call.issue().reactions
    if "/pulls/comments/" in call.path:
        found = call.repo.review_comments.get(call.number("id"))
        if found is None:
            raise absent()
        return found.reactions
    return _comment(call).reactions


def list_reactions(call: Call) -> Reply:
    wanted = call.query.get("content")
    found = [one for one in reactions_of(call) if wanted in (None, one.content)]
    return paged(found, lambda one: shapes_issues.reaction(call.world, one))


def react(call: Call) -> Reply:
    """201 for a new one, 200 for one that was there."""
    content = call.choice("content", acts.REACTIONS, needed=True)
    made, new = acts.react(call.world, reactions_of(call), call.who.person, content)
    return Reply(201 if new else 200, shapes_issues.reaction(call.world, made))


def delete_reaction(call: Call) -> Reply:
    there = reactions_of(call)
    found = next((one for one in there if one.id == call.number("reaction")), None)
    if found is None:
        raise absent()
    there.remove(found)
    return Reply(204)


# events and timeline


def events(call: Call) -> Reply:
    issue = call.issue()
    return paged(issue.events, lambda one: shapes_issues.event(call.world, call.repo, one))


def all_events(call: Call) -> Reply:
    pairs = [(one, issue) for issue in call.repo.issues.values() for one in issue.events]
    pairs.sort(key=lambda pair: pair[0].id, reverse=True)
    return paged(pairs, lambda pair: shapes_issues.event(call.world, call.repo, pair[0], with_issue=pair[1]))


def timeline(call: Call) -> Reply:
    world, repo, issue = call.world, call.repo, call.issue()
    found: list[tuple[str, int, Json]] = []
    for one in issue.events:
        found.append((shapes.when(one.created_at), one.id, shapes_issues.event(world, repo, one)))
    for comment in repo.comments.values():
        if comment.issue is issue:
            shown = shapes_issues.comment(world, repo, comment)
            actor = shapes.user(world, comment.user)
            found.append((shown["created_at"], comment.id, {**shown, "event": "commented", "actor": actor}))
    for review in repo.reviews.values():
        if review.issue is issue and review.submitted_at:
            shown = shapes_issues.review(world, repo, review)
            shown = {**shown, "state": review.state.lower(), "event": "reviewed"}
            found.append((shown["submitted_at"], review.id, shown))
    if issue.pull is not None:
        for sha in commits_of(repo, issue.pull):
            shown = {**shapes_git.git_commit(world, repo, sha), "event": "committed"}
            found.append((shapes.when(issue.created_at), 0, shown))
    found.sort(key=lambda each: (each[0], each[1]))
    return paged(found, lambda each: each[2])


def lock(call: Call) -> Reply:
    call.issue().locked = call.method == "PUT"
    return Reply(204)


_R = "/repos/{owner}/{repo}"
_I, _C = f"{_R}/issues/{{number}}", f"{_R}/issues/comments/{{id}}"
_READ, _WRITE = ("issues:read", "pull_requests:read"), ("issues:write", "pull_requests:write")
ROUTES = [
    Route("GET", f"{_R}/issues", issues, _READ),
    Route("POST", f"{_R}/issues", create_issue, ("issues:write",)),
    Route("GET", f"{_R}/issues/comments", all_comments, _READ),
    Route("GET", _C, get_comment, _READ),
    Route("PATCH", _C, update_comment, _WRITE),
    Route("DELETE", _C, delete_comment, _WRITE),
    Route("GET", f"{_C}/reactions", list_reactions, _READ),
    Route("POST", f"{_C}/reactions", react, _WRITE),
    Route("DELETE", f"{_C}/reactions/{{reaction}}", delete_reaction, _WRITE),
    Route("GET", f"{_R}/issues/events", all_events, _READ),
    Route("GET", _I, get_issue, _READ),
    Route("PATCH", _I, update_issue, _WRITE),
    Route("GET", f"{_I}/comments", comments, _READ),
    Route("POST", f"{_I}/comments", create_comment, _WRITE),
    Route("GET", f"{_I}/labels", issue_labels, _READ),
    Route("POST", f"{_I}/labels", add_labels, _WRITE, role="triage"),
    Route("PUT", f"{_I}/labels", set_labels, _WRITE, role="triage"),
    Route("DELETE", f"{_I}/labels/{{name}}", remove_label, _WRITE, role="triage"),
    Route("POST", f"{_I}/assignees", add_assignees, _WRITE, role="triage"),
    Route("GET", f"{_I}/events", events, _READ),
    Route("GET", f"{_I}/timeline", timeline, _READ),
    Route("GET", f"{_I}/reactions", list_reactions, ("issues:read",)),
    Route("POST", f"{_I}/reactions", react, _WRITE),
    Route("DELETE", f"{_I}/reactions/{{reaction}}", delete_reaction, _WRITE),
    Route("PUT", f"{_I}/lock", lock, _WRITE, role="triage"),
    Route("DELETE", f"{_I}/lock", lock, _WRITE, role="triage"),
]
