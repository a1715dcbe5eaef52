"""The forge at GitHub: publishing, finding, opening, updating, comments and approvals."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from github_forge_world import BRANCH, DRAFT, OPEN, T1, Placed, person, placed

from honk.adapters.github.publishing import explained
from honk.adapters.github.texts import LIMIT, task_mark
from honk.domain.pull_request import PullRequestState
from honk.domain.repository import Sha
from honk.domain.text import Secret
from honk.errors import Defect, ForgeRefused, NotNow, RepositoryUnusable, Unreachable

pytestmark = [pytest.mark.anyio, pytest.mark.seconds(60)]
ADA, BO = person("ada"), person("bo")


@pytest.fixture
async def p(tmp_path: Path) -> AsyncIterator[Placed]:
    async with placed(tmp_path) as made:
        yield made


def link(p: Placed, login: str) -> None:
    p.users.tokens[login] = Secret(p.world.user_token(p.app, login).value)


# ── publish ────────────────────────────────────────────────────────────────────────────────────
async def test_a_branch_is_published_once_and_again(p: Placed) -> None:
    for _ in range(2):
        published = await p.publish()
        assert (published.commit, published.refused) == (p.head, "")
    assert p.tip() == p.head == p.git.tip(p.git.mirror(p.repository), BRANCH)
    assert len([one for one in p.world.git_requests if one[1].endswith("/git-receive-pack") and one[0] == "POST"]) == 1


async def test_only_honks_own_branches_are_published(p: Placed) -> None:
    with pytest.raises(Defect):
        await p.forge.publish(p.repository, "main", p.head, over=p.base)
    assert p.tip("main") == p.base


async def test_a_persons_commit_is_never_overwritten(p: Placed) -> None:
    await p.publish()
    theirs = p.world.commit(p.repo, {"theirs": "1"}, branch=BRANCH)
    later = await p.changed({"later": "1"})
    published = await p.publish(later, over=p.head)
    assert published.refused == f"somebody moved {BRANCH} to {theirs[:12]}" and p.tip() == theirs


async def test_a_later_turn_moves_the_branch(p: Placed) -> None:
    await p.publish()
    later = await p.changed({"later": "1"})
    assert (await p.publish(later, over=p.head)).refused == "" and p.tip() == later


@pytest.mark.parametrize("how", ["protect", "ruleset"])
async def test_where_signatures_are_demanded_github_signs(p: Placed, how: str) -> None:
    getattr(p.world, how)(p.repo, signatures=True)
    head = await p.changed({"run.sh": "echo\n", "src/play.py": None, "README.md": "Noise\n"})
    Path(p.workspace.path, "link").symlink_to("README.md")
    Path(p.workspace.path, "run.sh").chmod(0o755)
    head = await p.changed({"deep/er/ä.txt": "x"}, parent=head, message="Two\n\nHonk-Task: t1\n")
    published = await p.publish(head)
    assert published.refused == "" and published.commit != head and p.tip() == published.commit
    made = p.repo.bare.read_commit(published.commit)
    assert made.verified and made.tree == await p.git.repositories.tree(p.repository, head)
    assert made.message.strip() == "Two\n\nHonk-Task: t1" and p.repo.bare.read_commit(made.parents[0]).verified
    assert p.git.tip(p.git.mirror(p.repository), BRANCH) == published.commit
    assert await p.publish(head) == published, "after a crash before it was recorded"
    assert await p.publish(head, over=published.commit) == published
    later = await p.changed({"later": "1"}, parent=published.commit)
    third = await p.publish(later, over=published.commit)
    assert third.refused == "" and p.repo.bare.read_commit(third.commit).parents == (published.commit,)
    p.world.commit(p.repo, {"theirs": "1"}, branch=BRANCH)
    last = await p.changed({"last": "1"}, parent=third.commit)
    assert "somebody moved" in (await p.publish(last, over=third.commit)).refused


async def test_signatures_are_seen_without_an_administrators_rights(p: Placed) -> None:
    p.world.protect(p.repo, signatures=True)
    del p.installation.permissions["administration"]
    rule = {"repository": {"ref": {"refUpdateRule": {"requiresSignatures": True}}}}
    p.world.limits.trouble(200, path="/graphql", body={"data": rule})
    published = await p.publish()
    assert published.refused == "" and p.repo.bare.read_commit(published.commit).verified


async def test_a_signed_commit_never_takes_the_place_of_another(p: Placed) -> None:
    p.world.ruleset(p.repo, signatures=True)
    first = await p.publish()
    other = await p.changed({"other": "1"}, parent=p.base)
    second = await p.publish(other, over=first.commit)
    assert "does not come after it" in second.refused and p.tip() == first.commit


async def test_a_repository_that_cannot_be_written_says_why(p: Placed) -> None:
    p.world.archive(p.repo)
    published = await p.publish()
    assert "archived" in published.refused and published.commit == p.head and p.tip() is None
    assert p.git.tip(p.git.mirror(p.repository), BRANCH) == p.head, "the mirror keeps it"
    with pytest.raises(ForgeRefused, match="archived"):
        await p.forge.open(p.repository, p.wanted())


async def test_let_out_in_the_middle_of_a_task(p: Placed) -> None:
    await p.opened()
    p.world.uninstall(p.installation)
    assert (await p.publish(over=p.head)).refused
    with pytest.raises((RepositoryUnusable, ForgeRefused)) as gone:
        await p.find()
    assert gone.value.remedy
    refused = await p.obstacle()
    assert refused is not None and refused.reason


async def test_a_renamed_and_transferred_repository_is_followed(p: Placed) -> None:
    await p.opened()
    p.world.rename(p.repo, "acme/music")
    later = await p.changed({"later": "1"})
    assert (await p.publish(later, over=p.head)).refused == ""
    there = await p.forge.update(p.repository, p.wanted(title="Better", head=later))
    assert (there.title, there.head) == ("Better", later)
    assert len(p.repo.pulls()) == 1


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            "[remote rejected] (refusing to allow a GitHub App to create or update workflow "
            "`.github/workflows/ci.yml` without `workflows` permission)",
            "workflows: write",
        ),
        (
            "[remote rejected] (push declined due to repository rule violations): error: GH013: Repository rule "
            "violations found for refs/heads/honk/t1.; - GITHUB PUSH PROTECTION; Push cannot contain secrets; "
            "GitHub Personal Access Token; locations:; - commit: 1234; path: src/keys.py:1; (?) To push, remove",
            "a secret in src/keys.py:1",
        ),
        (
            "[remote rejected] (pre-receive hook declined): error: Trace: 1; error: See https://gh.io/lfs; error: File "
            "big.bin is 120.50 MB; this exceeds GitHub's file size limit of 100.00 MB; error: GH001: Large files",
            "big.bin with 120.50 MB",
        ),
        (
            "[remote rejected] (push declined due to repository rule violations): error: GH013: Repository rule "
            "violations found for refs/heads/honk/t1.; - Cannot create ref due to creations being restricted.",
            "Cannot create ref due to creations being restricted; let",
        ),
        (
            "[remote rejected] (protected branch hook declined): error: GH006: Protected branch update failed",
            "leave honk",
        ),
    ],
)
def test_what_git_says_becomes_one_sentence(refusal: str, said: str) -> None:
    assert said in explained(refusal, BRANCH) and "\n" not in explained(refusal, BRANCH)


async def test_a_workflow_needs_a_permission(p: Placed) -> None:
    del p.installation.permissions["workflows"]
    head = await p.changed({".github/workflows/ci.yml": "on: push\n"})
    published = await p.publish(head)
    assert "workflows: write" in published.refused and p.tip() is None


# ── open and find ──────────────────────────────────────────────────────────────────────────────
async def test_a_pull_request_is_opened_once(p: Placed) -> None:
    assert await p.find() is None
    made = await p.opened(DRAFT)
    assert (made.number, made.state, made.head, made.base) == (p.issue.number, DRAFT, p.head, "main")
    assert made.url == f"{p.hub.web}/acme/app/pull/{made.number}" and task_mark(T1) in made.body
    assert p.store.pull_requests[T1] == made
    assert await p.forge.open(p.repository, p.wanted(title="Another")) == made
    assert await p.find() == made and p.issue.user.login == "honk[bot]" and p.pull.draft


@pytest.mark.parametrize("known", [True, False])
async def test_a_crash_after_the_request_is_found_out(p: Placed, known: bool) -> None:
    await p.publish()
    p.world.limits.break_connection(after=True, method="POST", path="/pulls")
    with pytest.raises(Unreachable):
        await p.forge.open(p.repository, p.wanted())
    assert p.store.pull_requests == {}
    found = await (p.find() if known else p.forge.open(p.repository, p.wanted()))
    assert found is not None and found.number == p.issue.number == p.store.pull_requests[T1].number


async def test_one_in_a_fork_with_the_same_name_is_not_ours(p: Placed) -> None:
    await p.publish()
    fork = p.world.fork(p.repo, "cy")
    p.world.collaborate(p.repo, "cy", "read")
    p.hub.people.pull("cy", p.repo, f"cy:{BRANCH}", title="Mine", body=task_mark(T1))
    assert await p.find() is None and fork.bare.branch(BRANCH)
    made = await p.forge.open(p.repository, p.wanted())
    assert len(p.repo.pulls()) == 2 and p.repo.issues[made.number].user.login == "honk[bot]"


async def test_what_people_did_meanwhile_is_seen(p: Placed) -> None:
    made = await p.opened()
    p.issue.title, p.issue.body = "Theirs", "Line\r\nLine"
    found = await p.find()
    assert found is not None and (found.title, found.body) == ("Theirs", "Line\nLine")
    theirs = p.world.commit(p.repo, {"theirs": "1"}, branch=BRANCH)
    found = await p.find()
    assert found is not None and found.head == theirs and p.store.pull_requests[T1].head == theirs
    saved = p.store.saved
    await p.find()
    assert p.store.saved == saved, "saved when it differs"
    p.store.pull_requests[T1] = replace(made, url=None, number=77)
    found = await p.find()
    assert found is not None and found.number == made.number, "a number that the store gave"


async def test_it_is_opened_as_the_person_who_asked(p: Placed) -> None:
    link(p, "ada")
    made = await p.opened(by=ADA)
    assert p.issue.user.login == "ada" and "Requested-by" not in made.body
    assert [one.login for one in p.issue.assignees] == ["ada"]


async def test_who_is_known_by_a_link_alone_is_assigned_and_approves_once(p: Placed) -> None:
    link(p, "bo")
    linked = replace(BO, identities=())
    p.users.logins[linked.id] = "bo"
    there = await p.opened(by=BO)
    p.issue.assignees.clear()
    await p.forge.open(p.repository, there, by=linked)
    assert [one.login for one in p.issue.assignees] == ["bo"]
    p.issue.user = p.world.user("cy")
    for _ in range(2):
        await approve(p, linked)
    assert reviews(p) == [("bo", "APPROVED", p.head)]


async def test_a_number_that_is_somebody_elses_is_left_alone(p: Placed) -> None:
    p.world.commit(p.repo, {"x": "1"}, branch="topic")
    p.hub.people.pull("ada", p.repo, "topic", title="Theirs", body="Words")
    other = p.issue
    p.store.pull_requests[T1] = p.wanted(number=other.number, url="https://github.com/acme/app/pull/1")
    assert await p.find() is None
    made = await p.opened()
    assert made.number != other.number and (other.title, other.body) == ("Theirs", "Words")


async def test_who_linked_no_account_is_named(p: Placed) -> None:
    made = await p.opened(by=replace(ADA, name="Ada <b>@all"))
    assert p.issue.user.login == "honk[bot]"
    assert "\nRequested-by: Ada &lt;b>@\u200ball" in made.body
    later = await p.forge.update(p.repository, replace(made, body="New text"))
    assert later.body.startswith("New text\n\n<!-- honk-task: t1 -->\nRequested-by: Ada")


async def test_whose_account_may_not_is_named_too(p: Placed) -> None:
    link(p, "cy")
    made = await p.opened(by=person("cy"))
    assert p.issue.user.login == "honk[bot]"
    assert "Requested-by: Cy\nOpened by Honk, because GitHub did not take it from their own account" in made.body
    assert p.issue.assignees == []


async def test_labels_and_reviewers(p: Placed) -> None:
    p.repo.owner.teams["core"] = ["bo"]
    made = await p.opened(DRAFT, labels=("bug", "honk"), reviewers=("bo", "nobody", "honk[bot]", "acme/core"))
    assert [one.name for one in p.issue.labels] == ["bug", "honk"] and p.pull.reviewers == []
    ready = await p.forge.update(p.repository, replace(made, state=OPEN))
    assert ready.state is OPEN and not p.pull.draft
    assert [one.login for one in p.pull.reviewers] == ["bo"]
    await p.forge.update(p.repository, ready)
    assert len(p.world.calls("POST", "/issues/1/labels")) == 1


async def test_without_the_right_to_make_labels_nothing_fails(p: Placed) -> None:
    p.world.limits.trouble(403, method="POST", path="/labels", body={"message": "Resource not accessible"}, times=2)
    await p.opened(labels=("honk",))
    assert p.issue.labels == []


async def test_a_repository_without_drafts(p: Placed) -> None:
    words = {"message": "Validation Failed", "errors": ["Draft pull requests are not supported in this repository."]}
    p.world.limits.trouble(422, method="POST", path="/pulls", body=words)
    made = await p.opened(DRAFT)
    assert (made.state, made.title, p.issue.title, p.pull.draft) == (DRAFT, "Fix it", "[draft] Fix it", False)
    same = await p.forge.update(p.repository, made)
    assert same == made and p.issue.title == "[draft] Fix it"
    ready = await p.forge.update(p.repository, replace(made, state=OPEN))
    assert (ready.state, p.issue.title) == (OPEN, "Fix it")


async def test_a_long_text_is_cut_and_keeps_its_mark(p: Placed) -> None:
    made = await p.opened(body="ä" * (LIMIT + 10))
    assert len(made.body) <= LIMIT and "cut here" in made.body and made.body.endswith(task_mark(T1))


async def test_a_mark_of_another_task_is_only_text(p: Placed) -> None:
    made = await p.opened(body="See <!-- honk-task: t2 -->", by=replace(ADA, name="Ada"))
    assert made.body == f"See <!-- honk-task: t2 -->\n\n{task_mark(T1)}\nRequested-by: Ada"


async def test_what_cannot_be_opened_is_explained(p: Placed) -> None:
    with pytest.raises(ForgeRefused, match="the branch is not there"):
        await p.forge.open(p.repository, p.wanted())
    await p.publish()
    with pytest.raises(ForgeRefused, match="no branch gone any more"):
        await p.forge.open(p.repository, p.wanted(base="gone"))
    p.world.commit(p.repo, {}, branch="honk/t1", message="x")
    p.repo.bare.set_ref("refs/heads/main", p.tip())
    with pytest.raises(ForgeRefused, match="main has everything"):
        await p.forge.open(p.repository, p.wanted())


# ── update and close ───────────────────────────────────────────────────────────────────────────
async def test_draft_and_ready_and_text(p: Placed) -> None:
    made = await p.opened()
    drafted = await p.forge.update(p.repository, replace(made, title="Better", body="New", state=DRAFT))
    assert p.pull.draft and drafted.state is DRAFT and p.issue.title == "Better"
    assert drafted.body == f"New\n\n{task_mark(T1)}"
    before = len(p.world.calls("PATCH"))
    assert await p.forge.update(p.repository, drafted) == drafted and len(p.world.calls("PATCH")) == before


async def test_closed_and_opened_again(p: Placed) -> None:
    made = await p.opened()
    for _ in range(2):
        closed = await p.forge.close(p.repository, made)
        assert closed.state is PullRequestState.CLOSED and p.issue.state == "closed" and p.tip() == p.head
    again = await p.forge.update(p.repository, replace(made, state=OPEN))
    assert again.state is OPEN and p.issue.state == "open"
    await p.forge.close(p.repository, made)
    p.repo.bare.set_ref(f"refs/heads/{BRANCH}", None)
    with pytest.raises(ForgeRefused, match="cannot be opened again"):
        await p.forge.update(p.repository, replace(made, state=OPEN))


async def test_without_a_pull_request_there_is_nothing_to_change(p: Placed) -> None:
    with pytest.raises(ForgeRefused, match="no pull request"):
        await p.forge.update(p.repository, p.wanted())
    with pytest.raises(ForgeRefused, match="no pull request"):
        await p.forge.comment(p.repository, p.wanted(), "x", "k")


# ── comments and approvals ─────────────────────────────────────────────────────────────────────
async def test_a_comment_is_said_once_and_brought_up_to_date(p: Placed) -> None:
    made = await p.opened()
    p.hub.people.comment("cy", p.repo, made.number, "Mine\n\n<!-- honk: one -->")
    for text in ("Thanks", "Thanks", "Many thanks"):
        await p.forge.comment(p.repository, made, text, "one")
    theirs, ours = p.repo.comments.values()
    assert theirs.body.startswith("Mine") and ours.body == "Many thanks\n\n<!-- honk: one -->"
    assert len(p.world.calls("PATCH", "/comments/")) == 1


async def test_a_locked_conversation_says_so(p: Placed) -> None:
    made = await p.opened()
    words = {"message": "Unable to create comment because issue is locked."}
    p.world.limits.trouble(403, method="POST", path="/comments", body=words)
    with pytest.raises(ForgeRefused, match="issue is locked") as refused:
        await p.forge.comment(p.repository, made, "x", "k")
    assert refused.value.remedy and p.store.kept == {}


def reviews(p: Placed) -> list[tuple[str, str, str]]:
    return [(one.user.login, one.state, one.commit_id) for one in p.repo.reviews.values()]


async def approve(p: Placed, by: object = BO, head: str = "") -> None:
    there = p.store.pull_requests[T1]
    await p.forge.approve(
        p.repository,
        there,
        head=Sha(head or p.head),
        by=by,  # type: ignore[arg-type]
        text="tried it",
        key="approved/1",
    )


async def test_a_linked_person_approves_themselves(p: Placed) -> None:
    link(p, "bo")
    await p.opened()
    for _ in range(2):
        await approve(p)
    assert reviews(p) == [("bo", "APPROVED", p.head)]


async def test_an_approval_that_a_person_gave_at_github_is_not_said_again(p: Placed) -> None:
    link(p, "bo")
    there = await p.opened()
    p.hub.people.review("bo", p.repo, there.number, "APPROVED", "good")
    await approve(p)
    assert reviews(p) == [("bo", "APPROVED", p.head)]


async def test_for_others_honk_says_so(p: Placed) -> None:
    await p.opened()
    for _ in range(2):
        await approve(p, head=p.head[:9])
    assert reviews(p) == [("honk[bot]", "COMMENTED", p.head)]
    [review] = p.repo.reviews.values()
    assert review.body.startswith(f"Bo approves {p.head}\n\ntried it")


async def test_nobody_approves_their_own(p: Placed) -> None:
    link(p, "ada")
    await p.opened(by=ADA)
    for _ in range(2):
        await approve(p, ADA)
    assert reviews(p) == [("honk[bot]", "COMMENTED", p.head)]


async def test_another_commit_or_a_closed_one_is_not_approved(p: Placed) -> None:
    made = await p.opened()
    with pytest.raises(NotNow, match="the branch moved"):
        await approve(p, head=p.base)
    await p.forge.close(p.repository, made)
    with pytest.raises(NotNow, match="is closed"):
        await approve(p)
    assert reviews(p) == []


# ── source ─────────────────────────────────────────────────────────────────────────────────────
async def test_the_branch_can_be_fetched_from_where_it_is(p: Placed) -> None:
    await p.publish()
    assert await p.forge.source(p.repository, BRANCH) == p.repository.url
    p.repo.bare.set_ref(f"refs/heads/{BRANCH}", None)
    assert await p.forge.source(p.repository, BRANCH) == str(p.git.mirror(p.repository))
    assert await p.forge.source(p.repository, "honk/nowhere") is None
