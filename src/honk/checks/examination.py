"""One change, looked at from all sides: its files, its runs, its proof."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from honk.checks import definitions, judging, red_green, scope, weakened
from honk.checks.environments import Environment, Environments
from honk.checks.instruction import Instruction
from honk.checks.plan import Plan, Verifier
from honk.checks.running import Place, Result, Runner, tell_answer
from honk.checks.tree import Tree
from honk.domain.attempt import Change
from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof
from honk.ports import Exam, Tell

#: The same tree gives the same commit, however often it is asked for.
_AT = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Examination:
    """Filled in as it goes; `take` does all of it."""

    exam: Exam
    change: Change
    plan: Plan
    runner: Runner
    environments: Environments
    tell: Tell
    findings: list[Finding] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)
    proof: Proof | None = None

    async def take(self) -> None:
        instruction = Instruction(self.exam.instruction)
        base, change = await self._trees()
        ours = await self.environments.ensure(self.exam, self.plan, self.tell, commit=self.change.commit)
        theirs = await self.environments.ensure(self.exam, self.plan, self.tell, commit=self.exam.base.commit)
        self._add(scope.finding(self.change, self.plan.config.scope, instruction))
        self._add(await definitions.finding(base, change, self.change.files, self.plan.verifiers, instruction))
        self._add(definitions.executed(self.change.files))
        self._add(red_green.tests_only(self.change, instruction))
        taken = await weakened.look(base, change, self.change.files)
        if ours.failure:
            self.findings.append(setup_finding(ours))
            self._add(weakened.finding(taken, [], instruction))
            return
        runs = await self._verifiers(ours, theirs)
        missing = [
            name
            for one in runs.values()
            # A run that a new failure cut short says nothing about the tests behind it.
            if one.base is not None and one.passed
            for name in weakened.no_longer_run(one.base.tally, one.green.tally, taken.moved)
        ]
        self._add(weakened.finding(taken, missing, instruction))
        await self._red_green(runs, ours, instruction)
        self._say_what_is_missing()

    async def _trees(self) -> tuple[Tree, Tree]:
        repositories, repository = self.runner.repositories, self.exam.repository
        return (
            await Tree.of(repositories, repository, self.change.base),
            await Tree.of(repositories, repository, self.change.commit),
        )

    def _add(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.append(finding)

    async def _verifiers(self, ours: Environment, theirs: Environment) -> dict[str, red_green.Runs]:
        """Every verifier on base and change; the runs of the tests among them by name."""
        runs = {}
        for verifier in self.plan.verifiers:
            if verifier.not_run:
                self.findings.append(judging.not_run(verifier))
                continue
            base = None if theirs.failure else await self.on_base(verifier, theirs)
            result = await self.runner.run(self.exam, verifier, self._place(ours), self.tell)
            finding = judging.judge(verifier, base, result)
            await tell_answer(self.tell, self.exam.on, finding, result)
            self.findings.append(finding)
            if verifier.kind is Kind.TEST:
                runs[verifier.name] = red_green.Runs(
                    base=base, red=None, green=result, passed=finding.answer is Answer.PASS
                )
        return runs

    async def on_base(self, verifier: Verifier, environment: Environment) -> Result:
        exam = replace(self.exam, on="base")
        place = Place(commit=self.exam.base.commit, environment=environment, variables=self.plan.environment)
        result = await self.runner.run(exam, verifier, place, self.tell)
        if not result.cached:
            await tell_answer(self.tell, "base", judging.alone(verifier, result), result)
        return result

    def _place(self, environment: Environment) -> Place:
        return Place(commit=self.change.commit, environment=environment, variables=self.plan.environment)

    async def _red_green(self, runs: dict[str, red_green.Runs], ours: Environment, instruction: Instruction) -> None:
        paths = red_green.test_paths(self.change)
        wanted = red_green.needs_proof(self.change, instruction)
        failed = any(one.answer is Answer.FAIL and one.counts for one in self.findings)
        if wanted and paths and not failed:
            place = replace(self._place(ours), commit=await self._tests_on_base(paths))
            tests = [one for one in self.plan.verifiers if one.name in runs and runs[one.name].passed]
            for verifier in tests:
                red = await self._red(red_green.narrowed(verifier, self.change), place)
                runs[verifier.name] = replace(runs[verifier.name], red=red)
        self.proof = red_green.proof(runs.values(), paths)
        if not wanted:
            return
        finding, sentences = red_green.finding(self.change, instruction, self.proof, has_tests=bool(runs))
        self._add(finding)
        self.not_proven += sentences

    async def _red(self, verifier: Verifier, place: Place) -> Result:
        named = replace(verifier, name=f"{verifier.name} (tests of the change, without the change)")
        result = await self.runner.run(replace(self.exam, on="base"), named, place, self.tell)
        await tell_answer(self.tell, "base", judging.alone(named, result), result)
        return result

    async def _tests_on_base(self, paths: tuple[str, ...]) -> Sha:
        """The base with the change's tests, as a commit that no branch holds."""
        repositories, repository, base = self.runner.repositories, self.exam.repository, self.exam.base.commit
        tree = await repositories.with_paths(repository, base, self.change.commit, paths)
        message = "The base with the tests of a change"
        return await repositories.commit_tree(repository, tree, base, message, _AT)

    def _say_what_is_missing(self) -> None:
        tests = [one for one in self.findings if one.kind is Kind.TEST and one.counts]
        if not tests:
            self.not_proven.append("No test ran: the repository has none that Honk knows how to run.")
        for one in self.findings:
            if one.counts and one.kind is not Kind.RULE and one.answer is Answer.UNSURE:
                self.not_proven.append(f"{one.verifier}: {one.summary}.")
            elif not one.counts and one.answer is Answer.UNSURE:
                self.not_proven.append(f"{one.verifier} was {one.summary}.")
            if one.failing_before:
                count = len(one.failing_before)
                self.not_proven.append(f"{one.verifier}: {count} failing before, so that they show nothing.")


def setup_finding(environment: Environment) -> Finding:
    return Finding(
        verifier="set-up",
        kind=Kind.SETUP,
        answer=Answer.FAIL,
        summary=environment.failure,
        evidence=environment.evidence or (Evidence(command="set-up", exit_code=None, seconds=0.0, condensed=""),),
    )
