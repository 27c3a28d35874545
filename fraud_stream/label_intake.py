"""From the bytes of a record to a label, or to the reason why it is refused."""

import math

import msgspec

from fraud_stream.domain.intake import YEAR_2000, Refused, event_time
from fraud_stream.records import Label
from fraud_stream.sections import LimitSettings

_decode = msgspec.json.Decoder(Label).decode


class LabelIntake:
    """Reads labels; the stream, the pipeline and the archive take the same for one.

    Args:
        limits: How large a record may be, and how far ahead of the broker's clock.
    """

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits

    def read(self, value: bytes | None, now: float = math.inf) -> Label:
        """The label in `value`; `now` is when the broker had it, seconds since 1970.

        Raises:
            Refused: It is none.
        """
        if value is None:
            raise Refused("null", "the record has no value")
        if len(value) > self._limits.max_bytes:
            raise Refused("oversize", f"{len(value)} bytes; at most {self._limits.max_bytes} are read")
        try:
            return self._with_checked_time(_decode(value), now)
        except msgspec.ValidationError as error:
            raise Refused("wrong_type", str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("undecodable", f"not JSON: {error}") from None

    def _with_checked_time(self, label: Label, now: float) -> Label:
        """The label with its time in seconds.

        Raises:
            Refused: It is before 2000 or too far ahead of `now`.
        """
        moment = event_time(label.labelled_at)
        if not YEAR_2000 <= moment <= now + self._limits.max_ahead:
            raise Refused("bad_timestamp", f"labelled_at {label.labelled_at} is before 2000 or too far in the future")
        return label if moment == label.labelled_at else msgspec.structs.replace(label, labelled_at=moment)
