"""What `once` means, whatever keeps the records.

A step is found by its name, not by its position: a release that adds, removes or reorders steps
still resumes what an older one began. Outcomes are kept as text, values and errors alike, so that
a resumed workflow sees exactly what the first run saw.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from honk.domain.codec import dump, dump_error, load, load_error
from honk.errors import Defect, MachineInTrouble, Retryable
from honk.ports.journal import RETRY_DELAYS

T = TypeVar("T")
#: keeps the outcome of the step with this name; returns when it is safe
Record = Callable[[str, str], Awaitable[None]]


def value_outcome(kind: type[T], value: T) -> str:
    """The outcome of what returned. Raises Defect when the value is not of that kind."""
    return json.dumps({"value": dump(kind, value)})


def error_outcome(error: Exception) -> str:
    """The outcome of what raised."""
    return json.dumps({"error": dump_error(error)})


def resolve(kind: type[T], outcome: str) -> T:
    """Returns the value, or raises the error."""
    kept = json.loads(outcome)
    if "error" in kept:
        raise load_error(kept["error"])
    return load(kind, kept["value"])


def values(outcomes: Mapping[str, str]) -> dict[str, str]:
    """What the steps returned, in their order; those that raised are left out."""
    kept = ((name, json.loads(outcome)) for name, outcome in outcomes.items())
    return {name: outcome["value"] for name, outcome in kept if "value" in outcome}


class Steps:
    """The `once` of one run of one workflow."""

    def __init__(self, recorded: Mapping[str, str], record: Record, delays: Sequence[float] = RETRY_DELAYS) -> None:
        self._recorded = recorded
        self._record = record
        self._delays = delays
        self._named: set[str] = set()
        #: whether nothing is recorded any more
        self.is_cut = False

    def cut(self) -> None:
        """Nothing is recorded from now on: what ends after this was ended by the cut."""
        self.is_cut = True

    async def __call__(self, name: str, returns: type[T], step: Callable[[], Awaitable[T]]) -> T:
        """Implements honk.ports.Once. Raises Defect for a name that this run has used already."""
        if name in self._named:
            raise Defect(f"two steps of one workflow are named {name!r}")
        self._named.add(name)
        if name in self._recorded:
            return resolve(returns, self._recorded[name])
        try:
            outcome = value_outcome(returns, await self._tried(step))
        except Exception as exc:
            await self._keep(name, error_outcome(exc))
            raise
        await self._keep(name, outcome)
        return resolve(returns, outcome)

    async def _tried(self, step: Callable[[], Awaitable[T]]) -> T:
        for delay in self._delays:
            try:
                return await step()
            except MachineInTrouble:  # whoever pauses has tried it again already
                raise
            except Retryable:
                await asyncio.sleep(delay)
        return await step()

    async def _keep(self, name: str, outcome: str) -> None:
        if self.is_cut:
            raise asyncio.CancelledError
        await self._record(name, outcome)
