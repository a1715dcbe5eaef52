"""Signing in with a provider: who comes in, who does not, and which answers are believed."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pages_world import Provided, Site, site_of

from honk.adapters.openid import GithubWay, OpenId
from honk.adapters.roles import RolesPolicy
from honk.domain.access import Scope
from honk.domain.claimed import Admits
from honk.domain.person import Identity
from honk.domain.rules import Known, Rules
from honk.domain.text import Secret
from honk.testing.fake_github import FakeGitHub
from honk.testing.fake_openid import FakeOpenId
from honk.testing.world import World

pytestmark = pytest.mark.anyio
BACK = "http://honk/sign-in/from/company"
ADMITS = Admits(mail_domains=frozenset({"example.com"}))
ADA = Known(key="ada", name="Ada", identities=(Identity.parse("mail:ada@example.org"),))


def plain() -> httpx.AsyncClient:
    """Everything here is on this machine, and without TLS."""
    return httpx.AsyncClient(verify=False)


@dataclass
class Company:
    """Pages and a provider."""

    site: Site
    provider: FakeOpenId
    way: OpenId

    async def to_provider(self, to: str = "/") -> str:
        """Presses the button; where the page leads."""
        form = await self.site.browser.get("/sign-in", params={"to": to})
        assert "Sign in with Company" in form.text
        nonce = re.search(r'name="nonce" value="(\w+)"', form.text)
        assert nonce is not None
        fields = {"nonce": nonce[1], "to": to}
        page = await self.site.browser.post("/sign-in/with/company", data=fields)
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
        assert page.status_code == 200 and found is not None, page.text
        return unescape(found[1])

    async def back(self, address: str, subject: str) -> str:
        """At the provider; where it sends the browser."""
        async with plain() as browser:
            answer = await browser.get(f"{address}&subject={subject}")
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def sign_in(self, subject: str, to: str = "/") -> httpx.Response:
        """The whole way."""
        return await self.site.browser.get(await self.back(await self.to_provider(to), subject))

    async def sign_in_again(self, subject: str, to: str = "/") -> httpx.Response:
        """In a browser that knows nothing of it."""
        self.site.browser.cookies.clear()
        return await self.sign_in(subject, to)

    async def visits(self) -> int:
        rows = await self.site.world.store.tokens._database.read(
            lambda connection: connection.exec_driver_sql("SELECT count(*) FROM visits").scalar()
        )
        assert isinstance(rows, int)
        return rows


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Company]:
    made: list[OpenId] = []
    async with FakeOpenId(redirects=(BACK,)).serving() as provider:
        provider.person("u1", name="Ann Example", email="Ann@Example.com", email_verified=True)
        provider.person("u2", name="Ada", email="ada@example.org", email_verified=True)
        provider.person("u3", name="Eve", email="eve@evil.example", email_verified=True)
        provider.person("u4", name="Mallory", email="mallory@example.com")

        def providers(here: World) -> Mapping[str, Provided]:
            provider.clock = here.clock
            way = OpenId(
                name="company",
                issuer=provider.address,
                client_id="honk",
                client_secret=Secret(provider.client_secret),
                client=plain,
                clock=here.clock,
            )
            made.append(way)
            return {"company": Provided(name="company", title="Company", provider=way, admits=ADMITS)}

        async with site_of(tmp_path, providers=providers) as site:
            site.world.who_is_who = Rules(people=(ADA,))
            site.world.policy.written = RolesPolicy(lambda: site.world.who_is_who)
            yield Company(site, provider, made[0])


def words(answer: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


# ── who comes in ───────────────────────────────────────────────────────────────────────────────
async def test_a_verified_address_of_an_allowed_domain_comes_in_as_a_new_person(at: Company) -> None:
    answer = await at.sign_in("u1", "/builds")
    assert (answer.status_code, answer.headers["location"]) == (303, "/builds"), words(answer)
    assert "Ann Example" in await at.site.text("/more")
    found = await at.site.world.store.tasks.person_of(Identity.parse("mail:ann@example.com"))
    assert found is not None and found.name == "Ann Example"
    assert (await at.sign_in_again("u1")).status_code == 303
    again = await at.site.world.store.tasks.person_of(Identity.parse("mail:ann@example.com"))
    assert again is not None and again.id == found.id


async def test_whom_the_policy_lists_comes_in_and_is_that_person(at: Company) -> None:
    assert (await at.sign_in("u2")).status_code == 303
    assert "you are Ada" in await at.site.text("/more")
    ada = await at.site.world.store.tasks.person_of(ADA.identities[0])
    assert ada is not None
    (visit,) = await at.site.world.store.entrance.visits.of(ada.id)
    assert (visit.way, visit.scopes, visit.token) == ("company", frozenset(Scope), "")


async def test_nobody_else_comes_in(at: Company) -> None:
    for subject in ("u3", "u4"):
        answer = await at.sign_in(subject)
        assert answer.status_code == 403 and "nobody has let you in here" in words(answer)
    assert await at.visits() == 0 and (await at.site.browser.get("/")).status_code == 303


async def test_who_does_not_agree_there_is_told_so(at: Company) -> None:
    answer = await at.sign_in("nobody")
    assert answer.status_code == 403 and "Company sent no code, but: access_denied" in words(answer)


async def test_what_the_token_does_not_say_is_asked_for(at: Company) -> None:
    at.provider.in_token = False
    assert (await at.sign_in("u1")).status_code == 303
    assert "/userinfo" in at.provider.asked


async def test_the_client_says_who_it_is_as_the_provider_wants(at: Company) -> None:
    for auth, secret in (("post", at.provider.client_secret), ("none", "")):
        at.provider.auth, at.way.client_secret, at.way._about = auth, Secret(secret), None
        assert (await at.sign_in_again("u1")).status_code == 303, auth
    at.provider.auth, at.way.client_secret, at.way._about = "basic", Secret("another"), None
    answer = await at.sign_in_again("u1")
    assert answer.status_code == 403 and "invalid_client" in words(answer)


async def test_a_new_key_of_the_provider_is_found_and_one_that_it_does_not_list_is_not_believed(at: Company) -> None:
    assert (await at.sign_in("u1")).status_code == 303
    at.provider.new_key("second", elliptic=True)
    at.site.world.clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
    assert (await at.sign_in_again("u1")).status_code == 303
    at.site.world.clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
    at.provider.twisted = lambda claims, header: header.update(kid="third")
    asked = at.provider.asked.count("/keys")
    assert (await at.sign_in_again("u1")).status_code == 403
    assert at.provider.asked.count("/keys") == asked + 1
    assert (await at.sign_in_again("u1")).status_code == 403
    assert at.provider.asked.count("/keys") == asked + 1, "not each stranger makes Honk ask again"


async def test_slack_says_who_its_users_are_and_of_which_workspace(at: Company) -> None:
    at.way.slack, at.way.workspaces = True, frozenset({"T1"})
    ada = Known(key="ada", name="Ada", identities=(Identity.parse("slack:U1"),))
    at.site.world.who_is_who = Rules(people=(ada,))
    said = {"https://slack.com/user_id": "U1", "name": "ada"}
    at.provider.person("U1", **said, **{"https://slack.com/team_id": "T1"})
    at.provider.person("X1", **said, **{"https://slack.com/team_id": "T2"})
    at.provider.person("Y1", **said)
    assert "team=T1" in await at.to_provider()
    for stranger in ("X1", "Y1"):
        answer = await at.sign_in_again(stranger)
        assert answer.status_code == 403 and "of another workspace" in words(answer)
    assert (await at.sign_in_again("U1")).status_code == 303
    assert "you are Ada" in await at.site.text("/more")


async def test_who_linked_an_account_comes_in_as_that_person_and_administers_nothing(at: Company) -> None:
    grace = await at.site.world.person("Grace")
    eve = Identity.parse("mail:eve@evil.example")
    links = at.site.world.store.chats.links
    await links.offer(eve, grace.id, "12345678", at.site.world.clock() + timedelta(minutes=5))
    await links.accept(eve, "12345678")
    assert (await at.sign_in("u3")).status_code == 303
    assert "you are Grace" in await at.site.text("/more")
    (visit,) = await at.site.world.store.entrance.visits.of(grace.id)
    assert visit.scopes == frozenset(Scope) - {Scope.ADMINISTER}


# ── what is believed ───────────────────────────────────────────────────────────────────────────
def claims(**changed: Any) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda claims, header: claims.update(changed)


WRONG: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "of another provider": claims(iss="https://evil.example"),
    "for another client": claims(aud="somebody-else"),
    "for another client too": claims(aud=["honk", "somebody-else"], azp="somebody-else"),
    "for several, and not said for whom": claims(aud=["honk", "somebody-else"]),
    "of another way here": claims(nonce="x" * 43),
    "of no way here": claims(nonce=None),
    "expired": lambda claims, header: claims.update(exp=claims["exp"] - 900),
    "of a time to come": lambda claims, header: claims.update(iat=claims["iat"] + 900),
    "of a strange time": claims(exp="never"),
    "about nobody": lambda claims, header: claims.pop("sub") and None,
    "without an end": lambda claims, header: claims.pop("exp") and None,
    "not signed": lambda claims, header: header.update(alg="none"),
    "signed with what both know": lambda claims, header: header.update(alg="HS256"),
    "signed another way": lambda claims, header: header.update(alg="ES256"),
    "signed otherwise than it says": lambda claims, header: header.update(alg="PS256"),
    "of a strange key": lambda claims, header: header.update(kid=7),
}


async def test_a_token_that_is_not_right_lets_nobody_in(at: Company) -> None:
    for how, twisted in WRONG.items():
        at.provider.twisted = twisted
        answer = await at.sign_in("u1")
        assert answer.status_code == 403 and "cannot be believed" in words(answer), (how, words(answer))
        at.site.world.clock.now += timedelta(minutes=2)  # type: ignore[attr-defined]
    assert await at.visits() == 0


async def test_a_clock_that_is_a_little_off_keeps_nobody_out(at: Company) -> None:
    here = at.site.world.clock
    for seconds in (-100, 100):
        off = timedelta(seconds=seconds)
        at.provider.clock = lambda off=off: here() + off  # type: ignore[misc]
        at.provider.twisted = lambda claims, header: claims.update(exp=claims["iat"] + 60)
        assert (await at.sign_in_again("u1")).status_code == 303, seconds


@pytest.mark.parametrize(
    "told",
    [{"issuer": "https://evil.example"}, {"authorization_endpoint": "javascript:alert(1)"}, {"token_endpoint": None}],
    ids=["issuer", "script", "nothing"],
)
async def test_a_provider_that_says_strange_things_of_itself_leads_nowhere(told: dict[str, Any], at: Company) -> None:
    at.provider.told = told
    await at.site.browser.get("/sign-in")
    fields = {"nonce": at.site.browser.cookies["honk-form"]}
    answer = await at.site.browser.post("/sign-in/with/company", data=fields)
    assert "javascript" not in answer.text and "evil" not in answer.text.replace("&#39;https://evil.example&#39;", "")
    if "token_endpoint" in told:
        assert (await at.sign_in("u1")).status_code == 403
    else:
        assert answer.status_code == 503 and "refresh" not in answer.text


# ── the way there and back ─────────────────────────────────────────────────────────────────────
async def test_the_way_there_tells_no_secret(at: Company) -> None:
    asked = {name: value for name, (value,) in parse_qs(urlsplit(await at.to_provider()).query).items()}
    assert asked["redirect_uri"] == BACK and asked["code_challenge_method"] == "S256" and "openid" in asked["scope"]
    assert len(asked["state"]) == len(asked["nonce"]) == len(asked["code_challenge"]) == 43
    assert at.provider.client_secret not in str(asked) and len(set(asked.values())) == len(asked)


async def test_an_answer_counts_once(at: Company) -> None:
    back = await at.back(await at.to_provider(), "u1")
    assert (await at.site.browser.get(back)).status_code == 303
    # gone back, or loaded again
    assert (await at.site.browser.get(back)).headers["location"] == "/"
    assert await at.visits() == 1
    await at.site.browser.post("/sign-out", data={"nonce": at.site.browser.cookies["honk-form"]})
    answer = await at.site.browser.get(back)
    assert answer.status_code == 403 and "has come back before" in words(answer)


async def test_an_answer_is_for_the_browser_that_was_sent_away(at: Company) -> None:
    """Login CSRF: somebody else's code must not sign this browser in."""
    back = await at.back(await at.to_provider(), "u1")
    at.site.browser.cookies.clear()
    first = await at.site.browser.get(back)
    assert first.status_code == 200 and "again=1" in first.text, "asked a second time, with what the browser kept"
    assert (await at.site.browser.get(f"{back}&again=1")).status_code == 403
    at.site.browser.cookies.clear()
    await at.site.browser.get("/sign-in")
    assert (await at.site.browser.get(back)).status_code == 403
    assert await at.visits() == 0


