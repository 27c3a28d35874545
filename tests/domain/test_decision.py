from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from fraud_stream.domain.decision import (
    MODEL_REASONS,
    Anomaly,
    Contribution,
    Decision,
    Detector,
    Judge,
    NoModel,
    Rows,
    Scorer,
    Thresholds,
    Watched,
)
from fraud_stream.domain.listing import Listed, ListName, What
from fraud_stream.domain.rulebook import RuleVersion
from fraud_stream.domain.rules import SEVERITY_SCORE, Rule, Severity
from fraud_stream.domain.transaction import Transaction

NAMES = ("amount", "count")


class FixedScorer:
    """Gives the scores it was made with, or none, and notes what it is asked to explain."""

    id = "fixed-1"

    def __init__(self, *scores: float) -> None:
        self._scores = scores
        self.explained: list[list[float]] = []

    def scores(self, rows: Rows) -> Sequence[float] | None:
        return self._scores or None

    def contributions(self, rows: Rows, most: int) -> list[list[Contribution]]:
        self.explained += rows.tolist()
        return [[Contribution(f"f{n}", row[0], 9.0 - n) for n in range(5)][:most] for row in rows.tolist()]


class FixedDetector:
    """Takes amounts from 50 on for unusual, and notes what it is asked to explain."""

    def __init__(self) -> None:
        self.explained: list[list[float]] = []

    def watch(self, rows: Rows) -> Watched:
        return Watched((rows[:, 0] / 1_000).tolist(), (rows[:, 0] >= 50).tolist())

    def reasons(self, rows: Rows, most: int) -> list[list[Contribution]]:
        self.explained += rows.tolist()
        return [[Contribution("amount", row[0], 0.25)][:most] for row in rows.tolist()]


def decide(
    rules: Sequence[Rule], scorer: Scorer, *amounts: float, detector: Detector | None = None, **thresholds: float
) -> list[Decision]:
    judge = Judge(NAMES, rules, Thresholds(**thresholds))
    txs = [Transaction(f"T{n}", "C1", 0.0, amount, location="Oslo") for n, amount in enumerate(amounts)]
    return judge.decide(txs, np.array([[amount, 1.0] for amount in amounts]), scorer, detector)


def rule(ident: str, severity: Severity = "HIGH", when: str = "amount > 100", **fields: Any) -> Rule:
    return Rule(ident, when, severity=severity, **fields)


def test_what_no_rule_and_no_model_objects_to_is_accepted() -> None:
    (decision,) = decide([rule("r")], NoModel(), 100.0)
    assert decision == Decision(None, 0.0, "accept", [], [], [])


@pytest.mark.parametrize(
    ("severity", "verdict"), [("LOW", "review"), ("MEDIUM", "review"), ("HIGH", "review"), ("CRITICAL", "block")]
)
def test_the_severity_of_a_rule_decides_where_there_is_no_model(severity: Severity, verdict: str) -> None:
    (decision,) = decide([rule("r", severity)], NoModel(), 101.0)
    assert (decision.verdict, decision.risk, decision.score) == (verdict, SEVERITY_SCORE[severity], None)


@pytest.mark.parametrize(
    ("score", "verdict"),
    [(0.0, "accept"), (0.499, "accept"), (0.5, "review"), (0.899, "review"), (0.9, "block"), (1.0, "block")],
)
def test_the_models_score_decides_where_no_rule_hits(score: float, verdict: str) -> None:
    (decision,) = decide([rule("r")], FixedScorer(score), 1.0)
    assert (decision.verdict, decision.risk, decision.score) == (verdict, score, score)


def test_thresholds_are_settings() -> None:
    assert [decide([], FixedScorer(score), 1.0, alert=0.2, block=0.4)[0].verdict for score in (0.1, 0.2, 0.4)] == [
        "accept",
        "review",
        "block",
    ]


def test_the_risk_is_the_larger_of_the_score_and_what_the_rules_say() -> None:
    assert [decide([rule("r", "HIGH")], FixedScorer(score), 101.0)[0].risk for score in (0.1, 0.95)] == [0.8, 0.95]


def test_a_rule_alerts_whatever_a_low_score_says() -> None:
    (decision,) = decide([rule("r", "LOW")], FixedScorer(0.01), 101.0)
    assert (decision.verdict, decision.risk, decision.score) == ("review", 0.3, 0.01)


def test_the_most_severe_rule_comes_first_and_equals_keep_their_order() -> None:
    rules = [rule("a", "LOW"), rule("b", "CRITICAL"), rule("c", "HIGH"), rule("d", "CRITICAL")]
    (decision,) = decide(rules, NoModel(), 101.0)
    assert [hit.rule.id for hit in decision.hits] == ["b", "d", "c", "a"]


