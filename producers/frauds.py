"""The kinds of fraud, and what each looks like.

How hard they are to find is set here: `SHARES` says how much of each there is, and each kind's own numbers how far it
lies from its victim's habits.  Amounts overlap with genuine ones throughout: no threshold separates them, and the
genuine side has its own unusual payments (`producers.habits`).
"""

import math
from collections.abc import Collection
from random import Random
from typing import NamedTuple

from producers.customers import DAY, Customer, Device, Population, new_device
from producers.habits import Habits, delays, make_payment
from producers.merchants import Merchant
from producers.payments import Episode, Payment

#: Share of all merchants that are compromised at a time.  The more, the fewer frauds each has among genuine payments.
COMPROMISED_SHARE = 0.01
#: Days that a merchant stays compromised, at least and at most.
COMPROMISED_DAYS = (3.0, 12.0)
#: Chance that a thief uses a device of his own, and pays from another place than the victim.
THIEF_DEVICE_CHANCE = 0.7
THIEF_PLACE_CHANCE = 0.6
#: Chance that a card that has been tested is used for a big payment at once.
CASH_IN_CHANCE = 0.35
#: What is sold on most easily.
_LOOT = ("Electronics", "Jewelry", "Clothing", "Digital Goods")
_CARDS = ("Credit Card", "Debit Card")


class Kind(NamedTuple):
    """A kind of fraud: its share of all fraudulent payments, and how many payments one case has on average."""

    share: float
    payments: float


SHARES = {
    "stolen_card_burst": Kind(0.25, 5.5),
    "card_testing": Kind(0.20, 10.4),
    "account_takeover": Kind(0.20, 2.5),
    "amount_out_of_habit": Kind(0.15, 1.0),
    "compromised_merchant": Kind(0.20, 1.0),
}


class Frauds:
    """Makes fraudulent payments.

    Args:
        population: Who is robbed, and where.
        habits: What the victims usually do.
        random: Decides everything.
        start: When the stream starts, seconds since 1970.
        kinds: Which kinds; of `SHARES`.
    """

    def __init__(
        self,
        population: Population,
        habits: Habits,
        random: Random,
        start: float,
        kinds: Collection[str] = SHARES.keys(),
    ) -> None:
        self._people = population
        self._habits = habits
        self._random = random
        self._shops = list(dict.fromkeys(population.merchants))  # each once, in an order that the seed repeats
        self._loot = [m for m in population.merchants if m.category in _LOOT] or population.merchants
        self._compromised = [self._compromise(start, random.random()) for _ in range(self._number_compromised())]
        self._cases = {
            "stolen_card_burst": self._burst,
            "card_testing": self._testing,
            "account_takeover": self._takeover,
            "amount_out_of_habit": self._out_of_habit,
            "compromised_merchant": self._at_compromised,
        }
        self._weights = [SHARES[kind].share / SHARES[kind].payments if kind in kinds else 0.0 for kind in self._cases]

    def episode(self, time: float) -> tuple[str, Episode]:
        """A case that begins at `time`, seconds since 1970: its kind and its payments."""
        kind = self._random.choices(list(self._cases), self._weights)[0]
        return kind, self._cases[kind](time)

    def _burst(self, time: float) -> Episode:
        """A thief buys what sells, three to eight times within an hour."""
        victim = self._victim()
        device, place = self._thief_device(victim), self._thief_place(victim, time)
        return [
            (delay, self._purchase(victim, math.log(320.0), 0.8, device, place))
            for delay in delays(self._random, self._random.randint(3, 8), mean_gap=400.0)
        ]

    def _testing(self, time: float) -> Episode:
        """A program tries a card with tiny amounts, seconds apart; sometimes a big payment follows."""
        victim, merchant = self._victim(), self._random.choice(self._people.merchants)
        device, place = new_device(self._random, "desktop"), self._thief_place(victim, time)
        times = delays(self._random, self._random.randint(6, 14), mean_gap=25.0)
        tests = [(delay, self._test(victim, merchant, device, place)) for delay in times]
        if self._random.random() >= CASH_IN_CHANCE:
            return tests
        return [*tests, (times[-1] + 60.0, self._purchase(victim, math.log(700.0), 0.6, device, place))]

    def _takeover(self, time: float) -> Episode:
        """Somebody logs in as the victim, from a new device and another place, and pays a few times within hours."""
        victim, device = self._victim(), new_device(self._random)
        place = self._elsewhere(victim, time)
        return [
            (delay, self._habits.pay(victim, time, log_factor=1.6, device=device, place=place))
            for delay in delays(self._random, self._random.randint(1, 4), mean_gap=1_500.0)
        ]

    def _out_of_habit(self, time: float) -> Episode:
        """One payment far above the victim's own, from their own device and place."""
        victim = self._victim()
        return [(0.0, self._habits.pay(victim, time, log_factor=self._random.uniform(1.8, 3.4)))]

    def _at_compromised(self, time: float) -> Episode:
        """An ordinary payment, but for the merchant's leak: only what happens at this merchant gives it away."""
        victim = self._habits.awake(time)
        return [(0.0, self._habits.pay(victim, time, self._leaking(time)))]

    def _leaking(self, time: float) -> Merchant:
        place = self._random.randrange(len(self._compromised))
        if time >= self._compromised[place][1]:
            self._compromised[place] = self._compromise(time)
        return self._compromised[place][0]

    def _compromise(self, time: float, left: float = 1.0) -> tuple[Merchant, float]:
        return self._random.choice(self._shops), time + left * self._random.uniform(*COMPROMISED_DAYS) * DAY

    def _number_compromised(self) -> int:
        return max(1, round(COMPROMISED_SHARE * len(self._shops)))

    def _victim(self) -> Customer:
        return self._random.choice(self._people.customers)

    def _thief_device(self, victim: Customer) -> Device:
        return new_device(self._random) if self._random.random() < THIEF_DEVICE_CHANCE else victim.device(self._random)

    def _thief_place(self, victim: Customer, time: float) -> str:
        return self._elsewhere(victim, time) if self._random.random() < THIEF_PLACE_CHANCE else victim.place(time)

    def _elsewhere(self, victim: Customer, time: float) -> str:
        place = here = victim.place(time)
        while place in (here, victim.home):
            place = self._random.choice(self._people.cities)
        return place

    def _purchase(self, victim: Customer, log_median: float, spread: float, device: Device, place: str) -> Payment:
        exponent = self._random.gauss(log_median + 0.5 * victim.log_level, spread)
        merchant = self._random.choice(self._loot)
        return make_payment(victim, merchant, exponent, device=device, place=place, method=self._card(victim))

    def _test(self, victim: Customer, merchant: Merchant, device: Device, place: str) -> Payment:
        exponent = math.log(self._random.uniform(0.5, 6.0))
        return make_payment(victim, merchant, exponent, device=device, place=place, method=self._card(victim))

    def _card(self, victim: Customer) -> str:
        return next((method for method in victim.methods if method in _CARDS), _CARDS[0])
