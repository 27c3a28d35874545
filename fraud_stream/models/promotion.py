"""Promotions: who decides, since when, and by whose word."""

import logging
from typing import Annotated, Literal

import msgspec

from fraud_stream.domain.said import Word

log = logging.getLogger(__name__)

Decides = Literal["online", "challenger", "blend"]
NAME = "decision"
KIND = "promotions"
#: Promotions that are remembered.
REMEMBERED = 20


class Promotion(msgspec.Struct, frozen=True):
    """A word that changed who decides.

    Attributes:
        decides: ``online``, ``challenger`` or ``blend``; null where it is left to the setting again.
        before: Who was to decide until then; null where it was left to the setting.
        challenger: Version of the challenger that was announced then; null where there was none.
        since: When it was said, seconds since 1970.
        by: The user who said it.
        reason: Why.
    """

    decides: Decides | None
    before: Decides | None
    challenger: int | None
    since: float
    by: Word
    reason: Word


class Promotions(msgspec.Struct, frozen=True):
    """The last promotions; the newest is in force.

    Attributes:
        name: The key on the `models` topic: ``decision``.
        kind: ``promotions``.
        promotions: The newest last.

    >>> Promotions().decides is None
    True
    """

    name: Literal["decision"] = "decision"
    kind: Literal["promotions"] = "promotions"
    promotions: Annotated[list[Promotion], msgspec.Meta(max_length=REMEMBERED)] = []

    @property
    def decides(self) -> Decides | None:
        """Who decides; None where it is left to the setting."""
        return self.promotions[-1].decides if self.promotions else None

    def then(self, promotion: Promotion) -> "Promotions":
        """With one more; the oldest is forgotten where there are too many."""
        return msgspec.structs.replace(self, promotions=[*self.promotions, promotion][-REMEMBERED:])


class Chair:
    """Says who decides: the newest promotion, or else the setting.

    Args:
        setting: Who decides without a promotion.

    Attributes:
        record: The promotions read; the record that was announced last counts.
        refused: How many records were none.
    """

    def __init__(self, setting: Decides = "online") -> None:
        self.setting = setting
        self.record = Promotions()
        self.refused = 0
        self._decoder = msgspec.json.Decoder(Promotions)

    @property
    def decides(self) -> Decides:
        """Who decides."""
        return self.record.decides or self.setting

    def offer(self, data: bytes) -> None:
        """Take announced promotions into force; what is none changes nothing."""
        try:
            self.record = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.refused += 1
            log.error("refused promotions, %s decides as before: %s", self.decides, error)
