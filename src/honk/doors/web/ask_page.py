"""`/ask`: a new task, asked for in a form. The same form stands on the first page.

Offered are the repositories of honk.toml and of earlier tasks; any other is named by its address.
"""

import re
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.access import Scope
from honk.doors.web.acting import Acting
from honk.doors.web.forms import Form
from honk.doors.web.possible import looks_only
from honk.doors.web.rendering import page
from honk.errors import Usage
from honk.service import Candidate, LimitsWanted, Local, NewTask

#: as many as a list on a phone bears; the others are named by their address
_OFFERED = 50
_MONEY = re.compile(r"[0-9]{1,9}(?:[.,][0-9]{1,6})?")
_PLAN = {"": None, "yes": True, "no": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """What the form needs."""

    #: the visit's token is for asking
    may: bool
    #: it is for nothing but looking
    looks: bool
    repositories: tuple[Candidate, ...]
    agents: tuple[str, ...]


async def asking(service: Local) -> Asking:
    """The form for that visitor."""
    may = Scope.ASK in service.scopes
    agents = sorted(service.app.ports.agents, key=lambda name: (name != "claude", name))
    found = await service.repositories(limit=_OFFERED) if may else ()
    return Asking(may=may, looks=looks_only(service), repositories=found, agents=tuple(agents))


@dataclass(frozen=True, kw_only=True)
class AskPage:
    """The form on a page of its own, and what becomes of it."""

    acting: Acting

    async def ask(self, request: Request, service: Local) -> Response:
        """The form. Changes nothing."""
        return page(request, "ask_page.html", visit=request.state, asking=await asking(service))

    async def asked(self, request: Request, service: Local) -> Response:
        """The new task's page."""

        async def shows() -> Response:
            return await self.ask(request, service)

        return await self.acting.act(request, service, "ask", Scope.ASK, _asked, shows)


async def _asked(service: Local, form: Form, id: str) -> str:
    if not form["text"].strip():
        raise Usage("there are no words in it", "say in a sentence what should be different")
    wanted = NewTask(
        repository=_address(form),
        instruction=form["text"],
        base=form["base"].strip() or None,
        agent=form["agent"] or "claude",
        model=form["model"].strip() or None,
        limits=LimitsWanted(usd=_money(form["usd"].strip())),
        plan=_PLAN.get(form["plan"]),
        build=form["build"] != "no",
    )
    along = await form.enclosures(service)
    accepted = await service.submit(replace(wanted, images=along.images, files=along.files), id=id)
    return f"/tasks/{accepted.task.id}"


def _address(form: Form) -> str:
    """The address that was typed, or the repository that was chosen. Raises Usage."""
    address = form["other"].strip() or form["repository"].strip()
    if not address:
        raise Usage("no repository was chosen", "choose one, or give its address")
    if not address.startswith("/") and ":" not in address:
        remedy = "give a git URL that the server can reach, or an absolute path on its machine"
        raise Usage(f"{address[:200]!r} is no address of a repository", remedy)
    return address


def _money(text: str) -> float | None:
    if not text:
        return None
    if not _MONEY.fullmatch(text):
        raise Usage(f"{text[:20]!r} is no amount of money", "give dollars, such as 2.50")
    return float(text.replace(",", "."))
