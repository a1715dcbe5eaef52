"""What people say on a forge, and what Honk says there; for the door that listens to it."""

from datetime import datetime
from typing import Protocol

from honk.domain.discussion import Author, Hint, Issue, Labelled, Permission, Remark, Review
from honk.domain.repository import Repository


class Discussions(Protocol):
    """Issues, pull requests, comments, reviews. Raises Unreachable, ForgeRefused; RepositoryUnusable when let out."""

    async def me(self) -> Author:
        """As whom Honk speaks there, such as "honk[bot]"."""

    async def repository(self, full_name: str) -> Repository:
        """The repository "owner/name", under the address that git is given for it."""

    async def full_name(self, repository: Repository) -> str | None:
        """ "owner/name" as it is now, also after a rename or transfer; None where it lies elsewhere."""

    async def public(self, repository: Repository) -> bool: ...

    async def permission(self, repository: Repository, login: str) -> Permission:
        """Asked anew each time: it is asked at every act."""

    async def issue(self, repository: Repository, number: int) -> Issue | None: ...

    async def remark(self, repository: Repository, id: str) -> Remark | None:
        """None for one that is gone."""

    async def remarks(self, repository: Repository, number: int, *, limit: int = 100) -> tuple[Remark, ...]:
        """The latest of an issue or pull request, those on lines too, oldest first."""

    async def review(self, repository: Repository, number: int, id: str) -> Review | None: ...

    async def reviews(self, repository: Repository, number: int) -> tuple[Review, ...]:
        """Those that were handed in, oldest first."""

    async def labelled(self, repository: Repository, number: int) -> tuple[Labelled, ...]:
        """Who put which label on it or assigned whom, oldest first; of the latest hundred occasions."""

    async def say(self, repository: Repository, number: int, text: str, key: str) -> str:
        """A comment of Honk's; its id. Said under that key before: the same comment, with these words from now on."""

    async def answer(self, repository: Repository, number: int, remark: str, text: str, key: str) -> str:
        """An answer in the thread of a remark on a line (or a comment, for one on the whole); as `say`."""

    async def resolve(self, repository: Repository, number: int, remark: str) -> bool:
        """The thread of a remark on a line is done. False where Honk may not say so."""

    async def react(self, repository: Repository, target: str, reaction: str) -> None:
        """`target` is a remark's id, or "issue/12"; `reaction` such as "eyes". Twice: once. A refusal is no error."""

    async def news(self, repository: Repository, since: datetime) -> tuple[tuple[Hint, ...], datetime]:
        """What may have happened since then, for forges that cannot call; and since when to ask the next time."""
