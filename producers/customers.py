"""Customers and their habits: where they live, what they pay with, where, when, how often and how much."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from faker import Faker

from producers.merchants import Merchant, crowd, make_merchants, popularity
from producers.seeding import seeded

HOUR = 3_600.0
DAY = 86_400.0
PAYMENT_METHODS = {
    "Credit Card": 40,
    "Debit Card": 28,
    "PayPal": 16,
    "Bank Transfer": 8,
    "Gift Card": 5,
    "Cryptocurrency": 3,
}
DEVICE_TYPES = {"mobile": 60, "desktop": 30, "tablet": 10}
#: Cities that people live in and travel to.
CITIES = 150
#: Standard deviation of the logarithm of customers' levels of spending.
LEVEL_SPREAD = 0.45
#: Share of customers whose device id is another one each time, as a cleared cookie makes it.
FORGETFUL_SHARE = 0.01
#: Share of customers who are on a trip when the stream starts.
AWAY_SHARE = 0.03
#: Hours (UTC) at which customers pay most, and the weight of each such habit.
_PEAKS = {8: 15, 12: 25, 18: 35, 21: 20, 1: 5}
#: How willingly somebody pays so many hours from their peak, against the peak itself.
_WILLING = (1.0, 0.97, 0.88, 0.74, 0.6, 0.46, 0.34, 0.24, 0.16, 0.1, 0.06, 0.04, 0.03)


class Device(NamedTuple):
    """What somebody pays with: its type and its id."""

    type: str
    id: str


@dataclass(slots=True)
class Customer:
    """Somebody with habits.

    Attributes:
        id: ``CUST-`` and eight digits.
        home: Where they live.
        log_level: How much they spend against others, natural logarithm.
        spread: Standard deviation of the logarithm of their payments at one merchant.
        devices: What they pay with, the usual one first.
        forgetful: Whether their device has another id each time.
        methods: The usual payment method and the other one.
        merchants: Where they usually buy.
        willing: The chance that they pay in each hour of the day (UTC), against their best hour.
        away: Where they travel to.
        away_until: When the trip ends, seconds since 1970.
    """

    id: str
    home: str
    log_level: float
    spread: float
    devices: list[Device]
    forgetful: bool
    methods: tuple[str, str]
    merchants: list[Merchant]
    willing: tuple[float, ...]
    away: str
    away_until: float

    def place(self, time: float) -> str:
        """Where they are at `time`, seconds since 1970."""
        return self.away if time < self.away_until else self.home

    def device(self, random: Random) -> Device:
        """What they pay with this time."""
        chosen = self.devices[0] if random.random() < 0.85 else random.choice(self.devices)
        return new_device(random, chosen.type) if self.forgetful else chosen


@dataclass(frozen=True)
class Population:
    """Everybody who takes part; each customer and merchant is in its crowd as often as it pays or is paid.

    Attributes:
        customers: The customers' crowd.
        merchants: The merchants' crowd.
        cities: Where customers live and travel.
    """

    customers: list[Customer]
    merchants: list[Merchant]
    cities: list[str]


def make_population(customers: int, merchants: int, seed: int, start: float) -> Population:
    """A population that depends on its sizes and `seed`; `start` (seconds since 1970) is when its trips begin."""
    random = seeded(seed, "population")
    cities = make_cities(seed)
    shops = crowd(make_merchants(merchants, random), popularity(merchants))
    idents = random.sample(range(100_000_000), customers)
    people = [_customer(ident, shops, cities, start, random) for ident in idents]
    activity = [min(12, 1 + int(random.expovariate(0.5))) for _ in people]
    return Population(crowd(people, activity), shops, cities)


def make_cities(seed: int) -> list[str]:
    """Names of cities, none twice."""
    faker = Faker("en_US")
    faker.seed_instance(seed)
    names: dict[str, None] = {}
    while len(names) < CITIES:
        names[faker.city()] = None
    return list(names)


def _customer(ident: int, shops: list[Merchant], cities: list[str], start: float, random: Random) -> Customer:
    is_away = random.random() < AWAY_SHARE
    return Customer(
        id=f"CUST-{ident:08d}",
        home=random.choice(cities),
        log_level=random.gauss(0, LEVEL_SPREAD),
        spread=random.uniform(0.3, 0.7),
        devices=[new_device(random) for _ in range(random.choice((1, 1, 2, 2, 3)))],
        forgetful=random.random() < FORGETFUL_SHARE,
        methods=_methods(random),
        merchants=random.choices(shops, k=8),
        willing=_WILLING_BY_PEAK[random.choices(list(_PEAKS), list(_PEAKS.values()))[0]],
        away=random.choice(cities),
        away_until=start + random.uniform(0, 6 * DAY) if is_away else 0.0,
    )


def _methods(random: Random) -> tuple[str, str]:
    usual, other = random.choices(list(PAYMENT_METHODS), list(PAYMENT_METHODS.values()), k=2)
    return usual, other


def new_device(random: Random, kind: str | None = None) -> Device:
    """A device that nobody has used before, of that type if one is named."""
    chosen = kind or random.choices(list(DEVICE_TYPES), list(DEVICE_TYPES.values()))[0]
    return Device(chosen, f"DEV-{random.getrandbits(40):010x}")


def _willing(peak: int) -> tuple[float, ...]:
    distances = (abs(hour - peak) for hour in range(24))
    return tuple(_WILLING[min(distance, 24 - distance)] for distance in distances)


_WILLING_BY_PEAK = {peak: _willing(peak) for peak in _PEAKS}
