"""The broker's way to the model: what goes out, what comes back, what it costs, when it ends."""

import asyncio
import gzip
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from broker_world import (
    GOOD,
    KEY,
    MODEL,
    SSE,
    TOKEN,
    Inside,
    Request,
    Server,
    World,
    body,
    delta,
    end,
    error,
    event,
    send,
    start,
    stream,
    whole,
)

from honk.adapters.broker import Patience, Upstream
from honk.domain.event import EventData, ModelCalled, ModelFailed, NetworkDenied
from honk.domain.limits import Limits, Spending
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.errors import SettingsWrong
from honk.ports import Pass

pytestmark = pytest.mark.anyio

#: dollars of one GOOD answer: 10 tokens in, 100 out
GOOD_USD = (10 * 4 + 100 * 20) / 1e6


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    async with Server(GOOD) as server:
        yield server


@pytest.fixture
def world(short_tmp: Path, upstream: Server) -> World:
    return World(run_dir=short_tmp / "run", port=upstream.port)


# ── what goes out and what comes back ──────────────────────────────────────────────────────────
async def test_the_real_key_goes_out_in_place_of_what_the_inside_sent(world: World, upstream: Server) -> None:
    world.path = "/gateway/"
    async with world.open() as inside:
        answer = await inside.client.post(
            "/v1/messages?beta=true",
            json=body(),
            headers={"anthropic-version": "2023-06-01", "x-forwarded-for": "1.2.3.4", "proxy-authorization": "x"},
        )
    asked = upstream.requests[0]
    assert answer.status_code == 200
    assert asked.line == "POST /gateway/v1/messages?beta=true HTTP/1.1"
    assert asked.headers["x-api-key"] == KEY
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert asked.headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie", "proxy-authorization", "x-forwarded-for"} & set(asked.headers)
    assert json.loads(asked.body) == body()


@pytest.mark.parametrize(("key", "token"), [(KEY, TOKEN), (None, TOKEN), (None, None)])
async def test_a_key_is_sent_as_such_and_a_token_as_bearer(
    world: World, upstream: Server, key: str | None, token: str | None
) -> None:
    world.api_key, world.auth_token = key, token
    async with world.open() as inside:
        await inside.ask()
    headers = upstream.requests[0].headers
    assert headers.get("x-api-key") == key
    assert headers.get("authorization") == (f"Bearer {token}" if token else None)


async def test_the_answer_passes_byte_for_byte(world: World, upstream: Server) -> None:
    pieces = (start(), b": comment\r\n\r\n", delta("hé\u2028llo"), event("ping"), end())
    upstream.answer = stream(*pieces)
    async with world.open() as inside:
        answer = await inside.ask()
    assert answer.content == b"".join(pieces)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_stream_is_not_held_back(world: World, upstream: Server) -> None:
    seen = asyncio.Event()

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        await send(writer, start())
        await asyncio.wait_for(seen.wait(), 5)
        await send(writer, end())
        writer.write(b"0\r\n\r\n")

    upstream.answer = answer
    async with world.open() as inside, inside.client.stream("POST", "/v1/messages", json=body()) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == start()
        seen.set()
        assert b"".join([piece async for piece in pieces]) == end()


async def test_an_answer_that_the_upstream_compresses_all_the_same_is_metered(world: World, upstream: Server) -> None:
    upstream.answer = whole(200, gzip.compress(start() + end()), "content-encoding: gzip\r\n", "text/event-stream")
    async with world.open() as inside:
        answer = await inside.ask()
        assert answer.content == start() + end()
        assert inside.exit.spent().output_tokens == 100


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("HEAD", "/", False),
        ("GET", "/v1/models", False),
        ("POST", "/v1/files", True),
        ("POST", "/v1/messages/batches", True),
        ("POST", "/v1/messages/", True),
        ("POST", "/v1//messages", True),
        ("POST", "/v1/messages?a=%2e%2e", True),
        ("DELETE", "/v1/messages", True),
    ],
)
async def test_nothing_else_of_the_api_is_passed_on(
    world: World, upstream: Server, method: str, path: str, told: bool
) -> None:
    async with world.open() as inside:
        answer = await inside.client.request(method, path)
        assert answer.status_code == 404
        assert bool(inside.told(NetworkDenied)) == told
    assert not upstream.requests


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
        {"mcp_servers": [{"type": "url", "url": "https://elsewhere.example"}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://x"}}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "document", "source": {"type": "url", "url": "http://x"}}],
                        }
                    ],
                }
            ]
        },
    ],
)
async def test_the_model_server_is_no_way_around_the_allowed_hosts(
    world: World, upstream: Server, fields: dict[str, object]
) -> None:
    async with world.open() as inside:
        answer = await inside.ask(**fields)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "policy_blocked")
        assert len(inside.told(NetworkDenied)) == 1
    assert not upstream.requests


