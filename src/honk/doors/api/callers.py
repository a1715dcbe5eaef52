"""Who calls: the access token, what it may be used for, and the service in the name of its person."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from honk.domain.access import Scope
from honk.doors.api.problems import answer, plain, problem_of
from honk.errors import HonkError, NotAllowed, Usage
from honk.ports import Access, Tokens
from honk.service import Local, once

_bearer = HTTPBearer(auto_error=False, description="An access token: `honk token create`.")
_NO_TOKEN = "no access token, or one that is unknown, expired or revoked"
_GET_ONE = "send Authorization: Bearer honk_…; `honk token create` on the server's machine makes one"
#: where a request has its Access
_ACCESS = "honk.access"


@dataclass(frozen=True, kw_only=True)
class Backstage:
    """What the routes work with."""

    tokens: Tokens
    #: the service in the name of whoever has that access
    service: Callable[[Access], Local]
    #: whether the server has been told to end
    closing: Callable[[], bool] = field(default=lambda: False)
    #: seconds without a byte after which a request that uploads is ended: its connection may be long gone
    silence: Callable[[], float] = field(default=lambda: 20.0)


class Admitted:
    """ASGI middleware: nothing of a request is read before its token was looked at.

    Everybody may read the description of the API.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != scope.get("root_path", "") + "/openapi.json":
            kind, shown = get_authorization_scheme_param(Headers(scope=scope).get("authorization"))
            try:
                access = await self._tokens.find(shown) if kind.lower() == "bearer" else None
            except HonkError as error:
                await answer(problem_of(error))(scope, receive, send)
                return
            if access is None:
                await answer(plain(401, _NO_TOKEN, _GET_ONE))(scope, receive, send)
                return
            scope = {**scope, _ACCESS: access}
        await self._app(scope, receive, send)


async def _caller(
    request: Request,
    needed: SecurityScopes,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Local:
    backstage: Backstage = request.app.state.backstage
    access: Access = request.scope[_ACCESS]
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
#: The service itself asks whether the token is for uploads: one that is bound to a task has no scope.
Uploader = Annotated[Local, Security(_caller)]


async def _working(caller: Uploader) -> Local:
    if caller.rights is None:
        raise NotAllowed("this access token is not for a worker", "make one that is: honk workers token")
    return caller


#: A labelled worker, whose token has labels and kinds in place of scopes.
Worker = Annotated[Local, Security(_working)]

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
    return once.request_id("api", caller.person.id, what, key)
