"""Whatever is delivered, signed or not, whole or not, in whatever order and however often: no 5xx, nothing twice."""

import copy
import json
import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from github_world import NAME, SECRET, SILENT, GithubWorld, door_of, github_world, payload_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from honk.domain.discussion import Hint, HintKind, Issue, Permission, Remark
from honk.domain.text import Secret
from honk.doors.github import hints_of
from honk.doors.github.signing import signature, signed

pytestmark = pytest.mark.anyio
_EXAMPLES = Path(__file__).parents[1] / "partners/node_modules/@octokit/webhooks-examples/api.github.com/index.json"
#: what is put in the place of anything
_STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**53, 1.5, 10**40, "", " ", "x", "\x00", "\ud800", "9" * 5000, "a/b", "../.."),
    *([], [[]], [None], ["x"], {}, {"": None}, {"id": 5}, {"number": "1"}, [{}], [{"full_name": 5}], "é" * 100_000),
)
_NESTED: Any = {}
for _ in range(60):
    _NESTED = {"repository": _NESTED}


def examples() -> list[tuple[str, Any]]:
    """Event and payload, as GitHub's own examples have them."""
    if not _EXAMPLES.is_file():
        reason = "@octokit/webhooks-examples is not installed: scripts/partners installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    found = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    return [(one["name"], payload) for one in found for payload in one["examples"]]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path) as made:
        yield made


# ── hints ──────────────────────────────────────────────────────────────────────────────────────
def test_the_examples_give_the_hints_that_they_should() -> None:
    found: dict[str, set[HintKind]] = {}
    silent: set[str] = set()
    for event, payload in examples():
        hints = hints_of(event, payload)
        found.setdefault(event, set()).update(one.kind for one in hints)
        if not hints:
            silent.add(event)
    assert len(examples()) == 329
    assert {event: kinds for event, kinds in found.items() if kinds} == {
        "issue_comment": {HintKind.REMARK},
        "pull_request_review_comment": {HintKind.REMARK},
        "pull_request_review": {HintKind.REVIEW},
        "issues": {HintKind.ISSUE, HintKind.LABELLED},
        "pull_request": {HintKind.ISSUE, HintKind.LABELLED, HintKind.PULL_REQUEST},
        "check_run": {HintKind.CHECKS, HintKind.RERUN},
        "check_suite": {HintKind.CHECKS, HintKind.RERUN},
        "status": {HintKind.CHECKS},
        "workflow_run": {HintKind.CHECKS},
        "workflow_job": {HintKind.CHECKS},
        "deployment_review": {HintKind.CHECKS},
        "merge_group": {HintKind.QUEUE},
        "push": {HintKind.PUSH},
        "deployment": {HintKind.DEPLOYMENT},
        "deployment_status": {HintKind.DEPLOYMENT},
        "repository": {HintKind.REPOSITORY},
        "public": {HintKind.REPOSITORY},
        "installation": {HintKind.REPOSITORY},
        "installation_repositories": {HintKind.REPOSITORY},
    }
    silent -= {"issues", "push", "repository"}
    assert not silent & {"issue_comment", "pull_request", "check_run", "status", "installation", "deployment_status"}


@pytest.mark.parametrize("kind", list(HintKind))
def test_a_hint_survives_its_payload(kind: HintKind) -> None:
    about = {
        HintKind.REMARK: ("comment/5", 3),
        HintKind.REVIEW: ("7", 3),
        HintKind.ISSUE: ("", 3),
        HintKind.LABELLED: ("honk", 3),
        HintKind.PULL_REQUEST: ("", 3),
        HintKind.CHECKS: ("a" * 40, 0),
        HintKind.RERUN: (f"{'a' * 40}/ada-b", 0),
        HintKind.QUEUE: (f"{'a' * 40}/release/8", 0),
        HintKind.PUSH: ("honk/x", 0),
        HintKind.DEPLOYMENT: ("8", 0),
        HintKind.REPOSITORY: ("", 0),
    }[kind]
    hint = Hint(kind=kind, repository=NAME, number=about[1], id=about[0])
    checks = (Hint(kind=HintKind.CHECKS, repository=NAME, id="a" * 40),) if kind is HintKind.RERUN else ()
    assert hints_of(*payload_of(hint)) == (*checks, hint)


def test_of_many_repositories_all_are_meant() -> None:
    many = {"action": "deleted", "repositories": [{"full_name": f"acme/r{n}"} for n in range(60)]}
    assert hints_of("installation", many) == (Hint(kind=HintKind.REPOSITORY, repository=""),)
    two = {"action": "suspend", "repositories": [{"full_name": "acme/a"}, {"full_name": "acme/b"}]}
    assert [one.repository for one in hints_of("installation", two)] == ["acme/a", "acme/b"]
    renamed = {
        "action": "renamed",
        "repository": {"full_name": "acme/b"},
        "changes": {"repository": {"name": {"from": "a"}}},
    }
    assert [one.repository for one in hints_of("repository", renamed)] == ["acme/b", "acme/a"]


