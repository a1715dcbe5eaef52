"""The gate: verifies a committed tree in fresh sandboxes, by rules that the base commit fixed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from honk.checks import generated, judging, report
from honk.checks.detect import make_plan
from honk.checks.environments import Environment, Environments
from honk.checks.examination import Examination, setup_finding
from honk.checks.plan import Plan
from honk.checks.running import Place, Result, Runner, tell_answer
from honk.checks.tree import Tree
from honk.domain.verdict import Finding, Kind, Verdict, conclude
from honk.errors import Defect
from honk.ports import (
    Artifacts,
    Broker,
    Clock,
    Exam,
    Mount,
    Records,
    Registries,
    Repositories,
    Sandboxes,
    Tell,
    Workspaces,
)


@dataclass(frozen=True, kw_only=True)
class LocalGate:
    """Implements ports.Gate with sandboxes of this machine."""

    repositories: Repositories
    workspaces: Workspaces
    sandboxes: Sandboxes
    broker: Broker
    records: Records
    artifacts: Artifacts
    registries: Registries
    #: HONK_HOME
    home: Path
    clock: Clock

    async def baseline(self, exam: Exam, tell: Tell) -> Verdict:
        started = self.clock()
        exam = replace(exam, change=None, on="base")
        plan = await self._plan(exam)
        environment = await self._environments.ensure(exam, plan, tell, commit=exam.base.commit)
        findings = [judging.not_run(one) for one in plan.verifiers if one.not_run]
        if environment.failure:
            findings.append(setup_finding(environment))
            broken = _setup_words(environment)
        else:
            results = await self._base_results(exam, plan, environment, tell, findings)
            broken = _nothing_passes(results)
        return Verdict(
            answer=conclude(findings),
            tree=await self.repositories.tree(exam.repository, exam.base.commit),
            commit=exam.base.commit,
            findings=tuple(findings),
            seconds=(self.clock() - started).total_seconds(),
            base_broken=broken,
        )

    async def verify(self, exam: Exam, tell: Tell) -> Verdict:
        if exam.change is None:
            raise Defect("the gate was asked to verify a change, and given none")
        started = self.clock()
        look = Examination(
            exam=exam,
            change=exam.change,
            plan=await self._plan(exam),
            runner=self._runner,
            environments=self._environments,
            tell=tell,
        )
        await look.take()
        return Verdict(
            answer=conclude(look.findings),
            tree=exam.change.tree,
            commit=exam.change.commit,
            findings=tuple(look.findings),
            proof=look.proof,
            not_proven=tuple(dict.fromkeys(look.not_proven)),
            seconds=(self.clock() - started).total_seconds(),
        )

    def words(self, verdict: Verdict) -> str:
        return report.words(verdict)

    async def environment(self, exam: Exam, tell: Tell) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        """Nothing where it cannot be made: the events and the baseline say so."""
        plan = await self._plan(exam)
        commit = exam.change.commit if exam.change else exam.base.commit
        environment = await self._environments.ensure(exam, plan, tell, commit=commit)
        if environment.failure or environment.kept is None:
            return (), {}
        shown = generated.mounts_for_agent(environment.entries, environment.kept)
        return (*environment.mounts, *shown), dict(plan.environment)

    async def collect(self) -> int:
        """Removes expired environments; returns how many."""
        return await self._environments.collect()

    async def _plan(self, exam: Exam) -> Plan:
        base = await Tree.of(self.repositories, exam.repository, exam.base.commit)
        environments = self._environments
        lacking = await environments.lacking()
        return await make_plan(base, exam.verify, await environments.interpreter(), lacking=lacking)

    async def _base_results(
        self, exam: Exam, plan: Plan, environment: Environment, tell: Tell, findings: list[Finding]
    ) -> list[tuple[str, Result]]:
        """Runs every verifier on the base and adds its finding; returns the results of tests."""
        place = Place(commit=exam.base.commit, environment=environment, variables=plan.environment)
        tests = []
        for verifier in plan.verifiers:
            if verifier.not_run:
                continue
            result = await self._runner.run(exam, verifier, place, tell)
            finding = judging.alone(verifier, result)
            await tell_answer(tell, exam.on, finding, result)
            findings.append(finding)
            if verifier.kind is Kind.TEST:
                tests.append((verifier.name, result))
        return tests

    @cached_property
    def _environments(self) -> Environments:
        return Environments(
            repositories=self.repositories,
            workspaces=self.workspaces,
            sandboxes=self.sandboxes,
            broker=self.broker,
            artifacts=self.artifacts,
            registries=self.registries,
            home=self.home,
            clock=self.clock,
        )

    @cached_property
    def _runner(self) -> Runner:
        return Runner(
            repositories=self.repositories,
            workspaces=self.workspaces,
            sandboxes=self.sandboxes,
            records=self.records,
            artifacts=self.artifacts,
            home=self.home,
        )


_LINES_OF_LOG = 1500


def _setup_words(environment: Environment) -> str:
    log = "".join(
        f"\n{condensed.strip()[-_LINES_OF_LOG:]}" for one in environment.evidence if (condensed := one.condensed)
    )
    return f"{environment.failure}{log}"


def _nothing_passes(tests: list[tuple[str, Result]]) -> str:
    """A sentence when no test of any verifier passes; "" also where that is not known."""
    if not tests or not all(_red_throughout(result) for _, result in tests):
        return ""
    words = "; ".join(f"{name}: {judging.summary(result)}" for name, result in tests)
    return f"no test passes on the base ({words})"


def _red_throughout(result: Result) -> bool:
    tally = result.tally
    if result.problem or result.evidence.exit_code == 0:
        return False
    if tally.passed is not None:
        return not tally.passed
    if tally.ran is None:
        return True
    return tally.failed is not None and len(tally.failed) >= tally.ran
