"""What GitHub Actions and whoever deploys do meanwhile; for tests, beside what people do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from honk.testing.fake_github import actions, deploying
from honk.testing.fake_github.records import Account, Artifact, Deployment, Environment, Repo, Run

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

CI = ".github/workflows/ci.yml"


@dataclass(eq=False)
class Machines:
    """A repository is a Repo or "owner/name"."""

    world: "World"

    def run(  # noqa: PLR0913 - what a run has
        self,
        repo: Repo | str,
        branch: str,
        jobs: Mapping[str, str | None] | None = None,
        *,
        path: str = CI,
        logs: Mapping[str, str] | None = None,
        steps: Mapping[str, Sequence[tuple[str, str | None]]] | None = None,
        artifacts: Mapping[str, bytes | Mapping[str, bytes]] | None = None,
        sha: str = "",
        by: Account | str = "ghost",
        event: str = "push",
    ) -> Run:
        """A run on a branch's tip, or on `sha`: finished where every job has a conclusion, running otherwise."""
        repo = self.world.repo(repo)
        sha = sha or repo.bare.branch(branch) or ""
        run = actions.start(self.world, repo, path, branch=branch, sha=sha, by=self.world.account(by), event=event)
        for name, content in (artifacts or {}).items():
            actions.keep(self.world, run, name, content)
        self.jobs(repo, run, {"build": "success"} if jobs is None else jobs, logs=logs, steps=steps)
        return run

    def jobs(
        self,
        repo: Repo | str,
        run: Run,
        jobs: Mapping[str, str | None],
        *,
        logs: Mapping[str, str] | None = None,
        steps: Mapping[str, Sequence[tuple[str, str | None]]] | None = None,
    ) -> None:
        """Brings jobs on; the run is finished where none is running any more."""
        repo = self.world.repo(repo)
        for name, conclusion in jobs.items():
            actions.set_job(
                self.world,
                repo,
                run,
                name,
                conclusion,
                log=(logs or {}).get(name, ""),
                steps=(steps or {}).get(name, ()),
            )
        if run.jobs and all(one.check.status == "completed" for one in run.jobs):
            actions.finish(self.world, repo, run)

    def finish(self, repo: Repo | str, run: Run, conclusion: str = "success") -> None:
        """The run ends with that."""
        actions.finish(self.world, self.world.repo(repo), run, conclusion)

    def keep(self, run: Run, name: str, content: bytes | Mapping[str, bytes]) -> Artifact:
        """An artifact of a run: files, or a zip as it is."""
        return actions.keep(self.world, run, name, content)

    def environment(
        self, repo: Repo | str, name: str, *, reviewers: Sequence[Account | str] = (), wait_minutes: int = 0
    ) -> Environment:
        """An environment, and who must approve."""
        made = deploying.known(self.world, self.world.repo(repo), name)
        made.reviewers = [self.world.account(one) for one in reviewers]
        made.wait_minutes = wait_minutes
        return made

    def wait_for(self, repo: Repo | str, run: Run, environment: str) -> None:
        """The run waits for the approval of an environment; the deployment of it is there."""
        actions.wait_for(self.world, self.world.repo(repo), run, environment)

    def decide(self, repo: Repo | str, run: Run, environment: str, *, approved: bool = True) -> None:
        """Somebody approves or rejects it."""
        actions.decide(self.world, self.world.repo(repo), run, [environment], approved)

    def deployed(
        self,
        repo: Repo | str,
        deployment: Deployment,
        state: str = "success",
        *,
        by: Account | str = "ghost",
        **more: Any,
    ) -> None:
        """Whoever deploys says how far it has come; `more` such as description, log_url and environment_url."""
        deploying.add_status(self.world, self.world.repo(repo), deployment, state, by=self.world.account(by), **more)
