"""Every port, and the vendor behind it."""

from collections.abc import Mapping
from functools import partial

from honk.adapters.chromium import Chromium
from honk.adapters.files import FileUploads
from honk.adapters.machine import LocalMachine
from honk.adapters.mobile import SandboxedPackages
from honk.adapters.pool import Parker
from honk.adapters.roles import RolesPolicy
from honk.adapters.sql import SqlStore
from honk.ports import Agent, Ports
from honk.settings import Settings
from honk.settings.live import Live
from honk.wiring.channels import channels_of
from honk.wiring.forges import RoutedCi, RoutedDeployer, RoutedForge, Sites
from honk.wiring.place import Place, now
from honk.wiring.readiness import pool_of


def ports_of(
    settings: Settings, store: SqlStore, live: Live, place: Place, agents: Mapping[str, Agent], sites: Sites
) -> Ports:
    """What the flow may touch; rights and budgets follow honk.toml while it is edited."""
    parker = partial(
        Parker, broker=place.broker, sandboxes=place.sandboxes, workspaces=place.workspaces, gate=place.gate
    )
    return Ports(
        clock=now,
        tasks=store.tasks,
        events=store.events,
        records=store.records,
        artifacts=place.artifacts,
        uploads=FileUploads(settings.home / "uploads"),
        repositories=place.repositories,
        workspaces=place.workspaces,
        sandboxes=place.sandboxes,
        broker=place.broker,
        agents=agents,
        gate=place.gate,
        forge=RoutedForge(sites),
        ci=RoutedCi(sites),
        deployer=RoutedDeployer(sites),
        looker=place.looker,
        webhooks=place.webhooks,
        webhook_calls=store.webhook_calls,
        previews=place.addresses,
        policy=RolesPolicy(live.rules),
        tokens=store.tokens,
        audit=store.audit,
        budgets=store.budgets,
        overview=store.overview,
        deploys=store.deploys,
        jobs=store.jobs,
        offers=store.offers,
        channels=channels_of(settings),
        machine=LocalMachine(settings.home, least_free_mb=settings.file.work.least_free_mb),
        home=settings.home,
        packages=SandboxedPackages(place.sandboxes, settings.home),
        pool=pool_of(settings, place.repositories, agents, parker=parker),
        camera=Chromium(place.sandboxes, settings.home) if settings.file.work.screenshots else None,
        films=settings.file.work.video,
    )