async def test_the_second_time_the_browser_comes_from_here_with_the_same_answer(at: Company) -> None:
    back = await at.back(await at.to_provider(), "u1")
    kept = dict(at.site.browser.cookies)
    at.site.browser.cookies.clear()
    page = await at.site.browser.get(back)
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert found is not None
    at.site.browser.cookies.update(kept)
    assert (await at.site.browser.get(unescape(found[1]))).status_code == 303


async def test_an_answer_that_is_late_altered_or_of_another_provider_is_refused(at: Company) -> None:
    back = await at.back(await at.to_provider(), "u1")
    for wrong in (
        back.replace("state=", "state=x"),
        re.sub(r"state=[^&]+", "state=", back),
        re.sub(r"state=[^&]+", "state=" + "A" * 43, back),
        re.sub(r"code=[^&]+", "code=", back),
        BACK,
    ):
        assert (await at.site.browser.get(wrong)).status_code == 403, wrong
    late = await at.back(await at.to_provider(), "u1")
    at.site.world.clock.now += timedelta(minutes=11)  # type: ignore[attr-defined]
    assert (await at.site.browser.get(late)).status_code == 403
    assert (await at.site.browser.get(late.replace("company", "other"))).status_code == 404
    assert await at.visits() == 0


async def test_a_code_of_another_way_here_is_refused_by_the_provider(at: Company) -> None:
    """PKCE: a code that was stolen is worth nothing with another verifier."""
    stolen = parse_qs(urlsplit(await at.back(await at.to_provider(), "u2")).query)["code"][0]
    mine = await at.back(await at.to_provider(), "u1")
    answer = await at.site.browser.get(re.sub(r"code=[^&]+", f"code={stolen}", mine))
    assert answer.status_code == 403 and "invalid_grant" in words(answer)


