"""What this application costs: ``python -m benchmarks``."""