async def test_words_that_only_look_like_such_content_pass(world: World) -> None:
    called = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"source": {"type": "url"}, "command": "x"}}
    async with world.open() as inside:
        answer = await inside.ask(
            messages=[{"role": "assistant", "content": [called]}],
            tools=[{"name": "Bash", "input_schema": {"type": "object"}}, {"type": "custom", "name": "web_fetch"}],
        )
    assert answer.status_code == 200


async def test_a_pass_without_the_model_does_not_reach_it(world: World, upstream: Server) -> None:
    async with world.open(model=False) as inside:
        assert (await inside.ask()).status_code == 400
        assert (await inside.ask()).headers["x-should-retry"] == "false"
        assert len(inside.told(NetworkDenied)) == 1
    assert not upstream.requests


@pytest.mark.parametrize("content", [b"", b"not json", b'{"model": 7}', b"[" * 100_000, b'{"max_tokens": -1}'])
async def test_a_request_that_is_none_is_answered_here(world: World, upstream: Server, content: bytes) -> None:
    async with world.open() as inside:
        answer = await inside.client.post("/v1/messages", content=content)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
        assert (await inside.ask()).status_code == 200
    assert len(upstream.requests) == 1


# ── metering ───────────────────────────────────────────────────────────────────────────────────
async def test_a_streamed_answer_is_metered_with_its_cache_tokens(world: World, upstream: Server) -> None:
    upstream.answer = stream(start(cache_read_input_tokens=1000, cache_creation_input_tokens=200), delta("x"), end(50))
    before = Spending(usd=1.0, calls=7)
    async with world.open(spent=before) as inside:
        await inside.ask()
        usd = (10 * 4 + 1000 * 0.2 + 200 * 5 + 50 * 20) / 1e6
        (booked,) = inside.booked
        assert booked == Spending(
            usd=pytest.approx(usd),
            calls=1,
            input_tokens=10,
            output_tokens=50,
            cache_read_tokens=1000,
            cache_write_tokens=200,
        )
        assert inside.exit.spent() == before + booked
        (called,) = inside.told(ModelCalled)
        assert isinstance(called, ModelCalled)
        assert (called.model, called.total_calls, called.total_usd) == (MODEL, 8, pytest.approx(1.0 + usd))


async def test_an_answer_that_is_not_streamed_is_metered(world: World, upstream: Server) -> None:
    message = {"type": "message", "model": MODEL, "content": [], "usage": {"input_tokens": 10, "output_tokens": 100}}
    upstream.answer = whole(200, json.dumps(message).encode())
    async with world.open() as inside:
        answer = await inside.ask(stream=False)
        assert answer.json() == message
        assert inside.booked[0].usd == pytest.approx(GOOD_USD)


async def test_counting_tokens_is_no_call(world: World, upstream: Server) -> None:
    upstream.answer = whole(200, b'{"input_tokens": 12}')
    async with world.open(limits=Limits(usd=None, calls=1, seconds=None)) as inside:
        for _ in range(3):
            answer = await inside.client.post("/v1/messages/count_tokens", json=body())
            assert answer.json() == {"input_tokens": 12}
        assert inside.exit.spent() == Spending()
        assert not inside.booked


