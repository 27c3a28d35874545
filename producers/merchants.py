"""Merchants: what they sell, what it costs there, and how many people buy from them."""

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeVar

Member = TypeVar("Member")

#: Standard deviation of the logarithm of merchants' price levels within a category.
PRICE_SPREAD = 0.35
#: The most popular merchant is this many times as popular as the least.
LARGEST_CROWD = 30


class Category(NamedTuple):
    """A kind of goods: its name, the median payment for it (currency) and its weight among merchants."""

    name: str
    median: float
    weight: int


CATEGORIES = (
    Category("Groceries", 38.0, 20),
    Category("Food Delivery", 24.0, 14),
    Category("Digital Goods", 12.0, 8),
    Category("Books", 18.0, 7),
    Category("Clothing", 55.0, 13),
    Category("Beauty", 30.0, 7),
    Category("Home & Garden", 70.0, 9),
    Category("Sports", 60.0, 6),
    Category("Toys", 32.0, 4),
    Category("Electronics", 190.0, 7),
    Category("Jewelry", 230.0, 2),
    Category("Travel", 380.0, 3),
)


class Merchant(NamedTuple):
    """Where people pay.

    Attributes:
        id: ``MERCH-`` and six digits.
        category: What it sells.
        log_price: Natural logarithm of its median payment.
    """

    id: str
    category: str
    log_price: float


def make_merchants(number: int, random: Random) -> list[Merchant]:
    """That many merchants, most popular first."""
    idents = random.sample(range(1_000_000), number)
    categories = random.choices(CATEGORIES, [category.weight for category in CATEGORIES], k=number)
    return [
        Merchant(f"MERCH-{ident:06d}", category.name, math.log(category.median) + random.gauss(0, PRICE_SPREAD))
        for ident, category in zip(idents, categories, strict=True)
    ]


def crowd(members: Sequence[Member], weights: Sequence[int]) -> list[Member]:
    """Each member as often as its weight says, so that a uniform choice is a weighted one, at a tenth of its cost.

    >>> crowd("ab", [1, 3])
    ['a', 'b', 'b', 'b']
    """
    return [member for member, weight in zip(members, weights, strict=True) for _ in range(weight)]


def popularity(number: int) -> list[int]:
    """Weights of merchants, most popular first: a power of the rank, as shops' sizes are.

    >>> popularity(4)
    [30, 18, 14, 11]
    """
    return [max(1, round(LARGEST_CROWD / rank**0.7)) for rank in range(1, number + 1)]
