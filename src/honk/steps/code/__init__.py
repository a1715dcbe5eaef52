"""workspace → attempt: the agent works in its sandbox, and its tree is handed back.

Whatever ends the work early (money, calls, time, a stop, the model), the tree as it is then is
taken over: a limit ends in a draft, not in a kill.
"""

from honk.steps.code.attempt import code
from honk.steps.code.standing import first_words, guidance
from honk.steps.code.work import Order

__all__ = ["Order", "code", "first_words", "guidance"]
