"""`.honk.toml`: what a repository says about itself. Always read from the base commit.

    setup = ["pip install -e .[test]"]      # instead of the detected set-up
    verify = ["make test"]                  # instead of the detected verifiers; or [[verify]] tables
    [build]    command, output, kind        # what people hold in their hands
    [preview]  path, command, port          # the page of a build to open first; the app's own server
    [deploy]   command, environment, undo   # how a merged commit gets to people; or [[deploy]] tables, in order
    [checks]   wait, fixes                  # which of the forge's own checks belong to the verdict
    [pull_request]  labels, reviewers, title
    [scope]    paths, protected             # what a change may touch

Everything is optional. Commands are lines for `sh -c`, run in `/workspace`; times are seconds.
"""

import re
import tomllib
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from honk.domain.deploy_windows import Windows
from honk.errors import SettingsWrong

#: The file's path in a repository.
CONFIG_PATH = ".honk.toml"

Command = Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"\S")]
Seconds = Annotated[float, Field(gt=0, le=24 * 3600)]


def _below_root(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError("must be a path below the repository's root")
    return path.rstrip("/")


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    form = re.fullmatch(r"([0-9]{1,5})\s*([smh])", value.strip())
    if form is None:
        raise ValueError(f'{value[:40]!r} is no time, such as "10m", "90s" or "1h"')
    return int(form[1]) * {"s": 1, "m": 60, "h": 3600}[form[2]]


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError("must be an address such as https://app.example.com/healthz, without a password")
    return url


def _secured(url: str) -> str:
    if urlsplit(_address(url)).scheme != "https" and urlsplit(url).hostname not in {"localhost", "127.0.0.1", "[::1]"}:
        raise ValueError("must be an https address: what is sent there decides what is deployed")
    return url


#: Seconds, or such as "10m".
Duration = Annotated[float, BeforeValidator(_duration), Field(ge=60, le=6 * 3600)]

#: What a labelled worker calls itself.
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$")]

#: A path below the repository's root, with forward slashes; "." is the root.
InnerPath = Annotated[str, Field(min_length=1), AfterValidator(_below_root)]


class _Table(BaseModel):
    # built at its first use: most commands read no such file, and building these takes 0.05 s
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, defer_build=True)


class VerifyCommand(_Table):
    """One verifier: exit code 0 is a pass, and only kind "test" can carry a verdict of pass."""

    #: shown in verdicts; the command itself when left out
    name: str = ""
    command: Command
    kind: Literal["test", "lint", "types", "build"] = "test"
    timeout: Seconds = 900.0

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"command": value} if isinstance(value, str) else value

    @property
    def title(self) -> str:
        """The name people see."""
        return self.name or self.command


class BuildConfig(_Table):
    """How the app is built, and where the result lies."""

    #: runs in a sandbox; or, in its place, `artifact`
    command: Command | None = None
    #: file or folder below the repository's root that the command makes; in an artifact "." is all of it
    output: InnerPath = "."
    #: name of what the forge's CI keeps of each run, such as "ios-app"
    artifact: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    #: a web app, an app for a phone (the output is or has exactly one .apk, .aab or .ipa), or files of another kind
    kind: Literal["web", "android", "ios", "file"] = "web"
    timeout: Seconds = 900.0
    #: of the worker that runs the command on a machine of its own, such as "macos", "xcode"; none: it runs here
    labels: Annotated[tuple[Label, ...], Field(max_length=20)] = ()
    #: of the worker that signs what the first one made, and runs nothing of the repository; none: nobody does
    sign: Annotated[tuple[Label, ...], Field(max_length=20)] = ()
    #: what HONK_VERSION is, such as "1.4.{number}"; "{number}" and "{commit}" are filled in. Empty: it is not set
    version: Annotated[str, Field(max_length=60, pattern=r"^[0-9A-Za-z.{}+_-]*$")] = ""
    #: no build has a smaller number (HONK_BUILD_NUMBER): one above what was given out before Honk
    first_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 1
    #: whether it can be installed beside the app itself: "app", one for all tasks; "task", one for each
    side_by_side: Literal["no", "app", "task"] = "no"

    @model_validator(mode="after")
    def _by_a_worker(self) -> Self:
        if self.labels and (self.command is None or self.kind == "file"):
            raise ValueError('labels are for a command whose output is of the kind "web", "android" or "ios"')
        if self.sign and (not self.labels or self.kind == "web"):
            raise ValueError('sign is for an app of the kind "android" or "ios" that a worker with labels compiles')
        return self

    @model_validator(mode="after")
    def _from_somewhere(self) -> Self:
        marks = self.version or self.first_number > 1 or self.side_by_side != "no"
        if self.command is None and self.artifact is None and marks:
            return self  # somebody's CI uploads it, and asks what it is to carry
        if (self.command is None) == (self.artifact is None):
            raise ValueError("[build] has a command that makes it, or the artifact of the forge's CI that it is")
        if self.command is not None and self.output == ".":
            raise ValueError("[build] needs an output: the file or folder that the command makes")
        return self


