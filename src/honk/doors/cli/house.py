"""What the command line needs of a Honk: one in this process, or one behind a server."""

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from honk.domain.person import Person
from honk.domain.task import Task
from honk.errors import Usage
from honk.service import Defaults, Diagnosis, Service

if TYPE_CHECKING:  # only a Honk in this process has them, and loads them
    from honk.app import App
    from honk.service.entering import Entering
    from honk.service.linking import Linking

__all__ = ["Caretaker", "Defaults", "Diagnosis", "House", "Open", "only_there"]


class House(Protocol):
    """A Honk, and the place where its work is done.

    Commands ask `service`, which is the same for both. What only makes sense on the machine of HONK_HOME
    (everything below `home`) raises Usage where a server does the work.
    """

    @property
    def service(self) -> Service:
        """The verbs, in the name of the person who types."""

    @property
    def server(self) -> str:
        """The address of the server that does the work; "" for a Honk in this process."""

    def alone(self) -> AbstractContextManager[bool]:
        """True inside when this process may run the work; False where another one does."""

    def working(self) -> AbstractAsyncContextManager[None]:
        """Runs the work in this process. Only inside `alone()`."""

    @property
    def home(self) -> Path:
        """HONK_HOME."""

    @property
    def app(self) -> "App":
        """The verbs on the store itself."""

    @property
    def person(self) -> Person:
        """Who types."""

    @property
    def linking(self) -> "Linking":
        """Which person a chat's user is."""

    @property
    def entering(self) -> "Entering":
        """Who a browser belongs to."""

    @property
    def listens(self) -> tuple[str, int]:
        """Host and port of `honk serve`, as the settings say."""

    def spares(self) -> AbstractAsyncContextManager[None]:
        """Keeps checkouts of the repositories in use ready, and agents that wait in them."""

    def serving(self, host: str, port: int) -> AbstractAsyncContextManager[str]:
        """Serves API, pages, previews and live versions; gives the origin, such as "http://127.0.0.1:8000"."""

    def close_doors(self) -> None:
        """The server takes no new work from now on, and followers are told to come back."""

    async def resume(self) -> tuple[Task, ...]:
        """Goes on with everything that was cut off; which tasks that was."""

    async def collect(self, days: float) -> int:
        """Removes what is no longer needed; returns the bytes freed."""


class Open(Protocol):
    """Opens the Honk that the person means."""

    def __call__(self, *, here: bool = False) -> AbstractAsyncContextManager[House]:
        """Raises SettingsWrong or Usage; `here`: also where a server does the work."""


def only_there(server: str) -> Usage:
    """What a command says that makes sense only on the machine of HONK_HOME."""
    return Usage(
        f"this command works only on the machine of the server, and HONK_URL is {server}",
        "run it there, or unset HONK_URL to work on this machine",
    )


class Caretaker(Protocol):
    """What works even when Honk cannot be opened."""

    def here(self) -> None:
        """Raises Usage where a server does the work: its files are on its machine."""

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        """Tries everything that can fail later."""

    def settings_path(self) -> Path:
        """Where honk.toml is, or would be."""

    def check_policy(self, file: Path | None) -> str:
        """What the policy in the file holds; in the one in use, where none is given. Raises SettingsWrong, Usage."""
