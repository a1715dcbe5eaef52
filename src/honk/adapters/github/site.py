"""A repository at GitHub as it is at this moment: also after it was renamed, transferred or archived."""

from dataclasses import dataclass
from urllib.parse import quote

from honk.adapters.github.api import Api
from honk.adapters.github.places import Places
from honk.adapters.github.reading import Shape, Text, read
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Repository
from honk.errors import ForgeRefused


class _Found(Shape):
    """https://docs.github.com/en/rest/repos/repos#get-a-repository; what an older server leaves out counts as usual."""

    id: int
    node_id: Text = ""
    full_name: str
    default_branch: Text = ""
    archived: bool | None = False
    disabled: bool | None = False
    has_pull_requests: bool | None = True
    allow_merge_commit: bool | None = True
    allow_squash_merge: bool | None = True
    allow_rebase_merge: bool | None = True
    allow_auto_merge: bool | None = False
    delete_branch_on_merge: bool | None = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What the forge has to know of a repository before it acts there."""

    id: int
    node_id: str
    #: as it is called now
    full_name: str
    default_branch: str
    archived: bool
    #: GitHub itself has switched it off, or it has no pull requests
    closed: str
    methods: frozenset[MergeMethod]
    auto_merge: bool
    deletes_branches: bool

    @property
    def path(self) -> str:
        return f"/repos/{self.full_name}"

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    def ref(self, branch: str, *, kind: str = "refs") -> str:
        """The address of a branch's ref: "ref" is for reading it, "refs" for changing it."""
        return f"{self.path}/git/{kind}/heads/{quote(branch, safe='/')}"

    def writable(self) -> None:
        """Raises ForgeRefused where nobody can write."""
        if self.archived:
            raise ForgeRefused(
                f"{self.full_name} is archived at GitHub, so it can be read only",
                f"unarchive it in the settings of {self.full_name}, then try again",
            )
        if self.closed:
            raise ForgeRefused(self.closed, f"switch it on in the settings of {self.full_name}, then try again")


class Sites:
    """Looks up where a repository is now."""

    def __init__(self, api: Api, places: Places) -> None:
        self._api = api
        self._places = places

    async def find(self, repository: Repository) -> Site:
        """Asked each time, which costs nothing while it is unchanged. Raises ForgeRefused, Unreachable."""
        name = self._places.of(repository)
        try:
            answer = await self._api.get(f"/repos/{name}", of=name)
        except Absent as exc:
            raise ForgeRefused(
                f"Honk does not see {name} at GitHub: it was deleted, or Honk was let out of it",
                f"let the GitHub App (or the token) into {name} again, then retry; the work so far is kept",
            ) from exc
        found = read(_Found, answer.json, f"the repository {name}")
        methods = {
            MergeMethod.MERGE: found.allow_merge_commit,
            MergeMethod.SQUASH: found.allow_squash_merge,
            MergeMethod.REBASE: found.allow_rebase_merge,
        }
        return Site(
            id=found.id,
            node_id=found.node_id,
            full_name=found.full_name,
            default_branch=found.default_branch or "main",
            archived=bool(found.archived),
            closed=_closed(found),
            methods=frozenset(method for method, allowed in methods.items() if allowed is not False),
            auto_merge=bool(found.allow_auto_merge),
            deletes_branches=bool(found.delete_branch_on_merge),
        )


def _closed(found: _Found) -> str:
    """Why nothing can be proposed there; "" where it can."""
    if found.disabled:
        return f"GitHub has disabled {found.full_name}"
    return "" if found.has_pull_requests is not False else f"pull requests are switched off in {found.full_name}"


class Rule(Shape):
    """One rule that counts for a branch, from whichever ruleset it comes."""

    type: str
    parameters: dict[str, object] | None = None

    def names(self, key: str) -> tuple[str, ...]:
        """The words of a list among its parameters."""
        value = (self.parameters or {}).get(key)
        return tuple(str(one) for one in value) if isinstance(value, list) else ()


async def rules(api: Api, site: Site, branch: str) -> tuple[Rule, ...]:
    """The active rules of a branch; none where the server knows no rulesets.

    https://docs.github.com/en/rest/repos/rules#get-rules-for-a-branch
    """
    try:
        listed = await api.pages(f"{site.path}/rules/branches/{quote(branch, safe='')}", of=site.full_name, limit=300)
    except GithubRefused:
        return ()
    return tuple(read(Rule, one, f"the rules of {branch}") for one in listed)


def said(error: GithubRefused) -> str:
    """Everything that GitHub said, as one line."""
    more = [one for one in error.errors if one and one not in error.said]
    return "; ".join([error.said, *more] if error.said else more) or error.message
