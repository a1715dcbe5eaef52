"""Apps' own servers behind Honk's door: what passes, what never does, and what starts one."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from app_world import VISIT, AppSite, app_site, build_of, stdlib_app
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from honk.doors.web import app_proxy
from honk.service.app_servers.run import AppEnded

pytestmark = pytest.mark.anyio

LOOSE = {
    "Content-Security-Policy": "sandbox allow-same-origin allow-scripts allow-top-navigation",
    "Service-Worker-Allowed": "/",
    "Clear-Site-Data": '"*"',
    "Set-Cookie": "honk=stolen; Path=/; Domain=127.0.0.1",
    "WWW-Authenticate": 'Basic realm="Honk"',
    "Strict-Transport-Security": "max-age=9",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Origin": "null",
    "X-Accel-Redirect": "/etc/passwd",
    "Refresh": "0; url=/sign-out",
    "Alt-Svc": 'h2="evil:443"',
    "Report-To": "{}",
    "X-Frame-Options": "DENY",
    "ETag": '"one"',
}


def app(request: BaseHTTPRequestHandler) -> None:
    """Answers with what it was asked; some paths are special."""
    path = request.path.partition("?")[0]
    length = int(request.headers.get("Content-Length") or 0)
    body = request.rfile.read(length).decode("latin-1") if length else ""
    if request.headers.get("Transfer-Encoding") == "chunked":
        while size := int(request.rfile.readline(), 16):
            body += request.rfile.read(size).decode("latin-1")
            request.rfile.readline()
        request.rfile.readline()
    said = json.dumps(
        {"method": request.command, "path": request.path, "headers": list(request.headers.items()), "body": body}
    ).encode()
    kind, status, extra = "application/json", 200, dict[str, str]()
    if path == "/loose":
        extra = LOOSE
    if path.startswith("/to/"):
        status, extra = 302, {"Location": request.headers["X-To"]}
    if path == "/page":
        kind, said = "text/html; charset=utf-8", b"<!doctype html><title>A page</title><p>hello</p></html>"
    request.send_response(status)
    request.send_header("Content-Type", kind)
    for name, value in extra.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(said)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(said)


@pytest.fixture
async def site(short_tmp: Path) -> AsyncIterator[AppSite]:
    async with app_site(short_tmp) as made:
        made.runs.sockets["b1"] = short_tmp / "app.sock"
        with stdlib_app(short_tmp / "app.sock", app):
            yield made


@pytest.fixture
async def hosted(short_tmp: Path) -> AsyncIterator[AppSite]:
    """Each preview has a host of its own."""
    async with app_site(short_tmp, hosts=".previews.example") as made:
        made.runs.sockets["b1"] = short_tmp / "app.sock"
        with stdlib_app(short_tmp / "app.sock", app):
            yield made


async def test_the_first_visit_starts_it_and_what_is_no_visit_starts_nothing(site: AppSite) -> None:
    path = site.path()
    never: list[tuple[str, dict[str, str]]] = [
        ("HEAD", VISIT),
        ("GET", {"User-Agent": "Slackbot-LinkExpanding 1.0", "Accept": "*/*"}),
        ("GET", {**VISIT, "Sec-Purpose": "prefetch;prerender"}),
        ("GET", {**VISIT, "Purpose": "prefetch"}),
        ("GET", {**VISIT, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("POST", {}),
        ("OPTIONS", {}),
        ("GET", {"Accept": "text/html"}),
    ]
    for method, headers in never:
        answer = await site.client.request(method, path, headers=headers)
        assert answer.status_code == 503 and answer.headers["content-security-policy"].startswith("sandbox"), method
    assert site.runs.begun == []
    answer = await site.client.get(path, headers=VISIT)
    assert answer.status_code == 503 and "It is being started" in answer.text and 'http-equiv="refresh"' in answer.text
    assert "'unsafe-inline'" in answer.headers["content-security-policy"] and "set-cookie" not in answer.headers
    await site.until(lambda: site.servers.standing("b1").socket)
    assert (await site.client.get(path, headers=VISIT)).json()["path"] == "/"
    assert site.runs.begun == ["b1"]


async def test_a_browser_that_says_nothing_of_itself_presses_a_button(site: AppSite) -> None:
    """Over plain http there are no Sec-Fetch headers: the page sends a form, which no link preview does."""
    path = site.path()
    page = await site.client.get(f"{path}a%20b?c=%22", headers={"Accept": "text/html"})
    action = re.search(r'action="([^"]+)"', page.text)
    assert action is not None and "It rests" in page.text
    begun = await site.client.post(action[1].replace("&amp;", "&"))
    assert (begun.status_code, begun.headers["location"]) == (303, f"{path}a%20b?c=%22")
    for to in ("//evil.example/", "https://evil.example/", "/\\evil.example", "x"):
        elsewhere = await site.client.post(f"{path}.honk/start", params={"to": to})
        assert elsewhere.headers["location"] == path
    assert site.runs.begun == ["b1"]


async def test_requests_come_as_they_were_without_what_is_honks(site: AppSite) -> None:
    path = await site.opened()
    headers = {
        "Cookie": "honk=session; theirs=1",
        "Authorization": "Bearer honk_secret",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "X-Mine": "2",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
        "Proxy-Authorization": "Basic eA==",
        "Origin": "null",
        "TE": "trailers",
        "Upgrade": "h2c",
    }
    answer = await site.client.put(f"{path}a%2Fb/..%2f?q=%20&x", headers=headers, content=b"body")
    got = answer.json()
    named = {name.lower(): value for name, value in got["headers"]}
    assert (got["method"], got["path"], got["body"]) == ("PUT", "/a%2Fb/..%2f?q=%20&x", "body")
    assert named["host"] == "localhost:8000" and named["origin"] == "http://localhost:8000"
    assert named["x-forwarded-prefix"] == path.rstrip("/") and named["x-mine"] == "2"
    assert named["x-forwarded-host"] == f"127.0.0.1:{site.port}"
    absent = (
        "cookie",
        "authorization",
        "x-hop",
        "x-forwarded-for",
        "forwarded",
        "proxy-authorization",
        "te",
        "upgrade",
    )
    assert [name for name in absent if name in named] == []
    assert "honk" not in json.dumps([pair for pair in got["headers"] if pair[0] != "x-forwarded-prefix"])


async def test_no_header_of_an_app_loosens_anything(site: AppSite) -> None:
    answer = await site.client.get(f"{await site.opened()}loose")
    kept = {"content-type", "content-length", "etag", "date"}
    ours = {"content-security-policy", "access-control-allow-origin", "x-content-type-options", "referrer-policy"}
    assert set(answer.headers) - {"server"} == kept | ours | {"x-robots-tag", "cache-control"}
    assert answer.headers.get_list("content-security-policy") == [
        "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads"
    ]
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    worker = await site.client.get(f"{await site.opened()}sw.js", headers={"Service-Worker": "script"})
    assert worker.status_code == 403


@pytest.mark.parametrize(
    "location, leads",
    [
        ("/login", "PREFIX/login"),
        ("login?x#y", "login?x#y"),
        ("http://localhost:8000/a?b", "PREFIX/a?b"),
        ("http://HOST/a", "PREFIX/a"),
        ("//HOST/tasks/1", "PREFIX/tasks/1"),
        ("PREFIX/a", "PREFIX/a"),
        ("https://elsewhere.example/", "https://elsewhere.example/"),
        ("/\\evil.example", "PREFIX/\\evil.example"),
    ],
    ids=str,
)
async def test_redirects_stay_in_the_preview(location: str, leads: str, site: AppSite) -> None:
    prefix = (await site.opened()).rstrip("/")
    place = {"PREFIX": prefix, "HOST": f"127.0.0.1:{site.port}"}
    for name, value in place.items():
        location, leads = location.replace(name, value), leads.replace(name, value)
    answer = await site.client.get(f"{prefix}/to/x", headers={"X-To": location})
    assert (answer.status_code, answer.headers["location"]) == (302, leads)


async def test_the_page_of_an_opaque_origin_may_ask_its_own_server(site: AppSite) -> None:
    path = await site.opened()
    asks = {"Origin": "null", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    answer = await site.client.options(path, headers=asks)
    assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == "*"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


async def _raw(site: AppSite, request: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    try:
        writer.write(request.encode("latin-1"))
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 44\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: +4\r\n",
        "X: a\rTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ],
    ids=lambda text: re.sub(r"\W+", " ", text),
)
async def test_no_second_request_is_smuggled_to_the_app(framing: str, short_tmp: Path) -> None:
    """However a request says where it ends, the app reads one request, and the second one never."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head)
        lines = head.lower()
        if b"transfer-encoding: chunked" in lines:
            heard.append(await reader.readuntil(b"0\r\n\r\n"))
        elif match := re.search(rb"content-length: (\d+)", lines):
            heard.append(await reader.readexactly(int(match[1])))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        heard.append(await reader.read())  # the proxy closes; what came besides would stand here
        writer.close()

    async with app_site(short_tmp) as site, await asyncio.start_unix_server(listen, short_tmp / "app.sock"):
        site.runs.sockets["b1"] = short_tmp / "app.sock"
        path = await site.opened()
        smuggled = f"GET {path}admin HTTP/1.1\r\nHost: x\r\n\r\n"
        body = "0\r\n\r\n" if "chunked" in framing else "abcd"
        request = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{framing}\r\n{body}{smuggled}"
        answer = await _raw(site, request)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200", b"HTTP/1.1 501"))
        assert sum(one.count(b"HTTP/1.1") for one in heard) <= 1, heard
        if heard:
            lines = heard[0].lower()
            assert (b"transfer-encoding" in lines) + (b"content-length" in lines) <= 1
            assert b"admin" not in b"".join(heard)


