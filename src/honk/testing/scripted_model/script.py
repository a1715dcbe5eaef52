"""What a scripted model says: scenarios made of steps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from honk.testing.scripted_model.asked import Asked


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. The client's own names, such as "Edit", "Bash" or "mcp__honk__verify"."""

    tool: str
    input: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """One assistant turn: text, then tool calls (several run in parallel). Without calls it ends the turn."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    #: each must occur in what is new since the last turn; otherwise the request is refused, loudly
    expects: tuple[str, ...] = ()
    #: none may occur in it
    refuses: tuple[str, ...] = ()
    #: stream half of the text, then wait for `ScriptedModel.release(hold)`
    hold: str = ""
    #: None means an estimate from the sizes
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """An error before any answer; the client may ask again. It is no turn of the conversation.

    `times` counts in this server only; None means for ever.
    """

    status: int
    message: str = "scripted failure"
    times: int | None = 1
    #: value of the `retry-after` header, in seconds
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """The stream begins, says `text`, and the connection is cut. No turn of the conversation."""

    text: str = "I was about to"
    times: int | None = 1


#: A step that depends on what was asked.
Depends = Callable[[Asked], Say]
Step = Say | Fail | Break | Depends


def marker(name: str) -> str:
    """The words that choose the scenario of that name, where it has no own marker."""
    return f"[[{name}]]"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named script. `Fail` and `Break` steps come before the turn that follows them in the list."""

    name: str
    steps: Sequence[Step]
    #: words of the person that choose it; "" means `marker(name)`
    words: str = ""
    #: the last turn is repeated for ever
    repeat: bool = False
    #: the answer when the script has ended; None refuses the request, loudly
    after: Say | None = None

    @property
    def marker(self) -> str:
        return self.words or marker(self.name)

    def turn(self, number: int) -> tuple[tuple[Fail | Break, ...], Say | Depends | None]:
        """What may go wrong before the turn of that number (from 0), and the turn; None beyond the end."""
        trouble: list[Fail | Break] = []
        turns = 0
        last: Say | Depends | None = None
        for step in self.steps:
            if isinstance(step, Fail | Break):
                trouble.append(step)
                continue
            if turns == number:
                return tuple(trouble), step
            turns, last, trouble = turns + 1, step, []
        if self.repeat and last is not None:
            return tuple(trouble), last
        return tuple(trouble), self.after


def choose(scenarios: Sequence[Scenario], asked: Asked) -> tuple[Scenario, int] | None:
    """The scenario whose marker the person used last, and how many of its turns are over.

    Turns are counted from the first use of that marker, so that an instruction which is repeated
    in the same session (a resumed turn, a second attempt) goes on with the script.
    """
    latest: tuple[tuple[int, int, int], Scenario] | None = None
    first: dict[str, int] = {}
    for order, (index, text) in enumerate(asked.said()):
        for scenario in scenarios:
            at = text.rfind(scenario.marker)
            if at < 0:
                continue
            first.setdefault(scenario.name, index)
            rank = (order, at, len(scenario.marker))
            if latest is None or rank >= latest[0]:
                latest = (rank, scenario)
    if latest is None:
        return None
    return latest[1], asked.turns_after(first[latest[1].name])
