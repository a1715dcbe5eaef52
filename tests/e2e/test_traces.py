"""One trace from the message to the deployment, with the spans of the real Claude Code in it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from collector import Collector, collecting
from run_world import KEY, Honk, world

from honk.adapters.telemetry.spans import trace_id
from honk.domain.task import TaskId
from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

#: a repository that is built and deployed
FILES = {
    "song.txt": "la\n",
    ".honk.toml": """
verify = ["grep -q la song.txt"]
[build]
command = "mkdir out && cp song.txt out"
output = "out"
[deploy]
command = "cp -r $HONK_ARTIFACT/. $HONK_PRODUCTION"
""",
}
SCENARIOS = [
    Scenario(
        "sing",
        [Say("I begin.", (Call("Bash", {"command": "echo lala >> song.txt", "description": "sing"}),)), Say("Done.")],
        after=Say("Done."),
    )
]
#: the agent's own, by Claude Code 2.1.329
AGENTS = "claude_code."


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as made:
        yield made


@pytest.fixture
async def honk(home: Honk, collector: Collector) -> AsyncIterator[Honk]:
    async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as model:
        yield home.on(
            model.url,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS="x-key=collectors%20key",
        )


async def test_one_trace_from_the_message_to_the_deployment(honk: Honk, collector: Collector) -> None:
    target = honk.root / "target.git"
    honk.git(honk.root, "clone", "-q", "--bare", str(honk.repository(FILES)), str(target))
    done = await honk.run(target, "[[sing]]")
    assert (done.code, done.settled["state"]) == (0, "proposed"), done.words
    task = done.settled["task"]
    merged = await honk("merge", task, "--json")  # by another process
    assert (merged.code, merged.settled["state"]) == (0, "deployed"), merged.words

    assert {span.trace for span in collector.spans} == {f"{trace_id(TaskId(task)):032x}"}
    assert {span.attributes["honk.task"] for span in collector.spans} == {task}
    for span in collector.spans:
        assert (span.name == "task") == (not span.parent)
        assert (collector.above(span) or ["task"])[-1] == "task"
    names = {span.name for span in collector.spans if span.service == "honk"}
    assert {"task", "turn 1", "prepare", "code/1", "verify/1", "propose", "build", "share"} <= names
    assert {"land", "merge", "release", "deploy", "invoke_agent claude"} <= names
    # It ran as the agent ended, so that the verdict that counts is read from what it found.
    (verifier,) = [span for span in collector.named("verify grep") if span.attributes["honk.on"] == "agent"]
    assert collector.above(verifier)[-3:] == ["code/1", "turn 1", "task"]


@pytest.mark.slow
async def test_the_agents_own_spans_hang_below_its_attempt(honk: Honk, collector: Collector) -> None:
    done = await honk.run(honk.repository(), "[[sing]]")
    assert done.code == 0, done.words
    own = [span for span in collector.spans if span.service == "honk-agent"]
    assert {span.name for span in own} >= {f"{AGENTS}interaction", f"{AGENTS}llm_request", f"{AGENTS}tool"}, own
    for span in own:
        assert collector.above(span)[-4:] == ["invoke_agent claude", "code/1", "turn 1", "task"]
        assert not [key for key in span.attributes if key.startswith("user.")]
    (called, *_) = collector.named("chat ")
    assert called.attributes["gen_ai.operation.name"] == "chat"
    assert called.attributes["gen_ai.usage.output_tokens"]
    assert called.wire.end_time_unix_nano > called.wire.start_time_unix_nano
    assert collector.above(called)[0] == "invoke_agent claude"
    assert {about["x-key"] for about in collector.headers} == {"collectors key"}


@pytest.mark.slow
async def test_without_a_collector_nothing_is_sent_and_the_agent_is_not_asked(honk: Honk, collector: Collector) -> None:
    alone = honk.without("OTEL_EXPORTER_OTLP_ENDPOINT")
    done = await alone.run(honk.repository(), "[[sing]]")
    assert done.code == 0, done.words
    assert not collector.spans


@pytest.mark.slow
async def test_a_collector_that_is_not_there_changes_nothing(honk: Honk) -> None:
    done = await honk.on(honk.environment["ANTHROPIC_BASE_URL"], OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9").run(
        honk.repository(), "[[sing]]"
    )
    assert (done.code, done.settled["state"]) == (0, "proposed"), done.words


@pytest.mark.slow
async def test_a_server_and_an_agent_that_was_started_before_its_task_trace_the_same(
    honk: Honk, collector: Collector
) -> None:
    repository = honk.repository()
    async with honk.started("serve", "--port", "0") as server:
        await server.says(r"serving \S+ on http")
        tasks = []
        for _ in range(2):  # the second may find an agent that waits
            done = await honk.run(repository, "[[sing]]", "--new")
            assert done.code == 0, done.words
            tasks.append(TaskId(done.settled["task"]))
        for task in tasks:
            trace = f"{trace_id(task):032x}"
            while not [span for span in collector.named(f"{AGENTS}interaction") if span.trace == trace]:
                collector.news = asyncio.Event()
                await collector.news.wait()
            while not [span for span in collector.named("turn 1") if span.trace == trace]:
                collector.news = asyncio.Event()
                await collector.news.wait()
            own = [span for span in collector.spans if span.service == "honk-agent" and span.trace == trace]
            assert own and {span.attributes["honk.task"] for span in own} == {task}
            for span in own:
                assert collector.above(span)[-4:] == ["invoke_agent claude", "code/1", "turn 1", "task"]
