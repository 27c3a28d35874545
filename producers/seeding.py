"""Random numbers that the same seed repeats."""

from random import Random


def seeded(*parts: object) -> Random:
    """Random numbers that depend on `parts` alone.

    >>> seeded(1, "labels").random() == seeded(1, "labels").random() != seeded(2, "labels").random()
    True
    """
    return Random("/".join(map(str, parts)))  # noqa: S311 - simulation keeps no secret
