"""`.honk.toml`: what a repository says about itself. Always read from the base commit.

    setup = ["pip install -e .[test]"]      # instead of the detected set-up
    verify = ["make test"]                  # instead of the detected verifiers; or [[verify]] tables
    [build]    command, output, kind        # what people hold in their hands
    [preview]  path                         # the page of a build to open first
    [deploy]   command, environment, undo   # how a merged commit gets to people
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


#: Seconds, or such as "10m".
Duration = Annotated[float, BeforeValidator(_duration), Field(ge=60, le=6 * 3600)]

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
    #: what HONK_VERSION is, such as "1.4.{number}"; "{number}" and "{commit}" are filled in. Empty: it is not set
    version: Annotated[str, Field(max_length=60, pattern=r"^[0-9A-Za-z.{}+_-]*$")] = ""
    #: no build has a smaller number (HONK_BUILD_NUMBER): one above what was given out before Honk
    first_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 1
    #: whether it can be installed beside the app itself: "app", one for all tasks; "task", one for each
    side_by_side: Literal["no", "app", "task"] = "no"

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


class PreviewConfig(_Table):
    """How a build is looked at: its files are served as they are."""

    #: page to open first, below the build's root; may carry a query and a fragment
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~/?#=&%+-]*$")] = ""


class DeployConfig(_Table):
    """How a merged commit gets to people, and how that is taken back."""

    #: runs in a sandbox with the build; or, in its place, `workflow`
    command: Command | None = None
    #: file name of a workflow that the forge runs, such as "deploy.yml"; "deployment" has it begin a deployment of
    #: its own, for whoever listens there
    workflow: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,199}$")] | None = None
    #: what the workflow is given; "{commit}", "{environment}", "{deployment}", and "{number}" and "{version}" of a
    #: build of that commit, are filled in
    inputs: dict[str, str] = Field(default_factory=dict, max_length=20)
    environment: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = "production"
    #: branches (as `*` and `?` have it) into which a merge is deployed; None: the repository's default branch alone
    branches: tuple[Annotated[str, Field(min_length=1, max_length=250)], ...] | None = None
    #: "redeploy": the command again with the previous build (the workflow, with its commit); "none": cannot be
    #: undone; else a command
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
        if (self.command is None) == (self.workflow is None):
            raise ValueError("[deploy] has a command that Honk runs, or a workflow that the forge runs")
        if self.workflow is None and self.inputs:
            raise ValueError("inputs are for a workflow")
        if self.workflow is not None and (self.health or self.undo not in {"redeploy", "none"}):
            raise ValueError('with a workflow, undo is "redeploy" or "none", and the workflow looks after the health')
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


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class RepositoryConfig(_Table):
    """The whole file. The default is what a repository without the file means."""

    setup: Annotated[tuple[Command, ...], BeforeValidator(_one_or_many)] = ()
    setup_timeout: Seconds = 1800.0
    #: host names (with an optional ":port") that set-up may reach besides the package registries
    setup_hosts: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+(:\d{1,5})?$")], ...] = ()
    verify: Annotated[tuple[VerifyCommand, ...], BeforeValidator(_one_or_many)] = ()
    build: BuildConfig | None = None
    preview: PreviewConfig | None = None
    deploy: DeployConfig | None = None
    scope: ScopeConfig = ScopeConfig()
    checks: ChecksConfig = ChecksConfig()
    pull_request: PullRequestConfig = PullRequestConfig()

    @model_validator(mode="after")
    def _deploys_what_it_builds(self) -> Self:
        if self.deploy is not None and self.deploy.command is not None and self.build is None:
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
        key = ".".join(str(part) for part in error["loc"])
        line = line_of(text, error["loc"])
        parts.append(f"{where}, line {line}: {key}: {error['msg']}")
    return "\n".join(parts)


def _remedy(exc: ValidationError) -> str:
    kinds = {error["type"] for error in exc.errors()}
    if kinds == {"extra_forbidden"}:
        return f"remove the key or correct its spelling; known at the top: {', '.join(RepositoryConfig.model_fields)}"
    return "correct the value and commit it; the reference of .honk.toml lists what each key takes"


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
