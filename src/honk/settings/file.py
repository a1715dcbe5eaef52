"""honk.toml: every key, its meaning and its default."""

import tomllib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from honk.domain.repository_config import line_of
from honk.errors import SettingsWrong, Usage
from honk.settings.channels import ChannelTable
from honk.settings.github import GithubSettings
from honk.settings.gitlab import GitlabSettings
from honk.settings.notices import NoticeSettings
from honk.settings.policy import BudgetSettings, MergingSettings, PersonSettings, RoleSettings, Wrong, wrong_names
from honk.settings.public_url import origin_of, wildcard_of
from honk.settings.repositories import Repositories, wrong_repositories
from honk.settings.sign_in import SignInSettings, wrong_sign_in
from honk.settings.slack import SlackSettings
from honk.settings.telemetry import TelemetrySettings
from honk.settings.webhooks import WebhookSettings
from honk.settings.worker import WorkerSettings


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LimitSettings(Section):
    """What a task may cost when the person says nothing else."""

    usd: Annotated[float, Field(ge=0)] = 5.0
    calls: Annotated[int, Field(ge=0)] = 300
    #: wall time of the agent in one turn, in seconds
    seconds: Annotated[float, Field(gt=0)] = 3600.0


class ModelSettings(Section):
    """The language model; keys come from the environment only."""

    #: model to use when the person names none; empty means Claude Code's own default
    name: str = ""
    #: where the model is served; ANTHROPIC_BASE_URL goes before it
    base_url: str = "https://api.anthropic.com"


class NetworkSettings(Section):
    """What set-up may reach besides the host's package registries."""

    #: host names, with an optional ":port"
    hosts: tuple[str, ...] = ()
    #: networks that may be reached although they are private, such as "10.20.0.0/16"
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = ()


class SandboxSettings(Section):
    """The walls."""

    memory_mb: Annotated[int, Field(ge=256)] = 4096
    processes: Annotated[int, Field(ge=16)] = 512
    #: what the agent's workspace and home may take of the disk, in MiB
    disk_mb: Annotated[int, Field(ge=16)] = 20_480
    #: user id under which sandboxes run when Honk is root
    uid: Annotated[int, Field(ge=1000)] = 60978


class WorkSettings(Section):
    """How work is done."""

    #: tasks at work at the same time
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    #: merge method: a merge commit, or all of the pull request as one commit
    merge: Literal["merge", "squash"] = "merge"
    #: a plan before any change, unless the person says otherwise
    plan: bool = False
    #: screenshots of web builds, where Chromium is installed
    screenshots: bool = True
    #: a film of the build beside them, where ffmpeg is installed too; a turn then takes some ten seconds longer
    video: bool = False
    #: hours after which people are reminded of a question, three times at most
    remind_hours: Annotated[float, Field(gt=0, le=10_000)] = 24.0
    #: agents that a server keeps started and waiting; each needs about 200 MB of memory
    warm_agents: Annotated[int, Field(ge=0, le=64)] = 1
    #: repositories of which a server keeps a checkout ready: those that were used last, within a week
    spares: Annotated[int, Field(ge=0, le=100)] = 4
    #: free disk below which work waits, in MiB
    least_free_mb: Annotated[int, Field(ge=0)] = 1024
    #: what a build that somebody uploads may have, in MiB
    largest_build_mb: Annotated[int, Field(ge=1, le=65_536)] = 2048


class PageSettings(Section):
    """Where previews and deployed versions are served."""

    host: str = "127.0.0.1"
    #: 0 takes a free port
    port: Annotated[int, Field(ge=0, le=65535)] = 0


class PreviewSettings(Section):
    """How people look at what an agent made."""

    #: hosts of their own for previews, such as "https://*.previews.example.com"; "": below `public_url`, without rights
    url: Annotated[str, AfterValidator(wildcard_of)] = ""
    #: apps' own servers that run at a time; 0: none
    servers: Annotated[int, Field(ge=0, le=64)] = 2
    #: minutes without use after which such a server is ended
    idle_minutes: Annotated[float, Field(gt=0, le=1440)] = 15.0


class RetentionSettings(Section):
    """For how many days what a task left is kept once it rests; 0 keeps it for ever."""

    #: the agent's transcript and home
    transcripts_days: Annotated[float, Field(ge=0)] = 30.0
    #: builds, logs and pictures; what is live is never deleted
    artifacts_days: Annotated[float, Field(ge=0)] = 90.0
    #: the journal's records of finished work
    journal_days: Annotated[float, Field(ge=0)] = 30.0
    #: mirrors of repositories that no task uses
    mirrors_days: Annotated[float, Field(ge=0)] = 90.0


