"""Every night: archive what was scored, train on it, evaluate against the champion, announce what is better.

The champion is the model that has scored the newest labelled transactions in the stream; the challenger is judged on
the same ones, after having been trained on those before them.  Workers score with an announced challenger; who decides
is for people to say: ``fraud-stream promote``.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

sys.path.append(str(Path(__file__).parent))  # workers of Airflow have it there, not each of its commands
from stream_command import fraud_stream


@dag(
    schedule=CronDataIntervalTimetable("30 2 * * *", timezone="UTC"),
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,  # a model of last week's data is of no use today
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "execution_timeout": timedelta(hours=2)},
    params={
        "archive": Param(".fraud-stream/archive", type="string", description="the folder of the archive"),
        "margin": Param(0.0, type="number", minimum=0, maximum=1, description="average precision it must be ahead by"),
    },
    tags=["fraud-stream"],
    doc_md=__doc__,
)
def nightly_retrain() -> None:
    """Archive, train, evaluate, announce."""

    @task
    def archive() -> str:
        """Bring the archive up to date; where it is."""
        folder = str(get_current_context()["params"]["archive"])
        fraud_stream("archive", "--to", folder)
        return folder

    @task
    def train(folder: str) -> dict[str, Any]:
        """Train a challenger that nobody hears of; what is known of it."""
        output = str(Path(folder).parent / "nightly" / "challenger.skops")
        told = json.loads(fraud_stream("train", "--input", folder, "--no-announce", "--output", output, "--json"))
        return {name: told[name] for name in ("sha256", "learnt", "frauds", "held_out", "file")}

    @task.short_circuit
    def evaluate(trained: dict[str, Any]) -> bool:
        """Whether it is better than the champion on the newest transactions, which it was not trained on."""
        held_out = trained["held_out"]
        if held_out is None:
            print("too few frauds are known: nothing is announced")  # noqa: T201 - the log of the task
            return False
        challenger, champion = (held_out[name] for name in ("challenger", "online"))
        print(f"challenger {challenger}, champion {champion}")  # noqa: T201 - likewise
        least = (champion["average_precision"] if champion else 0.0) + get_current_context()["params"]["margin"]
        return bool(challenger["average_precision"] > least)

    @task
    def announce(trained: dict[str, Any]) -> str:
        """Tell the workers of what was evaluated; which version it is."""
        told = json.loads(fraud_stream("announce", trained["file"], "--json"))
        return str(told["version"])

    trained = train(archive())
    evaluate(trained) >> announce(trained)


nightly_retrain()
