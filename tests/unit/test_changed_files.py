"""What the card of a changed file says: its risk, its mode, why it is folded, and when its key changes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from honk.domain.person import PersonId
from honk.domain.repository import Compared, FileChange, Repository, Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.doors.web.changed_files import Place, card, file_id
from honk.views import Risk, compared_by_risk

TASK = Task(
    id=TaskId("t"),
    repository=Repository(url="/r", name="r", key="r"),
    instruction="",
    requested_by=PersonId("p"),
    state=State.PROPOSED,
    options=Options(agent="command"),
    created_at=datetime(2026, 11, 20, tzinfo=UTC),
)
PLACE = Place(task=TASK, old=Sha("0" * 40), head=Sha("f" * 40), since=2)


def changed(path: str, *, was: str = "", status: str = "M", modes: str = "100644 100644") -> Compared:
    old, new = modes.split()
    change = FileChange(
        path=path, status=status, old_mode=old, new_mode=new, insertions=1, deletions=1, binary=path.endswith(".png")
    )
    return Compared(change=change, was=was, old=Sha("a" * 40), new=Sha("b" * 40))


def said(one: Compared) -> str:
    ((_, file),) = compared_by_risk([one])
    shown = card(PLACE, one, file, set())
    return f"{shown.status}; {shown.mode}; {shown.folded}; {shown.file.why}"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (changed("run.py", modes="100644 100755"), "changed; plain → executable (100644 → 100755)"),
        (changed("x", status="T", modes="100644 120000"), "another kind of file; plain → a link"),
        (changed("lib", modes="160000 160000"), "changed; ; ;"),
        (changed("lib", status="A", modes="000000 160000"), "added; ; ;"),
        (changed("gone.py", status="D", modes="100644 000000"), "deleted; ; deleted; deleted code"),
        (changed("web/uv.lock"), "changed; ; lock file"),
        (changed("web/app.min.js"), "changed; ; generated"),
        (changed("api_pb2.py"), "changed; ; generated"),
        (changed("new.py", was="old.py"), "moved; ; ; code"),
        (changed("notes.md", was="tests/test_app.py"), "where it was: deleted test"),
        (changed("misc/x.dat", was="Dockerfile"), "where it was: deleted: it "),
    ],
)
def test_a_card_says_what_happened(one: Compared, words: str) -> None:
    assert words in said(one)


def test_what_left_the_tests_is_looked_at_early() -> None:
    moved = [changed("a.py", was="b.py"), changed("docs/x.md", was="tests/test_x.py"), changed("t.py", was="pom.xml")]
    assert [(file.path, file.risk) for _, file in compared_by_risk(moved)] == [
        ("t.py", Risk.GATE),
        ("docs/x.md", Risk.DELETED),
        ("a.py", Risk.SOURCE),
    ]


def test_a_key_changes_with_what_differs_and_with_nothing_else() -> None:
    one = changed("a.py")
    others = [replace(one, new=Sha("c" * 40)), replace(one, old=Sha("c" * 40)), changed("a.py", modes="100644 100755")]
    ((_, file),) = compared_by_risk([one])
    keys = [card(place, it, file, set()).key for it in (one, *others) for place in (PLACE,)]
    assert len(set(keys)) == 4
    assert card(replace(PLACE, head=Sha("e" * 40)), one, file, set()).key == keys[0]


def test_addresses_hold_no_byte_of_a_name() -> None:
    name = "a&b=#?/\udcff\u202e<\n.png"
    ((one, file),) = compared_by_risk([changed(name)])
    shown = card(PLACE, one, file, set())
    assert shown.url == f"/tasks/t/pull-request/file?file={file_id(name)}&since=turn-2&head={'f' * 12}"
    assert [side for side, _ in shown.pictures] == ["before", "after"]
    assert all(url.startswith("/tasks/t/pull-request/picture?file=") for _, url in shown.pictures)
