"""The contract of `Ci` at GitLab, at a fake written from GitLab's documentation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gitlab_world import GitlabWorld, gitlab_world

from honk.adapters.gitlab import traces
from honk.domain.remote_check import CheckState, RemoteArtifact, RemoteCheck, RemoteChecks
from honk.domain.repository import Repository, Sha
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.errors import Defect, ForgeRefused
from honk.testing.fake_gitlab import TOKEN
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[GitlabWorld]:
    async with gitlab_world(GitWorld(tmp_path, PlainSandboxes())) as made:
        yield made


def states(checks: RemoteChecks) -> dict[str, CheckState]:
    return {one.name: one.state for one in checks.checks}


def verdict(w: GitlabWorld, answer: Answer) -> Verdict:
    finding = Finding(verifier="pytest", kind=Kind.TEST, answer=answer, summary="2 tests fail")
    return Verdict(answer=answer, tree=Sha("t"), commit=w.head, findings=(finding,))


async def test_which_repositories_it_watches(w: GitlabWorld) -> None:
    assert await w.ci.watches(w.repository)
    assert not await w.ci.watches(w.local)
    assert not await w.ci.watches(Repository(url="https://github.com/a/b", name="b", key="b"))


async def test_what_is_demanded_is_the_pipeline_as_a_whole(w: GitlabWorld) -> None:
    assert await w.ci.required(w.repository, "main") == ()
    w.hub.project["only_allow_merge_if_pipeline_succeeds"] = True
    assert await w.ci.required(w.repository, "main") == ("pipeline",)


async def test_a_commit_without_a_pipeline_has_no_checks(w: GitlabWorld) -> None:
    assert await w.ci.checks(w.repository, w.head) == RemoteChecks(head=w.head)


async def test_jobs_and_what_others_report_are_checks(w: GitlabWorld) -> None:
    pipeline = w.hub.pipeline(w.head, "running")
    failed = w.hub.job(pipeline, "test", "failed", failure_reason="script_failure")
    w.hub.job(pipeline, "lint", "success")
    w.hub.job(pipeline, "flaky", "failed", allow_failure=True)
    w.hub.job(pipeline, "deploy", "manual")
    w.hub.job(pipeline, "build", "a_status_of_tomorrow")
    w.hub.statuses[w.head].append(
        {"id": 9, "name": "coverage", "status": "success", "author": {"username": "bot"}, "description": "80 %"}
    )
    w.hub.page = 2
    checks = await w.ci.checks(w.repository, w.head)
    assert states(checks) == {
        "pipeline": CheckState.RUNNING,
        "test": CheckState.FAILED,
        "lint": CheckState.PASSED,
        "flaky": CheckState.SKIPPED,
        "deploy": CheckState.SKIPPED,
        "build": CheckState.RUNNING,
        "coverage": CheckState.PASSED,
    }
    [test] = checks.named(["test"])
    assert (test.id, test.by, test.summary) == (f"job/{failed}", "gitlab-ci", "script_failure")
    assert test.url == f"{w.hub.url}/-/jobs/{failed}"
    [coverage] = checks.named(["coverage"])
    assert (coverage.by, coverage.summary) == ("bot", "80 %")


async def test_only_the_latest_pipeline_of_each_sort_counts(w: GitlabWorld) -> None:
    w.hub.job(w.hub.pipeline(w.head, "failed"), "test", "failed")
    again = w.hub.pipeline(w.head, "success")
    w.hub.job(again, "test", "success")
    w.hub.statuses[w.head] = w.hub.statuses[w.head][-1:]  # GitLab shows the latest of each name
    assert states(await w.ci.checks(w.repository, w.head)) == {
        "pipeline": CheckState.PASSED,
        "test": CheckState.PASSED,
    }
    w.hub.pipeline(w.head, "failed", source="merge_request_event")
    assert states(await w.ci.checks(w.repository, w.head))["pipeline"] is CheckState.FAILED


async def test_what_was_red_on_the_base_does_not_count(w: GitlabWorld) -> None:
    for sha in (w.base, w.head):
        w.hub.job(w.hub.pipeline(sha, "failed"), "old", "failed")
    checks = await w.ci.checks(w.repository, w.head, base=w.base)
    assert checks.failed() == ()
    assert {one.name for one in checks.checks if one.failing_before} == {"pipeline", "old"}


async def test_a_pipeline_that_is_red_for_a_new_reason_counts(w: GitlabWorld) -> None:
    w.hub.job(w.hub.pipeline(w.base, "failed"), "old", "failed")
    pipeline = w.hub.pipeline(w.head, "failed")
    w.hub.job(pipeline, "old", "failed")
    w.hub.job(pipeline, "new", "failed")
    checks = await w.ci.checks(w.repository, w.head, base=w.base)
    assert [one.name for one in checks.failed()] == ["pipeline", "new"]


# ── the verdict ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("answer", "state"), [(Answer.PASS, "success"), (Answer.FAIL, "failed"), (Answer.UNSURE, "skipped")]
)
async def test_the_verdict_is_a_status(w: GitlabWorld, answer: Answer, state: str) -> None:
    await w.ci.report(w.repository, w.head, verdict(w, answer), key="k")
    [status] = w.hub.statuses[w.head]
    assert (status["name"], status["status"]) == ("honk", state)
    assert status["description"].startswith(str(answer))


async def test_honks_own_status_is_left_out_and_does_not_make_the_pipeline_red(w: GitlabWorld) -> None:
    pipeline = w.hub.pipeline(w.head, "failed")
    w.hub.job(pipeline, "test", "success")
    await w.ci.report(w.repository, w.head, verdict(w, Answer.FAIL), key="k")
    assert states(await w.ci.checks(w.repository, w.head)) == {
        "pipeline": CheckState.PASSED,
        "test": CheckState.PASSED,
    }
    w.hub.job(pipeline, "slow", "running")
    assert states(await w.ci.checks(w.repository, w.head))["pipeline"] is CheckState.RUNNING
    w.hub.job(pipeline, "types", "failed")
    assert states(await w.ci.checks(w.repository, w.head))["pipeline"] is CheckState.FAILED


async def test_reporting_again_is_no_error_and_another_end_is(w: GitlabWorld) -> None:
    for _ in range(2):
        await w.ci.report(w.repository, w.head, verdict(w, Answer.FAIL), key="k")
    with pytest.raises(ForgeRefused, match="Cannot transition"):
        await w.ci.report(w.repository, w.head, verdict(w, Answer.PASS), key="k")
    assert [one["status"] for one in w.hub.statuses[w.head]] == ["failed"]


async def test_another_refusal_of_a_report_is_raised(w: GitlabWorld) -> None:
    await w.server.base(w.repository)
    w.hub.troubles.append((403, {}))
    with pytest.raises(ForgeRefused):
        await w.ci.report(w.repository, w.head, verdict(w, Answer.PASS), key="k")


# ── logs ───────────────────────────────────────────────────────────────────────────────────────
async def test_what_a_job_printed(w: GitlabWorld) -> None:
    job = w.hub.job(w.hub.pipeline(w.head, "failed"), "test", "failed")
    w.hub.traces[job] = b"x" * 1_500_000 + b"\n\x1b[31;1mE  assert 1 == 2\x1b[0;m\r\n"
    [check] = (await w.ci.checks(w.repository, w.head)).named(["test"])
    log = await w.ci.log(w.repository, check)
    assert len(log) <= 1_000_000
    assert log.endswith("x\nE  assert 1 == 2\n")


async def test_what_has_no_log(w: GitlabWorld) -> None:
    for id in ("pipeline/1", "status/2", "job/999", "job/../1", ""):
        check = RemoteCheck(name="test", state=CheckState.FAILED, id=id)
        assert await w.ci.log(w.repository, check) == ""


@pytest.mark.parametrize(
    ("printed", "plain"),
    [
        (b"section_start:17:build[collapsed=true]\r\x1b[0KBuilding\nsection_end:18:build\r\x1b[0K", "Building\n"),
        (b"10%\r50%\r100%\r\ndone\n", "100%\ndone\n"),
        (b"2026-11-20T08:00:00.123456Z 00O hello\n2026-11-20T08:00:01.1Z 00E+world\n", "hello\nworld\n"),
        (b"\x1b]8;;http://x\x07link\x1b]8;;\x07 \xff\n", "link \N{REPLACEMENT CHARACTER}\n"),
    ],
)
def test_a_log_is_plain_text(printed: bytes, plain: str) -> None:
    assert traces.readable(printed) == plain


# ── artifacts ──────────────────────────────────────────────────────────────────────────────────
async def test_artifacts_come_from_storage_without_the_token(w: GitlabWorld, tmp_path: Path) -> None:
    pipeline = w.hub.pipeline(w.head, "success")
    first = w.hub.job(pipeline, "apk", "success", kept=b"zip one")
    second = w.hub.job(pipeline, "ipa", "success", kept=b"zip two!")
    w.hub.job(pipeline, "test", "success")
    found = await w.ci.artifacts(w.repository, w.head)
    assert found == (
        RemoteArtifact(id=f"job/{second}", name="ipa", size=8, head=w.head),
        RemoteArtifact(id=f"job/{first}", name="apk", size=7, head=w.head),
    )
    into = tmp_path / "apk.zip"
    await w.ci.download(w.repository, found[1], into, limit=7)
    assert into.read_bytes() == b"zip one"
    assert TOKEN not in str(w.hub.stored) and "Authorization" not in w.hub.stored[0]


async def test_an_artifact_that_is_too_large_leaves_nothing(w: GitlabWorld, tmp_path: Path) -> None:
    w.hub.job(w.hub.pipeline(w.head, "success"), "apk", "success", kept=b"x" * 200_000)
    [artifact] = await w.ci.artifacts(w.repository, w.head)
    folder = tmp_path / "kept"
    folder.mkdir()
    with pytest.raises(ForgeRefused, match="larger than 100000 bytes"):
        await w.ci.download(w.repository, artifact, folder / "apk.zip", limit=100_000)
    assert list(folder.iterdir()) == []


async def test_an_id_that_is_none_of_gitlabs(w: GitlabWorld, tmp_path: Path) -> None:
    artifact = RemoteArtifact(id="job/../../user", name="x", size=1, head=w.head)
    with pytest.raises(Defect):
        await w.ci.download(w.repository, artifact, tmp_path / "x", limit=1)
