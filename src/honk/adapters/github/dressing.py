"""Labels, reviewers and assignees: what may fail without failing anything else.

https://docs.github.com/en/rest/pulls/review-requests
"""

from dataclasses import dataclass
from urllib.parse import quote

import structlog

from honk.adapters.github.api import Api
from honk.adapters.github.pull_requests import Pull
from honk.adapters.github.reading import GHOST, Login, Shape, every
from honk.adapters.github.site import Site, said
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.domain.pull_request import PullRequest, PullRequestState

_log = structlog.get_logger()
_COLOR = "7f8c8d"


class _Reviewed(Shape):
    user: Login | None = None


@dataclass(frozen=True)
class Dressing:
    """Adds only; what people put there stays."""

    api: Api

    async def put(self, site: Site, pull: Pull, wanted: PullRequest) -> None:
        """The labels, and the reviewers unless it is a draft."""
        await self._label(site, pull, wanted.labels)
        if wanted.reviewers and pull.standing is PullRequestState.OPEN:
            await self._ask(site, pull, wanted.reviewers)

    async def assign(self, site: Site, pull: Pull, login: str) -> None:
        """Whoever asked for it. GitHub passes over those who cannot be assigned there."""
        if not login or login.lower() in {one.login.lower() for one in pull.assignees or ()}:
            return
        try:
            await self.api.send(
                "POST", f"{site.path}/issues/{pull.number}/assignees", {"assignees": [login]}, of=site.full_name
            )
        except GithubRefused as error:
            self._skipped("assignee", login, error)

    async def _label(self, site: Site, pull: Pull, labels: tuple[str, ...]) -> None:
        there = {one.name.lower() for one in pull.labels}
        missing = [one for one in dict.fromkeys(labels) if one.lower() not in there]
        known = [one for one in missing if await self._exists(site, one)]
        if not known:
            return
        try:
            await self.api.send(
                "POST", f"{site.path}/issues/{pull.number}/labels", {"labels": known}, of=site.full_name
            )
        except GithubRefused as error:
            self._skipped("labels", ", ".join(known), error)

    async def _exists(self, site: Site, label: str) -> bool:
        """Whether the repository has the label, from now on at least."""
        try:
            await self.api.get(f"{site.path}/labels/{quote(label, safe='')}", of=site.full_name)
        except Absent:
            new = {"name": label, "color": _COLOR}
            try:
                await self.api.send("POST", f"{site.path}/labels", new, of=site.full_name)
            except GithubRefused as error:
                self._skipped("label", label, error)
                return False
        except GithubRefused as error:
            self._skipped("label", label, error)
            return False
        return True

    async def _ask(self, site: Site, pull: Pull, reviewers: tuple[str, ...]) -> None:
        """Each once: who was asked or has reviewed is not asked again."""
        path = f"{site.path}/pulls/{pull.number}"
        teams = {one.slug.lower() for one in pull.requested_teams or ()}
        people = {one.login.lower() for one in pull.requested_reviewers or ()} | {pull.author.lower()}
        asked = [one for one in dict.fromkeys(reviewers) if not _among(one, people, teams)]
        if not asked:
            return
        reviews = every(_Reviewed, await self.api.pages(f"{path}/reviews", of=site.full_name), "the reviews")
        people |= {(one.user or GHOST).login.lower() for one in reviews}
        asked = [one for one in asked if not _among(one, people, teams)]
        if not asked or await self._request(site, path, asked, quiet=len(asked) > 1):
            return
        # GitHub takes all of them or nobody.
        for one in asked if len(asked) > 1 else ():
            await self._request(site, path, [one])

    async def _request(self, site: Site, path: str, asked: list[str], *, quiet: bool = False) -> bool:
        body = {
            "reviewers": [one for one in asked if "/" not in one],
            "team_reviewers": [one.rpartition("/")[2] for one in asked if "/" in one],
        }
        try:
            await self.api.send("POST", f"{path}/requested_reviewers", body, of=site.full_name)
        except GithubRefused as error:
            if not quiet:
                self._skipped("reviewer", ", ".join(asked), error)
            return False
        return True

    def _skipped(self, what: str, name: str, error: GithubRefused) -> None:
        _log.info("GitHub did not take it", name="github.skipped", what=what, value=name, said=said(error))


def _among(name: str, people: set[str], teams: set[str]) -> bool:
    low = name.lower().removeprefix("@")
    return low.rpartition("/")[2] in teams if "/" in low else low in people
