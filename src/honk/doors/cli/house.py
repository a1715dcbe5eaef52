"""What the command line needs of an opened Honk; `honk.wiring` builds it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from honk.app import App
from honk.domain.limits import Limits
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """One thing that `honk doctor` tried."""

    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    #: whether Honk cannot work without it
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What applies when the person says nothing."""

    limits: Limits
    model: str
    merge: MergeMethod
    host: str
    port: int


class House(Protocol):
    """An opened Honk: store, journal and ports in this process."""

    @property
    def app(self) -> App:
        """The verbs."""

    @property
    def person(self) -> Person:
        """Who types."""

    @property
    def home(self) -> Path:
        """HONK_HOME."""

    @property
    def defaults(self) -> Defaults:
        """What applies when the person says nothing."""

    def alone(self) -> AbstractContextManager[bool]:
        """True inside when this process may run the work; False where another one does."""

    def working(self) -> AbstractAsyncContextManager[None]:
        """Runs the work in this process. Only inside `alone()`."""

    def serving(self, host: str, port: int) -> AbstractAsyncContextManager[str]:
        """Serves previews and live versions; gives the origin, such as "http://127.0.0.1:8000"."""

    async def collect(self, days: float) -> int:
        """Removes what is no longer needed; returns the bytes freed."""


#: Opens Honk; raises SettingsWrong or Usage.
Open = Callable[[], AbstractAsyncContextManager[House]]


class Caretaker(Protocol):
    """What works even when Honk cannot be opened."""

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        """Tries everything that can fail later."""

    def settings_path(self) -> Path:
        """Where honk.toml is, or would be."""
