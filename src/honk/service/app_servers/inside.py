"""Runs inside a sandbox: starts an app's server, and leads a socket that Honk reaches to where it listens.

Arguments: that socket, the port on the loopback (0: the app listens at the socket itself), and the command. What the
app prints goes to standard error; "open" goes to standard output once it takes connections. Ends as the app ends.
"""

import asyncio
import os
import subprocess
import sys

_CHUNK = 1 << 16
_HOSTS = ("127.0.0.1", "::1")
_EVERY = 0.05


async def reach(path: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the app. Raises OSError while it takes none."""
    if not port:
        return await asyncio.open_unix_connection(path)
    for host in _HOSTS:
        try:
            return await asyncio.open_connection(host, port)
        except OSError:
            continue
    raise ConnectionRefusedError(port)


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def lead(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        from_app, to_app = await reach("", port)
    except OSError:
        writer.close()
        return
    try:
        await asyncio.gather(copy(reader, to_app), copy(from_app, writer))
    except OSError:
        pass  # either side went away
    finally:
        to_app.close()
        writer.close()


async def opened(path: str, port: int) -> None:
    """Says so once the app takes connections."""
    while True:
        try:
            _, writer = await reach(path, port)
        except OSError:
            await asyncio.sleep(_EVERY)
            continue
        writer.close()
        break
    if port:
        await asyncio.start_unix_server(lambda reader, writer: lead(port, reader, writer), path)
    sys.stdout.write("open\n")
    sys.stdout.flush()


async def main(path: str, port: int, command: list[str]) -> int:
    """The app's exit code, as a shell gives it."""
    environment = {**os.environ, "PORT": str(port)} if port else {**os.environ, "HONK_SOCKET": path}  # noqa: TID251
    app = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, env=environment
    )
    opening = asyncio.create_task(opened(path, port))
    code = await app.wait()
    opening.cancel()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])))
