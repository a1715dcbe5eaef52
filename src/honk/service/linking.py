"""Which person a chat's user is: the signed address that begins a link, the code that ends it, and the answer.

A user of a chat gets an address of Honk's pages. Whoever opens it, signs in and agrees gets a code; once that user
has given the code in the chat, they act in that person's name there. Neither side can be talked into it by a link
alone: an address that a stranger made needs a person who agrees to the name on the page and hands over the code.
"""

import base64
import hmac
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from honk.app import App
from honk.domain.access import Scope
from honk.domain.audit import Entry
from honk.domain.person import Identity, Person, PersonId
from honk.domain.policy import Act
from honk.domain.thread import Link
from honk.errors import NotAllowed, NotNow, Unknown
from honk.ports import Links

_log = structlog.get_logger()

#: What a linked user of a chat may be allowed there, as far as the person is. Honk is not administered from a chat.
GIVEN = frozenset({Scope.READ, Scope.ASK, Scope.STEER, Scope.MERGE, Scope.DEPLOY})
#: for how long the address that a chat's user gets is good
OPEN = timedelta(minutes=15)
#: for how long a code is good
CODE = timedelta(minutes=10)
_DIGITS = 8
#: codes that one person gets while one of them is good
_CODES = 5
#: characters of a name that a chat gives
_NAME_LIMIT = 80
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,2000})\.([a-z2-7]{20})")
_ANEW = "ask for a new link in the chat"


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A user of a chat who wants to be somebody."""

    identity: Identity
    #: the user as the chat shows them, such as "Eve Example (@eve)"
    shown: str
    #: the chat's workspace, by its name
    place: str
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """As whom a user of a chat acts."""

    person: Person
    #: False: nobody has said who that is, so that they may ask and no more
    linked: bool


@dataclass(frozen=True, kw_only=True)
class Linking:
    """Makes links between users of chats and people, and ends them."""

    #: a signature that only this home can make: of a kind, over some words
    sign: Callable[[str, str], str]
    links: Links
    app: App
    _given: dict[PersonId, list[datetime]] = field(default_factory=dict)

    def address(self, identity: Identity, shown: str, place: str) -> str:
        """The path of the page on which a person agrees; good for a quarter of an hour."""
        until = int((self.app.ports.clock() + OPEN).timestamp())
        words = [identity.kind, identity.value, _short(shown), _short(place), until]
        packed = json.dumps(words, ensure_ascii=False).encode("utf-8", "replace")
        body = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        return f"/link/{body}.{self.sign('link', body)}"

    def read(self, token: str) -> Offer:
        """What the last part of an address carries. Raises Usage for one that is forged, cut off or too old."""
        match = _TOKEN.fullmatch(token)
        if match is None or not hmac.compare_digest(match[2], self.sign("link", match[1])):
            raise Unknown("this is not a whole address that Honk has made", _ANEW)
        kind, value, shown, place, until = json.loads(base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)))
        offer = Offer(
            identity=Identity.parse(f"{kind}:{value}"),
            shown=shown,
            place=place,
            until=datetime.fromtimestamp(until, UTC),
        )
        if self.app.ports.clock() >= offer.until:
            raise NotNow("this address is older than a quarter of an hour", _ANEW)
        return offer

    async def begin(self, offer: Offer, person: Person, scopes: frozenset[Scope]) -> str:
        """The code for the chat, as digits; `scopes` is what the person's own access token may be used for.

        Raises NotAllowed where those are less than a link gives, and NotNow where honk.toml says who the user is, or
        after too many codes.
        """
        demand(scopes)
        await self.refuse_named(offer.identity)
        now = self.app.ports.clock()
        self._count(person.id, now)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
        await self.links.offer(offer.identity, person.id, code, now + CODE)
        return code

    async def finish(self, identity: Identity, code: str) -> Person | None:
        """Whom the user is from now on, once they have given the code in the chat; None for a wrong or late one.

        It is in the audit log, since it gives the user the person's rights; so is the end of a link.
        Raises NotNow where honk.toml says who the user is.
        """
        digits = re.sub(r"[\s-]", "", code)
        if not re.fullmatch(rf"[0-9]{{{_DIGITS}}}", digits):
            return None
        await self.refuse_named(identity)
        link = await self.links.accept(identity, digits)
        if link is None:
            return None
        try:
            await self._record(link.person, f"linked: {identity} acts as this person from now on")
        except Exception:
            await self.links.remove(identity)  # what cannot be written down is not done
            raise
        _log.info("a user of a chat acts as a person from now on", identity=str(identity), person=link.person)
        return await self.app.ports.tasks.get_person(link.person)

    async def prove(self, identity: Identity, person: Person, scopes: frozenset[Scope]) -> None:
        """The user of a forge is that person from now on: the forge itself said so to the person's own browser.

        That takes the place of the code. Where honk.toml says the same, nothing is to be done. Raises NotAllowed as
        `begin` does, and NotNow where honk.toml says that it is somebody else.
        """
        demand(scopes)
        known = await self.app.ports.policy.known(str(identity))
        if known is not None and set(known.identities) & set(person.identities):
            return
        await self.refuse_named(identity)
        await self._record(person.id, f"linked: {identity} acts as this person from now on")
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
        await self.links.offer(identity, person.id, code, self.app.ports.clock() + CODE)
        await self.links.accept(identity, code)
        _log.info("a user of a forge acts as a person from now on", identity=str(identity), person=person.id)

    async def undo(self, identity: Identity) -> bool:
        """At the user's own wish: from now on they are nobody again. False when they were."""
        link = await self.links.of(identity)
        if link is None:
            return False
        await self._record(link.person, f"unlinked by the user: {identity} acts as this person no more")
        gone = await self.links.remove(identity)
        _log.info("a user of a chat is nobody's any more", identity=str(identity), by="the user")
        return gone

    async def who(self, identity: Identity, name: str) -> Who:
        """As whom the user acts: as honk.toml says, else as the link says, else as somebody with this name alone.

        What they may do is asked of the policy at each act, as for everybody.
        """
        tasks = self.app.ports.tasks
        known = await self.app.ports.policy.known(str(identity))
        if known is None and (link := await self.links.of(identity)) is not None:
            return Who(person=await tasks.get_person(link.person), linked=True)
        found = await tasks.person_of(identity)
        as_now = (identity,) if known is None else known.identities
        if found is None or set(found.identities) != set(as_now) or (known is not None and found.name != known.name):
            found = await tasks.person(identity, name)
        return Who(person=found, linked=known is not None)

    async def all(self, by: Person) -> tuple[tuple[Link, Person], ...]:
        """Every link with its person, for who may administer Honk; for others their own."""
        found = [(one, await self.app.ports.tasks.get_person(one.person)) for one in await self.links.all()]
        administers = (await self.app.ports.policy.ask(by, Act.ADMINISTER, None, None)).allowed
        return tuple((link, person) for link, person in found if administers or person.id == by.id)

    async def remove(self, by: Person, identity: Identity) -> Person:
        """Whose the link was that is gone: one's own, or, for who may administer Honk, any. Raises Unknown."""
        link = await self.links.of(identity)
        person = None if link is None else await self.app.ports.tasks.get_person(link.person)
        if person is None or person.id != by.id:
            await self.app.allow_on(by, Act.ADMINISTER, None)
        await self.refuse_named(identity)
        if person is not None:
            await self._record(by.id, f"unlinked: {identity} acts as {person.name} no more")
        if person is None or not await self.links.remove(identity):
            raise Unknown(f"{identity} is linked with nobody", "`honk links` shows who is")
        _log.info("a user of a chat is nobody's any more", identity=str(identity), person=person.id, by=by.id)
        return person

    async def refuse_named(self, identity: Identity) -> None:
        """Raises NotNow where honk.toml says who the user is: that counts, and no link does."""
        known = await self.app.ports.policy.known(str(identity))
        if known is not None:
            raise NotNow(f"honk.toml says that {identity} is {known.name}", "[people] there says who is who")

    async def _record(self, person: PersonId, reason: str) -> None:
        """Nobody's rule allows or refuses it: the person's own consent does."""
        entry = Entry(
            at=self.app.ports.clock(),
            person=person,
            act=Act.ADMINISTER,
            repository="",
            task=None,
            allowed=True,
            reason=reason,
            policy="",
        )
        await self.app.ports.audit.record(entry)

    def _count(self, person: PersonId, now: datetime) -> None:
        for one, times in list(self._given.items()):
            self._given[one] = [at for at in times if at > now - CODE]
            if not self._given[one]:
                del self._given[one]
        given = self._given.setdefault(person, [])
        if len(given) >= _CODES:
            raise NotNow(f"{_CODES} codes were made in the last ten minutes", "wait ten minutes, and try again")
        given.append(now)


def demand(scopes: frozenset[Scope]) -> None:
    """Raises NotAllowed: nobody hands out in a chat what their own access token may not do."""
    if missing := [one for one in Scope if one in GIVEN - scopes]:
        wanted = " ".join(f"--scope {one}" for one in Scope if one in GIVEN)
        raise NotAllowed(
            f"you signed in with an access token that is not for {', '.join(missing)}, and a link gives that",
            f"sign in with one that is: honk token create --name phone {wanted}",
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _NAME_LIMIT else line[: _NAME_LIMIT - 1] + "…"
