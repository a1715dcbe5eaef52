"""From a webhook's payload to hints: where something may have happened. Nothing else of a payload is believed.

One thing GitHub can be asked by nobody: who pressed "Re-run". That name is taken along, as a claim of whoever signed.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import re
from collections.abc import Callable, Iterator

from honk.domain.discussion import Hint, HintKind

#: so many repositories of an installation are named; of more, all are meant
_NAMED = 50
_FULL_NAME = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
#: of a label, a branch or a login
_SHORT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,255}")
_LOGIN = re.compile(r"[\w-]{1,100}(?:\[bot\])?", re.ASCII)
_GREATEST = 2**53

Reader = Callable[[str, str, object], Iterator[Hint]]


def hints_of(event: str, payload: object) -> tuple[Hint, ...]:
    """What may have happened, by the name of the event and any JSON value. Never raises."""
    reader = _READERS.get(event)
    if reader is None:
        return ()
    action = _text(payload, "action")
    repository = _full_name(_at(payload, "repository", "full_name"))
    return tuple(dict.fromkeys(reader(repository, action, payload)))


# ── what people say ────────────────────────────────────────────────────────────────────────────
def _comment(repository: str, action: str, payload: object) -> Iterator[Hint]:
    yield from _remark(repository, "comment", _number(payload, "issue", "number"), _number(payload, "comment", "id"))


def _line(repository: str, action: str, payload: object) -> Iterator[Hint]:
    number = _number(payload, "pull_request", "number")
    yield from _remark(repository, "line", number, _number(payload, "comment", "id"))


def _remark(repository: str, sort: str, number: int, id: int) -> Iterator[Hint]:
    if repository and number and id:
        yield Hint(kind=HintKind.REMARK, repository=repository, number=number, id=f"{sort}/{id}")


def _review(repository: str, action: str, payload: object) -> Iterator[Hint]:
    number, id = _number(payload, "pull_request", "number"), _number(payload, "review", "id")
    if repository and number and id:
        yield Hint(kind=HintKind.REVIEW, repository=repository, number=number, id=str(id))


def _issue(repository: str, action: str, payload: object) -> Iterator[Hint]:
    yield from _opened(repository, action, _number(payload, "issue", "number"), payload)


def _opened(repository: str, action: str, number: int, payload: object) -> Iterator[Hint]:
    if not (repository and number):
        return
    if action in {"opened", "edited", "reopened"}:
        yield Hint(kind=HintKind.ISSUE, repository=repository, number=number)
    what = {"labeled": ("label", "name"), "assigned": ("assignee", "login")}.get(action)
    if what is not None and (named := _short(_at(payload, *what))):
        yield Hint(kind=HintKind.LABELLED, repository=repository, number=number, id=named)


# ── what becomes of changes ────────────────────────────────────────────────────────────────────
def _pull_request(repository: str, action: str, payload: object) -> Iterator[Hint]:
    number = _number(payload, "pull_request", "number") or _number(payload, "number")
    yield from _opened(repository, action, number, payload)
    if repository and number:
        yield Hint(kind=HintKind.PULL_REQUEST, repository=repository, number=number)


def _checks(*path: str) -> Reader:
    def reader(repository: str, action: str, payload: object) -> Iterator[Hint]:
        sha = _text(payload, *path).lower()
        if repository and _SHA.fullmatch(sha):
            yield Hint(kind=HintKind.CHECKS, repository=repository, id=sha)

    return reader


def _own_checks(*path: str) -> Reader:
    """GitHub tells an app alone that its own are to be done again."""
    looks = _checks(*path)

    def reader(repository: str, action: str, payload: object) -> Iterator[Hint]:
        for hint in looks(repository, action, payload):
            yield hint
            login = _text(payload, "sender", "login")
            if action == "rerequested" and _LOGIN.fullmatch(login):
                yield Hint(kind=HintKind.RERUN, repository=repository, id=f"{hint.id}/{login}")

    return reader


def _merge_group(repository: str, action: str, payload: object) -> Iterator[Hint]:
    """Of what was taken apart again nobody waits for a check."""
    sha, ref = _text(payload, "merge_group", "head_sha").lower(), _text(payload, "merge_group", "base_ref")
    about = _short(f"{sha}/{ref.removeprefix('refs/heads/')}")
    if action == "checks_requested" and repository and _SHA.fullmatch(sha) and not about.endswith("/") and about:
        yield Hint(kind=HintKind.QUEUE, repository=repository, id=about)


def _push(repository: str, action: str, payload: object) -> Iterator[Hint]:
    ref = _text(payload, "ref")
    branch = _short(ref.removeprefix("refs/heads/")) if ref.startswith("refs/heads/") else ""
    if repository and branch:
        yield Hint(kind=HintKind.PUSH, repository=repository, id=branch)


def _deployment(repository: str, action: str, payload: object) -> Iterator[Hint]:
    id = _number(payload, "deployment", "id")
    if repository and id:
        yield Hint(kind=HintKind.DEPLOYMENT, repository=repository, id=str(id))


# ── where Honk is let in ───────────────────────────────────────────────────────────────────────
def _repository(repository: str, action: str, payload: object) -> Iterator[Hint]:
    if not repository:
        return
    yield Hint(kind=HintKind.REPOSITORY, repository=repository)
    before = _full_name(f"{repository.partition('/')[0]}/{_text(payload, 'changes', 'repository', 'name', 'from')}")
    if before:
        yield Hint(kind=HintKind.REPOSITORY, repository=before)


def _installation(repository: str, action: str, payload: object) -> Iterator[Hint]:
    lists = (_at(payload, key) for key in ("repositories", "repositories_added", "repositories_removed"))
    found = [one for each in lists if isinstance(each, list) for one in each]
    names = [name for one in found[: _NAMED + 1] if (name := _full_name(_at(one, "full_name")))]
    if len(found) > _NAMED or not names:
        names = [""]
    for name in names:
        yield Hint(kind=HintKind.REPOSITORY, repository=name)


def _everywhere(repository: str, action: str, payload: object) -> Iterator[Hint]:
    yield Hint(kind=HintKind.REPOSITORY, repository="")


_READERS: dict[str, Reader] = {
    "issue_comment": _comment,
    "pull_request_review_comment": _line,
    "pull_request_review": _review,
    "issues": _issue,
    "pull_request": _pull_request,
    "check_run": _own_checks("check_run", "head_sha"),
    "check_suite": _own_checks("check_suite", "head_sha"),
    "status": _checks("sha"),
    "workflow_run": _checks("workflow_run", "head_sha"),
    "workflow_job": _checks("workflow_job", "head_sha"),
    "deployment_review": _checks("workflow_run", "head_sha"),
    "merge_group": _merge_group,
    "push": _push,
    "deployment": _deployment,
    "deployment_status": _deployment,
    "repository": _repository,
    "public": _repository,
    "installation": _installation,
    "installation_repositories": _installation,
    "installation_target": _everywhere,
}


# ── any JSON value ─────────────────────────────────────────────────────────────────────────────
def _at(value: object, *path: str) -> object:
    """What lies there; None where nothing does."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _text(value: object, *path: str) -> str:
    found = _at(value, *path)
    return found if isinstance(found, str) else ""


def _number(value: object, *path: str) -> int:
    """A number of GitHub's own; 0 for anything else."""
    found = _at(value, *path)
    good = isinstance(found, int) and not isinstance(found, bool) and 0 < found < _GREATEST
    return found if good and isinstance(found, int) else 0


def _short(value: object) -> str:
    return value if isinstance(value, str) and _SHORT.fullmatch(value) else ""


def _full_name(value: object) -> str:
    return value if isinstance(value, str) and _FULL_NAME.fullmatch(value) else ""
