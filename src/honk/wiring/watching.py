"""What operators watch of an opened Honk: its log, its numbers, its traces, and whether it is ready."""

import ipaddress
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from starlette.routing import Route

from honk import __version__
from honk.adapters.broker import SocketBroker
from honk.adapters.sql import SqlStore
from honk.adapters.telemetry import Traces, WatchedJournal, Watcher
from honk.domain.access import Scope
from honk.domain.text import Secret
from honk.doors.web.ops import Missing, Ops, ops_routes
from honk.ports import Tokens
from honk.settings import Settings
from honk.wiring import logs

if TYPE_CHECKING:
    from honk.adapters.telemetry.metrics import Metrics, Standing

#: seconds within which the store must answer to be ready
_ANSWER = 2.0


class Watch:
    """Made with the house, and asked by its server."""

    def __init__(self, settings: Settings, store: SqlStore, journal: WatchedJournal) -> None:
        self._settings = settings
        self._store = store
        self._journal = journal
        self._holding = 0
        #: clients that follow events; whoever serves them says how to count
        self.followers: Callable[[], int] = lambda: 0
        #: agents that are started and wait for a task
        self.warm_agents: Callable[[], int] = lambda: 0

    @asynccontextmanager
    async def tracing(self, broker: SocketBroker) -> AsyncIterator[None]:
        """Sends traces while the context is open, where the settings name a collector."""
        endpoint = self._settings.file.telemetry.otlp_endpoint
        if not endpoint:
            yield
            return
        from honk.adapters.telemetry.export import Export  # a tenth of a second that only those pay who trace

        headers = {name: value.reveal() for name, value in self._settings.otlp_headers.items()}
        export = Export(endpoint, headers=headers, version=__version__)
        traces = Traces(export)
        self._attach(traces)
        broker.take_telemetry(traces.from_agent)
        try:
            yield
        finally:
            await export.close()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """The log of a server, while the context is open."""
        with logs.logging(self._settings.file.telemetry, secrets_of(self._settings)):
            self._attach(logs.LoggedWork())
            yield

    @contextmanager
    def noting(self, lock: AbstractContextManager[bool]) -> Iterator[bool]:
        """The same lock; whether it is held counts for readiness."""
        with lock as held:
            self._holding += held
            try:
                yield held
            finally:
                self._holding -= held

    async def missing(self, *, closing: bool) -> tuple[Missing, ...]:
        """What keeps this process from taking work and doing it."""
        found = [Missing(name="closing", detail="the server is ending")] if closing else []
        if not self._journal.serving:
            found.append(Missing(name="journal", detail="no workflows are run in this process"))
        if not self._holding:
            found.append(Missing(name="lock", detail=f"the worker lock of {self._settings.home} is not held"))
        free, least = shutil.disk_usage(self._settings.home).free >> 20, self._settings.file.work.least_free_mb
        if free < least:
            found.append(Missing(name="disk", detail=f"{free} MiB are free, work needs {least} (honk gc frees some)"))
        if reason := await self._store_answers():
            found.append(Missing(name="store", detail=reason))
        return tuple(found)

    def routes(self, tokens: Tokens, *, closing: Callable[[], bool], local: bool) -> list[Route]:
        """`/healthz`, `/readyz` and `/metrics`. `local`: nobody but this machine reaches them."""

        async def missing() -> tuple[Missing, ...]:
            return await self.missing(closing=closing())

        async def may_read(token: str) -> bool:
            access = await tokens.find(token)
            return access is not None and Scope.READ in access.scopes

        metrics = self.metrics

        async def numbers() -> tuple[bytes, str]:
            return await metrics.text(), metrics.content_type

        return ops_routes(Ops(missing=missing, metrics=numbers, may_read=may_read, local=local))

    @cached_property
    def metrics(self) -> "Metrics":
        """The numbers, counted from the first time that they are asked for."""
        from honk.adapters.telemetry.metrics import Metrics

        made = Metrics(self._standing, version=__version__)
        self._attach(made)
        return made

    def _attach(self, watcher: Watcher) -> None:
        self._journal.watch(watcher)
        self._store.listen(watcher.heard)

    async def _store_answers(self) -> str:
        try:
            with anyio.fail_after(_ANSWER):
                await self._store.standing.states()
        except TimeoutError:
            return f"it did not answer within {_ANSWER:.0f} s"
        except Exception as exc:  # noqa: BLE001 - the boundary of a door: whatever it is, the store does not answer
            return f"{type(exc).__name__}: {logs.Redaction(secrets_of(self._settings)).text(str(exc))}"
        return ""

    async def _standing(self) -> "Standing":
        from honk.adapters.telemetry.metrics import Standing

        tasks = await self._store.standing.states()
        queued = tasks.get("accepted", 0) + tasks.get("queued", 0)
        since = await self._store.standing.waiting_since() if queued else None
        return Standing(
            tasks=tasks,
            queued=queued,
            oldest_wait=max((self._store.now() - since).total_seconds(), 0.0) if since else 0.0,
            sandboxes=_boxes(self._settings.home / "run"),
            followers=self.followers(),
            warm_agents=self.warm_agents(),
        )


def secrets_of(settings: Settings) -> tuple[Secret, ...]:
    """Everything of the settings that may appear nowhere."""
    return (
        settings.api_key,
        settings.auth_token,
        settings.model_proxy,
        *settings.otlp_headers.values(),
        *(settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret),
        *settings.github.secrets,
        *(settings.gitlab.api, settings.gitlab.webhook),
        settings.mail_password,
        *settings.sign_in_secrets.values(),
        Secret(settings.file.database),
    )


def is_local(host: str, public_url: str) -> bool:
    """Whether whoever reaches this address sits on this machine: nobody leads others there."""
    try:
        return not public_url and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def _boxes(folder: Path) -> int:
    return sum(1 for _ in folder.glob("box-*"))
