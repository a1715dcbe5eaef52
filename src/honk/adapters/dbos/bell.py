"""Work that is started in this process begins at once: DBOS's own worker of a queue, with a bell beside its clock.

DBOS looks for work by the clock only. Its worker waits on an event that would end it; the bell is such an
event, and also ends the wait when it is rung. So the claiming stays DBOS's own code, and what other
processes start is still found by the clock. This is the one place that uses a private function of DBOS
(3.4, pinned): tests/contracts/test_journal.py fails when it changes.
"""

import threading
from collections import deque

from dbos import DBOS
from dbos._queue import queue_worker_thread

#: seconds between the looks after a ring: what ended is counted as running until its outcome is written
_LOOKS = (0.0, 0.004, 0.02, 0.06)


class Bell(threading.Event):
    """Set: the worker ends. Rung: it looks for work now."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._looks: deque[float] = deque()

    def ring(self, *, once: bool = False) -> None:
        """From any thread. `once`: one look is enough, for it is not known that there is work."""
        with self._changed:
            if once:
                self._looks = self._looks or deque(_LOOKS[:1])
            else:
                self._looks = deque(_LOOKS)
            self._changed.notify_all()

    def set(self) -> None:
        super().set()
        with self._changed:
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Returns when set (True), rung, or when the time is up."""
        with self._changed:
            if self.is_set():
                return True
            if not self._looks:
                self._changed.wait(timeout)
            if self._looks and not self.is_set() and (pause := self._looks.popleft()):
                # Rung again meanwhile: the looks begin anew.
                self._changed.wait(pause)
            return self.is_set()


class Worker:
    """The one worker of a queue in this process."""

    def __init__(self, dbos: DBOS, queue_name: str) -> None:
        """DBOS must have been launched, without listening to that queue itself."""
        self.bell = Bell()
        queue = DBOS.retrieve_queue(queue_name)
        self._thread = threading.Thread(
            target=queue_worker_thread, args=(self.bell, dbos, queue), name="honk-work", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """Blocks until nothing more is claimed."""
        self.bell.set()
        self._thread.join()
