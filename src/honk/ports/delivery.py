"""The forge, previews, and who may do what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from honk.domain.build import Build
from honk.domain.person import Person
from honk.domain.policy import Act, Confirmation, Decision, Explanation
from honk.domain.pull_request import MergeMethod, MergeResult, Published, PullRequest, Refused
from honk.domain.repository import Repository, Sha
from honk.domain.rules import Known
from honk.domain.task import Task, TaskId


class Forge(Protocol):
    """Where pull requests live. Every method finds what an earlier, cut-off call made."""

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        """Pushes the branch, expecting it at `over` or absent.

        Where the target takes signed commits alone and signs them itself, it is at another commit afterwards, with
        the same tree and parent, which the mirror has.
        """

    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None:
        """As it is now: also moved, edited, merged or closed by somebody else."""

    async def open(self, repository: Repository, pull_request: PullRequest, *, by: Person | None = None) -> PullRequest:
        """Opens it, or returns the one that the task has already.

        In the name of `by` where the forge knows that person and they let Honk; otherwise Honk's own.
        """

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """Title, text, head, draft or not; labels and reviewers are added. A merged one stays as it is."""

    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None: ...

    async def approve(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, by: Person, text: str, key: str
    ) -> None:
        """A review of exactly that commit, on behalf of the person. The same key again: no effect.

        Raises NotNow where there is no open pull request of the task, or its head is another commit.
        """

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        """Merges only if the branch is at `head`. Already merged: the same answer again."""

    async def obstacle(
        self, repository: Repository, pull_request: PullRequest, *, method: MergeMethod
    ) -> Refused | None:
        """What would refuse a merge, as far as it is known without asking anybody else; None when nothing is."""

    async def source(self, repository: Repository, branch: str) -> str | None:
        """Address or folder from which the branch can be fetched; None when it is nowhere."""

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest: ...


class Previews(Protocol):
    """Where people look at builds and deployed versions."""

    async def show(self, build: Build) -> str | None:
        """The preview's address, of an app for a phone that of its install page, of a file that of Honk's page of it.

        None while no server runs.
        """

    def frame(self, build: Build) -> str | None:
        """The preview of a web build as a page of Honk's shows it in a frame; None while no server runs."""

    def seal(self, what: str) -> str:
        """A signature of 20 lower-case letters and digits that only this Honk can make; the same words, the same."""

    def production(self, repository: Repository, environment: str) -> str | None:
        """The address at which a served environment can be seen, or None."""

    def page(self, path: str) -> str | None:
        """The address of one of Honk's own pages, or None while no server runs."""

    def hint(self) -> str:
        """Why a phone cannot open an address now, and what to do; "" as far as is known that it can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """What a camera saw."""

    #: a PNG; empty when there is none
    picture: bytes = b""
    #: why there is none
    note: str = ""
    #: errors of the page that nothing in it caught
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """Some seconds of a page."""

    #: an MP4; empty when there is none
    content: bytes = b""
    #: why there is none; "" where this machine makes no films
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What somebody had before them when they pointed at an element."""

    width: int
    height: int
    #: a selector of the element; what it says is a page's own words
    element: str
    #: where it was on the screen: left, top, width, height
    at: tuple[int, int, int, int] = (0, 0, 0, 0)


class Camera(Protocol):
    """Takes pictures of web builds, within the walls of a sandbox."""

    async def take(self, archive: Path, page: str) -> Shot:
        """The page, or the first one for "", of the build in that archive, on a phone's screen; within a minute.

        What is in the way, a missing browser too, is the note. Raises what opening a sandbox raises.
        """

    async def point(self, shown: Path, page: str, view: View) -> Shot:
        """The page of a build's archive, or of an app's server at that socket, with an element outlined.

        On a screen of that size, within a minute. Otherwise as `take`.
        """

    async def film(self, archive: Path, page: str) -> Film:
        """Some seconds of the page that `take` pictures: it is scrolled to its end and back; within a minute.

        Never more than 4 MiB. There is none, and no note, where no ffmpeg is installed. Otherwise as `take`.
        """


class Policy(Protocol):
    """Asked at every act, at the moment of the act. Without a repository the act is on Honk itself."""

    async def ask(self, person: Person, act: Act, repository: Repository | None, task: Task | None) -> Decision: ...

    async def explain(self, person: Person, act: Act, repository: Repository | None, task: Task | None) -> Explanation:
        """What `ask` would answer, and why."""

    async def known(self, key: str) -> Known | None:
        """The person whom the policy has under that key, or with that identity as people write it."""

    async def confirmation(self, repository: Repository) -> Confirmation:
        """What a merge there needs besides the right to it; the strictest while that is not known."""

    async def holders(self, act: Act, repository: Repository | None) -> tuple[Known, ...]:
        """The people whom the policy names and who may; nobody where everybody may, or the users of this machine."""

    async def able(self, act: Act, repository: Repository | None) -> tuple[str, ...]:
        """Names of those who may, for people who may not."""
