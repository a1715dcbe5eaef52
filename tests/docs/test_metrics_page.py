"""Every metric is documented."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import metrics_reference


def test_the_page_of_metrics_is_what_the_metrics_say() -> None:
    """tests/docs/metrics_reference.py writes it."""
    assert metrics_reference.PAGE.read_text(encoding="utf-8") == metrics_reference.page()
