"""The error of this package."""

from fraud_stream.errors import FraudStreamError


class BenchmarkError(FraudStreamError):
    """A measurement cannot be made, or came out wrong."""
