"""Tasks, logs and merges in which every word that comes from outside is whatever a test says."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from honk.domain import event as events
from honk.domain.build import Build
from honk.domain.event import Event, EventData
from honk.domain.limits import Limits, Spending
from honk.domain.person import PersonId
from honk.domain.policy import Confirmation
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.thread import Place, Thread
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof, Verdict
from honk.views import Branch, Card, ChangedFile, Check, Deploying, Merging, Risk

ORIGIN = "https://honk.example"
ASKER = "U0ADA"
ID = TaskId("fix-it-1a2b3c")
HEAD = Sha("1234567" + "0" * 33)
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

Words = Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What the door may have to show; `words` gives the next words from outside, `many` how many of each kind."""

    words: Words
    many: int = 3
    state: State = State.PROPOSED
    answer: Answer = Answer.UNSURE
    hint: bool = False

    def several(self) -> tuple[str, ...]:
        return tuple(self.words() for _ in range(self.many))

    def thread(self, **more: bool) -> Thread:
        place = Place(door="slack", team="T0", channel="C0", root="1.1")
        return Thread(task=ID, place=place, asked_by=ASKER, message="1.1", **more)

    def task(self) -> Task:
        return Task(
            id=ID,
            repository=Repository(url="/srv/x.git", name=self.words(), key="x"),
            instruction=self.words(),
            requested_by=PersonId("p"),
            state=self.state,
            reason=self.words(),
            options=Options(limits=Limits(usd=3.0)),
            created_at=NOW,
            turn=1,
        )

    def verdict(self) -> Verdict:
        seen = Evidence(command=self.words(), exit_code=1, seconds=1.0, condensed=self.words())
        answers = [Answer.FAIL, Answer.UNSURE, Answer.PASS]
        findings = tuple(
            Finding(verifier=self.words(), kind=Kind.TEST, answer=answers[number % 3], summary=self.words())
            for number in range(self.many)
        )
        proof = Proof(tests=self.several(), red=seen, green=seen) if self.many else None
        return Verdict(
            answer=self.answer, tree=HEAD, commit=HEAD, findings=findings, proof=proof, not_proven=self.several()
        )

    def card(self) -> Card:
        task = self.task()
        return Card(
            task=task,
            requested_by=self.words(),
            base=Base(branch=self.words(), commit=HEAD),
            verdict=self.verdict(),
            pull_request=self.pull_request(),
            build=Build(id="b1", task=ID, commit=HEAD, kind="web", digest="d", size=1),
            spent=Spending(usd=0.5),
            settled=self.settled(task.state, "question") if task.state is State.WAITING else None,
            notes=self.several(),
            production=f"{ORIGIN}/live/x/",
            page=f"{ORIGIN}/tasks/{ID}",
            hint=self.words() if self.hint else "",
            files=self.several(),
            insertions=1,
            deletions=2,
        )

    def pull_request(self) -> PullRequest:
        return PullRequest(
            task=ID,
            number=7,
            branch=f"honk/{ID}",
            base=self.words(),
            head=HEAD,
            title=self.words(),
            body=self.words(),
            state=PullRequestState.OPEN,
            url="https://forge.example/pulls/7?" + self.words(),
        )

    def settled(self, state: str, outcome: str) -> events.TaskSettled:
        return events.TaskSettled(state=state, outcome=outcome, reason=self.words())

    def said(self) -> Iterator[EventData]:
        """Every event that may have a message of its own."""
        yield events.QuestionAsked(question=self.words(), choices=self.several())
        yield events.QuestionReminded(question=self.words(), hours=24.0)
        yield events.PlanProposed(name="abc", text="\n\n".join([f"# {self.words()}", *map(_point, self.several())]))
        yield events.BuildReady(
            build="b1",
            kind="web",
            commit=HEAD,
            digest="d",
            size=1,
            preview_url=None,
            hint=self.words(),
            name=self.words(),
            app_version=self.words(),
        )
        yield events.BuildPictured(build="b1", after="a", before="b", errors=self.several())
        for outcome in ("pass", "fail", "unsure", "limit", "error", "no_change", "question", "stopped"):
            yield self.settled(self.state, outcome)
        yield events.MergeDone(commit=HEAD, head=HEAD, base=self.words())
        yield events.MergeRefused(reason=self.words(), remedy=self.words())
        for state in ("live", "failed", "undone"):
            yield events.DeploymentFinished(
                deployment="x", environment=self.words(), state=state, url=f"{ORIGIN}/live/x/", output=self.words()
            )

    def log(self, last: EventData) -> Sequence[Event]:
        """A turn at whose end that event stands."""
        summary = f"{self.words()}\n\nTo try: {self.words()}"
        before: list[EventData] = [
            events.AgentFinished(attempt=1, summary=summary, cut_short="", reason="", seconds=1.0),
            events.ChangeTaken(attempt=1, commit=HEAD, tree=HEAD, files=self.several(), insertions=1, deletions=2),
        ]
        return [
            Event(id=str(seq), task=ID, turn=1, seq=seq, at=NOW, actor=None, data=data)
            for seq, data in enumerate([*before, last], 1)
        ]

    def merging(self) -> Merging:
        """A merge that could be pressed."""
        return Merging(
            task=ID,
            state=self.state,
            landed=False,
            title=self.words(),
            number=7,
            branch=self.words(),
            base=self.words(),
            head=HEAD,
            asked_by=self.words(),
            answer=self.answer,
            checks=tuple(
                Check(verifier=self.words(), answer=self.answer, summary=self.words(), counts=True)
                for _ in range(self.many)
            ),
            proof=self.several(),
            not_proven=self.several(),
            files=tuple(
                ChangedFile(
                    path=self.words(), risk=Risk.SOURCE, insertions=1, deletions=2, binary=False, why=self.words()
                )
                for _ in range(self.many)
            ),
            approved_by=self.several(),
            confirmation=Confirmation.TYPED,
            word=HEAD[:7],
            allowed=True,
            policy="",
            needs_accept=True,
            deploying=Deploying(environment=self.words(), undo=self.words()),
            refusal="",
        )

    def mergings(self) -> Iterator[Merging]:
        """And those that are refused, for either reason, and the one that is merged already."""
        one = self.merging()
        yield one
        yield replace(one, refusal=self.words() or "no", remedy=self.words())
        yield replace(one, allowed=False, policy=self.words() or "no")
        yield replace(one, landed=True, confirmation=Confirmation.PRESS, needs_accept=False)
        yield replace(one, head="", answer=None, checks=(), files=(), deploying=Deploying())

    def branch(self) -> Branch:
        return Branch(
            task=ID,
            branch=self.words(),
            head=HEAD,
            base=self.words(),
            source=self.words(),
            commands=self.several() or ("git fetch",),
            note=self.words(),
        )


def _point(words: str) -> str:
    return f"- **{words}** and `{words}`\n> {words}\n```\n{words}\n```"
