"""Real programs with the broker as their proxy, by way of a relay such as the sandbox has."""

import asyncio
import datetime
import shutil
import ssl
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from honk.adapters.broker import NetworkRules, SocketBroker
from honk.adapters.broker.network import Address
from honk.domain.event import EventData, NetworkDenied
from honk.domain.limits import Spending
from honk.domain.task import TaskId
from honk.ports import Pass

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

HOST = "mirror.example"


@dataclass
class Place:
    """A package index outside, and a proxy's address inside."""

    proxy: str
    port: int
    tls_port: int
    certificate: Path
    events: list[EventData]


def certify(folder: Path) -> tuple[Path, Path]:
    """A certificate of HOST that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def wheel(folder: Path) -> Path:
    path = folder / "tiny_song-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny_song.py", "TITLE = 'La'\n")
        file.writestr("tiny_song-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-song\nVersion: 1.0\n")
        file.writestr("tiny_song-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny_song-1.0.dist-info/RECORD", "")
    return path


async def serve(folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    package = wheel(folder).read_bytes()
    page = b'<!DOCTYPE html><a href="/tiny_song-1.0-py3-none-any.whl">tiny_song-1.0-py3-none-any.whl</a>'
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            content = package if b".whl" in head.split(b"\r\n")[0] else page
            kind = "application/zip" if content is package else "text/html"
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n".encode())
            writer.write(content)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    async def resolve(host: str) -> tuple[Address, ...]:
        assert host == HOST
        return (ip_address("127.0.0.1"),)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(folder, reader, writer)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_unix_connection(str(exit.socket))
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
        inner_writer.close()
        writer.close()

    certificate, key = certify(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    events: list[EventData] = []

    async def tell(data: EventData) -> None:
        events.append(data)

    async def spend(_: Spending) -> None: ...

    plain = await asyncio.start_server(answer, "127.0.0.1", 0)
    tls = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port, tls_port = (server.sockets[0].getsockname()[1] for server in (plain, tls))
    rules = NetworkRules(allow_networks=(ip_network("127.0.0.0/8"),), resolve=resolve)
    permit = Pass(task=TaskId("t"), hosts=(f"{HOST}:{port}", f"{HOST}:{tls_port}"))
    broker = SocketBroker(folder / "run", None, rules, own=lambda _: None)
    async with broker.open(permit, tell, spend) as exit:
        inner = await asyncio.start_server(relay, "127.0.0.1", 0)
        proxy = f"http://127.0.0.1:{inner.sockets[0].getsockname()[1]}"
        yield Place(proxy, port, tls_port, certificate, events)
        inner.close()
    plain.close()
    tls.close()


async def run(*argv: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={"PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_by_plain_requests_and_by_tunnels(short_tmp: Path) -> None:
    async with place(short_tmp) as here:
        plain, tls = f"http://{HOST}:{here.port}/", f"https://{HOST}:{here.tls_port}/"
        curl = ("curl", "-sS", "--fail", "-x", here.proxy)
        for argv in ((*curl, plain), (*curl, "-p", plain), (*curl, "--cacert", here.certificate, tls)):
            code, out = await run(*argv)
            assert (code, "tiny_song" in out) == (0, True), out
        code, out = await run("curl", "-sS", "-x", here.proxy, "http://elsewhere.example/")
        assert "not on the list of allowed hosts" in out
        code, out = await run("curl", "-sS", "-x", here.proxy, "https://elsewhere.example/")
        assert (code, "403" in out) == (56, True), out
        assert [type(event) for event in here.events] == [NetworkDenied, NetworkDenied]


async def test_pip_installs_through_a_tunnel(short_tmp: Path) -> None:
    code, _ = await run(sys.executable, "-m", "pip", "--version")
    if code:
        pytest.skip("this environment has no pip")
    async with place(short_tmp) as here:
        code, out = await run(
            *(sys.executable, "-m", "pip", "install", "--no-cache-dir", "--target", short_tmp / "into"),
            *("--proxy", here.proxy, "--cert", here.certificate, "--retries", "0"),
            *("--index-url", f"https://{HOST}:{here.tls_port}/simple", "tiny-song"),
        )
        assert code == 0, out
        assert (short_tmp / "into" / "tiny_song.py").exists()
        assert not here.events