async def test_bodies_are_streamed_both_ways_and_bounded(site: AppSite, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await site.opened()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    assert (await site.client.post(path, content=pieces())).json()["body"] == "onetwo"
    monkeypatch.setattr(app_proxy, "REQUEST_LIMIT", 4)
    assert (await site.client.post(path, content=b"12345")).status_code == 413
    assert (await site.client.post(path, content=pieces())).status_code == 413
    monkeypatch.setattr(app_proxy, "ANSWER_LIMIT", 10)
    with pytest.raises(httpx.RemoteProtocolError):
        await site.client.get(path)


async def test_an_answer_comes_while_it_is_being_made_and_ends_when_the_browser_goes(short_tmp: Path) -> None:
    gone = asyncio.Event()

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await writer.drain()
        await reader.read()
        gone.set()
        writer.close()

    async with app_site(short_tmp) as site, await asyncio.start_unix_server(stream, short_tmp / "app.sock"):
        site.runs.sockets["b1"] = short_tmp / "app.sock"
        path = await site.opened()
        async with site.client.stream("GET", path) as answer:
            assert await anext(answer.aiter_bytes()) == b"data: 1\n\n"
        await asyncio.wait_for(gone.wait(), 10)
        await site.until(lambda: site.servers.connections("b1") == 0)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 999\r\n",
    ],
    ids=["nothing", "nonsense", "two-lengths", "half"],
)
async def test_what_is_no_answer_is_said(said: bytes, short_tmp: Path) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async with app_site(short_tmp) as site, await asyncio.start_unix_server(broken, short_tmp / "app.sock"):
        site.runs.sockets["b1"] = short_tmp / "app.sock"
        answer = await site.client.get(await site.opened())
        assert answer.status_code == 502 and "closed the connection" in answer.text


