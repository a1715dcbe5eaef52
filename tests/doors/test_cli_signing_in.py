"""`honk sign-in` and `honk sign-out`: for oneself, for others, and where nobody serves."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pages_world import linking_of

from honk.adapters.pages import Addresses
from honk.adapters.passkeys import WebAuthn
from honk.domain.access import Scope
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.text import Secret
from honk.domain.visit import Came
from honk.doors.cli.remote import open_remote
from honk.doors.cli.signing_in import link_of
from honk.errors import NotAllowed, NotNow, Unknown, Usage
from honk.service.entering import Entering
from honk.testing.world import World, world

pytestmark = pytest.mark.anyio


@dataclass
class Here:
    """As much of a house as the commands ask."""

    app: Any
    entering: Entering
    person: Person
    world: World

    async def came(self, link: str) -> Came:
        return await self.entering.by_link(link.rpartition("/")[2])


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    async with world(tmp_path) as made:
        entering = Entering(
            entrance=made.store.entrance,
            app=made.app,
            linking=linking_of(made, Addresses(tmp_path)),
            authenticators=WebAuthn("", lambda: None),
        )
        yield Here(made.app, entering, await made.person(), made)


async def test_a_link_is_for_whoever_types_and_for_what_they_say(here: Here) -> None:
    link = await link_of(here)  # type: ignore[arg-type]
    assert link.startswith("http") and "/sign-in/link/" in link
    came = await here.came(link)
    assert (came.person.id, came.scopes, came.way) == (here.person.id, frozenset(Scope), "link")
    narrow = await link_of(here, frozenset({Scope.READ}))  # type: ignore[arg-type]
    assert (await here.came(narrow)).scopes == {Scope.READ}
    steering = await link_of(here, frozenset({Scope.STEER}))  # type: ignore[arg-type]
    assert (await here.came(steering)).scopes == {Scope.READ, Scope.STEER}, "without looking there is no visit"


async def test_who_administers_lets_somebody_else_in_and_nobody_else_does(here: Here) -> None:
    link = await link_of(here, person="mail:eve@example.com")  # type: ignore[arg-type]
    came = await here.came(link)
    assert came.person.name == "eve@example.com" and came.person.id != here.person.id
    here.world.policy.refused.add((here.person.id, Act.ADMINISTER))
    with pytest.raises(NotAllowed):
        await link_of(here, person="mail:eve@example.com")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        await here.entering.sign_out(here.person, "mail:eve@example.com", passkeys=True)
    with pytest.raises(Unknown):
        await link_of(here, person="nobody at all")  # type: ignore[arg-type]
    assert (await here.came(await link_of(here, person="local:ada"))).person.id == here.person.id  # type: ignore[arg-type]


async def test_while_nobody_serves_it_says_so(here: Here, tmp_path: Path) -> None:
    here.app = type("App", (), {"ports": type("Ports", (), {"previews": Addresses(tmp_path / "other")})})
    with pytest.raises(NotNow, match="nobody serves"):
        await link_of(here)  # type: ignore[arg-type]


async def test_signing_out_by_name_ends_what_is_theirs(here: Here) -> None:
    with pytest.raises(Unknown, match="has never been here"):
        await here.entering.sign_out(here.person, "mail:eve@example.com", passkeys=False)
    whom, visits, passkeys = await here.entering.sign_out(here.person, "", passkeys=True)
    assert (whom.id, visits, passkeys) == (here.person.id, 0, 0)


async def test_behind_a_server_links_are_made_on_its_machine() -> None:
    @asynccontextmanager
    async def far() -> AsyncIterator[Any]:
        opened: AbstractAsyncContextManager[Any] = open_remote("http://127.0.0.1:1", Secret("honk_x"))
        async with opened as house:
            yield house

    async with far() as house:
        with pytest.raises(Usage, match="only on the machine of the server"):
            await link_of(house)
