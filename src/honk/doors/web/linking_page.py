"""The page on which a person agrees that a user of a chat acts in their name, and gets the code for it."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.person import Person
from honk.doors.web.rendering import page, problem
from honk.doors.web.signing_in import Sessions
from honk.errors import NotAllowed, NotNow, Unknown
from honk.service import Local
from honk.service.linking import Linking, Offer, demand


@dataclass(frozen=True, kw_only=True)
class LinkingPage:
    """Asks first, and gives a code only to whoever agrees in this browser."""

    sessions: Sessions
    linking: Linking

    async def ask(self, request: Request, _: Local) -> Response:
        """Says who would act as whom. Changes nothing."""
        return await self._answer(request, agreed=False)

    async def agree(self, request: Request, _: Local) -> Response:
        """The code. A form that was not filled in here shows the question again."""
        if not await self.sessions.filled_in_here(request):
            return await self._answer(
                request, agreed=False, error="This form was not filled in here. Please try again."
            )
        return await self._answer(request, agreed=True)

    async def _answer(self, request: Request, *, agreed: bool, error: str = "") -> Response:
        person: Person = request.state.visitor
        try:
            offer = self.linking.read(request.path_params["token"])
        except (Unknown, NotNow) as refused:
            return problem(request, 410, "This link does not work", refused.message, refused.remedy)
        try:
            scopes = await self.sessions.scopes(request)
            demand(scopes)
            await self.linking.refuse_named(offer.identity)
            code = await self.linking.begin(offer, person, scopes) if agreed else ""
        except (NotAllowed, NotNow) as refused:
            return problem(request, 403, "This cannot be linked", refused.message, refused.remedy)
        return self._page(request, offer, code, error)

    def _page(self, request: Request, offer: Offer, code: str, error: str) -> Response:
        nonce = request.state.nonce = self.sessions.fresh_nonce(request)
        answer = page(
            request,
            "link.html",
            status=403 if error else 200,
            visit=request.state,
            offer=offer,
            chat=offer.identity.kind.capitalize(),
            code=code,
            error=error,
            nonce=nonce,
        )
        self.sessions.remember(answer, nonce)
        return answer
