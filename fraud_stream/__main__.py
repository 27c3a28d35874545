"""``fraud-stream``, and ``python -m fraud_stream`` where the console script is not installed."""

from fraud_stream.cli import main
from fraud_stream.engine.garbage import collect_rarely


def run() -> None:
    """Run a command in a process of its own."""
    collect_rarely()
    main(prog_name="fraud-stream")


if __name__ == "__main__":
    run()
