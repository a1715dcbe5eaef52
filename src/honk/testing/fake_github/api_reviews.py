"""Reviews and comments on lines. By https://docs.github.com/en/rest/pulls/reviews and /comments."""

from typing import Any

from honk.testing.fake_github import acts, heads, mergeable, shapes, shapes_issues
from honk.testing.fake_github.api_issues import (
    delete_reaction,
    list_reactions,
    may_edit,
    react,
    sorted_since,
)
from honk.testing.fake_github.bare import Changed
from honk.testing.fake_github.records import Account, App, Issue, Json, Repo, Review, ReviewComment
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, malformed, paged
from honk.testing.fake_github.world import World

_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def reviews(call: Call) -> Reply:
    issue = call.pull()
    found = [one for one in call.repo.reviews.values() if one.issue is issue and _shown(call, one)]
    return paged(found, lambda one: shapes_issues.review(call.world, call.repo, one))


def _shown(call: Call, one: Review) -> bool:
    """A pending review is seen by its author alone."""
    return one.state != "PENDING" or one.user is call.who.account


def _review(call: Call) -> Review:
    issue, found = call.pull(), call.repo.reviews.get(call.number("review"))
    if found is None or found.issue is not issue or not _shown(call, found):
        raise absent()
    return found


def get_review(call: Call) -> Reply:
    return Reply(body=shapes_issues.review(call.world, call.repo, _review(call)))


def comments_of_review(call: Call) -> Reply:
    one = _review(call)
    found = [each for each in call.repo.review_comments.values() if each.review is one]
    return paged(found, lambda each: shapes_issues.review_comment(call.world, call.repo, each))


def create_review(call: Call) -> Reply:
    issue = call.pull()
    event = call.choice("event", tuple(_STATES))
    body = call.text("body")
    commit, given = call.text("commit_id"), call.given("comments", list, otherwise=[])
    _may_review(call, issue, event, body, bool(given))
    made = make_review(
        call.world, call.repo, issue, call.who.person, body, commit=commit, comments=given, app=call.who.through
    )
    if event:
        acts.submit(call.world, call.repo, made, _STATES[event], body)
    return Reply(body=shapes_issues.review(call.world, call.repo, made))


def _may_review(call: Call, issue: Issue, event: str, body: str, comments: bool) -> None:
    by = call.who.person
    if event in ("APPROVE", "REQUEST_CHANGES") and issue.user is by:
        what = "approve" if event == "APPROVE" else "request changes on"
        raise Refused(422, "Unprocessable Entity", errors=[f"Can not {what} your own pull request"])
    empty = not body and (event == "REQUEST_CHANGES" or (event == "COMMENT" and not comments))
    if empty:
        raise Refused(422, "Unprocessable Entity", errors=["Review body can't be blank"])
    if any(one.user is by and one.issue is issue and one.state == "PENDING" for one in call.repo.reviews.values()):
        raise Refused(422, "Unprocessable Entity", errors=["User can only have one pending review per pull request"])


def make_review(  # noqa: PLR0913 - what a review has
    world: World,
    repo: Repo,
    issue: Issue,
    by: Account,
    body: str,
    *,
    commit: str = "",
    comments: list[Any] | None = None,
    app: App | None = None,
) -> Review:
    """A pending review with its comments. Refused where a commit or a line is not in the pull request."""
    pull = issue.pull
    assert pull is not None
    commit = commit or pull.head_sha
    if commit != pull.head_sha and commit not in mergeable.commits(repo, pull):
        raise Refused(422, "Unprocessable Entity", errors=["The commit_id is not part of the pull request"])
    made = Review(world.number(), issue, by, body, "PENDING", commit, world.now(), app=app)
    placed = [_comment(world, repo, made, one) for one in comments or []]
    repo.reviews[made.id] = made
    for one in placed:
        repo.review_comments[one.id] = one
    return made


