"""What workers need of a store to limit how many of them call one module at once."""

from __future__ import annotations

from typing import Protocol

from okapi_install.domain.rollouts.turns import TurnLimits
from okapi_install.service.ports.values import Claim


class TurnStore(Protocol):
    """The queues of modules, by product. Without a limit none of this is called."""

    def take_turn(self, claim: Claim, pos: int, product: str, limits: TurnLimits) -> bool:
        """Queues the running step of a claimed job, and says whether it may call the module now; to be asked again.

        A turn lasts until `end_turn`, or until its step does not run any more. Raises LostJob.
        """

    def end_turn(self, job_id: str, pos: int) -> None:
        """Ends the turn of a step, whoever has it."""
