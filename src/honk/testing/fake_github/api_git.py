"""Git objects and refs, written into the real repository. By https://docs.github.com/en/rest/git."""

import base64
import binascii
from datetime import datetime
from typing import Any

from honk.testing.fake_github import access, heads, mergeable, shapes, shapes_git
from honk.testing.fake_github.bare import GitFailed, Signature
from honk.testing.fake_github.records import Json, Repo
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, malformed

_MODES = {"100644": "blob", "100755": "blob", "040000": "tree", "160000": "commit", "120000": "blob"}


def get_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    sha = call.repo.bare.ref(name)
    if sha is None:
        raise absent()
    return Reply(body=shapes_git.ref(call.world, call.repo, name, sha))


def matching_refs(call: Call) -> Reply:
    found = call.repo.bare.refs(f"refs/{call.params['ref']}")
    return Reply(body=[shapes_git.ref(call.world, call.repo, name, sha) for name, sha in found.items()])


def _object(repo: Repo, sha: str) -> str:
    if len(sha) != 40 or set(sha) - set("0123456789abcdef"):
        raise Refused(422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f].")
    if repo.bare.kind(sha) is None:
        raise Refused(422, "Object does not exist")
    return sha


def create_ref(call: Call) -> Reply:
    name, sha = call.text("ref", needed=True), call.text("sha", needed=True)
    if not name.startswith("refs/") or name.count("/") < 2:
        raise Refused(422, "Reference name must start with 'refs/' and contain at least two slashes.")
    repo = call.repo
    _object(repo, sha)
    if repo.bare.ref(name) is not None:
        raise Refused(422, "Reference already exists")
    guard(call, name, None, sha)
    _set(call, name, sha)
    return Reply(201, shapes_git.ref(call.world, repo, name, sha))


def _set(call: Call, name: str, sha: str | None, old: str | None = None) -> None:
    try:
        call.repo.bare.set_ref(name, sha, old)
    except GitFailed as failed:
        raise Refused(422, f"Reference update failed: {failed}") from failed
    heads.settle(call.world, call.repo, call.who.account)


def update_ref(call: Call) -> Reply:
    name, sha = f"refs/{call.params['ref']}", call.text("sha", needed=True)
    force = call.given("force", bool, otherwise=False)
    repo = call.repo
    old = repo.bare.ref(name)
    if old is None:
        raise Refused(422, "Reference does not exist")
    _object(repo, sha)
    if not force and not repo.bare.contains(sha, old):
        raise Refused(422, "Update is not a fast forward")
    guard(call, name, old, sha)
    _set(call, name, sha, old)
    return Reply(body=shapes_git.ref(call.world, repo, name, sha))


def delete_ref(call: Call) -> Reply:
    name = f"refs/{call.params['ref']}"
    old = call.repo.bare.ref(name)
    if old is None:
        raise Refused(422, "Reference does not exist")
    guard(call, name, old, None)
    _set(call, name, None)
    return Reply(204)


def guard(call: Call, name: str, old: str | None, new: str | None) -> None:
    """Refuses with 422 or 403 what protection or the app's permissions forbid for a ref."""
    who = call.who
    writes = who.kind != "installation" or access.holds(
        access.granted(call.world, who, call.repo) or {}, "workflows:write"
    )
    found = refusal(call.repo, name, old, new, workflows=writes)
    if found:
        raise Refused(403 if "workflow" in found else 422, found)


def refusal(repo: Repo, name: str, old: str | None, new: str | None, *, workflows: bool) -> str:
    """Why a ref may not be moved so; "" where it may."""
    if not name.startswith("refs/heads/"):
        return ""
    found = _protected(repo, name.removeprefix("refs/heads/"), old, new)
    if not found and new is not None and not workflows:
        start = old or repo.bare.branch(repo.default_branch)
        if start and any(one.path.startswith(".github/workflows/") for one in repo.bare.changes(start, new)):
            found = "refusing to allow a GitHub App to create or update workflow without `workflows` permission"
    return found


def _protected(repo: Repo, branch: str, old: str | None, new: str | None) -> str:
    for rule in mergeable.rules(repo, branch):
        words = "Repository rule violations found\n\n" if rule.ruleset else ""
        if new is None:
            return f"{words}Cannot delete this branch"
        if rule.locked:
            return f"{words}Cannot change this locked branch"
        if old and not repo.bare.contains(new, old) and not rule.force_pushes:
            return f"{words}Cannot force-push to this branch"
        if rule.pull_request or rule.reviews or rule.queue:
            return f"{words}Changes must be made through a pull request."
        if rule.signatures and not _signed(repo, old, new):
            return f"{words}Commits must have verified signatures."
        if rule.checks:
            return f'{words}Required status check "{rule.checks[0]}" is expected.'
    return ""


def _signed(repo: Repo, old: str | None, new: str) -> bool:
    start = old or repo.bare.branch(repo.default_branch)
    commits = repo.bare.between(start, new) if start else [new]
    return all(repo.bare.read_commit(one).verified for one in commits)


def create_blob(call: Call) -> Reply:
    content = call.text("content", needed=True)
    encoding = call.choice("encoding", ("utf-8", "base64"), otherwise="utf-8")
    try:
        raw = content.encode() if encoding == "utf-8" else base64.b64decode(content)
    except binascii.Error:
        raise Refused(422, "content is not valid Base64") from None
    sha = call.repo.bare.write("blob", raw)
    return Reply(201, {"sha": sha, "url": f"{call.world.url}/repos/{call.repo.full_name}/git/blobs/{sha}"})


