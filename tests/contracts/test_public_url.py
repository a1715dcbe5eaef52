"""`public_url`, tried from outside: real sockets, real TLS, and servers that are not Honk."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from honk.adapters.pages import Addresses
from honk.adapters.pages.reach import Reached, check
from honk.doors.web.reach import nonce_route
from honk.wiring.serving import listening

pytestmark = pytest.mark.anyio


async def in_the_network(_: str) -> list[str]:
    """A resolver by which the name belongs to a machine of the same network."""
    return ["192.168.1.7"]


@asynccontextmanager
async def honk_on(home: Path) -> AsyncIterator[str]:
    """The server of that home, with nothing but the answer to nonces; gives its origin."""
    addresses = Addresses(home)
    with listening("127.0.0.1", 0) as (listener, origin), addresses.announced(origin):
        app = Starlette(routes=[nonce_route(addresses.answer)])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            yield origin
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Some server that always says the same; gives its port."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(honk_on(tmp_path))


async def found(home: Path, public_url: str, **how: ssl.SSLContext) -> Reached:
    """What the check says, and that cards say the same from then on."""
    addresses = Addresses(home, public_url)
    seen = await check(addresses, resolve=in_the_network, **how)
    if addresses.served_at():
        assert (addresses.hint() == "") is seen.ok
        assert seen.ok or (seen.detail in addresses.hint() and "honk doctor" in addresses.hint())
    return seen


async def test_the_server_on_this_home_is_known_by_its_signature(served: str, tmp_path: Path) -> None:
    seen = await found(tmp_path, served)
    assert seen.ok and "leads here" in seen.detail and "same network" in seen.detail
    assert list((tmp_path / "run" / "nonces").iterdir()) == []


async def test_a_loopback_address_is_none_for_a_phone(served: str, tmp_path: Path) -> None:
    addresses = Addresses(tmp_path, served)
    seen = await check(addresses)
    assert not seen.ok and "this machine itself" in seen.detail


async def test_another_honk_is_not_this_one(served: str, tmp_path: Path) -> None:
    async with honk_on(tmp_path / "other") as other:
        seen = await found(tmp_path, other)
    assert not seen.ok and "something else answers" in seen.detail and served in seen.remedy


@pytest.mark.parametrize(
    ("answer", "says", "remedy"),
    [
        (http("200 OK", b"<h1>It works!</h1>"), "something else answers there (status 200)", "point the name"),
        (http("200 OK", b'{"status": "ok", "honk": ""}'), "something else answers", "point the name"),
        (http("200 OK", b'["honk"]'), "something else answers", "point the name"),
        (http("404 Not Found"), "something else answers there (status 404)", "point the name"),
        (http("502 Bad Gateway"), "a proxy answers with 502", "point it to http://127.0.0.1"),
        (http("530 "), "a proxy answers with 530", "point it to http://127.0.0.1"),
        (
            http("301 Moved", b"", "Location: https://www.example.com/healthz"),
            "redirects to https://www.example.com",
            'set public_url = "https://www.example.com"',
        ),
        (http("302 Found", b"", "Location: /login"), "redirects to /login", "lead to Honk directly"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot be reached", "docs/howto"),
    ],
)
async def test_what_is_not_honk_is_named(answer: bytes, says: str, remedy: str, served: str, tmp_path: Path) -> None:
    async with answering(answer) as port:
        seen = await found(tmp_path, f"http://127.0.0.1:{port}")
    assert not seen.ok and says in seen.detail and remedy in seen.remedy


async def test_an_endless_answer_is_cut_off(served: str, tmp_path: Path) -> None:
    async with answering(http("200 OK").replace(b"Content-Length: 0", b"X: 1") + b"x" * 1_000_000) as port:
        seen = await found(tmp_path, f"http://127.0.0.1:{port}")
    assert not seen.ok and "something else" in seen.detail


async def test_nothing_listens(served: str, tmp_path: Path) -> None:
    async with answering(b"") as port:
        pass
    seen = await found(tmp_path, f"http://127.0.0.1:{port}")
    assert not seen.ok and "refused" in seen.detail and "honk serve" in seen.remedy


async def test_no_server_of_ours_runs(tmp_path: Path) -> None:
    async with answering(http("200 OK")) as port:
        seen = await found(tmp_path, f"http://127.0.0.1:{port}")
    assert not seen.ok and "no server runs" in seen.detail and "honk serve" in seen.remedy
    async with honk_on(tmp_path):
        assert Addresses(tmp_path, f"http://127.0.0.1:{port}").hint() == "", "it was not the server's fault"


async def test_a_name_without_an_address(tmp_path: Path) -> None:
    seen = await check(Addresses(tmp_path, "https://honk.invalid"))
    assert not seen.ok and "honk.invalid has no address" in seen.detail and "DNS" in seen.remedy


def certificate(folder: Path, name: str = "127.0.0.1", *, days: str = "30", by: Path | None = None) -> Path:
    """A file with key and certificate for a name; self-signed, or by an authority."""
    folder.mkdir(exist_ok=True)
    file, key, request = folder / "both.pem", folder / "key.pem", folder / "request.pem"
    kind = "IP" if name[0].isdigit() else "DNS"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}"]
    made: list[str | Path] = ["-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, *subject]
    signing: list[str | Path] = ["-signkey", key] if by is None else ["-CA", by, "-CAkey", by]
    signed: list[str | Path] = ["-in", request, "-out", folder / "cert.pem", "-copy_extensions", "copy", *signing]
    commands: tuple[list[str | Path], ...] = (["req", *made], ["x509", "-req", "-days", days, *signed])
    for command in commands:
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    file.write_bytes(key.read_bytes() + (folder / "cert.pem").read_bytes())
    return file


def authority(folder: Path) -> Path:
    """A file with key and certificate of an authority."""
    folder.mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Authority"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-addext", "keyUsage=critical,keyCertSign"),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: certificates are not tried")
@pytest.mark.parametrize(
    ("kind", "says"),
    [("self-signed", "self-signed"), ("expired", "expired"), ("other name", "another"), ("no tls", "no TLS")],
)
async def test_what_is_wrong_with_tls_is_named(kind: str, says: str, served: str, tmp_path: Path) -> None:
    ca = authority(tmp_path / "ca")
    trusted = ssl.create_default_context(cafile=str(ca))
    tls = None
    if kind != "no tls":
        name = "honk.example.com" if kind == "other name" else "127.0.0.1"
        days = "-1" if kind == "expired" else "30"
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate(tmp_path / "c", name, days=days, by=None if kind == "self-signed" else ca))
    async with answering(http("200 OK"), tls) as port:
        seen = await found(tmp_path, f"https://127.0.0.1:{port}", tls=trusted)
    assert not seen.ok and says in seen.detail, seen
    assert seen.remedy
