"""Rows of the pages that look over many tasks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.build import Build
from honk.domain.deployment import Deployment
from honk.domain.person import PersonId
from honk.domain.task import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A task in a list."""

    task: Task
    #: name of the person who asked
    asked_by: str
    #: what its model calls have cost so far
    usd: float
    #: when something was last heard of it
    heard: datetime


class Channel(StrEnum):
    """For whom a build is."""

    #: it was deployed
    MAIN = "main"
    #: it is a pull request's
    PULL_REQUEST = "pull-request"


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A build in a list."""

    build: Build
    task: Task
    #: when people were told that it is ready; None where they were not
    at: datetime | None = None
    #: environments into which exactly this build was deployed
    deployed: tuple[str, ...] = ()

    @property
    def channel(self) -> Channel:
        return Channel.MAIN if self.deployed else Channel.PULL_REQUEST


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """An environment of a repository, and what was deployed there."""

    #: key of the repository
    repository: str
    environment: str
    #: newest first; the oldest may be missing
    history: tuple[Deployment, ...]
    #: the version to which an undo returns, where it is none of those
    before: Deployment | None = None
    #: whose versions these are
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What people were told of a deployment."""

    #: who pressed the button; None where Honk does not know
    by: PersonId | None = None
    #: what undoing it means
    undo: str = ""
    #: why it waits; "" where it does not
    waits: str = ""


class CostOf(StrEnum):
    """By what costs are added up."""

    DAY = "day"
    PERSON = "person"
    REPOSITORY = "repository"
    TASK = "task"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What turns have cost together, in estimated dollars; those at work with what they cost so far."""

    #: a day such as "2026-11-21", a person's id, a repository's key, or a task's id
    of: str
    usd: float
    turns: int
    tasks: int
