"""Home: whose tasks, the search, pages of them while others come, what is new, and views that are one's own."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pages_world import Site, app_of, site_of

from honk.domain.access import Scope
from honk.domain.limits import Spending
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import State, Task
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio
HOSTILE = "</p><script>alert(1)</script>'\"&{{ 7*7 }}\u202etxt.exe"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await made.sign_in(await made.token())
        yield made


async def asked(site: Site, by: str = "Ada", text: str = "fix the crash", state: State = State.CODING) -> Task:
    """A task of that person, in that state."""
    person = await site.world.person(by)
    task = await site.world.app.submit(person, ADDRESS, text, (await site.world.ask("x")).options)
    for one in {State.CODING: (), State.FAILED: (State.FAILED,)}.get(state, (State.CODING, state)):
        await site.world.store.tasks.move(task.id, one)
    return await site.world.now(task)


async def ids(site: Site, path: str) -> list[str]:
    """The tasks of a page, in its order."""
    return re.findall(r'href="/tasks/([\w-]+)"', await site.text(path))


async def other(site: Site, name: str = "Bo", *scopes: Scope) -> httpx.AsyncClient:
    """The browser of somebody else who has signed in."""
    person = await site.world.person(name)
    issued = await site.world.store.tokens.issue(person.id, "phone", frozenset(scopes or (Scope.READ,)))
    transport = httpx.ASGITransport(app_of(site.world, site.addresses))
    browser = httpx.AsyncClient(transport=transport, base_url="http://honk")
    await Site(site.world, site.addresses, browser).sign_in(issued.secret.reveal())
    return browser


async def test_what_waits_for_me_comes_first(site: Site) -> None:
    mine = {state: await asked(site, state=state) for state in (State.PROPOSED, State.DRAFT, State.WAITING)}
    failed = await asked(site, state=State.FAILED)
    busy = await asked(site)
    theirs = await asked(site, "Bo", state=State.PROPOSED)
    their_draft = await asked(site, "Bo", state=State.DRAFT)
    shown = await ids(site, "/")
    assert set(shown) == {*(one.id for one in mine.values()), failed.id, theirs.id}
    assert shown == await ids(site, "/?tab=waiting") != await ids(site, "/?tab=mine")
    assert busy.id in await ids(site, "/?tab=mine") and their_draft.id not in await ids(site, "/?tab=mine")
    assert {busy.id, their_draft.id} <= set(await ids(site, "/?tab=all"))
    ada: Person = await site.world.person()
    site.world.policy.refused.add((ada.id, Act.MERGE))
    assert set(await ids(site, "/")) == {*(one.id for one in mine.values()), failed.id}, "she may not merge"
    site.world.clock.now += timedelta(days=15)  # type: ignore[attr-defined]
    assert failed.id not in await ids(site, "/"), "it failed long ago"
    counts = dict(
        re.findall(r'">(Waiting for me|Mine|Everybody’s) <span class="count">([\d+]+)<', await site.text("/"))
    )
    assert counts["Waiting for me"] == "3"


async def test_a_card_says_what_there_is_to_know(site: Site) -> None:
    task = await asked(site, state=State.PROPOSED)
    await site.world.store.records.add_spending(task.id, Spending(usd=1.234, calls=2))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await site.text("/")))
    for wanted in ("proposed", "music-player", "fix the crash", "Ready to merge", "Ada ·", "$1.23"):
        assert wanted in text, wanted
    await site.world.store.tasks.move(task.id, State.WAITING, "which playlist do you mean?")
    assert "which playlist do you mean?" in await site.text("/")


async def test_one_field_searches(site: Site) -> None:
    mine = await asked(site, text="fix the crash of the Größe field")
    theirs = await asked(site, "Bo", text="friendlier words", state=State.PROPOSED)
    for query, found in (
        ("größe", [mine.id]),
        ("friendlier", [theirs.id]),
        ("friendlier größe", []),
        ("state:proposed", [theirs.id]),
        ("state:open by:bo", [theirs.id]),
        ("by:me größe", [mine.id]),
        ("by:local:bo", [theirs.id]),
        ("by:nobody-at-all", []),
        ("repo:music by:bo", [theirs.id]),
        (f'repo:"{ADDRESS}" friendlier', [theirs.id]),
        ("repo:elsewhere", []),
        (mine.id[:14] + " größe", [mine.id]),
        ("repo:music state:proposed by:bo friendlier", [theirs.id]),
    ):
        assert await ids(site, f"/?q={quote(query)}") == found, query
    assert "No task fits" in await site.text("/?q=repo:elsewhere")
    page = await site.text("/?q=state:nonsense")
    assert "There is no state “nonsense”" in page and "proposed" in page and not re.search(r"/tasks/[\w-]+\"", page)


async def test_rubbish_in_the_address_is_refused_in_words(site: Site) -> None:
    await asked(site)
    for path in ("/?tab=nonsense", "/?before=nonsense", "/?show=nonsense", "/?tab=all&before=%00", "/?before=%25"):
        answer = await site.browser.get(path)
        assert answer.status_code == 404 and "There is nothing here" in answer.text, path
    for query in (
        HOSTILE,
        "\0",
        "%",
        "'; DROP TABLE tasks; --",
        '"' * 400,
        "repo:" * 200,
        "\ud800".encode("utf-8", "surrogatepass"),
    ):
        answer = await site.browser.get(f"/?q={quote(query)}")
        assert answer.status_code == 200 and "<script>alert" not in answer.text and "\u202e" not in answer.text


async def test_pages_join_while_tasks_are_added(site: Site) -> None:
    there = [await site.world.ask(f"change {number}") for number in range(65)]
    seen, page, rounds = list[str](), await site.text("/?tab=mine&q=change"), 0
    while True:
        seen += re.findall(r'href="/tasks/([\w-]+)"', page)
        await site.world.ask(f"change that comes later {rounds}")
        rounds += 1
        if not (match := re.search(r'<a href="([^"]+)">Older</a>', page)):
            break
        page = await site.text(match[1].replace("&amp;", "&"))
    assert (seen, rounds) == ([task.id for task in reversed(there)], 3)
    assert ">Newest</a>" in page


async def test_what_came_since_one_was_here_is_marked(site: Site) -> None:
    old = await asked(site)
    assert 'class="badge fresh"' not in await site.text("/"), "the first visit knows nothing older"
    site.world.clock.now += timedelta(hours=1)  # type: ignore[attr-defined]
    assert 'class="badge fresh"' not in await site.text("/")
    new = await asked(site)
    site.world.clock.now += timedelta(hours=1)  # type: ignore[attr-defined]
    for _ in range(2):  # and still on a reload
        page = await site.text("/?tab=all")
        assert re.findall(r'href="/tasks/([\w-]+)">\s*<span class="line">[^\n]*badge fresh', page)[:1] == [new.id]
        assert old.id in page and page.count("badge fresh") == 2  # its twin, which `asked` made, is new too
    for rubbish in ("", "x", "9.9.9", "-1.5", "9" * 40, "999999999999.999999999999"):
        site.browser.cookies.set("honk-seen", rubbish, domain="honk")
        assert (await site.browser.get("/")).status_code == 200, rubbish


async def test_empty_lists_teach(site: Site) -> None:
    page = await site.text("/")
    for way in ("honk run REPO", "@Honk fix", "@honk fix", "/api/v1/tasks"):
        assert way in page, way
    await asked(site, "Bo")
    assert "Nothing waits for you" in await site.text("/?tab=waiting")


def nonce_of(page: str) -> str:
    match = re.search(r'name="nonce" value="(\w{32})"', page)
    assert match is not None
    return match[1]


async def test_a_view_is_kept_renamed_and_removed(site: Site) -> None:
    nonce = nonce_of(await site.text("/?q=crash&tab=mine"))
    saved = await site.browser.post(
        "/views", data={"nonce": nonce, "tab": "mine", "q": "crash by:me", "name": f" my {HOSTILE} "}
    )
    assert saved.status_code == 303 and saved.headers["location"] == "/?tab=mine&q=crash+by%3Ame"
    page = await site.text("/")
    assert 'href="/?tab=mine&amp;q=crash+by%3Ame"' in page and "<script>alert" not in page and "\u202e" not in page
    name = (await site.world.store.chats.preferences.read(f"views/{(await site.world.person()).id}")).keys()
    (kept,) = name
    await site.browser.post("/views", data={"nonce": nonce, "tab": "all", "q": "", "name": "all of it"})
    taken = await site.browser.post("/views/rename", data={"nonce": nonce, "view": kept, "name": "all of it"})
    assert taken.headers["location"] == "/?view=refused" and "A view needs a name" in await site.text("/?view=refused")
    await site.browser.post("/views/rename", data={"nonce": nonce, "view": kept, "name": "crashes"})
    assert ">crashes</a>" in await site.text("/")
    await site.browser.post("/views/remove", data={"nonce": nonce, "view": "crashes"})
    again = await site.browser.post("/views/remove", data={"nonce": nonce, "view": "crashes"})
    assert again.status_code == 303 and ">crashes</a>" not in await site.text("/")
    empty = await site.browser.post("/views", data={"nonce": nonce, "q": "x", "name": "  "})
    assert empty.headers["location"] == "/?view=refused"


async def test_views_of_others_are_neither_seen_nor_changed(site: Site) -> None:
    nonce = nonce_of(await site.text("/"))
    await site.browser.post("/views", data={"nonce": nonce, "q": "crash", "name": "mine-alone"})
    bo = await other(site)
    page = (await bo.get("/")).text
    assert "mine-alone" not in page
    for path, fields in (("/views/remove", {}), ("/views/rename", {"name": "stolen"})):
        await bo.post(path, data={"nonce": nonce_of(page), "view": "mine-alone", **fields})
    assert "stolen" not in (await bo.get("/")).text
    await bo.aclose()
    assert ">mine-alone</a>" in await site.text("/")


async def test_another_site_changes_no_view(site: Site) -> None:
    nonce = nonce_of(await site.text("/"))
    form = {"nonce": nonce, "q": "crash", "name": "forced"}
    for fields, headers in (
        ({**form, "nonce": "0" * 32}, {}),
        ({**form, "nonce": ""}, {}),
        (form, {"sec-fetch-site": "cross-site"}),
        ({**form, "q": "x" * 5000}, {}),
    ):
        answer = await site.browser.post("/views", data=fields, headers=headers)
        assert answer.status_code == 403, (fields, headers)
    assert "forced" not in await site.text("/")
    for path in ("/views", "/views/rename", "/views/remove"):
        assert (await site.browser.get(path)).status_code in {404, 405}
    site.browser.cookies.delete("honk")
    assert (await site.browser.post("/views", data=form)).headers["location"].startswith("/sign-in")


async def test_there_is_room_for_so_many_views(site: Site) -> None:
    nonce = nonce_of(await site.text("/"))
    for number in range(31):
        last = await site.browser.post("/views", data={"nonce": nonce, "q": "x", "name": f"view {number:02}"})
    assert last.headers["location"] == "/?view=refused" and "view 29" in await site.text("/")
    over = await site.browser.post("/views", data={"nonce": nonce, "q": "other", "name": "view 07"})
    assert over.headers["location"] == "/?tab=all&q=other", "one that is there is replaced"
