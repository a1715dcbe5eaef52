"""Builds that somebody uploads: what a door may ask of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.build import Build
from honk.domain.stamp import missed
from honk.domain.upload import Upload, UploadState
from honk.service.governing import TokenMade


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadWanted:
    """A file that is to be uploaded."""

    #: the beginning of a task's id; "" is the task of an access token that is bound to one
    task: str = ""
    #: which commit it was built of: one that the task's pull request is at, or was
    commit: str
    name: str
    #: in bytes
    size: int
    #: SHA-256 of it; "" for none
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadShown:
    """How far an upload has come, and what became of it."""

    id: str
    task: str
    commit: str
    name: str
    size: int
    #: bytes that are here
    received: int
    state: UploadState
    #: after that it is swept away, unless more of it comes
    until: datetime
    #: "apk", "aab", "ipa" or "web"; "" while not all of it is here
    kind: str = ""
    #: the build that it became
    build: str = ""
    #: where that can be looked at; null while no server shows builds
    url: str | None = None
    #: a newer commit of the task has a build already: this one is kept, and is not the latest
    older: bool = False
    #: why it was refused
    reason: str = ""
    #: the number that Honk gave this commit's build; 0 where nobody asked for one
    number: int = 0
    #: what of the stamp that it was given the app does not carry, in sentences
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StampWanted:
    """Somebody is about to build a commit."""

    #: the beginning of a task's id; "" is the task of an access token that is bound to one
    task: str = ""
    #: one that the task's pull request is at, or was
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StampShown:
    """What a build of that commit is to carry."""

    task: str
    commit: str
    #: grows with each commit of the repository that is built; asked again, the same
    number: int
    #: "" leaves the project's own
    version: str = ""
    #: behind the app's identifier and its name, where it is to be installed beside the app itself
    id_suffix: str = ""
    name_suffix: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildTokenWanted:
    """A token that can upload builds of one task, and nothing else."""

    #: after which it opens nothing; at most 168
    hours: float = 24.0


class Uploads(Protocol):
    """Uploads of builds, each known to whoever began it alone. Raises NotAllowed, NotNow, Unknown, Usage."""

    async def create_build_token(self, task: str, wanted: BuildTokenWanted) -> TokenMade:
        """For who may steer the task."""

    async def stamp_build(self, wanted: StampWanted) -> StampShown:
        """Raises Usage for a commit that is not the task's."""

    async def begin_upload(self, wanted: UploadWanted) -> UploadShown:
        """A new one; with a digest, the one that is there of the same file and commit, however far it has come.

        Raises Usage for a commit that is not the task's, and TooLarge.
        """

    async def upload(self, id: str) -> UploadShown:
        """As it is now."""

    async def append(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> UploadShown:
        """What came is kept, however it ends. Raises NotNow at another offset, or while somebody else appends.

        With the last byte the file is checked (Usage for what is no build), and becomes a build soon.
        """

    async def discard_upload(self, id: str) -> None:
        """Gives it up, unless it is complete."""


def shown(upload: Upload, until: datetime, build: Build | None) -> UploadShown:
    """The upload as its owner sees it; `build` is what it became."""
    facts = build.package.facts if build is not None and build.package is not None else None
    stamp = build.stamp if build is not None else None
    return UploadShown(
        id=upload.id,
        task=upload.task,
        commit=upload.commit,
        name=upload.name,
        size=upload.size,
        received=upload.received,
        state=upload.state,
        until=until,
        kind=upload.kind,
        build=upload.build,
        url=build.preview_url if build is not None else None,
        older=upload.older,
        reason=upload.reason,
        number=stamp.number if stamp is not None else 0,
        missed=missed(stamp, facts) if stamp is not None and facts is not None else (),
    )
