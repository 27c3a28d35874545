from pathlib import Path

import pytest

from fraud_stream.errors import InputFileError
from fraud_stream.files.mapping import load_mapping, shipped

MINIMAL = "[fields]\ntransaction_id = id\ncustomer_id = who\ntimestamp = at\namount = sum\n"


def written(folder: Path, text: str) -> str:
    path = folder / "mine.conf"
    path.write_text(text)
    return str(path)


def test_every_mapping_that_ships_can_be_read() -> None:
    assert shipped() == ["handbook", "identity", "messy", "sparkov"]
    for name in shipped():
        assert {"transaction_id", "customer_id", "timestamp", "amount"} <= set(load_mapping(name).fields)


def test_a_mapping_of_the_users_own(tmp_path: Path) -> None:
    text = (
        MINIMAL.replace("who", "card, account")
        + "[label]\nis_fraud = bad\nkind = how\n[kinds]\nA = Alpha\n[file]\nsort = at\n"
    )
    mapping = load_mapping(written(tmp_path, text))
    assert mapping.fields["customer_id"] == ("card", "account")
    assert (mapping.is_fraud, mapping.kind, mapping.kinds, mapping.sort) == (("bad",), ("how",), {"A": "Alpha"}, "at")
    assert mapping.columns == ["id", "card", "account", "at", "sum", "bad", "how"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (MINIMAL + "colour = c\n", r"\[fields\] has no 'colour'; it has transaction_id, "),
        (MINIMAL + "[labels]\nis_fraud = x\n", "there is no section 'labels'; there are fields, label, kinds, file"),
        (MINIMAL.replace("amount = sum", ""), r"\[fields\] must say what column is amount"),
        (MINIMAL + "[file]\nlenient = perhaps\n", "'perhaps' must be yes or no"),
        ("fields", "cannot read the mapping"),
        (MINIMAL + MINIMAL, "cannot read the mapping"),
    ],
)
def test_a_wrong_mapping_is_told_with_what_is_allowed(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputFileError, match=complaint):
        load_mapping(written(tmp_path, text))


def test_an_unknown_mapping_is_told_with_those_there_are() -> None:
    with pytest.raises(InputFileError, match="no mapping 'sparkow'; there are handbook, identity, messy, sparkov"):
        load_mapping("sparkow")


def test_missing_columns_are_told_with_those_there_are() -> None:
    with pytest.raises(InputFileError, match=r"f\.csv: no column TX_AMOUNT \(for amount\).*has TRANSACTION_ID"):
        load_mapping("handbook").check([c for c in load_mapping("handbook").columns if c != "TX_AMOUNT"], "f.csv")


def test_the_identity_asks_only_for_what_a_transaction_needs() -> None:
    load_mapping("identity").check(["transaction_id", "user_id", "timestamp", "amount"], "f.csv")
    with pytest.raises(InputFileError, match="customer_id or user_id"):
        load_mapping("identity").check(["transaction_id", "timestamp", "amount"], "f.csv")
