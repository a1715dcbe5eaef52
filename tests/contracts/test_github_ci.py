"""The contract of `Ci`, on GitHub's adapter over HTTP."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from github_people import APP, People, people

from honk.adapters.git.address import identify
from honk.adapters.github.check_runs import ACTIONS
from honk.adapters.github.checks import GithubCi
from honk.domain.remote_check import Annotation, CheckState, RemoteCheck
from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.errors import ForgeRefused
from honk.testing.fake_github import records

pytestmark = pytest.mark.anyio
HEAD = Sha("a" * 40)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as found:
        yield found


def ci(there: People) -> GithubCi:
    return GithubCi(there.api, there.own, web=there.web)


def verdict(answer: Answer = Answer.PASS, pending: tuple[str, ...] = (), said: str = "12 passed") -> Verdict:
    finding = Finding(verifier="pytest", kind=Kind.TEST, answer=answer, summary=said)
    return Verdict(answer=answer, tree=HEAD, commit=HEAD, findings=(finding,), pending=pending)


async def test_it_watches_repositories_of_that_github_alone(there: People) -> None:
    assert await ci(there).watches(there.repository)
    assert not await ci(there).watches(identify("https://elsewhere.example/acme/app.git"))


async def test_required_are_those_of_protection_and_of_rulesets(there: People) -> None:
    assert await ci(there).required(there.repository, "main") == ()
    there.world.protect(APP, checks=["test", "Honk"])
    there.world.ruleset(APP, checks=["build", "test"])
    assert sorted(await ci(there).required(there.repository, "main")) == ["build", "test"]
    assert await ci(there).required(there.repository, "feature/with slash") == ()


async def test_checks_of_apps_and_statuses_without_honks_own(there: People) -> None:
    other = there.world.app("circle")
    head, base = there.commit({"b.py": "1"}, branch="topic"), there.commit({"c.py": "1"})
    for commit, conclusion in ((head, "failure"), (base, "failure")):
        made = {"name": "lint", "head_sha": commit, "status": "completed", "conclusion": conclusion}
        await there.as_app(other, "POST", "/check-runs", made)
    await there.as_app(other, "POST", "/check-runs", {"name": "slow", "head_sha": head, "status": "in_progress"})
    status = {"context": "ci/jenkins", "state": "failure", "description": "2 broke", "target_url": "https://ci.test/1"}
    await there.act("bob", "POST", f"/statuses/{head}", status)
    await ci(there).report(there.repository, head, verdict(), key="k")
    found = await ci(there).checks(there.repository, head, base=base)
    by = {one.name: one for one in found.checks}
    assert {name: one.state for name, one in by.items()} == {
        "lint": CheckState.FAILED,
        "slow": CheckState.RUNNING,
        "ci/jenkins": CheckState.FAILED,
    }
    assert [one.name for one in found.failed()] == ["ci/jenkins"] and by["lint"].failing_before
    assert (by["ci/jenkins"].summary, by["ci/jenkins"].url) == ("2 broke", "https://ci.test/1")
    assert by["lint"].by == "circle" and by["lint"].id and by["lint"].url
    assert "2 broke" in await ci(there).log(there.repository, by["ci/jenkins"])


@pytest.mark.parametrize("conclusion", ["cancelled", "stale", "skipped", "action_required"])
async def test_a_run_on_the_base_that_showed_nothing_excuses_nothing(there: People, conclusion: str) -> None:
    other = there.world.app("circle")
    head, base = there.commit({"b.py": "1"}, branch="topic"), there.commit({"c.py": "1"})
    there.hub.people.check(APP, base, "lint", conclusion, app=other)
    there.hub.people.check(APP, head, "lint", "failure", app=other)
    found = await ci(there).checks(there.repository, head, base=base)
    assert [one.name for one in found.failed()] == ["lint"]


async def test_nothing_reported_is_no_check(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    assert (await ci(there).checks(there.repository, head, base=there.commit({"c.py": "1"}))).checks == ()


async def test_another_apps_log_is_what_it_says_and_where(there: People) -> None:
    other = there.world.app("circle")
    head = there.commit({"b.py": "1"}, branch="topic")
    note = {"path": "b.py", "start_line": 1, "end_line": 1, "annotation_level": "failure", "message": "no 1"}
    output = {"title": "1 problem", "summary": "See below", "text": "long text", "annotations": [note]}
    made = {"name": "lint", "head_sha": head, "status": "completed", "conclusion": "failure", "output": output}
    await there.as_app(other, "POST", "/check-runs", made)
    (check,) = (await ci(there).checks(there.repository, head)).checks
    assert check.summary == "1 problem"
    assert await ci(there).log(there.repository, check) == "1 problem\n\nSee below\n\nlong text\n\nb.py:1: no 1"
    assert (
        await ci(there).log(there.repository, RemoteCheck(name="x", state=CheckState.FAILED, id="4711", by="y")) == ""
    )
    gone = RemoteCheck(name="x", state=CheckState.FAILED, id="4711", by=ACTIONS)
    assert await ci(there).log(there.repository, gone) == ""


async def own(there: People, head: Sha) -> list[dict[str, Any]]:
    listed = await there.act("ada", "GET", f"/commits/{head}/check-runs", filter="all")
    return [one for one in listed["check_runs"] if one["app"]["slug"] == "honk"]


async def test_a_verdict_is_one_check_that_is_brought_up_to_date(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    await ci(there).report(there.repository, head, verdict(Answer.UNSURE, ("build",)), key="t1/1")
    (shown_,) = await own(there, head)
    assert (shown_["name"], shown_["status"], shown_["conclusion"]) == ("Honk", "in_progress", None)
    for answer, conclusion in ((Answer.FAIL, "failure"), (Answer.UNSURE, "neutral"), (Answer.PASS, "success")):
        await ci(there).report(there.repository, head, verdict(answer), key="t1/1")
        (shown_,) = await own(there, head)
        assert (shown_["status"], shown_["conclusion"], shown_["external_id"]) == ("completed", conclusion, "t1/1")
    assert "pytest" in shown_["output"]["summary"]
    await ci(there).report(there.repository, head, verdict(), key="t1/2")
    assert len(await own(there, head)) == 2


async def test_annotations_come_in_batches_and_only_once(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    notes = tuple(Annotation(path="b.py", line=n, text=f"wrong {n}") for n in range(1, 121))
    await ci(there).report(there.repository, head, verdict(Answer.FAIL), key="k", annotations=notes)
    await ci(there).report(there.repository, head, verdict(Answer.FAIL), key="k", annotations=notes)
    (shown_,) = await own(there, head)
    assert shown_["output"]["annotations_count"] == 120


async def test_with_a_personal_token_the_verdict_is_a_status(tmp_path: Path) -> None:
    async with people(tmp_path, personal=True) as there:
        head = there.commit({"b.py": "1"}, branch="topic")
        for answer, pending, state in (
            (Answer.UNSURE, ("build",), "pending"),
            (Answer.FAIL, (), "failure"),
            (Answer.PASS, (), "success"),
            (Answer.PASS, (), "success"),
        ):
            await ci(there).report(there.repository, head, verdict(answer, pending), key="k")
            combined = await there.act("ada", "GET", f"/commits/{head}/status")
            assert [(one["context"], one["state"]) for one in combined["statuses"]] == [("honk", state)]
        assert len(await there.act("ada", "GET", f"/commits/{head}/statuses")) == 3
        assert (await ci(there).checks(there.repository, head)).checks == ()


async def test_an_idle_apps_suite_is_not_waited_for_and_that_of_a_workflow_is(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    repo = there.world.repo(APP)
    there.hub.people.check(repo, head, "build", "success", app=there.world.app("circle"))
    repo.suites[1] = records.Suite(1, head, "topic", there.world.app("idle"), there.time())
    assert not (await ci(there).checks(there.repository, head)).running()
    repo.suites[2] = records.Suite(2, head, "topic", there.world.actions, there.time())
    assert [one.by for one in (await ci(there).checks(there.repository, head)).running()] == [ACTIONS]


async def test_more_checks_than_one_page_holds(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    for number in range(130):
        there.hub.people.check(APP, head, f"shard {number}", "failure" if number == 0 else "success")
        there.hub.people.status("bob", APP, head, f"ci/{number}", "failure" if number == 0 else "success")
    found = await ci(there).checks(there.repository, head)
    assert len(found.checks) == 260
    assert sorted(one.name for one in found.failed()) == ["ci/0", "shard 0"]


async def test_of_an_actions_job_the_failing_step_is_read(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    early, now = (f"{there.time() + timedelta(seconds=n):%Y-%m-%dT%H:%M:%S}.0000000Z" for n in (-60, 0))
    log = f"{early} ##[group]Run npm ci\n{early} fine\n{now} \x1b[31m✗ adds\x1b[0m\n{now} ##[error]exit code 1.\n"
    steps = {"test": [("Set up job", "success"), ("npm test", "failure"), ("Post job", "skipped")]}
    jobs = {"test": "failure", "lint": "success"}
    there.hub.machines.run(APP, "topic", jobs, logs={"test": log}, steps=steps)
    found = await ci(there).checks(there.repository, head)
    assert {one.name: one.state for one in found.checks} == {"test": CheckState.FAILED, "lint": CheckState.PASSED}
    (check,) = found.failed()
    assert await ci(there).log(there.repository, check) == "Step: npm test\n✗ adds\nError: exit code 1."


async def test_a_log_that_is_gone_leaves_what_the_check_says(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    check = there.hub.people.check(APP, head, "test", "failure", title="Tests", summary="2 failed")
    (found,) = (await ci(there).checks(there.repository, head)).checks
    assert found.id == str(check.id)
    assert await ci(there).log(there.repository, found) == "Tests\n\n2 failed"


async def test_a_workflow_that_ran_again_has_the_later_word(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    there.hub.machines.run(APP, "topic", {"test": "failure"})
    assert (await ci(there).checks(there.repository, head)).failed()
    there.hub.machines.run(APP, "topic", {"test": "success"})
    assert not (await ci(there).checks(there.repository, head)).failed()
    there.hub.machines.run(APP, "topic", {"test": "failure"}, path=".github/workflows/other.yml")
    assert (await ci(there).checks(there.repository, head)).failed()


async def test_a_run_that_has_not_begun_its_jobs_is_running(there: People) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    run_ = there.hub.machines.run(APP, "topic", {})
    assert [one.name for one in (await ci(there).checks(there.repository, head)).running()] == [run_.name]


async def test_artifacts_are_found_by_the_commit_and_fetched_whole(there: People, tmp_path: Path) -> None:
    head = there.commit({"b.py": "1"}, branch="topic")
    there.hub.machines.run(APP, "topic", artifacts={"ios-app": {"app.ipa": b"one"}, "old": b"zip"})
    there.time.pass_(seconds=1)
    later = there.hub.machines.run(APP, "topic", artifacts={"ios-app": {"app.ipa": b"two"}})
    there.world.repo(APP).runs[min(there.world.repo(APP).runs)].artifacts[1].expired = True
    there.commit({"c.py": "1"}, branch="elsewhere")
    there.hub.machines.run(APP, "elsewhere", artifacts={"ios-app": b"another commit's"})
    newest, older = await ci(there).artifacts(there.repository, head)
    assert (newest.name, newest.head, newest.size) == ("ios-app", head, len(later.artifacts[0].content))
    digest = f"sha256:{hashlib.sha256(later.artifacts[0].content).hexdigest()}"
    assert newest.digest in {"", digest}
    into = tmp_path / "app.zip"
    await ci(there).download(there.repository, replace(newest, digest=digest), into, limit=1_000_000)
    assert into.read_bytes() == later.artifacts[0].content and older.id != newest.id


async def test_an_artifact_that_is_gone_too_large_or_another_is_refused(there: People, tmp_path: Path) -> None:
    head, into = there.commit({"b.py": "1"}, branch="topic"), tmp_path / "app.zip"
    kept = there.hub.machines.run(APP, "topic", artifacts={"app": b"x" * 1000}).artifacts[0]
    (found,) = await ci(there).artifacts(there.repository, head)
    for size in (found.size, 0):
        with pytest.raises(ForgeRefused, match="999"):
            await ci(there).download(there.repository, replace(found, size=size), into, limit=999)
    with pytest.raises(ForgeRefused, match="digest differs"):
        await ci(there).download(there.repository, replace(found, digest="sha256:" + "0" * 64), into, limit=1000)
    kept.expired = True
    with pytest.raises(ForgeRefused, match="no more"):
        await ci(there).download(there.repository, found, into, limit=1000)
    assert not into.exists()


async def test_rulesets_count_where_the_protection_may_not_be_read(tmp_path: Path) -> None:
    async with people(tmp_path, personal=True) as there:
        there.world.protect(APP, checks=["hidden"])
        there.world.ruleset(APP, checks=["build"])
        assert await ci(there).required(there.repository, "main") == ("build",)


async def test_an_app_that_may_make_no_checks_says_a_status(tmp_path: Path) -> None:
    async with people(tmp_path, without="checks") as there:
        head = there.commit({"b.py": "1"}, branch="topic")
        await ci(there).report(there.repository, head, verdict(), key="k")
        combined = await there.act("ada", "GET", f"/commits/{head}/status")
        assert [(one["context"], one["state"]) for one in combined["statuses"]] == [("honk", "success")]


async def test_an_app_that_may_not_read_checks_is_told_so_rather_than_that_there_are_none(tmp_path: Path) -> None:
    async with people(tmp_path, without="checks") as there:
        head = there.commit({"b.py": "1"}, branch="topic")
        with pytest.raises(ForgeRefused):
            await ci(there).checks(there.repository, head)
