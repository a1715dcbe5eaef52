"""What a fake sandbox does with a file that somebody uploaded: it unpacks a web app and packs it again."""

import tarfile
import zipfile
from pathlib import Path

from honk.ports import Ran

_UNPACKED = "unpacked"


def given(file: Path, workspace: Path, argv: tuple[str, ...], stdout_to: Path | None) -> Ran:
    """One of the three commands: to unpack, to find the folder of index.html, to pack that folder."""
    place = workspace / _UNPACKED
    if stdout_to is not None:
        folder = Path(argv[argv.index("-C") + 1])
        with tarfile.open(stdout_to, "w") as archive:
            for one in sorted(folder.rglob("*")):
                archive.add(one, f"./{one.relative_to(folder)}", recursive=False)
        return _ran(0)
    if place.exists():
        found = [one for one in (place, *place.iterdir()) if (one / "index.html").is_file()]
        return _ran(0 if found else 1, str(found[0]) if found else "")
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as zipped:
                zipped.extractall(place)
        else:
            with tarfile.open(file) as tarred:
                if hasattr(tarfile, "data_filter"):  # Debian 12's Python has no filters yet
                    tarred.extraction_filter = tarfile.data_filter
                tarred.extractall(place)
    except (zipfile.BadZipFile, tarfile.TarError):
        return _ran(1)
    return _ran(0)


def _ran(exit_code: int, output: str = "") -> Ran:
    return Ran(exit_code=exit_code, stdout=output.encode(), stderr=b"", seconds=0.0)
