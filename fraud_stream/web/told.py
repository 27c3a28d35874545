"""The counters and gauges of ``/metrics``: their names, what they are, and where their values come from.

Everything is read when it is asked for, and agents count by the chunk; what is counted is records, never chunks.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, get_args

from agents import board, deciding, detection, drift, labels, outputs, quality, refit, trainer
from agents.models import chair, challengers, panel, shelf
from agents.tally import tally
from fraud_stream.app import app, settings
from fraud_stream.domain.intake import REASONS
from fraud_stream.domain.rules import State
from fraud_stream.domain.transaction import OPTIONAL
from fraud_stream.version import VERSION
from fraud_stream.web.tables import active_partitions, exact_tables

#: Values of one metric: by the values of its labels, in their order.
Values = Mapping[tuple[str, ...], float]
#: What a worker may be doing.
PHASES = ("starting", "rebalancing", "recovering", "running")
#: What may be special of a transaction; told from the beginning, so that a rate is there before the first.
SPECIAL = ("late", "duplicate", "replayed", "folded")


class Told(NamedTuple):
    """A counter or a gauge.

    Attributes:
        name: Its name, without ``fraud_stream_`` before it and ``_total`` behind it.
        help: What it is.
        labels: The names of its labels.
        values: Tells its values.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    values: Callable[[], Values]


def _one(value: float) -> Values:
    return {(): value}


def _by(counts: Mapping[str, float]) -> Values:
    return {(name,): value for name, value in counts.items()}


def _begun(names: Iterable[tuple[str, ...]], counts: Values) -> Values:
    """Counts, 0 for what was not counted yet: a rate needs a value before the first."""
    return {**dict.fromkeys(names, 0.0), **counts}


def _alerts() -> Values:
    of_rules = ((rule.type, rule.severity) for rule in deciding.judge.rulebook.rules)
    return _begun(
        [*of_rules, ("DENY_LIST", "CRITICAL"), ("MODEL", "MEDIUM"), ("MODEL", "HIGH"), ("UNSUPERVISED", "MEDIUM")],
        tally.alerts,
    )


def _rule_hits() -> Values:
    watched = ((rule.id, rule.state) for rule in deciding.judge.rulebook.rules if rule.state != "off")
    return _begun(watched, outputs.rule_counts)


def _rules() -> Values:
    states = Counter(rule.state for rule in deciding.judge.rulebook.rules)
    return _by({state: float(states[state]) for state in get_args(State)})


def _list_entries() -> Values:
    return _one(deciding.judge.rulebook.lists.count(time.time()))


def _dead_letters() -> Values:
    return _begun(((reason,) for reason in REASONS), _by(outputs.refused_counts))


def _anomaly_alerts() -> Values:
    return _begun((("cold_start",), ("doubt",)), _by(outputs.anomaly_counts))


def _missing() -> Values:
    return _begun(((field,) for field in OPTIONAL), _by(detection.intake.missing))


def _labels() -> Values:
    return _begun((("joined",), ("early",), ("repeated",)), _by(labels.counts))


def _special() -> Values:
    return _by({what: detection.observer.counts[what] for what in SPECIAL})


def _drifts() -> Values:
    return _by({name: one.drifts for name, one in drift.watcher.detectors.items()})


def _means() -> Values:
    known = ((name, one.estimate) for name, one in drift.watcher.detectors.items())
    return _by({name: mean for name, mean in known if mean is not None})


def _phases() -> Values:
    return _by({phase: float(phase == app.watchdog.phase) for phase in PHASES})


def _lag() -> Values:
    return {(tp.topic, str(tp.partition)): lag for tp, lag in app.chunk_consumer.lags().items()}


def _stream_times() -> Values:
    mine = (tp.partition for tp in app.chunk_consumer.lags() if tp.topic == settings.topics.transactions)
    return {(str(partition),): now for partition in mine if (now := app.clock.now(partition))}


def _table_entries() -> Values:
    """Those that this worker processes are active; of others it may hold a standby copy."""
    return {
        (name, str(n), "active" if n in active else "standby"): table.store.size(n)
        for name, table in exact_tables().items()
        for active in [active_partitions(table)]
        for n in table.store.held()
    }


def _models() -> Iterator[tuple[str, Any]]:
    if shelf.state is not None:
        yield "online", shelf.state
    if challengers.in_force is not None:
        yield "challenger", challengers.in_force.model


def _versions() -> Values:
    return _by({name: model.version for name, model in _models()})


def _ages() -> Values:
    now = time.time()
    return _by({name: now - model.created_at for name, model in _models()})


def _refused() -> Values:
    return _by(
        {
            "online": shelf.refused,
            "challenger": challengers.refused,
            "promotions": chair.refused,
            "evaluation": board.board.refused,
            "rules": deciding.judge.rulebook.refused,
        }
    )


def _left_out() -> Values:
    return _by({"other_features": trainer.trainer.skipped, "too_old_to_judge": quality.evaluator.too_old})


def _learnt() -> Values:
    return _one(shelf.state.learnt if shelf.state else 0)


COUNTERS = (
    Told("transactions_read", "records read from transactions", (), lambda: _one(tally.read)),
    Told("transactions_scored", "transactions decided", (), lambda: _one(tally.scored)),
    Told("transactions_special", "late, duplicate, replayed or folded; one may be several", ("what",), _special),
    Told("missing_fields", "optional fields missing", ("field",), _missing),
    Told("alerts", "alerts sent, but those of drifts", ("type", "severity"), _alerts),
    Told("alerts_snoozed", "alerts not sent, by the snooze list", (), lambda: _one(tally.snoozed)),
    Told("anomaly_alerts", "alerts of what is unusual and no more", ("why",), _anomaly_alerts),
    Told("dead_letters", "records refused", ("reason",), _dead_letters),
    Told("rule_hits", "hits of a rule, shadow rules too", ("rule", "state"), _rule_hits),
    Told("labels", "labels read", ("what",), _labels),
    Told("drifts", "changes found in a stream of numbers", ("stream",), _drifts),
    Told("refits", "fits of a challenger by this worker", ("what",), lambda: _by(refit.refits.counts)),
    Told("announcements_refused", "records on models and rules that did not fit", ("what",), _refused),
    Told("labelled_left_out", "labelled transactions not learnt, or not judged", ("why",), _left_out),
    Told(
        "changelog_records_read", "changelog records read in recoveries", (), lambda: _one(app.chunk_consumer.absorbed)
    ),
)
GAUGES = (
    Told("worker_phase", "1 for what the worker is doing", ("phase",), _phases),
    Told("worker_stalled", "1 where it is about to end itself", (), lambda: _one(app.watchdog.is_stalled)),
    Told("consumer_lag_records", "records behind what is committed", ("topic", "partition"), _lag),
    Told("stream_timestamp_seconds", "newest event time, seconds since 1970", ("partition",), _stream_times),
    Told("table_entries", "entries; RocksDB estimates", ("table", "partition", "role"), _table_entries),
    Told("model_version", "version of the model in force", ("model",), _versions),
    Told("model_age_seconds", "time since it was published", ("model",), _ages),
    Told("model_labels_learnt", "labels that the online model has learnt", (), _learnt),
    Told("model_decides", "1 for the model that decides", ("model",), lambda: {(panel.decides,): 1.0}),
    Told("rules", "rules that are there", ("state",), _rules),
    Told("list_entries", "entries of allow, deny and snooze lists in force", (), _list_entries),
    Told("drift_mean", "mean of a stream watched for drift", ("stream",), _means),
    Told("info", "what runs here", ("version",), lambda: {(VERSION,): 1.0}),
)
