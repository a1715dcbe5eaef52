"""What an app's file is, read without walls: for files that a test has made."""

import json
from pathlib import Path

from honk.adapters.mobile import reading_of
from honk.adapters.mobile.inside.reading import read
from honk.ports import Ran, Reading


class FakePackages:
    """See `Packages`. It reads as the real one does, but in this process."""

    async def read(self, file: Path) -> Reading:
        said = json.dumps(read(file)).encode()
        return reading_of(Ran(exit_code=0, stdout=said, stderr=b"", seconds=0.0))
