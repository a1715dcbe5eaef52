"""People, rights, tokens, money and the audit log of a Honk in this process."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from honk.app import App
from honk.domain.access import Scope, Token
from honk.domain.audit import Entry, Window
from honk.domain.budget import Standing
from honk.domain.person import Person, PersonId
from honk.domain.policy import Explanation
from honk.errors import Defect, NotAllowed, Usage
from honk.service.governing import (
    AuditLine,
    AuditQuery,
    BudgetShown,
    HeldShown,
    Question,
    TokenMade,
    TokenShown,
    TokenWanted,
)

#: a token that lives for ever is made without a number of days
_DAYS_LIMIT = 3650


@dataclass(frozen=True, kw_only=True)
class LocalGoverning:
    """Implements honk.service.Governing on an opened Honk."""

    app: App
    person: Person
    #: what the access token may be used for; every scope for who needs no token
    scopes: frozenset[Scope] = frozenset(Scope)

    async def create_token(self, wanted: TokenWanted) -> TokenMade:
        if more := set(wanted.scopes) - self.scopes:
            missing = ", ".join(sorted(more))
            raise NotAllowed(f"this access token is not for {missing}, and cannot make one that is")
        expires_at = None
        if wanted.days is not None:
            if not 0 < wanted.days <= _DAYS_LIMIT:
                raise Usage(f"a token cannot expire after {wanted.days} days", f"give at most {_DAYS_LIMIT}")
            expires_at = self.app.ports.clock() + timedelta(days=wanted.days)
        issued = await self.app.issue_token(
            self.person, wanted.name, frozenset(wanted.scopes), whom=wanted.person, expires_at=expires_at
        )
        return TokenMade(token=await self._shown(issued.token), secret=issued.secret.reveal())

    async def tokens(self) -> tuple[TokenShown, ...]:
        return tuple([await self._shown(one) for one in await self.app.tokens(self.person)])

    async def revoke_token(self, id: str) -> TokenShown:
        return await self._shown(await self.app.revoke_token(self.person, id))

    async def explain(self, question: Question) -> Explanation:
        whom = await self.app.whom(question.person) if question.person else self.person
        return await self.app.explain(whom, question.act, question.repository, question.task)

    async def audit(self, query: AuditQuery) -> tuple[AuditLine, ...]:
        entries = await self.app.audit_log(
            self.person,
            task=(await self.app.ports.tasks.get(query.task)).id if query.task else None,
            person=await self.app.whom(query.person) if query.person else None,
            act=query.act,
            repository=query.repository,
            window=Window(
                since=None if query.since is None else _utc(query.since), before=query.before, limit=query.limit
            ),
        )
        names = {id: await self._name(id) for id in {entry.person for entry in entries}}
        return tuple(_line(entry, names[entry.person]) for entry in entries)

    async def budgets(self) -> tuple[BudgetShown, ...]:
        return tuple([await self._budget(one) for one in await self.app.ports.budgets.standing()])

    async def _shown(self, token: Token) -> TokenShown:
        return TokenShown(
            id=token.id,
            name=token.name,
            person=await self._name(token.person),
            scopes=tuple(sorted(token.scopes)),
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            task=token.task,
            labels=tuple(sorted(token.rights.labels)) if token.rights else (),
            kinds=tuple(sorted(token.rights.kinds)) if token.rights else (),
        )

    async def _budget(self, standing: Standing) -> BudgetShown:
        return BudgetShown(
            kind=standing.kind,
            person="" if standing.person is None else await self._name(standing.person),
            limit_usd=standing.limit_usd,
            spent_usd=standing.spent_usd,
            held_usd=standing.held_usd,
            left_usd=standing.left_usd,
            held=tuple(
                HeldShown(task=one.task, turn=one.turn, usd=one.usd, spent_usd=one.spent_usd) for one in standing.held
            ),
        )

    async def _name(self, id: PersonId) -> str:
        try:
            return (await self.app.ports.tasks.get_person(id)).name
        except Defect:  # the log outlives the rows of people
            return id


def _utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise Usage(f"{time.isoformat()} is no time in UTC", "give one nearer to the present") from None


def _line(entry: Entry, person: str) -> AuditLine:
    return AuditLine(
        number=entry.number,
        at=entry.at,
        person=person,
        act=entry.act,
        repository=entry.repository,
        task=entry.task,
        allowed=entry.allowed,
        reason=entry.reason,
        policy=entry.policy,
    )
