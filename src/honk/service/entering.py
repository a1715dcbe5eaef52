"""Who comes in by a browser: by a link that is good once, by a passkey, or because a provider says who they are."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from honk.app import App
from honk.domain.access import Scope
from honk.domain.claimed import Admits, Claimed
from honk.domain.person import Identity, Person, PersonId
from honk.domain.policy import Act
from honk.domain.visit import Came, Passkey
from honk.errors import NotAllowed, Unknown
from honk.ports import Authenticators, Entrance, Provider
from honk.service.linking import GIVEN, Linking

_log = structlog.get_logger()

#: for how long a link to sign in with is good
LINK = timedelta(minutes=10)
#: for how long a browser may take to show a passkey
CHALLENGE = timedelta(minutes=5)
_LINK, _ADD, _SHOW = "link", "passkey to add", "passkey to show"
_NAME_LIMIT = 80
_UNKNOWN = "this passkey opens nothing: it is unknown here, was removed, or came of an access token that has ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A provider of honk.toml."""

    name: str
    #: what its button says, after "Sign in with"
    title: str
    provider: Provider
    admits: Admits


@dataclass(frozen=True, kw_only=True)
class Entering:
    """Says who somebody is; what they may do is asked of the policy at each act, as for everybody."""

    entrance: Entrance
    app: App
    linking: Linking
    authenticators: Authenticators
    providers: Mapping[str, Known] = field(default_factory=dict)

    # ── links ──────────────────────────────────────────────────────────────────────────────────
    async def link(self, person: Person, scopes: frozenset[Scope] = frozenset(Scope)) -> str:
        """The path of a page on which a browser becomes that person's, once, within ten minutes; for looking always."""
        secret = secrets.token_urlsafe(32)
        words = json.dumps({"person": person.id, "scopes": sorted(scopes | {Scope.READ})})
        await self.entrance.onetime.keep(_LINK, secret, words, self.app.ports.clock() + LINK)
        return f"/sign-in/link/{secret}"

    async def invited(self, secret: str) -> Person | None:
        """Whom the link is for; None for one that is used, too old or made up. Changes nothing."""
        words = await self.entrance.onetime.look(_LINK, secret)
        return None if words is None else await self.app.ports.tasks.get_person(PersonId(json.loads(words)["person"]))

    async def by_link(self, secret: str) -> Came:
        """Whoever comes first with it. Raises NotAllowed for a link that is used, too old or made up."""
        words = await self.entrance.onetime.take(_LINK, secret)
        if words is None:
            raise NotAllowed(
                "this link was used, is older than ten minutes, or is not whole", "make another: honk sign-in"
            )
        said = json.loads(words)
        person = await self.app.ports.tasks.get_person(PersonId(said["person"]))
        return self._came(person, frozenset(map(Scope, said["scopes"])), "link")

    async def sign_out(self, by: Person, named: str, *, passkeys: bool) -> tuple[Person, int, int]:
        """Ends every visit of a person, and their passkeys where asked; whose, and how many of both.

        One's own, or, for who may administer Honk, anybody's. Raises NotAllowed, or Unknown for nobody.
        """
        whom = await self._allowed(by, named)
        if not whom.id:
            raise Unknown(
                f"{whom.name} has never been here", "`honk policy explain NAME administer` says who somebody is"
            )
        visits = await self.entrance.visits.end_all(whom.id)
        found = await self.entrance.passkeys.of(whom.id) if passkeys else ()
        for one in found:
            await self.entrance.passkeys.remove(whom.id, one.id)
        _log.info("somebody was signed out everywhere", person=whom.id, by=by.id, visits=visits, passkeys=len(found))
        return whom, visits, len(found)

    async def whose(self, by: Person, named: str) -> Person:
        """Whom the name means: nothing means oneself, and anybody else only who may administer Honk may mean."""
        whom = await self._allowed(by, named)
        return whom if whom.id else await self.app.ports.tasks.person(whom.identities[0], whom.name)

    async def _allowed(self, by: Person, named: str) -> Person:
        """One whom no door has seen so far has no id."""
        whom = await self.app.whom(named) if named else by
        if whom.id != by.id:
            await self.app.allow_on(by, Act.ADMINISTER, None)
        return whom

    # ── providers ──────────────────────────────────────────────────────────────────────────────
    async def by_provider(self, known: Known, claimed: Claimed) -> Came:
        """Whoever the provider says it is. Raises NotAllowed for somebody whom honk.toml does not let in.

        People of honk.toml, and whoever linked that identity, are let in; others where the provider's table says so.
        """
        for identity in claimed.identities:
            if await self.app.ports.policy.known(str(identity)) is not None:
                who = await self.linking.who(identity, claimed.name)
                return self._came(who.person, frozenset(Scope), known.name)
        for identity in claimed.identities:
            if (await self.linking.links.of(identity)) is not None:
                who = await self.linking.who(identity, claimed.name)
                return self._came(who.person, GIVEN, known.name)
        if not known.admits.who(claimed):
            _log.warning("somebody unknown was not let in", way=known.name, identities=_said(claimed.identities))
            raise NotAllowed(
                f"{known.title} says that you are {_said(claimed.identities)}, and nobody has let you in here",
                "whoever runs this Honk adds you to [people] of honk.toml",
            )
        who = await self.linking.who(claimed.identities[0], _short(claimed.name) or claimed.identities[0].value)
        return self._came(who.person, GIVEN, known.name)

    # ── passkeys ───────────────────────────────────────────────────────────────────────────────
    async def to_add(self, person: Person) -> str:
        """What a browser is asked for, as JSON; good once."""
        challenge = await self._challenge(_ADD, person.id)
        return self.authenticators.to_add(person, await self.entrance.passkeys.of(person.id), challenge)

    async def add(self, visit: Came, name: str, answer: str) -> Passkey:
        """A passkey that opens what that visit may do. Raises NotAllowed for an answer that cannot be believed."""
        challenge = await self._answered(_ADD, answer, visit.person.id)
        id, public_key, count = self.authenticators.added(answer, challenge)
        made = Passkey(
            id=id,
            person=visit.person.id,
            name=_short(name) or "passkey",
            public_key=public_key,
            count=count,
            scopes=visit.scopes,
            token=visit.token,
            made_at=self.app.ports.clock(),
        )
        if not await self.entrance.passkeys.add(made):
            raise NotAllowed("this passkey is known already", "use it, or choose another device")
        _log.info("a passkey was added", person=visit.person.id, name=made.name)
        return made

    async def to_ask(self) -> str:
        """What a browser is asked for, as JSON; good once."""
        return self.authenticators.to_ask(await self._challenge(_SHOW, ""))

    async def by_passkey(self, answer: str) -> Came:
        """Whose passkey has signed. Raises NotAllowed for an answer that cannot be believed."""
        challenge = await self._answered(_SHOW, answer, "")
        id, _ = self.authenticators.said(answer)
        passkey = await self.entrance.passkeys.find(id)
        if passkey is None:
            raise NotAllowed(_UNKNOWN, "sign in another way")
        count = self.authenticators.checked(answer, challenge, passkey)
        await self.entrance.passkeys.used(id, count)
        person = await self.app.ports.tasks.get_person(passkey.person)
        return self._came(person, passkey.scopes, "passkey", passkey.token)

    async def _challenge(self, kind: str, whose: str) -> bytes:
        challenge = secrets.token_bytes(32)
        until = self.app.ports.clock() + CHALLENGE
        await self.entrance.onetime.keep(kind, challenge.hex(), whose, until)
        return challenge

    async def _answered(self, kind: str, answer: str, whose: str) -> bytes:
        """The challenge that the answer is to: one of ours, for that person, for the first time."""
        _, challenge = self.authenticators.said(answer)
        if await self.entrance.onetime.take(kind, challenge) != whose:
            raise NotAllowed("this was answered before, or took more than five minutes", "try again")
        return bytes.fromhex(challenge)

    def _came(self, person: Person, scopes: frozenset[Scope], way: str, token: str = "") -> Came:
        _log.info("somebody signed in", person=person.id, way=way)
        return Came(person=person, scopes=scopes, way=way, token=token)


def _said(identities: tuple[Identity, ...]) -> str:
    return ", ".join(map(str, identities))


def _short(text: str) -> str:
    return " ".join(one for one in text.split() if one.isprintable())[:_NAME_LIMIT]
