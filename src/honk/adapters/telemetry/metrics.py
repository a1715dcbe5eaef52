"""Numbers for Prometheus. docs/reference/metrics.md lists them, and a test compares.

What happens is counted from events; what is the case at this moment is asked for when somebody scrapes. No label
ever holds a task, a repository or a person, and the few that hold names from outside take a bounded number.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from honk.adapters.telemetry.watching import StepRun, Workflow
from honk.domain import event as events
from honk.domain.event import Event, EventData
from honk.domain.task import State, TaskId
from honk.domain.verdict import Answer
from honk.errors import Retryable

#: different names that one label takes from outside; the others are "other"
NAMES = 20
_STEPS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 3600)
_WRITES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60)
_KNOWN_STEPS = frozenset(
    {"prepare", "baseline", "code", "verify", "propose", "build", "share", "picture"}
    | {"merge", "release", "deploy", "undo"}
)
_CUT_SHORT = frozenset({"", "money", "calls", "time", "stopped", "model", "agent", "hand-back", "question", "disk"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How things stand when somebody scrapes."""

    #: how many tasks are in each state
    tasks: Mapping[str, int]
    #: tasks that wait for a free place, and how many seconds the first of them has waited
    queued: int = 0
    oldest_wait: float = 0.0
    sandboxes: int = 0
    followers: int = 0
    warm_agents: int = 0


