"""Linking one's account at GitHub: what the pages believe, what is kept, and how it is renewed and ended."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import anyio
import httpx
import pytest
from pages_world import Site, linking_of, site_of

from honk.adapters.github.oauth import GithubOauth
from honk.adapters.pages import Addresses
from honk.adapters.roles import RolesPolicy
from honk.adapters.sql.forge_tokens import SqlForgeTokens
from honk.domain.access import Scope
from honk.domain.person import Identity, Person
from honk.domain.rules import Known, Rules
from honk.domain.text import Secret
from honk.doors.web.github_page import CALLBACK, LINK, UNLINK, GithubPage
from honk.doors.web.signing_in import Sessions, way_back
from honk.errors import Unreachable
from honk.service.linking import GIVEN, Linking
from honk.testing.fake_github import App, FakeGitHub
from honk.testing.world import World
from honk.wiring.github_people import GithubAccounts, GithubTokens
from partners.github_openapi import check_requests

pytestmark = pytest.mark.anyio
BACK = f"http://honk{CALLBACK}"
ADA = Identity.parse("github:ada-l")


@dataclass
class Linked:
    """Pages, a GitHub, and what joins them."""

    site: Site
    hub: FakeGitHub
    app: App
    tokens: GithubTokens
    linking: Linking

    async def signed_in(self) -> None:
        await self.site.sign_in(await self.site.token(*GIVEN))

    async def to_github(self) -> str:
        """Where the page sends whoever looks at it."""
        text = await self.site.text(LINK)
        found = re.search(r'href="([^"]+/login/oauth/authorize[^"]*)"', text)
        assert found is not None, text
        return unescape(found[1])

    async def agree(self, address: str, login: str = "ada-l", more: str = "") -> str:
        """At GitHub, as that user; where the browser is sent back."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(f"{address}&{more or f'login={login}'}")
        assert answer.status_code == 302, answer.text
        back: str = answer.headers["location"]
        assert back.startswith(BACK)
        return back

    async def link(self, login: str = "ada-l") -> httpx.Response:
        """The whole way."""
        return await self.site.browser.get(await self.agree(await self.to_github(), login))

    async def person(self) -> Person:
        return await self.site.world.person()

    async def token(self) -> str:
        """As whom GitHub sees who shows what the forge would."""
        found = await self.tokens.token(await self.person())
        return "" if found is None else self.hub.world.tokens[found.reveal()].account.login  # type: ignore[union-attr]

    def requests(self, part: str) -> list[str]:
        return [one.path for one in self.hub.world.requests if part in one.path]


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Linked]:
    (tmp_path / "hub").mkdir()
    made: list[GithubTokens] = []

    async with FakeGitHub(tmp_path / "hub").serving() as hub, httpx.AsyncClient() as client:
        hub.world.user("ada-l")
        hub.world.user("eve")
        app = hub.world.app("honk-acme", callback_urls=[BACK])

        def pages(here: World, addresses: Addresses, sessions: Sessions) -> GithubPage:
            clock = here.app.ports.clock
            hub.world.clock = clock
            tokens = GithubTokens(
                oauth=GithubOauth(
                    client=client,
                    web_url=hub.web,
                    api_url=hub.url,
                    client_id=app.client_id,
                    client_secret=Secret(app.client_secret),
                    clock=clock,
                ),
                kept=SqlForgeTokens(here.store.tokens._database, clock, addresses.derived("forge-tokens")),
                links=here.store.chats.links,
                people=here.app.ports.tasks,
                policy=here.app.ports.policy,
                clock=clock,
            )
            made.append(tokens)
            accounts = GithubAccounts(tokens=tokens, linking=linking_of(here, addresses))
            return GithubPage(
                sessions=sessions,
                accounts=accounts,
                sign=addresses.sign,
                clock=clock,
                address=lambda path: f"http://honk{path}",
            )

        async with site_of(tmp_path, github=pages) as site:
            yield Linked(site, hub, app, made[0], linking_of(site.world, site.addresses))
            check_requests(hub.world)


