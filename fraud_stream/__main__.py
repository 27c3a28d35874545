"""``python -m fraud_stream``, where the console script is not installed."""

from fraud_stream.cli import main

main(prog_name="fraud-stream")
