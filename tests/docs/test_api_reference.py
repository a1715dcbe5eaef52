"""docs/reference/api.md is what the API says of itself."""

from api_reference import PAGE, render


def test_the_page_of_the_api_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), ".venv/bin/python tests/docs/api_reference.py writes it anew"
