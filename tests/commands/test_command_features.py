import json

from fraud_stream.domain.features import FeatureMaker
from fraud_stream.domain.rules import TEXT_FIELDS


def test_every_feature_and_field_is_listed(run):
    output = run("features").stdout
    for name in (*FeatureMaker().names, *TEXT_FIELDS):
        assert f"\n{name} " in output


def test_names_follow_the_settings(run, monkeypatch, tmp_path):
    path = tmp_path / "faust.conf"
    path.write_text("[windows]\nhopping_size = 10m\n")
    monkeypatch.setenv("FRAUD_STREAM_CONF", str(path))
    output = run("features").stdout
    assert "hopping_count_10m" in output
    assert "hopping_count_5m" not in output


def test_json(run):
    found = json.loads(run("features", "--json").stdout)
    assert [feature["name"] for feature in found["features"]] == list(FeatureMaker().names)
    assert found["features"][0] == {
        "name": "amount",
        "unit": "currency",
        "meaning": "amount of the payment",
        "missing": 0.0,
    }
    assert {"name": "location", "meaning": "Where the customer was."} in found["text_fields"]