async def test_there_is_a_bound_on_connections(site: AppSite, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await site.opened()
    monkeypatch.setattr("honk.service.app_servers.servers.CONNECTIONS", 0)
    assert (await site.client.get(path)).status_code == 503


async def test_only_framed_pages_have_the_script_that_points(site: AppSite) -> None:
    plain = await site.client.get(f"{await site.opened()}page")
    assert "<script" not in plain.text
    framed = site.path("frame")
    page = await site.client.get(f"{framed}page", headers=VISIT)
    assert page.text.endswith(f'<script src="{framed}.honk/point.js" data-prefix="{framed.rstrip("/")}"></script>\n')
    assert int(page.headers["content-length"]) == len(page.content) if "content-length" in page.headers else True
    script = await site.client.get(f"{framed}.honk/point.js")
    assert script.status_code == 200 and "javascript" in script.headers["content-type"]
    assert (await site.client.get(f"{framed}other")).json()["path"] == "/other"
    assert (await site.client.get(f"{site.path()}.honk/point.js")).status_code == 404
    assert "content-length" in (await site.client.head(f"{framed}page")).headers


async def test_a_crash_is_said_and_the_next_visit_starts_it_again_ever_later(site: AppSite) -> None:
    path = await site.opened()
    for failures in (1, 2):
        site.runs.ends["b1"].set_exception(AppEnded("the app's server ended with exit code 3", ("Traceback", "boom")))
        await site.until(lambda: site.servers.standing("b1").socket is None)
        standing = site.servers.standing("b1")
        assert (standing.failures, standing.log) == (failures, ("Traceback", "boom"))
        assert (await site.client.get(path, headers={"Accept": "text/html"})).status_code == 503
        assert len(site.runs.begun) == failures, "what is no visit starts nothing"
        page = await site.client.get(path, headers=VISIT)
        assert "ended with exit code 3" in page.text and "boom" not in page.text, "what it printed is not for everybody"
        if failures == 1:
            await site.until(lambda: site.servers.standing("b1").socket)
    assert len(site.runs.begun) == 2 and "started again in 4 s" in page.text
    site.seconds[0] += 5
    await site.opened()
    assert site.runs.begun == ["b1"] * 3


async def test_a_defect_of_honks_own_does_not_look_like_a_start_without_an_end(site: AppSite) -> None:
    path = await site.opened()
    site.runs.ends["b1"].set_exception(ZeroDivisionError())
    await site.until(lambda: site.servers.standing("b1").socket is None)
    standing = site.servers.standing("b1")
    assert standing.failures == 1 and "a defect" in standing.said
    assert (await site.client.get(path, headers=VISIT)).status_code == 503
    assert site.runs.begun == ["b1", "b1"], "and the next visit starts it again"


async def test_one_a_task_so_many_in_all_and_none_that_nobody_uses(site: AppSite) -> None:
    for id, task in (("b2", "t1"), ("b3", "t3"), ("b4", "t4")):
        site.builds[id] = build_of(id, task)
        site.runs.sockets[id] = site.runs.sockets["b1"]
    await site.opened("b1")
    await site.opened("b2")
    assert site.runs.ended == ["b1"], "the newer build of the same task has its place"
    await site.opened("b3")
    full = await site.client.get(site.path("app", "b4"), headers=VISIT)
    assert "It waits for a place" in full.text and "All 2 places" in full.text
    site.seconds[0] += 60
    assert (await site.client.get(site.path("app", "b2"))).status_code == 200
    await site.opened("b4")
    assert site.runs.ended == ["b1", "b3"], "the one that was used longest ago makes room"
    site.seconds[0] += 890
    await site.client.get(site.path("app", "b4"))
    site.seconds[0] += 20
    await site.servers.sweep()
    assert site.runs.ended == ["b1", "b3", "b2"]
    assert (await site.client.get(site.path("app", "b2"), headers={"Accept": "text/html"})).status_code == 503


async def test_only_addresses_that_were_given_out_lead_to_an_app(site: AppSite) -> None:
    token = site.path().split("/")[2]
    site.builds["b9"] = build_of("b9", server=None)
    for path in (f"/preview/{token}/", f"/frame/{token}/", f"/app/{token[::-1]}/", site.path("app", "b9"), "/app/b1/"):
        assert (await site.client.get(path, headers=VISIT)).status_code == 404, path
    assert site.runs.begun == []
    bare = await site.client.get(site.path().rstrip("/"))
    assert bare.headers["location"] == site.path()


async def test_on_its_own_host_an_app_has_its_own_cookies_and_none_of_honks(hosted: AppSite) -> None:
    token = hosted.path().split("/")[2]
    own = {"Host": f"app-{token}.previews.example:{hosted.port}"}
    await hosted.client.get("/", headers={**own, **VISIT})
    await hosted.until(lambda: hosted.servers.standing("b1").socket)
    sent = {"Cookie": "honk=x; theirs=1; __Host-honk-form=y", "Authorization": "Bearer theirs"}
    got = (await hosted.client.get("/a", headers={**own, **sent, "Origin": f"http://{own['Host']}"})).json()
    named = {name.lower(): value for name, value in got["headers"]}
    assert (got["path"], named["cookie"], named["authorization"]) == ("/a", "theirs=1", "Bearer theirs")
    assert named["origin"] == "http://localhost:8000" and "x-forwarded-prefix" not in named
    honks = await hosted.client.get("/a", headers={**own, "Authorization": "Bearer honk_x"})
    assert "authorization" not in {name.lower() for name, _ in honks.json()["headers"]}
    loose = await hosted.client.get("/loose", headers=own)
    assert "set-cookie" not in loose.headers, "one that is called as Honk's is"
    assert {"clear-site-data", "x-accel-redirect", "access-control-allow-origin"} & set(loose.headers) == set()
    away = await hosted.client.get("/to/x", headers={**own, "X-To": "/login"})
    assert away.headers["location"] == "/login"
    for host in ("x.previews.example", f"app-{token}.x.previews.example", ".previews.example"):
        assert (await hosted.client.get("/", headers={"Host": host, **VISIT})).status_code == 404


async def _echo(connection: ServerConnection) -> None:
    await connection.send(json.dumps([connection.request and connection.request.path, connection.subprotocol]))
    try:
        async for message in connection:
            if message == "close":
                await connection.close(4001, "enough")
            await connection.send(message)
    except ConnectionClosed:
        return


async def test_web_sockets_pass_words_bytes_protocols_and_the_reason_of_the_end(short_tmp: Path) -> None:
    socket = short_tmp / "app.sock"
    async with (
        app_site(short_tmp) as site,
        unix_serve(_echo, str(socket), subprotocols=[Subprotocol("chat")], origins=None),
    ):
        site.runs.sockets["b1"] = socket
        at = f"ws://127.0.0.1:{site.port}{site.path()}live?x=1"
        with pytest.raises(InvalidStatus):
            async with connect(at):
                pass
        assert site.runs.begun == [], "a socket starts nothing"
        await site.opened()
        headers = {"Cookie": "honk=x", "Authorization": "Bearer honk_x"}
        async with connect(at, subprotocols=[Subprotocol("chat")], additional_headers=headers) as browser:
            assert json.loads(await browser.recv()) == ["/live?x=1", "chat"]
            for message in ("words", b"\0bytes", "x" * 100_000):
                await browser.send(message)
                assert await browser.recv() == message
            await browser.send("close")
            with pytest.raises(ConnectionClosed) as closed:
                await browser.recv()
            assert closed.value.rcvd is not None and (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                4001,
                "enough",
            )
        await site.until(lambda: site.servers.connections("b1") == 0)
