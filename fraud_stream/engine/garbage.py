"""How often Python looks for cyclic garbage."""

import gc

#: It looks at every object that is held again and again, for cycles that a stream does not make; run this rarely it
#: costs a worker a fifth of the CPU less, and whoever goes through a file up to half.
_THRESHOLDS = (200_000, 50, 100)


def collect_rarely() -> None:
    """Have this process do it rarely: it holds much, and makes hardly any cycles."""
    gc.set_threshold(*_THRESHOLDS)