async def test_another_site_sends_nobody_there(at: Company) -> None:
    await at.site.browser.get("/sign-in")
    nonce = at.site.browser.cookies["honk-form"]
    for fields, headers in (({}, {}), ({"nonce": "0" * 32}, {}), ({"nonce": nonce}, {"Sec-Fetch-Site": "cross-site"})):
        answer = await at.site.browser.post("/sign-in/with/company", data=fields, headers=headers)
        assert answer.status_code == 403, fields
    assert (await at.site.browser.get("/sign-in/with/company")).status_code == 405
    assert (await at.site.browser.post("/sign-in/with/other", data={"nonce": nonce})).status_code == 403


async def test_afterwards_nobody_is_sent_anywhere_else(at: Company) -> None:
    for to in ("https://evil.example", "//evil.example", "/sign-out", "/tasks/..//evil"):
        assert (await at.sign_in_again("u1", to)).headers["location"] == "/", to


async def test_words_of_the_provider_are_only_words(at: Company) -> None:
    at.provider.person("u9", name="<script>alert(1)</script>", email="x@example.com", email_verified=True)
    assert (await at.sign_in("u9")).status_code == 303
    assert "<script>alert" not in await at.site.text("/more")
    at.provider.person("<b>", name="<script>", email="<script>@evil.example", email_verified=True)
    refused = await at.sign_in_again("<b>")
    assert refused.status_code == 403 and "<script>" not in refused.text and "<b>" not in refused.text