async def test_who_has_seen_the_end_of_an_answer_may_rely_on_it_being_recorded(world: World, upstream: Server) -> None:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        await send(writer, start() + end())
        await asyncio.get_running_loop().create_future()

    upstream.answer = answer
    async with world.open() as inside, inside.client.stream("POST", "/v1/messages", json=body()) as response:
        seen = b""
        async for piece in response.aiter_raw():
            seen += piece
            if b"message_stop" in seen:
                break
        assert len(inside.booked) == len(inside.told(ModelCalled)) == 1


async def test_an_answer_without_usage_costs_what_its_size_suggests(world: World, upstream: Server) -> None:
    upstream.answer = stream(event("message_start", message={"model": MODEL}), delta("x" * 3000), event("message_stop"))
    async with world.open() as inside:
        await inside.ask()
        (booked,) = inside.booked
        assert booked.output_tokens == 1000
        assert booked.input_tokens > 0
        assert booked.usd > 1000 * 20 / 1e6


async def test_an_unknown_model_costs_as_much_as_the_most_expensive(world: World, upstream: Server) -> None:
    upstream.answer = stream(start(model="mystery-9"), end())
    async with world.open() as inside:
        await inside.ask(model="mystery-9")
        assert inside.booked[0].usd == pytest.approx((10 * 15 + 100 * 75) / 1e6)


async def test_who_leaves_early_pays_for_what_was_generated(world: World, upstream: Server) -> None:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        await send(writer, start() + delta("y" * 300))
        await asyncio.get_running_loop().create_future()

    upstream.answer = answer
    async with world.open() as inside:
        async with inside.client.stream("POST", "/v1/messages", json=body()) as response:
            await anext(response.aiter_raw())
        await asyncio.wait_for(upstream.left.wait(), 5)
    (booked,) = inside.booked
    assert (booked.calls, booked.input_tokens, booked.output_tokens) == (1, 10, 100)


