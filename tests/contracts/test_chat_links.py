"""What the store promises of preferences and of who is who in chats, with two stores at the same database."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import ANN, BORN, Clock, a_message, a_task

from honk.adapters.sql import SqlStore
from honk.domain.person import Identity, Person, PersonId
from honk.domain.rules import Known, Rules
from honk.domain.turn import Turn

pytestmark = pytest.mark.anyio
EVE = Identity.parse("slack:U1")
SOON = BORN + timedelta(minutes=1)


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


# ── preferences ────────────────────────────────────────────────────────────────────────────────
async def test_preferences_are_changed_one_by_one(pair: Pair) -> None:
    one, other = pair.one.chats.preferences, pair.other.chats.preferences
    assert await one.read("slack/T/C") == {}
    assert await one.write("slack/T/C", {"repository": "music", "emoji": "goose \0 \udcff"}) == {
        "repository": "music",
        "emoji": "goose \0 \udcff",
    }
    assert await other.write("slack/T/C", {"repository": "", "quiet": "22-7"}) == {
        "emoji": "goose \0 \udcff",
        "quiet": "22-7",
    }
    assert (
        await one.write("slack/T/C", {})
        == await other.read("slack/T/C")
        == {"emoji": "goose \0 \udcff", "quiet": "22-7"}
    )
    assert await one.read("slack/T/D") == {}


# ── links ──────────────────────────────────────────────────────────────────────────────────────
async def ann(pair: Pair) -> Person:
    return await pair.one.tasks.person(ANN, "Ann")


async def test_a_code_makes_a_link_once(pair: Pair) -> None:
    person = await ann(pair)
    one, other = pair.one.chats.links, pair.other.chats.links
    assert await other.accept(EVE, "12345678") is None
    await one.offer(EVE, person.id, "12345678", SOON)
    assert await other.of(EVE) is None
    assert await other.accept(Identity.parse("slack:U2"), "12345678") is None
    link = await other.accept(EVE, "12345678")
    assert link is not None and (link.identity, link.person, link.at) == (EVE, person.id, BORN)
    assert await one.of(EVE) == link and await one.all() == (link,)
    assert await one.accept(EVE, "12345678") is None, "a code is good once"
    assert await one.of(EVE) == link


async def test_wrong_codes_end_an_offer_and_so_does_time(pair: Pair) -> None:
    person = await ann(pair)
    links = pair.one.chats.links
    await links.offer(EVE, person.id, "12345678", SOON)
    for number in range(4):
        assert await links.accept(EVE, f"0000000{number}") is None
    assert await pair.other.chats.links.accept(EVE, "12345678") is not None, "four wrong ones do not"
    await links.offer(EVE, person.id, "12345678", SOON)
    for number in range(5):
        store = pair.one if number % 2 else pair.other
        assert await store.chats.links.accept(EVE, f"0000000{number}") is None
    assert await links.accept(EVE, "12345678") is None
    await links.offer(EVE, person.id, "12345678", SOON)
    pair.clock.pass_by(minutes=1)
    assert await links.accept(EVE, "12345678") is None


async def test_many_guesses_at_once_are_counted_each(pair: Pair) -> None:
    person = await ann(pair)
    await pair.one.chats.links.offer(EVE, person.id, "12345678", SOON)

    async def guess(number: int) -> None:
        store = pair.one if number % 2 else pair.other
        assert await store.chats.links.accept(EVE, f"0000000{number}") is None

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(guess, number)
    assert await pair.one.chats.links.accept(EVE, "12345678") is None


async def test_a_new_offer_ends_the_former_one_with_its_wrong_codes(pair: Pair) -> None:
    person, ben = await ann(pair), await pair.one.tasks.person(Identity.parse("local:ben"), "Ben")
    links = pair.one.chats.links
    await links.offer(EVE, person.id, "11111111", SOON)
    for number in range(4):
        await links.accept(EVE, f"0000000{number}")
    await pair.other.chats.links.offer(EVE, ben.id, "22222222", SOON)
    assert await links.accept(EVE, "11111111") is None
    link = await links.accept(EVE, "22222222")
    assert link is not None and link.person == ben.id


async def test_a_second_link_replaces_the_first_and_a_removed_one_is_gone(pair: Pair) -> None:
    person, ben = await ann(pair), await pair.one.tasks.person(Identity.parse("local:ben"), "Ben")
    links = pair.one.chats.links
    for who in (person, ben):
        await links.offer(EVE, who.id, "12345678", SOON)
        await links.accept(EVE, "12345678")
    assert [one.person for one in await pair.other.chats.links.all()] == [ben.id]
    assert await pair.other.chats.links.remove(EVE) and not await links.remove(EVE)
    assert await links.of(EVE) is None and await links.all() == ()


async def test_the_code_itself_is_not_in_the_database(tmp_path: Path) -> None:
    async with SqlStore(f"sqlite:///{tmp_path}/honk.db", clock=Clock()) as store:
        person = await store.tasks.person(ANN, "Ann")
        await store.chats.links.offer(EVE, person.id, "48151623", SOON)
    assert not any(b"48151623" in file.read_bytes() for file in tmp_path.iterdir())


async def test_a_link_is_of_whom_the_person_was_joined_to(pair: Pair) -> None:
    """The policy says later that Ann of this machine is known elsewhere already."""
    mail = Identity.parse("mail:ann@example.org")
    of_machine, of_mail = await ann(pair), await pair.one.tasks.person(mail, "ann@example.org")
    for whom, identity in ((of_machine, EVE), (of_mail, Identity.parse("slack:U2"))):
        await pair.one.chats.links.offer(identity, whom.id, "12345678", SOON)
        await pair.one.chats.links.accept(identity, "12345678")
    pair.rules = Rules(people=(Known(key="ann", name="Ann A.", identities=(mail, ANN)),))
    now = await pair.other.tasks.person(ANN, "Ann")
    ids: set[PersonId] = {of_machine.id, of_mail.id}
    assert now.id in ids and len(ids) == 2
    for link in await pair.other.chats.links.all():
        assert (await pair.other.tasks.get_person(link.person)).id == now.id


async def test_a_task_of_a_linked_person_is_theirs(pair: Pair) -> None:
    """What is asked in a chat is stored under the person, so it stays theirs when the link is gone."""
    person = await ann(pair)
    await pair.one.chats.links.offer(EVE, person.id, "12345678", SOON)
    link = await pair.one.chats.links.accept(EVE, "12345678")
    assert link is not None
    task = a_task(await pair.other.tasks.get_person(link.person))
    await pair.one.tasks.add(task, Turn(task=task.id, number=1, message=a_message(person)))
    await pair.one.chats.links.remove(EVE)
    assert (await pair.other.tasks.get("t1")).requested_by == person.id
