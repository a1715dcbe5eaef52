"""People, rights, tokens, money and the audit log of a Honk behind a server."""

from urllib.parse import quote

from honk.domain.codec import dump
from honk.domain.policy import Explanation
from honk.doors.cli.wire import Wire
from honk.service.governing import AuditLine, AuditQuery, BudgetShown, Question, TokenMade, TokenShown, TokenWanted


class RemoteGoverning:
    """Implements honk.service.Governing on a server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def create_token(self, wanted: TokenWanted) -> TokenMade:
        return await self._wire.post(TokenMade, "/tokens", dump(TokenWanted, wanted))

    async def tokens(self) -> tuple[TokenShown, ...]:
        return await self._wire.get(tuple[TokenShown, ...], "/tokens")

    async def revoke_token(self, id: str) -> TokenShown:
        return await self._wire.send("DELETE", TokenShown, f"/tokens/{quote(id or '-', safe='')}", again=True)

    async def explain(self, question: Question) -> Explanation:
        asked = {"person": question.person, "repository": question.repository, "task": question.task}
        return await self._wire.get(Explanation, "/policy/explanation", act=str(question.act), **asked)

    async def audit(self, query: AuditQuery) -> tuple[AuditLine, ...]:
        asked = {"task": query.task, "person": query.person, "repository": query.repository, "limit": query.limit}
        if query.act is not None:
            asked["act"] = str(query.act)
        if query.since is not None:
            asked["since"] = query.since.isoformat()
        if query.before is not None:
            asked["before"] = query.before
        return await self._wire.get(tuple[AuditLine, ...], "/audit", **asked)

    async def budgets(self) -> tuple[BudgetShown, ...]:
        return await self._wire.get(tuple[BudgetShown, ...], "/budgets")