class Metrics:
    """Implements Watcher; `text` is what a scraper gets. `standing` is asked at each scrape."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(
        self, standing: Callable[[], Awaitable[Standing]], *, version: str, now: Callable[[], float] = time.time
    ) -> None:
        self._standing = standing
        self._now = now
        self._kinds: dict[TaskId, str] = {}
        self._names: dict[str, set[str]] = {}
        self._asking = asyncio.Lock()
        registry = self.registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)

        self._described: list[tuple[str, str, tuple[str, ...], str]] = []

        def counter(name: str, help: str, *labels: str) -> Counter:
            self._described.append((f"honk_{name}_total", "counter", labels, help))
            return Counter(f"honk_{name}", help, labels, registry=registry)

        def histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            self._described.append((f"honk_{name}", "histogram", labels, help))
            return Histogram(f"honk_{name}", help, labels, registry=registry, buckets=buckets)

        def gauge(name: str, help: str, *labels: str) -> Gauge:
            self._described.append((f"honk_{name}", "gauge", labels, help))
            return Gauge(f"honk_{name}", help, labels, registry=registry)

        gauge("build_info", "Which release runs; always 1.", "version").labels(version).set(1)
        self._tasks = gauge("tasks", "Tasks that are stored, by state.", "state")
        self._queued = gauge("queue_length", "Tasks that wait for a free place.")
        self._oldest = gauge("queue_oldest_wait_seconds", "How long the first of them has waited.")
        self._sandboxes = gauge("sandboxes_open", "Sandboxes that are open.")
        self._followers = gauge("event_followers", "Clients that follow events over HTTP.")
        self._warm = gauge("warm_agents", "Agents that are started and wait for a task.")
        self._turns = counter("turns", "Turns that ended, by outcome.", "outcome")
        self._landings = counter("landings", "Merges with their deployment, and undos, that ended.", "kind", "outcome")
        self._attempts = counter("attempts", "Attempts that ended, by what cut them short, if anything.", "cut_short")
        self._agent_seconds = counter("agent_seconds", "Time for which agents were at work.")
        self._verdicts = counter("verdicts", "Verdicts of the gate, by answer.", "answer")
        self._verifiers = counter("verifier_runs", "Runs of verifiers that were not answered from the cache.", "answer")
        self._calls = counter("model_calls", "Answered calls of the model.", "model")
        self._tokens = counter("model_tokens", "Tokens of these calls.", "model", "type")
        self._usd = counter("model_usd", "What these calls cost, in estimated dollars.", "model")
        self._failures = counter("model_failures", "Calls of the model that failed, as told to people.", "status")
        self._waits = counter("agent_waits", "Times that an agent had to wait for its model.")
        self._denied = counter("network_denied", "Ways out of a sandbox that the broker denied, as told to people.")
        self._limits = counter("limits_hit", "Attempts that a limit ended.", "kind")
        self._merges = counter("merges", "Merges done and refused.", "result")
        self._builds = counter("builds", "Builds made and failed.", "result")
        self._deployments = counter("deployments", "Deployments that ended.", "state")
        self._pauses = counter("pauses", "Times that work waited for this machine.", "cause")
        self._retries = counter("step_retries", "Tries of a step that failed and will be repeated.", "step")
        self._steps = histogram("step_seconds", "How long the steps of tasks took.", _STEPS, "step")
        self._writes = histogram("event_write_seconds", "From the making of an event until it was stored.", _WRITES)
        self._counting = self._counters()

    async def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        async with self._asking:
            now = await self._standing()
            for state in State:
                self._tasks.labels(state).set(now.tasks.get(state, 0))
            self._queued.set(now.queued)
            self._oldest.set(now.oldest_wait)
            self._sandboxes.set(now.sandboxes)
            self._followers.set(now.followers)
            self._warm.set(now.warm_agents)
            return generate_latest(self.registry)

    def described(self) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
        """Name, kind, labels and meaning of every metric of Honk's own."""
        yield from self._described

    # ── the journal ────────────────────────────────────────────────────────────────────────────
    def begun(self, workflow: Workflow) -> None:
        self._kinds[workflow.task] = workflow.kind

    def ended(self, workflow: Workflow, error: BaseException | None) -> None:
        self._kinds.pop(workflow.task, None)

    def step_begun(self, step: StepRun) -> None:
        return None

    def step_ended(self, step: StepRun, seconds: float, error: BaseException | None) -> None:
        kind = step.kind if step.kind in _KNOWN_STEPS else "other"
        self._steps.labels(kind).observe(seconds)
        if isinstance(error, Retryable):
            self._retries.labels(kind).inc()

    # ── events ─────────────────────────────────────────────────────────────────────────────────
    def heard(self, event: Event) -> None:
        self._writes.observe(max(self._now() - event.at.timestamp(), 0.0))
        count = self._counting.get(type(event.data))
        if count is not None:
            count(event)

    def _counters(self) -> dict[type[EventData], Callable[[Event], None]]:
        def on(kind: type[EventData], label: Callable[[EventData], str], counter: Counter) -> None:
            found[kind] = lambda event: counter.labels(label(event.data)).inc()

        found: dict[type[EventData], Callable[[Event], None]] = {
            events.TaskSettled: self._settled,
            events.AgentFinished: self._finished,
            events.ModelCalled: self._called,
            events.AgentWaits: lambda _: self._waits.inc(),
            events.NetworkDenied: lambda _: self._denied.inc(),
            events.VerifierFinished: self._verified,
        }
        answers, causes = frozenset(Answer), frozenset({"disk", "memory", "database", "clock"})
        on(events.VerdictGiven, lambda data: _one(getattr(data, "answer", ""), answers), self._verdicts)
        on(events.ModelFailed, lambda data: _status(getattr(data, "status", None)), self._failures)
        on(events.LimitHit, lambda data: _one(getattr(data, "kind", ""), _CUT_SHORT), self._limits)
        on(events.MergeDone, lambda _: "done", self._merges)
        on(events.MergeRefused, lambda _: "refused", self._merges)
        on(events.BuildReady, lambda _: "ready", self._builds)
        on(events.BuildFailed, lambda _: "failed", self._builds)
        on(
            events.DeploymentFinished,
            lambda data: self._bounded("state", getattr(data, "state", "")),
            self._deployments,
        )
        on(events.WorkPaused, lambda data: _one(getattr(data, "cause", ""), causes), self._pauses)
        return found

    def _settled(self, event: Event) -> None:
        data = event.data
        if isinstance(data, events.TaskSettled):
            kind = self._kinds.get(event.task, "turn")
            if kind == "turn":
                self._turns.labels(self._bounded("outcome", data.outcome)).inc()
            else:
                self._landings.labels(kind, self._bounded("outcome", data.outcome)).inc()

    def _finished(self, event: Event) -> None:
        data = event.data
        if isinstance(data, events.AgentFinished):
            self._attempts.labels(_one(data.cut_short, _CUT_SHORT)).inc()
            self._agent_seconds.inc(max(data.seconds, 0.0))

    def _called(self, event: Event) -> None:
        data = event.data
        if isinstance(data, events.ModelCalled):
            model = self._bounded("model", data.model)
            self._calls.labels(model).inc()
            self._usd.labels(model).inc(max(data.usd, 0.0))
            self._tokens.labels(model, "input").inc(data.input_tokens)
            self._tokens.labels(model, "output").inc(data.output_tokens)
            self._tokens.labels(model, "cache_read").inc(data.cache_read_tokens)
            self._tokens.labels(model, "cache_write").inc(data.cache_write_tokens)

    def _verified(self, event: Event) -> None:
        data = event.data
        if isinstance(data, events.VerifierFinished) and not data.cached:
            self._verifiers.labels(_one(data.answer, frozenset(Answer))).inc()

    def _bounded(self, label: str, name: str) -> str:
        """The name while there are few of them: some come from inside a sandbox."""
        known = self._names.setdefault(label, set())
        name = name[:64]
        if name not in known:
            if len(known) >= NAMES:
                return "other"
            known.add(name)
        return name


def _one(name: str, known: frozenset[str]) -> str:
    return name if name in known else "other"


def _status(status: int | None) -> str:
    return "none" if status is None else str(status) if 100 <= status < 600 else "other"