def _comment(world: World, repo: Repo, review: Review, given: Any) -> ReviewComment:
    if not isinstance(given, dict) or not given.get("path") or not given.get("body"):
        raise malformed("a comment needs path and body")
    issue, path = review.issue, str(given["path"])
    assert issue.pull is not None
    changed = {one.path: one for one in mergeable.files(repo, issue.pull)}
    if path not in changed:
        raise Refused(422, "Unprocessable Entity", errors=["Path could not be resolved"])
    line, side = given.get("line"), str(given.get("side", "RIGHT"))
    whole = given.get("subject_type") == "file"
    if line is None and "position" not in given and not whole:
        raise Refused(422, "Unprocessable Entity", errors=["Line could not be resolved"])
    hunk = hunk_of(changed[path], line, side) if line is not None else ""
    if hunk is None:
        raise Refused(422, "Unprocessable Entity", errors=["Line could not be resolved"])
    now = world.now()
    return ReviewComment(
        world.number(),
        issue,
        review,
        review.user,
        str(given["body"]),
        path,
        review.commit_id,
        review.commit_id,
        now,
        now,
        line=line,
        side=side,
        start_line=given.get("start_line"),
        start_side=given.get("start_side") or (side if given.get("start_line") else None),
        subject_type="file" if whole else "line",
        diff_hunk=hunk,
    )


def hunk_of(changed: Changed, line: int, side: str) -> str | None:
    """The part of the patch up to a line; None where the line is not in it."""
    old = new = 0
    kept: list[str] = []
    for one in (changed.patch or "").split("\n"):
        if one.startswith("@@"):
            words = one.split()
            old, new = (abs(int(word.partition(",")[0])) - 1 for word in words[1:3])
            kept = [one]
            continue
        if one.startswith("\\"):
            continue
        old, new = old + (not one.startswith("+")), new + (not one.startswith("-"))
        kept.append(one)
        on_side = not one.startswith("-") if side == "RIGHT" else not one.startswith("+")
        if on_side and (new if side == "RIGHT" else old) == line:
            return "\n".join(kept)
    return None


def submit_review(call: Call) -> Reply:
    one = _review(call)
    event = call.choice("event", tuple(_STATES), needed=True)
    if one.state != "PENDING":
        raise Refused(422, "Unprocessable Entity", errors=["Could not submit review"])
    acts.submit(call.world, call.repo, one, _STATES[event], call.text("body"))
    return Reply(body=shapes_issues.review(call.world, call.repo, one))


def update_review(call: Call) -> Reply:
    one = _review(call)
    one.body = call.text("body", needed=True)
    return Reply(body=shapes_issues.review(call.world, call.repo, one))


def dismiss(call: Call) -> Reply:
    one = _review(call)
    call.text("message", needed=True)
    if one.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise Refused(422, "Unprocessable Entity", errors=["Can not dismiss a commented pull request review"])
    dismissed = {"review_id": one.id, "state": one.state.lower(), "dismissal_message": call.text("message")}
    one.state = "DISMISSED"
    heads.note(call.world, one.issue, "review_dismissed", call.who.person, dismissed_review=dismissed)
    acts.review_event(call.world, call.repo, one, "dismissed", call.who.person)
    return Reply(body=shapes_issues.review(call.world, call.repo, one))


# comments on lines


def _seen(call: Call) -> list[ReviewComment]:
    return [one for one in call.repo.review_comments.values() if _shown(call, one.review)]


def comments(call: Call) -> Reply:
    issue = call.pull()
    found = sorted_since(call, [one for one in _seen(call) if one.issue is issue])
    return paged(found, lambda one: shapes_issues.review_comment(call.world, call.repo, one))


def all_comments(call: Call) -> Reply:
    return paged(sorted_since(call, _seen(call)), lambda one: shapes_issues.review_comment(call.world, call.repo, one))


def _one(call: Call, name: str = "id") -> ReviewComment:
    found = call.repo.review_comments.get(call.number(name))
    if found is None or not _shown(call, found.review):
        raise absent()
    return found


def get_comment(call: Call) -> Reply:
    return Reply(body=shapes_issues.review_comment(call.world, call.repo, _one(call)))


def update_comment(call: Call) -> Reply:
    one = _one(call)
    may_edit(call, one)
    acts.edit_comment(call.world, call.repo, one, call.who.person, call.text("body", needed=True))
    return Reply(body=shapes_issues.review_comment(call.world, call.repo, one))


def delete_comment(call: Call) -> Reply:
    one = _one(call)
    may_edit(call, one)
    acts.delete_comment(call.world, call.repo, one, call.who.person)
    return Reply(204)


