"""Who may do what, by which token, and what was done: the verbs of an administrator."""

from dataclasses import replace
from datetime import datetime

from honk.app.turns import Turns
from honk.domain.access import Issued, Scope, Token
from honk.domain.audit import NEWEST, Entry, Window
from honk.domain.person import Identity, Person, PersonId
from honk.domain.policy import Act, Explanation
from honk.domain.repository import Repository
from honk.domain.task import TaskId
from honk.errors import NotAllowed, Unknown, Usage


class Governing(Turns):
    """Tokens, explanations of the policy, and the audit log."""

    async def whom(self, text: str) -> Person:
        """The person whom somebody names by a key of the policy, or an identity such as "slack:U123".

        One whom no door has seen so far has no id. Raises Unknown.
        """
        known = await self.ports.policy.known(text)
        if known is None:
            try:
                identities: tuple[Identity, ...] = (Identity.parse(text),)
            except ValueError:
                remedy = "give a key of [people] in honk.toml, or an identity such as local:alice or slack:U123"
                raise Unknown(f"nobody is known as {text!r}", remedy) from None
        else:
            identities = known.identities
        for identity in identities:
            if (person := await self.ports.tasks.person_of(identity)) is not None:
                return replace(person, identities=identities)
        return Person(id=PersonId(""), name=known.name if known else identities[0].value, identities=identities)

    async def issue_token(
        self, by: Person, name: str, scopes: frozenset[Scope], *, whom: str = "", expires_at: datetime | None = None
    ) -> Issued:
        """A new token; of oneself, or, for who may administer Honk, of somebody else."""
        person = by
        if whom:
            named = await self.whom(whom)
            person = await self.ports.tasks.person(named.identities[0], named.name)
        if person.id != by.id:
            await self.allow_on(by, Act.ADMINISTER, None)
        return await self.ports.tokens.issue(person.id, name, scopes, expires_at=expires_at)

    async def tokens(self, by: Person) -> tuple[Token, ...]:
        """All tokens for who may administer Honk; for others their own."""
        found = await self.ports.tokens.list()
        if await self._administers(by):
            return found
        return tuple([one for one in found if await self._owns(by, one)])

    async def revoke_token(self, by: Person, id: str) -> Token:
        """One's own, or, for who may administer Honk, any."""
        token = next((one for one in await self.ports.tokens.list() if one.id == id), None)
        if token is None or not await self._owns(by, token):
            await self.allow_on(by, Act.ADMINISTER, None)
        return await self.ports.tokens.revoke(id)

    async def explain(self, whom: Person, act: Act, address: str, task: str = "") -> Explanation:
        """What the policy would say, and why. Without an address it is about the task, or about Honk itself."""
        about = await self.ports.tasks.get(task) if task else None
        repository: Repository | None = None
        if address:
            repository = self.ports.repositories.identify(address)
            if about is not None and about.repository.key != repository.key:
                raise Usage(f"task {about.id} is of {about.repository.url}, not of {repository.url}")
        elif about is not None:
            repository = about.repository
        return await self.ports.policy.explain(whom, act, repository, about)

    async def audit_log(
        self,
        by: Person,
        *,
        task: TaskId | None = None,
        person: Person | None = None,
        act: Act | None = None,
        repository: str = "",
        window: Window = NEWEST,
    ) -> tuple[Entry, ...]:
        """Newest first; for who may administer Honk."""
        if not await self._administers(by):
            decision = await self.ports.policy.ask(by, Act.ADMINISTER, None, None)
            raise NotAllowed(decision.reason)
        if person is not None and not person.id:
            return ()
        who = None if person is None else person.id
        return await self.ports.audit.read(task=task, person=who, act=act, repository=repository, window=window)

    async def _administers(self, by: Person) -> bool:
        """A question for showing the right thing, not an act."""
        return (await self.ports.policy.ask(by, Act.ADMINISTER, None, None)).allowed

    async def _owns(self, by: Person, token: Token) -> bool:
        return (await self.ports.tasks.get_person(token.person)).id == by.id
