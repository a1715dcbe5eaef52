"""A body of any size → a file."""

import errno
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from githubkit.response import Response

from honk.adapters.github.trouble import GithubRefused, refused
from honk.adapters.github.wire import Answer, Lost, Request, Wire, answer_of, joined
from honk.domain.text import Secret
from honk.errors import DiskFull

_REDIRECTS = 5


async def save(wire: Wire, request: Request, token: Secret, into: Path, *, limit: int) -> Answer:
    """Follows redirects; what lies outside the API's own address is shown no token.

    The answer is without the body, unless the API itself refused.

    https://docs.github.com/en/rest/actions/artifacts#download-an-artifact: the address is good for a minute.
    Raises Lost.
    """
    shown: Secret | None = token
    at, asked = request, request.act
    for _ in range(_REDIRECTS + 1):
        async with wire.streamed(at, token=shown) as response:
            status = response.status_code
            to = response.headers.get("location", "")
            if 300 <= status < 400 and to:
                at, shown = _onward(wire, at, to, shown)
                continue
            if status >= 500:
                raise Lost(f"it answered {status}", sent=True)
            if status != 200 and shown is not None:
                return answer_of(response)
            if status != 200:
                raise refused(asked, status, None, {})
            await _written(response, into, limit, asked)
            return Answer(status=200, json=None, headers={}, content=b"")
    raise GithubRefused(302, "", (), f"GitHub sends {asked} from place to place", "try again later")


def _onward(wire: Wire, at: Request, to: str, shown: Secret | None) -> tuple[Request, Secret | None]:
    url = joined(wire.api_url + at.path if at.path.startswith("/") else at.path, to)
    scheme = urlsplit(url).scheme
    if scheme != "https" and scheme != urlsplit(wire.api_url).scheme:
        raise GithubRefused(302, "", (), "GitHub leads a download to an address without TLS", "try again later")
    ours = wire.own(url) and url.startswith(wire.api_url + "/")
    return replace(at, path=url, params={}), shown if ours else None


async def _written(response: Response[Any], into: Path, limit: int, asked: str) -> None:
    held = 0
    try:
        async with await anyio.open_file(into, "wb") as file:
            async for chunk in response.aiter_bytes():
                held += len(chunk)
                if held > limit:
                    raise GithubRefused(
                        200, "", (), f"{asked} has more than {limit} bytes", "raise the limit, or keep less there"
                    )
                await file.write(chunk)
    except BaseException as error:
        with suppress(FileNotFoundError):
            into.unlink()
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"no space for {asked}", "free some disk space (`honk gc` helps)") from error
        raise
