"""What looking at a live version's health promises: what is inside stays unseen, and nothing takes for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import pytest

from honk.adapters.broker import Looker, NetworkRules
from honk.adapters.broker.network import Address

pytestmark = pytest.mark.anyio
LOOPBACK = ip_network("127.0.0.0/8")


@asynccontextmanager
async def server(answers: dict[str, bytes | None]) -> AsyncIterator[tuple[int, list[str]]]:
    """Its port, and the first lines and hosts that it was asked with; None: it never answers."""
    asked: list[str] = []
    over = asyncio.Event()
    ended: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.split("\r\n")
        asked.append(f"{line.split()[1]} {next(one for one in headers if one.lower().startswith('host'))}")
        answer = answers[line.split()[1]]
        if answer is None:
            await over.wait()
        writer.write(answer or b"")
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(asyncio.ensure_future(serve(reader, writer)))

    serving = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield serving.sockets[0].getsockname()[1], asked
    finally:
        over.set()
        serving.close()
        await asyncio.gather(*ended, return_exceptions=True)


def said(status: str, *more: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *more, "Content-Length: 0", "", "")).encode()


def looker(*, allowed: bool = True, seconds: float = 5.0, **names: str) -> Looker:
    async def resolve(host: str) -> tuple[Address, ...]:
        found = names.get(host.replace(".", "_"))
        if found is None:
            raise OSError(f"{host} is unknown")
        return (ip_address(found),)

    return Looker(NetworkRules(allow_networks=(LOOPBACK,) if allowed else (), resolve=resolve), seconds=seconds)


@pytest.mark.parametrize(
    ("status", "trouble"),
    [("200 OK", ""), ("204 No Content", ""), ("503 No", "it answered 503"), ("404 Nothing", "it answered 404")],
)
async def test_only_2xx_is_healthy(status: str, trouble: str) -> None:
    async with server({"/up?x=1": said(status)}) as (port, asked):
        assert await looker(app_example="127.0.0.1").look(f"http://app.example:{port}/up?x=1") == trouble
    assert asked == [f"/up?x=1 Host: app.example:{port}"], "by the name, at the address that was allowed"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("10.1.2.3", "a private network"),
        ("::ffff:192.168.0.1", "a private network"),
        ("::1", "loopback"),
    ],
)
async def test_what_is_inside_is_not_looked_at(address: str, why: str) -> None:
    answer = await looker(allowed=False, app_example=address).look("https://app.example/up")
    assert answer.startswith("app.example:443 is not looked at: its address") and answer.endswith(f" is {why}")


async def test_nothing_is_sent_to_what_is_inside() -> None:
    async with server({"/": said("200 OK")}) as (port, asked):
        assert "not looked at" in await looker(allowed=False, app_example="127.0.0.1").look(
            f"http://app.example:{port}/"
        )
    assert asked == []


async def test_a_redirect_is_followed_to_what_may_be_looked_at_alone() -> None:
    answers: dict[str, bytes | None] = {"/ok": said("200 OK")}
    async with server(answers) as (port, asked):
        answers["/a"] = said("302 Found", "Location: /ok")
        answers["/b"] = said("302 Found", "Location: http://meta.example/latest")
        answers["/c"] = said("302 Found", "Location: /c")
        answers["/d"] = said("302 Found", "Location: file:///etc/passwd")
        looks = looker(app_example="127.0.0.1", meta_example="169.254.169.254")
        found = [await looks.look(f"http://app.example:{port}/{one}") for one in "abcd"]
    assert found[0] == ""
    assert found[1] == "meta.example:80 is not looked at: its address 169.254.169.254 is link-local"
    assert found[2] == "it redirects more than 3 times" and "is no address of the web" in found[3]
    assert len([one for one in asked if one.startswith("/c ")]) == 4


async def test_who_never_answers_is_not_waited_for() -> None:
    async with server({"/": None}) as (port, _):
        answer = await looker(seconds=0.2, app_example="127.0.0.1").look(f"http://app.example:{port}/")
    assert answer == "it did not answer within 0.2 s"


@pytest.mark.parametrize(
    "url",
    [
        "http://nobody.example/",
        "http://",
        "gopher://a.example/",
        "http://u:p@app.example/",
        "http://app.example:0/",
        "x",
    ],
)
async def test_what_is_no_address_is_said_and_never_raised(url: str) -> None:
    assert "cannot be reached" in await looker(app_example="127.0.0.1").look(url)


async def test_an_answer_that_is_no_http_or_without_an_end_is_no_trouble_of_ours() -> None:
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    async with server({"/odd": b"SSH-2.0-x\r\n\r\n", "/long": endless}) as (port, _):
        looks = looker(app_example="127.0.0.1")
        assert "cannot be reached" in await looks.look(f"http://app.example:{port}/odd")
        assert await looks.look(f"http://app.example:{port}/long") == ""
