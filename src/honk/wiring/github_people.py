"""People's own accounts at GitHub: linked by their own consent there, used for what they ask, renewed in time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import anyio
import structlog

from honk.adapters.github.oauth import GithubOauth
from honk.adapters.github.users import login_of
from honk.adapters.sql.forge_tokens import Kept, SqlForgeTokens
from honk.domain.access import Scope
from honk.domain.grant import Grant
from honk.domain.person import Identity, IdentityKind, Person, PersonId
from honk.domain.text import Secret
from honk.errors import ForgeRefused, NotNow, Unknown, Unreachable
from honk.ports import Links, Policy, Tasks
from honk.service.linking import Linking, demand

_log = structlog.get_logger()

FORGE = "github"
#: a token that ends sooner is renewed first
_SOON = timedelta(minutes=10)
#: for how long one process has the renewal to itself, and how often the others look
_RENEWAL = timedelta(seconds=45)
_LOOK = 0.25


@dataclass(frozen=True, kw_only=True)
class GithubTokens:
    """Implements honk.adapters.github.users.UserTokens."""

    oauth: GithubOauth
    kept: SqlForgeTokens
    links: Links
    people: Tasks
    policy: Policy
    clock: Callable[[], datetime]
    _renewing: dict[PersonId, anyio.Lock] = field(default_factory=dict)

    async def token(self, person: Person) -> Secret | None:
        """With which Honk acts as that person; None where they let it not, or took it back. Raises Unreachable."""
        kept = await self.of(person)
        if kept is None or self._lasts(kept.grant):
            return kept.grant.access if kept is not None else None
        async with self._renewing.setdefault(person.id, anyio.Lock()):
            return await self._renewed(person)

    async def login(self, person: Person) -> str:
        """As whom Honk acts for them, else who they are by honk.toml; "" for nobody."""
        kept = await self.of(person)
        return login_of(person) if kept is None else kept.login

    async def of(self, person: Person) -> Kept | None:
        """What the person let Honk have, while that login is still that person: as honk.toml says, else a link."""
        kept = await self.kept.read(FORGE, person.id)
        if kept is None:
            return None
        identity = identity_of(kept.login)
        if (known := await self.policy.known(str(identity))) is not None:
            return kept if set(known.identities) & set(person.identities) else None
        if (link := await self.links.of(identity)) is None:
            return None
        return kept if (await self.people.get_person(link.person)).id == person.id else None

    async def _renewed(self, person: Person) -> Secret | None:
        """A token that renews is good once, so one process does it and the others wait for what it got."""
        holder = uuid4().hex
        with anyio.move_on_after(_RENEWAL.total_seconds()):
            while True:
                kept = await self.kept.claim(FORGE, person.id, holder, self.clock() + _RENEWAL)
                if kept is not None:
                    return await self._renew(person, holder, kept)
                kept = await self.kept.read(FORGE, person.id)
                if kept is None:
                    return None
                if self._lasts(kept.grant):
                    return kept.grant.access
                await anyio.sleep(_LOOK)
        raise Unreachable("another process renews the token of a person at GitHub, and does not end", "try again")

    async def _renew(self, person: Person, holder: str, kept: Kept) -> Secret | None:
        if self._lasts(kept.grant):  # another process was first
            await self.kept.release(FORGE, person.id, holder)
            return kept.grant.access
        try:
            if not kept.grant.refresh:
                raise ForgeRefused("the token has ended, and nothing renews it")
            # What it brings must be kept whatever happens here meanwhile: the old one is worth nothing then.
            with anyio.CancelScope(shield=True):
                grant = await self.oauth.renew(kept.grant.refresh)
                new = Kept(login=kept.login, grant=grant)
                mine = await self.kept.renewed(FORGE, person.id, holder, new)
        except Unreachable:
            await self.kept.release(FORGE, person.id, holder)
            raise
        except ForgeRefused as refused:
            _log.warning("a person's consent at GitHub has ended", person=person.id, login=kept.login, why=str(refused))
            await self.kept.remove(FORGE, person.id)
            return None
        return grant.access if mine else None

    def _lasts(self, grant: Grant) -> bool:
        return grant.until is None or grant.until > self.clock() + _SOON


@dataclass(frozen=True, kw_only=True)
class GithubAccounts:
    """Implements honk.doors.web.github_page.Accounts."""

    tokens: GithubTokens
    linking: Linking

    def address(self, state: str, verifier: str, redirect: str) -> str:
        """Where GitHub asks the person."""
        return self.tokens.oauth.address(state, verifier, redirect)

    async def prove(self, person: Person, scopes: frozenset[Scope], *, code: str, verifier: str, redirect: str) -> str:
        """GitHub itself says whose account it is; one account for each person."""
        demand(scopes)
        oauth, kept = self.tokens.oauth, self.tokens.kept
        grant = await oauth.exchange(code, verifier, redirect)
        login = await oauth.login(grant.access)
        before = await kept.read(FORGE, person.id)
        await self.linking.prove(identity_of(login), person, scopes)
        await kept.write(FORGE, person.id, Kept(login=login, grant=grant))
        if before is not None and before.login.lower() != login.lower():
            await self._undo(before.login, person)
        return login

    async def login(self, person: Person) -> str:
        """As whom Honk acts for them; "" for nobody."""
        kept = await self.tokens.of(person)
        return "" if kept is None else kept.login

    async def forget(self, person: Person) -> str:
        """Here first: what is not there any more cannot be used, whatever GitHub answers."""
        kept = await self.tokens.kept.read(FORGE, person.id)
        await self.tokens.kept.remove(FORGE, person.id)
        if kept is None:
            return ""
        await self._undo(kept.login, person)
        await self.tokens.oauth.end(kept.grant.access)
        return kept.login

    async def _undo(self, login: str, person: Person) -> None:
        identity = identity_of(login)
        link = await self.linking.links.of(identity)
        if link is None or (await self.tokens.people.get_person(link.person)).id != person.id:
            return
        try:
            await self.linking.remove(person, identity)
        except (NotNow, Unknown):
            return  # honk.toml says so by now, and not the link


def identity_of(login: str) -> Identity:
    """The person's name at GitHub."""
    return Identity.parse(f"{IdentityKind.GITHUB}:{login}")
