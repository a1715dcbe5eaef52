"""What a job printed, as plain text: https://docs.gitlab.com/ci/jobs/job_logs/"""

import re

#: Colours and movements of the cursor.
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
#: Marks of the folds on the job's page.
_SECTION = re.compile(r"section_(?:start|end):\d+:[^\r\n]*?\r")
#: A runner that is told to stamp its lines begins each with the moment, a number and a stream.
_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z [0-9a-f]{2}[OE][ +]?", re.MULTILINE)


def readable(printed: bytes) -> str:
    """Without colours, folds and stamps; of a line that was written over, what was seen last."""
    text = _STAMP.sub("", printed.decode("utf-8", "replace"))
    text = _SECTION.sub("", _ESCAPE.sub("", text)).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
