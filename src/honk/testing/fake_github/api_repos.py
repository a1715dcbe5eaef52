"""Repositories, collaborators, branches, protection, rules, contents, commits and comparisons.

By https://docs.github.com/en/rest/repos, /rest/branches, /rest/collaborators and /rest/commits.
"""

import base64

from honk.testing.fake_github import access, heads, shapes, shapes_git, shapes_issues
from honk.testing.fake_github.records import Json, Protection, Role
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, paged


def get_repo(call: Call) -> Reply:
    world, repo, who = call.world, call.repo, call.who
    if who.kind == "installation":
        permissions = access.granted(world, who, repo) or {}
        role: Role = "write" if access.holds(permissions, "contents:write") else "read"
        settings = role == "write" or access.holds(permissions, "administration:read")
    else:
        role = access.role(world, who.account, repo)
        settings = access.at_least(role, "write")
    return Reply(body=shapes.full_repository(world, repo, role, settings=settings))


def is_collaborator(call: Call) -> Reply:
    account = call.world.accounts.get(call.params["name"].lower())
    if account is None:
        raise absent()
    repo = call.repo
    known = account.login in repo.collaborators or account is repo.owner or account.login in repo.owner.members
    if known and access.role(call.world, account, repo) != "none":
        return Reply(204)
    raise absent()


def permission(call: Call) -> Reply:
    account = call.world.accounts.get(call.params["name"].lower())
    if account is None:
        raise absent()
    return Reply(body=shapes_issues.permission(call.world, call.repo, account))


def branches(call: Call) -> Reply:
    found = call.repo.bare.refs()
    names = [(name.removeprefix("refs/heads/"), sha) for name, sha in found.items()]
    return paged(names, lambda one: shapes_git.short_branch(call.world, call.repo, *one))


def _branch(call: Call) -> tuple[str, str]:
    name = call.params["branch"]
    tip = call.repo.bare.branch(name)
    if tip is None:
        raise Refused(404, "Branch not found")
    return name, tip


def branch(call: Call) -> Reply:
    return Reply(body=shapes_git.branch(call.world, call.repo, *_branch(call)))


def _protection(call: Call) -> Protection:
    name, _ = _branch(call)
    found = call.repo.protections.get(name)
    if found is None:
        raise Refused(404, "Branch not protected")
    return found


def protection(call: Call) -> Reply:
    return Reply(body=shapes_git.protection(call.world, call.repo, call.params["branch"], _protection(call)))


def required_checks(call: Call) -> Reply:
    found = _protection(call)
    if not found.checks:
        raise Refused(404, "Required status checks not enabled")
    return Reply(body=shapes_git.status_check_policy(call.world, call.repo, call.params["branch"], found))


def required_signatures(call: Call) -> Reply:
    found = _protection(call)
    name = call.params["branch"]
    return Reply(body=shapes_git.protection(call.world, call.repo, name, found)["required_signatures"])


def rules(call: Call) -> Reply:
    return paged(shapes_git.rules(call.repo, call.params["branch"]), lambda one: one)


def contents(call: Call) -> Reply:
    """A file, or what is in a folder; raw where the Accept header says so."""
    repo, path = call.repo, call.params.get("path", "").strip("/")
    name = call.query.get("ref") or repo.default_branch
    commit = repo.bare.resolve(name)
    if commit is None:
        raise Refused(404, f"No commit found for the ref {name}")
    if not path:
        return _folder(call, commit, path, name)
    found = repo.bare.at(commit, path)
    if found is None:
        raise absent()
    _, kind, sha = found
    if kind == "tree":
        return _folder(call, f"{commit}:{path}", path, name)
    content = repo.bare.blob(sha)
    if "raw" in call.headers.get("Accept", ""):
        return Reply(content=content, headers={"Content-Type": "application/vnd.github.raw; charset=utf-8"})
    words = base64.encodebytes(content).decode()
    return Reply(body={**_entry(call, path, sha, "file", len(content), name), "encoding": "base64", "content": words})


