"""The GitHub App that Honk is: what it may do, what it is told, and the manifest that makes it.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

#: Where GitHub's deliveries go, and where it sends people back, below `public_url`.
EVENTS_PATH, CALLBACK_PATH = "/github/events", "/github/callback"
#: Stands for an address where there is none: the hook is not active then.
_NOWHERE = "https://example.com"
_LEVELS = ("", "read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Permission:
    """One permission, and what Honk cannot do without it."""

    level: str
    purpose: str
    required: bool = True

    def granted(self, level: str) -> bool:
        """Whether that level is enough."""
        return level in _LEVELS and _LEVELS.index(level) >= _LEVELS.index(self.level)


#: By the names of GitHub's API (https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps).
PERMISSIONS: Mapping[str, Permission] = MappingProxyType(
    {
        "actions": Permission("write", "read logs and artifacts of workflows, and start one that deploys"),
        "checks": Permission("write", "show its verdict as a check, and read the checks of others"),
        "contents": Permission("write", "fetch code, push its own branches, and merge"),
        "deployments": Permission("write", "deploy through GitHub, and say how that goes"),
        "issues": Permission("write", "read issues, answer, label and react"),
        "members": Permission("read", "find the teams that CODEOWNERS names", required=False),
        "merge_queues": Permission("write", "merge through a merge queue, and hear what it waits for", required=False),
        "metadata": Permission("read", "find repositories, and what a person may do there"),
        "pull_requests": Permission("write", "open, change and merge pull requests, and answer reviews"),
        "statuses": Permission("write", "read what other services say of a commit"),
        "workflows": Permission("write", "push a change of a workflow's file", required=False),
    }
)
#: What GitHub is asked to tell. An app is told of its installations without asking.
EVENTS = (
    "check_run",
    "check_suite",
    "deployment",
    "deployment_review",
    "deployment_status",
    "issue_comment",
    "issues",
    "merge_group",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "repository",
    "status",
    "workflow_run",
)


def manifest(*, name: str, home: str, public_url: str = "", redirect: str = "") -> str:
    """The app as GitHub takes it, as JSON; without a public address nothing is delivered, and Honk looks itself."""
    reached = public_url.startswith("https://")
    callback = f"{public_url or 'http://127.0.0.1'}{CALLBACK_PATH}"
    made: dict[str, object] = {
        "name": name,
        "url": public_url or home,
        "description": "Honk, the background coding agent: ask it on an issue, and get a proven pull request.",
        "public": False,
        "hook_attributes": {"url": f"{public_url if reached else _NOWHERE}{EVENTS_PATH}", "active": reached},
        "callback_urls": [callback],
        "request_oauth_on_install": False,
        "setup_on_update": False,
        "default_permissions": {name: one.level for name, one in PERMISSIONS.items()},
        "default_events": list(EVENTS),
    }
    if redirect:
        made["redirect_url"] = redirect
    return json.dumps(made, indent=2) + "\n"
