"""What `honk worker` works with on this machine."""

import fcntl
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from honk.adapters.workshop import BoxedWorkshop, LocalExecutor, MacWorkshop, OperatorSigner, SigningKeys
from honk.errors import Usage
from honk.ports import Executor, Signer, Workshop
from honk.settings import Settings
from honk.wiring.place import make_home, sandboxes_of


@dataclass(frozen=True, kw_only=True)
class LocalWorkbench:
    """Implements honk.doors.cli.labour.Workbench."""

    home: Path
    host: str
    user: str
    pause: float
    signs: bool
    workshop: Workshop
    signer: Signer
    executor: Executor

    def alone(self, name: str) -> Path:
        """A folder of its own for the worker of that name. Raises Usage where another process has it."""
        folder = self.home / "worker" / name
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Usage(f"a worker named {name!r} is at work here already", "give another --name, or stop it") from None
        return folder  # the lock goes with the process


def workbench(settings: Settings) -> LocalWorkbench:
    """As the settings say."""
    make_home(settings.home)
    wanted = settings.file.worker
    signing = wanted.signing
    keys = SigningKeys(
        command=signing.command,
        keystore=signing.keystore,
        alias=signing.alias,
        password_file=signing.password_file,
        identity=signing.identity,
        profile=signing.profile,
        entitlements=signing.entitlements,
    )
    mac = sys.platform == "darwin"
    return LocalWorkbench(
        home=settings.home,
        host=platform.node() or "unknown",
        user=f"{settings.user} ({os.getuid()})",
        pause=wanted.pause,
        signs=signing.there,
        workshop=MacWorkshop(user=wanted.user) if mac else BoxedWorkshop(sandboxes_of(settings)),
        signer=OperatorSigner(keys, settings.worker_environment),
        executor=LocalExecutor(settings.worker_environment),
    )
