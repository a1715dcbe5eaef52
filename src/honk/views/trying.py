"""What changed and what to try, in the agent's last words: show them as what somebody outside wrote."""

from honk.domain.text import shortened

_TRY = frozenset({"to try", "try", "try it", "what to try"})
#: marks that models put around a line's beginning
_MARKS = "*-_#>• \t"
_CHANGED, _TRIED = 200, 300


def what_to_try(summary: str) -> str:
    """The agent's last line that begins with "To try:", in one line without these words; "" where it wrote none."""
    return next((shortened(tried, _TRIED) for line in reversed(summary.splitlines()) if (tried := _tried(line))), "")


def what_changed(summary: str, files: int, insertions: int, deletions: int) -> tuple[str, str]:
    """The beginning of the agent's summary, "" where there is none, and how much was changed, in one line each."""
    lines = (line.strip(_MARKS) for line in summary.splitlines() if not _tried(line))
    said = next((shortened(line, _CHANGED) for line in lines if line), "")
    return said, f"{files} {'file' if files == 1 else 'files'}, +{insertions} −{deletions}"


def _tried(line: str) -> str:
    head, _, rest = line.strip(_MARKS).partition(":")
    return rest.strip(_MARKS) if head.strip(_MARKS).lower() in _TRY else ""
