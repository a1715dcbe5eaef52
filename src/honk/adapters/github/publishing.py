"""A commit of the mirror → the task's branch at GitHub.

Where the repository takes signed commits alone, they are made anew through the API, so that GitHub signs them:
https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots
"""

import re
from dataclasses import dataclass
from urllib.parse import quote

from honk.adapters.github.api import Api
from honk.adapters.github.pull_requests import Pulls
from honk.adapters.github.signing import Signing
from honk.adapters.github.site import Site, Sites, rules
from honk.adapters.github.trouble import GithubRefused
from honk.domain.pull_request import Published
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import one_line
from honk.errors import Defect, ForgeRefused, RepositoryUnusable
from honk.ports.git_target import Target

OWN = "honk/"
_WORKFLOW = re.compile(r"(?:create or update|update) workflow [`'\"]?([^`'\"\s]+)", re.I)
_LARGE = re.compile(r"File (\S+) is ([\d.]+ [MGK]B)", re.I)
_SECRET_AT = re.compile(r"path: (\S+?)(?:;|$|\s)")
_RULE = re.compile(r"(?:^|; )(?:remote: )?- (?!GITHUB PUSH PROTECTION|Push cannot)([^;]+)")
_SIGNED = re.compile(r"verified signature|must be signed|signed commits", re.I)
_UNSIGNABLE = "the repository takes signed commits alone, and GitHub signs none here"


@dataclass(frozen=True)
class Publishing:
    """Every branch of Honk's goes to the repository itself, never to a fork."""

    api: Api
    sites: Sites
    target: Target
    pulls: Pulls
    signing: Signing

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        """The branch is in the mirror afterwards, whatever GitHub says. Raises Defect, Unreachable."""
        if not branch.startswith(OWN):
            raise Defect(f"{branch} is not a branch of Honk's")
        await self.target.hold(repository, branch, commit)
        try:
            site = await self.sites.find(repository)
            site.writable()
            return await self._publish(repository, site, branch, commit, over)
        except (RepositoryUnusable, ForgeRefused) as error:
            return Published(commit=commit, refused=_one(error.message, error.remedy))

    async def _publish(
        self, repository: Repository, site: Site, branch: str, commit: Sha, over: Sha | None
    ) -> Published:
        tip = await self.target.tip(repository, branch)
        if tip == commit:
            return Published(commit=commit)
        signs = await self._signs(site, branch)
        if tip is not None and (signs or tip != over):
            # An earlier, cut-off call may have made it anew there.
            if await self.signing.twins(repository, site, tip, commit):
                return await self._taken(repository, branch, tip)
            if tip != over:
                return Published(commit=commit, refused=f"somebody moved {branch} to {tip[:12]}")
        await self._calmed(site, branch)
        if signs:
            return await self._signed(repository, site, branch, commit, tip)
        refusal = await self.target.push(repository, branch, commit, over=tip)
        if refusal and _SIGNED.search(refusal):
            return await self._signed(repository, site, branch, commit, tip)
        return Published(commit=commit, refused=explained(refusal, branch) if refusal else "")

    async def _signed(self, repository: Repository, site: Site, branch: str, commit: Sha, tip: Sha | None) -> Published:
        try:
            made = await self.signing.publish(repository, site, branch, commit, tip)
        except GithubRefused as error:
            return Published(commit=commit, refused=_one(f"{_UNSIGNABLE}: {error.message}", error.remedy))
        return await self._taken(repository, branch, made)

    async def _taken(self, repository: Repository, branch: str, made: Sha) -> Published:
        await self.target.refresh(repository)
        await self.target.hold(repository, branch, made)
        return Published(commit=made)

    async def _calmed(self, site: Site, branch: str) -> None:
        known = await self.pulls.records.pull_request(TaskId(branch.removeprefix(OWN)))
        if known is not None and known.url is not None:
            pull = await self.pulls.get(site, known.number)
            if pull is not None:
                await self.pulls.calm(site, pull)

    async def _signs(self, site: Site, branch: str) -> bool:
        """Whether the branch, or the base that it is for, takes signed commits alone."""
        known = await self.pulls.records.pull_request(TaskId(branch.removeprefix(OWN)))
        base = known.base if known is not None else site.default_branch
        for name in (branch, base):
            if any(rule.type == "required_signatures" for rule in await rules(self.api, site, name)):
                return True
        return await self._protected(site, base)

    async def _protected(self, site: Site, base: str) -> bool:
        """By the older branch protection. Its details are shown to administrators, what matters to everybody.

        https://docs.github.com/en/graphql/reference/objects#refupdaterule
        """
        path = f"{site.path}/branches/{quote(base, safe='')}/protection/required_signatures"
        try:
            return bool((await self.api.get(path, of=site.full_name)).json["enabled"])
        except GithubRefused as error:
            if error.status != 403:
                return False
        owner, _, name = site.full_name.partition("/")
        try:
            found = await self.api.graphql(
                "query($owner:String!,$name:String!,$ref:String!){repository(owner:$owner,name:$name)"
                "{ref(qualifiedName:$ref){refUpdateRule{requiresSignatures}}}}",
                {"owner": owner, "name": name, "ref": f"refs/heads/{base}"},
                of=site.full_name,
            )
        except GithubRefused:
            return False
        rule = ((found.get("repository") or {}).get("ref") or {}).get("refUpdateRule") or {}
        return bool(rule.get("requiresSignatures"))


def explained(refusal: str, branch: str) -> str:
    """One sentence for what git and GitHub said of a push, and what to do.

    https://docs.github.com/en/repositories/working-with-files/managing-large-files/about-large-files-on-github
    https://docs.github.com/en/code-security/secret-scanning/working-with-secret-scanning-and-push-protection
    """
    words = one_line(refusal)
    low = words.lower()
    if found := _WORKFLOW.search(words):
        return (
            f"GitHub does not let Honk change {found[1]}: give the GitHub App the permission workflows: write, "
            "or leave that file to a person"
        )
    if "push protection" in low or "cannot contain secrets" in low:
        at = _SECRET_AT.search(words)
        where = f" in {at[1]}" if at else ""
        return f"GitHub found what looks like a secret{where}: have it taken out by a reply to the task"
    if "gh001" in low or "exceeds github's file size limit" in low:
        large = _LARGE.search(words)
        what = f"{large[1]} with {large[2]}" if large else "a file of more than 100 MB"
        return f"GitHub takes no files of more than 100 MB, and there is {what}: have it taken out, or use Git LFS"
    if "archived" in low:
        return "the repository is archived at GitHub, so it can be read only: unarchive it in its settings"
    if "gh013" in low or "rule violations" in low:
        broken = "; ".join(one.strip().rstrip(".") for one in _RULE.findall(words)) or words
        return f"a ruleset of the repository refuses {branch}: {broken}; let Honk's app bypass it, or leave honk/** out"
    if "gh006" in low or "protected branch" in low:
        return f"a protection rule covers {branch} and refuses it: {words}; leave honk/** out of the rule"
    if "gh007" in low:
        return f"GitHub refuses the mail address in the commits: {words}"
    return words


def _one(message: str, remedy: str) -> str:
    return one_line(f"{message} ({remedy})" if remedy else message)
