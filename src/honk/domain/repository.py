"""A repository as its owner names it, and one point in its history."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

#: A full hexadecimal git object name.
Sha = NewType("Sha", str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    #: what git is given to reach it: an absolute path or a URL without credentials
    url: str
    #: short and readable, such as "music-player"
    name: str
    #: names the mirror's folder; the same url always gives the same key
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A repository under the names that people use for it."""

    name: str
    #: as `Repository.url`, or as a person types it
    address: str
    aliases: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """A repository of earlier tasks, and when the latest of them was asked for."""

    repository: Repository
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """Where a change begins and what it is proposed against."""

    branch: str
    commit: Sha


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """A branch and its base, merged into one commit."""

    commit: Sha
    #: files in which both sides' versions stand between git's conflict markers
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChange:
    """One line of `git diff --raw`. `old_mode` or `new_mode` is "000000" where there is no file."""

    #: bytes that are not UTF-8 are kept as surrogate escapes
    path: str
    #: A added, M modified, D deleted, T type changed (renames appear as D and A)
    status: str
    old_mode: str
    new_mode: str
    insertions: int
    deletions: int
    binary: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One file in which two trees differ, with the names of its contents; one that was moved is there once."""

    #: under its path now, or its last one where it is gone; of a moved file the status is M
    change: FileChange
    #: its path before, where it was moved; "" otherwise
    was: str = ""
    #: objects of git; zeros where there is none
    old: Sha
    new: Sha

    @property
    def before(self) -> str:
        """The path that it had before."""
        return self.was or self.change.path
