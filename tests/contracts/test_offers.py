"""What the store promises of builds' numbers and of builds in channels, with two stores at the same database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import BORN, with_task

from honk.domain.channel import ChannelState, Offer, Seen
from honk.domain.repository import Sha
from honk.domain.stamp import GREATEST, Stamp
from honk.domain.task import TaskId
from honk.errors import Usage

pytestmark = pytest.mark.anyio
ONE = Stamp(number=1)


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


async def test_two_who_ask_at_once_get_numbers_of_their_own(pair: Pair) -> None:
    task = (await with_task(pair.one)).id
    numbers: list[int] = []

    async def ask(at: int) -> None:
        store = (pair.one, pair.other)[at % 2].offers
        numbers.append((await store.stamp("github.com/acme/player", task, Sha(f"{at:040x}"), ONE)).number)

    async with anyio.create_task_group() as group:
        for at in range(8):
            group.start_soon(ask, at)
    assert sorted(numbers) == list(range(1, 9))


async def test_a_commit_keeps_its_stamp_and_apps_count_for_themselves(pair: Pair) -> None:
    task = (await with_task(pair.one)).id
    wanted = Stamp(number=100, version="1.{number}", id_suffix=".honk")
    made = await pair.one.offers.stamp("a", task, Sha("a" * 40), wanted)
    assert made == Stamp(number=100, version="1.100", id_suffix=".honk")
    assert await pair.other.offers.stamp("a", task, Sha("a" * 40), ONE) == made
    assert await pair.other.offers.stamped(task, Sha("a" * 40)) == made
    assert await pair.one.offers.stamped(task, Sha("b" * 40)) is None
    # lowered, the number goes on growing
    assert (await pair.one.offers.stamp("a", task, Sha("b" * 40), ONE)).number == 101
    assert (await pair.one.offers.stamp("other", task, Sha("c" * 40), ONE)).number == 1
    await pair.one.offers.stamp("a", task, Sha("d" * 40), Stamp(number=GREATEST))
    with pytest.raises(Usage, match="no build number after"):
        await pair.one.offers.stamp("a", task, Sha("e" * 40), ONE)


async def test_an_offer_is_begun_once_and_due_in_order(pair: Pair) -> None:
    task = (await with_task(pair.one)).id

    def offer(build: str, minutes: int | None) -> Offer:
        due = None if minutes is None else BORN + timedelta(minutes=minutes)
        seen = Seen(state=ChannelState.ABSENT, detail="a \0 \udcff", until=BORN)
        return Offer(build=build, task=TaskId(task), channel="t", title="T", seen=seen, since=BORN, due=due)

    for build, minutes in (("b2", 2), ("b1", 1), ("b3", None), ("b9", 9)):
        assert await pair.one.offers.begin(offer(build, minutes)) == offer(build, minutes)
    assert await pair.other.offers.begin(replace(offer("b1", 5), looks=3)) == offer("b1", 1)
    assert [one.build for one in await pair.other.offers.due(BORN + timedelta(minutes=2))] == ["b1", "b2"]
    await pair.one.offers.save(replace(offer("b1", None), looks=1))
    await pair.one.offers.save(offer("unknown", 0))
    assert [one.build for one in await pair.other.offers.due(BORN + timedelta(minutes=2))] == ["b2"]
    assert await pair.other.offers.find("b1", "t") == replace(offer("b1", None), looks=1)
    assert await pair.other.offers.find("unknown", "t") is None and await pair.other.offers.offers("unknown") == ()
    assert [one.channel for one in await pair.other.offers.offers("b2")] == ["t"]
