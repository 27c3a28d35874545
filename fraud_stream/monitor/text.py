"""Figures as people read them."""


def duration(seconds: float) -> str:
    """A length of time, roughly.

    >>> duration(0.021), duration(1.25), duration(90.0), duration(5_400.0), duration(1e8)
    ('21 ms', '1.25 s', '90 s', '90 min', '1,157 d')
    """
    if seconds < 1:
        return f"{1_000 * seconds:.3g} ms"
    for size, unit in ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{number(seconds / size)} {unit}"
    return f"{seconds:.3g} s"


def percent(ratio: float) -> str:
    """A share.

    >>> percent(0.0123), percent(0.745), percent(1.0)
    ('1.23 %', '74.5 %', '100 %')
    """
    return f"{100 * ratio:.3g} %"


def number(value: float) -> str:
    """A number: a large one whole, a small one to three digits.

    >>> number(5538.4), number(12), number(0.2777)
    ('5,538', '12', '0.278')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
