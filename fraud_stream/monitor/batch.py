"""The batch pipeline: none tells anything of itself yet."""

from fraud_stream.monitor.section import Section
from fraud_stream.monitor.seen import Seen


def batch(_: Seen) -> Section:
    """What is known of its runs: nothing, and that is said."""
    return Section({}, note="no batch pipeline is known here")