def test_a_shadow_rule_is_told_and_alerts_nobody() -> None:
    (decision,) = decide([rule("s", "CRITICAL", state="shadow")], NoModel(), 101.0)
    assert (decision.verdict, decision.risk, decision.hits) == ("accept", 0.0, [])
    assert [hit.rule.id for hit in decision.shadow] == ["s"]


def test_a_shadow_rule_changes_neither_the_risk_nor_the_verdict_of_others() -> None:
    rules = [rule("a", "LOW"), rule("s", "CRITICAL", state="shadow")]
    (decision,) = decide(rules, FixedScorer(0.1), 101.0)
    assert (decision.verdict, decision.risk) == ("review", 0.3)
    assert ([hit.rule.id for hit in decision.hits], [hit.rule.id for hit in decision.shadow]) == (["a"], ["s"])


def test_the_model_gives_its_largest_reasons_for_alerts_only() -> None:
    scorer = FixedScorer(0.1, 0.6, 0.1)
    plain, scored, ruled = decide([rule("r")], scorer, 1.0, 2.0, 101.0)
    assert plain.contributions == []
    assert [reason.feature for reason in scored.contributions] == ["f0", "f1", "f2"]
    assert [reason.value for reason in ruled.contributions] == [101.0] * MODEL_REASONS
    assert scorer.explained == [[2.0, 1.0], [101.0, 1.0]]


def test_a_shadow_hit_asks_the_model_for_no_reasons() -> None:
    scorer = FixedScorer(0.1)
    decide([rule("s", state="shadow")], scorer, 101.0)
    assert scorer.explained == []


def test_a_model_that_must_not_be_asked_gives_no_reasons() -> None:
    scorer = FixedScorer()
    (decision,) = decide([rule("r")], scorer, 101.0)
    assert (decision.score, decision.contributions, scorer.explained) == (None, [], [])


def test_each_transaction_of_a_chunk_gets_its_own_decision() -> None:
    decisions = decide(
        [rule("r"), rule("t", when="location == 'Oslo' and amount < 0")], FixedScorer(0.1, 0.95, 0.2), 1, 2, 500
    )
    assert [decision.verdict for decision in decisions] == ["accept", "block", "review"]


def test_rules_may_read_the_transactions_texts() -> None:
    (decision,) = decide([rule("r", when="location == 'Oslo'")], NoModel(), 1.0)
    assert decision.verdict == "review"


def test_before_the_model_is_asked_what_is_unusual_is_reviewed_and_says_why() -> None:
    detector = FixedDetector()
    usual, unusual = decide([rule("r")], NoModel(), 49.0, 60.0, detector=detector, block=0.3)
    assert (usual.verdict, usual.risk, usual.anomaly_score, usual.anomaly) == ("accept", 0.0, 0.049, None)
    assert (unusual.verdict, unusual.risk, unusual.anomaly_score) == ("review", SEVERITY_SCORE["MEDIUM"], 0.06)
    assert unusual.anomaly == Anomaly("cold_start", [Contribution("amount", 60.0, 0.25)])
    assert detector.explained == [[60.0, 1.0]]


@pytest.mark.parametrize(
    ("score", "why"), [(0.0, None), (0.199, None), (0.2, "doubt"), (0.499, "doubt"), (0.5, None), (0.95, None)]
)
def test_where_the_model_is_uncertain_what_is_unusual_is_reviewed(score: float, why: str | None) -> None:
    (decision,) = decide([], FixedScorer(score), 60.0, detector=FixedDetector())
    assert (decision.anomaly and decision.anomaly.why) == why
    assert decision.verdict == ("review" if why or score == 0.5 else "accept" if score < 0.5 else "block")
    assert decision.risk == (0.5 if why else score)
    assert decision.score == score


def test_in_doubt_the_model_gives_its_reasons_too() -> None:
    (decision,) = decide([], FixedScorer(0.3), 60.0, detector=FixedDetector())
    assert [reason.feature for reason in decision.contributions] == ["f0", "f1", "f2"]


def test_doubt_is_a_setting() -> None:
    (decision,) = decide([], FixedScorer(0.1), 60.0, detector=FixedDetector(), doubt=0.1)
    assert decision.verdict == "review"


def test_what_a_rule_alerts_is_the_rules_however_unusual() -> None:
    detector = FixedDetector()
    (decision,) = decide([rule("r", "LOW")], NoModel(), 101.0, detector=detector)
    assert (decision.risk, decision.anomaly, decision.anomaly_score) == (0.3, None, 0.101)
    assert detector.explained == []


