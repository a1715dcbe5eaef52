"""What operators watch: metrics for Prometheus, traces by OpenTelemetry. Both are views of events and of the journal.

Nothing is counted where it happens. A watcher hears each stored event, and the watched journal tells it when
work and steps begin and end; so no step knows that it is watched. The libraries are imported by whoever wants
them: `honk.adapters.telemetry.metrics` and `honk.adapters.telemetry.export`.
"""

from honk.adapters.telemetry.journal import WatchedJournal
from honk.adapters.telemetry.traces import Traces
from honk.adapters.telemetry.watching import StepRun, Watcher, Workflow

__all__ = ["StepRun", "Traces", "WatchedJournal", "Watcher", "Workflow"]
