import itertools
import re
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from statistics import median
from typing import Any

import msgspec
import pytest

from fraud_stream.domain.intake import Intake, Refused
from fraud_stream.domain.transaction import OPTIONAL, Transaction
from producers.customers import make_population
from producers.faults import FaultRates
from producers.frauds import SHARES
from producers.stream import Recipe, Sent, Stream

START = 1_704_067_200.0
RECIPE = Recipe(rate=1_000 / 3_600, start=START, count=6_000, customers=300, merchants=100)
CLEAN = FaultRates(missing=0.0, duplicate=0.0, outlier=0.0)


@cache
def made(recipe: Recipe = RECIPE) -> list[Sent]:
    return list(Stream(recipe))


def read(sent: Sent) -> Transaction:
    return Intake().read(sent.value)


def share(sents: list[Sent], name: str) -> float:
    return sum(bool(getattr(sent, name)) for sent in sents) / len(sents)


def test_the_same_seed_and_start_give_the_same_bytes_and_others_give_others() -> None:
    few = replace(RECIPE, count=500)
    values = [[sent.value for sent in Stream(recipe)] for recipe in (few, few, replace(few, seed=2))]
    assert values[0] == values[1]
    assert not set(values[0]) & set(values[2])


def test_the_seed_alone_makes_the_customers_and_the_start_makes_other_transactions() -> None:
    early, late = (make_population(300, 100, 1, start) for start in (START, START + 86_400))
    assert [(c.id, c.home, c.devices, c.merchants) for c in early.customers] == [
        (c.id, c.home, c.devices, c.merchants) for c in late.customers
    ]
    later = made(replace(RECIPE, start=START + 86_400))
    assert {sent.customer_id for sent in later} <= {customer.id for customer in early.customers}
    assert not {sent.transaction_id for sent in later} & {sent.transaction_id for sent in made()}


