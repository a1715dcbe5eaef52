"""What every channel promises: TestFlight against a fake App Store Connect, a webhook against a shelf, and the fake."""

import contextlib
import hashlib
import hmac
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from honk.adapters.app_store import test_flight as make_flight
from honk.adapters.webhook import webhook
from honk.domain.app_package import AppFacts, AppPackage, Profile
from honk.domain.build import Build
from honk.domain.channel import ChannelState, Seen
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.errors import NeedsHuman, Retryable, SettingsWrong
from honk.ports import Channel, ChannelOptions, Offered
from honk.testing.fake_app_store import FakeAppStore
from honk.testing.fake_channels import FakeChannel
from partners.app_store_openapi import complaints

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FACTS = AppFacts(
    form="ipa",
    id="com.example.player",
    name="Music player",
    version="1.4.0",
    number="57",
    profile=Profile(kind="App Store"),
)
BUILD = Build(
    id="b1",
    task=TaskId("t1"),
    commit=Sha("c" * 40),
    kind="ios",
    digest="d" * 64,
    size=10,
    package=AppPackage(digest="e" * 64, size=8, form="ipa", facts=FACTS),
)
OFFERED = Offered(build=BUILD, repository="https://github.com/acme/player", file=Path("/nowhere"), page="")


@dataclass
class Shelf:
    """Whoever listens behind a webhook: it keeps each build once, under its id."""

    secret: bytes = b"a secret"
    answer: bytes = b""
    status: int = 200

    def __post_init__(self) -> None:
        self.kept: dict[str, dict[str, str]] = {}
        self.troubles: list[int | httpx.HTTPError] = []

    def transport(self) -> httpx.MockTransport:
        def answered(request: httpx.Request) -> httpx.Response:
            if self.troubles:
                trouble = self.troubles.pop(0)
                if isinstance(trouble, httpx.HTTPError):
                    raise trouble
                return httpx.Response(trouble)
            wanted = "sha256=" + hmac.new(self.secret, request.content, hashlib.sha256).hexdigest()
            if not hmac.compare_digest(wanted, request.headers["X-Honk-Signature"]):
                return httpx.Response(403)
            self.kept[request.headers["Idempotency-Key"]] = json.loads(request.content)
            return httpx.Response(self.status, content=self.answer)

        return httpx.MockTransport(answered)


@dataclass
class Case:
    """A channel, and what stands behind it."""

    channel: Channel
    ready: Callable[[], None]
    refuses: Callable[[], None]
    breaks: Callable[[], None]
    got: Callable[[], int]


def flight(apple: FakeAppStore, **options: str) -> Channel:
    said = {"key_id": apple.key_id, "issuer_id": apple.issuer, "apps": "com.example.player", "group": "Team", **options}
    options_ = ChannelOptions(name="testflight", options=said, secret=Secret(apple.p8))
    return make_flight(options_, clock=lambda: NOW, transport=apple.transport)


def hook(shelf: Shelf, secret: str = "a secret", **options: str) -> Channel:
    said = {"url": "https://shelf.example/builds", **options}
    options_ = ChannelOptions(name="shelf", options=said, secret=Secret(secret))
    return webhook(options_, transport=shelf.transport())


def _flight_case() -> Case:
    apple = FakeAppStore()
    apple.has_group("Team")
    return Case(
        channel=flight(apple),
        ready=lambda: apple.has("1.4.0", "57") and None,
        refuses=lambda: apple.troubles.append(401),
        breaks=lambda: apple.troubles.append(httpx.ConnectError("no")),
        got=lambda: apple.given,
    )


def _hook_case() -> Case:
    shelf = Shelf()

    def ready() -> None:
        shelf.answer = b'{"link": "https://shelf.example/b1", "until": "2027-02-18T09:00:00+00:00"}'

    return Case(
        channel=hook(shelf),
        ready=ready,
        refuses=lambda: shelf.troubles.append(403),
        breaks=lambda: shelf.troubles.append(httpx.ReadTimeout("no")),
        got=lambda: len(shelf.kept),
    )


def _fake_case() -> Case:
    fake = FakeChannel()
    seen = Seen(state=ChannelState.READY, link="https://fake.example", until=NOW)
    return Case(
        channel=fake,
        ready=lambda: fake.stands.update({BUILD.id: seen}),
        refuses=lambda: fake.troubles.append(NeedsHuman("no")),
        breaks=lambda: fake.troubles.append(Retryable("no")),
        got=lambda: len(fake.got),
    )


@pytest.fixture(params=[_flight_case, _hook_case, _fake_case], ids=["testflight", "webhook", "fake"])
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.param()
    return made


