"""Answers that GitHub need not send again: it is asked whether they changed, which costs nothing of the limit.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
"""

from collections import OrderedDict
from collections.abc import Hashable

from honk.adapters.github.wire import Answer

_SIZE = 32 << 20
_LARGEST = 4 << 20
#: what an answer takes besides its body, roughly; the parsed form is counted as three times the body
_ENTRY = 2_000
_PARSED = 4


class Remembered:
    """The latest answers that have an ETag, within a bound in bytes."""

    def __init__(self, size: int = _SIZE) -> None:
        self._size = size
        self._held = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def known(self, key: Hashable) -> Answer | None:
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def keep(self, key: Hashable, answer: Answer) -> None:
        """Also forgets what was known under the key, where this answer is not to be kept."""
        before = self._answers.pop(key, None)
        self._held -= _weight(before) if before is not None else 0
        if answer.status != 200 or not answer.headers.get("etag") or _weight(answer) > min(_LARGEST, self._size):
            return
        self._answers[key] = answer
        self._held += _weight(answer)
        while self._held > self._size:
            self._held -= _weight(self._answers.popitem(last=False)[1])


def _weight(answer: Answer) -> int:
    return len(answer.content) * _PARSED + _ENTRY
