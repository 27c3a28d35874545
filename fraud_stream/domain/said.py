"""What people say when they change something: who they are, and why."""

from typing import Annotated

import msgspec

#: Letters of it.
LONGEST_WORD = 500
Word = Annotated[str, msgspec.Meta(max_length=LONGEST_WORD)]