async def test_whoever_begins_and_never_comes_back_waits_after_a_while(at: Company) -> None:
    for _ in range(10):
        await at.to_provider()
    fields = {"nonce": at.site.browser.cookies["honk-form"]}
    assert (await at.site.browser.post("/sign-in/with/company", data=fields)).status_code == 429


async def test_a_provider_that_is_away_is_said_to_be(at: Company) -> None:
    back = await at.back(await at.to_provider(), "u1")
    at.way._keys = None
    at.provider.told = {"jwks_uri": "http://127.0.0.1:1/keys"}
    at.way._about = None
    answer = await at.site.browser.get(back)
    assert answer.status_code == 503 and "cannot be reached" in words(answer)


# ── GitHub ─────────────────────────────────────────────────────────────────────────────────────
async def test_github_says_who_somebody_is(tmp_path: Path) -> None:
    back = "http://honk/sign-in/from/github"
    (tmp_path / "hub").mkdir()
    async with FakeGitHub(tmp_path / "hub").serving() as hub:
        for one in ("ada-l", "member", "eve"):
            hub.world.user(one)
        hub.world.user("staff", email="staff@example.com")
        hub.world.user("unsure", email="unsure@example.com").email_verified = False
        hub.world.org("acme", members=["member"])
        app = hub.world.app("honk-acme", callback_urls=[back])

        def providers(here: World) -> Mapping[str, Provided]:
            hub.world.clock = here.clock
            way = GithubWay(
                client_id=app.client_id,
                client_secret=Secret(app.client_secret),
                web_url=hub.web,
                api_url=hub.url,
                client=plain,
                mail=True,
                organisations=frozenset({"acme"}),
            )
            admits = Admits(mail_domains=frozenset({"example.com"}), organisations=frozenset({"acme"}))
            return {"github": Provided(name="github", title="GitHub", provider=way, admits=admits)}

        async with site_of(tmp_path, providers=providers) as site, plain() as outside:
            known = Known(key="ada", name="Ada", identities=(Identity.parse("github:ada-l"),))
            site.world.who_is_who = Rules(people=(known,))
            site.world.policy.written = RolesPolicy(lambda: site.world.who_is_who)
            for login, name in (
                ("ada-l", "Ada"),
                ("member", "Member"),
                ("staff", "Staff"),
                ("eve", ""),
                ("unsure", ""),
            ):
                site.browser.cookies.clear()
                await site.browser.get("/sign-in")
                fields = {"nonce": site.browser.cookies["honk-form"]}
                page = await site.browser.post("/sign-in/with/github", data=fields)
                found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
                assert found is not None
                sent = await outside.get(f"{unescape(found[1])}&login={login}")
                answer = await site.browser.get(sent.headers["location"])
                assert answer.status_code == (303 if name else 403), (login, words(answer))
                if name:
                    assert f"you are {name}" in await site.text("/more")
