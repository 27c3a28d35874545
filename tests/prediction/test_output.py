from pathlib import Path

from fraud_stream.prediction.output import rejecting
from fraud_stream.prediction.parts import Reject


def test_what_is_rejected_is_on_the_disk_at_once(tmp_path: Path) -> None:
    """A disk that is full is told then: once the predictions have taken their place it would be too late."""
    with rejecting(tmp_path / "rejects.jsonl") as reject:
        for line in (3, 5):
            before = size(tmp_path)
            reject(Reject(line, "undecodable", "no JSON"))
            assert size(tmp_path) > before
    assert len((tmp_path / "rejects.jsonl").read_bytes().splitlines()) == 2


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
