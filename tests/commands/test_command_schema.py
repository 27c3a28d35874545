import json

import jsonschema
from asyncapi3.models.asyncapi import AsyncAPI3

from fraud_stream.schemas import json_schemas


def test_all_schemas(run):
    assert set(json.loads(run("schema").stdout)) == set(json_schemas())


def test_one_schema_in_any_case(run):
    found = json.loads(run("schema", "scoredtransaction").stdout)
    assert found == json_schemas()["ScoredTransaction"]


def test_transaction_follows_the_settings(run, monkeypatch):
    monkeypatch.setenv("FRAUD_STREAM_FIELDS_AMOUNT", "TX_AMOUNT")
    monkeypatch.setenv("FRAUD_STREAM_LIMITS_MAX_AMOUNT", "50")
    schema = json.loads(run("schema", "Transaction").stdout)
    payment = {"transaction_id": 1, "customer_id": 2, "timestamp": 1_706_702_400, "TX_AMOUNT": 50}
    jsonschema.validate(payment, schema)
    assert not jsonschema.Draft202012Validator(schema).is_valid({**payment, "TX_AMOUNT": 51})


def test_asyncapi_into_a_file(run, tmp_path):
    path = tmp_path / "asyncapi.json"
    result = run("schema", "--asyncapi", "--output", str(path))
    assert (result.exit_code, result.stdout) == (0, "")
    AsyncAPI3.model_validate_json(path.read_text())


def test_unknown_record_is_an_error_and_writes_nothing(run, tmp_path):
    result = run("schema", "Nonsense", "--output", str(tmp_path / "file"))
    assert result.exit_code == 2
    assert "there is no 'Nonsense'; there are Transaction, Label" in result.stderr
    assert not (tmp_path / "file").exists()


def test_folder_that_is_not_there_is_an_error(run, tmp_path):
    result = run("schema", "--output", str(tmp_path / "nowhere" / "file"))
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_a_record_and_asyncapi_exclude_each_other(run):
    assert run("schema", "Alert", "--asyncapi").exit_code == 2