def test_a_rate_of_1000_an_hour_gives_exactly_6000_records_in_6_hours_in_order() -> None:
    times = [sent.time for sent in made()]
    assert len(times) == 6_000
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] < START + 6 * 3_600
    hours = Counter(int((time - START) // 3_600) for time in times)
    assert all(980 <= hours[hour] <= 1_020 for hour in range(6))


@pytest.mark.parametrize("count", [100, 1_000, 6_000])
@pytest.mark.parametrize("rate", [0.0, 0.08, 0.5, 1.0])
def test_the_share_of_fraud_is_the_rate(count: int, rate: float) -> None:
    sents = made(replace(RECIPE, count=count, fraud_rate=rate, faults=CLEAN))
    assert sum(sent.kind is not None for sent in sents) == pytest.approx(rate * count, abs=4)


def test_the_share_of_fraud_of_an_endless_stream_is_the_rate_from_the_beginning() -> None:
    stream = Stream(replace(RECIPE, count=None, rate=50.0))
    frauds = [sent.kind is not None for sent in itertools.islice(stream, 6_000)]
    assert sum(frauds[:1_000]) == pytest.approx(80, abs=10)
    assert sum(frauds) == pytest.approx(480, abs=20)


def test_the_shares_of_faults_are_their_rates() -> None:
    sents = made(replace(RECIPE, count=20_000))
    assert share(sents, "missing") == pytest.approx(0.05, abs=0.006)
    assert share(sents, "duplicate") == pytest.approx(0.01, abs=0.003)
    assert share(sents, "outlier") == pytest.approx(0.02, abs=0.004)
    assert share(sents, "broken") == 0


def test_without_faults_there_are_none() -> None:
    sents = made(replace(RECIPE, faults=CLEAN))
    assert not any(sent.missing or sent.duplicate or sent.outlier or sent.broken for sent in sents)
    assert all(None not in msgspec.structs.astuple(read(sent)) for sent in sents)


def test_the_worker_reads_every_record_as_it_was_meant() -> None:
    for sent in made():
        tx = read(sent)
        assert (tx.transaction_id, tx.customer_id, tx.timestamp) == (
            sent.transaction_id,
            sent.customer_id,
            sent.event_time,
        )
        assert any(getattr(tx, name) is None for name in OPTIONAL) == sent.missing


def test_the_schema_is_the_documented_one() -> None:
    patterns = {
        "transaction_id": r"TXN-[0-9a-f]{12}",
        "customer_id": r"CUST-\d{8}",
        "merchant_id": r"MERCH-\d{6}",
        "timestamp": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        "device_type": "mobile|desktop|tablet",
        "payment_method": "Credit Card|Debit Card|PayPal|Bank Transfer|Cryptocurrency|Gift Card",
    }
    for sent in made():
        record = msgspec.json.decode(sent.value)
        assert all(re.fullmatch(pattern, record.get(name, "")) for name, pattern in patterns.items() if name in record)
        assert round(record["amount"], 2) == record["amount"] >= 0.5
        assert "is_fraud" not in record


def test_fast_streams_write_milliseconds() -> None:
    fast = [read(sent).timestamp for sent in made(replace(RECIPE, rate=50.0, count=200, faults=CLEAN))]
    assert len(set(fast)) == len(fast)


def test_truth_travels_only_where_it_is_asked_for() -> None:
    for sent in made(replace(RECIPE, truth=True, kinds=True)):
        record = msgspec.json.decode(sent.value)
        assert record["is_fraud"] == (sent.kind is not None)
        assert record.get("fraud_kind") == sent.kind


def test_ids_are_unique_and_a_duplicate_is_the_same_record_again_a_little_later() -> None:
    first: dict[str, Sent] = {}
    for sent in made():
        if sent.duplicate:
            original = first[sent.transaction_id]
            assert (sent.value, sent.customer_id, sent.kind) == (original.value, original.customer_id, original.kind)
            assert 0 < sent.time - original.time < 600
        else:
            assert sent.transaction_id not in first
            first[sent.transaction_id] = sent


def test_outliers_are_genuine_and_ten_times_as_high() -> None:
    outliers = [sent for sent in made(replace(RECIPE, count=20_000)) if sent.outlier]
    others = [read(sent).amount for sent in made() if not sent.outlier and not sent.kind]
    assert not any(sent.kind for sent in outliers)
    assert median(read(sent).amount for sent in outliers) > 10 * median(others)


def test_every_broken_record_is_refused_for_one_of_several_reasons() -> None:
    sents = made(replace(RECIPE, count=1_000, faults=FaultRates(broken=0.2)))
    reasons: Counter[str] = Counter()
    for sent in sents:
        try:
            read(sent)
        except Refused as refusal:
            assert sent.broken
            reasons[refusal.reason] += 1
        else:
            assert not sent.broken
    assert share(sents, "broken") == pytest.approx(0.2, abs=0.04)
    assert set(reasons) == {"undecodable", "missing_field", "bad_amount", "bad_timestamp"}


@cache
def cases() -> dict[str, list[list[Transaction]]]:
    """The cases of each kind: frauds of one customer less than 90 minutes apart."""
    found: dict[tuple[str, str], list[list[Transaction]]] = defaultdict(list)
    for sent in made(replace(RECIPE, count=20_000, customers=5_000, faults=CLEAN)):
        if sent.kind:
            tx, of_customer = read(sent), found[sent.kind, sent.customer_id]
            if of_customer and tx.timestamp - of_customer[-1][-1].timestamp < 5_400:
                of_customer[-1].append(tx)
            else:
                of_customer.append([tx])
    return {kind: [case for (k, _), of in found.items() if k == kind for case in of] for kind in SHARES}


@cache
def genuine() -> dict[str, list[Transaction]]:
    """What each customer pays without fraud."""
    found: dict[str, list[Transaction]] = defaultdict(list)
    for sent in made(replace(RECIPE, count=20_000, customers=5_000, faults=CLEAN)):
        if not sent.kind:
            found[sent.customer_id].append(read(sent))
    return found


def part(flags: list[bool]) -> float:
    return sum(flags) / len(flags)


def is_new(tx: Transaction, name: str) -> bool:
    return getattr(tx, name) not in {getattr(other, name) for other in genuine()[tx.customer_id]}


def test_every_kind_has_its_share_of_the_frauds() -> None:
    sizes = {kind: sum(map(len, of)) for kind, of in cases().items()}
    total = sum(sizes.values())
    assert {kind: size / total for kind, size in sizes.items()} == {
        kind: pytest.approx(wanted.share, abs=0.06) for kind, wanted in SHARES.items()
    }


def test_only_the_kinds_that_are_asked_for_are_made() -> None:
    wanted = ("card_testing", "account_takeover")
    found = Counter(sent.kind for sent in made(replace(RECIPE, count=20_000, faults=CLEAN, fraud_kinds=wanted)))
    assert set(found) == {None, *wanted}
    assert sum(found[kind] for kind in wanted) == pytest.approx(0.08 * 20_000, rel=0.05)


def test_a_stolen_card_is_used_several_times_within_hours() -> None:
    bursts = cases()["stolen_card_burst"]
    assert median(map(len, bursts)) >= 4
    assert all(burst[-1].timestamp - burst[0].timestamp < 3 * 3_600 for burst in bursts)
    assert 0.4 < part([is_new(burst[0], "device_id") for burst in bursts]) < 0.9


def test_cards_are_tested_with_many_tiny_amounts_and_sometimes_a_big_one() -> None:
    tests = cases()["card_testing"]
    assert median(map(len, tests)) >= 6
    assert all(tx.amount <= 6 for case in tests for tx in case[:-1])
    assert 0.1 < part([case[-1].amount > 50 for case in tests]) < 0.6


def test_an_account_is_taken_over_from_a_new_device_and_place() -> None:
    assert part([is_new(tx, "device_id") for case in cases()["account_takeover"] for tx in case]) == 1
    assert part([is_new(tx, "location") for case in cases()["account_takeover"] for tx in case]) > 0.9


def test_an_amount_out_of_habit_comes_alone_and_is_many_times_the_usual() -> None:
    alone = cases()["amount_out_of_habit"]
    ratios = [
        case[0].amount / median(tx.amount for tx in genuine()[case[0].customer_id])
        for case in alone
        if len(genuine()[case[0].customer_id]) >= 3
    ]
    assert part([len(case) == 1 for case in alone]) > 0.95
    assert median(ratios) > 5


def test_a_compromised_merchant_has_many_victims_and_ordinary_amounts() -> None:
    frauds = [tx for case in cases()["compromised_merchant"] for tx in case]
    ordinary = [tx.amount for of in genuine().values() for tx in of]
    assert len({tx.merchant_id for tx in frauds}) <= 3
    assert len({tx.customer_id for tx in frauds}) > 0.8 * len(frauds)
    assert median(tx.amount for tx in frauds) < 4 * median(ordinary)


def test_no_amount_separates_fraud_from_the_rest() -> None:
    frauds = sorted(tx.amount for of in cases().values() for case in of for tx in case)
    others = sorted(tx.amount for of in genuine().values() for tx in of)

    def above(limit: float, amounts: list[float]) -> float:
        return part([amount > limit for amount in amounts])

    assert 0.02 < above(1_000, frauds) < 0.3
    assert above(median(frauds), others) > 0.03


def test_customers_keep_to_their_habits() -> None:
    regulars = [of for of in genuine().values() if len(of) >= 10]
    assert regulars

    def most_common(name: str) -> float:
        return median(max(Counter(getattr(tx, name) for tx in of).values()) / len(of) for of in regulars)

    shares: dict[str, Any] = {name: most_common(name) for name in ("location", "device_id", "payment_method")}
    assert all(value > 0.7 for value in shares.values()), shares
