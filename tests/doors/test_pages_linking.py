"""Linking a chat's user with a person: what the page says, asks for and refuses."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pages_world import Site, linking_of, site_of

from honk.adapters.roles import RolesPolicy
from honk.adapters.sql.audit import SqlAudit
from honk.domain.access import Scope
from honk.domain.audit import Entry
from honk.domain.person import Identity
from honk.domain.policy import Act
from honk.domain.rules import Known, Rules
from honk.doors.web.signing_in import way_back
from honk.errors import DiskFull, NotAllowed, NotNow, Unknown
from honk.service.linking import GIVEN, Linking

pytestmark = pytest.mark.anyio
EVE = Identity.parse("slack:T1/U1")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        yield made


@pytest.fixture
def linking(site: Site) -> Linking:
    return linking_of(site.world, site.addresses)


@pytest.fixture
def address(linking: Linking) -> str:
    return linking.address(EVE, "Eve Example (@eve)", "Acme")


async def signed_in(site: Site) -> None:
    await site.sign_in(await site.token(*GIVEN))


async def agree(site: Site, address: str, **fields: str) -> httpx.Response:
    """Presses the button, as a browser does."""
    return await site.browser.post(address, data={"nonce": site.browser.cookies.get("honk-form", ""), **fields})


def words(answer: httpx.Response) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", answer.text)).split())


def code_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, words(answer)
    found = re.search(r"<span>(\d{4})</span><span>(\d{4})</span>", answer.text)
    assert found is not None, words(answer)
    return found[1] + found[2]


async def test_whoever_agrees_gets_a_code_and_the_code_makes_the_link(
    site: Site, linking: Linking, address: str
) -> None:
    await signed_in(site)
    asked = await site.browser.get(address)
    assert (
        "The Slack user Eve Example (@eve) of the workspace Acme will be able to ask, steer, merge and deploy "
        "in your name, Ada." in words(asked)
    )
    assert "slack:T1/U1" in asked.text and "<script>" not in asked.text
    assert (
        asked.headers["cache-control"] == "no-store"
        and "form-action 'self'" in asked.headers["content-security-policy"]
    )
    ada = await site.world.person()
    code = code_of(await agree(site, address))
    assert not (await linking.who(EVE, "Eve")).linked, "a code that nobody gave is no link"
    assert await linking.finish(EVE, f"{code[:4]} {code[4:]}") == ada
    who = await linking.who(EVE, "Eve")
    assert (who.linked, who.person.id) == (True, ada.id)


async def test_whose_rights_a_user_got_and_lost_is_in_the_audit_log(site: Site, linking: Linking, address: str) -> None:
    """A link gives merge and deploy."""
    await signed_in(site)
    await site.browser.get(address)
    ada = await site.world.person()
    assert await linking.finish(EVE, "00000000") is None
    assert not await linking.undo(EVE)
    assert await site.world.store.audit.read() == ()
    for _ in range(2):
        await linking.finish(EVE, code_of(await agree(site, address)))
        if not await linking.undo(Identity.parse("slack:T1/U2")):
            await linking.undo(EVE)
    await linking.finish(EVE, code_of(await agree(site, address)))
    await linking.remove(ada, EVE)
    entries = (await site.world.store.audit.read())[::-1]
    assert {(one.person, one.repository, one.task, one.allowed) for one in entries} == {(ada.id, "", None, True)}
    told = [one.reason for one in entries]
    given, taken = "linked: slack:T1/U1 acts as this person from now on", "unlinked by the user: slack:T1/U1 acts as"
    assert told[:4] == [given, f"{taken} this person no more"] * 2
    assert told[4:] == [given, "unlinked: slack:T1/U1 acts as Ada no more"]


async def test_a_link_that_cannot_be_written_down_is_not_made(site: Site, linking: Linking, address: str) -> None:
    await signed_in(site)
    await site.browser.get(address)
    code = code_of(await agree(site, address))

    class Full(SqlAudit):
        async def record(self, entry: Entry) -> None:
            raise DiskFull("no room")

    ports = replace(linking.app.ports, audit=Full(site.world.store.audit._database))
    with pytest.raises(DiskFull):
        await replace(linking, app=replace(linking.app, ports=ports)).finish(EVE, code)
    assert not (await linking.who(EVE, "Eve")).linked


async def test_looking_changes_nothing(site: Site, linking: Linking, address: str) -> None:
    await signed_in(site)
    await site.browser.get(address)
    assert await linking.finish(EVE, "00000000") is None
    assert await linking.links.all() == ()


async def test_a_stranger_signs_in_first_and_comes_back(site: Site, address: str) -> None:
    for answer in (await site.browser.get(address), await agree(site, address)):
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?to={quote(address, safe='')}")
    back = await site.sign_in(await site.token(*GIVEN), address)
    assert back.headers["location"] == address


@pytest.mark.parametrize(
    "to", ["/link/", "/link/abc", "/link/abc.def", "/link/a/b." + "a" * 20, "/link/..%2f." + "a" * 20]
)
def test_the_way_back_is_to_a_whole_address_alone(to: str) -> None:
    assert way_back(to) == "/"
    assert way_back("//link/abc." + "a" * 20) == way_back("/link/abc." + "a" * 20 + "?x=//evil") == "/"


async def test_a_form_that_another_site_filled_in_gives_no_code(site: Site, address: str) -> None:
    await signed_in(site)
    await site.browser.get(address)
    for fields in ({"nonce": ""}, {"nonce": "0" * 32}):
        answer = await agree(site, address, **fields)
        assert answer.status_code == 403 and "not filled in here" in answer.text and "Your code" not in answer.text
    nonce = {"nonce": site.browser.cookies["honk-form"]}
    for where in ("cross-site", "same-site", "none"):
        answer = await site.browser.post(address, data=nonce, headers={"Sec-Fetch-Site": where})
        assert answer.status_code == 403 and "Your code" not in answer.text, where


async def test_a_browser_that_has_lost_its_nonce_gets_another_one(site: Site, address: str) -> None:
    """That cookie ends with the browser, the visit does not."""
    await signed_in(site)
    site.browser.cookies.delete("honk-form")
    await site.browser.get(address)
    code_of(await agree(site, address))


@pytest.mark.parametrize("missing", [Scope.ASK, Scope.STEER, Scope.MERGE, Scope.DEPLOY])
async def test_nobody_hands_out_what_their_token_may_not_do(missing: Scope, site: Site, address: str) -> None:
    await site.sign_in(await site.token(*(GIVEN - {missing})))
    for answer in (await site.browser.get(address), await agree(site, address)):
        assert answer.status_code == 403 and f"not for {missing}" in words(answer), words(answer)
        assert "honk token create --name phone --scope read --scope ask" in words(answer)


async def test_an_address_that_is_old_forged_or_of_another_kind_says_so(
    site: Site, linking: Linking, address: str
) -> None:
    await signed_in(site)
    body, _, signature = address.removeprefix("/link/").partition(".")
    other = linking.address(Identity.parse("slack:T1/U2"), "Ada", "Acme").removeprefix("/link/").partition(".")[0]
    forged = (f"{body}.{'a' * 20}", f"{other}.{signature}", f"{body}.", body, f"{body}.{linking.sign('session', body)}")
    for token in forged:
        answer = await site.browser.get(f"/link/{token}")
        assert answer.status_code == 410 and "This link does not work" in answer.text, token
    site.world.clock.now += timedelta(minutes=14)  # type: ignore[attr-defined]
    assert (await site.browser.get(address)).status_code == 200
    site.world.clock.now += timedelta(minutes=1)  # type: ignore[attr-defined]
    for answer in (await site.browser.get(address), await agree(site, address)):
        assert answer.status_code == 410 and "ask for a new link in the chat" in words(answer)


async def test_a_name_can_neither_break_the_page_nor_turn_its_words(site: Site, linking: Linking) -> None:
    await signed_in(site)
    hostile = "<b>Ada</b> \u202eeve\n of Acme " + "x" * 500
    answer = await site.browser.get(linking.address(EVE, hostile, "<script>alert(1)</script>" + "🚀" * 500))
    assert answer.status_code == 200
    assert "<b>Ada" not in answer.text and "<script>" not in answer.text and "\u202e" not in answer.text
    assert "x" * 90 not in answer.text


async def test_a_code_is_the_users_alone_ends_by_itself_and_cannot_be_guessed(
    site: Site, linking: Linking, address: str
) -> None:
    await signed_in(site)
    await site.browser.get(address)
    code = code_of(await agree(site, address))
    assert await linking.finish(Identity.parse("slack:T1/U2"), code) is None
    for _ in range(5):
        assert await linking.finish(EVE, f"{(int(code) + 1) % 10**8:08d}") is None
    assert await linking.finish(EVE, code) is None, "five wrong ones end it"
    code = code_of(await agree(site, address))
    site.world.clock.now += timedelta(minutes=10)  # type: ignore[attr-defined]
    assert await linking.finish(EVE, code) is None


async def test_a_person_gets_five_codes_in_ten_minutes(site: Site, address: str) -> None:
    await signed_in(site)
    await site.browser.get(address)
    for _ in range(5):
        code_of(await agree(site, address))
    answer = await agree(site, address)
    assert answer.status_code == 403 and "wait ten minutes" in words(answer)
    site.world.clock.now += timedelta(minutes=10)  # type: ignore[attr-defined]
    answer = await agree(site, address)
    assert "5 codes" not in words(answer)


async def test_a_link_is_taken_back_by_its_owner(site: Site, linking: Linking, address: str) -> None:
    await signed_in(site)
    await site.browser.get(address)
    await linking.finish(EVE, code_of(await agree(site, address)))
    ada = await site.world.person()
    assert [(str(link.identity), person.id) for link, person in await linking.all(ada)] == [("slack:T1/U1", ada.id)]
    assert (await linking.remove(ada, EVE)).id == ada.id
    assert not (await linking.who(EVE, "Eve")).linked
    await linking.finish(EVE, code_of(await agree(site, address)))
    assert await linking.undo(EVE) and not await linking.undo(EVE)


async def test_one_whom_the_policy_names_needs_no_link_and_gets_none(
    site: Site, linking: Linking, address: str
) -> None:
    await signed_in(site)
    await site.browser.get(address)
    code = code_of(await agree(site, address))
    name_eve(site)
    assert (await linking.who(EVE, "Eve")).linked
    answer = await site.browser.get(address)
    assert answer.status_code == 403 and "honk.toml says that slack:T1/U1 is Eve" in words(answer)
    with pytest.raises(NotNow):
        await linking.finish(EVE, code)


async def test_somebody_elses_link_is_taken_back_by_an_administrator_alone_and_that_is_in_the_audit_log(
    site: Site, linking: Linking, address: str
) -> None:
    await signed_in(site)
    await site.browser.get(address)
    await linking.finish(EVE, code_of(await agree(site, address)))
    ben = await site.world.person("Ben")
    site.world.policy.refused.add((ben.id, Act.ADMINISTER))
    assert await linking.all(ben) == ()
    with pytest.raises(NotAllowed):
        await linking.remove(ben, EVE)
    assert (await linking.who(EVE, "Eve")).linked
    site.world.policy.refused.clear()
    assert len(await linking.all(ben)) == 1
    await linking.remove(ben, EVE)
    entries = await site.world.store.audit.read()
    assert [(one.act, one.person, one.allowed) for one in entries[:3]] == [
        (Act.ADMINISTER, ben.id, True),
        (Act.ADMINISTER, ben.id, True),
        (Act.ADMINISTER, ben.id, False),
    ]
    assert "slack:T1/U1 acts as Ada no more" in entries[0].reason
    with pytest.raises(Unknown):
        await linking.remove(ben, EVE)


def name_eve(site: Site) -> None:
    """From now on [people] has eve."""
    rules = Rules(people=(Known(key="eve", name="Eve", identities=(EVE,)),))
    site.world.policy.written = RolesPolicy(lambda: rules)