#: Honk's own way out of a sandbox
_TAKEN_PORT = 3128


class PreviewConfig(_Table):
    """How a build is looked at: its files are served as they are, or by the app's own server."""

    #: page to open first, below the build's root; may carry a query and a fragment
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~/?#=&%+-]*$")] = ""
    #: starts the app's own server, which stays in the foreground and listens where `port` or `socket` says
    command: Command | None = None
    #: where it listens on the loopback of its sandbox; the command finds it in $PORT
    port: Annotated[int, Field(ge=1024, le=65535)] = 8000
    #: whether it listens at the socket in $HONK_SOCKET instead
    socket: bool = False
    #: path that answers below 500 once it is ready, such as "/healthz"; "": when it takes a connection
    ready: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~/?=&%+-]*)?$", max_length=500)] = ""
    #: for how long it may take to be ready
    timeout: Annotated[float, Field(gt=0, le=900)] = 120.0

    @model_validator(mode="after")
    def _listens_where_it_can(self) -> Self:
        if self.port == _TAKEN_PORT:
            raise ValueError(f"port {_TAKEN_PORT} is taken in every sandbox: choose another one")
        return self


class DeployConfig(_Table):
    """How a commit gets to the people of one environment, and how that is taken back."""

    #: runs in a sandbox with the build; or, in its place, `workflow` or `webhook`
    command: Command | None = None
    #: file name of a workflow that the forge runs, such as "deploy.yml"; "deployment" has it begin a deployment of
    #: its own, for whoever listens there
    workflow: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,199}$")] | None = None
    #: an address that is told to deploy, signed; it says by itself how far it has come, or where to ask
    webhook: Annotated[str, Field(max_length=2000), AfterValidator(_secured)] | None = None
    #: where the webhook's target is asked about a deployment by Honk's own id; has "{deployment}" in it
    webhook_status: Annotated[str, Field(max_length=2000), AfterValidator(_secured)] | None = None
    #: what the workflow is given; "{commit}", "{environment}", "{deployment}", and "{number}" and "{version}" of a
    #: build of that commit, are filled in
    inputs: dict[str, str] = Field(default_factory=dict, max_length=20)
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "production"
    #: branches (as `*` and `?` have it) into which a merge is deployed; None: the repository's default branch alone
    branches: tuple[Annotated[str, Field(min_length=1, max_length=250)], ...] | None = None
    #: "redeploy": the command again with the previous build (the workflow or the webhook, with its commit); "none":
    #: cannot be undone; else a command
    undo: Command = "redeploy"
    #: a command that exits with 0 once the new version is healthy
    health: Command | None = None
    #: where people find it, when that is known
    url: str | None = None
    timeout: Seconds = 900.0
    #: when it is deployed there, such as "mon-fri 09:00-16:00"; None: at any time
    windows: Annotated[tuple[str, ...], Field(min_length=1, max_length=50)] | None = None
    #: of the windows
    timezone: str = "UTC"
    #: for how long its health is looked at once it is live, such as "10m"; None: not at all
    watch: Duration | None = None
    #: an address that answers 2xx while it is healthy; or, in its place, `health` again
    health_url: Annotated[str, Field(max_length=2000), AfterValidator(_address)] | None = None
    #: "unhealthy": undone by itself then, where that is possible
    undo_when: Literal["unhealthy", "asked"] = "asked"
    #: "healthy": deployed here by itself once it was healthy in the environment before for as long as that is watched
    promote_when: Literal["healthy", "asked"] = "asked"
    #: of the worker that runs the command on a machine of its own, which holds what that needs; none: it runs here
    labels: Annotated[tuple[Label, ...], Field(max_length=20)] = ()
    #: run there where the worker was cut off half-way: 0 says that it is live, 1 that it is not; else a person is asked
    query: Command | None = None

    @property
    def elsewhere(self) -> bool:
        """Whether it is carried out somewhere else, and asked about later."""
        return self.command is None or bool(self.labels)

    @property
    def undoes(self) -> bool:
        """Whether it can go back. A workflow that is not told the commit would deploy the branch's newest again."""
        told = self.workflow in {None, "deployment"} or any("{commit}" in one for one in self.inputs.values())
        return told and self.undo != "none"

    @property
    def open(self) -> Windows | None:
        """When it is open; None: at any time."""
        return Windows.parse(self.windows, self.timezone) if self.windows is not None else None

    @model_validator(mode="after")
    def _opens(self) -> Self:
        Windows.parse(self.windows or (), self.timezone)
        return self

    @model_validator(mode="after")
    def _watches(self) -> Self:
        if self.watch is not None and self.health is None and self.health_url is None:
            raise ValueError("watch needs a health command or a health_url to look at")
        if self.watch is None and (self.health_url is not None or self.undo_when == "unhealthy"):
            raise ValueError('health_url and undo_when are for a watch, such as watch = "10m"')
        return self

    @model_validator(mode="after")
    def _by_somebody(self) -> Self:
        if sum(one is not None for one in (self.command, self.workflow, self.webhook)) != 1:
            raise ValueError("[deploy] has a command that Honk runs, a workflow that the forge runs, or a webhook")
        if self.labels and (self.command is None or self.health is not None):
            raise ValueError("with labels, a command deploys, and looks after the health itself; or give a health_url")
        if self.query is not None and not self.labels:
            raise ValueError("query is for a worker with labels")
        if self.workflow is None and self.inputs:
            raise ValueError("inputs are for a workflow")
        if self.command is None and (self.health or self.undo not in {"redeploy", "none"}):
            what = "webhook" if self.workflow is None else "workflow"
            raise ValueError(f'with a {what}, undo is "redeploy" or "none", and the {what} looks after the health')
        if self.webhook_status is not None and (self.webhook is None or "{deployment}" not in self.webhook_status):
            raise ValueError('webhook_status is for a webhook, and has "{deployment}" in it')
        return self


