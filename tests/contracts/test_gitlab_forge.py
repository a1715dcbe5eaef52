"""The contract of `Forge` at GitLab: at a fake written from GitLab's documentation, with real git behind it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gitlab_world import BRANCH, MESSAGE, T1, GitlabWorld, gitlab_world, operation_of, unmet

from honk.adapters.git.targets import GitTargets
from honk.adapters.gitlab import Absent, GitlabCredentials, GitlabRefused, RateLimited, Server
from honk.domain.person import Person, PersonId
from honk.domain.pull_request import Merged, MergeMethod, MergeResult, PullRequestState, Refused
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.errors import Defect, ForgeRefused, NotNow, RepositoryUnusable, Unreachable
from honk.testing.fake_gitlab import TOKEN, Asked
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio
BO = Person(id=PersonId("bo"), name="Bo\nBoss")


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[GitlabWorld]:
    async with gitlab_world(GitWorld(tmp_path, PlainSandboxes())) as made:
        yield made


async def merge(w: GitlabWorld, head: str = "", method: MergeMethod = MergeMethod.MERGE) -> MergeResult:
    there = await w.forge.find(w.repository, T1) or w.wanted()
    return await w.forge.merge(w.repository, there, head=Sha(head or w.head), method=method, message=MESSAGE)


def sent(w: GitlabWorld, method: str, ending: str = "") -> list[Asked]:
    return [one for one in w.hub.asked if one.method == method and one.path.endswith(ending)]


# ── publish and source ─────────────────────────────────────────────────────────────────────────
async def test_a_branch_is_published_once_and_again(w: GitlabWorld) -> None:
    for _ in range(2):
        assert not (await w.forge.publish(w.repository, BRANCH, w.head, over=None)).refused
    assert w.hub.tip(BRANCH) == w.head
    assert w.git.tip(w.git.mirror(w.local), BRANCH) == w.head
    assert await w.forge.source(w.repository, BRANCH) == w.repository.url


async def test_only_branches_of_honks_are_pushed_and_opened(w: GitlabWorld) -> None:
    with pytest.raises(Defect):
        await w.forge.publish(w.repository, "main", w.head, over=w.base)
    with pytest.raises(Defect):
        await w.forge.open(w.repository, w.wanted(branch="main"))
    assert w.hub.tip("main") == w.base
    assert w.hub.asked == []


async def test_a_persons_commit_is_not_overwritten_although_its_head_is_known(w: GitlabWorld) -> None:
    await w.proposed()
    theirs = w.git.commit_to_bare(w.hub.bare, {"theirs": "1"}, BRANCH)
    there = await w.forge.find(w.repository, T1)
    assert there is not None and there.head == theirs
    again = await w.commit(w.base, "Again")
    published = await w.forge.publish(w.repository, BRANCH, again, over=there.head)
    assert "somebody moved" in published.refused
    assert w.hub.tip(BRANCH) == theirs


async def test_a_commit_on_top_of_a_persons_is_published(w: GitlabWorld) -> None:
    await w.proposed()
    theirs = w.git.commit_to_bare(w.hub.bare, {"theirs": "1"}, BRANCH)
    await GitTargets(w.git.repositories).refresh(w.local)
    later = await w.commit(theirs, "Later")
    assert not (await w.forge.publish(w.repository, BRANCH, later, over=theirs)).refused
    assert w.hub.tip(BRANCH) == later


async def test_a_branch_that_only_the_mirror_has_comes_from_there(w: GitlabWorld) -> None:
    assert await w.forge.source(w.repository, BRANCH) is None
    await w.forge.publish(w.repository, BRANCH, w.head, over=None)
    w.git.git(w.hub.bare, "branch", "-D", BRANCH)
    assert await w.forge.source(w.repository, BRANCH) == str(w.git.mirror(w.local))


# ── open, find, update, close ──────────────────────────────────────────────────────────────────
async def test_a_merge_request_is_opened_once_and_found(w: GitlabWorld) -> None:
    assert await w.forge.find(w.repository, T1) is None
    made = await w.proposed(labels=("honk",), reviewers=("ada", "acme/team", "nobody"))
    again = await w.forge.open(w.repository, w.wanted(title="Another"))
    assert again == made == await w.forge.find(w.repository, T1)
    assert (made.number, made.state, made.head, made.base) == (1, PullRequestState.OPEN, w.head, "main")
    assert (made.labels, made.reviewers) == (("honk",), ("ada",))
    assert made.url == f"{w.hub.url}/acme/tools/app/-/merge_requests/1"
    assert w.store.kept[T1] == made


async def test_a_draft_is_marked_in_its_title_and_made_ready(w: GitlabWorld) -> None:
    draft = await w.proposed(state=PullRequestState.DRAFT, reviewers=("ada",))
    assert w.hub.merge_requests[1]["title"] == "Draft: Fix it"
    assert (draft.title, draft.state, draft.reviewers) == ("Fix it", PullRequestState.DRAFT, ())
    ready = replace(draft, state=PullRequestState.OPEN, body="More", reviewers=("ada",), labels=("honk",))
    seen = await w.forge.update(w.repository, ready)
    assert w.hub.merge_requests[1]["title"] == "Fix it"
    assert (seen.state, seen.body, seen.reviewers) == (PullRequestState.OPEN, "More", ("ada",))


async def test_what_people_put_there_stays(w: GitlabWorld) -> None:
    there = await w.proposed()
    w.hub.merge_requests[1]["labels"] = ["theirs"]
    w.hub.merge_requests[1]["reviewers"] = [{"id": 12, "username": "ben"}]
    seen = await w.forge.update(w.repository, replace(there, labels=("honk",), reviewers=("ada",)))
    assert seen.labels == ("theirs", "honk")
    assert set(seen.reviewers) == {"ada", "ben"}


async def test_nothing_is_sent_where_nothing_changes(w: GitlabWorld) -> None:
    there = await w.proposed()
    await w.forge.update(w.repository, there)
    assert sent(w, "PUT") == []


async def test_a_merge_that_somebody_has_set_to_happen_later_shows(w: GitlabWorld) -> None:
    assert not (await w.proposed()).waits_to_merge
    w.hub.merge_requests[1]["merge_when_pipeline_succeeds"] = True
    there = await w.forge.find(w.repository, T1)
    assert there is not None and there.waits_to_merge


async def test_closing_and_opening_again(w: GitlabWorld) -> None:
    there = await w.proposed()
    closed = await w.forge.close(w.repository, there)
    assert closed.state is PullRequestState.CLOSED
    assert w.hub.tip(BRANCH) == w.head
    assert isinstance(await merge(w), Refused)
    again = await w.forge.update(w.repository, replace(closed, state=PullRequestState.OPEN))
    assert (again.number, again.state) == (1, PullRequestState.OPEN)


async def test_a_merge_request_of_a_fork_with_that_branch_is_not_taken_for_honks(w: GitlabWorld) -> None:
    await w.proposed()
    w.hub.merge_requests[2] = {**w.hub.merge_requests[1], "iid": 2, "source_project_id": 99}
    there = await w.forge.find(w.repository, T1)
    assert there is not None and there.number == 1
    del w.hub.merge_requests[1]
    assert await w.forge.find(w.repository, T1) is None


async def test_a_merge_request_that_was_opened_meanwhile_is_taken(w: GitlabWorld) -> None:
    made = await w.proposed()
    w.hub.hidden = 1
    assert await w.forge.open(w.repository, w.wanted()) == made
    w.hub.hidden = 2
    with pytest.raises(GitlabRefused, match="Another open merge request"):
        await w.forge.open(w.repository, w.wanted())


async def test_orders_in_an_agents_words_are_no_orders(w: GitlabWorld) -> None:
    there = await w.proposed(body="Done.\n/merge\r\n  /approve\nsee /usr/bin\n")
    await w.forge.comment(w.repository, there, "/close\nwell", "k")
    assert w.hub.merge_requests[1]["description"] == "Done.\n\\/merge\n  \\/approve\nsee /usr/bin\n"
    assert w.hub.notes[1][0]["body"].startswith("\\/close\nwell")


async def test_a_branch_that_is_not_there_is_said(w: GitlabWorld) -> None:
    with pytest.raises(ForgeRefused, match=r"source_branch does not exist"):
        await w.forge.open(w.repository, w.wanted())


async def test_updating_what_is_not_there(w: GitlabWorld) -> None:
    with pytest.raises(ForgeRefused, match="no merge request"):
        await w.forge.update(w.repository, w.wanted())


# ── comments and approvals ─────────────────────────────────────────────────────────────────────
async def test_a_comment_is_made_once_for_each_key(w: GitlabWorld) -> None:
    there = await w.proposed()
    w.hub.page = 1
    for key in ("a", "a", "b", "a"):
        await w.forge.comment(w.repository, there, f"news {key}", key)
    assert [one["body"].partition("\n")[0] for one in w.hub.notes[1]] == ["news a", "news b"]


async def test_a_mark_in_a_strangers_comment_counts_for_nothing(w: GitlabWorld) -> None:
    there = await w.proposed()
    await w.forge.comment(w.repository, there, "news", "a")
    w.hub.notes[1][0]["author"] = {"id": 11, "username": "ada"}
    await w.forge.comment(w.repository, there, "news", "a")
    assert len(w.hub.notes[1]) == 2


@pytest.mark.parametrize("may", [True, False])
async def test_an_approval_is_gitlabs_where_it_can_be_and_said_in_any_case(w: GitlabWorld, may: bool) -> None:
    there = await w.proposed()
    w.hub.may_approve = may
    for _ in range(2):
        await w.forge.approve(w.repository, there, head=w.head, by=BO, text="tried it", key="a")
    assert w.hub.approvals[1] == (["honk"] if may else [])
    [note] = w.hub.notes[1]
    assert note["body"].startswith(f"Bo Boss approves {w.head}\n\ntried it\n\n<!-- honk ")


async def test_another_commit_is_not_approved(w: GitlabWorld) -> None:
    there = await w.proposed()
    w.git.commit_to_bare(w.hub.bare, {"theirs": "1"}, BRANCH)
    with pytest.raises(NotNow, match="moved"):
        await w.forge.approve(w.repository, there, head=w.head, by=BO, text="", key="a")
    assert w.hub.approvals[1] == []


# ── merge ──────────────────────────────────────────────────────────────────────────────────────
async def test_exactly_that_commit_is_merged_and_the_answer_stays_the_same(w: GitlabWorld) -> None:
    await w.proposed()
    merged = await merge(w)
    assert isinstance(merged, Merged) and merged.commit == w.hub.tip("main")
    assert w.show("%P", merged.commit) == f"{w.base} {w.head}"
    assert w.show("%B", merged.commit) == MESSAGE.strip()
    assert sent(w, "PUT", "/merge")[0].body["sha"] == w.head
    assert await merge(w) == merged
    there = await w.forge.find(w.repository, T1)
    assert there is not None and await w.forge.obstacle(w.repository, there, method=MergeMethod.MERGE) is None
    assert w.store.kept[T1].state is PullRequestState.MERGED
    assert w.store.kept[T1].merged_as == merged.commit


async def test_a_squash_keeps_the_trailers(w: GitlabWorld) -> None:
    await w.proposed()
    merged = await merge(w, method=MergeMethod.SQUASH)
    assert isinstance(merged, Merged)
    [squashed] = [w.hub.merge_requests[1]["squash_commit_sha"]]
    assert "Requested-by: Ada" in w.show("%B", squashed)
    assert w.show("%P", squashed) == w.base


async def test_a_fast_forward_is_merged_as_the_head(w: GitlabWorld) -> None:
    w.hub.project["merge_method"] = "ff"
    await w.proposed()
    assert await merge(w, method=MergeMethod.REBASE) == Merged(commit=w.head)
    assert w.hub.tip("main") == w.head


@pytest.mark.parametrize(
    ("method", "project"),
    [(MergeMethod.SQUASH, {"squash_option": "never"}), (MergeMethod.REBASE, {"merge_method": "merge"})],
)
async def test_a_method_that_the_project_has_not_is_refused(
    w: GitlabWorld, method: MergeMethod, project: dict[str, Any]
) -> None:
    w.hub.project.update(project)
    there = await w.proposed()
    refused = await merge(w, method=method)
    assert isinstance(refused, Refused) and "honk.toml" in refused.remedy
    assert await w.forge.obstacle(w.repository, there, method=method) == refused
    assert w.hub.tip("main") == w.base


async def test_a_branch_that_moved_is_not_merged(w: GitlabWorld) -> None:
    await w.proposed()
    theirs = w.git.commit_to_bare(w.hub.bare, {"theirs": "1"}, BRANCH)
    refused = await merge(w)
    assert isinstance(refused, Refused) and theirs[:12] in refused.reason
    assert w.hub.tip("main") == w.base


async def test_gitlab_that_is_slow_to_see_a_push_is_waited_for(w: GitlabWorld) -> None:
    there = await w.proposed()
    later = await w.commit(w.head, "Later")
    w.hub.lag = 7
    assert not (await w.forge.publish(w.repository, BRANCH, later, over=w.head)).refused
    assert (await w.forge.update(w.repository, replace(there, head=later))).head == later
    assert isinstance(await merge(w, later), Merged)
    assert w.waited


async def test_a_merge_that_takes_its_time_is_waited_for(w: GitlabWorld) -> None:
    await w.proposed()
    w.hub.locked = 4
    assert await merge(w) == Merged(commit=Sha(w.hub.tip("main")))
    assert len(sent(w, "PUT", "/merge")) == 1


async def test_gitlab_that_never_comes_to_an_end_is_not_waited_for_for_ever(w: GitlabWorld) -> None:
    await w.proposed()
    w.hub.lag = 10_000
    assert isinstance(await merge(w), Refused)
    assert 10 < sum(w.waited) < 60


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("not_approved", "approvals"),
        ("discussions_not_resolved", "threads"),
        ("ci_still_running", "still running"),
        ("requested_changes", "reviewer"),
        ("a_status_of_tomorrow", "405"),
    ],
)
async def test_what_gitlab_wants_first_is_said(w: GitlabWorld, status: str, said: str) -> None:
    there = await w.proposed()
    w.hub.held_back = status
    refused = await merge(w)
    assert isinstance(refused, Refused) and said in refused.reason and refused.remedy
    known = await w.forge.obstacle(w.repository, there, method=MergeMethod.MERGE)
    assert known == (None if status == "a_status_of_tomorrow" else refused)


async def test_a_conflict_says_what_to_do(w: GitlabWorld) -> None:
    await w.proposed()
    w.git.commit_to_bare(w.hub.bare, {"README.md": "Other\n"})
    refused = await merge(w)
    assert isinstance(refused, Refused)
    assert refused.reason == "GitLab does not merge it: it conflicts with main"
    assert "up to date" in refused.remedy
    there = await w.forge.find(w.repository, T1)
    assert there is not None and there.conflicts


async def test_a_pipeline_that_the_project_demands(w: GitlabWorld) -> None:
    await w.proposed()
    w.hub.project["only_allow_merge_if_pipeline_succeeds"] = True
    refused = await merge(w)
    assert isinstance(refused, Refused) and "pipeline" in refused.reason
    w.hub.pipeline(w.head, "success")
    assert isinstance(await merge(w), Merged)


async def test_a_user_who_may_not_merge(w: GitlabWorld) -> None:
    await w.proposed()
    w.hub.may_merge = False
    refused = await merge(w)
    assert isinstance(refused, Refused) and "does not let Honk's user merge into main" in refused.reason


async def test_a_draft_whose_merge_the_caller_allows_is_made_ready_first(w: GitlabWorld) -> None:
    there = await w.proposed(state=PullRequestState.DRAFT)
    w.hub.merge_requests[1]["title"] = "Draft: Fix it well"
    assert isinstance(
        await w.forge.merge(w.repository, there, head=w.head, method=MergeMethod.MERGE, message=MESSAGE), Merged
    )
    assert w.hub.merge_requests[1]["title"] == "Fix it well"


async def test_a_merge_whose_answer_is_lost_is_found(w: GitlabWorld) -> None:
    await w.proposed()
    w.hub.loses_merge = True
    with pytest.raises(Unreachable):
        await merge(w)
    assert await merge(w) == Merged(commit=Sha(w.hub.tip("main")))
    assert len(sent(w, "PUT", "/merge")) == 1


async def test_somebody_else_merged_another_head(w: GitlabWorld) -> None:
    await w.proposed()
    w.git.commit_to_bare(w.hub.bare, {"theirs": "1"}, BRANCH)
    theirs = w.hub.tip(BRANCH)
    assert isinstance(await merge(w, theirs), Merged)
    refused = await merge(w)
    assert isinstance(refused, Refused) and theirs[:12] in refused.reason


async def test_there_is_nothing_to_merge(w: GitlabWorld) -> None:
    assert isinstance(await merge(w), Refused)


async def test_an_obstacle_that_cannot_be_asked_for_is_none(w: GitlabWorld) -> None:
    there = await w.proposed()
    w.hub.troubles.extend([(503, {})] * 10)
    assert await w.forge.obstacle(w.repository, there, method=MergeMethod.MERGE) is None


# ── where and who ──────────────────────────────────────────────────────────────────────────────
async def test_a_renamed_project_is_found(tmp_path: Path) -> None:
    async with gitlab_world(GitWorld(tmp_path, PlainSandboxes()), former="acme/old/app") as w:
        made = await w.proposed()
        assert made.number == 1
        assert (await w.server.project(w.repository)).path == "acme/tools/app"
        assert all(one.path.startswith("/projects/42") for one in sent(w, "POST"))


async def test_a_project_that_the_token_does_not_see(w: GitlabWorld) -> None:
    hidden = Repository(url=f"{w.hub.url}/acme/hidden.git", name="hidden", key="hidden")
    with pytest.raises(RepositoryUnusable, match="acme/hidden"):
        await w.forge.find(hidden, T1)
    assert isinstance(
        await w.forge.merge(hidden, w.wanted(), head=w.head, method=MergeMethod.MERGE, message=""), Refused
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://gitlab.example.com/acme/tools/app.git", "acme/tools/app"),
        ("https://gitlab.example.com/acme/app/", "acme/app"),
        ("ssh://git@gitlab.example.com:2222/acme/tools/app.git", "acme/tools/app"),
        ("git@gitlab.example.com:acme/app.git", "acme/app"),
        ("http://gitlab.example.com/acme/app.git", None),
        ("https://gitlab.example.com:8443/acme/app.git", None),
        ("https://gitlab.example.com.evil.example/acme/app.git", None),
        ("https://gitlab.example.com/acme", None),
        ("/srv/git/app", None),
    ],
)
async def test_what_lies_at_gitlab(url: str, path: str | None) -> None:
    server = Server("https://gitlab.example.com", Secret("t"))
    repository = Repository(url=url, name="app", key="app")
    assert server.path_of(repository) == path
    lent = await GitlabCredentials(server).lent(repository, writes=True)
    if path is None or not url.startswith("https"):
        assert lent is None
    else:
        assert lent is not None
        assert (lent.origin, lent.username, lent.password) == ("https://gitlab.example.com", "oauth2", Secret("t"))
        assert "***" in repr(lent)
        await GitlabCredentials(server).returned(lent)


async def test_a_gitlab_below_a_path() -> None:
    server = Server("https://example.com/gitlab", Secret("t"))
    assert server.path_of(Repository(url="https://example.com/gitlab/a/b.git", name="b", key="b")) == "a/b"
    assert server.path_of(Repository(url="https://example.com/other/a/b.git", name="b", key="b")) is None


# ── trouble ────────────────────────────────────────────────────────────────────────────────────
async def test_a_wrong_token_is_said_and_never_shown(w: GitlabWorld) -> None:
    server = Server(w.hub.url, Secret("glpat-wrong"))
    with pytest.raises(ForgeRefused) as caught:
        await server.me()
    assert "GITLAB_TOKEN" in caught.value.remedy
    assert "glpat-wrong" not in f"{caught.value!r} {caught.value.__cause__!r}"
    server.close()


async def test_reads_are_tried_again_and_writes_are_not(w: GitlabWorld) -> None:
    there = await w.proposed()
    w.hub.troubles.extend([(502, {}), (503, {})])
    assert await w.forge.find(w.repository, T1) == there
    before = len(sent(w, "POST", "/notes"))
    with pytest.raises(Unreachable):
        w.hub.troubles.append((502, {}))
        await w.server.send("post", "/projects/42/merge_requests/1/notes", {"body": "x"}, act="comment")
    assert len(sent(w, "POST", "/notes")) == before + 1


async def test_a_wish_for_fewer_requests_is_obeyed(w: GitlabWorld) -> None:
    w.hub.troubles.extend([(429, {"Retry-After": "0"}), (429, {"Retry-After": "0"})])
    assert await w.server.me() == 7
    with pytest.raises(RateLimited, match="3600 seconds"):
        w.hub.troubles.append((429, {"Retry-After": "3600"}))
        await w.server.get("/user", act="ask")


async def test_nobody_answers() -> None:
    server = Server("http://127.0.0.1:9", Secret("t"), timeout=1.0)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        await server.send("post", "/user", act="ask")
    server.close()


@pytest.mark.parametrize(("status", "error"), [(404, Absent), (403, GitlabRefused), (400, GitlabRefused)])
async def test_refusals_have_their_status(w: GitlabWorld, status: int, error: type[GitlabRefused]) -> None:
    w.hub.troubles.append((status, {}))
    with pytest.raises(error) as caught:
        await w.server.get("/user", act="ask")
    assert caught.value.status == status


def test_the_description_tells_what_does_not_fit() -> None:
    def asked(method: str, path: str, **more: Any) -> Asked:
        return Asked(method=method, path=path, query=more.get("query", {}), body=more.get("body", {}), headers={})

    assert operation_of(asked("GET", "/projects/a%2Fb")) == "GET /projects/{id}"
    assert unmet(asked("DELETE", "/projects/1"))
    assert unmet(asked("GET", "/projects/1", query={"wrong": "1"}))
    assert unmet(asked("PUT", "/projects/1/merge_requests/2/merge", body={"sha": 3}))
    assert unmet(asked("POST", "/projects/1/merge_requests", body={"title": "x"}))
    assert TaskId("t1") == T1 and TOKEN
