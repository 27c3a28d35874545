"""Text from records, safe to print."""


def printable(text: str) -> str:
    r"""`text` with control characters written out, so that a record cannot steer a terminal or forge a line of a log.

    >>> printable("ok\x1b[2J\n")
    'ok\\x1b[2J\\n'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