def _postgresql(address: str) -> str:
    """Never repeats the address: it may hold a password."""
    if address and not address.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql:// (leave it out for SQLite)")
    return address.replace("postgres://", "postgresql://", 1)


def address_of(text: str) -> str:
    """A database's address as somebody gave it outside of the file. Raises SettingsWrong."""
    try:
        return _postgresql(text.strip())
    except ValueError as exc:
        raise SettingsWrong(f"HONK_DATABASE {exc}", "such as postgresql://honk:password@localhost/honk") from exc


class File(Section):
    """The whole of honk.toml."""

    #: where people reach this server from outside, such as "https://honk.example.com"; "" while nobody does
    public_url: Annotated[str, AfterValidator(origin_of)] = ""
    #: a "postgresql://…" address; empty means SQLite below HONK_HOME. Not shown: it may hold a password
    database: Annotated[str, Field(repr=False), AfterValidator(_postgresql)] = ""
    limits: LimitSettings = LimitSettings()
    model: ModelSettings = ModelSettings()
    network: NetworkSettings = NetworkSettings()
    sandbox: SandboxSettings = SandboxSettings()
    work: WorkSettings = WorkSettings()
    pages: PageSettings = PageSettings()
    previews: PreviewSettings = PreviewSettings()
    retention: RetentionSettings = RetentionSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    slack: SlackSettings = SlackSettings()
    github: GithubSettings = GithubSettings()
    gitlab: GitlabSettings = GitlabSettings()
    notices: NoticeSettings = NoticeSettings()
    #: names of providers; slack and github are known
    sign_in: dict[str, SignInSettings] = Field(default_factory=dict)
    webhooks: WebhookSettings = WebhookSettings()
    worker: WorkerSettings = WorkerSettings()
    people: dict[str, PersonSettings] = Field(default_factory=dict)
    #: names of teams, each with keys of [people]
    teams: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    roles: tuple[RoleSettings, ...] = ()
    merging: MergingSettings = MergingSettings()
    budgets: BudgetSettings = BudgetSettings()
    repositories: Repositories = Field(default_factory=dict)
    #: ways by which builds come to people besides the install page
    channels: ChannelTable = Field(default_factory=dict)


def read(path: Path, *, wanted: bool) -> File:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if wanted:
            raise Usage(f"HONK_CONFIG names {path}, which does not exist", "`honk init` writes one") from None
        return File()
    except OSError as exc:
        raise SettingsWrong(f"{path} cannot be read: {exc}", "make it a readable UTF-8 file") from exc
    return parse(path, content)


def parse(path: Path, content: bytes) -> File:
    """The file with this content. Raises SettingsWrong naming file and line."""
    try:
        text = content.decode()
        file = File.model_validate(tomllib.loads(text))
    except UnicodeDecodeError as exc:
        raise SettingsWrong(f"{path} cannot be read: {exc}", "make it a readable UTF-8 file") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsWrong(f"{path}: not valid TOML: {exc}", "correct that line") from exc
    except ValidationError as exc:
        raise _wrong(path, text, [(e["loc"], e["msg"]) for e in exc.errors()]) from exc
    wrong = [
        *_wrong_hosts(file),
        *wrong_names(file.people, file.teams, file.roles),
        *wrong_repositories(file.repositories),
        *wrong_sign_in(file.sign_in),
    ]
    if wrong:
        raise _wrong(path, text, wrong)
    return file


def _wrong_hosts(file: File) -> list[Wrong]:
    """A preview on a host that is Honk's own would have Honk's rights; one below it could put cookies for it."""
    below, own = urlsplit(file.previews.url.replace("*.", "", 1)).hostname, urlsplit(file.public_url).hostname
    if below and own and f".{own}".endswith(f".{below}"):
        return [(("previews", "url"), "must be another name than that of public_url, and not above it")]
    return []


def _wrong(path: Path, text: str, found: Sequence[Wrong]) -> SettingsWrong:
    lines = [
        f"{path}, line {line_of(text, place)}: {'.'.join(str(part) for part in place)}: {said}"
        for place, said in found[:5]
    ]
    return SettingsWrong("\n".join(lines), "docs/reference/settings.md lists what each key takes")
