"""Who may: asked at GitHub at the moment of the act, then of Honk's policy; whoever may not starts nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from github_world import SILENT, GithubWorld, github_world

from honk.domain.discussion import Permission
from honk.domain.policy import Act
from honk.domain.task import State

pytestmark = pytest.mark.anyio


@pytest.fixture
async def public(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path, public=True) as made:
        yield made


@pytest.fixture
async def private(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path) as made:
        yield made


async def quiet(here: GithubWorld) -> bool:
    """Nothing was begun."""
    await here.deliver()
    await here.settled()
    return await here.world.latest() is None


async def test_in_public_somebody_who_cannot_write_starts_nothing_and_hears_it_once(public: GithubWorld) -> None:
    number = public.place.open_issue("eve", "Crash", "@honk fix the crash")
    for words in ("@honk fix the crash", "@honk stop", "@honk merge", "@honk status"):
        public.place.comment("eve", number, words)
    assert await quiet(public)
    said = public.place.said(number)
    assert len(said) == 1 and said[0].text.startswith("@eve: ") and "“write”" in said[0].text
    public.place.comment("mallory", number, "@honk fix the crash")
    assert await quiet(public)
    assert len(public.place.said(number)) == 2


async def test_in_private_who_reads_may_ask_and_steer_but_not_merge(private: GithubWorld) -> None:
    number = await private.ask(by="eve")
    task, there = await private.proposed()
    for words in ("@honk merge", "@honk approve", "@honk undo", "@honk revert"):
        private.place.comment("eve", there, words)
    await private.deliver()
    await private.settled()
    assert (await private.world.now(task)).state is State.PROPOSED
    said = [one.text for one in private.place.said(there)]
    assert len(said) == 1 and "merging here takes the permission “write”" in said[0].lower()
    private.place.comment("eve", number, "@honk friendlier")
    await private.deliver()
    await private.turned(task, 2)


async def test_merging_by_itself_takes_the_right_to_merge(private: GithubWorld) -> None:
    number = private.place.open_issue("eve", "Crash")
    private.place.comment("eve", number, "@honk fix the crash, merge when green")
    assert await quiet(private)
    assert "“write”" in private.place.said(number)[0].text


async def test_the_permission_counts_at_the_moment_of_the_act(private: GithubWorld) -> None:
    await private.ask()
    task, there = await private.proposed()
    private.place.grant("ada", Permission.READ)
    private.place.comment("ada", there, "@honk merge")
    await private.deliver()
    await private.settled()
    assert (await private.world.now(task)).state is State.PROPOSED
    private.place.grant("ada", Permission.WRITE)
    private.place.comment("ada", there, "@honk merge")
    await private.deliver()
    await private.rests(State.DEPLOYED)


async def test_the_settings_can_ask_for_more_and_for_less(tmp_path: Path) -> None:
    strict = replace(SILENT, least_private=Permission.ADMIN, least_landing=Permission.ADMIN)
    async with github_world(tmp_path / "strict", choices=strict) as here:
        here.place.open_issue("ada", "Crash", "@honk fix the crash")
        assert await quiet(here)
    open_ = replace(SILENT, least_public=Permission.READ)
    async with github_world(tmp_path / "open", choices=open_, public=True) as here:
        await here.ask(by="eve")
        await here.rests()


async def test_then_honks_own_policy_decides(private: GithubWorld) -> None:
    await private.ask()
    task, there = await private.proposed()
    private.world.policy.refused.add((task.requested_by, Act.MERGE))
    private.place.comment("ada", there, "@honk merge")
    await private.deliver()
    await private.said(there, "may not merge here")
    assert (await private.world.now(task)).state is State.PROPOSED


async def test_bots_ask_only_where_they_are_listed(tmp_path: Path) -> None:
    async with github_world(tmp_path, choices=replace(SILENT, asking_bots=("renovate[bot]",))) as here:
        number = here.place.open_issue("other[bot]", "Crash", "@honk fix the crash")
        here.place.comment("other[bot]", number, "@honk fix the crash")
        assert await quiet(here)
        await here.ask(by="renovate[bot]")
        task, there = await here.proposed()
        here.place.comment("renovate[bot]", there, "@honk merge")
        await here.deliver()
        await here.settled()
        assert (await here.world.now(task)).state is State.PROPOSED


async def test_honk_never_hears_itself(private: GithubWorld) -> None:
    me = private.github.login
    number = private.place.open_issue(me, "Crash", "@honk fix the crash")
    private.place.comment(me, number, "@honk fix the crash")
    private.place.label(me, number, "honk")
    assert await quiet(private)
    assert len(private.place.said(number)) == 1, "its own comment"


async def test_a_label_by_whoever_may_not_starts_nothing(private: GithubWorld) -> None:
    number = private.place.open_issue("ada", "fix the crash")
    private.place.label("mallory", number, "honk")
    assert await quiet(private)
    assert private.place.said(number)[0].text.startswith("@mallory: ")
    private.place.label("ada", number, "honk")
    await private.deliver()
    await private.rests()
