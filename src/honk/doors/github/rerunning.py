""" "Re-run" on Honk's own check: the task's head is verified once more, by leave of whoever pressed."""

from honk.domain.discussion import Author
from honk.domain.repository import Repository, Sha
from honk.domain.task import Task
from honk.domain.thread import Delivery
from honk.domain.turn import Point
from honk.doors.github.heard import Heard
from honk.doors.github.inside import Inside
from honk.doors.github.names import commit_of, rerun_message, unpacked
from honk.doors.github.saying import Spot
from honk.errors import HonkError, NotNow

_BOT = "[bot]"


class Rerunning:
    """Who pressed is the one thing that GitHub tells in the payload alone; what they may is asked, as at every act."""

    def __init__(self, inside: Inside) -> None:
        self._stage = inside.stage
        self._discussions = inside.discussions
        self._places = inside.places
        self._people = inside.people
        self._saying = inside.saying
        self._heard = Heard(inside.stage.chats.preferences)

    async def rerun(self, delivery: Delivery) -> None:
        """Only a task that rests, and whose pull request is open and at that commit now. The same press acts once."""
        hint = unpacked(delivery.body)
        commit, login = commit_of(hint)
        message = rerun_message(delivery.id)
        if await self._heard.before(message, "") is not None:
            return
        repository = await self._places.repository(hint.repository)
        me = (await self._discussions.me()).login
        by = Author(login=login, bot=login.endswith(_BOT), own=login.lower() == me.lower())
        for task in await self._places.at(repository, commit):
            await self._again(repository, task, Sha(commit), by)
        await self._heard.note(message, "")

    async def _again(self, repository: Repository, task: Task, commit: Sha, by: Author) -> None:
        try:
            caller = await self._people.caller(repository, by)
            await caller.service.retry(task.id, point=Point.VERIFY)
        except NotNow:
            # it is at work, or has nothing to verify: nobody has to hear that
            await self._stage.show(task.id, commit)
        except HonkError as error:
            await self._refused(repository, task, commit, by, error)

    async def _refused(self, repository: Repository, task: Task, commit: Sha, by: Author, error: HonkError) -> None:
        there = await self._stage.ports.records.pull_request(task.id)
        if there is not None:
            spot = Spot(repository=repository, number=there.number, anchor=f"rerun/{commit}", login=by.login)
            await self._saying.refuse(spot, error)
        await self._stage.show(task.id, commit)
