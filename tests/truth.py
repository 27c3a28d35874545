"""What the application must find, computed in one pass without Kafka, tables or crashes."""

from collections.abc import Iterable

from fraud_stream.domain.decision import Decision, Judge, NoModel, Thresholds
from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.memory import new_state
from fraud_stream.domain.observation import CustomerState, Observer
from fraud_stream.domain.transaction import Transaction
from fraud_stream.settings import Settings


def decide_all(
    settings: Settings, transactions: Iterable[tuple[int, Transaction]]
) -> tuple[dict[str, tuple[list[float], Decision]], CustomerState]:
    """Rows and decisions by transaction id, and the state at the end; `transactions` come with their offsets."""
    maker = FeatureMaker(settings.feature_settings)
    observer = Observer(maker, settings.windows.max_events)
    judge = Judge(maker.names, settings.rules, Thresholds())
    windows = settings.windows
    state = new_state(windows.tumbling_size, windows.hopping_size, windows.hopping_step)
    observed = [(tx, seen) for offset, tx in transactions if (seen := observer.observe(tx, offset, state)) is not None]
    rows = maker.rows([seen.facts for _, seen in observed])
    decisions = judge.decide([tx for tx, _ in observed], rows, NoModel())
    pairs = zip(rows.tolist(), decisions, strict=True)
    return {tx.transaction_id: pair for (tx, _), pair in zip(observed, pairs, strict=True)}, state
