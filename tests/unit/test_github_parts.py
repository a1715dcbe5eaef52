"""The pure parts of the GitHub client: addresses, permissions, limits, refusals, memory."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from honk.adapters.github.address import Addresses, same
from honk.adapters.github.auth import AppAuth, TokenAuth, lane_of
from honk.adapters.github.memory import Remembered
from honk.adapters.github.pacing import closed_until, creates
from honk.adapters.github.permissions import (
    CHECKING,
    DEPLOYING,
    MERGING,
    PROPOSING,
    PUSHING,
    READING,
    RUNNING,
    SAYING_STATUS,
    TALKING,
    Purpose,
    purpose,
)
from honk.adapters.github.trouble import Absent, GithubRefused, RateLimited, needed, refused, words
from honk.adapters.github.wire import Answer, Request, origin
from honk.domain.text import Secret

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DOTCOM = Addresses("https://github.com")
SERVER = Addresses("https://git.example.org:8443/")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/app", "acme/app"),
        ("https://github.com/acme/app.git", "acme/app"),
        ("https://GitHub.com:443/Acme/App/", "Acme/App"),
        ("https://www.github.com/acme/app", "acme/app"),
        ("git@github.com:acme/app.git", "acme/app"),
        ("ssh://git@github.com/acme/app.git", "acme/app"),
        ("ssh://git@ssh.github.com:443/acme/app.git", "acme/app"),
        ("git://github.com/acme/app", "acme/app"),
        ("https://github.com.evil.example/acme/app", None),
        ("https://evil.example/github.com/acme/app", None),
        ("https://github.com@evil.example/acme/app", None),
        ("https://github.com:444/acme/app", None),
        ("https://github.com/acme", None),
        ("https://github.com/acme/app/tree/main", None),
        ("https://github.com/acme/../x", None),
        ("https://github.com/acme/a%2fb", None),
        ("https://github.com/acme/app?x", None),
        ("/srv/git/acme/app", None),
        ("", None),
    ],
)
def test_which_addresses_are_github_coms(url: str, name: str | None) -> None:
    assert DOTCOM.full_name(url) == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://git.example.org:8443/acme/app.git", "acme/app"),
        ("git@git.example.org:acme/app.git", "acme/app"),
        ("ssh://git@git.example.org:2222/acme/app.git", "acme/app"),
        ("https://git.example.org/acme/app.git", None),
        ("https://github.com/acme/app", None),
    ],
)
def test_which_addresses_are_an_enterprise_servers(url: str, name: str | None) -> None:
    assert SERVER.full_name(url) == name


def test_there_and_back() -> None:
    assert DOTCOM.url("acme/app") == "https://github.com/acme/app.git"
    assert DOTCOM.full_name(DOTCOM.url("acme/app")) == "acme/app"
    assert SERVER.full_name(SERVER.url("acme/app")) == "acme/app"
    assert same("Acme/App", "acme/app") and not same("acme/app", "acme/app2")


def test_a_server_below_a_folder() -> None:
    below = Addresses("http://127.0.0.1:4711/git")
    assert below.full_name("http://127.0.0.1:4711/git/acme/app.git") == "acme/app"
    assert below.full_name("http://127.0.0.1:4711/acme/app.git") is None
    assert below.origin == "http://127.0.0.1:4711" and below.url("a/b") == "http://127.0.0.1:4711/git/a/b.git"


def test_git_shows_the_credential_to_the_pages_own_origin_alone() -> None:
    assert DOTCOM.shown_to("https://github.com/acme/app") and DOTCOM.shown_to("https://github.com:443/acme/app")
    for url in (
        "http://github.com/acme/app",
        "https://github.com:444/acme/app",
        "https://www.github.com/acme/app",
        "git@github.com:acme/app",
        "ssh://git@github.com/acme/app",
        "https://[broken/acme/app",
    ):
        assert not DOTCOM.shown_to(url), url


@given(some.text(max_size=60))
def test_no_address_breaks_it(text: str) -> None:
    for address in (text, f"https://github.com/{text}", f"https://{text}/acme/app"):
        name = DOTCOM.full_name(address)
        assert name is None or name.count("/") == 1
        DOTCOM.shown_to(address)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/repos/acme/app/pulls/1", READING),
        ("POST", "/repos/acme/app/pulls", PROPOSING),
        ("PATCH", "/repos/acme/app/pulls/1", PROPOSING),
        ("POST", "/repos/acme/app/pulls/1/requested_reviewers", PROPOSING),
        ("PUT", "/repos/acme/app/pulls/1/merge", MERGING),
        ("POST", "/repos/acme/app/pulls/1/reviews", TALKING),
        ("POST", "/repos/acme/app/pulls/1/comments/2/replies", TALKING),
        ("PATCH", "/repos/acme/app/issues/comments/2", TALKING),
        ("POST", "/repos/acme/app/issues/1/labels", TALKING),
        ("POST", "/repos/acme/pulls/check-runs", CHECKING),
        ("PATCH", "/repositories/7/check-runs/2", CHECKING),
        ("POST", "/repos/acme/app/statuses/abc", SAYING_STATUS),
        ("POST", "/repos/acme/app/actions/workflows/x.yml/dispatches", RUNNING),
        ("POST", "/repos/acme/app/deployments", DEPLOYING),
        ("POST", "/repos/acme/app/git/refs", PUSHING),
        ("DELETE", "/repos/acme/app/git/refs/heads/pulls/1", PUSHING),
    ],
)
def test_what_a_request_is_for(method: str, path: str, expected: Purpose) -> None:
    assert purpose(method, path) is expected


def test_no_more_is_asked_for_than_was_granted() -> None:
    assert PUSHING.within({"contents": "write", "metadata": "read", "checks": "write"}) == {
        "contents": "write",
        "metadata": "read",
    }
    assert READING.within({"contents": "write", "administration": "read"}) == {
        "contents": "read",
        "administration": "read",
    }
    assert TALKING.within({"issues": "read"}) == {"issues": "read"}
    assert PUSHING.missing({"contents": "read"}) == "contents: write" and PUSHING.missing({"contents": "admin"}) == ""


@pytest.mark.parametrize(
    ("method", "path", "paced"),
    [
        ("POST", "/repos/a/b/issues/1/comments", True),
        ("POST", "/repos/a/b/pulls", True),
        ("POST", "/repos/a/b/pulls/1/reviews", True),
        ("POST", "https://h/api/graphql", True),
        ("POST", "/repos/a/b/git/trees", False),
        ("POST", "/app/installations/1/access_tokens", False),
        ("PATCH", "/repos/a/b/issues/1", False),
        ("GET", "/repos/a/b/pulls", False),
    ],
)
def test_what_counts_as_making_content(method: str, path: str, paced: bool) -> None:
    assert creates(method, path) is paced


def test_which_refusals_are_limits() -> None:
    def until(status: int, said: str = "", refusals: int = 0, **headers: str) -> float | None:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        at = closed_until(status, given, {"message": said}, NOON, refusals=refusals)
        return None if at is None else (at - NOON).total_seconds()

    reset = str(int((NOON + timedelta(seconds=90)).timestamp()))
    assert until(403, "Resource not accessible by integration") is None
    assert until(403, "Must have admin rights", x_ratelimit_remaining="4000", x_ratelimit_reset=reset) is None
    assert until(404) is None and until(200) is None and until(422, "Validation Failed") is None
    assert until(403, retry_after="12") == 12 and until(429, retry_after="0") == 0
    assert until(403, x_ratelimit_remaining="0", x_ratelimit_reset=reset) == 90
    assert until(403, x_ratelimit_remaining="0", x_ratelimit_reset="soon") == 60
    assert until(429) == 60 and until(429, refusals=2) == 240
    assert until(403, "You have exceeded a secondary rate limit") == 60
    assert until(422, "content was submitted too quickly") == 60
    assert until(429, retry_after="-5") == 60 and until(429, retry_after="9" * 50) == 60


def test_errors_keep_their_facts_in_a_journal() -> None:
    for error in (
        GithubRefused(422, "said", ("one",), "message", "remedy"),
        Absent(404, "said", (), "message"),
        RateLimited(NOON, "message"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and again.args == error.args and vars(again) == vars(error)


def test_words_of_any_shape() -> None:
    assert words(None) == ("", ()) and words([1]) == ("", ()) and words({"message": 5}) == ("", ())
    assert words({"message": "a\nb", "errors": "one"}) == ("a b", ("one",))
    assert words({"errors": [{"resource": "Label", "field": "name", "code": "already_exists"}, "x", 7]}) == (
        "",
        ("Label name already_exists", "x", "7"),
    )
    assert len(words({"message": "x" * 10_000})[0]) <= 400 and "\u202e" not in words({"message": "a\u202eb"})[0]


@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (401, "Bad credentials", "expired"),
        (403, "the `acme` organization has an IP allow list enabled, and your IP address is not permitted", "IP allow"),
        (403, "Repository was archived so is read-only.", "unarchive"),
        (403, "This installation has been suspended", "unsuspend"),
        (404, "Not Found", "covers it"),
    ],
)
def test_each_refusal_has_a_way_on(status: int, said: str, remedy: str) -> None:
    error = refused("PATCH /repos/acme/app", status, {"message": said}, {}, whose="acme/app")
    assert remedy in error.remedy and error.said == said and isinstance(error, Absent) is (status == 404)


def test_permissions_that_would_do() -> None:
    assert needed({}) == ""
    assert needed({"x-accepted-github-permissions": "contents=read,issues=write; pull_requests=write"}) == (
        "contents: read, issues: write or pull_requests: write"
    )


def test_memory_has_a_bound_in_bytes() -> None:
    def answer(size: int, etag: str = '"a"', status: int = 200) -> Answer:
        return Answer(status=status, json=None, headers={"etag": etag} if etag else {}, content=b"x" * size)

    memory = Remembered(size=30_000)
    for number in range(20):
        memory.keep(number, answer(1000))
    assert memory.known(0) is None and memory.known(19) is not None
    memory.keep("large", answer(20_000))
    assert memory.known("large") is None and memory.known(19) is not None
    memory.keep(19, answer(10, etag=""))
    assert memory.known(19) is None


def test_origins() -> None:
    assert origin("https://github.com/a") == origin("https://GITHUB.com:443/b") == ("https", "github.com", 443)
    assert origin("https://a@github.com/") is None and origin("https://github.com\\@evil/") is None
    assert origin("nothing") is None and origin("https://[x/") is None


def test_secrets_are_not_shown() -> None:
    secret = "ghp_canary"
    for thing in (
        TokenAuth(token=Secret(secret)),
        AppAuth(app_id="1", private_key=Secret(secret)),
        lane_of(Secret(secret)),
    ):
        assert secret not in repr(thing) and secret not in str(thing)
    assert Request(method="GET", path="/repos/a/b?x=1").act == "GET /repos/a/b"
