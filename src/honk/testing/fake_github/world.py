"""What tests arrange on GitHub before and while an app works there, and what they look at afterwards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from honk.testing.fake_github import shapes
from honk.testing.fake_github.accounts import EVENTS, PERMISSIONS
from honk.testing.fake_github.bare import Bare, Signature
from honk.testing.fake_github.hooks import Hooks
from honk.testing.fake_github.limits import Limits
from honk.testing.fake_github.records import (
    Account,
    App,
    Installation,
    Json,
    Label,
    Protection,
    Repo,
    Role,
    Token,
)

README: Mapping[str, str] = {"README.md": "# A repository\n"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it came, without the values of secrets, and the status that was answered."""

    method: str
    #: without the query
    path: str
    #: the route that took it, such as "/repos/{owner}/{repo}/pulls"; "" where none did
    route: str
    query: dict[str, str]
    #: names in lower case
    headers: dict[str, str]
    body: Any
    status: int
    #: the answer, where it is JSON
    answer: Any
    #: "anonymous", "app", "installation", "user" or "personal"
    kind: str
    at: datetime


@cache
def _keys(number: int) -> tuple[str, str]:
    """The n-th key pair of this process: private in PKCS#1, public."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@dataclass(eq=False)
class World:
    """`root` has the repositories; `clock` says what time it is."""

    root: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    #: base of the API, and of the pages; set when it serves
    url: str = ""
    web: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    repos: dict[int, Repo] = field(default_factory=dict)
    #: earlier names of repositories, in lower case
    moved: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    #: codes of the web flows: what they stand for
    codes: dict[str, Json] = field(default_factory=dict)
    #: content behind signed addresses: kind, and what is there
    blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    #: method, path and query of what git asked
    git_requests: list[tuple[str, str, str]] = field(default_factory=list)
    #: the version of GitHub Enterprise Server that it is; "" for GitHub.com
    enterprise: str = ""
    _last: int = 1000

    def __post_init__(self) -> None:
        self.hooks = Hooks(self)
        self.limits = Limits(self)
        self.actions = self.app("github-actions", owner=self.org("github"), id=15368, permissions=dict(PERMISSIONS))
        self.ghost = self.user("ghost")
        self.web_flow = self.user("web-flow", name="GitHub", email="noreply@github.com")

    def now(self) -> datetime:
        return self.clock().replace(microsecond=0)

    def number(self) -> int:
        """A new id."""
        self._last += 1
        return self._last

    # people, organizations, apps

    def user(self, login: str, *, name: str = "", email: str = "") -> Account:
        """A person."""
        return self._account(Account(self.number(), login, "User", name or login.capitalize(), email))

    def org(self, login: str, *, members: Mapping[str, str] | Sequence[str] = ()) -> Account:
        """An organization; members are "member" where nothing else is said."""
        roles = dict(members) if isinstance(members, Mapping) else dict.fromkeys(members, "member")
        return self._account(Account(self.number(), login, "Organization", login.capitalize(), members=roles))

    def _account(self, account: Account) -> Account:
        account.email = account.email or f"{account.id}+{account.login}@users.noreply.github.com"
        self.accounts[account.login.lower()] = account
        return account

    def account(self, login: str | Account) -> Account:
        """Who has that login. KeyError where nobody does."""
        return login if isinstance(login, Account) else self.accounts[login.lower()]

    def app(
        self,
        slug: str = "honk",
        *,
        owner: Account | str = "",
        permissions: Mapping[str, str] = PERMISSIONS,
        events: Sequence[str] = tuple(EVENTS),
        id: int = 0,
        **more: Any,
    ) -> App:
        """A GitHub App; `more` are fields of App, such as webhook_url and webhook_secret."""
        private, public = _keys(len(self.apps))
        bot = self._account(Account(self.number(), f"{slug}[bot]", "Bot", slug))
        found = App(
            id=id or self.number(),
            slug=slug,
            name=more.pop("name", slug),
            owner=self.account(owner) if owner else self.actions.owner,
            bot=bot,
            client_id=f"Iv23li{uuid4().hex[:14]}",
            client_secret=uuid4().hex + uuid4().hex[:8],
            private_key=private,
            public_key=public,
            created_at=self.now(),
            permissions=dict(permissions),
            events=list(events),
            **more,
        )
        self.apps[found.id] = found
        return found

    def install(
        self,
        app: App,
        account: Account | str,
        *,
        repositories: Sequence[Repo] | None = None,
        permissions: Mapping[str, str] | None = None,
    ) -> Installation:
        """The app on an account: on all repositories, or on these."""
        found = Installation(
            id=self.number(),
            app=app,
            account=self.account(account),
            permissions=dict(app.permissions if permissions is None else permissions),
            repositories=None if repositories is None else {one.id for one in repositories},
            created_at=self.now(),
        )
        self.installations[found.id] = found
        self.hooks.installation(found, "created")
        return found

    def suspend(self, installation: Installation, *, back: bool = False) -> None:
        """Somebody suspends the installation, or lets it back."""
        installation.suspended_at = None if back else self.now()
        self.hooks.installation(installation, "unsuspend" if back else "suspend")

    def uninstall(self, installation: Installation) -> None:
        """Somebody removes the app from the account."""
        installation.removed = True
        self.hooks.installation(installation, "deleted")

    def choose(self, installation: Installation, repositories: Sequence[Repo] | None) -> None:
        """Somebody chooses other repositories for an installation; None for all."""
        before = installation.repositories
        now = None if repositories is None else {one.id for one in repositories}
        installation.repositories = now
        self.hooks.chosen(installation, before)

    def personal_token(
        self, login: Account | str, *, scopes: Sequence[str] = ("repo", "workflow"), sso: Sequence[str] = ()
    ) -> str:
        """A classic personal access token."""
        token = Token(f"ghp_{uuid4().hex}", "personal", self.account(login), scopes=set(scopes), sso=set(sso))
        self.tokens[token.value] = token
        return token.value

    def revoke(self, app: App, login: Account | str) -> None:
        """A person takes back what they gave an app by the web flow."""
        account = self.account(login)
        for one in self.tokens.values():
            if one.kind == "user" and one.app is app and one.account is account:
                one.revoked, one.refresh = True, ""
        self.hooks.send(app, "github_app_authorization", {"action": "revoked", "sender": shapes.user(self, account)})

    def user_token(self, app: App, login: Account | str, *, lasts: timedelta | None = timedelta(hours=8)) -> Token:
        """What a person gave an app by the web flow."""
        until = self.now() + lasts if lasts else None
        token = Token(f"ghu_{uuid4().hex}", "user", self.account(login), app, expires_at=until)
        if until:
            token.refresh = f"ghr_{uuid4().hex}{uuid4().hex}"
        self.tokens[token.value] = token
        return token

    def installation_token(
        self,
        installation: Installation,
        *,
        permissions: Mapping[str, str] | None = None,
        repositories: set[int] | None = None,
    ) -> Token:
        """A token of an installation, for an hour."""
        token = Token(
            f"ghs_{uuid4().hex}",
            "installation",
            installation.app.bot,
            installation.app,
            installation,
            permissions=dict(installation.permissions if permissions is None else permissions),
            repositories=repositories,
            expires_at=self.now() + timedelta(hours=1),
        )
        self.tokens[token.value] = token
        return token

    # repositories

    def repository(
        self, full_name: str, files: Mapping[str, str | bytes] | None = README, *, private: bool = True, **more: Any
    ) -> Repo:
        """A repository with one commit of these files, or (None) without any; `more` are fields of Repo."""
        owner, _, name = full_name.partition("/")
        number = self.number()
        account = self.accounts.get(owner.lower()) or self.org(owner)
        bare = Bare(self.root / f"{number}.git")
        found = Repo(number, account, name, bare, self.now(), private=private, **more)
        bare.create(found.default_branch)
        self.repos[number] = found
        for word in ("bug", "enhancement", "question"):
            self.label(found, word)
        if files is not None:
            self.commit(found, files, "Begin")
        return found

    def fork(self, repo: Repo, owner: Account | str) -> Repo:
        """A fork with all branches."""
        account = self.account(owner)
        fork = self.repository(f"{account.login}/{repo.name}", None, private=repo.private, parent=repo)
        fork.bare.git("fetch", "-q", str(repo.bare.folder), "refs/heads/*:refs/heads/*")
        fork.seen = fork.bare.refs()
        return fork

    def repo(self, name: str | Repo) -> Repo:
        """The repository "owner/name". KeyError where there is none."""
        if isinstance(name, Repo):
            return name
        for one in self.repos.values():
            if one.full_name.lower() == name.lower():
                return one
        raise KeyError(name)

    def commit(
        self,
        repo: Repo | str,
        files: Mapping[str, str | bytes | None],
        message: str = "A change",
        *,
        branch: str = "",
        by: Account | str | None = None,
    ) -> str:
        """Files written (None: removed) on a branch, which begins at the default one; the new commit."""
        repo = self.repo(repo)
        branch = branch or repo.default_branch
        bare = repo.bare
        tip = bare.branch(branch) or bare.branch(repo.default_branch)
        entries: list[tuple[str, str | None, str]] = []
        for path, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            entries.append(("100644", None if raw is None else bare.write("blob", raw), path))
        tree = bare.tree(entries, bare.read_commit(tip).tree if tip else None)
        who = self.signature(self.account(by)) if by else Signature(name="Ada", email="ada@example.org", at=self.now())
        made = bare.commit(tree, [tip] if tip else [], message + "\n", who)
        bare.set_ref(f"refs/heads/{branch}", made)
        if self.url:
            self.settle(repo, self.account(by) if by else None)
        else:
            repo.seen = bare.refs()
        return made

    def signature(self, account: Account) -> Signature:
        """As whom somebody commits on the web."""
        return Signature(name=account.name or account.login, email=account.email, at=self.now())

    def rename(self, repo: Repo, full_name: str) -> None:
        """Renames, or transfers to another owner; the old name leads to the new one."""
        self.moved[repo.full_name.lower()] = repo.id
        before, old = repo.owner, repo.name
        owner, _, repo.name = full_name.partition("/")
        repo.owner = self.accounts.get(owner.lower()) or self.org(owner)
        if repo.owner is before:
            changes: Json = {"repository": {"name": {"from": old}}}
            self.hooks.emit(repo, "repository", {"action": "renamed", "changes": changes}, None)
        else:
            changes = {"owner": {"from": {before.type.lower(): shapes.user(self, before)}}}
            self.hooks.emit(repo, "repository", {"action": "transferred", "changes": changes}, None)

    def archive(self, repo: Repo) -> None:
        """Makes it read-only."""
        repo.archived = True
        self.hooks.emit(repo, "repository", {"action": "archived"}, None)

    def collaborate(self, repo: Repo | str, login: Account | str, role: Role = "write") -> None:
        """Gives somebody a role, or takes it with "none"."""
        self.repo(repo).collaborators[self.account(login).login] = role

    def label(self, repo: Repo | str, name: str, color: str = "ededed", description: str = "") -> Label:
        """A label that can be put on issues."""
        found = Label(self.number(), name, color, description)
        self.repo(repo).labels[name.lower()] = found
        return found

    def protect(self, repo: Repo | str, branch: str = "main", **rules: Any) -> Protection:
        """Classic branch protection; `rules` are fields of Protection."""
        found = self.repo(repo).protections[branch] = Protection(**rules)
        return found

    def ruleset(self, repo: Repo | str, branch: str = "main", **rules: Any) -> Protection:
        """A ruleset for a branch; `rules` are fields of Protection."""
        found = Protection(**rules, ruleset=self.number())
        self.repo(repo).rulesets.setdefault(branch, []).append(found)
        return found

    def settle(self, repo: Repo, by: Account | None = None) -> None:
        """Notices what was pushed; done before each answer too."""
        from honk.testing.fake_github import heads

        heads.settle(self, repo, by)

    # looking

    def calls(self, method: str = "", path: str = "") -> list[Request]:
        """The requests of a method, with that in their path."""
        return [one for one in self.requests if one.method.startswith(method) and path in one.path]

    def violations(self) -> list[str]:
        """What was asked of GitHub that it forbids or does not know."""
        return list(self.faults)

    def new_code(self, **what: Any) -> str:
        """A code of a web flow."""
        code = uuid4().hex[:20]
        self.codes[code] = {**what, "at": self.now()}
        return code
