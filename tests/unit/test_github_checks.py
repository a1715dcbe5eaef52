"""What GitHub says of checks, logs and verdicts, judged by itself: without a GitHub."""

from datetime import UTC, datetime

import pytest

from honk.adapters.github.check_runs import ACTIONS, CheckRun, Suite, WorkflowRun, by_name, ended, without_runs
from honk.adapters.github.logs import KEPT, Step, of_steps, shown
from honk.adapters.github.report import summary
from honk.domain.remote_check import CheckState
from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Finding, Kind, Verdict

HEAD = Sha("a" * 40)


def verdict(said: str) -> Verdict:
    finding = Finding(verifier="pytest", kind=Kind.TEST, answer=Answer.PASS, summary=said)
    return Verdict(answer=Answer.PASS, tree=HEAD, commit=HEAD, findings=(finding,))


def run(
    id: int,
    name: str = "test",
    conclusion: str = "success",
    *,
    status: str = "completed",
    suite: int = 1,
    by: str = "x",
) -> CheckRun:
    return CheckRun.model_validate(
        {
            "id": id,
            "name": name,
            "status": status,
            "conclusion": conclusion or None,
            "check_suite": {"id": suite},
            "app": {"slug": by, "name": by},
        }
    )


def workflow(suite: int, id: int, event: str = "push") -> WorkflowRun:
    return WorkflowRun(
        id=suite,
        name="CI",
        check_suite_id=suite,
        workflow_id=id,
        event=event,
        created_at=datetime(2026, 11, 27, tzinfo=UTC),
    )


def suite(id: int, slug: str, status: str = "queued", conclusion: str | None = None, count: int = 0) -> Suite:
    return Suite.model_validate(
        {
            "id": id,
            "status": status,
            "conclusion": conclusion,
            "app": {"slug": slug, "name": slug},
            "latest_check_runs_count": count,
        }
    )


@pytest.mark.parametrize(
    ("status", "conclusion", "state"),
    [
        ("completed", "success", CheckState.PASSED),
        ("completed", "neutral", CheckState.SKIPPED),
        ("completed", "skipped", CheckState.SKIPPED),
        *(
            ("completed", word, CheckState.FAILED)
            for word in ("failure", "timed_out", "startup_failure", "action_required", "cancelled", "stale", "new", "")
        ),
        *(
            (word, "", CheckState.RUNNING)
            for word in ("queued", "in_progress", "waiting", "pending", "requested", "another")
        ),
    ],
)
def test_how_a_check_ended(status: str, conclusion: str, state: CheckState) -> None:
    assert ended(status, conclusion) is state


def states(runs: list[CheckRun], workflows: list[WorkflowRun] | None = None) -> list[tuple[str, str, CheckState]]:
    return [(one.name, one.by, one.state) for one in by_name(runs, workflows or [])]


def test_of_one_name_the_worst_counts_and_apps_are_apart() -> None:
    runs = [run(1, suite=1), run(2, conclusion="failure", suite=2), run(3, suite=3), run(4, by="y")]
    assert states(runs) == [("test", "x", CheckState.FAILED), ("test", "y", CheckState.PASSED)]


def test_a_later_run_of_the_same_suite_replaces_the_earlier() -> None:
    assert states([run(5), run(2, conclusion="failure")]) == [("test", "x", CheckState.PASSED)]
    assert states([run(2), run(5, conclusion="", status="queued")]) == [("test", "x", CheckState.RUNNING)]


def test_the_same_workflow_again_replaces_what_it_said_but_another_does_not() -> None:
    runs = [run(1, conclusion="failure", suite=1, by=ACTIONS), run(2, suite=2, by=ACTIONS)]
    assert states(runs, [workflow(1, 7), workflow(2, 7)]) == [("test", ACTIONS, CheckState.PASSED)]
    assert states(runs, [workflow(1, 7), workflow(2, 8)]) == [("test", ACTIONS, CheckState.FAILED)]
    assert states(runs, [workflow(1, 7), workflow(2, 7, "pull_request")]) == [("test", ACTIONS, CheckState.FAILED)]


