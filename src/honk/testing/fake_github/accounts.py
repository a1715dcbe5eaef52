"""Accounts, apps, installations and tokens."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = dict[str, Any]
Role = Literal["none", "read", "triage", "write", "maintain", "admin"]
ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")
LEVELS = ("none", "read", "write", "admin")
#: everything that an app of Honk's kind may be given
PERMISSIONS = {
    "actions": "write",
    "administration": "read",
    "checks": "write",
    "contents": "write",
    "deployments": "write",
    "environments": "read",
    "issues": "write",
    "members": "read",
    "merge_queues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "write",
    "workflows": "write",
}
EVENTS = [
    "check_run",
    "check_suite",
    "deployment_status",
    "issue_comment",
    "issues",
    "merge_group",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "status",
    "workflow_job",
    "workflow_run",
]


@dataclass(eq=False)
class Account:
    """A person, an organization or an app's bot."""

    id: int
    login: str
    type: Literal["User", "Organization", "Bot"] = "User"
    name: str = ""
    email: str = ""
    email_verified: bool = True
    #: logins of an organization's members, with "admin" or "member"
    members: dict[str, str] = field(default_factory=dict)
    #: an organization's teams: slug to logins
    teams: dict[str, list[str]] = field(default_factory=dict)
    #: personal tokens must be authorised for its single sign-on
    sso: bool = False
    #: only addresses on a list may call
    ip_allow_list: bool = False


@dataclass(eq=False)
class App:
    """A GitHub App."""

    id: int
    slug: str
    name: str
    owner: Account
    bot: Account
    client_id: str
    client_secret: str
    #: PEM, PKCS#1
    private_key: str
    public_key: str
    created_at: datetime
    webhook_url: str = ""
    webhook_secret: str = ""
    callback_urls: list[str] = field(default_factory=list)
    setup_url: str = ""
    permissions: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    #: user tokens end after eight hours and come with a refresh token
    expiring_tokens: bool = True


@dataclass(eq=False)
class Installation:
    """An app on an account."""

    id: int
    app: App
    account: Account
    permissions: dict[str, str]
    created_at: datetime
    #: ids of the repositories; None for all of the account
    repositories: set[int] | None = None
    suspended_at: datetime | None = None
    removed: bool = False


@dataclass(eq=False)
class Token:
    """A token that is valid until it is revoked or over."""

    value: str
    kind: Literal["installation", "user", "personal"]
    account: Account
    app: App | None = None
    installation: Installation | None = None
    permissions: dict[str, str] = field(default_factory=dict)
    #: ids; None for whatever the installation or the person has
    repositories: set[int] | None = None
    scopes: set[str] = field(default_factory=set)
    #: organizations whose single sign-on it passed
    sso: set[str] = field(default_factory=set)
    expires_at: datetime | None = None
    revoked: bool = False
    refresh: str = ""
