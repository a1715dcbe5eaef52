"""Work in progress is kept while the agent works, beside it: the agent never waits for a snapshot."""

import math
from dataclasses import dataclass

import anyio
import structlog

from honk.domain.event import AgentCalledTool, AgentToolAnswered, EventData, SnapshotTaken
from honk.errors import HonkError
from honk.steps.code.work import Work

_log = structlog.get_logger()
#: Tools that change no file of the agent's tree.
READ_ONLY = frozenset({"Read", "Grep", "Glob", "verify", "ask"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Seconds; the defaults keep snapshots below a twentieth of the time, however quick the agent is."""

    #: without a further tool step, before a snapshot begins
    quiet: float = 1.0
    #: after the first tool step, although more of them follow one another
    longest: float = 10.0
    #: between two looks while one tool works on and on
    look: float = 45.0
    #: of rest, for each second that a snapshot took
    rest: float = 20.0


class Snapshots:
    """Hears what the agent does, and keeps its tree after the steps that changed files."""

    def __init__(self, work: Work, pace: Pace | None = None) -> None:
        self._work = work
        self._pace = pace or Pace()
        self._changed = anyio.Event()
        self._reading: set[str] = set()
        #: the tool call that was answered last
        self._call = ""

    async def tell(self, data: EventData) -> None:
        """Tells it on, and listens."""
        await self._work.tell(data)
        if isinstance(data, AgentCalledTool) and data.tool in READ_ONLY:
            self._reading.add(data.call)
        elif isinstance(data, AgentToolAnswered) and data.call not in self._reading:
            self._call = data.call
            self._changed.set()

    async def keep(self) -> None:
        """Goes on until it is cancelled. At most one snapshot is on its way; what happens meanwhile is in the next."""
        while True:
            with anyio.move_on_after(self._pace.look):
                await self._changed.wait()
            with anyio.move_on_after(self._pace.longest):
                await self._until_quiet()
            began = anyio.current_time()
            await self.take()
            took = anyio.current_time() - began
            await anyio.sleep(min(self._pace.rest * took, self._pace.look))

    async def take(self) -> None:
        """One snapshot, if a file changed. Nothing that goes wrong with it ends the work."""
        work, call = self._work, self._call
        try:
            made = await work.ports.workspaces.snapshot(work.workspace)
        except (HonkError, OSError) as error:
            _log.warning("no snapshot could be made", task=work.task.id, reason=str(error))
            return
        if made is not None:
            await work.tell(SnapshotTaken(commit=made.commit, files=made.files, call=call))

    async def _until_quiet(self) -> None:
        while self._changed.is_set():
            self._changed = anyio.Event()
            with anyio.move_on_after(self._pace.quiet):
                await self._changed.wait()


#: For agents whose work begins anew after a crash, so that what they left is worth nothing.
NEVER = Pace(quiet=math.inf, longest=math.inf, look=math.inf)
