"""Transactions of the past: what rules need of them, and their labels."""

import numpy as np

from fraud_stream.domain.rules import CompiledRule, Rule
from fraud_stream.evaluation.past import FRAUD, GENUINE, UNKNOWN, KnownLabels, Needed, Past, numbered


def test_what_rules_name_is_told_once_in_the_order_of_a_feature_row() -> None:
    names = ("amount", "hour", "count")
    rules = [CompiledRule(Rule("a", "count > 1 and amount > 5"), names), CompiledRule(Rule("b", "amount > 9"), names)]
    assert Needed.by(rules, names) == (("amount", "count"), ())
    with_text = CompiledRule(Rule("c", "location == 'Oslo' and merchant_id != 'M1'"), names)
    assert Needed.by([with_text], names) == ((), ("merchant_id", "location"))


def test_the_first_label_of_a_transaction_counts_and_others_are_unknown() -> None:
    customers, transactions = ["C1", "C2", "C1", "C3"], ["T1", "T1", "T1", "T2"]
    known = KnownLabels(numbered(customers, transactions), np.array([False, True, True, True]))
    asked = numbered(["C1", "C2", "C3", "C3", "C9"], ["T1", "T1", "T2", "T1", "T9"])
    assert known.of(asked).tolist() == [GENUINE, FRAUD, FRAUD, UNKNOWN, UNKNOWN]


def test_without_labels_all_is_unknown() -> None:
    known = KnownLabels(np.empty(0, np.int64), np.empty(0, bool))
    assert known.of(numbered(["C1"], ["T1"])).tolist() == [UNKNOWN]
    assert known.of(np.empty(0, np.int64)).tolist() == []


def test_some_of_them() -> None:
    ids, columns = (["C1", "C2", "C3"], ["T1", "T2", "T3"]), {"hour": np.array([1.0, 2.0, 3.0])}
    some = Past.of(ids, [1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [True, None, False], columns).only(
        np.array([True, False, True])
    )
    assert (some.transaction_ids, some.customer_ids) == (["T1", "T3"], ["C1", "C3"])
    assert some.numbers.tolist() == numbered(["C1", "C3"], ["T1", "T3"]).tolist()
    assert (some.labels.tolist(), some.columns["hour"].tolist()) == ([FRAUD, GENUINE], [1.0, 3.0])