def _places(value: Any, deep: int = 20) -> list[tuple[Any, Any]]:
    """Every container in it, with each of its keys; not what lies below what is nested without end."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    below = [pair for each in inner for pair in _places(each, deep - 1)] if deep else []
    return [(value, key) for key in keys] + below


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except RecursionError:
        return None


def mutated(payload: Any, choice: random.Random) -> Any:
    """The payload with a few fields gone, moved or replaced by something strange."""
    changed = {"it": copy.deepcopy(payload)}
    for _ in range(choice.randint(1, 6)):
        places = _places(changed)
        container, key = choice.choice(places[:60] if choice.random() < 0.5 else places)
        how = choice.random()
        if how < 0.3 and isinstance(container, dict) and container is not changed:
            del container[key]
        elif how < 0.4:
            container[key] = _copied(choice.choice(places[-20:])[0])
        elif how < 0.45:
            container[key] = _NESTED
        else:
            container[key] = copy.deepcopy(choice.choice(_STRANGE))
    return changed["it"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                (
                    "action",
                    "repository",
                    "full_name",
                    "issue",
                    "pull_request",
                    "comment",
                    "review",
                    "number",
                    "id",
                    "label",
                    "name",
                    "sha",
                    "ref",
                    "changes",
                    "repositories",
                    "deployment",
                    "check_run",
                    "head_sha",
                    "base_ref",
                    "merge_group",
                    "from",
                )
            )
            | st.text(max_size=8),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)
_EVENTS = ("issue_comment", "pull_request_review_comment", "pull_request_review", "issues", "pull_request", "check_run")
_MORE = (
    "status",
    "merge_group",
    "push",
    "deployment",
    "repository",
    "installation",
    "installation_repositories",
    "ping",
    "",
    "é",
)
_FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def never_raises(event: str, payload: Any) -> None:
    """Hints have the shape that is promised, whatever they come from."""
    for hint in hints_of(event, payload):
        assert isinstance(hint.number, int) and 0 <= hint.number < 2**53
        assert len(hint.repository) <= 201 and len(hint.id) <= 255
        json.dumps([hint.repository, hint.id]).encode()


@_FUZZ
@given(event=st.sampled_from(_EVENTS + _MORE), payload=_JSON)
def test_any_json_value_gives_hints_or_none(event: str, payload: Any) -> None:
    never_raises(event, payload)


@_FUZZ
@given(seed=st.integers(0, 2**32))
def test_any_change_of_an_example_gives_hints_or_none(seed: int) -> None:
    choice = random.Random(seed)
    event, payload = choice.choice(_CACHE or _cached())
    never_raises(event, mutated(payload, choice))


_CACHE: list[tuple[str, Any]] = []


def _cached() -> list[tuple[str, Any]]:
    _CACHE.extend(examples())
    return _CACHE


# ── signatures ─────────────────────────────────────────────────────────────────────────────────
def test_a_signature_as_github_documents_it() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    secret = Secret("It's a Secret to Everybody")
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature(secret, b"Hello, World!") == wanted and signed(secret, b"Hello, World!", wanted)


@pytest.mark.parametrize(
    "claimed",
    ["", "sha256=", "sha256=0", "sha1=" + "0" * 40, "sha256=" + "0" * 64, "é" * 71, "\ud800", "SHA256=" + "a" * 64],
)
def test_other_signatures_are_refused(claimed: str) -> None:
    assert not signed(SECRET, b"{}", claimed)
    assert not signed(Secret(""), b"{}", signature(Secret(""), b"{}")), "without a secret nobody is known"


async def test_a_request_without_the_right_signature_is_refused_before_it_is_read(here: GithubWorld) -> None:
    number = here.place.open_issue("ada", "Crash", "@honk fix the crash")
    event, payload = payload_of(here.place.happened[0][1])
    body = json.dumps(payload).encode()
    right = signature(SECRET, body)
    wrong = [None, "", right[:-1], right.upper(), right + "0", f"{right},{right}", signature(Secret("x"), body), "é"]
    for place, claimed in enumerate(wrong):
        headers = [(b"X-GitHub-Event", event.encode()), (b"X-GitHub-Delivery", b"w-%d" % place)]
        headers += [] if claimed is None else [(b"X-Hub-Signature-256", claimed.encode("latin-1"))]
        answer = await here.client.post("/github/events", content=body, headers=headers)
        assert answer.status_code == 401, claimed
        assert await here.world.store.chats.deliveries.get(f"github/w-{place}/0") is None
    await here.client.post("/github/events", content=b"{" * 100_000)
    assert await here.world.latest() is None and here.place.said(number) == ()


async def test_what_is_signed_and_makes_no_sense_is_refused(here: GithubWorld) -> None:
    for body in (b"", b"{", b"[" * 200_000, b"\xff\xfe", b"payload=%7B%7D"):
        assert (await here.post("push", None, "g", body=body)).status_code == 400
    for guid in ("", "a b", "x" * 200, "../.."):
        assert (await here.post("push", {}, guid)).status_code == 400
    assert (await here.post("push", [], "fine")).status_code == 202
    assert (await here.client.get("/github/events")).status_code == 405
    large = await here.post("push", None, "large", body=b" " * ((25 << 20) + 1))
    assert large.status_code == 413


async def test_without_a_secret_nothing_listens_and_a_closed_door_says_not_yet(tmp_path: Path) -> None:
    async with github_world(tmp_path, opened=False) as here:
        assert door_of(here, SILENT, secret=Secret("")).routes() == ()
        assert (await here.post("push", {}, "g-1")).status_code == 503


# ── everything, again and again ────────────────────────────────────────────────────────────────
def furnish(here: GithubWorld, hints: list[Hint]) -> set[str]:
    """Every remark and issue that is hinted at is there and asks for something; the ids of those requests."""
    asked = set()
    for hint in hints:
        if hint.kind not in {HintKind.REMARK, HintKind.ISSUE}:
            continue
        place = here.github.places.get(hint.repository) or here.github.add(hint.repository)
        place.grant("ada", Permission.WRITE)
        blank = Issue(number=hint.number, title="fix the crash", text="", author=place.author("ada"), url="u")
        issue = place.issues.setdefault(hint.number, blank)
        if hint.kind is HintKind.ISSUE:
            place.issues[hint.number] = replace(issue, text="@honk")
        else:
            text = "@honk bump"
            at = here.world.clock()
            place.remarks[hint.id] = Remark(
                id=hint.id, number=hint.number, author=place.author("ada"), text=text, url="u", at=at
            )
            asked.add(f"github/{hint.id}")
    return asked


async def acts(here: GithubWorld) -> list[str]:
    """The messages of all tasks, each once for each time that it was acted upon."""
    found = []
    for task in await here.world.store.tasks.list():
        said = await here.world.store.tasks.said(task.id, task.turn)
        waiting = await here.world.store.tasks.waiting(task.id)
        found += [one.id for one in said] + [one.message.id for one in waiting]
    return sorted(found)


async def everything(here: GithubWorld, times: int, choice: random.Random) -> None:
    """All examples, in order; then again and again under their old names and under new ones, in any order."""
    sent = list(enumerate(examples()))
    asked = furnish(here, [hint for _, (event, payload) in sent for hint in hints_of(event, payload)])
    for place, (event, payload) in sent:
        assert (await here.post(event, payload, f"e-{place}")).status_code == 202
    await here.settled()
    before = await acts(here)
    assert len(before) == len(set(before)) and asked <= set(before)
    for round_ in range(1, times):
        choice.shuffle(sent)
        for place, (event, payload) in sent:
            guid = f"e-{place}" if round_ % 2 else f"r-{round_}-{place}"
            assert (await here.post(event, payload, guid)).status_code == 202
    await here.settled()
    assert await acts(here) == before
    for place in here.github.places.values():
        keys = list(place.keys)
        assert len(keys) == len(set(keys))


async def test_every_example_twice_in_any_order_acts_once(here: GithubWorld) -> None:
    await everything(here, 2, random.Random(1))


@pytest.mark.slow
@pytest.mark.seconds(600)
async def test_every_example_ten_times_in_any_order_acts_once(here: GithubWorld) -> None:
    await everything(here, 10, random.Random(2))


async def mutations(here: GithubWorld, number: int, choice: random.Random) -> None:
    """Signed requests that are changed; the door goes on afterwards."""
    sent = examples()
    for place in range(number):
        event, payload = choice.choice(sent)
        body = json.dumps(mutated(payload, choice)).encode()
        answer = await here.post(event, None, f"m-{place}", body=body)
        assert answer.status_code in {202, 400}, (event, body[:2000])
    await here.settled()
    assert await here.world.latest() is None
    await here.ask()
    await here.rests()


async def test_changed_examples_meet_no_defect(here: GithubWorld) -> None:
    await mutations(here, 150, random.Random(3))


@pytest.mark.slow
@pytest.mark.seconds(900)
async def test_many_changed_examples_meet_no_defect(here: GithubWorld) -> None:
    await mutations(here, 4000, random.Random(4))


async def test_what_was_kept_before_a_crash_is_worked_on_after_it(tmp_path: Path) -> None:
    async with github_world(tmp_path, opened=False) as here:
        async with here.door.opened():
            while not here.door.open_:
                await anyio.sleep(0.01)
            here.place.open_issue("ada", "Crash", "@honk fix the crash")

            async def dies(_: object) -> None:
                await anyio.sleep_forever()

            here.door._hearing._asking.ask = dies  # type: ignore[method-assign,assignment]
            await here.deliver()
            while ("issue/1", "eyes") not in here.place.reactions:
                await anyio.sleep(0.01)
        # whoever held it is gone, and its time runs out
        here.world.clock.now = here.world.clock.now.replace(year=2027)  # type: ignore[attr-defined]
        async with door_of(here, SILENT).opened():
            await here.rests()
            assert len(await here.world.store.tasks.list()) == 1