def test_what_was_cancelled_shows_nothing_unless_a_later_run_stands_beside_it() -> None:
    assert states([run(1, conclusion="cancelled")]) == [("test", "x", CheckState.SKIPPED)]
    assert states([run(1, conclusion="cancelled", suite=1), run(2, suite=2)]) == [("test", "x", CheckState.PASSED)]
    assert states([run(1, suite=1), run(2, conclusion="cancelled", suite=2)]) == [("test", "x", CheckState.SKIPPED)]


def test_nobody_waits_for_an_app_that_was_merely_installed() -> None:
    assert without_runs([suite(1, "idle")], [run(1, suite=2)], []) == []
    waiting = without_runs([suite(1, ACTIONS), suite(2, "x")], [run(1, suite=3)], [workflow(1, 7)])
    assert [(one.name, one.state) for one in waiting] == [("CI", CheckState.RUNNING), ("x", CheckState.RUNNING)]
    assert without_runs([suite(1, ACTIONS, "completed", "success"), suite(2, ACTIONS, count=3)], [], []) == []


def test_a_workflow_that_could_not_begin_has_failed() -> None:
    (found,) = without_runs([suite(1, ACTIONS, "completed", "startup_failure")], [], [workflow(1, 7)])
    assert (found.name, found.state, found.summary) == (
        "CI",
        CheckState.FAILED,
        "it ended before it began: startup_failure",
    )


#: as GitHub hands it out
LOG = """\ufeff2026-11-27T12:00:01.1000000Z ##[group]Run npm ci
2026-11-27T12:00:01.2000000Z added 3 packages
2026-11-27T12:00:02.0000000Z ##[endgroup]
2026-11-27T12:00:10.0000000Z ##[group]Run npm test
2026-11-27T12:00:11.0000000Z \x1b[31m✗ adds\x1b[0m
  expected 2
2026-11-27T12:00:12.5000000Z ##[error]Process completed with exit code 1.
2026-11-27T12:00:20.0000000Z Post job cleanup.
"""


def at(second: int) -> datetime:
    return datetime(2026, 11, 27, 12, 0, second, tzinfo=UTC)


def test_of_a_log_the_failing_step_is_kept() -> None:
    step = Step(name="Run npm test", conclusion="failure", started_at=at(10), completed_at=at(12))
    assert shown(of_steps(LOG, [step])) == (
        "Step: Run npm test\nRun npm test\n✗ adds\n  expected 2\nError: Process completed with exit code 1."
    )


def test_a_log_that_does_not_tell_its_steps_is_kept_whole() -> None:
    assert "added 3 packages" in of_steps(LOG, [])
    assert "Post job" in of_steps(LOG, [Step(name="x", conclusion="failure", started_at=at(40), completed_at=at(41))])
    assert (
        of_steps("no stamps\nat all", [Step(name="x", conclusion="failure", started_at=at(1))]) == "no stamps\nat all"
    )


def test_the_end_of_a_long_log_is_kept() -> None:
    found = shown("é" * KEPT + "the end")
    assert found.endswith("the end") and KEPT - 2 <= len(found.encode()) <= KEPT


def test_foreign_words_in_a_verdict_stay_words() -> None:
    text = summary(verdict("a | b <img src=x> [click](http://x) @ada `x`\nnew"))
    assert "<img" not in text and "@ada" not in text and "\\|" in text and "\\[click\\]" in text and "\nnew" not in text
    many = tuple(Finding(verifier=f"v{n}", kind=Kind.TEST, answer=Answer.PASS, summary="x" * 400) for n in range(1000))
    long = Verdict(answer=Answer.PASS, tree=HEAD, commit=HEAD, findings=many)
    assert len(summary(long).encode()) < 65_535 and summary(long).endswith("no room here")
