"""The real Claude Code against the broker: the scripted model outside, only the socket inside."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import claude_agent_sdk
import pytest

from honk.adapters.broker import NetworkRules, SocketBroker, Upstream
from honk.domain.event import EventData, ModelCalled, ModelFailed
from honk.domain.limits import Limits, Spending
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.ports import Exit, Pass
from honk.testing.scripted_model import Call, Fail, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

KEY = "sk-ant-canary-0123456789abcdef"
CLAUDE = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
#: never stops calling tools
LOOP = Scenario("loop", [Say("again", (Call("Bash", {"command": "true"}),))], repeat=True)


@dataclass
class Ended:
    result: dict[str, object]
    output: str


@asynccontextmanager
async def opened(
    folder: Path, url: str, limits: Limits, events: list[EventData], key: str = KEY
) -> AsyncIterator[Exit]:
    async def tell(data: EventData) -> None:
        events.append(data)

    async def spend(_: Spending) -> None: ...

    upstream = Upstream(base_url=url, api_key=Secret(key))
    broker = SocketBroker(folder / "run", upstream, NetworkRules(), own=lambda _: None)
    async with broker.open(Pass(task=TaskId("t"), model=True, limits=limits), tell, spend) as exit:
        yield exit


async def claude(folder: Path, exit: Exit, words: str) -> Ended:
    """Runs it in print mode with nothing but the socket."""
    if not CLAUDE.exists() or shutil.which("sh") is None:
        pytest.skip("the wheel of claude-agent-sdk for this machine brings no Claude Code")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "ANTHROPIC_UNIX_SOCKET": str(exit.socket),
        "ANTHROPIC_BASE_URL": "http://model",
        "ANTHROPIC_API_KEY": "sk-ant-placeholder",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",
    }
    process = await asyncio.create_subprocess_exec(
        *(CLAUDE, "-p", words, "--output-format", "stream-json", "--verbose"),
        *("--setting-sources", "", "--permission-mode", "bypassPermissions"),
        env=environment,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    results = [json.loads(line) for line in out.splitlines() if b'"type":"result"' in line]
    assert results, err.decode()
    return Ended(results[-1], out.decode() + err.decode())


def of(kind: type[EventData], events: list[EventData]) -> list[EventData]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_run_is_metered_and_the_key_stays_outside(short_tmp: Path) -> None:
    steps = [Say("looking", (Call("Bash", {"command": "env; cat /proc/self/environ"}),)), Say("All done.")]
    events: list[EventData] = []
    async with (
        ScriptedModel([Scenario("look", steps)], key=KEY) as model,
        opened(short_tmp, model.url, Limits(), events) as exit,
    ):
        ended = await claude(short_tmp, exit, "[[look]]")
        assert (ended.result["is_error"], ended.result["result"]) == (False, "All done.")
        assert exit.spent().calls == len(model.requests) == len(of(ModelCalled, events)) == 2
        assert exit.spent().usd == pytest.approx(ended.result["total_cost_usd"], rel=0.01)
        assert exit.ended_by() is None
    assert KEY not in ended.output + repr(events)
    for file in short_tmp.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("limits", "kind"),
    [(Limits(usd=None, calls=3, seconds=None), "calls"), (Limits(usd=0.05, calls=None, seconds=None), "money")],
)
async def test_an_agent_that_never_stops_is_ended_and_does_not_try_again(
    short_tmp: Path, limits: Limits, kind: str
) -> None:
    async with (
        ScriptedModel([LOOP], key=KEY) as model,
        opened(short_tmp, model.url, limits, []) as exit,
    ):
        ended = await claude(short_tmp, exit, "[[loop]]")
        why = exit.ended_by()
        assert why is not None
        assert why[0] == kind
        assert ended.result["is_error"]
        assert why[1] in str(ended.result["result"])
        assert len(model.requests) == exit.spent().calls
        assert '"api_retry"' not in ended.output


async def test_a_wrong_key_ends_it_at_once(short_tmp: Path) -> None:
    events: list[EventData] = []
    async with (
        ScriptedModel([LOOP], key="another") as model,
        opened(short_tmp, model.url, Limits(), events) as exit,
    ):
        ended = await claude(short_tmp, exit, "[[loop]]")
        why = exit.ended_by()
        assert why is not None
        assert why[0] == "model"
        assert "ANTHROPIC_API_KEY" in why[1]
        assert ended.result["is_error"]
        assert len(model.requests) == len(of(ModelFailed, events)) == 1
        assert '"api_retry"' not in ended.output


async def test_an_overloaded_model_is_asked_again_by_the_agent(short_tmp: Path) -> None:
    events: list[EventData] = []
    steps = [Fail(529, times=2, retry_after=0), Say("Better now.")]
    async with (
        ScriptedModel([Scenario("busy", steps)], key=KEY) as model,
        opened(short_tmp, model.url, Limits(), events) as exit,
    ):
        ended = await claude(short_tmp, exit, "[[busy]]")
        assert ended.result["result"] == "Better now."
        assert len(of(ModelFailed, events)) == 1
        assert exit.spent().calls == 1
