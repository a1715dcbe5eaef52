"""Pull requests: list, create, update, files, commits, reviewers, merge. By https://docs.github.com/en/rest/pulls/pulls."""

from honk.testing.fake_github import access, acts, heads, mergeable, merging, shapes, shapes_git, shapes_issues
from honk.testing.fake_github.records import Account, Issue, Json
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, malformed, paged


def pulls(call: Call) -> Reply:
    query = call.query
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    found = [one for one in call.repo.pulls() if state in ("all", one.state)]
    if head and ":" in head:
        found = [one for one in found if _label(one).lower() == head.lower()]
    if base:
        found = [one for one in found if one.pull and one.pull.base_ref == base]
    sort = query.get("sort", "created")
    if sort == "updated":
        found.sort(key=lambda one: one.updated_at)
    if query.get("direction", "desc" if sort == "created" else "asc") == "desc":
        found.reverse()
    return paged(found, lambda one: shapes_issues.pull(call.world, call.repo, one))


def _label(one: Issue) -> str:
    assert one.pull is not None
    return f"{one.pull.head_repo.owner.login}:{one.pull.head_ref}"


def get_pull(call: Call) -> Reply:
    """As JSON, or as a diff where the Accept header says so."""
    issue = call.pull()
    assert issue.pull is not None
    if "diff" in call.headers.get("Accept", ""):
        text = call.repo.bare.diff(mergeable.start(call.repo, issue.pull), issue.pull.head_sha)
        return Reply(content=text.encode("utf-8", "surrogateescape"), headers={"Content-Type": "text/plain"})
    return Reply(body=shapes_issues.full_pull(call.world, call.repo, issue))


def create_pull(call: Call) -> Reply:
    head, base = call.text("head", needed=True), call.text("base", needed=True)
    title, from_issue = call.text("title"), call.given("issue", int)
    if not title and from_issue is None:
        raise malformed('"title" wasn\'t supplied.')
    _may_open(call, head)
    made = acts.open_pull(
        call.world,
        call.repo,
        call.who.person,
        head=head,
        base=base,
        title=title,
        body=call.given("body", str),
        draft=call.given("draft", bool, otherwise=False),
        app=call.who.through,
        maintainer_can_modify=call.given("maintainer_can_modify", bool, otherwise=False),
    )
    return Reply(201, shapes_issues.full_pull(call.world, call.repo, made))


def _may_open(call: Call, head: str) -> None:
    """A person who may only read opens one from a fork of their own alone."""
    if call.who.kind == "installation":
        return
    owner = head.partition(":")[0] if ":" in head else call.repo.owner.login
    foreign = owner.lower() != call.repo.owner.login.lower()
    if foreign or access.at_least(access.role(call.world, call.who.account, call.repo), "write"):
        return
    raise Refused(403, "must be a collaborator")


def update_pull(call: Call) -> Reply:
    issue, body, by = call.pull(), call.json(), call.who.person
    assert issue.pull is not None
    state = call.choice("state", ("open", "closed"))
    changes: Json = {name: body[name] for name in ("title", "body", "base") if name in body}
    if issue.user is not by and not _writes(call):
        raise Refused(403, "Must have push access to repository.")
    if "base" in changes and issue.state == "closed":
        raise Refused(422, "Validation Failed", errors=["Cannot change the base branch of a closed pull request."])
    acts.edit(call.world, call.repo, issue, by, changes)
    if "maintainer_can_modify" in body:
        issue.pull.maintainer_can_modify = bool(body["maintainer_can_modify"])
    if state:
        acts.set_state(call.world, call.repo, issue, by, state)
    return Reply(body=shapes_issues.full_pull(call.world, call.repo, issue))


def _writes(call: Call) -> bool:
    if call.who.kind == "installation":
        return True
    return access.at_least(access.role(call.world, call.who.account, call.repo), "write")


def files(call: Call) -> Reply:
    pull = call.pull().pull
    assert pull is not None
    found = mergeable.files(call.repo, pull)
    return paged(found, lambda one: shapes_git.file(call.world, call.repo, one, pull.head_sha))


def commits(call: Call) -> Reply:
    pull = call.pull().pull
    assert pull is not None
    found = mergeable.commits(call.repo, pull)[:250]
    return paged(found, lambda one: shapes_git.commit(call.world, call.repo, one))


def is_merged(call: Call) -> Reply:
    pull = call.pull().pull
    if pull is None or pull.merged_at is None:
        raise absent()
    return Reply(204)


def merge(call: Call) -> Reply:
    """405 and 409 are refusals; 200 has the new commit."""
    issue = call.pull()
    otherwise = next((one for one in merging.METHODS if merging.allowed(call.repo, one)), "merge")
    method = call.choice("merge_method", merging.METHODS, otherwise="merge" if call.body else otherwise)
    merging.check(call.world, call.repo, issue, method, call.text("sha"))
    made = merging.merge(
        call.world,
        call.repo,
        issue,
        call.who.person,
        method=method,
        title=call.text("commit_title"),
        message=call.given("commit_message", str),
    )
    return Reply(body={"sha": made, "merged": True, "message": "Pull Request successfully merged"})


