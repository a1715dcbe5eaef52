"""The policy in honk.toml: what is wrong is named with its line, and what changes counts at once."""

from pathlib import Path

import pytest

from honk.adapters.roles import RolesPolicy
from honk.domain.budget import Budget
from honk.domain.person import Identity, Person, PersonId
from honk.domain.policy import Act, Confirmation
from honk.domain.repository import Repository
from honk.errors import SettingsWrong
from honk.settings.live import Live

GOOD = """
[people.alice]
name = "Alice"
identities = ["local:alice", "slack:U1"]

[people.bob]
name = "Bob"
identities = ["github:bob"]

[teams]
app = ["alice"]

[[roles]]
repositories = ["github.com/acme/*"]
people = ["@app"]
may = ["ask", "merge"]

[[roles]]
repositories = ["*"]
people = ["bob"]
may = ["administer"]

[budgets]
day_usd = 10
"""
ALICE = Person(id=PersonId("1"), name="Alice", identities=(Identity.parse("slack:U1"),))
APP = Repository(url="https://github.com/acme/app", name="app", key="app-1")


def _file(tmp_path: Path, text: str = GOOD) -> Path:
    path = tmp_path / "honk.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"slack:U1"', '"pager:U1"', 4, "not an identity: 'pager:U1'"),
        ('"github:bob"', '"slack:U1"', 8, "slack:U1 is an identity of alice already"),
        ('name = "Bob"', 'name = "Bob"\nmail = "x"', 8, "people.bob.mail: Extra inputs"),
        ('app = ["alice"]', 'app = ["alyce"]', 11, "there is no person 'alyce' in"),
        ('["@app"]', '["@apps"]', 15, "there is no team 'apps' in"),
        ('people = ["bob"]', 'people = ["bobby"]', 20, "there is no person 'bobby' in"),
        ('"merge"]', '"merge", "push"]', 16, "'ask', 'steer', 'merge', 'deploy' or 'administer'"),
        ('["github.com/acme/*"]', '["https://github.com/acme/*"]', 14, "write the address as host/owner/name"),
        ('["github.com/acme/*"]', "[]", 14, "at least 1 item"),
        ("day_usd = 10", "day_usd = -1", 24, "greater than or equal to 0"),
        ("day_usd = 10", "day_usd = nan", 24, "finite number"),
        ("[people.bob]", '[people."@bob"]', 6, "may not be"),
        ("[budgets]", '[merging]\ntyped = ["https://github.com/acme/*"]\n[budgets]', 24, "without scheme"),
        ("[budgets]", '[merging]\nsecond = ["*"]\n[budgets]', 24, "merging.second: Extra inputs"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    path = _file(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(SettingsWrong) as caught:
        Live(path)
    assert f"{path}, line {line}: " in caught.value.message and words in caught.value.message


@pytest.mark.anyio
async def test_the_file_counts_as_it_is_at_the_act(tmp_path: Path) -> None:
    path = _file(tmp_path)
    live = Live(path)
    policy = RolesPolicy(live.rules)
    before = await policy.ask(ALICE, Act.MERGE, APP, None)
    assert before.allowed and live.budget() == Budget(day_usd=10)
    path.write_text(GOOD.replace('"merge"', '"steer"').replace("day_usd = 10", "day_usd = 20"))
    after = await policy.ask(ALICE, Act.MERGE, APP, None)
    assert not after.allowed and live.budget().day_usd == 20
    assert len(before.version) == 12 and after.version not in {"", before.version}
    path.write_text(GOOD + "\n# a remark\n[work]\nconcurrency = 3\n")
    assert (await policy.ask(ALICE, Act.MERGE, APP, None)).version == before.version


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("[[roles]", "not valid TOML"),
        (GOOD.replace('["@app"]', '["@none"]'), "line 15: roles.0.people: there is no team 'none'"),
        ("[work]\nconcurrency = 0", "line 2: work.concurrency"),
        ("", "has no [[roles]] any more"),
        (None, "cannot be read any more"),
    ],
)
async def test_while_the_file_is_wrong_nobody_may_do_anything(tmp_path: Path, broken: str | None, words: str) -> None:
    path = _file(tmp_path)
    live = Live(path)
    policy = RolesPolicy(live.rules)
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    bob = Person(id=PersonId("2"), name="Bob", identities=(Identity.parse("github:bob"), Identity.parse("local:root")))
    for act in Act:
        decision = await policy.ask(bob, act, APP, None)
        assert not decision.allowed and words in decision.reason and decision.version == "unreadable"
    assert live.budget() == Budget(day_usd=10)
    assert live.last_rules().known(Identity.parse("github:bob")) is not None
    path.write_text(GOOD)
    assert (await policy.ask(ALICE, Act.MERGE, APP, None)).allowed


def test_no_file_is_no_policy_and_one_that_comes_counts(tmp_path: Path) -> None:
    live = Live(tmp_path / "honk.toml")
    assert (live.rules().roles, live.budget()) == ((), Budget())
    _file(tmp_path)
    assert len(live.rules().roles) == 2


@pytest.mark.anyio
async def test_what_a_merge_needs_counts_as_it_is_at_the_act(tmp_path: Path) -> None:
    path = _file(tmp_path)
    live = Live(path)
    policy = RolesPolicy(live.rules)
    before = live.rules().version
    assert await policy.confirmation(APP) is Confirmation.PRESS
    path.write_text(GOOD + '\n[merging]\ntyped = ["github.com/acme/*"]\n')
    assert await policy.confirmation(APP) is Confirmation.TYPED and live.rules().version != before
    path.write_text(GOOD + '\n[merging]\ntyped = ["*"]\nsecond_person = ["github.com/acme/*"]\n')
    assert await policy.confirmation(APP) is Confirmation.SECOND
    path.write_text("[merging")
    assert await policy.confirmation(APP) is Confirmation.SECOND, "the strictest while nobody knows"
