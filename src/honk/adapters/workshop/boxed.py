"""On Linux: a sandbox, as everywhere else; without a network."""

from contextlib import suppress

import anyio

from honk.errors import SandboxUnusable
from honk.ports import Bench, Box, Mount, Said, Sandbox, Sandboxes

#: bytes of what a build makes
LIMIT = 2 << 30
_SOURCE = "/honk/source.tar"
_UNPACK = ("tar", "--no-same-owner", "-xf", _SOURCE)
#: A file as it is; of a folder the one app in it; else all of it.
PACK = """
if [ -L "$0" ]; then exit 9; fi
if [ -f "$0" ]; then exec cat -- "$0"; fi
[ -d "$0" ] || exit 9
find -P "$0" -type f \\( -name '*.apk' -o -name '*.aab' -o -name '*.ipa' \\) > /tmp/honk-found
if [ "$(wc -l < /tmp/honk-found)" -eq 1 ]; then exec cat -- "$(cat /tmp/honk-found)"; fi
exec tar -C "$0" -cf - .
"""
_EMPTY = ("sh", "-c", "chmod -R u+rwX . ; rm -rf -- ./* ./.[!.]* ./..?*")
_SECONDS = 600.0


class BoxedWorkshop:
    """Implements honk.ports.Workshop."""

    name = "a sandbox"

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes

    async def ready(self) -> None:
        broken = [one for one in await self._sandboxes.probe() if one.required and not one.holds]
        if broken:
            raise SandboxUnusable(f"no sandbox can be built here: {broken[0].name}: {broken[0].detail}", "honk doctor")

    async def build(self, bench: Bench, said: Said) -> str:
        place = bench.room / "place"
        place.mkdir()
        self._sandboxes.own(place)
        bench.source.chmod(0o644)
        source = Mount(source=bench.source, target=_SOURCE)
        box = Box(workspace=place, mounts=(source,), environment=bench.environment, grows=True)
        async with self._sandboxes.open(box) as sandbox:
            try:
                return await _made(sandbox, bench, said)
            finally:
                # by its own user: another one may not remove it
                with anyio.CancelScope(shield=True), suppress(Exception):
                    await sandbox.run(_EMPTY, seconds=_SECONDS)


async def _made(sandbox: Sandbox, bench: Bench, said: Said) -> str:
    unpacked = await sandbox.run(_UNPACK, seconds=_SECONDS)
    if unpacked.exit_code != 0:
        return "the commit cannot be unpacked"
    process = await sandbox.start(("sh", "-c", 'exec 2>&1; exec sh -c "$0"', bench.command))
    await process.close_input()
    code: int | None = None
    try:
        with anyio.move_on_after(bench.timeout):
            async for line in process.lines():
                await said(line[:4000].decode("utf-8", "replace"))
            code = await process.wait()
    finally:
        with anyio.CancelScope(shield=True):
            await process.kill()
    if code is None:
        return f"`{bench.command}` did not end within {bench.timeout:.0f} s"
    if code != 0:
        return f"`{bench.command}` ended with {code}"
    packed = await sandbox.run(
        ("sh", "-c", PACK, bench.output), seconds=_SECONDS, stdout_to=bench.into, output_limit=LIMIT
    )
    if packed.cut:
        return f"what is in {bench.output} is larger than {LIMIT >> 30} GiB"
    return "" if packed.exit_code == 0 else f"`{bench.command}` made no {bench.output}"
