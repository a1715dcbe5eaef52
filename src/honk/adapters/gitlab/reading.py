"""GitLab's merge requests as pull requests, and words as they may stand in GitLab's Markdown."""

import hashlib
import re
from typing import Any

from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.repository import Sha
from honk.domain.task import TaskId

#: What GitLab takes for a draft at the beginning of a title: https://docs.gitlab.com/user/project/merge_requests/drafts/
_DRAFT = re.compile(r"^\s*(?:(?:\[draft\]|draft:|\(draft\))\s*)+", re.IGNORECASE)
#: GitLab takes a line that begins so as an order of whoever wrote the text, also where a program wrote it:
#: https://docs.gitlab.com/user/project/quick_actions/
_ORDER = re.compile(r"^(\s*)/(?=[A-Za-z])", re.MULTILINE)
#: characters that GitLab keeps of a title, and of a description or comment
_TITLE, _TEXT = 255, 1_000_000
_ENDED = frozenset({PullRequestState.MERGED, PullRequestState.CLOSED})


def task_of(branch: str) -> TaskId:
    """The task whose branch it is."""
    return TaskId(branch.removeprefix("honk/"))


def is_draft(merge_request: dict[str, Any]) -> bool:
    return bool(merge_request.get("draft", _DRAFT.match(str(merge_request.get("title", "")))))


def pull_request(merge_request: dict[str, Any], head: Sha) -> PullRequest:
    """`head` is where the branch is; the merge request itself follows some moments later."""
    branch = str(merge_request["source_branch"])
    labels = merge_request.get("labels") or ()
    reviewers = merge_request.get("reviewers") or ()
    state = _state(merge_request)
    return PullRequest(
        task=task_of(branch),
        number=int(merge_request["iid"]),
        branch=branch,
        base=str(merge_request["target_branch"]),
        head=head,
        title=_DRAFT.sub("", str(merge_request["title"])),
        body=str(merge_request.get("description") or ""),
        state=state,
        url=str(merge_request["web_url"]) if merge_request.get("web_url") else None,
        labels=tuple(str(one["name"] if isinstance(one, dict) else one) for one in labels),
        reviewers=tuple(str(one["username"]) for one in reviewers),
        conflicts=bool(merge_request.get("has_conflicts")) and state not in _ENDED,
        # GitLab kept the name of its field when pipelines were no longer all that is waited for.
        waits_to_merge=bool(merge_request.get("merge_when_pipeline_succeeds")) and state is PullRequestState.OPEN,
        merged_as=merged_as(merge_request) if state is PullRequestState.MERGED else None,
    )


def merged_as(merge_request: dict[str, Any]) -> Sha:
    """The commit on the base: one that merges, the squashed one, or the head itself after a fast-forward."""
    names = ("merge_commit_sha", "squash_commit_sha", "sha")
    return Sha(next(str(merge_request[name]) for name in names if merge_request.get(name)))


def title(wanted: PullRequest) -> str:
    """With the mark of a draft where it is one, and without where it is none."""
    plain = _DRAFT.sub("", wanted.title) or wanted.branch
    marked = f"Draft: {plain}" if wanted.state is PullRequestState.DRAFT else plain
    return marked if len(marked) <= _TITLE else marked[: _TITLE - 1] + "…"


def text(words: str) -> str:
    """The same words without orders to GitLab: an agent's "/merge" must not merge in Honk's name."""
    cut = words if len(words) <= _TEXT else words[:_TEXT] + "\n\n[…]"
    return _ORDER.sub(r"\1\\/", cut.replace("\r\n", "\n").replace("\r", "\n"))


def marker(key: str) -> str:
    """What finds the comment of an occasion again; nobody sees it on the page."""
    return f"<!-- honk {hashlib.sha256(key.encode()).hexdigest()[:24]} -->"


def _state(merge_request: dict[str, Any]) -> PullRequestState:
    match merge_request.get("state"):
        case "merged":
            return PullRequestState.MERGED
        case "closed":
            return PullRequestState.CLOSED
    # "locked" is one that is being merged
    return PullRequestState.DRAFT if is_draft(merge_request) else PullRequestState.OPEN
