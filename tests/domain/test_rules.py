import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud_stream.domain.rules import TEXT_FIELDS, CompiledRule, Rule, RuleError, RuleSet, compiled_rules
from fraud_stream.domain.transaction import OPTIONAL

NUMBERS = ("amount", "hopping_count_5m")


def compiled(when: str, message: str = "") -> CompiledRule:
    return CompiledRule(Rule("r1", when, message=message), NUMBERS)


def error(when: str, message: str = "") -> str:
    with pytest.raises(RuleError) as caught:
        compiled(when, message)
    return str(caught.value)


def hits(when: str, **columns: list[object]) -> list[bool]:
    arrays = {
        name: np.array(values, dtype=object if name in TEXT_FIELDS else float) for name, values in columns.items()
    }
    return compiled(when).hits(arrays).tolist()


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
        ("==", [False, True, False]),
        ("!=", [True, False, True]),
    ],
)
def test_operators_on_numbers(operator: str, expected: list[bool]) -> None:
    assert hits(f"amount {operator} 5", amount=[4.0, 5.0, 6.0]) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("location == 'Oslo'", [True, False, False]),
        ("location != 'Oslo'", [False, True, True]),
        ("location in ('Oslo', 'Rome')", [True, True, False]),
        ("location in ['Oslo']", [True, False, False]),
    ],
)
def test_operators_on_texts_where_none_is_no_text(when: str, expected: list[bool]) -> None:
    assert hits(when, location=["Oslo", "Rome", None]) == expected


def test_a_condition_is_met_where_all_its_comparisons_are() -> None:
    when = "amount > 1 and amount < 5 and location == 'Oslo'"
    assert hits(when, amount=[2.0, 6.0, 2.0, 0.0], location=["Oslo", "Oslo", "Rome", "Oslo"]) == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("field", OPTIONAL)
def test_every_text_field_may_be_named(field: str) -> None:
    assert hits(f"{field} == 'x'", **{field: ["x", "y"]}) == [True, False]


def test_texts_may_have_quotes_and_any_letters() -> None:
    assert hits('location == "C\'é😀"', location=["C'é😀", "C"]) == [True, False]


@pytest.mark.parametrize("when", ["amount > -5", "amount > 1e3", "amount>5", "(amount > 5)", " amount > 5 "])
def test_a_number_may_be_written_in_every_form(when: str) -> None:
    assert compiled(when).comparisons[0].name == "amount"


@pytest.mark.parametrize(
    "when",
    ["", "amount >", "amount > 1 and", "\0", "import os", "amount > 1; 2", "amount = 1", "amount > 1\nx", "(" * 500],
)
def test_what_cannot_be_read_is_told_with_an_example(when: str) -> None:
    assert "cannot read the condition" in error(when)
    assert "write it like: amount > 1000" in error(when)


@pytest.mark.parametrize(
    "when",
    [
        "amount",
        "1 < amount",
        "1 < amount < 3",
        "amount > 1 > 0",
        "not amount > 1",
        "amount > 1 or amount < 0",
        "f(amount) > 1",
    ],
)
def test_what_is_no_comparison_is_refused(when: str) -> None:
    assert "is no comparison; allowed is: name operator value" in error(when)


@pytest.mark.parametrize("when", ["amount is 1", "amount not in ('a',)", "amount is not 1"])
def test_an_unknown_operator_is_refused_with_those_that_exist(when: str) -> None:
    assert error(when).endswith("is unknown; known are >, >=, <, <=, ==, !=, in")


def test_an_unknown_name_is_refused_with_the_nearest_and_all_that_exist() -> None:
    message = error("amuont > 1")
    assert "'amuont' is unknown; did you mean amount?" in message
    assert message.endswith(", ".join((*NUMBERS, *TEXT_FIELDS)))
    assert "did you mean" not in error("xyz > 1")


@pytest.mark.parametrize("name", ["transaction_id", "customer_id", "timestamp"])
def test_what_is_no_feature_and_no_text_field_cannot_be_named(name: str) -> None:
    assert "is unknown" in error(f"{name} == 'x'")