def _folder(call: Call, tree: str, path: str, name: str) -> Reply:
    found = []
    for _, kind, sha, base, size in call.repo.bare.entries(tree):
        full = f"{path}/{base}" if path else base
        found.append(_entry(call, full, sha, {"tree": "dir", "blob": "file"}.get(kind, "submodule"), size or 0, name))
    return Reply(body=found)


def _entry(call: Call, path: str, sha: str, kind: str, size: int, name: str) -> Json:
    base, page = f"{call.world.url}/repos/{call.repo.full_name}", f"{call.world.web}/{call.repo.full_name}"
    links = {
        "self": f"{base}/contents/{path}?ref={name}",
        "git": f"{base}/git/{'trees' if kind == 'dir' else 'blobs'}/{sha}",
        "html": f"{page}/{'tree' if kind == 'dir' else 'blob'}/{name}/{path}",
    }
    return {
        "type": kind,
        "size": size,
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "url": links["self"],
        "git_url": links["git"],
        "html_url": links["html"],
        "download_url": None if kind == "dir" else f"{page}/raw/{name}/{path}",
        "_links": links,
    }


def commits(call: Call) -> Reply:
    repo, name = call.repo, call.query.get("sha") or call.repo.default_branch
    tip = repo.bare.resolve(name)
    if tip is None:
        raise absent()
    paths = ["--", call.query["path"]] if "path" in call.query else []
    found = repo.bare.git("rev-list", tip, *paths).split()
    return paged(found, lambda one: shapes_git.commit(call.world, repo, one))


