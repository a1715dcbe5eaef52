"""Where a command runs that a CI has started: what it built, as the CI's own environment says."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: how Honk's branches begin; the task's id follows
_BRANCHES = "honk/"
_HEADS = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME")
_COMMITS = ("GITHUB_SHA", "CI_COMMIT_SHA")


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """What a CI has checked out; "" for what it does not say."""

    commit: str = ""
    #: by the name of the branch
    task: str = ""

    @staticmethod
    def here(environ: Mapping[str, str] | None = None) -> "Built":
        """As GitHub Actions and GitLab CI say it. A pull_request workflow's GITHUB_SHA is a merge, not the head."""
        env = os.environ if environ is None else environ
        commit = _head(env) or next((env[name] for name in _COMMITS if env.get(name)), "")
        branch = next((env[name] for name in _HEADS if env.get(name)), "")
        return Built(commit=commit, task=branch.removeprefix(_BRANCHES) if branch.startswith(_BRANCHES) else "")


def _head(env: Mapping[str, str]) -> str:
    """The head of the pull request that a workflow of GitHub Actions is about."""
    if not env.get("GITHUB_EVENT_NAME", "").startswith("pull_request") or not env.get("GITHUB_EVENT_PATH"):
        return ""
    try:
        found = json.loads(Path(env["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))["pull_request"]["head"]["sha"]
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    return found if isinstance(found, str) else ""
