"""The contract of `Discussions`, on GitHub's adapter over HTTP and on the fake that the door's tests use."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from github_people import APP, NOON, People, Time, people

from honk.adapters.git.address import identify
from honk.adapters.github.discussions import GithubDiscussions
from honk.adapters.github.talk import bears, marked, unmarked
from honk.domain.discussion import Hint, HintKind, Permission, ReviewState
from honk.domain.repository import Repository, Sha
from honk.errors import RepositoryUnusable
from honk.ports import Discussions
from honk.testing.fake_discussions import FakeDiscussions, FakePlace

pytestmark = pytest.mark.anyio


class Town(Protocol):
    """Where Discussions are held, and people act."""

    time: Time
    discussions: Discussions
    repository: Repository

    async def grant(self, login: str, permission: Permission) -> None: ...
    async def issue(self, by: str, title: str, text: str = "") -> int: ...
    async def pull_request(self, by: str, title: str) -> int: ...
    async def comment(self, by: str, number: int, text: str) -> str: ...
    async def line(self, by: str, number: int, text: str, line: int = 3, answers: str = "") -> str: ...
    async def review(self, by: str, number: int, state: ReviewState, text: str, line: str = "") -> str: ...
    async def label(self, by: str, number: int, name: str) -> None: ...
    async def assign(self, by: str, number: int, login: str) -> None: ...
    async def delete(self, remark: str) -> None: ...
    async def rename(self, new: str) -> None: ...
    async def reactions(self, target: str) -> set[str]: ...
    async def resolved(self, number: int, remark: str) -> bool: ...


class FakeTown:
    def __init__(self) -> None:
        self.time = Time()
        self.hub = FakeDiscussions(self.time)
        self.place: FakePlace = self.hub.add(APP)
        self.place.grant("ada", Permission.ADMIN)
        self.place.grant("bob", Permission.WRITE)
        self.discussions: Discussions = self.hub
        self.repository = identify(f"https://github.test/{APP}.git")

    def _later(self) -> FakePlace:
        self.time.pass_(seconds=1)
        return self.place

    async def grant(self, login: str, permission: Permission) -> None:
        self.place.grant(login, permission)

    async def issue(self, by: str, title: str, text: str = "") -> int:
        return self._later().open_issue(by, title, text)

    async def pull_request(self, by: str, title: str) -> int:
        return self._later().open_pull_request(by, title, head=Sha("2" * 40))

    async def comment(self, by: str, number: int, text: str) -> str:
        return self._later().comment(by, number, text)

    async def line(self, by: str, number: int, text: str, line: int = 3, answers: str = "") -> str:
        return self._later().comment_on_line(by, number, text, line=line, answers=answers)

    async def review(self, by: str, number: int, state: ReviewState, text: str, line: str = "") -> str:
        lines = (("a.py", 4, line),) if line else ()
        return self._later().hand_in_review(by, number, state, text, lines=lines)

    async def label(self, by: str, number: int, name: str) -> None:
        self._later().label(by, number, name)

    async def assign(self, by: str, number: int, login: str) -> None:
        self._later().assign(by, number, login)

    async def delete(self, remark: str) -> None:
        self._later().delete(remark)

    async def rename(self, new: str) -> None:
        self.hub.rename(APP, new)

    async def reactions(self, target: str) -> set[str]:
        return {reaction for there, reaction in self.place.reactions if there == target}

    async def resolved(self, number: int, remark: str) -> bool:
        return self.place.beginning(remark) in self.place.resolved


class GithubTown:
    def __init__(self, there: People) -> None:
        self.there = there
        self.time = there.time
        self.discussions: Discussions = GithubDiscussions(there.api, there.own, web=there.web, identify=identify)
        self.repository = there.repository

    async def grant(self, login: str, permission: Permission) -> None:
        self.there.world.collaborate(APP, login, permission.value)

    async def issue(self, by: str, title: str, text: str = "") -> int:
        return int((await self.there.act(by, "POST", "/issues", {"title": title, "body": text}))["number"])

    async def pull_request(self, by: str, title: str) -> int:
        branch = f"topic-{self.time.now:%H%M%S}"
        self.there.commit({"a.py": "".join(f"new line {n}\n" for n in range(1, 21))}, branch=branch)
        body = {"title": title, "head": branch, "base": "main"}
        return int((await self.there.act(by, "POST", "/pulls", body))["number"])

    async def comment(self, by: str, number: int, text: str) -> str:
        return f"comment/{(await self.there.act(by, 'POST', f'/issues/{number}/comments', {'body': text}))['id']}"

    async def line(self, by: str, number: int, text: str, line: int = 3, answers: str = "") -> str:
        path, body = f"/pulls/{number}/comments", {"body": text}
        if answers:
            path = f"{path}/{answers.partition('/')[2]}/replies"
        else:
            head = (await self.there.act(by, "GET", f"/pulls/{number}"))["head"]["sha"]
            body |= {"commit_id": head, "path": "a.py", "line": line, "side": "RIGHT"}
        return f"line/{(await self.there.act(by, 'POST', path, body))['id']}"

    async def review(self, by: str, number: int, state: ReviewState, text: str, line: str = "") -> str:
        events = {ReviewState.APPROVED: "APPROVE", ReviewState.CHANGES_REQUESTED: "REQUEST_CHANGES"}
        body: dict[str, Any] = {"event": events.get(state, "COMMENT"), "body": text}
        if line:
            body["comments"] = [{"path": "a.py", "line": 4, "side": "RIGHT", "body": line}]
        return str((await self.there.act(by, "POST", f"/pulls/{number}/reviews", body))["id"])

    async def label(self, by: str, number: int, name: str) -> None:
        await self.there.act(by, "POST", f"/issues/{number}/labels", {"labels": [name]})

    async def assign(self, by: str, number: int, login: str) -> None:
        await self.there.act(by, "POST", f"/issues/{number}/assignees", {"assignees": [login]})

    async def delete(self, remark: str) -> None:
        kind, _, number = remark.partition("/")
        await self.there.act("ada", "DELETE", f"/{'issues' if kind == 'comment' else 'pulls'}/comments/{number}")

    async def rename(self, new: str) -> None:
        self.there.world.rename(self.there.world.repo(APP), new)

    async def reactions(self, target: str) -> set[str]:
        kind, _, number = target.partition("/")
        path = {"comment": "issues/comments", "line": "pulls/comments", "issue": "issues"}[kind]
        return {one["content"] for one in await self.there.act("ada", "GET", f"/{path}/{number}/reactions")}

    async def resolved(self, number: int, remark: str) -> bool:
        repo = self.there.world.repo(APP)
        one = next(one for one in repo.review_comments.values() if one.id == int(remark.partition("/")[2]))
        return one.root.resolved_by is not None


@pytest.fixture(params=["fake", "github"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    if request.param == "fake":
        yield FakeTown()
        return
    async with people(tmp_path) as there:
        yield GithubTown(there)


async def test_it_speaks_as_itself(town: Town) -> None:
    me = await town.discussions.me()
    assert (me.login, me.bot, me.own) == ("honk[bot]", True, True)


async def test_a_repository_has_one_address_and_is_found_by_it(town: Town) -> None:
    there = await town.discussions.repository(APP)
    assert there == town.repository
    assert await town.discussions.full_name(there) == APP
    assert await town.discussions.full_name(identify("https://elsewhere.example/acme/app.git")) is None
    assert not await town.discussions.public(there)


async def test_a_renamed_repository_is_known_by_its_new_name(town: Town) -> None:
    await town.rename("acme/player")
    assert await town.discussions.full_name(town.repository) == "acme/player"
    assert (await town.discussions.repository(APP)).name == "player"


async def test_a_repository_that_is_not_there_is_said(town: Town) -> None:
    with pytest.raises(RepositoryUnusable):
        await town.discussions.repository("acme/nothing")


async def test_permissions_are_those_of_the_moment(town: Town) -> None:
    for permission in (Permission.READ, Permission.TRIAGE, Permission.MAINTAIN, Permission.WRITE, Permission.NONE):
        await town.grant("eve", permission)
        assert await town.discussions.permission(town.repository, "eve") is permission
    assert await town.discussions.permission(town.repository, "ada") is Permission.ADMIN
    assert await town.discussions.permission(town.repository, "nobody-at-all") is Permission.NONE


async def test_an_issue_is_read_with_its_labels(town: Town) -> None:
    number = await town.issue("ada", "It crashes", "@honk please\nlook")
    await town.label("bob", number, "bug")
    await town.assign("ada", number, "bob")
    issue = await town.discussions.issue(town.repository, number)
    assert issue is not None
    assert (issue.title, issue.text, issue.author.login, issue.open) == (
        "It crashes",
        "@honk please\nlook",
        "ada",
        True,
    )
    assert (issue.labels, issue.assignees, issue.pull_request, issue.head) == (("bug",), ("bob",), False, None)
    assert await town.discussions.issue(town.repository, 99) is None


async def test_a_pull_request_is_an_issue_with_a_head(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    issue = await town.discussions.issue(town.repository, number)
    assert issue is not None and issue.head is not None
    assert (issue.pull_request, issue.base, issue.foreign, len(issue.head)) == (True, "main", False, 40)
    assert issue.branch.startswith("topic")


async def test_who_labelled_and_who_assigned(town: Town) -> None:
    number = await town.issue("ada", "It crashes")
    await town.label("bob", number, "bug")
    await town.assign("ada", number, "bob")
    found = await town.discussions.labelled(town.repository, number)
    assert [(one.by.login, one.what) for one in found] == [("bob", "bug"), ("ada", "bob")]
    assert len({one.id for one in found}) == 2


async def test_remarks_on_the_whole_and_on_lines_in_order(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    first = await town.comment("ada", number, "Nice")
    second = await town.line("ada", number, "Why?", line=3)
    third = await town.line("bob", number, "Because", answers=second)
    found = await town.discussions.remarks(town.repository, number)
    assert [one.id for one in found] == [first, second, third]
    assert [one.text for one in found] == ["Nice", "Why?", "Because"]
    assert [(one.path, one.line, one.answers) for one in found] == [
        ("", None, ""),
        ("a.py", 3, ""),
        ("a.py", 3, second),
    ]
    assert [bool(one.review) for one in found] == [False, True, True] and found[1].review != found[2].review
    assert {one.number for one in found} == {number} and found[1].hunk and found[0].url != found[1].url
    assert await town.discussions.remark(town.repository, third) == found[2]
    assert [one.id for one in await town.discussions.remarks(town.repository, number, limit=1)] == [third]


async def test_a_remark_that_is_gone_is_none(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    for gone in (await town.comment("ada", number, "Nice"), await town.line("ada", number, "Why?")):
        await town.delete(gone)
        assert await town.discussions.remark(town.repository, gone) is None
    assert await town.discussions.remark(town.repository, "comment/x") is None
    assert await town.discussions.remark(town.repository, "") is None


async def test_a_review_comes_with_its_remarks(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    await town.line("ada", number, "not of the review")
    id = await town.review("ada", number, ReviewState.CHANGES_REQUESTED, "Not yet", line="This one")
    there = await town.discussions.issue(town.repository, number)
    review = await town.discussions.review(town.repository, number, id)
    assert review is not None and there is not None
    assert (review.author.login, review.state, review.text) == ("ada", ReviewState.CHANGES_REQUESTED, "Not yet")
    assert review.head == there.head
    assert [(one.text, one.line, one.review) for one in review.remarks] == [("This one", 4, id)]
    later = await town.review("ada", number, ReviewState.APPROVED, "Fine")
    every = [one for one in await town.discussions.reviews(town.repository, number) if one.text]
    assert [(one.id, one.state) for one in every] == [
        (id, ReviewState.CHANGES_REQUESTED),
        (later, ReviewState.APPROVED),
    ]
    assert await town.discussions.review(town.repository, number, "4711") is None


async def test_saying_it_twice_is_one_comment_with_the_latest_words(town: Town) -> None:
    number = await town.issue("ada", "It crashes")
    id = await town.discussions.say(town.repository, number, "On it", "task/t1")
    assert await town.discussions.say(town.repository, number, "On it", "task/t1") == id
    assert await town.discussions.say(town.repository, number, "Done", "task/t1") == id
    assert await town.discussions.say(town.repository, number, "Also", "task/t10") != id
    found = await town.discussions.remarks(town.repository, number)
    assert [(one.text, one.author.own, one.author.bot) for one in found] == [("Done", True, True), ("Also", True, True)]


async def test_a_person_cannot_take_a_comment_over_by_its_mark(town: Town) -> None:
    number = await town.issue("ada", "It crashes")
    theirs = await town.comment("bob", number, marked("Ha", "task/t1"))
    id = await town.discussions.say(town.repository, number, "On it", "task/t1")
    assert id != theirs
    quoted = f"They said:\n\n{marked('Ha', 'task/t2')}"
    other = await town.discussions.say(town.repository, number, quoted, "task/t3")
    assert await town.discussions.say(town.repository, number, "Mine", "task/t2") not in {id, other}


async def test_an_answer_stands_in_the_thread(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    first = await town.line("ada", number, "Why?")
    second = await town.line("bob", number, "Hm", answers=first)
    id = await town.discussions.answer(town.repository, number, second, "Because", "a1")
    assert await town.discussions.answer(town.repository, number, second, "Because of it", "a1") == id
    said = await town.discussions.remark(town.repository, id)
    assert said is not None
    assert (said.text, said.answers, said.author.own) == ("Because of it", first, True)
    whole = await town.comment("ada", number, "And?")
    assert (await town.discussions.answer(town.repository, number, whole, "Yes", "a2")).startswith("comment/")


async def test_a_thread_is_resolved_by_any_remark_of_it(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    first = await town.line("ada", number, "Why?")
    other = await town.line("ada", number, "And this?", line=9)
    second = await town.line("bob", number, "Hm", answers=first)
    assert await town.discussions.resolve(town.repository, number, second)
    assert await town.discussions.resolve(town.repository, number, first)
    assert await town.resolved(number, first) and not await town.resolved(number, other)
    whole = await town.comment("ada", number, "And?")
    assert not await town.discussions.resolve(town.repository, number, whole)
    assert not await town.discussions.resolve(town.repository, number, "line/4711")


async def test_reactions_are_shown_once_and_never_fail(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    targets = [await town.comment("ada", number, "Nice"), await town.line("ada", number, "Why?"), f"issue/{number}"]
    for target in targets:
        await town.discussions.react(town.repository, target, "eyes")
        await town.discussions.react(town.repository, target, "eyes")
        assert await town.reactions(target) == {"eyes"}
    await town.discussions.react(town.repository, "comment/4711", "eyes")


async def test_news_are_hints_and_nothing_is_missed(town: Town) -> None:
    number = await town.issue("ada", "It crashes")
    hints, since = await town.discussions.news(town.repository, NOON)
    assert Hint(kind=HintKind.ISSUE, repository=APP, number=number) in hints
    assert since > NOON
    town.time.pass_(seconds=5)
    assert HintKind.REMARK not in {one.kind for one in (await town.discussions.news(town.repository, since))[0]}
    remark = await town.comment("ada", number, "@honk fix it")
    await town.label("ada", number, "bug")
    hints, later = await town.discussions.news(town.repository, since)
    assert Hint(kind=HintKind.REMARK, repository=APP, number=number, id=remark) in hints
    assert Hint(kind=HintKind.LABELLED, repository=APP, number=number, id="bug") in hints
    assert later > since
    town.time.pass_(seconds=5)
    nothing, still = await town.discussions.news(town.repository, later + timedelta(seconds=1))
    assert (nothing, still) == ((), later + timedelta(seconds=1))


async def test_news_of_a_pull_request(town: Town) -> None:
    number = await town.pull_request("bob", "Make it new")
    line = await town.line("ada", number, "Why?")
    review = await town.review("ada", number, ReviewState.APPROVED, "Fine")
    hints, _ = await town.discussions.news(town.repository, NOON)
    for wanted in (
        Hint(kind=HintKind.PULL_REQUEST, repository=APP, number=number),
        Hint(kind=HintKind.REMARK, repository=APP, number=number, id=line),
        Hint(kind=HintKind.REVIEW, repository=APP, number=number, id=review),
    ):
        assert wanted in hints


@pytest.fixture
async def by_token(tmp_path: Path) -> AsyncIterator[GithubTown]:
    async with people(tmp_path, personal=True) as there:
        yield GithubTown(there)


async def test_with_a_personal_token_honk_speaks_as_that_person(by_token: GithubTown) -> None:
    me = await by_token.discussions.me()
    assert (me.login, me.bot, me.own) == ("bob", False, True)
    number = await by_token.issue("ada", "It crashes")
    id = await by_token.discussions.say(by_token.repository, number, "On it", "k")
    assert await by_token.discussions.say(by_token.repository, number, "Done", "k") == id
    said = await by_token.discussions.remark(by_token.repository, id)
    assert said is not None and said.author.own and said.text == "Done"


async def test_with_a_personal_token_the_persons_own_words_are_a_persons(by_token: GithubTown) -> None:
    number = await by_token.issue("bob", "It crashes")
    id = await by_token.comment("bob", number, "@honk fix it")
    said = await by_token.discussions.remark(by_token.repository, id)
    assert said is not None and said.author.login == "bob" and not said.author.own
    issue = await by_token.discussions.issue(by_token.repository, number)
    assert issue is not None and not issue.author.own


def test_the_mark_is_at_the_end_and_survives_any_key() -> None:
    body = marked("Text\n<!-- honk: other -->", "a --> b")
    assert bears(body, "a --> b") and not bears(body, "other")
    assert unmarked(body) == "Text\n<!-- honk: other -->"
    assert unmarked("plain") == "plain"
    assert len(marked("x" * 70_000, "k")) <= 65_536