def words(answer: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


def passed(at: Linked, **time: float) -> None:
    at.site.world.clock.now += timedelta(**time)  # type: ignore[attr-defined]


# ── the way there and back ─────────────────────────────────────────────────────────────────────
async def test_who_agrees_at_github_is_that_user_and_opens_pull_requests_as_them(at: Linked) -> None:
    await at.signed_in()
    assert await at.token() == ""
    assert f'href="{LINK}"' in await at.site.text("/more")
    address = await at.to_github()
    asked = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    assert asked["redirect_uri"] == BACK and asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43 and at.app.client_secret not in address
    answer = await at.site.browser.get(await at.agree(address))
    assert (answer.status_code, answer.headers["location"]) == (303, LINK), "the code does not stay in the address"
    assert "Honk opens your pull requests as ada-l" in words(await at.site.browser.get(LINK))
    assert await at.token() == "ada-l"
    who = await at.linking.who(ADA, "ada-l")
    assert who.linked and who.person.id == (await at.person()).id
    (entry,) = await at.site.world.store.audit.read()
    assert entry.reason == "linked: github:ada-l acts as this person from now on"


async def test_looking_changes_nothing_and_runs_nothing(at: Linked) -> None:
    await at.signed_in()
    for _ in range(2):
        page = await at.site.browser.get(LINK)
        assert page.status_code == 200 and "<script>" not in page.text and 'rel="noreferrer"' in page.text
    assert at.requests("/") == [] and await at.linking.links.all() == ()


async def test_a_stranger_signs_in_first_and_comes_back_with_the_code(at: Linked) -> None:
    """A browser that GitHub sends keeps the cookie to itself at first (SameSite=Strict)."""
    await at.signed_in()
    back = (await at.agree(await at.to_github())).removeprefix("http://honk")
    kept = dict(at.site.browser.cookies)
    at.site.browser.cookies.clear()
    from_there = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    first = await at.site.browser.get(back, headers=from_there)
    assert (first.status_code, first.headers["location"]) == (303, f"/sign-in?to={quote(back, safe='')}")
    second = await at.site.browser.get(first.headers["location"], headers=from_there)
    again = re.search(r'content="0; url=([^"]+)"', second.text)
    assert again is not None
    # now the page of Honk itself asks, so the cookie of the visit goes along; that of forms is another one by now
    form = at.site.browser.cookies["honk-form"]
    at.site.browser.cookies = httpx.Cookies({**kept, "honk-form": form})
    third = await at.site.browser.get(unescape(again[1]), headers={"Sec-Fetch-Site": "same-origin"})
    assert third.headers["location"] == back
    assert (await at.site.browser.get(back)).headers["location"] == LINK
    assert await at.token() == "ada-l"


@pytest.mark.parametrize(
    "to", ["/github/callback", "/github/callback?a=<b>", "/github/unlink", "//github/link", "/github/callback?x#y"]
)
def test_the_way_back_is_to_pages_alone(to: str) -> None:
    assert way_back(to) == "/"
    assert way_back(LINK) == LINK and way_back(f"{CALLBACK}?code=a&state=b.c") == f"{CALLBACK}?code=a&state=b.c"


async def test_nobody_is_sent_here_with_somebody_elses_code(at: Linked) -> None:
    """Otherwise Eve's account would be Ada, at a click of Ada's on Eve's link."""
    await at.signed_in()
    eves = await at.agree(await at.to_github(), "eve")
    at.site.browser.cookies.clear()
    await at.signed_in()  # another visit
    good = parse_qs(urlsplit(await at.agree(await at.to_github(), "eve")).query)
    code, state = good["code"][0], good["state"][0]
    forged = [
        eves,
        f"{BACK}?code={code}",
        f"{BACK}?code={code}&state=",
        f"{BACK}?code={code}&state={state[:-1]}{'b' if state.endswith('a') else 'a'}",
        f"{BACK}?code={code}&state={'0' * 32}.{state.split('.', 1)[1]}",
    ]
    for address in forged:
        answer = await at.site.browser.get(address)
        assert answer.status_code == 403 and "not sent to GitHub by this page" in words(answer), address
    assert at.requests("access_token") == [] and await at.linking.links.all() == ()


async def test_the_way_is_open_for_a_quarter_of_an_hour(at: Linked) -> None:
    await at.signed_in()
    back = await at.agree(await at.to_github())
    passed(at, minutes=15)
    answer = await at.site.browser.get(back)
    assert answer.status_code == 403 and "a quarter of an hour ago" in words(answer)


async def test_who_says_no_at_github_is_nobody_there(at: Linked) -> None:
    await at.signed_in()
    answer = await at.site.browser.get(await at.agree(await at.to_github(), more="deny=1"))
    assert answer.status_code == 403 and "it was not agreed to there" in words(answer)


async def test_a_code_is_good_once(at: Linked) -> None:
    await at.signed_in()
    back = await at.agree(await at.to_github())
    assert (await at.site.browser.get(back)).status_code == 303
    answer = await at.site.browser.get(back)
    assert answer.status_code == 403 and "too old, or was used before" in words(answer)
    assert await at.token() == "ada-l", "what was agreed to stays"


async def test_another_verifier_gets_nothing(at: Linked) -> None:
    """Who reads the code on its way cannot use it."""
    await at.signed_in()
    code = parse_qs(urlsplit(await at.agree(await at.to_github())).query)["code"][0]
    state = parse_qs(urlsplit(await at.to_github()).query)["state"][0]
    answer = await at.site.browser.get(f"{CALLBACK}?code={code}&state={state}")
    assert answer.status_code == 403 and await at.token() == ""


@pytest.mark.parametrize("missing", [Scope.ASK, Scope.STEER, Scope.MERGE, Scope.DEPLOY])
async def test_nobody_hands_out_what_their_token_may_not_do(at: Linked, missing: Scope) -> None:
    await at.site.sign_in(await at.site.token(*(GIVEN - {missing})))
    answer = await at.site.browser.get(LINK)
    assert answer.status_code == 403 and f"not for {missing}" in words(answer)


async def test_github_that_does_not_answer_is_said(at: Linked) -> None:
    await at.signed_in()
    back = await at.agree(await at.to_github())
    at.app.client_secret = "another"
    answer = await at.site.browser.get(back)
    assert answer.status_code == 403 and "GITHUB_APP_CLIENT_SECRET" in words(answer)
    oauth = replace(at.tokens.oauth, web_url="http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        await oauth.exchange("code", "v" * 43, BACK)


# ── who is who ─────────────────────────────────────────────────────────────────────────────────
def named(at: Linked, *identities: str, key: str = "ada") -> None:
    """From now on [people] has that person."""
    rules = Rules(people=(Known(key=key, name=key.capitalize(), identities=tuple(map(Identity.parse, identities))),))
    at.site.world.policy.written = RolesPolicy(lambda: rules)


async def test_honk_toml_goes_first(at: Linked) -> None:
    await at.signed_in()
    named(at, "github:ada-l", "local:somebody-else", key="ben")
    answer = await at.link()
    assert answer.status_code == 403 and "honk.toml says that github:ada-l is Ben" in words(answer)
    assert await at.token() == "" and await at.linking.links.all() == ()


async def test_whom_honk_toml_names_needs_no_link_and_is_that_user_all_the_same(at: Linked) -> None:
    await at.signed_in()
    mine = [str(one) for one in (await at.person()).identities]
    named(at, "github:ada-l", *mine)
    assert (await at.link()).status_code == 303
    assert await at.token() == "ada-l" and await at.linking.links.all() == ()
    named(at, "github:ada-l", "local:somebody-else", key="ben")
    assert await at.token() == "", "once it is somebody else's, nobody acts with it"


async def test_another_account_takes_the_place_of_the_first(at: Linked) -> None:
    await at.signed_in()
    await at.link()
    await at.link("eve")
    assert await at.token() == "eve"
    assert [str(one.identity) for one in await at.linking.links.all()] == ["github:eve"]


async def test_it_ends_on_the_page_and_by_the_command(at: Linked) -> None:
    await at.signed_in()
    await at.link()
    page = await at.site.browser.get(LINK)
    nonce = re.findall(r'name="nonce" value="(\w+)"', page.text)[-1]
    for wrong in ({"nonce": ""}, {"nonce": "0" * 32}):
        refused = await at.site.browser.post(UNLINK, data=wrong)
        assert refused.status_code == 403 and await at.token() == "ada-l"
    ended = await at.site.browser.post(UNLINK, data={"nonce": nonce})
    assert ended.status_code in {303, 403}
    assert await at.token() == "" and not (await at.linking.who(ADA, "ada-l")).linked
    await at.link()
    assert await at.token() == await at.tokens.login(await at.person()) == "ada-l"
    await at.linking.remove(await at.person(), ADA)
    assert await at.token() == await at.tokens.login(await at.person()) == "", "honk unlink ends it too"


# ── renewing ───────────────────────────────────────────────────────────────────────────────────
async def test_a_token_that_ends_is_renewed_once_however_many_ask(at: Linked) -> None:
    await at.signed_in()
    await at.link()
    before = await at.tokens.token(await at.person())
    passed(at, hours=7)
    assert await at.tokens.token(await at.person()) == before
    passed(at, minutes=51)
    exchanged = len(at.hub.world.tokens)
    got: list[Secret | None] = []
    other = replace(at.tokens, _renewing={})  # as another process has it

    async def ask(number: int) -> None:
        got.append(await (other if number % 2 else at.tokens).token(person))

    person = await at.person()
    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(ask, number)
    assert len(set(got)) == 1 and got[0] not in {None, before}
    assert len(at.hub.world.tokens) == exchanged + 1
    assert await at.token() == "ada-l"


async def test_consent_that_was_taken_back_at_github_ends_here(at: Linked) -> None:
    await at.signed_in()
    await at.link()
    for one in at.hub.world.tokens.values():
        one.revoked = True
    passed(at, hours=8)
    assert await at.token() == ""
    assert "Go to GitHub" in await at.site.text(LINK)


async def test_github_that_is_away_loses_nobody_their_consent(at: Linked) -> None:
    await at.signed_in()
    await at.link()
    passed(at, hours=8)
    away = replace(at.tokens, oauth=replace(at.tokens.oauth, web_url="http://127.0.0.1:9"), _renewing={})
    with pytest.raises(Unreachable):
        await away.token(await at.person())
    assert await at.token() == "ada-l"


async def test_an_app_without_expiring_tokens_needs_no_renewal(at: Linked) -> None:
    at.app.expiring_tokens = False
    await at.signed_in()
    await at.link()
    passed(at, days=300)
    assert await at.token() == "ada-l"


async def test_no_token_appears_in_pages_and_answers(at: Linked) -> None:
    await at.signed_in()
    await at.link()
    page = await at.site.text(LINK)
    for secret in at.hub.world.tokens:
        assert secret not in page
    assert at.app.client_secret not in page