def get_blob(call: Call) -> Reply:
    sha = call.params["sha"]
    if call.repo.bare.kind(sha) != "blob":
        raise absent()
    content = call.repo.bare.blob(sha)
    return Reply(
        body={
            "sha": sha,
            "node_id": shapes.node("Blob", int(sha[:12], 16)),
            "size": len(content),
            "url": f"{call.world.url}/repos/{call.repo.full_name}/git/blobs/{sha}",
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        }
    )


def _tree(call: Call, sha: str, recursive: bool) -> Json:
    base = f"{call.world.url}/repos/{call.repo.full_name}/git"
    found = []
    for mode, kind, name, path, size in call.repo.bare.entries(sha, recursive=recursive):
        entry: Json = {"path": path, "mode": mode, "type": kind, "sha": name, "url": f"{base}/{kind}s/{name}"}
        if size is not None:
            entry["size"] = size
        found.append(entry)
    return {"sha": sha, "url": f"{base}/trees/{sha}", "tree": found, "truncated": False}


def create_tree(call: Call) -> Reply:
    repo = call.repo
    given = call.given("tree", list, needed=True)
    base = call.text("base_tree")
    if base:
        kind = repo.bare.kind(base)
        if kind == "commit":
            base = repo.bare.read_commit(base).tree
        elif kind != "tree":
            raise Refused(422, "base_tree is not a valid tree oid")
    try:
        made = repo.bare.tree([_entry(repo, one) for one in given], base or None)
    except GitFailed as failed:
        raise Refused(422, f"tree is not valid: {failed}") from failed
    return Reply(201, _tree(call, made, False))


def _entry(repo: Repo, one: Any) -> tuple[str, str | None, str]:
    if not isinstance(one, dict) or not one.get("path"):
        raise malformed("tree.path is missing")
    mode, path = str(one.get("mode", "")), str(one["path"])
    if mode not in _MODES:
        raise malformed(f"Must supply a valid tree.mode, not {mode!r}")
    if "content" in one:
        return mode, repo.bare.write("blob", str(one["content"]).encode()), path
    if "sha" not in one:
        raise malformed("Must supply either tree.sha or tree.content")
    sha = one["sha"]
    if sha is not None and _MODES[mode] != "commit" and repo.bare.kind(str(sha)) != _MODES[mode]:
        raise Refused(422, f"tree.sha {sha} is not a valid {_MODES[mode]}")
    return mode, sha, path


def get_tree(call: Call) -> Reply:
    sha = call.repo.bare.try_git("rev-parse", "--verify", "-q", f"{call.params['sha']}^{{tree}}")
    if not sha:
        raise absent()
    return Reply(body=_tree(call, sha.strip(), "recursive" in call.query))


def create_commit(call: Call) -> Reply:
    """A commit; by an app or a person without an author of their own it is signed by GitHub."""
    repo = call.repo
    message, tree = call.text("message", needed=True), call.text("tree", needed=True)
    if repo.bare.kind(tree) != "tree":
        raise Refused(422, "Tree SHA does not exist")
    parents = call.names("parents")
    for one in parents:
        if repo.bare.kind(one) != "commit":
            raise Refused(422, "Parent SHA does not exist or is not a commit object")
    author, committer = _signature(call, "author"), _signature(call, "committer")
    own = author is None and committer is None and not call.text("signature")
    if own and call.who.kind in ("installation", "user"):
        who, web = call.world.signature(call.who.person), call.world.signature(call.world.web_flow)
        made = repo.bare.commit(tree, parents, message, who, committer=web, signed=True)
    else:
        author = author or call.world.signature(call.who.person)
        made = repo.bare.commit(tree, parents, message, author, committer=committer)
    return Reply(201, shapes_git.git_commit(call.world, repo, made))


def _signature(call: Call, name: str) -> Signature | None:
    given = call.given(name, dict)
    if given is None:
        return None
    if not given.get("name") or not given.get("email"):
        raise malformed(f"{name} needs a name and an email")
    at = call.world.now()
    if given.get("date"):
        at = datetime.fromisoformat(str(given["date"]).replace("Z", "+00:00"))
    return Signature(name=given["name"], email=given["email"], at=at)


def get_commit(call: Call) -> Reply:
    if call.repo.bare.kind(call.params["sha"]) != "commit":
        raise absent()
    return Reply(body=shapes_git.git_commit(call.world, call.repo, call.params["sha"]))


_G = "/repos/{owner}/{repo}/git"
_READ, _WRITE = ("contents:read",), ("contents:write",)
ROUTES = [
    Route("GET", f"{_G}/ref/{{ref*}}", get_ref, _READ),
    Route("GET", f"{_G}/matching-refs/{{ref*}}", matching_refs, _READ),
    Route("POST", f"{_G}/refs", create_ref, _WRITE, role="write"),
    Route("PATCH", f"{_G}/refs/{{ref*}}", update_ref, _WRITE, role="write"),
    Route("DELETE", f"{_G}/refs/{{ref*}}", delete_ref, _WRITE, role="write"),
    Route("POST", f"{_G}/blobs", create_blob, _WRITE, role="write"),
    Route("GET", f"{_G}/blobs/{{sha}}", get_blob, _READ),
    Route("POST", f"{_G}/trees", create_tree, _WRITE, role="write"),
    Route("GET", f"{_G}/trees/{{sha*}}", get_tree, _READ),
    Route("POST", f"{_G}/commits", create_commit, _WRITE, role="write"),
    Route("GET", f"{_G}/commits/{{sha}}", get_commit, _READ),
]
