"""The thread owns the task: anyone allowed may act on it, by the roles of the moment, and each act is kept."""

import pytest

from honk.adapters.roles import RolesPolicy
from honk.domain.access import Scope
from honk.domain.audit import Entry
from honk.domain.event import TaskMoved
from honk.domain.person import Identity, Person, PersonId
from honk.domain.policy import Act, Right
from honk.domain.rules import Known, Role, Rules
from honk.domain.task import State, Task
from honk.errors import NotAllowed, Unknown
from honk.testing.world import ADDRESS, Trap, World

pytestmark = pytest.mark.anyio
ADA, BO, EVE = [Identity.parse(f"local:{name}") for name in ("ada", "bo", "eve")]
KNOWN = (
    Known(key="ada", name="Ada", identities=(ADA,)),
    Known(key="bo", name="Bo", identities=(BO, Identity.parse("slack:U2"))),
    Known(key="eve", name="Eve", identities=(EVE,)),
)


def role(people: str, *may: Right, on: str = ADDRESS) -> Role:
    return Role(repositories=(on,), people=tuple(people.split()), may=frozenset(may))


@pytest.fixture
def rules(here: World) -> list[Rules]:
    """The policy of honk.toml is the last of these."""
    made = [
        Rules(
            people=KNOWN,
            roles=(role("ada", Right.ASK), role("bo", *Right), role("bo", Right.ADMINISTER, on="*")),
            version="v1",
        )
    ]
    here.policy.written = RolesPolicy(lambda: made[-1])
    return made


async def who(here: World, identity: Identity) -> Person:
    return await here.store.tasks.person(identity, identity.value.title())


async def said(here: World, task: Task | None = None) -> list[tuple[str, Act, bool]]:
    """Who asked for what, and whether it was allowed; oldest first."""
    names = {(await who(here, one)).id: one.value for one in (ADA, BO, EVE)}
    log: tuple[Entry, ...] = await here.store.audit.read(task=None if task is None else task.id)
    return [(names[one.person], one.act, one.allowed) for one in reversed(log)]


async def test_somebody_else_may_take_a_task_to_production_and_each_act_is_kept(
    here: World, rules: list[Rules]
) -> None:
    ada, bo, eve = [await who(here, one) for one in (ADA, BO, EVE)]
    async with here.working():
        task = await here.settled(await here.ask())
        with pytest.raises(NotAllowed, match=r"Ada may not merge on .*: no role grants merge \(it is granted to Bo\)"):
            await here.app.merge(ada, task, method=here.method)
        with pytest.raises(NotAllowed, match="Eve may not steer"):
            await here.app.reply(eve, task, "friendlier")
        await here.app.reply(bo, task, "friendlier")
        task = await here.settled(task)
        await here.app.merge(bo, task, method=here.method)
        task = await here.settled(task)
    assert (task.state, task.reason, here.production()) == (State.DEPLOYED, "", b"fixed, friendly")
    assert await said(here) == [
        ("ada", Act.ASK, True),
        ("ada", Act.MERGE, False),
        ("eve", Act.STEER, False),
        ("bo", Act.STEER, True),
        ("bo", Act.MERGE, True),
        ("bo", Act.DEPLOY, True),
    ]
    log = await here.store.audit.read(task=task.id)
    assert {one.policy for one in log} == {"v1"} and {one.repository for one in log} == {ADDRESS}
    assert log[0].reason == f"roles[1]: bo may ask, steer, merge, deploy, administer on {ADDRESS}"
    merging = [e for e in await here.log(task) if isinstance(e.data, TaskMoved) and e.data.state == State.MERGING]
    assert [event.actor for event in merging] == [bo.id]


async def test_a_refused_request_makes_no_task(here: World, rules: list[Rules]) -> None:
    with pytest.raises(NotAllowed, match="Eve may not ask"):
        await here.app.submit(await who(here, EVE), ADDRESS, "fix the crash", (await here.ask()).options)
    assert len(await here.store.tasks.list()) == 1
    assert (await said(here))[-1] == ("eve", Act.ASK, False)


async def test_a_right_given_while_the_server_runs_counts_from_the_next_act(here: World, rules: list[Rules]) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
        rules.append(Rules(people=KNOWN, roles=(role("ada", Right.MERGE),), version="v2"))
        await here.app.merge(await who(here, ADA), task, method=here.method)
        task = await here.settled(task)
    assert (task.state, here.file("main"), here.production()) == (State.MERGED, b"fixed", None)
    assert "Ada may not deploy" in task.reason and f"honk merge {task.id}" in task.reason
    assert (await here.store.audit.read())[0].policy == "v2"


async def test_a_withdrawn_right_is_kept_as_a_refusal(here: World, rules: list[Rules]) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
    bo = await who(here, BO)
    await here.app.merge(bo, task, method=here.method)
    rules.append(Rules(people=KNOWN, roles=(role("ada", Right.MERGE),), version="v2"))
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")
    assert (await said(here))[-2:] == [("bo", Act.MERGE, True), ("bo", Act.MERGE, False)]


async def test_nothing_is_done_before_it_is_logged(here: World, rules: list[Rules]) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
    bo = await who(here, BO)

    async def pressed() -> None:
        await here.app.merge(bo, task, method=here.method)

    assert await here.killed_at(Trap(place="audit.record", after=False), pressed, task)
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")


async def test_people_are_named_by_key_or_identity_and_nobody_is_made_by_a_question(
    here: World, rules: list[Rules]
) -> None:
    bo = await who(here, BO)
    assert (await here.app.whom("bo")).id == bo.id
    ghost = await here.app.whom("slack:U99")
    assert (ghost.id, ghost.name) == (PersonId(""), "U99")
    assert (await here.store.tasks.person_of(Identity.parse("slack:U99"))) is None
    with pytest.raises(Unknown, match="nobody is known as 'bob'"):
        await here.app.whom("bob")
    found = await here.app.explain(await here.app.whom("bo"), Act.MERGE, ADDRESS)
    assert found.decision.allowed and [one.grants for one in found.looked_at] == [False, True, False]
    assert not (await here.app.explain(ghost, Act.MERGE, ADDRESS)).decision.allowed
    assert await here.store.audit.read() == ()


async def test_only_an_administrator_reads_the_log_and_makes_tokens_of_others(here: World, rules: list[Rules]) -> None:
    ada, bo = await who(here, ADA), await who(here, BO)
    await here.ask()
    with pytest.raises(NotAllowed, match="Ada may not administer Honk itself"):
        await here.app.audit_log(ada)
    assert len(await here.app.audit_log(bo, person=ada)) == 1
    assert await here.app.audit_log(bo, person=await here.app.whom("slack:U99")) == ()
    read = frozenset({Scope.READ})
    own = await here.app.issue_token(ada, "laptop", read)
    with pytest.raises(NotAllowed, match="administer"):
        await here.app.issue_token(ada, "theirs", read, whom="bo")
    other = await here.app.issue_token(bo, "bot", read, whom="slack:U77")
    assert [one.id for one in await here.app.tokens(ada)] == [own.token.id]
    assert {one.id for one in await here.app.tokens(bo)} == {own.token.id, other.token.id}
    for id in (other.token.id, "none"):
        with pytest.raises(NotAllowed, match="administer"):
            await here.app.revoke_token(ada, id)
    await here.app.revoke_token(ada, own.token.id)
    await here.app.revoke_token(bo, other.token.id)
    assert await here.store.tokens.find(own.secret.reveal()) is None
    assert await here.store.tokens.find(other.secret.reveal()) is None