def create_comment(call: Call) -> Reply:
    """A single comment on a line; it is a review of its own."""
    issue, body = call.pull(), call.json()
    if isinstance(body.get("in_reply_to"), int):
        found = call.repo.review_comments.get(body["in_reply_to"])
        if found is None or found.issue is not issue:
            raise absent()
        return _replied(call, found)
    for name in ("body", "commit_id", "path"):
        call.text(name, needed=True)
    made = make_review(
        call.world,
        call.repo,
        issue,
        call.who.person,
        "",
        commit=body["commit_id"],
        comments=[body],
        app=call.who.through,
    )
    acts.submit(call.world, call.repo, made, "COMMENTED", "")
    one = next(each for each in call.repo.review_comments.values() if each.review is made)
    return Reply(201, shapes_issues.review_comment(call.world, call.repo, one))


def reply(call: Call) -> Reply:
    issue, found = call.pull(), _one(call)
    if found.issue is not issue:
        raise absent()
    return _replied(call, found)


def _replied(call: Call, to: ReviewComment) -> Reply:
    made = answer(call.world, call.repo, to, call.who.person, call.text("body", needed=True), app=call.who.through)
    return Reply(201, shapes_issues.review_comment(call.world, call.repo, made))


def answer(
    world: World, repo: Repo, to: ReviewComment, by: Account, body: str, *, app: App | None = None
) -> ReviewComment:
    """Another comment in a thread; always below its first one."""
    root, now = to.root, world.now()
    review = Review(world.number(), root.issue, by, "", "PENDING", root.commit_id, now, app=app)
    repo.reviews[review.id] = review
    made = ReviewComment(
        world.number(),
        root.issue,
        review,
        by,
        body,
        root.path,
        root.commit_id,
        root.original_commit_id,
        now,
        now,
        line=root.line,
        side=root.side,
        start_line=root.start_line,
        start_side=root.start_side,
        subject_type=root.subject_type,
        diff_hunk=root.diff_hunk,
        reply_to=root,
    )
    repo.review_comments[made.id] = made
    acts.submit(world, repo, review, "COMMENTED", "")
    return made


def thread(repo: Repo, root: ReviewComment) -> list[ReviewComment]:
    """The comments of a thread, oldest first."""
    return [one for one in repo.review_comments.values() if one.root is root]


def threads(repo: Repo, issue: Issue) -> list[ReviewComment]:
    """The first comments of the threads of a pull request."""
    return [one for one in repo.review_comments.values() if one.issue is issue and one.reply_to is None]


def shape_thread(world: World, repo: Repo, root: ReviewComment) -> Json:
    """A thread in a webhook's payload."""
    comments = [shapes_issues.review_comment(world, repo, one) for one in thread(repo, root)]
    return {"node_id": shapes.node("PullRequestReviewThread", root.id), "comments": comments}


_P = "/repos/{owner}/{repo}/pulls"
_N, _C = f"{_P}/{{number}}", f"{_P}/comments/{{id}}"
_V = f"{_N}/reviews/{{review}}"
_READ, _WRITE = ("pull_requests:read",), ("pull_requests:write",)
ROUTES = [
    Route("GET", f"{_P}/comments", all_comments, _READ),
    Route("GET", _C, get_comment, _READ),
    Route("PATCH", _C, update_comment, _WRITE),
    Route("DELETE", _C, delete_comment, _WRITE),
    Route("GET", f"{_C}/reactions", list_reactions, _READ),
    Route("POST", f"{_C}/reactions", react, _WRITE),
    Route("DELETE", f"{_C}/reactions/{{reaction}}", delete_reaction, _WRITE),
    Route("GET", f"{_N}/comments", comments, _READ),
    Route("POST", f"{_N}/comments", create_comment, _WRITE),
    Route("POST", f"{_N}/comments/{{id}}/replies", reply, _WRITE),
    Route("GET", f"{_N}/reviews", reviews, _READ),
    Route("POST", f"{_N}/reviews", create_review, _WRITE),
    Route("GET", _V, get_review, _READ),
    Route("PUT", _V, update_review, _WRITE),
    Route("GET", f"{_V}/comments", comments_of_review, _READ),
    Route("POST", f"{_V}/events", submit_review, _WRITE),
    Route("PUT", f"{_V}/dismissals", dismiss, _WRITE, role="write"),
]
