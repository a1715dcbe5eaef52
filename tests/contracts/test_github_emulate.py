"""The adapter for GitHub with npm's `emulate`, which nobody here wrote. What it cannot do is said beside each test."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from github_emulate_world import AT, Emulated, emulated, now
from github_forge_world import BRANCH, DRAFT, T1, person

from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth
from honk.adapters.github.permissions import PUSHING
from honk.adapters.github.reading import stamp
from honk.adapters.github.texts import task_mark
from honk.adapters.github.trouble import GithubRefused, NotGranted
from honk.domain.discussion import Author, Hint, HintKind, Permission, ReviewState
from honk.domain.pull_request import Merged, PullRequestState, Refused
from honk.domain.remote_check import Annotation, CheckState
from honk.domain.repository import Sha
from honk.domain.text import Secret
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.errors import ForgeRefused, RepositoryUnusable, Unreachable
from partners.emulate_github import APP_ID, REPOSITORY, private_key

pytestmark = [pytest.mark.anyio, pytest.mark.partner("emulate"), pytest.mark.seconds(60)]
HONK = Author(login="honk[bot]", bot=True, own=True)
#: emulate has no commit statuses
NO_STATUSES = {"/status": {"state": "pending", "total_count": 0, "statuses": []}}


@pytest.fixture
async def e(tmp_path: Path) -> AsyncIterator[Emulated]:
    async with emulated(tmp_path) as made:
        yield made


# ── as whom ────────────────────────────────────────────────────────────────────────────────────
async def test_the_app_speaks_for_itself_with_narrow_tokens(e: Emulated) -> None:
    assert await e.own.author() == HONK and await e.discussions.me() == HONK
    await e.push()
    asked = [one.body for one in e.hub.asked("POST", "/access_tokens")]
    assert asked and all(one["repositories"] == ["widgets"] for one in asked)
    assert {"contents": "write", "metadata": "read", "workflows": "write"} in [one["permissions"] for one in asked]
    held = await e.api.tokens.held(REPOSITORY, PUSHING)
    assert held.until is not None, "a time with milliseconds is read as one"
    assert timedelta(minutes=55) < held.until - now() < timedelta(minutes=61)


async def test_a_token_for_git_is_for_one_repository(e: Emulated) -> None:
    reads = await e.credentials.lent(e.repository, writes=False)
    writes = await e.credentials.lent(e.repository, writes=True)
    assert reads is not None and writes is not None and reads.password != writes.password
    assert (reads.origin, reads.username) == (e.hub.url, "x-access-token")
    headers = {"Authorization": f"Bearer {reads.password.reveal()}"}
    there = await e.hub.direct.get(f"{AT}/contents/README.md", headers=headers)
    elsewhere = await e.hub.direct.get("/repos/acme/other/contents/README.md", headers=headers)
    assert (there.status_code, elsewhere.status_code) == (200, 403)
    pushed = await e.hub.direct.post(f"{AT}/git/blobs", headers=headers, json={"content": "x", "encoding": "utf-8"})
    assert pushed.status_code == 403, "what is lent for reading writes nothing"
    # emulate cannot revoke a token: it ends by itself, and nothing fails.
    await e.credentials.returned(writes)
    assert e.hub.asked("DELETE", "/installation/token")[-1].status == 404


async def test_a_permission_that_was_not_granted_is_named(tmp_path: Path) -> None:
    async with emulated(tmp_path, granted={"pull_requests": "read", "contents": "read"}) as e:
        with pytest.raises(NotGranted, match="was not granted contents: write on acme/widgets") as missing:
            await e.push()
        assert missing.value.said == "contents: write" and "accept the change" in missing.value.remedy
        with pytest.raises(RepositoryUnusable, match="was not granted contents: write"):
            await e.credentials.lent(e.repository, writes=True)
        with pytest.raises(ForgeRefused, match=r"opened no pull request for .*: pull_requests: write") as refused:
            await e.forge.open(e.repository, e.wanted())
        assert "add it to the App's permissions" in refused.value.remedy
        assert {one.method for one in e.hub.requests if "access_tokens" not in one.path} == {"GET"}, "not even asked"


async def test_a_permission_that_a_token_lacks_is_refused_in_its_words(e: Emulated) -> None:
    """emulate names no permission in its refusal, as GitHub does in a header; so Honk can name none."""
    reads = await e.credentials.lent(e.repository, writes=False)
    assert reads is not None
    with pytest.raises(GithubRefused, match=r"GitHub refused POST .*/git/blobs \(403\): Forbidden") as denied:
        body = {"content": "x", "encoding": "utf-8"}
        await e.api.send("POST", f"{AT}/git/blobs", body, of=REPOSITORY, as_user=reads.password)
    assert denied.value.status == 403


async def test_another_app_is_not_accepted(e: Emulated) -> None:
    wrong = AppAuth(app_id=str(APP_ID + 1), private_key=private_key())
    async with Api(api_url=e.hub.url, web_url=e.hub.url, auth=wrong, clock=now) as api:
        with pytest.raises(GithubRefused, match="does not accept the key of the App 12346"):
            await api.get(AT)


async def test_a_repository_that_is_not_there(e: Emulated) -> None:
    with pytest.raises(RepositoryUnusable, match="not installed on acme/nothing") as missing:
        await e.discussions.repository("acme/nothing")
    assert missing.value.remedy.startswith(f"install it at {e.hub.url}/apps/honk/installations/new")


# ── pull requests ──────────────────────────────────────────────────────────────────────────────
async def test_a_pull_request_is_opened_once(e: Emulated) -> None:
    opened = await e.opened(labels=("honk", "fix"), reviewers=("ben",))
    assert opened.number and opened.url == f"{e.hub.url}/{REPOSITORY}/pull/{opened.number}"
    assert (opened.head, opened.state) == (e.head, PullRequestState.OPEN)
    again = await e.forge.open(e.repository, e.wanted(labels=("honk", "fix"), reviewers=("ben",)))
    assert again == opened == await e.forge.find(e.repository, T1)
    pull = await e.pull()
    assert task_mark(T1) in pull["body"] and pull["user"]["login"] == "honk[bot]"
    assert [one["login"] for one in pull["requested_reviewers"]] == ["ben"]
    # emulate shows no pull request as an issue, so its labels are asked for alone.
    labels = await e.hub.by("ada", "GET", f"{AT}/issues/{opened.number}/labels")
    assert {one["name"] for one in labels} == {"honk", "fix"}
    assert len(e.hub.asked("POST", "/pulls")) == 1


async def test_it_is_found_again_after_a_lost_answer(e: Emulated) -> None:
    await e.push()
    e.hub.loses = lambda one: one.method == "POST" and one.path.endswith("/pulls")
    with pytest.raises(Unreachable):
        await e.forge.open(e.repository, e.wanted())
    assert await e.store.pull_request(T1) is None
    opened = await e.forge.open(e.repository, e.wanted())
    assert len(e.hub.asked("POST", "/pulls")) == 1 and opened.head == e.head
    assert len(await e.hub.by("ada", "GET", f"{AT}/pulls?state=all")) == 1


async def test_title_and_text_are_brought_up_to_date(e: Emulated) -> None:
    opened = await e.opened()
    updated = await e.forge.update(e.repository, e.wanted(title="Fix it well", body="Other text"))
    pull = await e.pull()
    assert pull["title"] == updated.title == "Fix it well" and updated.number == opened.number
    assert pull["body"].startswith("Other text\n") and pull["body"].count(task_mark(T1)) == 1
    sent = len(e.hub.asked("PATCH", f"/pulls/{opened.number}"))
    await e.forge.update(e.repository, e.wanted(title="Fix it well", body="Other text"))
    assert len(e.hub.asked("PATCH", f"/pulls/{opened.number}")) == sent, "nothing differs"


async def test_it_is_closed_and_opened_again(e: Emulated) -> None:
    opened = await e.opened()
    assert (await e.forge.close(e.repository, opened)).state is PullRequestState.CLOSED
    assert (await e.pull())["state"] == "closed"
    assert (await e.forge.update(e.repository, e.wanted())).state is PullRequestState.OPEN


async def test_a_comment_is_said_once_under_its_key(e: Emulated) -> None:
    opened = await e.opened()
    for text in ("One", "One", "Two"):
        await e.forge.comment(e.repository, opened, text, "key/1")
    await e.hub.by("ben", "POST", f"{AT}/issues/{opened.number}/comments", {"body": "Looks good"})
    remarks = await e.discussions.remarks(e.repository, opened.number)
    assert [(one.author.login, one.text, one.author.own) for one in remarks] == [
        ("honk[bot]", "Two", True),
        ("ben", "Looks good", False),
    ]
    assert len(e.hub.asked("POST", f"/issues/{opened.number}/comments")) == 1
    said = await e.discussions.say(e.repository, opened.number, "Three", "key/2")
    assert await e.discussions.say(e.repository, opened.number, "Three", "key/2") == said
    remark = await e.discussions.remark(e.repository, said)
    assert remark is not None and (remark.text, remark.number) == ("Three", opened.number)


async def test_a_draft_stays_one_without_graphql(e: Emulated) -> None:
    """emulate has no GraphQL, by which alone GitHub makes a draft ready."""
    opened = await e.opened(DRAFT)
    assert opened.state is PullRequestState.DRAFT and (await e.pull())["draft"] is True
    with pytest.raises(ForgeRefused, match="/graphql"):
        await e.forge.update(e.repository, e.wanted())
    refused = await e.merge()
    assert isinstance(refused, Refused) and "/graphql" in refused.reason and refused.remedy


# ── reviews ────────────────────────────────────────────────────────────────────────────────────
async def test_a_review_is_read(e: Emulated) -> None:
    number = (await e.opened()).number
    review = {
        "event": "REQUEST_CHANGES",
        "body": "Not yet",
        "comments": [{"path": "play.txt", "position": 1, "body": "Louder"}],
    }
    made = await e.hub.by("ben", "POST", f"{AT}/pulls/{number}/reviews", review)
    found = await e.discussions.review(e.repository, number, str(made["id"]))
    assert found is not None and (found,) == await e.discussions.reviews(e.repository, number)
    assert (found.author, found.state, found.text) == (Author(login="ben"), ReviewState.CHANGES_REQUESTED, "Not yet")
    assert (found.head, found.number) == (e.head, number)
    [line] = found.remarks
    assert (line.path, line.text, line.review, line.author.login) == ("play.txt", "Louder", found.id, "ben")
    assert await e.discussions.remark(e.repository, line.id) == line
    assert line in await e.discussions.remarks(e.repository, number)
    # emulate has no replies, no reactions and no GraphQL.
    with pytest.raises(ForgeRefused, match=f"/pulls/{number}/comments/.*/replies"):
        await e.discussions.answer(e.repository, number, line.id, "Yes", "answer/1")
    await e.discussions.react(e.repository, line.id, "eyes")
    assert not await e.discussions.resolve(e.repository, number, line.id)


async def test_a_person_approves_by_their_own_account(e: Emulated) -> None:
    opened = await e.opened()
    e.users.tokens["ben"] = Secret("token-ben")
    for _ in range(2):
        await e.forge.approve(e.repository, opened, head=e.head, by=person("ben"), text="Good", key="approve/1")
    [review] = await e.discussions.reviews(e.repository, opened.number)
    assert (review.author.login, review.state, review.head) == ("ben", ReviewState.APPROVED, e.head)


async def test_rights_are_asked_for(e: Emulated) -> None:
    """emulate takes every member of an organisation for an administrator of its repositories."""
    found = [await e.discussions.permission(e.repository, one) for one in ("ada", "eve", "nobody")]
    assert found == [Permission.ADMIN, Permission.NONE, Permission.NONE]
    await e.hub.by("ada", "PUT", f"{AT}/collaborators/eve", {"permission": "push"})
    assert await e.discussions.permission(e.repository, "eve") is Permission.WRITE
    assert not await e.discussions.public(e.repository)
    assert await e.discussions.full_name(e.repository) == REPOSITORY


# ── checks ─────────────────────────────────────────────────────────────────────────────────────
def verdict(e: Emulated, answer: Answer) -> Verdict:
    finding = Finding(verifier="pytest", kind=Kind.TEST, answer=answer, summary="as it is")
    return Verdict(answer=answer, tree=e.head, commit=e.head, findings=(finding,))


async def test_a_verdict_is_one_check(e: Emulated) -> None:
    await e.push()
    e.hub.gaps |= NO_STATUSES
    note = Annotation(path="play.txt", line=1, text="too quiet")
    await e.ci.report(e.repository, e.head, verdict(e, Answer.FAIL), key="t1/1", annotations=(note,))
    [run] = (await e.hub.by("ada", "GET", f"{AT}/commits/{e.head}/check-runs"))["check_runs"]
    assert (run["name"], run["conclusion"], run["external_id"]) == ("Honk", "failure", "t1/1")
    there = await e.hub.by("ada", "GET", f"{AT}/check-runs/{run['id']}/annotations")
    assert [(one["path"], one["message"]) for one in there["check_annotations"]] == [("play.txt", "too quiet")]
    await e.ci.report(e.repository, e.head, verdict(e, Answer.FAIL), key="t1/1", annotations=(note,))
    assert "annotations" not in e.hub.asked("PATCH", f"/check-runs/{run['id']}")[-1].body["output"], "it is there"
    await e.ci.report(e.repository, e.head, verdict(e, Answer.PASS), key="t1/1")
    [now_] = (await e.hub.by("ada", "GET", f"{AT}/commits/{e.head}/check-runs"))["check_runs"]
    assert (now_["id"], now_["conclusion"]) == (run["id"], "success")
    assert (await e.ci.checks(e.repository, e.head)).checks == (), "its own check is none of the repository's"


async def test_checks_of_others_are_read(e: Emulated) -> None:
    await e.push()
    await check(e, "tests", "failure")
    await check(e, "build", None)
    # emulate has no commit statuses: Honk does not take that for "nothing is red".
    with pytest.raises(ForgeRefused, match=f"/commits/{e.head}/status"):
        await e.ci.checks(e.repository, e.head)
    e.hub.gaps |= NO_STATUSES
    there = (await e.ci.checks(e.repository, e.head)).checks
    assert {one.name: one.state for one in there} == {"tests": CheckState.FAILED, "build": CheckState.RUNNING}


async def check(e: Emulated, name: str, conclusion: str | None) -> None:
    """Another program reports at the head."""
    ended = {"status": "completed", "conclusion": conclusion} if conclusion else {"status": "in_progress"}
    await e.hub.by("ada", "POST", f"{AT}/check-runs", {"name": name, "head_sha": e.head, **ended})


async def protect(e: Emulated, **more: Any) -> None:
    """main demands the check "tests"."""
    checks = {"strict": False, "contexts": ["tests"]}
    asked = {"required_status_checks": checks, "enforce_admins": True, "restrictions": None, **more}
    await e.hub.by("ada", "PUT", f"{AT}/branches/main/protection", asked)


async def test_required_checks_hold_a_merge_back(e: Emulated) -> None:
    """emulate refuses with 422 and says in no pull request that it is blocked; GitHub does with 405."""
    e.hub.gaps |= NO_STATUSES
    await e.opened()
    assert await e.ci.required(e.repository, "main") == ()
    await protect(e, required_pull_request_reviews=None)
    assert await e.ci.required(e.repository, "main") == ("tests",)
    refused = await e.merge()
    assert refused == Refused(
        reason="main demands more before a merge: check tests not finished", remedy="merge again when that is done"
    )
    await check(e, "tests", "failure")
    refused = await e.merge()
    assert isinstance(refused, Refused) and "check tests failed" in refused.reason
    assert BRANCH in await e.branches()


async def test_a_missing_review_holds_a_merge_back(e: Emulated) -> None:
    """emulate has no rules that name the number of reviews, so its own words are shown."""
    e.hub.gaps |= NO_STATUSES
    opened = await e.opened()
    await protect(e, required_pull_request_reviews={"required_approving_review_count": 1})
    await check(e, "tests", "success")
    refused = await e.merge()
    assert isinstance(refused, Refused) and "Required approving review count not met" in refused.reason
    assert refused.remedy.startswith("do what GitHub asks for")
    await e.hub.by("ben", "POST", f"{AT}/pulls/{opened.number}/reviews", {"event": "APPROVE"})
    assert isinstance(await e.merge(), Merged)


# ── merges ─────────────────────────────────────────────────────────────────────────────────────
async def test_exactly_the_wanted_head_is_merged(e: Emulated) -> None:
    opened = await e.opened()
    merged = await e.merge()
    assert isinstance(merged, Merged)
    [sent] = e.hub.asked("PUT", f"/pulls/{opened.number}/merge")
    assert sent.body["sha"] == e.head and sent.body["commit_title"] == "Fix it"
    main = await e.hub.by("ada", "GET", f"{AT}/git/ref/heads/main")
    assert main["object"]["sha"] == merged.commit
    assert await e.branches() == {"main"}, "the merged branch is gone"
    found = await e.forge.find(e.repository, T1)
    assert found is not None and (found.state, found.merged_as) == (PullRequestState.MERGED, merged.commit)
    assert await e.merge() == merged and len(e.hub.asked("PUT", f"/pulls/{opened.number}/merge")) == 1


async def test_a_merge_whose_answer_is_lost_is_not_done_twice(e: Emulated) -> None:
    await e.opened()
    e.hub.loses = lambda one: one.path.endswith("/merge")
    with pytest.raises(Unreachable):
        await e.merge()
    merged = await e.merge()
    assert isinstance(merged, Merged) and len(e.hub.asked("PUT", "/merge")) == 1


async def test_another_head_is_never_merged(e: Emulated) -> None:
    await e.opened()
    refused = await e.merge(Sha("1" * 40))
    assert isinstance(refused, Refused) and not e.hub.asked("PUT", "/merge")
    assert refused.reason == f"the branch {BRANCH} is at {e.head[:12]}, not at the verified 111111111111"


async def test_a_head_that_moves_at_that_moment_is_not_merged(e: Emulated) -> None:
    """GitHub answers 409, emulate 422; the proxy makes the sha a wrong one, as heads stay where they are there."""
    opened = await e.opened()

    def moved(method: str, path: str, body: Any) -> Any:
        return {**body, "sha": "1" * 40} if path.endswith("/merge") else body

    e.hub.changes = moved
    refused = await e.merge()
    assert isinstance(refused, Refused) and [one.status for one in e.hub.asked("PUT", "/merge")] == [422]
    assert refused.reason.startswith(f"the branch {BRANCH} moved at this moment")
    assert (await e.pull())["state"] == "open" and opened.number


# ── news ───────────────────────────────────────────────────────────────────────────────────────
async def test_news_tell_what_was_done(e: Emulated) -> None:
    """emulate lists no pull request among the issues, so nothing tells of those and of reviews.

    Its lists of all comments are never reached: it takes "comments" for a number. They are made of its own answers.
    """
    since = now() - timedelta(minutes=1)
    number = (await e.opened()).number
    issue = await e.hub.by("ada", "POST", f"{AT}/issues", {"title": "It breaks", "labels": ["honk"], "body": "x"})
    about = issue["number"]
    comment = await e.hub.by("ben", "POST", f"{AT}/issues/{about}/comments", {"body": "@honk look"})
    line = {"body": "Louder", "path": "play.txt", "line": 1, "side": "RIGHT", "commit_id": e.head}
    noted = await e.hub.by("ben", "POST", f"{AT}/pulls/{number}/comments", line)
    with pytest.raises(ForgeRefused, match=f"GitHub has nothing at {AT}/issues/comments"):
        await e.discussions.news(e.repository, since)
    e.hub.gaps |= {"/issues/comments": [comment], "/pulls/comments": [noted]}
    hints, then = await e.discussions.news(e.repository, since)
    assert set(hints) == {
        hint(HintKind.REMARK, about, f"comment/{comment['id']}"),
        hint(HintKind.REMARK, number, f"line/{noted['id']}"),
        hint(HintKind.ISSUE, about),
        hint(HintKind.LABELLED, about, "honk"),
    }
    assert since < then <= now()
    [asked] = [one.query for one in e.hub.asked("GET", f"{AT}/issues")]
    assert asked == {"since": stamp(since), "sort": "updated", "direction": "asc", "state": "all", "per_page": "100"}
    e.hub.gaps |= {"/issues/comments": [], "/pulls/comments": []}
    assert await e.discussions.news(e.repository, then + timedelta(hours=1)) == ((), then + timedelta(hours=1))


async def test_an_issue_is_read(e: Emulated) -> None:
    await e.hub.by("ada", "POST", f"{AT}/labels", {"name": "honk", "color": "7f8c8d"})
    made = await e.hub.by("ada", "POST", f"{AT}/issues", {"title": "It breaks", "body": "Words"})
    number = made["number"]
    await e.hub.by("ada", "POST", f"{AT}/issues/{number}/labels", {"labels": ["honk"]})
    await e.hub.by("ada", "POST", f"{AT}/issues/{number}/assignees", {"assignees": ["ben"]})
    issue = await e.discussions.issue(e.repository, number)
    assert issue is not None and (issue.title, issue.text, issue.author) == ("It breaks", "Words", Author(login="ada"))
    assert (issue.labels, issue.assignees, issue.open, issue.pull_request) == (("honk",), ("ben",), True, False)
    occasions = await e.discussions.labelled(e.repository, number)
    assert [(one.by.login, one.what) for one in occasions] == [("ada", "honk"), ("ada", "ben")]
    assert await e.discussions.issue(e.repository, 999) is None


def hint(kind: HintKind, number: int, id: str = "") -> Hint:
    return Hint(kind=kind, repository=REPOSITORY, number=number, id=id)
