"""On macOS: a user that is made for one job and deleted after it, with a fence of the system's around it.

It was tried by its commands alone, with programs that record them in place of the system's own: on no Mac so far.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress

import anyio

from honk.adapters.workshop.boxed import PACK
from honk.adapters.workshop.executing import run
from honk.errors import SandboxUnusable
from honk.ports import Bench, Said

#: homes of such users lie below it
HOMES = "/private/var/honk"
#: user ids of such users: from here on, so many
FIRST_UID, _UIDS = 60_000, 4_000
#: Reading is as the user may; writing below its home and in the system's temporary folders alone; no other processes.
FENCE = """(version 1)
(allow default)
(deny file-write*)
(allow file-write* (subpath (param "HOME")) (subpath "/private/tmp") (subpath "/private/var/folders") (subpath "/dev"))
(deny file-read* (subpath "/Library/Keychains") (regex #"^/Users/[^/]+/Library/Keychains"))
(deny process-info* (target others))
(deny mach-lookup (global-name "com.apple.securityd") (global-name "com.apple.SecurityServer"))
"""
_SECONDS = 600.0
_BUILD = 'cd && mkdir work && cd work && tar -xf ../source.tar && exec sh -c "$0"'


class MacWorkshop:
    """Implements honk.ports.Workshop. With `user` that one is taken, which the operator has made; its home is emptied.

    Needs to be root, or rules of sudo that ask for no password.
    """

    name = "a user of macOS for each job"

    def __init__(self, *, user: str = "", root: bool | None = None, number: Callable[[], int] | None = None) -> None:
        self._pool = user
        self._sudo = () if (os.geteuid() == 0 if root is None else root) else ("sudo", "-n")
        self._number = number or (lambda: FIRST_UID + secrets.randbelow(_UIDS))

    async def ready(self) -> None:
        try:
            await self._must("id", "-u")
            await self._must("which", "dscl", "sandbox-exec", plain=True)
        except SandboxUnusable as error:
            raise SandboxUnusable(error.message, "docs/howto/workers.md says what a Mac needs") from error

    async def build(self, bench: Bench, said: Said) -> str:
        uid = self._number()
        user = self._pool or f"honk-{uid}"
        home = f"{HOMES}/{user}"
        try:
            await self._made(user, uid, home)
            await self._must("install", "-m", "400", "-o", user, str(bench.source), f"{home}/source.tar")
            shown = [f"{name}={value}" for name, value in sorted(bench.environment.items())]
            inside = ("sandbox-exec", "-p", FENCE, "-D", f"HOME={home}", "env", *shown, "/bin/sh", "-c")
            code = await run((*self._as(user), *inside, _BUILD, bench.command), said, timeout=bench.timeout)
            if code is None:
                return f"`{bench.command}` did not end within {bench.timeout:.0f} s"
            if code != 0:
                return f"`{bench.command}` ended with {code}"
            return await self._packed(user, home, bench)
        finally:
            with anyio.CancelScope(shield=True):
                await self._gone(user, home)

    async def _made(self, user: str, uid: int, home: str) -> None:
        if not self._pool:
            record = f"/Users/{user}"
            for key, value in (
                ("UniqueID", str(uid)),
                ("PrimaryGroupID", "20"),
                ("UserShell", "/bin/sh"),
                ("NFSHomeDirectory", home),
                ("Password", "*"),
                ("IsHidden", "1"),
            ):
                await self._must("dscl", ".", "-create", record, key, value)
        await self._must("install", "-d", "-m", "755", HOMES)
        await self._must("rm", "-rf", home)
        await self._must("install", "-d", "-m", "700", "-o", user, "-g", "staff", home)

    async def _packed(self, user: str, home: str, bench: Bench) -> str:
        """Read by that user itself, so that no link in what it made leads anywhere else."""
        script = f"cd {home}/work || exit 9\n" + PACK.replace("/tmp/honk-found", f"{home}/found")
        inside = ("sandbox-exec", "-p", FENCE, "-D", f"HOME={home}", "/bin/sh", "-c", script, bench.output)
        argv = ("/bin/sh", "-c", 'exec "$@" > "$0"', str(bench.into), *self._as(user), *inside)
        code = await run(argv, _unheard, timeout=_SECONDS)
        return "" if code == 0 else f"`{bench.command}` made no {bench.output}"

    async def _gone(self, user: str, home: str) -> None:
        """Every process of that user, its files, and the user."""
        await run((*self._sudo, "pkill", "-KILL", "-U", user), _unheard, timeout=_SECONDS)
        await run((*self._sudo, "rm", "-rf", home), _unheard, timeout=_SECONDS)
        if not self._pool:
            await run((*self._sudo, "dscl", ".", "-delete", f"/Users/{user}"), _unheard, timeout=_SECONDS)

    def _as(self, user: str) -> tuple[str, ...]:
        return ("sudo", "-n", "-H", "-u", user, "--")

    async def _must(self, *argv: str, plain: bool = False) -> None:
        said: list[str] = []

        async def say(line: str) -> None:
            said.append(line)

        with suppress(OSError):
            if await run(argv if plain else (*self._sudo, *argv), say, timeout=_SECONDS) == 0:
                return
        raise SandboxUnusable(f"`{' '.join(argv)}` failed: {' '.join(said)[:200]}")


async def _unheard(_: str) -> None:
    return
