"""What holds and runs agents' work on this machine: folder, mirrors, sandboxes, broker, gate, as the settings say."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from honk.adapters.broker import Calls, Looker, NetworkRules, Poster, SocketBroker, Upstream, WebhookDeployer
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.files import FileArtifacts
from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.workspaces import GitWorkspaces
from honk.adapters.pages import Addresses
from honk.adapters.registries import discover
from honk.adapters.sql import SqlStore
from honk.checks.gate import LocalGate
from honk.errors import HonkError
from honk.ports import Bounds, Credentials, Registries
from honk.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Place:
    """The vendors that share HONK_HOME, and know one another."""

    addresses: Addresses
    repositories: GitRepositories
    workspaces: GitWorkspaces
    sandboxes: Bubblewrap
    broker: SocketBroker
    artifacts: FileArtifacts
    gate: LocalGate
    looker: Looker
    #: to addresses that browsers name
    poster: Poster
    webhooks: WebhookDeployer


def place_of(settings: Settings, store: SqlStore, credentials: Credentials | None = None) -> Place:
    """Makes them; nothing is opened or started yet."""
    sandboxes = sandboxes_of(settings)
    repositories = GitRepositories(
        settings.home, sandboxes, operator=settings.remote_environment, credentials=credentials
    )
    workspaces = GitWorkspaces(repositories)
    artifacts = FileArtifacts(settings.home / "artifacts")
    rules = NetworkRules(allow_networks=settings.file.network.allow_networks)
    broker = SocketBroker(settings.home / "run", _upstream(settings), rules, own=sandboxes.own)
    gate = LocalGate(
        repositories=repositories,
        workspaces=workspaces,
        sandboxes=sandboxes,
        broker=broker,
        records=store.records,
        artifacts=artifacts,
        registries=registries_of(settings),
        home=settings.home,
        clock=now,
    )
    addresses = Addresses(settings.home, settings.file.public_url, settings.file.previews.url)
    webhooks = WebhookDeployer(
        Calls(rules), store.webhook_calls, secret=settings.file.webhooks.secret, addresses=addresses, clock=now
    )
    return Place(
        addresses=addresses,
        repositories=repositories,
        workspaces=workspaces,
        sandboxes=sandboxes,
        broker=broker,
        artifacts=artifacts,
        gate=gate,
        looker=Looker(rules),
        poster=Poster(rules),
        webhooks=webhooks,
    )


def make_home(home: Path) -> None:
    """Makes HONK_HOME. Raises HonkError when it cannot be used."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Others may pass through, not look: the sandbox's user reaches its own folders by their full names.
        home.chmod(0o711)
        (home / "run").mkdir(exist_ok=True)
    except OSError as exc:
        raise HonkError(
            f"HONK_HOME {home} cannot be used: {exc.strerror}", "set HONK_HOME to a folder that you may write to"
        ) from exc


def sandboxes_of(settings: Settings) -> Bubblewrap:
    """The walls, as the settings say."""
    wanted = settings.file.sandbox
    bounds = Bounds(
        memory=wanted.memory_mb << 20,
        processes=wanted.processes,
        disk=wanted.disk_mb << 20,
        # half of what makes work wait, which is seen first and ends nothing by force
        least_free=settings.file.work.least_free_mb << 19,
    )
    return Bubblewrap(settings.home, service_uid=wanted.uid, bounds=bounds)


def registries_of(settings: Settings) -> Registries:
    """Where packages come from on this machine."""
    home = Path(settings.remote_environment.get("HOME", "/nonexistent"))
    found = discover(settings.registry_environment, home=home)
    return Registries(
        hosts=(*found.hosts, *settings.file.network.hosts),
        mounts=found.mounts,
        environment=found.environment,
        refusals=found.refusals,
    )


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def _upstream(settings: Settings) -> Upstream:
    return Upstream(
        base_url=settings.file.model.base_url,
        api_key=settings.api_key or None,
        auth_token=settings.auth_token or None,
        proxy=settings.model_proxy or None,
        ca_bundle=settings.ca_bundle,
    )
