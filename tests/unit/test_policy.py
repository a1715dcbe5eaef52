"""The policy grants what a rule grants, and never anything else."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.domain.address import canonical, fits
from honk.domain.person import Identity, IdentityKind, Person, PersonId
from honk.domain.policy import NEEDS, Act, Confirmation, Right
from honk.domain.repository import Repository
from honk.domain.rules import Confirmed, Known, Role, Rules

KEYS = ("alice", "bob", "carol")
ADDRESSES = ("github.com/acme/app", "github.com/acme/site", "github.com/other/app", "/srv/app")


def _repository(address: str) -> Repository:
    url = address if address.startswith("/") else f"https://{address}.git"
    return Repository(url=url, name="app", key="app-1")


def _known(key: str) -> Known:
    return Known(key=key, name=key.title(), identities=(Identity.parse(f"local:{key}"), Identity.parse(f"slack:{key}")))


def _person(key: str, kind: IdentityKind = IdentityKind.SLACK) -> Person:
    return Person(id=PersonId(key), name=key.title(), identities=(Identity(kind=kind, value=key),))


ROLES = st.lists(
    st.builds(
        Role,
        repositories=st.lists(st.sampled_from([*ADDRESSES, "github.com/acme/*", "/srv/**", "*"]), min_size=1).map(
            tuple
        ),
        people=st.lists(st.sampled_from([*KEYS[:2], "@team", "*"]), min_size=1).map(tuple),
        may=st.frozensets(st.sampled_from(list(Right)), min_size=1),
    ),
    min_size=1,
    max_size=5,
)


@given(ROLES, st.sampled_from([*KEYS, "stranger"]), st.sampled_from(list(Act)), st.sampled_from([None, *ADDRESSES]))
def test_an_act_is_allowed_exactly_when_some_role_grants_it(
    roles: list[Role], who: str, act: Act, address: str | None
) -> None:
    team = frozenset({"carol"})
    rules = Rules(people=tuple(map(_known, KEYS)), teams={"team": team}, roles=tuple(roles), version="1")

    def grants(role: Role) -> bool:
        for_them = "*" in role.people or who in role.people or ("@team" in role.people and who in team)
        there = "*" in role.repositories or (
            address is not None
            and any(
                address == one or (one[-1] == "*" and address.startswith(one.rstrip("*"))) for one in role.repositories
            )
        )
        return for_them and there and NEEDS[act] in role.may

    asked = rules.explain(_person(who), act, None if address is None else _repository(address))
    assert asked.decision.allowed == any(map(grants, roles))
    assert [one.grants for one in asked.looked_at] == list(map(grants, roles))
    assert asked.decision.version == "1" and asked.decision.reason


@given(ROLES, st.randoms(use_true_random=False), st.sampled_from(KEYS), st.sampled_from(list(Act)))
def test_the_order_of_roles_means_nothing_and_a_further_role_takes_nothing_away(
    roles: list[Role], random: Random, who: str, act: Act
) -> None:
    people = tuple(map(_known, KEYS))
    repository = _repository(ADDRESSES[0])
    other = list(roles)
    random.shuffle(other)

    def allowed(some: list[Role]) -> bool:
        return Rules(people=people, roles=tuple(some)).explain(_person(who), act, repository).decision.allowed

    assert allowed(roles) == allowed(other)
    assert allowed(roles) or not allowed(roles[1:]) or len(roles) == 1


def test_without_roles_this_machine_s_users_may_everything_and_nobody_else_anything() -> None:
    rules = Rules(people=(_known("alice"),))
    for act in Act:
        for address in (None, *ADDRESSES):
            repository = None if address is None else _repository(address)
            assert rules.explain(_person("ann", IdentityKind.LOCAL), act, repository).decision.allowed
            assert not rules.explain(_person("alice"), act, repository).decision.allowed


def test_a_refusal_says_what_is_missing_and_who_may() -> None:
    roles = (
        Role(repositories=("github.com/acme/*",), people=("@team",), may=frozenset({Right.ASK, Right.MERGE})),
        Role(repositories=("*",), people=("bob",), may=frozenset({Right.ASK})),
    )
    rules = Rules(people=tuple(map(_known, KEYS)), teams={"team": frozenset({"carol"})}, roles=roles, version="7")
    asked = rules.explain(_person("bob"), Act.MERGE, _repository("github.com/acme/app"))
    assert asked.decision.reason == (
        "Bob may not merge on github.com/acme/app: no role grants merge (it is granted to Carol)"
    )
    assert [(one.grants, one.because) for one in asked.looked_at] == [
        (False, "it is for others"),
        (False, "it does not grant merge"),
    ]
    assert asked.looked_at[0].rule == "roles[0]: @team may ask, merge on github.com/acme/*"
    assert "granted to nobody" in rules.explain(_person("bob"), Act.ADMINISTER, None).decision.reason


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://github.com/acme/app.git", "github.com/acme/app"),
        ("https://ann@GitHub.com:443/acme/app/", "github.com/acme/app"),
        ("ssh://git@github.com/acme/app.git", "github.com/acme/app"),
        ("git@github.com:acme/app.git", "github.com/acme/app"),
        ("git@github.com:/acme/app", "github.com/acme/app"),
        ("https://github.com:8443/acme/app", "github.com:8443/acme/app"),
        ("/srv/app.git", "/srv/app.git"),
        ("https://github.com/acme/../evil/app", None),
        ("https://github.com/acme//app", None),
        ("https://github.com/acme/%2e%2e/app", None),
        ("https://evil.example\\@github.com/acme/app", None),
        ("https://github.com\\.evil.example/acme/app", None),
        ("https://github.com:x/acme/app", None),
        ("https://github.com/acme/app?x", None),
        ("https:///acme/app", None),
        ("/srv/../etc", None),
        ("nonsense", None),
    ],
)
def test_every_way_to_a_repository_has_one_address(url: str, address: str | None) -> None:
    assert canonical(url) == address


@pytest.mark.parametrize(
    ("pattern", "address", "there"),
    [
        ("github.com/acme/*", "github.com/acme/app", True),
        ("github.com/acme/*", "github.com/acme/app/sub", False),
        ("github.com/acme/**", "github.com/acme/app/sub", True),
        ("github.com/acme/*", "github.com/acme-evil/app", False),
        ("github.com/acme/app", "github.com/acme/app2", False),
        ("github.com/acme/ap?", "github.com/acme/app", True),
        ("github.com/acme", "github.com/acme/app", False),
        ("githubxcom/acme/*", "github.com/acme/app", False),
        ("github.com/*/app", "github.com/acme/app", True),
        ("[a-z]", "a", False),
        ("/srv/**", "/srv/a/b", True),
        ("/srv/**", "/srv2/a", False),
        ("**", None, False),
        ("*", None, True),
        ("*", "/srv/a/b", True),
    ],
)
def test_patterns(pattern: str, address: str | None, there: bool) -> None:
    assert fits(pattern, address) is there


def test_identities_are_the_same_in_the_letter_case_in_which_their_systems_have_them() -> None:
    assert Identity.parse("github:Alice") == Identity.parse("github:alice")
    assert Identity.parse("mail:A@B.example ") == Identity.parse("mail:a@b.example")
    assert Identity.parse("slack:U1") != Identity.parse("slack:u1")
    assert str(Identity.parse("slack:U1")) == "slack:U1"
    for wrong in ("alice", "nowhere:alice", "slack:", "slack: ", ""):
        with pytest.raises(ValueError, match="not an identity"):
            Identity.parse(wrong)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://github.com/acme/app.git", Confirmation.SECOND),
        ("git@github.com:acme/app", Confirmation.SECOND),
        ("https://GitHub.com/ACME/App", Confirmation.SECOND),
        ("https://github.com/acme/site", Confirmation.TYPED),
        ("https://github.com/acme-evil/app", Confirmation.PRESS),
        ("/srv/app", Confirmation.PRESS),
        # what could be any repository is taken for one that asks for more
        ("https://github.com/acme/../acme/app", Confirmation.SECOND),
        ("https://github.com/acme/%61pp", Confirmation.SECOND),
    ],
)
def test_no_spelling_avoids_what_a_merge_needs(url: str, asked: Confirmation) -> None:
    rules = Rules(merging=Confirmed(typed=("github.com/Acme/*",), second_person=("github.com/acme/app",)))
    assert rules.confirmation(Repository(url=url, name="app", key="app-1")) is asked


def test_a_press_is_enough_where_nothing_else_is_asked_for() -> None:
    assert Rules().confirmation(_repository(ADDRESSES[0])) is Confirmation.PRESS
    assert Rules(merging=Confirmed(typed=("*",))).confirmation(_repository(ADDRESSES[0])) is Confirmation.TYPED


def test_holders_are_those_whom_a_role_names() -> None:
    ann, bob = (Known(key=key, name=key, identities=(Identity.parse(f"slack:{key}"),)) for key in ("ann", "bob"))
    rules = Rules(
        people=(ann, bob),
        teams={"app": frozenset({"bob"})},
        roles=(
            Role(repositories=("/srv/*",), people=("@app",), may=frozenset({Right.MERGE})),
            Role(repositories=("*",), people=("*",), may=frozenset({Right.MERGE})),
            Role(repositories=("/other",), people=("ann",), may=frozenset({Right.MERGE})),
        ),
    )
    assert rules.holders(Right.MERGE, Repository(url="/srv/music", name="music", key="k")) == (bob,)
