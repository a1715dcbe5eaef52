"""What is stored in somebody's database loads for ever."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import golden_records
from golden_records import GOLDEN, RECORDS
from honk.domain.codec import dump, load


def test_every_record_has_an_example() -> None:
    assert {path.name.split(".1.")[0] for path in GOLDEN.glob("*.1.json")} == set(RECORDS), (
        f"run .venv/bin/python {golden_records.__file__}"
    )


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_old_records_always_load(path: Path) -> None:
    kind, _ = RECORDS[path.name.rsplit(".", 2)[0]]
    text = path.read_text(encoding="utf-8")
    value = load(kind, text)
    again = json.loads(dump(kind, value))
    assert again == _with(again, json.loads(text)), "a field of the stored record was lost"


def _with(now: object, stored: object) -> object:
    """What is stored, and whatever fields the shape has got since."""
    if isinstance(now, dict) and isinstance(stored, dict):
        return {**now, **{key: _with(now.get(key), value) for key, value in stored.items()}}
    if isinstance(now, list) and isinstance(stored, list) and len(now) == len(stored):
        return [_with(one, other) for one, other in zip(now, stored, strict=True)]
    return stored