class ChecksConfig(_Table):
    """What of the forge's own checks (its CI) belongs to the verdict."""

    #: those that the forge requires before a merge, all that report, none, or these
    wait: Literal["required", "all", "none"] | tuple[Annotated[str, Field(min_length=1)], ...] = "required"
    #: how often in a row a failing check goes back to the agent before a person is asked
    fixes: Annotated[int, Field(ge=0, le=20)] = 2


class PullRequestConfig(_Table):
    """How pull requests look."""

    labels: tuple[Annotated[str, Field(min_length=1, max_length=50)], ...] = ()
    #: whether the owners of the changed files (CODEOWNERS) are asked to review it
    reviewers: bool = True
    #: "auto" begins it as the latest commits on the base begin ("fix: …"); "plain" does not
    title: Literal["auto", "plain"] = "auto"


class ScopeConfig(_Table):
    """Which paths a change may touch, as glob patterns (`*` within a folder, `**` across folders)."""

    #: nothing outside these; empty means everything
    paths: tuple[str, ...] = ()
    #: never these
    protected: tuple[str, ...] = ()


_TREE = ".honk-tree"
_WHOLE_TREE = f"mkdir {_TREE} && git archive --format=tar HEAD | tar -C {_TREE} -xf -"


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _in_order(environments: tuple[DeployConfig, ...]) -> tuple[DeployConfig, ...]:
    names = [one.environment for one in environments]
    if doubled := next((one for one in names if names.count(one) > 1), None):
        raise ValueError(f'two environments are called {doubled!r}: give each its environment = "…"')
    for number, one in enumerate(environments):
        if number and one.branches is not None:
            raise ValueError("branches are for the first environment: what comes to the others was deployed there")
        if one.promote_when == "healthy" and (not number or environments[number - 1].watch is None):
            raise ValueError('promote_when = "healthy" needs an environment before it that has a watch')
    return environments