async def test_who_leaves_before_the_answer_pays_for_the_prompt(world: World, upstream: Server) -> None:
    asked = asyncio.Event()

    async def answer(_: Request, __: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.get_running_loop().create_future()

    upstream.answer = answer
    async with world.open() as inside:
        request = asyncio.ensure_future(inside.ask())
        await asyncio.wait_for(asked.wait(), 5)
        request.cancel()
        await asyncio.wait_for(upstream.left.wait(), 5)
    (booked,) = inside.booked
    assert booked.calls == 1
    assert 0 < booked.usd < 0.001


async def test_spending_that_cannot_be_recorded_ends_everything(world: World, upstream: Server) -> None:
    async def tell(_: EventData) -> None: ...

    async def spend(_: Spending) -> None:
        raise ValueError("the disk is full")

    with pytest.raises(ValueError, match="disk is full"):
        async with world.broker().open(Pass(task=TaskId("t"), model=True), tell, spend) as exit:
            transport = httpx.AsyncHTTPTransport(uds=str(exit.socket))
            async with httpx.AsyncClient(transport=transport, base_url="http://m", trust_env=False) as client:
                with pytest.raises(httpx.HTTPError):
                    await client.post("/v1/messages", json=body())
                assert (await client.post("/v1/messages", json=body())).status_code == 400
    assert len(upstream.requests) == 1


async def test_leaving_waits_for_what_is_still_being_recorded(world: World) -> None:
    written: list[Spending] = []
    writing = asyncio.Event()

    async def tell(_: EventData) -> None: ...

    async def spend(spending: Spending) -> None:
        writing.set()
        for _ in range(50):
            await asyncio.sleep(0)
        written.append(spending)

    async with world.broker().open(Pass(task=TaskId("t"), model=True), tell, spend) as exit:
        inside = Inside(exit, [], [], httpx.AsyncClient())
        _, writer = await inside.ask_raw()
        await asyncio.wait_for(writing.wait(), 5)
        writer.close()
    assert len(written) == 1


# ── the budget ─────────────────────────────────────────────────────────────────────────────────
async def test_calls_are_limited_before_they_are_made(world: World, upstream: Server) -> None:
    async with world.open(limits=Limits(usd=None, calls=3, seconds=None), spent=Spending(calls=1)) as inside:
        assert [(await inside.ask()).status_code for _ in range(2)] == [200, 200]
        assert inside.exit.ended_by() is None
        answer = await inside.ask()
        assert answer.status_code == 400
        assert answer.headers["x-should-retry"] == "false"
        assert answer.json()["error"]["type"] == "billing_error"
        ended = inside.exit.ended_by()
        assert ended is not None
        assert ended[0] == "calls"
        assert "3 calls" in ended[1]
        assert "--max-calls" in ended[1]
        assert answer.json()["error"]["message"] == ended[1]
    assert len(upstream.requests) == 2


async def test_money_is_limited_before_it_is_spent(world: World, upstream: Server) -> None:
    async with world.open(limits=Limits(usd=GOOD_USD * 1.5, calls=None, seconds=None)) as inside:
        assert [(await inside.ask()).status_code for _ in range(3)] == [200, 200, 400]
        ended = inside.exit.ended_by()
        assert ended is not None
        assert ended[0] == "money"
        assert inside.exit.spent().usd == pytest.approx(2 * GOOD_USD)
    assert len(upstream.requests) == 2


async def test_parallel_calls_do_not_overshoot_by_more_than_one(world: World, upstream: Server) -> None:
    async with world.open(limits=Limits(usd=GOOD_USD * 2.5, calls=None, seconds=None)) as inside:
        answers = await asyncio.gather(*(inside.ask(max_tokens=32_000) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 7
    assert len(upstream.requests) == 3


async def test_parallel_calls_do_not_exceed_the_number_of_calls(world: World, upstream: Server) -> None:
    async with world.open(limits=Limits(usd=None, calls=4, seconds=None)) as inside:
        answers = await asyncio.gather(*(inside.ask() for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [400] * 6
    assert len(upstream.requests) == 4


async def test_calls_that_fit_beside_each_other_run_beside_each_other(world: World, upstream: Server) -> None:
    both = asyncio.Barrier(2)

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.wait_for(both.wait(), 5)
        await GOOD(request, writer)

    upstream.answer = answer
    async with world.open(limits=Limits(usd=5.0, calls=10, seconds=None)) as inside:
        answers = await asyncio.gather(inside.ask(max_tokens=32_000), inside.ask(max_tokens=32_000))
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_failed_call_is_not_counted_and_frees_its_place(world: World, upstream: Server) -> None:
    upstream.answer = error(529, "overloaded_error", "Overloaded")
    async with world.open(limits=Limits(usd=0.001, calls=1, seconds=None)) as inside:
        assert [(await inside.ask()).status_code for _ in range(3)] == [529] * 3
        upstream.answer = GOOD
        assert (await inside.ask()).status_code == 200
        assert inside.exit.spent().calls == 1


# ── failures of the upstream ───────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("status", "kind", "message", "remedy"),
    [
        (401, "authentication_error", "invalid x-api-key", "ANTHROPIC_API_KEY"),
        (403, "permission_error", "not allowed", "ANTHROPIC_API_KEY"),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", "credit"),
        (429, "billing_error", "spend limit reached", "credit"),
    ],
)
async def test_a_refused_key_ends_the_work_at_once(
    world: World, upstream: Server, status: int, kind: str, message: str, remedy: str
) -> None:
    upstream.answer = error(status, kind, message)
    async with world.open() as inside:
        answer = await inside.ask()
        assert (answer.status_code, answer.headers["x-should-retry"]) == (400, "false")
        assert (await inside.ask()).json() == answer.json()
        ended = inside.exit.ended_by()
        assert ended is not None
        assert ended[0] == "model"
        assert message in ended[1]
        assert remedy in ended[1]
        (failed,) = inside.told(ModelFailed)
        assert isinstance(failed, ModelFailed)
        assert failed.status == status
        assert not inside.booked
    assert len(upstream.requests) == 1


async def test_a_redirect_is_not_followed(world: World, upstream: Server) -> None:
    upstream.answer = whole(307, b"", "location: http://127.0.0.1:1/\r\n")
    async with world.open() as inside:
        answer = await inside.ask()
        assert answer.status_code == 400
        assert "location" not in answer.headers
        ended = inside.exit.ended_by()
        assert ended is not None
        assert "ANTHROPIC_BASE_URL" in ended[1]


@pytest.mark.parametrize("status", [429, 500, 529])
async def test_trouble_that_passes_is_passed_on_and_told_once(world: World, upstream: Server, status: int) -> None:
    failing = error(status, "overloaded_error", "try later", "retry-after: 7\r\nset-cookie: a=b\r\n")
    upstream.answer = failing
    async with world.open() as inside:
        for _ in range(20):
            answer = await inside.ask()
            assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
        assert "set-cookie" not in answer.headers
        assert len(inside.told(ModelFailed)) == 1
        world.now += 61
        await inside.ask()
        told = inside.told(ModelFailed)[-1]
        assert isinstance(told, ModelFailed)
        assert "20 times" in told.detail
        upstream.answer = GOOD
        await inside.ask()
        upstream.answer = failing
        await inside.ask()
        assert len(inside.told(ModelFailed)) == 3
        assert inside.exit.ended_by() is None


async def test_an_upstream_that_is_not_there(world: World, upstream: Server) -> None:
    await upstream.__aexit__()
    async with world.open() as inside:
        answer = await inside.ask()
        assert answer.status_code == 502
        assert "x-should-retry" not in answer.headers
        assert len(inside.told(ModelFailed)) == 1
        assert not inside.booked


async def test_an_upstream_that_stays_silent(world: World, upstream: Server) -> None:
    async def answer(_: Request, __: asyncio.StreamWriter) -> None:
        await asyncio.get_running_loop().create_future()

    upstream.answer = answer
    world.patience = Patience(silence=0.05)
    async with world.open() as inside:
        assert (await inside.ask()).status_code == 504
        assert len(inside.told(ModelFailed)) == 1


@pytest.mark.parametrize("how", ["cut", "short", "silent"])
async def test_a_stream_that_breaks_is_not_taken_for_a_whole_one(world: World, upstream: Server, how: str) -> None:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        await send(writer, start() + delta("z" * 30))
        if how == "silent":
            await asyncio.get_running_loop().create_future()
        if how == "short":
            writer.write(b"0\r\n\r\n")
        writer.close()

    upstream.answer = answer
    world.patience = Patience(silence=0.2)
    async with world.open() as inside:
        with pytest.raises(httpx.HTTPError):
            await inside.ask()
        assert len(inside.told(ModelFailed)) == 1
        (booked,) = inside.booked
        assert (booked.input_tokens, booked.output_tokens) == (10, 10)
        upstream.answer = GOOD
        assert (await inside.ask()).status_code == 200


async def test_an_error_in_the_middle_of_a_stream_is_told(world: World, upstream: Server) -> None:
    broken = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    upstream.answer = stream(start(), broken)
    async with world.open() as inside:
        assert (await inside.ask()).content == start() + broken
        (failed,) = inside.told(ModelFailed)
        assert isinstance(failed, ModelFailed)
        assert failed.detail == "overloaded_error: Overloaded"


# ── the key stays outside ──────────────────────────────────────────────────────────────────────
async def seen_inside(inside: Inside, answer: httpx.Response) -> str:
    ended = inside.exit.ended_by()
    return " ".join([answer.text, str(answer.headers.raw), repr(inside.events), repr(ended)])


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_an_upstream_that_echoes_the_key_in_an_error(world: World, upstream: Server, status: int) -> None:
    world.auth_token = TOKEN

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        echo = f"you sent {request.headers['x-api-key']} and {request.headers['authorization']}"
        await error(status, "api_error", echo, f"request-id: {KEY}\r\nanthropic-x: {TOKEN}\r\n")(request, writer)

    upstream.answer = answer
    async with world.open() as inside:
        seen = await seen_inside(inside, await inside.ask())
        assert "you sent ***" in seen
        assert KEY not in seen
        assert TOKEN not in seen


async def test_an_upstream_that_echoes_the_key_in_a_stream(world: World, upstream: Server) -> None:
    upstream.answer = stream(start(), delta(f"a {KEY} b"), b": " + KEY[:9].encode(), KEY[9:].encode() + b"\n\n", end())
    async with world.open() as inside:
        answer = await inside.ask()
        assert KEY not in answer.text
        assert answer.content == start() + delta("a *** b") + b": ***\n\n" + end()


async def test_a_connection_error_does_not_show_the_key(world: World) -> None:
    world.port = 1
    async with world.open() as inside:
        assert KEY not in await seen_inside(inside, await inside.ask())


def test_a_key_that_cannot_be_one_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsWrong) as refused:
        Upstream(base_url="https://model.example", api_key=Secret(KEY + "\n"))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["", "model.example", "ftp://x", "http://", "http://u:p@x", "http://x?y", "http://x:port"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SettingsWrong, match="ANTHROPIC_BASE_URL"):
        Upstream(base_url=address)


# ── the socket ─────────────────────────────────────────────────────────────────────────────────
async def test_only_the_sandbox_can_connect_and_closing_removes_the_socket(world: World) -> None:
    async with world.open() as inside:
        path = inside.exit.socket
        assert world.owned == [path]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(path.stat().st_mode)
    assert not path.exists()


async def test_the_socket_of_a_killed_process_is_replaced(world: World) -> None:
    async with world.open() as inside:
        path = inside.exit.socket
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    async with world.open() as inside:
        assert inside.exit.socket == path
        assert (await inside.ask()).status_code == 200


async def test_a_task_may_have_two_exits_at_a_time(world: World) -> None:
    async with world.open() as first, world.open(model=False) as second:
        assert first.exit.socket != second.exit.socket
        assert (await first.ask()).status_code == 200
        assert (await second.ask()).status_code == 400


async def test_a_path_that_is_too_long_for_a_socket_works_all_the_same(world: World) -> None:
    world.run_dir = world.run_dir / ("d" * 120)
    broker = world.broker()
    heard: list[EventData] = []

    async def tell(data: EventData) -> None:
        heard.append(data)

    async def spend(_: Spending) -> None: ...

    async with broker.open(Pass(task=TaskId("t")), tell, spend) as exit:
        assert stat.S_ISSOCK(exit.socket.stat().st_mode)
        near = world.run_dir.parent / "s"
        near.symlink_to(exit.socket)
        reader, writer = await asyncio.open_unix_connection(str(near))
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()


async def test_closing_cuts_everything_off_and_counts_it(world: World, upstream: Server) -> None:
    asked = asyncio.Event()

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        await send(writer, start())
        asked.set()
        await asyncio.get_running_loop().create_future()

    upstream.answer = answer
    async with world.open() as inside:
        idle, busy = await inside.connect(), await inside.ask_raw()
        await asyncio.wait_for(asked.wait(), 5)
        exit = inside.exit
    for reader, writer in (idle, busy):
        assert not (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
    await asyncio.wait_for(upstream.left.wait(), 5)
    assert [booked.input_tokens for booked in inside.booked] == [10]
    assert exit.spent().calls == 1


async def test_an_exit_that_is_cancelled_still_records(world: World, upstream: Server) -> None:
    asked = asyncio.Event()

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        await send(writer, start())
        asked.set()
        await asyncio.get_running_loop().create_future()

    upstream.answer = answer
    opened: list[Inside] = []

    async def work() -> None:
        async with world.open() as inside:
            opened.append(inside)
            reader, writer = await inside.ask_raw()
            try:
                await reader.read()
                await asyncio.get_running_loop().create_future()
            finally:
                writer.close()

    working = asyncio.ensure_future(work())
    await asyncio.wait_for(asked.wait(), 5)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert len(opened[0].booked) == len(opened[0].told(ModelCalled)) == 1
    assert not opened[0].exit.socket.exists()
