"""Errors and records that go through a database come back as they were."""

import json

import pytest

from honk import errors
from honk.domain.codec import dump, dump_error, load, load_error
from honk.domain.pull_request import Merged, MergeResult, Queued, Refused
from honk.domain.repository import Base, Sha
from honk.errors import Defect, HonkError, LimitReached, NeedsHuman

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HonkError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_as_the_same_class(kind: type[HonkError]) -> None:
    words = ("calls", "what", "remedy") if kind is LimitReached else ("what \udcff", "remedy")
    error = kind(*words)
    back = load_error(dump_error(error))
    assert type(back) is kind
    assert (back.args, vars(back), str(back)) == (error.args, vars(error), str(error))


def test_an_error_that_only_another_release_knows_is_the_nearest_known_one() -> None:
    facts = json.loads(dump_error(NeedsHuman("what", "remedy")))
    back = load_error(json.dumps(facts | {"kinds": ["TokenExpired", *facts["kinds"]]}))
    assert type(back) is NeedsHuman and back.remedy == "remedy"


@pytest.mark.parametrize("answer", [Merged(commit=Sha("c")), Queued(), Queued(position=3), Refused(reason="no")])
def test_unions_are_told_apart(answer: MergeResult) -> None:
    kind: type[MergeResult] = MergeResult  # type: ignore[assignment]
    assert load(kind, dump(kind, answer)) == answer


def test_what_is_not_of_the_kind_is_a_defect() -> None:
    with pytest.raises(Defect, match="Base"):
        dump(Base, "main")  # type: ignore[arg-type]
    with pytest.raises(Defect, match="Base"):
        load(Base, '{"branch": "main"}')
    with pytest.raises(Defect, match="Base"):
        load(Base, "not JSON")
