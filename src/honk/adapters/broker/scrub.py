"""Takes the operator's keys out of whatever comes back from the model's server."""

from honk.domain.text import Secret

#: values shorter than this are placeholders (a scripted model's), and may be ordinary words
SHORTEST = 8
MASK = b"***"


class Scrubber:
    """Replaces keys in a stream of bytes, also where a key is split over two chunks.

    Every other byte passes unchanged. Bytes are held back only while they may be the beginning of a key.
    """

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        values = {secret.reveal().encode() for secret in secrets}
        self._values = sorted((value for value in values if len(value) >= SHORTEST), key=len, reverse=True)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may go on now."""
        data = self._held + chunk
        for value in self._values:
            data = data.replace(value, MASK)
        keep = max((_overlap(data, value) for value in self._values), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def close(self) -> bytes:
        """The bytes that were held back and turned out to be no key."""
        held, self._held = self._held, b""
        return held

    def text(self, words: str) -> str:
        """A whole text without the keys."""
        data = words.encode("utf-8", "replace")
        for value in self._values:
            data = data.replace(value, MASK)
        return data.decode("utf-8", "replace")


def _overlap(data: bytes, value: bytes) -> int:
    """How many bytes at the end of `data` are a beginning of `value`."""
    start = max(0, len(data) - len(value) + 1)
    while (start := data.find(value[:1], start)) != -1:
        if value.startswith(data[start:]):
            return len(data) - start
        start += 1
    return 0