# ── what each promises ─────────────────────────────────────────────────────────────────────────
async def test_it_ends_in_one_link_and_a_state_and_asked_again_nothing_is_doubled(case: Case) -> None:
    assert case.channel.title and case.channel.takes(BUILD)
    before = await case.channel.carry(OFFERED)
    assert before.state in {ChannelState.ABSENT, ChannelState.PROCESSING}
    case.ready()
    first = await case.channel.carry(OFFERED)
    assert first.state is ChannelState.READY and first.link.startswith("https://") and first.until is not None
    assert first.until.tzinfo is not None
    for _ in range(3):
        assert await case.channel.carry(OFFERED) == first
    assert case.got() == 1


async def test_it_says_who_must_act(case: Case) -> None:
    case.ready()
    case.refuses()
    with pytest.raises(NeedsHuman):
        await case.channel.carry(OFFERED)
    case.breaks()
    with pytest.raises(Retryable):
        await case.channel.carry(OFFERED)
    assert (await case.channel.carry(OFFERED)).state is ChannelState.READY


# ── TestFlight ─────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def apple() -> FakeAppStore:
    return FakeAppStore()


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"processing": "PROCESSING"}, ChannelState.PROCESSING, "processing at Apple"),
        ({"processing": "FAILED"}, ChannelState.REFUSED, "could not process"),
        ({"processing": "INVALID"}, ChannelState.REFUSED, "invalid"),
        ({"state": "PROCESSING"}, ChannelState.PROCESSING, "processing at Apple"),
        ({"state": "PROCESSING_EXCEPTION"}, ChannelState.REFUSED, "could not process"),
        ({"state": "MISSING_EXPORT_COMPLIANCE"}, ChannelState.WAITING, "ITSAppUsesNonExemptEncryption"),
        ({"state": "IN_EXPORT_COMPLIANCE_REVIEW"}, ChannelState.WAITING, "reviews"),
        ({"expired": True}, ChannelState.EXPIRED, "90 days"),
        ({"state": "EXPIRED"}, ChannelState.EXPIRED, "90 days"),
        ({}, ChannelState.READY, ""),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else str(value)[:12],
)
async def test_each_state_at_apple_is_said(
    apple: FakeAppStore, changes: dict[str, object], state: ChannelState, said: str
) -> None:
    apple.has_group("Team")
    apple.has("1.4.0", "57", **changes)
    seen = await flight(apple).carry(OFFERED)
    assert seen.state is state and said in seen.detail
    if state is ChannelState.READY:
        assert seen.link == "https://beta.itunes.apple.com/v1/app/1182814395"
        assert seen.until == datetime(2027, 2, 18, 9, 0, tzinfo=UTC)


async def test_only_the_very_version_and_number_is_found(apple: FakeAppStore) -> None:
    apple.has_group("Team")
    for version, number in (("1.4.0", "56"), ("1.4.1", "57")):
        apple.has(version, number)
    apple.has("1.4.0", "57", app="com.example.player.beta")
    seen = await flight(apple).carry(OFFERED)
    assert seen.state is ChannelState.ABSENT and "1.4.0 (57)" in seen.detail


async def test_a_group_is_given_the_build_once_and_only_an_internal_one(apple: FakeAppStore) -> None:
    build = apple.has("1.4.0", "57")
    missing = await flight(apple).carry(OFFERED)
    assert missing.state is ChannelState.WAITING and "does not exist" in missing.detail
    outside = apple.has_group("Team", internal=False)
    refused = await flight(apple).carry(OFFERED)
    assert refused.state is ChannelState.WAITING and "external" in refused.detail and apple.given == 0
    outside.internal, outside.testers = True, []
    empty = await flight(apple).carry(OFFERED)
    assert empty.state is ChannelState.READY and "nobody is in the group" in empty.detail
    outside.testers.append("tester-1")
    assert (await flight(apple).carry(OFFERED)).detail == "" and apple.given == 1
    assert build.groups == [outside.id]
    # a group that gets every build is given none
    apple.groups[:] = []
    apple.has_group("Team", all_builds=True)
    build.groups.clear()
    assert (await flight(apple).carry(OFFERED)).state is ChannelState.READY and apple.given == 1


async def test_without_a_group_somebody_must_have_it_already(apple: FakeAppStore) -> None:
    build = apple.has("1.4.0", "57")
    channel = flight(apple, group="")
    assert (await channel.carry(OFFERED)).state is ChannelState.WAITING
    build.state = "IN_BETA_TESTING"
    assert (await channel.carry(OFFERED)).state is ChannelState.READY and apple.given == 0


