"""The forest's features are documented as they are."""

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.models.forest import WHY
from tests.harness import ROOT


def test_the_document_has_the_list_with_meanings_and_reasons() -> None:
    meanings = {feature.name: feature.meaning for feature in FeatureMaker().features}
    wanted = [f"| `{name}` | {meanings[name]} | {why} |" for name, why in WHY.items()]
    lines = (ROOT / "docs" / "batch.md").read_text().splitlines()
    start = lines.index(wanted[0])
    assert lines[start : start + len(wanted) + 1] == [*wanted, ""]
