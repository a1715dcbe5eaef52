"""`/`: what waits for me, mine and everybody's tasks; one field that searches them, and searches kept under a name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.overview import Found
from honk.domain.repository import Repository
from honk.domain.search import GROUPS, LONGEST, Search, Wanted, read
from honk.domain.task import BUSY, State, TaskId
from honk.doors.web.ask_page import asking
from honk.doors.web.rendering import page
from honk.doors.web.saved_views import SavedViews, address
from honk.doors.web.signing_in import Sessions
from honk.errors import Usage
from honk.service import Local
from honk.service.searching import Tab, wanted
from honk.views import elapsed
from honk.views.standing import SAYS

_PAGE = 30
#: a tab counts so far
_COUNTED = 100
_NAMES = {Tab.WAITING: "Waiting for me", Tab.MINE: "Mine", Tab.ALL: "Everybody"}
#: whoever comes back after so long has been away
_AWAY = timedelta(minutes=10)
_SEEN = re.compile(r"(\d{1,12})\.(\d{1,12})")
#: filters of the addresses that the first pages had
_OLDER = {"all": "", "at work": "busy", "for you": "open", "landed": "landed", "ended": "ended"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A task in the list."""

    found: Found
    age: str
    #: why it waits, or what became of it; "" where its state says all
    why: str
    #: whether something was heard of it since this browser was last here
    new: bool


@dataclass(frozen=True, kw_only=True)
class HomePage:
    """The list."""

    sessions: Sessions
    views: SavedViews

    async def home(self, request: Request, service: Local) -> Response:
        """The first tab in which there is something, unless one is named; newest first."""
        asked = request.query_params
        older = "show" in asked or "repository" in asked
        text = _older(asked) if older else asked.get("q", "")[:LONGEST].strip()
        search = read(text)
        questions = {tab: await wanted(service.app, service.person, tab, search) for tab in Tab}
        counts = await _counts(service, questions)
        tab = _tab(asked.get("tab", Tab.ALL if older else ""), search, counts)
        before = TaskId((await service.find(asked["before"])).id) if asked.get("before") else None
        found = await _found(service, questions[tab], before) if counts[tab] else ()
        now = service.app.ports.clock()
        away, seen = _away(request.cookies.get(self._cookie, ""), now)
        nothing_yet = not search and not counts[Tab.ALL]
        shown: dict[str, object] = {
            "tab": tab,
            "tabs": [(_NAMES[one], address(one, text), one is tab, _count(counts[one])) for one in Tab],
            "text": text,
            "search": search,
            "nothing_yet": nothing_yet,
            "first": address(tab, text) if before else "",
            "more": _more(tab, text, found),
            "named": bool(asked.get("tab")),
        }
        answer = await self._page(request, service, _rows(found[:_PAGE], now, away), shown)
        self._remember(answer, seen)
        return answer

    def _remember(self, answer: Response, seen: str) -> None:
        answer.set_cookie(
            self._cookie,
            seen,
            max_age=400 * 86_400,
            path="/",
            secure=self.sessions.secure,
            httponly=True,
            samesite="strict",
        )

    @property
    def _cookie(self) -> str:
        return f"{self.sessions.cookie}-seen"

    async def _page(
        self, request: Request, service: Local, rows: Sequence[Row], shown: Mapping[str, object]
    ) -> Response:
        values: dict[str, Any] = {
            **shown,
            "visit": request.state,
            "here": "home",
            "rows": rows,
            "groups": GROUPS,
            "states": tuple(State),
            "views": await self.views.of(service.person),
            "view_error": request.query_params.get("view", "") == "refused",
            "asking": await asking(service),
            "live": any(row.found.task.state in BUSY for row in rows) and not shown["first"],
        }
        return page(request, "home.html", **values)


async def _counts(service: Local, questions: Mapping[Tab, Wanted]) -> dict[Tab, int]:
    """Where nothing fits at all, nobody looks for more."""
    counts = dict.fromkeys(Tab, 0)
    for tab in (Tab.ALL, Tab.MINE, Tab.WAITING):
        if tab is Tab.ALL or counts[Tab.ALL]:
            counts[tab] = await service.app.ports.overview.count(questions[tab], most=_COUNTED)
    return counts


async def _found(service: Local, question: Wanted, before: TaskId | None) -> Sequence[Found]:
    return await service.app.ports.overview.search(question, limit=_PAGE + 1, before=before)


def _rows(found: Sequence[Found], now: datetime, away: datetime | None) -> list[Row]:
    return [
        Row(
            found=one,
            age=elapsed(one.task.created_at, now),
            why=one.task.reason or ("" if one.task.state in BUSY else SAYS[one.task.state]),
            new=away is not None and one.heard > away,
        )
        for one in found
    ]


def _tab(name: str, search: Search, counts: Mapping[Tab, int]) -> Tab:
    if name in set(Tab):
        return Tab(name)
    if name:
        raise Usage(f"there is no list {name[:80]!r}", f"one of: {', '.join(Tab)}")
    return Tab.WAITING if counts[Tab.WAITING] and not search else Tab.ALL


def _more(tab: Tab, text: str, found: Sequence[Found]) -> str:
    if len(found) <= _PAGE:
        return ""
    link = address(tab, text)
    return f"{link}{'&' if '?' in link else '?'}{urlencode({'before': found[_PAGE - 1].task.id})}"


def _count(count: int) -> str:
    return f"{count}" if count < _COUNTED else f"{_COUNTED - 1}+"


def _away(cookie: str, now: datetime) -> tuple[datetime | None, str]:
    """When this browser was here before this visit, None for the first one, and what it is to keep."""
    match, second = _SEEN.fullmatch(cookie), int(now.timestamp())
    if match is None:
        return None, f"{second}.{second}"
    before, last = (min(int(one), second) for one in match.groups())
    if second - last > _AWAY.total_seconds():
        before = last
    return datetime.fromtimestamp(before, UTC), f"{before}.{second}"


def _older(asked: Mapping[str, str]) -> str:
    """The search that an address of the first pages means."""
    show, repository = asked.get("show", "all"), asked.get("repository", "").strip()
    state = _OLDER.get(show, show)
    if state and state not in GROUPS and state not in set(State):
        raise Usage(f"there is no state {show[:80]!r}", f"one of: {', '.join((*GROUPS, *State))}")
    parts = (f"state:{state}" if state else "", f'repo:"{repository}"' if repository else "")
    return " ".join(part for part in parts if part)[:LONGEST]


def list_of(repository: Repository) -> str:
    """Where the tasks of that repository are."""
    return address(Tab.ALL, f'repo:"{repository.key}"')