def update_branch(call: Call) -> Reply:
    """Merges the base into the head."""
    issue = call.pull()
    pull = issue.pull
    assert pull is not None
    expected = call.text("expected_head_sha")
    if expected and expected != pull.head_sha:
        raise Refused(422, "expected head sha didn't match current head ref.")
    bare = pull.head_repo.bare
    tip = call.repo.bare.branch(pull.base_ref)
    assert tip is not None
    if call.repo.bare.contains(pull.head_sha, tip):
        raise Refused(422, "There are no new commits on the base branch.")
    tree = call.repo.bare.merged_tree(pull.head_sha, tip)
    if tree is None:
        raise Refused(422, "merge conflict between base and head")
    who, web = call.world.signature(call.who.person), call.world.signature(call.world.web_flow)
    words = f"Merge branch '{pull.base_ref}' into {pull.head_ref}"
    made = call.repo.bare.commit(tree, [pull.head_sha, tip], words, who, committer=web, signed=True)
    if bare is not call.repo.bare:
        bare.git("fetch", "-q", str(call.repo.bare.folder), made)
    bare.set_ref(f"refs/heads/{pull.head_ref}", made, pull.head_sha)
    heads.settle(call.world, pull.head_repo, call.who.person)
    url = f"{call.world.url}/repos/{call.repo.full_name}/pulls/{issue.number}"
    return Reply(202, {"message": "Updating pull request branch.", "url": url})


def _reviewers(call: Call, issue: Issue) -> list[Account]:
    found = []
    for login in call.names("reviewers"):
        one = call.world.accounts.get(login.lower())
        if one is None or not access.at_least(access.role(call.world, one, call.repo), "read"):
            raise _no_reviewer(call.repo.full_name)
        if one.type == "Bot" or access.role(call.world, one, call.repo) == "none":
            raise _no_reviewer(call.repo.full_name)
        if one is issue.user:
            raise Refused(422, "Review cannot be requested from pull request author.")
        if call.repo.owner.type != "Organization" and one.login not in call.repo.collaborators:
            raise _no_reviewer(call.repo.full_name)
        found.append(one)
    return found


def _no_reviewer(name: str) -> Refused:
    words = (
        "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a "
    )
    return Refused(422, f"{words}collaborator of the {name} repository.")


def request_reviewers(call: Call) -> Reply:
    issue = call.pull()
    pull = issue.pull
    assert pull is not None
    people, teams = _reviewers(call, issue), call.names("team_reviewers")
    for slug in teams:
        if slug not in call.repo.owner.teams:
            raise Refused(422, "Could not resolve to a node with the global id of the team.")
    for one in people:
        if one not in pull.reviewers:
            pull.reviewers.append(one)
            heads.note(
                call.world,
                issue,
                "review_requested",
                call.who.person,
                requested_reviewer=one,
                review_requester=call.who.person,
            )
            shown = shapes.user(call.world, one)
            heads.tell(call.world, call.repo, issue, "review_requested", call.who.person, requested_reviewer=shown)
    pull.teams += [one for one in teams if one not in pull.teams]
    return Reply(201, shapes_issues.pull(call.world, call.repo, issue))


def requested_reviewers(call: Call) -> Reply:
    pull = call.pull().pull
    assert pull is not None
    people = [shapes.user(call.world, one) for one in pull.reviewers]
    teams = [shapes_issues.team(call.world, call.repo.owner, one) for one in pull.teams]
    return Reply(body={"users": people, "teams": teams})


def remove_reviewers(call: Call) -> Reply:
    issue = call.pull()
    pull = issue.pull
    assert pull is not None
    gone = call.names("reviewers")
    pull.reviewers = [one for one in pull.reviewers if one.login not in gone]
    pull.teams = [one for one in pull.teams if one not in call.names("team_reviewers")]
    return Reply(body=shapes_issues.pull(call.world, call.repo, issue))


_P = "/repos/{owner}/{repo}/pulls"
_N = f"{_P}/{{number}}"
_READ, _WRITE = ("pull_requests:read",), ("pull_requests:write",)
ROUTES = [
    Route("GET", _P, pulls, _READ),
    Route("POST", _P, create_pull, _WRITE),
    Route("GET", _N, get_pull, _READ),
    Route("PATCH", _N, update_pull, _WRITE),
    Route("GET", f"{_N}/files", files, _READ),
    Route("GET", f"{_N}/commits", commits, _READ),
    Route("GET", f"{_N}/merge", is_merged, ("contents:read",)),
    Route("PUT", f"{_N}/merge", merge, ("contents:write",), role="write"),
    Route("PUT", f"{_N}/update-branch", update_branch, _WRITE, role="write"),
    Route("GET", f"{_N}/requested_reviewers", requested_reviewers, _READ),
    Route("POST", f"{_N}/requested_reviewers", request_reviewers, _WRITE, role="triage"),
    Route("DELETE", f"{_N}/requested_reviewers", remove_reviewers, _WRITE, role="triage"),
]
