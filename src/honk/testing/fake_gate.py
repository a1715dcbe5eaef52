"""A gate that reads the app in memory."""

import json
from collections.abc import Mapping

from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.ports import Exam, Mount, Tell
from honk.testing.fake_code import Code
from honk.testing.fake_work import APP


class FakeGate:
    """See `Gate`. It reads the app: a "bug" fails, a "maybe" leaves it unsure, anything else passes.

    A base that says "broken" is broken.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        #: what the latest verdict was measured against
        self.instruction = ""

    async def baseline(self, exam: Exam, tell: Tell) -> Verdict:
        broken = b"broken" in self._code.files(exam.base.commit)[APP]
        said = "every test fails on the base already" if broken else ""
        return _verdict(Answer.UNSURE, exam.base.commit, "", said="the base", base_broken=said)

    async def verify(self, exam: Exam, tell: Tell) -> Verdict:
        assert exam.change is not None
        self.instruction = exam.instruction
        app = self._code.files(exam.change.commit).get(APP, b"")
        if b"bug" in app:
            return _verdict(Answer.FAIL, exam.change.commit, exam.change.tree, said="the app has a bug")
        if b"maybe" in app:
            return _verdict(Answer.UNSURE, exam.change.commit, exam.change.tree, said="no test ran")
        return _verdict(Answer.PASS, exam.change.commit, exam.change.tree, said="all tests pass")

    def words(self, verdict: Verdict) -> str:
        return "" if verdict.answer is Answer.PASS else json.dumps([one.summary for one in verdict.findings])

    async def environment(self, exam: Exam, tell: Tell) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        return (), {}


def _verdict(answer: Answer, commit: str, tree: str, *, said: str, base_broken: str = "") -> Verdict:
    finding = Finding(verifier="tests", kind=Kind.TEST, answer=answer, summary=said)
    return Verdict(
        answer=answer,
        tree=Sha(tree),
        commit=Sha(commit),
        findings=(finding,),
        not_proven=(said,) if answer is Answer.UNSURE else (),
        base_broken=base_broken,
        seconds=1.0,
    )
