"""The log: lines that programs read, bound to their task, without a secret in any of them."""

import io
import json
import logging as stdlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from honk.domain.event import Event, ModelFailed, TaskMoved
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.settings.telemetry import TelemetrySettings
from honk.wiring import logs

KEY = "sk-ant-operators-own-key-0001"
PASSWORD = "correct horse battery"
SECRETS = (Secret(KEY), Secret(PASSWORD), Secret(""), Secret("abc"))


def written(act: Any, *, level: str = "debug", log: str = "json") -> list[dict[str, Any]]:
    out = io.StringIO()
    settings = TelemetrySettings.model_validate({"log": log, "level": level})
    with logs.logging(settings, SECRETS, stream=out):
        act()
    return [json.loads(line) for line in out.getvalue().splitlines()] if log == "json" else [{"text": out.getvalue()}]


def test_a_line_is_a_sentence_with_a_name_and_facts() -> None:
    def act() -> None:
        with bound_contextvars(task="t-1", turn=2, step="code/1"):
            structlog.get_logger().info("work begins", name="work.begun", kind="turn")

    (line,) = written(act)
    assert datetime.fromisoformat(line.pop("at")).tzinfo is not None
    assert line == {
        "message": "work begins",
        "event": "work.begun",
        "level": "info",
        "kind": "turn",
        "task": "t-1",
        "turn": 2,
        "step": "code/1",
    }


@pytest.fixture
def untouched() -> Iterator[None]:
    """Loggers as they are in a new process: a server of another test may have taken them for itself."""
    loggers = [stdlib.getLogger(name) for name in ("uvicorn", "uvicorn.error", "alembic", "dbos")]
    before = [(one.propagate, one.handlers, one.disabled, one.level) for one in loggers]
    for one in loggers:
        one.propagate, one.handlers, one.disabled, one.level = True, [], False, stdlib.NOTSET
    yield
    for one, kept in zip(loggers, before, strict=True):
        one.propagate, one.handlers, one.disabled, one.level = kept


@pytest.mark.usefixtures("untouched")
def test_what_libraries_log_goes_the_same_way() -> None:
    def act() -> None:
        with bound_contextvars(task="t-1"):
            stdlib.getLogger("uvicorn.error").warning("port %d is busy", 80)
            stdlib.getLogger("alembic.runtime").info("not this")
            stdlib.getLogger("dbos").error("oh", extra={"queue": "honk"})

    first, second = written(act)
    assert (first["message"], first["event"], first["task"]) == ("port 80 is busy", "log.warning", "t-1")
    assert (second["message"], second["queue"]) == ("oh", "honk")


@pytest.mark.parametrize("log", ["json", "console"])
@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        PASSWORD,
        "sk-ant-api03-somebody-elses",
        "ghp_abcdefghij0123456789ABCD",
        "github_pat_11ABCDEFG0abcdefghijkl",
        "honk_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghi",
        "xoxb-1234567890-abcdef",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_no_secret_is_ever_written(log: str, secret: str) -> None:
    """In the sentence, in facts however deep, in the names of facts, in tracebacks, and from libraries."""

    def act() -> None:
        log_, said = structlog.get_logger(), f"called with {secret}!"
        log_.info(said, headers={"x-api-key": secret, secret: [secret, {"deep": (secret,)}]})
        log_.warning("an object", what=ValueError(secret))
        try:
            raise RuntimeError(f"401 for {secret}")
        except RuntimeError:
            log_.exception("it failed")
            stdlib.getLogger("dbos").exception("a library failed with %s", secret)

    text = json.dumps(written(act, log=log), ensure_ascii=False)
    assert "it failed" in text and "a library failed" in text and "RuntimeError" in text
    assert secret not in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgresql://honk:pa55word@db/honk", "postgresql://***@db/honk"),
        ("https://ada:token@git.example/x.git", "https://***@git.example/x.git"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: Bearer ***"),
        ("nothing to hide: skill, task-1, abc", "nothing to hide: skill, task-1, abc"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_nothing_else(said: str, shown: str) -> None:
    (line,) = written(lambda: structlog.get_logger().info(said))
    assert line["message"] == shown


def test_events_become_lines_and_the_level_is_kept() -> None:
    def act() -> None:
        noon, work = datetime(2026, 11, 21, tzinfo=UTC), logs.LoggedWork()
        moved = TaskMoved(state="queued", before="accepted", reason="waits for a free place")
        for data in (moved, ModelFailed(status=529, detail="overloaded")):
            work.heard(Event(id="e", task=TaskId("t-1"), turn=1, seq=4, at=noon, actor=None, data=data))
        structlog.get_logger().debug("not this one")

    first, second = written(act, level="info")
    assert (first["event"], first["message"], first["seq"]) == ("task.moved", "queued: waits for a free place", 4)
    assert "529" in second["message"] and second["task"] == "t-1"


def test_afterwards_everything_is_as_it_was() -> None:
    before = (structlog.get_config(), stdlib.getLogger().level, list(stdlib.getLogger().handlers))
    written(lambda: None)
    assert (structlog.get_config(), stdlib.getLogger().level, list(stdlib.getLogger().handlers)) == before