def test_a_shadow_rule_leaves_it_to_the_detector() -> None:
    (decision,) = decide([rule("s", state="shadow")], NoModel(), 101.0, detector=FixedDetector())
    assert (decision.verdict, [hit.rule.id for hit in decision.shadow]) == ("review", ["s"])
    assert decision.anomaly is not None


def version(*rules: Rule) -> str:
    return Judge(NAMES, rules, Thresholds()).rulebook.version


def test_the_same_rules_have_the_same_version_whatever_their_order() -> None:
    assert version(rule("a"), rule("b")) == version(rule("b"), rule("a"))


@pytest.mark.parametrize(
    "other",
    [
        (rule("a"),),
        (rule("a"), rule("c")),
        (rule("a"), rule("b", version=2)),
        (rule("a"), rule("b", when="amount > 200")),
        (rule("a"), rule("b", "LOW")),
        (rule("a"), rule("b", state="shadow")),
        (rule("a"), rule("b", state="off")),
    ],
    ids=["one less", "another", "version", "condition", "severity", "shadow", "off"],
)
def test_rules_that_decide_otherwise_have_another_version(other: tuple[Rule, ...]) -> None:
    assert version(*other) != version(rule("a"), rule("b"))


# -- lists


def listed_decision(
    *entries: Listed, scorer: Scorer | None = None, amount: float = 101.0, detector: Detector | None = None
) -> Decision:
    judge = Judge(NAMES, [rule("r")], Thresholds(), clock=lambda: 1_000.0)
    for entry in entries:
        judge.rulebook.lists.take(entry, 0.0)
    payment = Transaction("T1", "C1", 0.0, amount, merchant_id="M1")
    return judge.decide([payment], np.array([[amount, 1.0]]), scorer or NoModel(), detector)[0]


def entry(name: ListName, what: What = "customer", value: str = "C1", until: float | None = None) -> Listed:
    return Listed(name, what, value, 0.0, until, "ana")


def test_what_is_denied_is_blocked_whatever_rules_and_model_say() -> None:
    found = listed_decision(entry("deny", "merchant", "M1"), scorer=FixedScorer(0.1), amount=5.0)
    assert (found.verdict, found.risk, found.score) == ("block", 1.0, 0.1)
    assert found.listed is not None
    assert (found.listed.list, found.contributions[0].feature) == ("deny", "f0")


def test_what_is_allowed_is_accepted_and_what_hit_is_still_told() -> None:
    found = listed_decision(entry("allow"), scorer=FixedScorer(0.99))
    assert (found.verdict, found.risk, [hit.rule.id for hit in found.hits]) == ("accept", 0.99, ["r"])
    assert found.listed is not None


def test_deny_is_stronger_than_allow() -> None:
    found = listed_decision(entry("allow"), entry("deny", "merchant", "M1"))
    assert found.verdict == "block"


def test_what_is_allowed_is_not_alerted_as_unusual_either() -> None:
    assert listed_decision(amount=60.0, detector=FixedDetector()).verdict == "review"
    found = listed_decision(entry("allow"), amount=60.0, detector=FixedDetector())
    assert (found.verdict, found.anomaly) == ("accept", None)


def test_a_snoozed_customer_is_judged_as_ever_and_marked() -> None:
    found = listed_decision(entry("snooze", until=1_001.0))
    assert (found.verdict, found.is_snoozed, found.listed) == ("review", True, None)
    assert not listed_decision(entry("snooze", until=1_001.0), amount=5.0).is_snoozed  # there is no alert
    assert not listed_decision(entry("snooze", until=1_000.0)).is_snoozed  # it has ended


def test_what_is_denied_is_alerted_whoever_is_snoozed() -> None:
    found = listed_decision(entry("snooze", until=1_001.0), entry("deny", "merchant", "M1"))
    assert (found.verdict, found.is_snoozed) == ("block", False)


def test_an_entry_that_has_ended_decides_nothing() -> None:
    assert listed_decision(entry("deny", until=1_000.0), amount=5.0).verdict == "accept"
    assert listed_decision(entry("allow", until=1_000.0)).verdict == "review"


def test_rules_may_change_between_two_chunks() -> None:
    judge = Judge(NAMES, [rule("r")], Thresholds())
    payment, row = Transaction("T1", "C1", 0.0, 101.0), np.array([[101.0, 1.0]])
    assert judge.decide([payment], row, NoModel())[0].verdict == "review"
    version = RuleVersion(rule("r", when="amount > 200"), 0.0, "ana")
    record = judge.rulebook.changed(version)
    judge.rulebook.offer(record.key.encode(), msgspec.json.encode(record))
    assert judge.decide([payment], row, NoModel())[0].verdict == "accept"
