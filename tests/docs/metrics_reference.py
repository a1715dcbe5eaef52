"""Writes docs/reference/metrics.md from the metrics themselves."""

from pathlib import Path

from honk.adapters.telemetry.metrics import NAMES, Metrics, Standing

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"
_HEAD = f"""# Metrics

Made from the metrics themselves (`tests/docs/metrics_reference.py`).

`/metrics` of `honk serve`, for Prometheus ([how to use them](../howto/watch-it.md)). What happened is counted from the
[events](events.md) of this process; gauges are asked for at each scrape. No label ever holds a task, a repository or a
person. A label with names from outside, such as a model's, takes the first {NAMES} of them; the others are `other`.

| metric | kind | labels | |
|---|---|---|---|
"""
_TAIL = """
Besides these there are the usual `process_…` ones: CPU, memory, open files, start.
"""


async def _nothing() -> Standing:
    return Standing(tasks={})


def page() -> str:
    """The whole page."""
    lines = [
        f"| `{name}` | {kind} | {' '.join(f'`{label}`' for label in labels)} | {words} |"
        for name, kind, labels, words in sorted(Metrics(_nothing, version="").described())
    ]
    return _HEAD + "\n".join(lines) + "\n" + _TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
