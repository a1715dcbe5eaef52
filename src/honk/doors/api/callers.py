"""Who calls: the access token, what it may be used for, and the service in the name of its person."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from honk.domain.access import Scope
from honk.errors import NotAllowed, Usage
from honk.ports import Access, Tokens
from honk.service import Local

_bearer = HTTPBearer(auto_error=False, description="An access token: `honk token create`.")


class NoToken(Exception):
    """The caller showed no token, or one that opens nothing."""


@dataclass(frozen=True, kw_only=True)
class Backstage:
    """What the routes work with."""

    tokens: Tokens
    #: the service in the name of whoever has that access
    service: Callable[[Access], Local]
    #: whether the server has been told to end
    closing: Callable[[], bool] = field(default=lambda: False)


async def _caller(
    request: Request,
    needed: SecurityScopes,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Local:
    backstage: Backstage = request.app.state.backstage
    access = await backstage.tokens.find(shown.credentials) if shown is not None else None
    if access is None:
        raise NoToken
    caller = backstage.service(access)
    for scope in needed.scopes:
        must_have(caller, Scope(scope))
    return caller


def must_have(caller: Local, scope: Scope) -> None:
    """Raises NotAllowed when the caller's token is not for that."""
    if scope not in caller.scopes:
        remedy = f"make one that is: honk token create --scope {scope} …"
        raise NotAllowed(f"this access token is not for {scope.value!r}", remedy)


def _for(scope: Scope) -> Any:
    return Annotated[Local, Security(_caller, scopes=[scope.value])]


Reader = _for(Scope.READ)
Asker = _for(Scope.ASK)
Steerer = _for(Scope.STEER)
Merger = _for(Scope.MERGE)
Deployer = _for(Scope.DEPLOY)
Administrator = _for(Scope.ADMINISTER)

IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=200,
        description="Names this request: sent again with the same key, it has no second effect.",
    ),
]


def request_id(caller: Local, what: str, key: str | None) -> str:
    """The request's own id, from the caller's key: two people's keys never meet, nor those of two tasks."""
    if key is None:
        return ""
    if not key.strip():
        raise Usage("the Idempotency-Key is empty", "leave it out, or send something unique")
    return "api" + hashlib.sha256("\0".join((caller.person.id, what, key)).encode()).hexdigest()[:29]
