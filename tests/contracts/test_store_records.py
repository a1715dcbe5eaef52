"""What the store promises of verdicts, pull requests, builds, deployments and spending; and of several processes."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_world import BORN, Clock, a_message, with_task

from honk.adapters.sql import SqlStore
from honk.domain.build import Build
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.limits import Spending
from honk.domain.pull_request import Comment, PullRequest, PullRequestState
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.domain.turn import Outcome
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof, Verdict
from honk.errors import Defect

pytestmark = pytest.mark.anyio
T1, T2 = TaskId("t1"), TaskId("t2")
CHILD = Path(__file__).with_name("store_child.py")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(database_url: str, clock: Clock) -> AsyncIterator[SqlStore]:
    async with SqlStore(database_url, clock=clock) as opened:
        await with_task(opened, "t1", "m1")
        await with_task(opened, "t2", "m2")
        yield opened


def a_verdict(answer: Answer) -> Verdict:
    evidence = Evidence(command="pytest -q", exit_code=None, seconds=1.5, condensed="log \udcff", log="0" * 64)
    finding = Finding(verifier="pytest", kind=Kind.TEST, answer=answer, summary="…", evidence=(evidence,))
    proof = Proof(tests=("test_a",), red=evidence, green=evidence)
    return Verdict(answer=answer, tree=Sha("t"), commit=Sha("c"), findings=(finding,), proof=proof, not_proven=("x",))


def a_pull_request(task: TaskId, number: int = 0) -> PullRequest:
    return PullRequest(
        task=task,
        number=number,
        branch=f"honk/{task}",
        base="main",
        head=Sha("c"),
        title="Fix",
        body="…",
        state=PullRequestState.OPEN,
    )


async def test_the_latest_verdict_counts(store: SqlStore) -> None:
    assert await store.records.verdict(T1) is None
    await store.records.save_verdict(T1, 2, 1, a_verdict(Answer.FAIL))
    await store.records.save_verdict(T1, 1, 3, a_verdict(Answer.UNSURE))
    assert await store.records.verdict(T1) == a_verdict(Answer.FAIL)
    await store.records.save_verdict(T1, 2, 1, a_verdict(Answer.PASS))
    assert await store.records.verdict(T1) == a_verdict(Answer.PASS)
    assert await store.records.verdict(T2) is None


async def test_a_verdict_is_found_by_its_commit(store: SqlStore) -> None:
    earlier = replace(a_verdict(Answer.PASS), commit=Sha("earlier"))
    await store.records.save_verdict(T1, 1, 1, earlier)
    await store.records.save_verdict(T1, 2, 1, a_verdict(Answer.FAIL))
    assert await store.records.verdict(T1, Sha("earlier")) == earlier
    assert await store.records.verdict(T1, Sha("c")) == a_verdict(Answer.FAIL)
    assert await store.records.verdict(T1, Sha("unknown")) is None


async def test_a_cached_finding_counts_for_seven_days(store: SqlStore, clock: Clock) -> None:
    assert await store.records.cached("key") is None
    await store.records.cache("key", "old")
    clock.pass_by(days=6.9)
    assert await store.records.cached("key") == "old"
    await store.records.cache("other", "value")
    await store.records.cache("key", "new")
    clock.pass_by(days=6.9)
    assert await store.records.cached("key") == "new"
    clock.pass_by(days=0.2)
    assert await store.records.cached("key") is None


async def test_spending_adds_up(store: SqlStore) -> None:
    assert await store.records.spent(T1) == Spending()
    one = Spending(usd=0.5, calls=1, input_tokens=10, output_tokens=20, cache_read_tokens=30, cache_write_tokens=40)
    await asyncio.gather(*[store.records.add_spending(T1, one) for _ in range(4)])
    assert await store.records.spent(T1) == one + one + one + one
    assert await store.records.spent(T2) == Spending()


async def test_pull_requests_are_numbered_in_their_repository(store: SqlStore) -> None:
    assert await store.records.pull_request(T1) is None
    first = await store.records.save_pull_request("music", a_pull_request(T1))
    second = await store.records.save_pull_request("music", a_pull_request(T2))
    assert (first.number, second.number) == (1, 2)
    again = await store.records.save_pull_request("music", replace(a_pull_request(T1), title="Another cut-off try"))
    assert again.number == 1
    merged = await store.records.save_pull_request("music", replace(first, state=PullRequestState.MERGED))
    assert await store.records.pull_request(T1) == merged
    assert await store.records.pull_request(T2) == second


async def test_a_number_of_the_forge_is_kept(store: SqlStore) -> None:
    assert (await store.records.save_pull_request("music", a_pull_request(T1, 41))).number == 41
    with pytest.raises(Defect):
        await store.records.save_pull_request("music", a_pull_request(T2, 41))
    assert await store.records.pull_request(T2) is None


async def test_a_comment_is_stored_once(store: SqlStore) -> None:
    first = Comment(task=T1, key="verdict-1", text="unsure", at=BORN)
    other = Comment(task=T1, key="verdict-2", text="pass", at=BORN)
    for comment in (first, replace(first, text="again"), other, replace(first, task=T2)):
        await store.records.save_comment(comment)
    assert await store.records.comments(T1) == (first, other)


async def test_the_latest_build_is_the_one_that_came_last(store: SqlStore) -> None:
    first = Build(id="b1", task=T1, commit=Sha("1"), kind="web", digest="0" * 64, size=1)
    second = replace(first, id="b2", commit=Sha("2"))
    for build in (first, second, replace(first, preview_url="http://localhost/1")):
        await store.records.save_build(build)
    assert await store.records.build(T1) == second
    assert await store.records.build(T2) is None
    assert await store.records.find_build("b1") == replace(first, preview_url="http://localhost/1")
    assert await store.records.find_build("b") is None


async def test_what_is_counted_of_a_build_outlives_its_record(store: SqlStore) -> None:
    build = Build(id="b1", task=T1, commit=Sha("1"), kind="android", digest="0" * 64, size=1)
    await store.records.save_build(build)
    await store.records.end_links("b1")
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(store.records.count_fetched("b1"))
    await store.records.save_build(replace(build, name="Music player"))
    counted = replace(build, name="Music player", revoked=1, fetched=5)
    assert await store.records.find_build("b1") == await store.records.build(T1) == counted
    await store.records.count_fetched("no such build")


async def test_deployments_are_listed_newest_first(store: SqlStore) -> None:
    first = Deployment(
        id="d1",
        task=T1,
        repository="music",
        environment="production",
        commit=Sha("1"),
        digest="0" * 64,
        state=DeploymentState.STARTED,
        at=BORN,
    )
    second = replace(first, id="d2", at=BORN + timedelta(hours=1), previous="d1")
    live = replace(first, state=DeploymentState.LIVE)
    for one in (second, first, live, replace(first, id="d3", environment="staging")):
        await store.records.save_deployment(one)
    assert await store.records.deployments("music", "production") == (second, live)
    assert await store.records.deployments("music", "nowhere") == ()


async def test_records_of_an_unknown_task_are_defects(store: SqlStore) -> None:
    absent = TaskId("absent")
    for asked in (
        store.records.save_verdict(absent, 1, 1, a_verdict(Answer.PASS)),
        store.records.add_spending(absent, Spending()),
        store.records.save_pull_request("music", a_pull_request(absent)),
        store.records.save_comment(Comment(task=absent, key="k", text="", at=BORN)),
    ):
        with pytest.raises(Defect, match="absent"):
            await asked


async def test_several_processes_share_one_store(database_url: str) -> None:
    url = database_url
    async with SqlStore(url) as store:
        task = await with_task(store)
        person = await store.tasks.get_person(task.requested_by)
        ids = {f"queued-{number}" for number in range(30)}
        for id in ids:
            await store.tasks.queue_message(T1, a_message(person, id))
        await store.tasks.end_turn(T1, 1, Outcome.PASS)
        children = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-W", "error", CHILD, url, "t1", name, stdout=PIPE, stderr=PIPE
            )
            for name in ("a", "b", "c")
        ]
        turns: set[str] = set()
        for child in children:
            stdout, stderr = await child.communicate()
            assert (child.returncode, stderr) == (0, b"")
            turns |= set(stdout.decode().splitlines())
        made = [await store.tasks.turn(T1, number) for number in range(2, 32)]
        assert {turn.message.id for turn in made} == ids
        assert turns == {f"{turn.number} {turn.message.id}" for turn in made}
        assert (await store.tasks.get("t1")).turn == 31
        assert [event.seq for event in await store.events.read(T1)] == list(range(1, 401))
        assert await store.records.spent(T1) == Spending(usd=7.5, calls=30)


async def test_several_processes_may_open_a_new_store_at_once(database_url: str) -> None:
    url = database_url
    code = f"import asyncio; from honk.adapters.sql import SqlStore; asyncio.run(SqlStore({url!r}).open())"
    children = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE, stderr=PIPE) for _ in range(4)
    ]
    for child in children:
        assert await child.communicate() == (b"", b"")
