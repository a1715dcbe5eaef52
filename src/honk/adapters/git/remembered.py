"""What was read of commits: it never changes, and every read is a process of git."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
#: bytes, roughly
_SIZE = 32 << 20
_LARGEST = 4 << 20
_ENTRY = 200


class Remembered:
    """The latest answers, within a bound. An answer that raised is not kept, and neither is None: the commit that
    was asked for may come yet."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._held = 0
        self._answers: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def known(self, key: Hashable) -> Any:
        """The remembered answer, or None."""
        return self._answers.get(key, (None, 0))[0]

    async def once(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, asked for only when it is not remembered."""
        if key in self._answers:
            self._answers.move_to_end(key)
            answer: T = self._answers[key][0]
            return answer
        answer = await ask()
        size = _weight(answer)
        if answer is not None and size <= _LARGEST and key not in self._answers:
            self._answers[key] = (answer, size)
            self._held += size
            while self._held > self._size:
                self._held -= self._answers.popitem(last=False)[1][1]
        return answer


def _weight(answer: object) -> int:
    if isinstance(answer, bytes | str):
        return len(answer) + _ENTRY
    if isinstance(answer, tuple):
        return sum(_weight(one) for one in answer) + _ENTRY
    return _ENTRY
