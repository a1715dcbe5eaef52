"""States and answers in a word, for cards."""

from honk.domain.task import State
from honk.domain.verdict import Answer

#: What each state means to somebody who reads it on a phone.
SAYS = {
    State.ACCEPTED: "Accepted",
    State.QUEUED: "In line",
    State.PREPARING: "Preparing",
    State.CODING: "At work",
    State.VERIFYING: "Verifying",
    State.PROPOSED: "Ready to merge",
    State.DRAFT: "Draft: not everything is proven",
    State.WAITING: "Waits for a person",
    State.MERGING: "Merging",
    State.MERGED: "Merged",
    State.DEPLOYING: "Deploying",
    State.DEPLOYED: "Deployed",
    State.STOPPED: "Stopped",
    State.FAILED: "Failed: nothing to show",
}
#: An answer in a sign.
MARKS = {Answer.PASS: "✓", Answer.FAIL: "✗", Answer.UNSURE: "?"}