@pytest.mark.parametrize(
    "value",
    ["True", "None", "amount", "f()", "[]", "()", "{}", "{'a': 'b'}", "[1, 2]", "('a', 1)", "1+2j", "b'x'", "10**9"],
)
def test_what_is_no_value_is_refused(value: str) -> None:
    assert "must be a number, a text or a list of texts" in error(f"amount > {value}")


@pytest.mark.parametrize(
    "when",
    [
        "amount == 'x'",
        "amount in ('x',)",
        "amount > ('x',)",
        "location > 'x'",
        "location == 5",
        "location in 'x'",
        "location == ('x',)",
    ],
)
def test_a_value_must_fit_the_name_and_the_operator(when: str) -> None:
    name = when.split(maxsplit=1)[0]
    want = "== text, != text or in (texts)" if name == "location" else "a number with > >= < <= == !="
    assert f"does not fit; {name} is compared by {want}" in error(when)


@pytest.mark.parametrize(
    "when",
    ["amount > " + "9" * 400, "amount > " + "9" * 5_000, "amount > " + "-" * 900 + "1", "-" * 900 + "amount > 1"],
)
def test_absurd_numbers_and_depths_are_refused_as_anything_else(when: str) -> None:
    assert "rule 'r1'" in error(when)


#: What conditions are made of, and what they are not.
WORDS = "amount location hopping_count_5m x > >= == in not and or lambda None ( ) [ ] , 1 - . 'a' \" { } : * ** \\ é 0x"
PIECES = st.sampled_from([*WORDS.split(), "\n", "1e999"])


@given(st.lists(PIECES, max_size=12).map(" ".join) | st.text(max_size=30))
@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_any_condition_is_compiled_or_refused_in_words(when: str) -> None:
    try:
        rule = compiled(when)
    except RuleError:
        return
    assert rule.comparisons
    columns = {"amount": [1.0], "hopping_count_5m": [1.0], "location": ["a"]}
    assert hits(when, **columns) in ([True], [False])


def test_a_message_may_name_features_fields_and_the_first_limit() -> None:
    rule = compiled("amount > 1000 and location == 'Oslo'", "${amount:,.2f} at {location}, over {limit:,.0f}")
    assert rule.message({"amount": 1250.0, "location": "Oslo"}) == "$1,250.00 at Oslo, over 1,000"


def test_a_message_may_have_braces_and_no_names() -> None:
    assert compiled("amount > 1", "{{ 100 % }}").message({"amount": 5.0}) == "{ 100 % }"


def test_without_a_message_the_description_is_told_or_else_the_condition() -> None:
    described = CompiledRule(Rule("r1", "amount > 1", description="too much"), NUMBERS)
    assert described.message({"amount": 5.0}) == "too much"
    assert compiled("amount > 1").message({"amount": 5.0}) == "rule r1: amount > 1"


@pytest.mark.parametrize("message", ["{", "}", "{amount", "{amount:{limit}", "{amount!x"])
def test_a_message_that_cannot_be_read_is_refused(message: str) -> None:
    assert "rule 'r1': " in error("amount > 1", message)


@pytest.mark.parametrize("name", ["", "0", "amonut", "amount.real", "amount[0]", "limit.__class__", "customer_id"])
def test_a_message_that_names_what_does_not_exist_is_refused(name: str) -> None:
    assert f"the message names {name!r}, which does not exist" in error("amount > 1", f"{{{name}}}")


@pytest.mark.parametrize(
    "field", ["amount:1000000d", "amount!r", "amount:>9", "amount:{limit}", "location:.2f", "amount:s"]
)
def test_a_format_that_could_fail_or_ask_for_much_memory_is_refused(field: str) -> None:
    assert "write it like {amount:,.2f}" in error("amount > 1", f"{{{field}}}")


