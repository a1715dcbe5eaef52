"""A forge's conversations in memory: people with permissions, issues, pull requests, comments, reviews, threads.

A test acts as people through `FakePlace` and looks at what Honk said there; Honk sees it through `Discussions`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from honk.domain.discussion import (
    Author,
    Hint,
    HintKind,
    Issue,
    Labelled,
    Permission,
    Remark,
    Review,
    ReviewState,
)
from honk.domain.repository import Repository, Sha
from honk.errors import ForgeRefused, RepositoryUnusable
from honk.ports import Clock

WEB = "https://github.test"
HEAD = Sha("1" * 40)


def identified(address: str) -> Repository:
    """A Repository of an address, with the name and key that git's own adapter would make of it."""
    name = address.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    return Repository(url=address, name=name, key=f"{name}-{hashlib.sha256(address.encode()).hexdigest()[:10]}")


@dataclass
class FakePlace:
    """One repository there. Methods act as a person and give back the number or id of what they made."""

    full_name: str
    clock: Clock
    ids: Callable[[], int]
    #: Honk's own login
    own: str
    public: bool = False
    #: Honk may not say that a thread is done
    keeps_threads: bool = False
    #: Honk was let out
    closed_to_honk: bool = False
    permissions: dict[str, Permission] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    remarks: dict[str, Remark] = field(default_factory=dict)
    reviews: dict[str, Review] = field(default_factory=dict)
    occasions: list[Labelled] = field(default_factory=list)
    #: ids of the remarks that begin threads which are done
    resolved: set[str] = field(default_factory=set)
    #: target and reaction, such as ("comment/1001", "eyes")
    reactions: set[tuple[str, str]] = field(default_factory=set)
    #: ids of what Honk said, by number and key
    keys: dict[tuple[int, str], str] = field(default_factory=dict)
    happened: list[tuple[datetime, Hint]] = field(default_factory=list)

    def author(self, login: str) -> Author:
        return Author(login=login, bot=login.endswith("[bot]"), own=login == self.own)

    def grant(self, login: str, permission: Permission) -> None:
        self.permissions[login] = permission

    def open_issue(self, by: str, title: str, text: str = "", *, labels: tuple[str, ...] = ()) -> int:
        number = len(self.issues) + 1
        self.issues[number] = Issue(
            number=number, title=title, text=text, author=self.author(by), url=f"{self._web()}/issues/{number}"
        )
        self._tell(HintKind.ISSUE, number)
        for one in labels:
            self.label(by, number, one)
        return number

    def open_pull_request(
        self, by: str, title: str, text: str = "", *, branch: str = "topic", head: Sha = HEAD, foreign: bool = False
    ) -> int:
        number = len(self.issues) + 1
        self.issues[number] = Issue(
            number=number,
            title=title,
            text=text,
            author=self.author(by),
            url=f"{self._web()}/pull/{number}",
            pull_request=True,
            head=head,
            branch=branch,
            base="main",
            foreign=foreign,
        )
        self._tell(HintKind.ISSUE, number)
        self._tell(HintKind.PULL_REQUEST, number)
        return number

    def rewrite(self, number: int, text: str) -> None:
        """The text of the issue or pull request itself is edited."""
        self.issues[number] = replace(self.issues[number], text=text)
        self._tell(HintKind.ISSUE, number)

    def push(self, number: int, head: Sha) -> None:
        self.issues[number] = replace(self.issues[number], head=head)
        self._tell(HintKind.PULL_REQUEST, number)

    def close(self, number: int, *, reopened: bool = False) -> None:
        self.issues[number] = replace(self.issues[number], open=reopened)
        self._tell(HintKind.ISSUE, number)

    def label(self, by: str, number: int, name: str) -> None:
        there = self.issues[number]
        self.issues[number] = replace(there, labels=(*(one for one in there.labels if one != name), name))
        self._occasion(by, number, name)

    def unlabel(self, number: int, name: str) -> None:
        there = self.issues[number]
        self.issues[number] = replace(there, labels=tuple(one for one in there.labels if one != name))
        self._tell(HintKind.ISSUE, number)

    def assign(self, by: str, number: int, login: str) -> None:
        there = self.issues[number]
        self.issues[number] = replace(there, assignees=(*(one for one in there.assignees if one != login), login))
        self._occasion(by, number, login)

    def comment(self, by: str, number: int, text: str) -> str:
        """On an issue or pull request as a whole."""
        id = self.ids()
        url = f"{self.issues[number].url}#issuecomment-{id}"
        return self._add(
            Remark(id=f"comment/{id}", number=number, author=self.author(by), text=text, url=url, at=self.clock())
        )

    def comment_on_line(
        self, by: str, number: int, text: str, *, path: str = "a.py", line: int | None = 1, answers: str = ""
    ) -> str:
        """On a line of a pull request's change, or an answer in the thread of such a remark.

        Like everything on lines it comes with a review, which has nothing else.
        """
        made = self._line(by, number, text, path=path, line=line, answers=answers)
        self._review(by, number, ReviewState.COMMENTED, "", (made,))
        return made.id

    def hand_in_review(
        self, by: str, number: int, state: ReviewState, text: str = "", *, lines: tuple[tuple[str, int, str], ...] = ()
    ) -> str:
        """A review of the present head; `lines` are path, line and text of its remarks."""
        made = tuple(self._line(by, number, say, path=path, line=line) for path, line, say in lines)
        return self._review(by, number, state, text, made)

    def edit(self, remark: str, text: str) -> None:
        self.remarks[remark] = replace(self.remarks[remark], text=text)
        self._tell(HintKind.REMARK, self.remarks[remark].number, remark)

    def delete(self, remark: str) -> None:
        del self.remarks[remark]

    def said(self, number: int) -> tuple[Remark, ...]:
        """What Honk said about it, oldest first."""
        return tuple(one for one in self.remarks.values() if one.number == number and one.author.own)

    def beginning(self, remark: str) -> str:
        """The id of the remark that began its thread."""
        return self.remarks[remark].answers or remark

    def _review(self, by: str, number: int, state: ReviewState, text: str, lines: tuple[Remark, ...]) -> str:
        id = str(self.ids())
        for one in lines:
            self._add(replace(one, review=id))
        self.reviews[id] = Review(
            id=id,
            number=number,
            author=self.author(by),
            state=state,
            head=self.issues[number].head or HEAD,
            text=text,
            url=f"{self.issues[number].url}#pullrequestreview-{id}",
            at=self.clock(),
        )
        self._tell(HintKind.REVIEW, number, id)
        return id

    def _line(self, by: str, number: int, text: str, *, path: str, line: int | None, answers: str = "") -> Remark:
        id = self.ids()
        first = self.beginning(answers) if answers else ""
        return Remark(
            id=f"line/{id}",
            number=number,
            author=self.author(by),
            text=text,
            url=f"{self.issues[number].url}#discussion_r{id}",
            at=self.clock(),
            path=self.remarks[first].path if first else path,
            line=self.remarks[first].line if first else line,
            hunk=f"@@ -0,0 +1,{line or 1} @@",
            answers=first,
        )

    def _add(self, remark: Remark) -> str:
        self.remarks[remark.id] = remark
        self._tell(HintKind.REMARK, remark.number, remark.id)
        return remark.id

    def _occasion(self, by: str, number: int, what: str) -> None:
        self.occasions.append(
            Labelled(number=number, id=str(self.ids()), by=self.author(by), what=what, at=self.clock())
        )
        self._tell(HintKind.LABELLED, number, what)

    def _tell(self, kind: HintKind, number: int, id: str = "") -> None:
        self.happened.append((self.clock(), Hint(kind=kind, repository=self.full_name, number=number, id=id)))

    def _web(self) -> str:
        return f"{WEB}/{self.full_name}"


