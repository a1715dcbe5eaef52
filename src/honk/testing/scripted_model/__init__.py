"""A scripted model behind the wire protocol of Anthropic's Messages API.

It replays scenarios to any client that speaks `POST /v1/messages`, the real Claude Code among
them. It keeps no state of a conversation: the scenario is found by a marker in the person's words,
the step by the number of assistant turns after it. So a script goes on where it was after a killed
process, in a resumed session and in a later attempt of the same session.

    async with ScriptedModel([Scenario("greet", [Say("Hello."), Say("Still here.")])]) as model:
        ...  # ask model.url with the words "[[greet]]"
"""

from honk.testing.scripted_model.asked import Asked, Picture
from honk.testing.scripted_model.script import Break, Call, Fail, Say, Scenario, Step, marker
from honk.testing.scripted_model.server import ScriptedModel

__all__ = ["Asked", "Break", "Call", "Fail", "Picture", "Say", "Scenario", "ScriptedModel", "Step", "marker"]
