"""Makes commits of the mirror anew at GitHub, which signs what an app makes without naming an author.

https://docs.github.com/en/rest/git/commits#create-a-commit
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from honk.adapters.github.api import Api
from honk.adapters.github.contents import Contents, Entry, Written
from honk.adapters.github.reading import Shape, read
from honk.adapters.github.site import Site
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.domain.repository import Repository, Sha
from honk.errors import ForgeRefused

#: commits that are made anew at most
_MOST = 100


class _Object(Shape):
    sha: str


class _Commit(Shape):
    sha: str
    message: str
    tree: _Object
    parents: Sequence[_Object] = ()


@dataclass(frozen=True)
class Signing:
    """Of the commits that GitHub has not; tree, message and order stay as they are."""

    api: Api
    contents: Contents

    async def publish(self, repository: Repository, site: Site, branch: str, commit: Sha, tip: Sha | None) -> Sha:
        """The branch is at the commit that this returns, if it was at `tip`. Raises GithubRefused, ForgeRefused."""
        made = await self._made(repository, site, commit)
        if tip is None:
            new = {"ref": f"refs/heads/{branch}", "sha": made}
            await self.api.send("POST", f"{site.path}/git/refs", new, of=site.full_name)
            return made
        now = (await self.api.get(site.ref(branch, kind="ref"), of=site.full_name)).json["object"]["sha"]
        if now != tip:
            raise ForgeRefused(f"somebody moved {branch} to {now[:12]}")
        try:
            await self.api.send("PATCH", site.ref(branch), {"sha": made, "force": False}, of=site.full_name)
        except GithubRefused as error:
            if error.status != 422 or "fast" not in error.message.lower():
                raise
            raise ForgeRefused(
                f"{branch} is at {tip[:12]}, {commit[:12]} does not come after it, and GitHub signs no such commit"
            ) from error
        return made

    async def twins(self, repository: Repository, site: Site, there: Sha, here: Sha) -> bool:
        """Whether GitHub's commit is the mirror's one made anew."""
        for _ in range(_MOST):
            if there == here:
                return True
            made, wanted = await self._commit(site, there), await self.contents.written(repository, here)
            if made is None or (made.tree.sha, made.message.strip()) != (wanted.tree, wanted.message.strip()):
                return False
            parents = tuple(one.sha for one in made.parents)
            if parents == wanted.parents:
                return True
            if not parents or parents[1:] != wanted.parents[1:]:
                return False
            there, here = Sha(parents[0]), wanted.parents[0]
        return False

    async def _made(self, repository: Repository, site: Site, commit: Sha) -> Sha:
        """Oldest first, along the first parents."""
        pending: list[tuple[Sha, Written]] = []
        at = commit
        while await self._commit(site, at) is None:
            written = await self.contents.written(repository, at)
            if not written.parents or len(pending) == _MOST:
                raise ForgeRefused(f"GitHub has none of the latest {len(pending) + 1} commits below {commit[:12]}")
            pending.append((at, written))
            at = written.parents[0]
        # What is there already was published by somebody, signed or not.
        parent, made = at, at
        for sha, written in reversed(pending):
            made = await self._make(repository, site, sha, written, old=parent, onto=made)
            parent = sha
        return made

    async def _make(
        self, repository: Repository, site: Site, commit: Sha, written: Written, *, old: Sha, onto: Sha
    ) -> Sha:
        entries = await self.contents.entries(repository, old, commit)
        base = await self._commit(site, onto)
        if base is None:
            raise ForgeRefused(f"GitHub has no commit {onto[:12]} any more")
        tree = base.tree.sha
        if entries:
            listed = [await self._entry(repository, site, one) for one in entries]
            answer = await self.api.send(
                "POST", f"{site.path}/git/trees", {"base_tree": tree, "tree": listed}, of=site.full_name
            )
            tree = read(_Object, answer.json, "the new tree").sha
        if tree != written.tree:
            raise ForgeRefused(f"GitHub made tree {tree[:12]} of {commit[:12]}, whose tree is {written.tree[:12]}")
        new = {"message": written.message, "tree": tree, "parents": [onto, *written.parents[1:]]}
        answer = await self.api.send("POST", f"{site.path}/git/commits", new, of=site.full_name)
        return Sha(read(_Object, answer.json, "the new commit").sha)

    async def _entry(self, repository: Repository, site: Site, entry: Entry) -> dict[str, Any]:
        """https://docs.github.com/en/rest/git/trees#create-a-tree: null takes a path away."""
        if entry.object is None:
            return {"path": entry.path, "mode": "100644", "type": "blob", "sha": None}
        if entry.mode == "160000":
            return {"path": entry.path, "mode": entry.mode, "type": "commit", "sha": entry.object}
        content = base64.b64encode(await self.contents.blob(repository, entry.object)).decode()
        made = {"content": content, "encoding": "base64"}
        answer = await self.api.send("POST", f"{site.path}/git/blobs", made, of=site.full_name)
        return {"path": entry.path, "mode": entry.mode, "type": "blob", "sha": read(_Object, answer.json, "a blob").sha}

    async def _commit(self, site: Site, commit: Sha) -> _Commit | None:
        try:
            answer = await self.api.get(f"{site.path}/git/commits/{commit}", of=site.full_name)
        except Absent:
            return None
        return read(_Commit, answer.json, f"the commit {commit[:12]}")