class FakeDiscussions:
    """See `Discussions`. `add` makes a repository, which gives tests the people's side of it."""

    def __init__(self, clock: Clock, *, slug: str = "honk", identify: Callable[[str], Repository] = identified) -> None:
        self._clock = clock
        self._identify = identify
        self._ids = count(1001)
        self.login = f"{slug}[bot]"
        #: by the names that they have now
        self.places: dict[str, FakePlace] = {}
        #: old names, and what became of them
        self.renamed: dict[str, str] = {}

    def add(self, full_name: str, *, public: bool = False) -> FakePlace:
        place = FakePlace(
            full_name=full_name, clock=self._clock, ids=lambda: next(self._ids), own=self.login, public=public
        )
        self.places[full_name] = place
        return place

    def rename(self, old: str, new: str) -> None:
        place = self.places.pop(old)
        place.full_name = new
        self.places[new] = place
        self.renamed[old] = new

    async def me(self) -> Author:
        return Author(login=self.login, bot=True, own=True)

    async def repository(self, full_name: str) -> Repository:
        return self._identify(f"{WEB}/{self._named(full_name).full_name}.git")

    async def full_name(self, repository: Repository) -> str | None:
        if not repository.url.startswith(f"{WEB}/"):
            return None
        return self._place(repository).full_name

    async def public(self, repository: Repository) -> bool:
        return self._place(repository).public

    async def permission(self, repository: Repository, login: str) -> Permission:
        place = self._place(repository)
        return place.permissions.get(login, Permission.READ if place.public else Permission.NONE)

    async def issue(self, repository: Repository, number: int) -> Issue | None:
        return self._place(repository).issues.get(number)

    async def remark(self, repository: Repository, id: str) -> Remark | None:
        return self._place(repository).remarks.get(id)

    async def remarks(self, repository: Repository, number: int, *, limit: int = 100) -> tuple[Remark, ...]:
        there = sorted(
            (one for one in self._place(repository).remarks.values() if one.number == number), key=lambda one: one.at
        )
        return tuple(there[-limit:])

    async def review(self, repository: Repository, number: int, id: str) -> Review | None:
        place = self._place(repository)
        there = place.reviews.get(id)
        if there is None or there.number != number:
            return None
        return replace(there, remarks=tuple(one for one in place.remarks.values() if one.review == id))

    async def reviews(self, repository: Repository, number: int) -> tuple[Review, ...]:
        found = [await self.review(repository, number, id) for id in self._place(repository).reviews]
        return tuple(one for one in found if one is not None and one.state is not ReviewState.PENDING)

    async def labelled(self, repository: Repository, number: int) -> tuple[Labelled, ...]:
        return tuple(one for one in self._place(repository).occasions if one.number == number)[-100:]

    async def say(self, repository: Repository, number: int, text: str, key: str) -> str:
        place = self._place(repository)
        if number not in place.issues:
            raise ForgeRefused(f"{place.full_name} has no issue or pull request {number}")
        return self._said(place, number, key, text) or self._keep(place, key, place.comment(self.login, number, text))

    async def answer(self, repository: Repository, number: int, remark: str, text: str, key: str) -> str:
        if not remark.startswith("line/"):
            return await self.say(repository, number, text, key)
        place = self._place(repository)
        if remark not in place.remarks:
            raise ForgeRefused(f"the remark that was to be answered in {place.full_name} is gone")
        return self._said(place, number, key, text) or self._keep(
            place, key, place.comment_on_line(self.login, number, text, answers=remark)
        )

    async def resolve(self, repository: Repository, number: int, remark: str) -> bool:
        place = self._place(repository)
        if remark not in place.remarks or not remark.startswith("line/") or place.keeps_threads:
            return False
        place.resolved.add(place.beginning(remark))
        return True

    async def react(self, repository: Repository, target: str, reaction: str) -> None:
        self._place(repository).reactions.add((target, reaction))

    async def news(self, repository: Repository, since: datetime) -> tuple[tuple[Hint, ...], datetime]:
        there = [(at, hint) for at, hint in self._place(repository).happened if at >= since]
        return tuple(dict.fromkeys(hint for _, hint in there)), max((at for at, _ in there), default=since)

    def _said(self, place: FakePlace, number: int, key: str, text: str) -> str:
        """The id of what was said under the key, now with these words; "" for nothing."""
        id = place.keys.get((number, key), "")
        if id not in place.remarks:
            return ""
        if place.remarks[id].text != text:
            place.edit(id, text)
        return id

    def _keep(self, place: FakePlace, key: str, id: str) -> str:
        place.keys[place.remarks[id].number, key] = id
        return id

    def _place(self, repository: Repository) -> FakePlace:
        return self._named(repository.url.removeprefix(f"{WEB}/").removesuffix(".git"))

    def _named(self, full_name: str) -> FakePlace:
        place = self.places.get(self.renamed.get(full_name, full_name))
        if place is None or place.closed_to_honk:
            raise RepositoryUnusable(
                f"there is no repository {full_name}, or Honk was not let into it", "install Honk's app there"
            )
        return place
