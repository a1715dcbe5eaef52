"""The log: one line a happening, a sentence with a name and facts, bound to the task that it is about.

Everything goes through here, also what libraries log. Secrets never do: the operator's are known and replaced
wherever they stand, and whatever looks like one is replaced too.
"""

import logging as stdlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from honk.adapters.telemetry import StepRun, Workflow
from honk.domain import event as events
from honk.domain.event import Event
from honk.domain.text import Secret
from honk.settings.telemetry import TelemetrySettings
from honk.views import sentence

_HIDDEN = "***"
#: what secrets look like: keys of models and forges, tokens of Honk, bearer tokens, passwords in addresses
_SECRETS = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{8,}"
    r"|honk_[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=[Bb]earer )[\w.~+/=-]{8,}"
)
#: a value shorter than this is not looked for: it would hide innocent words
_SHORTEST = 6
#: libraries that say at this level what only their makers want to know
_QUIET = ("uvicorn", "dbos", "alembic", "httpx", "httpcore", "opentelemetry", "asyncio", "urllib3", "anyio")

_log = structlog.get_logger()


@contextmanager
def logging(
    settings: TelemetrySettings, secrets: Sequence[Secret] = (), *, stream: TextIO | None = None
) -> Iterator[None]:
    """While the context is open, the log of this process goes to standard error as the settings say."""
    out = stream or sys.stderr
    least = int(getattr(stdlib, settings.level.upper()))
    as_json = settings.log == "json" or (settings.log == "auto" and not out.isatty())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _named,
        structlog.processors.TimeStamper(fmt="iso", key="at"),
    ]
    before_us = structlog.get_config()
    structlog.configure(
        processors=[*before, *_written(as_json, secrets)],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = stdlib.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_written(as_json, secrets)],
        )
    )
    root = stdlib.getLogger()
    level, levels = root.level, {name: stdlib.getLogger(name).level for name in _QUIET}
    root.addHandler(handler)
    root.setLevel(least)
    for name in _QUIET:
        stdlib.getLogger(name).setLevel(max(least, stdlib.WARNING))
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for name, former in levels.items():
            stdlib.getLogger(name).setLevel(former)
        structlog.configure(**before_us)


def _written(as_json: bool, secrets: Iterable[Secret]) -> list[Processor]:
    """Tracebacks show no values: one could be a secret."""
    if as_json:
        return [
            structlog.processors.format_exc_info,
            Redaction(secrets),
            structlog.processors.EventRenamer("message", "name"),
            structlog.processors.JSONRenderer(),
        ]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [structlog.processors.format_exc_info, Redaction(secrets), plain]


def _named(_: WrappedLogger, __: str, facts: EventDict) -> EventDict:
    """Every line has a `name`; one that was given none is named after its level."""
    facts.setdefault("name", f"log.{facts.get('level', 'info')}")
    return facts


class Redaction:
    """Replaces secrets, wherever in a line they stand."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        known = sorted({one.reveal() for one in secrets if len(one.reveal()) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, _: WrappedLogger, __: str, facts: EventDict) -> EventDict:
        return {key: self._clean(value) for key, value in facts.items()}

    def text(self, text: str) -> str:
        """The text without secrets."""
        return _SECRETS.sub(_HIDDEN, self._known.sub(_HIDDEN, text) if self._known else text)

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case bool() | int() | float() | None:
                return value
            case Mapping():
                return {self.text(str(key)): self._clean(inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean(inner) for inner in value]
        return self.text(str(value))


class LoggedWork:
    """Implements Watcher: what happens to tasks, as lines of the log."""

    #: events that come in numbers; the log of a task has them all
    _MANY = (events.AgentWrote, events.AgentCalledTool, events.AgentToolAnswered, events.ModelCalled)

    def heard(self, event: Event) -> None:
        """Texts of people and agents are not in the log: they are in the events."""
        log = _log.debug if isinstance(event.data, self._MANY) else _log.info
        if isinstance(event.data, events.AgentWrote):
            return
        said = sentence(event) or event.type
        log(said, name=event.type, task=event.task, turn=event.turn, seq=event.seq)

    def begun(self, workflow: Workflow) -> None:
        _log.info("work begins", name="work.begun", kind=workflow.kind)

    def ended(self, workflow: Workflow, error: BaseException | None) -> None:
        _log.info("work ends", name="work.ended", kind=workflow.kind, error=type(error).__name__ if error else None)

    def step_begun(self, step: StepRun) -> None:
        _log.debug("a step begins", name="step.begun", tried=step.tried)

    def step_ended(self, step: StepRun, seconds: float, error: BaseException | None) -> None:
        log = _log.warning if isinstance(error, Exception) else _log.info
        said = f"{type(error).__name__}: {error}" if error else None
        log("a step ended", name="step.ended", tried=step.tried, seconds=round(seconds, 3), error=said)
