"""The shapes in which records are stored, one example each: what is in somebody's database must load for ever.

`.venv/bin/python tests/golden_records.py` writes the examples that are missing. One that exists is never changed:
when a shape grows, give the new example the next number.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent))

from honk.domain.attempt import Attempt, Change
from honk.domain.build import Build
from honk.domain.channel import ChannelState, Offer, Seen
from honk.domain.codec import dump
from honk.domain.deployment import Deployment, DeploymentState, Release
from honk.domain.ending import Ending
from honk.domain.landing import Landing
from honk.domain.limits import Limits, Spending
from honk.domain.message import Image, Message, MessageId
from honk.domain.person import PersonId
from honk.domain.pull_request import (
    Comment,
    Merged,
    MergeMethod,
    MergeResult,
    PullRequest,
    PullRequestState,
)
from honk.domain.repository import Base, FileChange, Repository, Sha
from honk.domain.stamp import Stamp
from honk.domain.task import Options, State, TaskId
from honk.domain.turn import Outcome
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof, Verdict
from honk.domain.workspace import Workspace

GOLDEN = Path(__file__).parent / "golden" / "records"
_AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
_SHA, _TREE, _DIGEST = Sha("a" * 40), Sha("b" * 40), "c" * 64
_REPOSITORY = Repository(url="/srv/music", name="music", key="music-1")
_BASE = Base(branch="main", commit=_SHA)
_CHANGE = Change(
    base=_SHA,
    parent=_SHA,
    tree=_TREE,
    commit=Sha("d" * 40),
    files=(
        FileChange(
            path="song.txt",
            status="M",
            old_mode="100644",
            new_mode="100644",
            insertions=2,
            deletions=1,
            binary=False,
        ),
    ),
)
_EVIDENCE = Evidence(command="pytest -q", exit_code=1, seconds=1.5, condensed="1 failed", log=_DIGEST)

#: By name: the type that is stored, and a value of it.
RECORDS: dict[str, tuple[Any, Any]] = {
    "repository": (Repository, _REPOSITORY),
    "options": (
        Options,
        Options(base="main", model="fast", limits=Limits(usd=2.5), verify=("make test",), merge=True),
    ),
    "message": (
        Message,
        Message(
            id=MessageId("m1"),
            by=PersonId("ann"),
            text="fix it \udcff",
            at=_AT,
            images=(Image(name="screen.png", media_type="image/png", digest=_DIGEST),),
        ),
    ),
    "verdict": (
        Verdict,
        Verdict(
            answer=Answer.FAIL,
            tree=_TREE,
            commit=_SHA,
            findings=(
                Finding(
                    verifier="pytest", kind=Kind.TEST, answer=Answer.FAIL, summary="1 failed", evidence=(_EVIDENCE,)
                ),
            ),
            proof=Proof(tests=("test_a",), red=_EVIDENCE, green=_EVIDENCE),
            not_proven=("the page was not looked at",),
            seconds=3.0,
        ),
    ),
    "pull_request": (
        PullRequest,
        PullRequest(
            task=TaskId("t1"),
            number=1,
            branch="honk/t1",
            head=_SHA,
            base="main",
            title="Fix it",
            body="what was asked",
            state=PullRequestState.OPEN,
        ),
    ),
    "comment": (Comment, Comment(task=TaskId("t1"), key="k", text="looks good", at=_AT)),
    "build": (
        Build,
        Build(id="b1", task=TaskId("t1"), commit=_SHA, kind="web", digest=_DIGEST, size=10, preview_url=None),
    ),
    "deployment": (
        Deployment,
        Deployment(
            id="d1",
            task=TaskId("t1"),
            repository="music-1",
            environment="production",
            commit=_SHA,
            digest=_DIGEST,
            state=DeploymentState.LIVE,
            at=_AT,
        ),
    ),
    "step.prepare": (
        Workspace,
        Workspace(task=TaskId("t1"), repository=_REPOSITORY, base=_BASE, path="/var/lib/honk/tasks/t1/workspace"),
    ),
    "step.code": (
        Attempt,
        Attempt(
            task=TaskId("t1"),
            turn=1,
            number=1,
            change=_CHANGE,
            summary="done",
            agent="claude",
            model="fast",
            session="5e0a2f0e-6e55-4c2b-9b0c-0d6f1c1f9d11",
            spending=Spending(usd=0.5, calls=3),
            cut_short="",
            reason="",
        ),
    ),
    "step.merge": (cast("Any", MergeResult), Merged(commit=_SHA)),
    "step.release": (Release, Release(base=_BASE, commit=_SHA, digest=_DIGEST)),
    "offer": (
        Offer,
        Offer(
            build="b1",
            task=TaskId("fix-1"),
            channel="testflight",
            title="TestFlight",
            seen=Seen(state=ChannelState.READY, link="https://beta.itunes.apple.com/v1/app/1", until=_AT),
            since=_AT,
            due=_AT,
            looks=3,
            changes=2,
        ),
    ),
    "stamp": (Stamp, Stamp(number=57, version="1.4.57", id_suffix=".honk", name_suffix=" (Honk)")),
    "workflow.land": (Landing, Landing(by=PersonId("ann"), head=_SHA, method=MergeMethod.MERGE, act="press")),
    "workflow.ending": (Ending, Ending(outcome=Outcome.PASS, state=State.PROPOSED, reason="")),
}


def main() -> None:
    """Writes what is missing."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, (kind, value) in RECORDS.items():
        path = GOLDEN / f"{name}.1.json"
        if not path.exists():
            path.write_text(dump(kind, value) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