class RepositoryConfig(_Table):
    """The whole file. The default is what a repository without the file means."""

    setup: Annotated[tuple[Command, ...], BeforeValidator(_one_or_many)] = ()
    setup_timeout: Seconds = 1800.0
    #: host names (with an optional ":port") that set-up may reach besides the package registries
    setup_hosts: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$")], ...] = ()
    verify: Annotated[tuple[VerifyCommand, ...], BeforeValidator(_one_or_many)] = ()
    build: BuildConfig | None = None
    preview: PreviewConfig | None = None
    #: the environments, in the order in which a version comes to them; written [deploy] where there is one
    deploy: Annotated[
        tuple[DeployConfig, ...], BeforeValidator(_one_or_many), Field(max_length=10), AfterValidator(_in_order)
    ] = ()
    scope: ScopeConfig = ScopeConfig()
    checks: ChecksConfig = ChecksConfig()
    pull_request: PullRequestConfig = PullRequestConfig()

    @property
    def built(self) -> BuildConfig | None:
        """How the build is made; of an app that only has a server of its own it is the committed tree."""
        if self.build is not None or self.preview is None or self.preview.command is None:
            return self.build
        return BuildConfig(command=_WHOLE_TREE, output=_TREE)

    @model_validator(mode="after")
    def _deploys_what_it_builds(self) -> Self:
        if any(one.command is not None for one in self.deploy) and self.build is None:
            raise ValueError("[deploy] needs a [build]: a deployment is of the build that people tried")
        return self


def parse(content: bytes, where: str = CONFIG_PATH) -> RepositoryConfig:
    """Reads the file's content. Raises SettingsWrong naming file, line and remedy."""
    try:
        text = content.decode()
        return RepositoryConfig.model_validate(tomllib.loads(text))
    except UnicodeDecodeError as exc:
        line = content[: exc.start].count(b"\n") + 1
        raise SettingsWrong(f"{where}, line {line}: not UTF-8", "save the file as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsWrong(f"{where}: not valid TOML: {exc}", f"correct the line in {where} and commit it") from exc
    except ValidationError as exc:
        raise SettingsWrong(_sentence(text, where, exc), _remedy(exc)) from exc


def _sentence(text: str, where: str, exc: ValidationError) -> str:
    parts = []
    for error in exc.errors()[:5]:
        where_in = _written(text, error["loc"])
        key = ".".join(map(str, where_in))
        line = line_of(text, where_in)
        parts.append(f"{where}, line {line}: {key}: {error['msg']}")
    return "\n".join(parts)


def _remedy(exc: ValidationError) -> str:
    kinds = {error["type"] for error in exc.errors()}
    if kinds == {"extra_forbidden"}:
        return f"remove the key or correct its spelling; known at the top: {', '.join(RepositoryConfig.model_fields)}"
    return "correct the value and commit it; the reference of .honk.toml lists what each key takes"


def _written(text: str, location: tuple[Any, ...]) -> tuple[Any, ...]:
    """As the file has it: one table is in no list."""
    single = location[1:2] == (0,) and isinstance(tomllib.loads(text).get(str(location[0])), dict)
    return (location[0], *location[2:]) if single else location


_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


def line_of(text: str, location: tuple[Any, ...]) -> int:
    """The line, from 1, on which the longest known beginning of `location` stands; 1 when nothing is found."""
    best, best_line = 0, 1
    table: tuple[object, ...] = ()
    seen: dict[tuple[object, ...], int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _split(header[2])
            if header[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = (*table, seen[table])
            path = table
        elif key := _KEY.match(line):
            path = (*table, *_split(key[1]))
        else:
            continue
        if path == location[: len(path)] and len(path) > best:
            best, best_line = len(path), number
    return best_line


def _split(dotted: str) -> tuple[object, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