async def test_what_an_app_says_of_itself_opens_no_other_app(apple: FakeAppStore) -> None:
    """An .ipa may claim any identifier: the operator says which are theirs."""
    channel, package = flight(apple), BUILD.package
    assert package is not None
    for id in ("com.example.playerx", "com.other", "", "*"):
        other = replace(BUILD, package=replace(package, facts=replace(FACTS, id=id)))
        assert not channel.takes(other), id
    assert not channel.takes(replace(BUILD, package=replace(package, facts=None)))
    assert not channel.takes(replace(BUILD, package=replace(package, facts=replace(FACTS, simulator=True))))
    assert not channel.takes(replace(BUILD, package=None))
    assert flight(apple, apps="com.example.*").takes(BUILD)
    with pytest.raises(SettingsWrong, match="must name apps"):
        flight(apple, apps="*")


async def test_the_key_is_apples_and_is_shown_nowhere(apple: FakeAppStore) -> None:
    other = FakeAppStore()
    with pytest.raises(NeedsHuman, match="does not know the key") as refused:
        said = {"key_id": apple.key_id, "issuer_id": apple.issuer, "apps": "com.example.player"}
        options = ChannelOptions(name="t", options=said, secret=Secret(other.p8))
        await make_flight(options, clock=lambda: NOW, transport=apple.transport).carry(OFFERED)
    assert "PRIVATE" not in str(refused.value)
    for wrong in ("", "rubbish", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(SettingsWrong) as bad:
            make_flight(replace(options, secret=Secret(wrong)), clock=lambda: NOW)
        assert "AAAA" not in str(bad.value)
    assert apple.p8 not in repr(options)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 429, 500, 503])
async def test_every_status_of_apples_is_somebodys_to_act_on(apple: FakeAppStore, status: int) -> None:
    apple.troubles.append(status)
    with pytest.raises(Retryable if status in {429, 500, 503} else NeedsHuman, match=str(status)):
        await flight(apple).carry(OFFERED)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b'{"data": 7}', b'{"data": [7, null, {"id": 3}]}', b"\xff\xfe", b"[" * 2000],
    ids=["empty", "list", "null", "number", "rubbish", "bytes", "deep"],
)
async def test_rubbish_for_an_answer_is_no_defect(apple: FakeAppStore, content: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=content))
    said = {"key_id": "k", "issuer_id": "i", "apps": "com.example.player"}
    options = ChannelOptions(name="t", options=said, secret=Secret(apple.p8))
    channel = make_flight(options, clock=lambda: NOW, transport=transport)
    with contextlib.suppress(Retryable, NeedsHuman):
        assert (await channel.carry(OFFERED)).state is ChannelState.ABSENT


async def test_requests_and_answers_are_as_apple_describes_them(apple: FakeAppStore) -> None:
    apple.has_group("Team")
    apple.has("1.4.0", "57")
    await flight(apple).carry(OFFERED)
    apple.troubles.append(403)
    with pytest.raises(NeedsHuman):
        await flight(apple).carry(OFFERED)
    found = complaints(apple.asked)
    if found is None:
        pytest.skip("Apple's description is not at hand: tests/partners/app_store_openapi.py says how to get it")
    assert found == []


# ── the webhook ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("answer", "state", "link"),
    [
        (b"", ChannelState.PROCESSING, ""),
        (b'{"state": "waiting", "detail": "a person"}', ChannelState.WAITING, ""),
        (b'{"state": "sings"}', ChannelState.PROCESSING, ""),
        (b"<html>", ChannelState.PROCESSING, ""),
        (b'{"link": "https://a.example"}', ChannelState.READY, "https://a.example"),
        (b'{"link": 7, "until": "soon"}', ChannelState.READY, "7"),
        (b'{"link": "' + b"a" * 70_000 + b'"}', ChannelState.PROCESSING, ""),
    ],
    ids=["nothing", "waiting", "unknown", "html", "link", "rubbish", "large"],
)
async def test_what_a_webhook_answers(answer: bytes, state: ChannelState, link: str) -> None:
    shelf = Shelf(answer=answer)
    seen = await hook(shelf).carry(OFFERED)
    assert (seen.state, seen.link) == (state, link)
    assert shelf.kept["b1"]["app"] == "com.example.player" and shelf.kept["b1"]["number"] == "57"


async def test_a_webhook_is_signed_and_takes_what_it_is_for() -> None:
    with pytest.raises(NeedsHuman, match="403"):
        await hook(Shelf(), secret="another").carry(OFFERED)
    assert not hook(Shelf(), forms="apk, web").takes(BUILD) and hook(Shelf(), forms="ipa").takes(BUILD)
    for wrong in ({"url": "ftp://a"}, {"url": "https://user:pass@a"}, {"forms": "exe"}, {"colour": "red"}, {"url": ""}):
        with pytest.raises(SettingsWrong):
            hook(Shelf(), **wrong)
    with pytest.raises(SettingsWrong, match="secret_file"):
        hook(Shelf(), secret="")
