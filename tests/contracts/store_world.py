"""A store in a temporary file with one task in it, and a clock that a test can move."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from honk.adapters.sql import SqlStore
from honk.domain.message import Image, Message, MessageId
from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.repository import Repository
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn

ANN = Identity(kind=IdentityKind.LOCAL, value="ann")
BORN = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = BORN

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


def a_message(person: Person, id: str = "m1", text: str = "fix it") -> Message:
    image = Image(name="screen.png", media_type="image/png", digest="0" * 64)
    return Message(id=MessageId(id), by=person.id, text=text, at=BORN, images=(image,))


def a_task(person: Person, id: str = "t1", **changed: object) -> Task:
    task = Task(
        id=TaskId(id),
        repository=Repository(url="/srv/music", name="music", key="music-1"),
        instruction="fix it \0 \udcff",
        requested_by=person.id,
        state=State.ACCEPTED,
        options=Options(base="main", verify=("make test",)),
        created_at=BORN,
        turn=1,
    )
    return replace(task, **changed)  # type: ignore[arg-type]


async def with_task(store: SqlStore, id: str = "t1", message: str = "m1") -> Task:
    person = await store.tasks.person(ANN, "Ann")
    task = a_task(person, id)
    return await store.tasks.add(task, Turn(task=task.id, number=1, message=a_message(person, message)))