@pytest.mark.parametrize("when", ["location == 'Oslo'", "location in ('Oslo', 'Rome')"])
def test_a_limit_that_is_text_cannot_be_formatted_as_a_number(when: str) -> None:
    assert compiled(when, "not {limit}").message({"location": "Oslo"}).startswith("not ")
    assert "cannot format 'limit'" in error(when, "not {limit:.2f}")


FORMATS = st.sampled_from(["", ",", ".2", ".2f", ",.2f", ".0%", "g", "e", ",.1g", ",f"])


@given(FORMATS, st.sampled_from([0.0, -1.0, 1250.0, 1e300, 0.1]))
@settings(max_examples=60, deadline=None)
def test_every_allowed_format_can_be_used(spec: str, amount: float) -> None:
    assert compiled("amount > 1", f"{{amount:{spec}}} {{limit:{spec}}}").message({"amount": amount})


def rule_set(*rules: Rule) -> RuleSet:
    return RuleSet(compiled_rules(rules, NUMBERS))


def test_two_rules_cannot_have_one_id() -> None:
    with pytest.raises(RuleError, match="rule 'r1' is there twice; ids must be unique"):
        compiled_rules([Rule("r1", "amount > 1"), Rule("r2", "amount > 1"), Rule("r1", "amount > 2")], NUMBERS)


def test_rules_that_are_off_are_left_out_and_shadow_ones_are_evaluated() -> None:
    rules = rule_set(
        Rule("a", "amount > 1"), Rule("s", "amount > 2", state="shadow"), Rule("o", "amount > 0", state="off")
    )
    found = rules.evaluate({"amount": np.array([0.5, 1.5, 2.5])})
    assert {row: [rule.rule.id for rule in rules_of] for row, rules_of in found.items()} == {1: ["a"], 2: ["a", "s"]}


def test_without_rules_nothing_hits() -> None:
    assert rule_set().evaluate({}) == {}


def test_the_names_that_the_rules_read_are_known() -> None:
    rules = rule_set(Rule("a", "location == 'x' and amount > 1"), Rule("b", "device_id != 'y' and location != 'z'"))
    assert (rules.texts, rules.numbers) == (["device_id", "location"], ["amount"])


MANY = ", ".join(f"'{n}'" for n in range(10_001))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("r1", " and ".join(["amount > 1"] * 51)), "51 comparisons; at most 50 are made"),
        (Rule("r1", f"location in ({MANY})"), "10,001 texts in one comparison; at most 10,000 are read"),
        (Rule("r1", "amount > " + "1" * 200_000), "its when has 200,009 letters; at most 200,000 are read"),
        (Rule("x" * 101, "amount > 1"), "its id has 101 letters; at most 100 are read"),
        (Rule("r1", "amount > 1", message="x" * 1_001), "its message has 1,001 letters"),
        (Rule("r1", "amount > 1", description="x" * 1_001), "its description has 1,001 letters"),
        (Rule("r1", "amount > 1", type="x" * 101), "its type has 101 letters"),
        (Rule("", "amount > 1"), "an id is a printable text"),
        (Rule(" r1", "amount > 1"), "an id is a printable text"),
        (Rule("\u202er1", "amount > 1"), "an id is a printable text"),
        (Rule("r\n1", "amount > 1"), "an id is a printable text"),
        (Rule("r1", "amount < 1e999"), "must be a number"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_would_hold_every_transaction_up_or_mislead_people_is_refused(rule: Rule, why: str) -> None:
    with pytest.raises(RuleError) as caught:
        CompiledRule(rule, NUMBERS)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_ten_thousand_texts_cost_hardly_more_than_two() -> None:
    few, many = (compiled(f"location in ({texts})") for texts in ("'a', 'b'", MANY[: MANY.rindex(",")]))
    columns = {"location": np.array(["a", "77", None, "x"] * 500, dtype=object)}
    assert many.hits(columns).sum() == 500

    def seconds(rule: CompiledRule) -> float:
        return min(timeit.repeat(lambda: rule.hits(columns), number=10, repeat=3))

    assert seconds(many) < 5 * seconds(few)