def commit(call: Call) -> Reply:
    sha = call.repo.bare.resolve(call.params["ref"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    accept = call.headers.get("Accept", "")
    if "diff" in accept:
        found = call.repo.bare.read_commit(sha)
        text = call.repo.bare.diff(found.parents[0] if found.parents else None, sha)
        return Reply(content=text.encode("utf-8", "surrogateescape"), headers={"Content-Type": "text/plain"})
    if "sha" in accept:
        return Reply(content=sha.encode(), headers={"Content-Type": "text/plain"})
    return Reply(body=shapes_git.commit(call.world, call.repo, sha, files=True))


def compare(call: Call) -> Reply:
    repo = call.repo
    words = call.params["basehead"].split("...")
    shas = [repo.bare.resolve(one.partition(":")[2] or one) for one in words]
    if len(words) != 2 or None in shas:
        raise absent()
    base, head = str(shas[0]), str(shas[1])
    start = repo.bare.merge_base(base, head)
    if start is None:
        raise Refused(404, f"No common ancestor between {words[0]} and {words[1]}.")
    if "diff" in call.headers.get("Accept", ""):
        return Reply(content=repo.bare.diff(start, head).encode("utf-8", "surrogateescape"))
    ahead, behind = repo.bare.between(base, head), repo.bare.between(head, base)
    status = ("diverged" if behind else "ahead") if ahead else ("behind" if behind else "identical")
    url, page = f"{call.world.url}/repos/{repo.full_name}/compare", f"{call.world.web}/{repo.full_name}/compare"
    name = call.params["basehead"]
    return Reply(
        body={
            "url": f"{url}/{name}",
            "html_url": f"{page}/{name}",
            "permalink_url": f"{page}/{base[:12]}...{head[:12]}",
            "diff_url": f"{page}/{name}.diff",
            "patch_url": f"{page}/{name}.patch",
            "base_commit": shapes_git.commit(call.world, repo, base),
            "merge_base_commit": shapes_git.commit(call.world, repo, start),
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [shapes_git.commit(call.world, repo, one) for one in ahead[:250]],
            "files": [shapes_git.file(call.world, repo, one, head) for one in repo.bare.changes(start, head)][:300],
        }
    )


def pulls_of_commit(call: Call) -> Reply:
    repo, sha = call.repo, call.repo.bare.resolve(call.params["ref"])
    if sha is None:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    found = []
    for issue in repo.pulls():
        pull = issue.pull
        assert pull is not None
        inside = repo.bare.contains(pull.head_sha, sha) and not repo.bare.contains(pull.base_sha, sha)
        if inside or sha in (pull.merge_commit_sha, pull.head_sha):
            found.append(issue)
    return paged(found, lambda one: shapes_issues.pull(call.world, repo, one))


def labels(call: Call) -> Reply:
    found = list(call.repo.labels.values())
    return paged(found, lambda one: shapes_issues.label(call.world, call.repo, one))


def get_label(call: Call) -> Reply:
    found = call.repo.labels.get(call.params["name"].lower())
    if found is None:
        raise absent()
    return Reply(body=shapes_issues.label(call.world, call.repo, found))


def create_label(call: Call) -> Reply:
    name = call.text("name", needed=True)
    if name.lower() in call.repo.labels:
        error = {"resource": "Label", "code": "already_exists", "field": "name"}
        raise Refused(422, "Validation Failed", errors=[error])
    made = call.world.label(call.repo, name, call.text("color", otherwise="ededed"), call.text("description"))
    return Reply(201, shapes_issues.label(call.world, call.repo, made))


def create_merge(call: Call) -> Reply:
    """Merges a branch into another, without a pull request."""
    repo, base, head = call.repo, call.text("base", needed=True), call.text("head", needed=True)
    onto, tip = repo.bare.branch(base), repo.bare.resolve(head)
    if onto is None:
        raise Refused(404, "Base does not exist")
    if tip is None:
        raise Refused(404, "Head does not exist")
    if repo.bare.contains(onto, tip):
        return Reply(204)
    tree = repo.bare.merged_tree(onto, tip)
    if tree is None:
        raise Refused(409, "Merge conflict")
    words = call.text("commit_message", otherwise=f"Merge {head} into {base}")
    who = call.world.signature(call.who.person)
    made = repo.bare.commit(tree, [onto, tip], words, who, signed=True)
    repo.bare.set_ref(f"refs/heads/{base}", made, onto)
    heads.settle(call.world, repo, call.who.person)
    return Reply(201, shapes_git.commit(call.world, repo, made))


_R = "/repos/{owner}/{repo}"
_READ = ("contents:read",)
ROUTES = [
    Route("GET", _R, get_repo, ("metadata:read",)),
    Route("GET", f"{_R}/collaborators/{{name}}", is_collaborator, ("metadata:read",), role="write"),
    Route("GET", f"{_R}/collaborators/{{name}}/permission", permission, ("metadata:read",), role="write"),
    Route("GET", f"{_R}/branches", branches, _READ),
    Route("GET", f"{_R}/branches/{{branch*}}/protection", protection, ("administration:read",), role="admin"),
    Route(
        "GET",
        f"{_R}/branches/{{branch*}}/protection/required_status_checks",
        required_checks,
        ("administration:read",),
        role="admin",
    ),
    Route(
        "GET",
        f"{_R}/branches/{{branch*}}/protection/required_signatures",
        required_signatures,
        ("administration:read",),
        role="admin",
    ),
    Route("GET", f"{_R}/branches/{{branch*}}", branch, _READ),
    Route("GET", f"{_R}/rules/branches/{{branch*}}", rules, ("metadata:read",)),
    Route("GET", f"{_R}/contents", contents, _READ),
    Route("GET", f"{_R}/contents/{{path*}}", contents, _READ),
    Route("GET", f"{_R}/commits", commits, _READ),
    Route("GET", f"{_R}/commits/{{ref}}/pulls", pulls_of_commit, ("pull_requests:read",)),
    Route("GET", f"{_R}/compare/{{basehead*}}", compare, _READ),
    Route("POST", f"{_R}/merges", create_merge, ("contents:write",), role="write"),
    Route("GET", f"{_R}/labels", labels, ("issues:read", "pull_requests:read")),
    Route("GET", f"{_R}/labels/{{name}}", get_label, ("issues:read", "pull_requests:read")),
    Route("POST", f"{_R}/labels", create_label, ("issues:write", "pull_requests:write"), role="write"),
]
#: after every other path that begins with /commits/
LAST = [Route("GET", f"{_R}/commits/{{ref*}}", commit, _READ)]
