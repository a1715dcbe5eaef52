"""What a push message promises: one browser reads it, the push service knows who sends, and nothing goes inside."""

import asyncio
import json
import ssl
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec

from honk.adapters.broker import NetworkRules, Poster
from honk.adapters.broker.network import Address
from honk.adapters.push import WebPush
from honk.adapters.push.sealing import LONGEST, seal
from honk.domain.notice import Device
from honk.domain.person import PersonId
from honk.ports import Outcome
from honk.testing.fake_push import FakeAnswer, FakeBrowser, FakePush, octets, text64

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def push_of(service: FakePush, secret: bytes = b"s" * 32) -> WebPush:
    return WebPush(
        secret=secret, contact="mailto:ops@example.com", post=service.post, allow=service.allow, clock=lambda: NOW
    )


def device_of(browser: FakeBrowser) -> Device:
    return Device(
        id="d1",
        person=PersonId("p"),
        label="",
        endpoint=browser.endpoint,
        p256dh=browser.p256dh,
        auth=browser.auth,
        visit="t",
        at=NOW,
        until=NOW,
    )


def test_the_example_of_the_rfc_comes_out() -> None:
    # RFC 8291, appendix A
    made = seal(
        b"When I grow up, I want to be a watermelon",
        p256dh=octets("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        auth=octets("BTBZMqHH6r4Tts7J_aSIgg"),
        private=ec.derive_private_key(
            int.from_bytes(octets("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")), ec.SECP256R1()
        ),
        salt=octets("DGv6ra1nlYgDCS1FRnbzlw"),
        fill=False,
    )
    assert text64(made) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_one_browser_reads_it_and_the_service_knows_who_sends() -> None:
    service = FakePush(lambda: NOW)
    push = push_of(service)
    ours, other = service.subscribe(push.key()), service.subscribe(push.key(), "other")
    said = {"tag": "t/1", "title": "Eine Frage: „Grün?“"}
    sent = await push.send(device_of(ours), json.dumps(said).encode(), topic="a" * 32, urgent=True)
    assert sent.outcome is Outcome.SENT and ours.shown == [said]
    assert service.taken[0]["Urgency"] == "high" and service.taken[0]["TTL"] == "86400"
    with pytest.raises(InvalidTag):
        other.read(seal(b"{}", p256dh=octets(ours.p256dh), auth=octets(ours.auth)))
    stranger = push_of(service, b"x" * 32)
    assert stranger.key() != push.key() == push_of(service).key()
    refused = await stranger.send(device_of(ours), b"{}", topic="a", urgent=False)
    assert refused.outcome is Outcome.REFUSED and len(ours.shown) == 1


@pytest.mark.parametrize("length", [0, 1, 254, 255, 256, LONGEST - 1, LONGEST])
def test_every_length_fits_one_record(length: int) -> None:
    browser = FakeBrowser(endpoint="", sender="")
    body = seal(b"x" * length, p256dh=octets(browser.p256dh), auth=browser.secret)
    assert len(body) <= 4096 and browser.read(body) == b"x" * length


async def test_what_is_no_key_or_too_long_is_refused_and_not_sent() -> None:
    service = FakePush(lambda: NOW)
    push = push_of(service)
    browser = service.subscribe(push.key())
    for p256dh, auth, body in (
        ("", browser.auth, b""),
        ("A" * 87, browser.auth, b""),
        ("!" * 87, browser.auth, b""),
        ("ü", browser.auth, b""),
        (browser.p256dh, "AAAA", b""),
        (browser.p256dh, browser.auth, b"x" * (LONGEST + 1)),
    ):
        device = Device(
            id="d",
            person=PersonId("p"),
            label="",
            endpoint=browser.endpoint,
            p256dh=p256dh,
            auth=auth,
            visit="",
            at=NOW,
            until=NOW,
        )
        assert (await push.send(device, body, topic="a", urgent=False)).outcome is Outcome.REFUSED
    assert service.taken == []


@pytest.mark.parametrize(
    ("answer", "outcome", "after"),
    [
        (FakeAnswer(status=404), Outcome.GONE, 0),
        (FakeAnswer(status=410), Outcome.GONE, 0),
        (FakeAnswer(status=429, headers={"retry-after": "90"}), Outcome.LATER, 90),
        (FakeAnswer(status=503, headers={"retry-after": "Fri, 20 Nov 2026 08:05:00 GMT"}), Outcome.LATER, 300),
        (FakeAnswer(status=503, headers={"retry-after": "soon"}), Outcome.LATER, 0),
        (FakeAnswer(status=500, headers={"retry-after": "9" * 30}), Outcome.LATER, 86400),
        (FakeAnswer(status=301, headers={"location": "http://169.254.169.254/"}), Outcome.REFUSED, 0),
        (FakeAnswer(status=403), Outcome.REFUSED, 0),
        (OSError("no route"), Outcome.LATER, 0),
    ],
    ids=["404", "410", "429", "503-date", "503-rubbish", "500-for-ever", "redirect", "403", "down"],
)
async def test_what_the_service_answers_says_what_becomes_of_it(
    answer: FakeAnswer | OSError, outcome: Outcome, after: float
) -> None:
    service = FakePush(lambda: NOW)
    push = push_of(service)
    service.troubles.append(answer)
    sent = await push.send(device_of(service.subscribe(push.key())), b"{}", topic="a", urgent=False)
    assert (sent.outcome, sent.after) == (outcome, after)


def poster(*networks: str, tls: ssl.SSLContext | None = None, **names: str) -> Poster:
    async def resolve(host: str) -> tuple[Address, ...]:
        try:
            return (ip_address(names.get(host.replace(".", "_"), host)),)
        except ValueError:
            raise OSError(f"{host} is unknown") from None

    return Poster(NetworkRules(allow_networks=tuple(map(ip_network, networks)), resolve=resolve), tls=tls, seconds=5)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.net/send",
        "https://127.0.0.1/send",
        "https://[::1]/send",
        "https://10.0.0.5/send",
        "https://169.254.169.254/latest",
        "https://inside.example.net/send",
        "https://user@push.example.net/send",
        "https://push.example.net:8443/send",
        "https://push.example.net\\@127.0.0.1/",
        "https://push.example.net/\r\nX: 1",
        "https://push.example.net:99999/",
        "https:///send",
        "ftp://push.example.net/",
        "javascript:alert(1)",
        "https://unknown.example.net/" + "x" * 1000,
        "https://unknown.example.net/",
        "",
    ],
    ids=lambda endpoint: endpoint[:30].encode("unicode_escape").decode() or "empty",
)
async def test_nothing_is_sent_inside_or_without_tls(endpoint: str) -> None:
    gate = poster(push_example_net="93.184.216.34", inside_example_net="192.168.1.1")
    push = WebPush(secret=b"s" * 32, contact="mailto:a@b.c", post=gate.post, allow=gate.allow, clock=lambda: NOW)
    assert await push.refusal(endpoint)
    assert await push.refusal("https://push.example.net/send/abc?x=1") == ""


async def test_a_subscription_whose_name_leads_inside_later_is_not_followed() -> None:
    gate = poster(push_example_net="127.0.0.1")
    push = WebPush(secret=b"s" * 32, contact="mailto:a@b.c", post=gate.post, allow=gate.allow, clock=lambda: NOW)
    browser = FakeBrowser(endpoint="https://push.example.net/send", sender=push.key())
    sent = await push.send(device_of(browser), b"{}", topic="a", urgent=False)
    assert sent.outcome is Outcome.REFUSED and "loopback" in sent.detail


async def test_a_server_without_a_right_certificate_is_given_nothing() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.write(b"HTTP/1.1 201 Created\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(OSError, match=r"SSL|ssl|handshake|EOF"):
        await poster("127.0.0.0/8", push_test="127.0.0.1").post(f"https://push.test:{port}/", {}, b"words")
    server.close()
    assert all(b"words" not in one for one in heard)
