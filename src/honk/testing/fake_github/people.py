"""What people and other apps do on GitHub while Honk works there: each act has its webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from honk.testing.fake_github import acts, api_checks, api_reviews, heads, merging
from honk.testing.fake_github.records import (
    Account,
    App,
    CheckRun,
    Comment,
    Issue,
    Repo,
    Review,
    ReviewComment,
    Status,
)

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World


@dataclass(eq=False)
class People:
    """`by` is a login; a repository is a Repo or "owner/name"; an issue is the Issue or its number."""

    world: "World"

    def _issue(self, repo: Repo, issue: Issue | int) -> Issue:
        return issue if isinstance(issue, Issue) else repo.issues[issue]

    def issue(
        self, by: str | Account, repo: Repo | str, title: str, body: str | None = None, *, labels: Sequence[str] = ()
    ) -> Issue:
        """Opens an issue."""
        repo, who = self.world.repo(repo), self.world.account(by)
        made = acts.open_issue(self.world, repo, who, title, body)
        acts.add_labels(self.world, repo, made, who, labels)
        return made

    def pull(
        self, by: str | Account, repo: Repo | str, head: str, *, base: str = "", title: str = "A change", **more: Any
    ) -> Issue:
        """Opens a pull request; `more` such as body and draft."""
        repo = self.world.repo(repo)
        base = base or repo.default_branch
        return acts.open_pull(self.world, repo, self.world.account(by), head=head, base=base, title=title, **more)

    def edit(self, by: str | Account, repo: Repo | str, issue: Issue | int, **changes: str) -> None:
        """Changes title, body or base."""
        repo = self.world.repo(repo)
        acts.edit(self.world, repo, self._issue(repo, issue), self.world.account(by), changes)

    def comment(self, by: str | Account, repo: Repo | str, issue: Issue | int, body: str) -> Comment:
        """Comments on an issue or pull request."""
        repo = self.world.repo(repo)
        return acts.comment(self.world, repo, self._issue(repo, issue), self.world.account(by), body)

    def edit_comment(self, by: str | Account, repo: Repo | str, comment: Comment | ReviewComment, body: str) -> None:
        acts.edit_comment(self.world, self.world.repo(repo), comment, self.world.account(by), body)

    def delete_comment(self, by: str | Account, repo: Repo | str, comment: Comment | ReviewComment) -> None:
        acts.delete_comment(self.world, self.world.repo(repo), comment, self.world.account(by))

    def label(self, by: str | Account, repo: Repo | str, issue: Issue | int, *names: str) -> None:
        """Puts labels on it."""
        repo = self.world.repo(repo)
        acts.add_labels(self.world, repo, self._issue(repo, issue), self.world.account(by), names)

    def unlabel(self, by: str | Account, repo: Repo | str, issue: Issue | int, name: str) -> None:
        repo = self.world.repo(repo)
        acts.remove_label(self.world, repo, self._issue(repo, issue), self.world.account(by), name)

    def assign(self, by: str | Account, repo: Repo | str, issue: Issue | int, *logins: str | Account) -> None:
        """Assigns people, or the app's bot."""
        repo = self.world.repo(repo)
        people = [self.world.account(one) for one in logins]
        acts.assign(self.world, repo, self._issue(repo, issue), self.world.account(by), people)

    def close(self, by: str | Account, repo: Repo | str, issue: Issue | int) -> None:
        repo = self.world.repo(repo)
        acts.set_state(self.world, repo, self._issue(repo, issue), self.world.account(by), "closed")

    def reopen(self, by: str | Account, repo: Repo | str, issue: Issue | int) -> None:
        repo = self.world.repo(repo)
        acts.set_state(self.world, repo, self._issue(repo, issue), self.world.account(by), "open")

    def review(
        self,
        by: str | Account,
        repo: Repo | str,
        issue: Issue | int,
        state: str = "COMMENTED",
        body: str = "",
        *,
        comments: Sequence[Mapping[str, Any]] = (),
    ) -> Review:
        """Hands in a review: APPROVED, CHANGES_REQUESTED or COMMENTED; comments have path, line and body."""
        repo, who = self.world.repo(repo), self.world.account(by)
        made = api_reviews.make_review(
            self.world, repo, self._issue(repo, issue), who, body, comments=[dict(one) for one in comments]
        )
        acts.submit(self.world, repo, made, state, body)
        return made

    def answer(self, by: str | Account, repo: Repo | str, to: ReviewComment, body: str) -> ReviewComment:
        """Answers in the thread of a comment on a line."""
        return api_reviews.answer(self.world, self.world.repo(repo), to, self.world.account(by), body)

    def comments_of(self, repo: Repo | str, review: Review) -> list[ReviewComment]:
        """The comments of a review."""
        return [one for one in self.world.repo(repo).review_comments.values() if one.review is review]

    def push(
        self,
        by: str | Account,
        repo: Repo | str,
        branch: str,
        files: Mapping[str, str | bytes | None],
        message: str = "A change",
    ) -> str:
        """Commits and pushes; the new commit."""
        return self.world.commit(repo, files, message, branch=branch, by=by)

    def delete_branch(self, by: str | Account, repo: Repo | str, branch: str) -> None:
        heads.remove_branch(self.world, self.world.repo(repo), branch, self.world.account(by))

    def merge(self, by: str | Account, repo: Repo | str, issue: Issue | int, method: str = "merge") -> str:
        """Merges a pull request on its page, where nothing stands in the way."""
        repo = self.world.repo(repo)
        found = self._issue(repo, issue)
        merging.check(self.world, repo, found, method, "")
        return merging.merge(self.world, repo, found, self.world.account(by), method=method)

    def ready(self, by: str | Account, repo: Repo | str, issue: Issue | int, *, draft: bool = False) -> None:
        """Marks a draft as ready, or makes it a draft again."""
        repo = self.world.repo(repo)
        found = self._issue(repo, issue)
        assert found.pull is not None
        found.pull.draft = draft
        action = "converted_to_draft" if draft else "ready_for_review"
        heads.tell(self.world, repo, found, action, self.world.account(by))

    def enqueue(self, by: str | Account, repo: Repo | str, issue: Issue | int) -> None:
        """Puts a pull request into the merge queue on its page."""
        repo = self.world.repo(repo)
        merging.enqueue(self.world, repo, self._issue(repo, issue), self.world.account(by))

    def advance_queue(self, repo: Repo | str, branch: str = "") -> str | None:
        """The merge queue merges the next one."""
        return merging.advance(self.world, self.world.repo(repo), branch)

    # checks of others

    def check(
        self,
        repo: Repo | str,
        sha: str,
        name: str = "build",
        conclusion: str | None = "success",
        *,
        app: App | None = None,
        **more: Any,
    ) -> CheckRun:
        """A check run of an app, GitHub Actions unless said otherwise; still running for None."""
        if conclusion is None:
            more.setdefault("status", "in_progress")
        repo = self.world.repo(repo)
        return api_checks.add_check(
            self.world, repo, app or self.world.actions, sha, name, conclusion=conclusion, **more
        )

    def conclude(self, repo: Repo | str, check: CheckRun, conclusion: str, **more: Any) -> None:
        """A running check ends."""
        repo = self.world.repo(repo)
        api_checks.update_check(self.world, repo, check, {"conclusion": conclusion, **more})

    def rerun(self, by: str | Account, repo: Repo | str, check: CheckRun) -> None:
        """Presses "Re-run" beside a check: its app is told, and decides what becomes of it."""
        repo = self.world.repo(repo)
        api_checks.check_event(self.world, repo, check, "rerequested", self.world.account(by))

    def status(  # noqa: PLR0913 - what a status has
        self, by: str | Account, repo: Repo | str, sha: str, context: str = "ci/build", state: str = "success",
        *, description: str | None = None, target_url: str | None = None,
    ) -> Status:  # fmt: skip
        """A commit status, as other CI systems give them."""
        return api_checks.add_status(
            self.world,
            self.world.repo(repo),
            sha,
            context,
            state,
            by=self.world.account(by),
            description=description,
            target_url=target_url,
        )
