"""Real-time fraud detection for online payments on Faust and Kafka.

``faust -A fraud_stream worker`` finds the application as ``fraud_stream.app``. It is made on first use, so that
``import fraud_stream.domain`` needs neither Faust nor a configuration.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Make the Faust application when it is first asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fraud_stream.app import app  # noqa: PLC0415 - lazily: see above

    globals()["app"] = app  # importing the submodule has just set this name to the module
    return app
