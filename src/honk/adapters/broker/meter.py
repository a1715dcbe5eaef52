"""Reads the usage out of the model's answer while it passes through.

The shapes are those of the Messages API (https://platform.claude.com/docs/en/api/messages-streaming): `message_start`
carries the usage of the prompt, `message_delta` cumulative counts, `message_stop` ends the message; an answer
that is not streamed is one JSON object with `usage`.
"""

from dataclasses import dataclass

from pydantic import BaseModel, Field, ValidationError

from honk.adapters.broker.prices import Usage

#: longest line of a stream, and longest answer that is not streamed, that are looked into
LOOKED_INTO = 16 << 20
#: characters of output that are taken for a token when the server's own count never came
CHARACTERS_A_TOKEN = 3


class _Creation(BaseModel):
    ephemeral_1h_input_tokens: int | None = Field(default=None, ge=0)


class _ServerTools(BaseModel):
    web_search_requests: int | None = Field(default=None, ge=0)


class _Counts(BaseModel):
    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)
    cache_read_input_tokens: int | None = Field(default=None, ge=0)
    cache_creation_input_tokens: int | None = Field(default=None, ge=0)
    cache_creation: _Creation | None = None


class _Usage(_Counts):
    server_tool_use: _ServerTools | None = None
    speed: str | None = None
    inference_geo: str | None = None
    #: where an answer took several passes, the counts above may be those of the last one
    iterations: list[_Counts] | None = None


class _Message(BaseModel):
    model: str = ""
    usage: _Usage | None = None


class _Delta(BaseModel):
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None

    def characters(self) -> int:
        return sum(len(part) for part in (self.text, self.partial_json, self.thinking, self.signature) if part)


class _Error(BaseModel):
    type: str = ""
    message: str = ""


class _Piece(BaseModel):
    type: str = ""
    model: str = ""
    message: _Message | None = None
    usage: _Usage | None = None
    delta: _Delta | None = None
    error: _Error | None = None


@dataclass(kw_only=True, slots=True)
class _Tally:
    """The highest counts seen so far; those of a stream are cumulative."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    searches: int = 0
    fast: bool = False
    us_only: bool = False

    def take(self, usage: _Usage) -> None:
        for counts in (usage, _sum(usage.iterations or [])):
            self.input = max(self.input, counts.input_tokens or 0)
            self.output = max(self.output, counts.output_tokens or 0)
            self.cache_read = max(self.cache_read, counts.cache_read_input_tokens or 0)
            self.cache_write = max(self.cache_write, counts.cache_creation_input_tokens or 0)
            if counts.cache_creation is not None:
                self.cache_write_1h = max(self.cache_write_1h, counts.cache_creation.ephemeral_1h_input_tokens or 0)
        if usage.server_tool_use is not None:
            self.searches = max(self.searches, usage.server_tool_use.web_search_requests or 0)
        self.fast = self.fast or usage.speed == "fast"
        self.us_only = self.us_only or usage.inference_geo == "us"


def _sum(passes: list[_Counts]) -> _Counts:
    return _Counts(
        input_tokens=sum(counts.input_tokens or 0 for counts in passes),
        output_tokens=sum(counts.output_tokens or 0 for counts in passes),
        cache_read_input_tokens=sum(counts.cache_read_input_tokens or 0 for counts in passes),
        cache_creation_input_tokens=sum(counts.cache_creation_input_tokens or 0 for counts in passes),
    )


class Meter:
    """Fed with the bytes of one answer, knows what the answer used."""

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed
        self._rest = bytearray()
        self._skipping = False
        self._tally = _Tally()
        self._characters = 0
        self._final = False
        self.model = ""
        #: whether the server said what the prompt used
        self.counted = False
        #: whether the message is over
        self.finished = False
        #: "" or the error that came in the middle of a stream
        self.error = ""

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes of the answer."""
        self._rest += chunk
        if self._streamed:
            self._take_lines()
        elif len(self._rest) > LOOKED_INTO:
            self._characters += len(self._rest)
            self._rest.clear()

    def close(self) -> None:
        """The answer is over: nothing more will be fed."""
        if self._rest and not self._skipping:
            self._take(bytes(self._rest).removeprefix(b"data:") if self._streamed else bytes(self._rest))
        self._rest.clear()

    @property
    def known(self) -> bool:
        """Whether anything of the answer was seen."""
        return self.counted or self._characters > 0

    def usage(self) -> Usage:
        """What is known by now. Output that the server did not count is estimated from its length."""
        tally = self._tally
        output = tally.output if self._final else max(tally.output, self._characters // CHARACTERS_A_TOKEN)
        return Usage(
            model=self.model,
            input_tokens=tally.input,
            output_tokens=output,
            cache_read_tokens=tally.cache_read,
            cache_write_tokens=tally.cache_write,
            cache_write_1h_tokens=tally.cache_write_1h,
            web_searches=tally.searches,
            fast=tally.fast,
            us_only=tally.us_only,
        )

    def _take_lines(self) -> None:
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif line.startswith(b"data:"):
                self._take(bytes(line[5:]))
        if len(self._rest) > LOOKED_INTO:
            self._characters += len(self._rest)
            self._rest.clear()
            self._skipping = True

    def _take(self, data: bytes) -> None:
        try:
            piece = _Piece.model_validate_json(data)
        except ValidationError:
            self._characters += len(data)
            return
        if piece.message is not None:
            self.model = self.model or piece.message.model
            self._count(piece.message.usage)
        if not self._streamed:
            self.model = piece.model
        self._count(piece.usage)
        if piece.delta is not None:
            self._characters += piece.delta.characters()
        if piece.type == "message_delta" or not self._streamed:
            self._final = piece.usage is not None
        if piece.type == "message_stop":
            self.finished = True
        if piece.type == "error" and piece.error is not None:
            self.error = f"{piece.error.type}: {piece.error.message}"

    def _count(self, usage: _Usage | None) -> None:
        if usage is not None:
            self.counted = True
            self._tally.take(usage)
