"""How customers pay when nothing is wrong, the unusual included: trips, new phones, big purchases, sprees.

The unusual is what makes fraud hard to tell.  The shares below are the generator's difficulty on the genuine side: the
larger they are, the more of what fraud looks like is honest.
"""

import itertools
import math
from random import Random

from producers.customers import DAY, HOUR, Customer, Device, Population, new_device
from producers.merchants import Merchant
from producers.payments import Episode, Payment

#: Chance that a visit to the shops is a spree of three to six payments within an hour or so.
SPREE_CHANCE = 0.006
#: Chance that a payment is a big one (holiday, electronics, a gift).
BIG_CHANCE = 0.012
#: Chance that a payment is made on somebody else's device.
BORROWED_CHANCE = 0.008
#: Chance that a payment is made on a day trip, from another city.
DAY_TRIP_CHANCE = 0.008
#: Chance, at each payment, that a trip of one to nine days begins, and that the customer has bought a new phone.
TRIP_CHANCE = 0.0015
NEW_PHONE_CHANCE = 0.001
#: Share of payments at merchants the customer usually buys from.
LOYALTY = 0.8
#: Big purchases: logarithms of the median and its deviation.
_BIG_MEDIAN, _BIG_SPREAD = math.log(650.0), 0.55
_BIG_CATEGORIES = ("Electronics", "Travel", "Jewelry", "Home & Garden")


class Habits:
    """Makes genuine payments.

    Args:
        population: Who pays whom.
        random: Decides everything.
    """

    def __init__(self, population: Population, random: Random) -> None:
        self._people = population
        self._random = random
        self._big = [m for m in population.merchants if m.category in _BIG_CATEGORIES] or population.merchants
        self._tail = SPREE_CHANCE + BIG_CHANCE + BORROWED_CHANCE + DAY_TRIP_CHANCE + TRIP_CHANCE + NEW_PHONE_CHANCE

    def episode(self, time: float) -> Episode:
        """What somebody does at `time`, seconds since 1970: mostly one ordinary payment."""
        customer = self.awake(time)
        chance = self._random.random()
        return self._unusual(customer, time, chance) if chance < self._tail else [(0.0, self.pay(customer, time))]

    def awake(self, time: float) -> Customer:
        """Somebody who pays at this hour; who pays more often is chosen more often."""
        random, people = self._random.random, self._people.customers
        hour = int(time % DAY // HOUR)
        while True:
            customer = people[int(random() * len(people))]
            if random() < customer.willing[hour]:
                return customer

    def pay(
        self,
        customer: Customer,
        time: float,
        merchant: Merchant | None = None,
        *,
        log_factor: float = 0.0,
        device: Device | None = None,
        place: str | None = None,
    ) -> Payment:
        """An ordinary payment except for what is given; `log_factor` is added to the amount's logarithm."""
        merchant = merchant or self._shop(customer)
        used = device or customer.device(self._random)
        exponent = merchant.log_price + customer.log_level + self._random.gauss(log_factor, customer.spread)
        here, method = place or customer.place(time), self._method(customer)
        return make_payment(customer, merchant, exponent, device=used, place=here, method=method)

    def _shop(self, customer: Customer) -> Merchant:
        random = self._random.random
        shops = customer.merchants if random() < LOYALTY else self._people.merchants
        return shops[int(random() * len(shops))]

    def _method(self, customer: Customer) -> str:
        return customer.methods[self._random.random() > 0.85]

    def _unusual(self, customer: Customer, time: float, chance: float) -> Episode:
        chances = (SPREE_CHANCE, BIG_CHANCE, BORROWED_CHANCE, DAY_TRIP_CHANCE, TRIP_CHANCE, NEW_PHONE_CHANCE)
        actions = (self._spree, self._buy_big, self._borrow, self._day_trip, self._travel, self._buy_phone)
        for share, action in zip(chances, actions, strict=True):
            chance -= share
            if chance < 0:
                return action(customer, time)
        return [(0.0, self.pay(customer, time))]

    def _spree(self, customer: Customer, time: float) -> Episode:
        device, shops = customer.device(self._random), self._people.merchants
        return [
            (delay, self.pay(customer, time, self._random.choice(shops), log_factor=0.2, device=device))
            for delay in delays(self._random, self._random.randint(3, 6), mean_gap=720.0)
        ]

    def _buy_big(self, customer: Customer, time: float) -> Episode:
        merchant = self._random.choice(self._big)
        exponent = self._random.gauss(_BIG_MEDIAN + 0.5 * customer.log_level, _BIG_SPREAD)
        device, method = customer.device(self._random), self._method(customer)
        here = customer.place(time)
        return [(0.0, make_payment(customer, merchant, exponent, device=device, place=here, method=method))]

    def _borrow(self, customer: Customer, time: float) -> Episode:
        return [(0.0, self.pay(customer, time, device=new_device(self._random)))]

    def _day_trip(self, customer: Customer, time: float) -> Episode:
        return [(0.0, self.pay(customer, time, place=self._random.choice(self._people.cities)))]

    def _travel(self, customer: Customer, time: float) -> Episode:
        customer.away = self._random.choice(self._people.cities)
        customer.away_until = time + self._random.uniform(1, 9) * DAY
        return [(0.0, self.pay(customer, time, self._random.choice(self._people.merchants), log_factor=0.3))]

    def _buy_phone(self, customer: Customer, time: float) -> Episode:
        customer.devices = [new_device(self._random, "mobile"), *customer.devices[:2]]
        return [(0.0, self.pay(customer, time))]


def delays(random: Random, number: int, mean_gap: float) -> list[float]:
    """Seconds from the first of `number` payments to each of them; the gaps are exponential."""
    return list(itertools.accumulate((random.expovariate(1 / mean_gap) for _ in range(number - 1)), initial=0.0))


def make_payment(
    customer: Customer, merchant: Merchant, exponent: float, *, device: Device, place: str, method: str
) -> Payment:
    """A payment of ``e ** exponent``, rounded to cents, at least 0.50."""
    amount = max(0.5, round(math.exp(exponent), 2))
    return Payment("", customer.id, "", amount, merchant.id, merchant.category, method, device.type, device.id, place)
