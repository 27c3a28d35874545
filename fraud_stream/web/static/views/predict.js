// What would be decided of a payment, to be tried: the same request that a shop's own system makes.
import { send } from "../api.js";
import { facts, h, section, table } from "../dom.js";
import { changeForm, choice, field } from "../forms.js";
import { anyValue, number, percent, risk, time, verdict } from "../format.js";

const now = () => new Date().toISOString().slice(0, 19) + "Z";
const FORMS = {
  transaction: () => ({ transaction_id: `TRY-${Date.now()}`, customer_id: "CUST-00000001", timestamp: now(), amount: 1250, merchant_id: "M-0001", payment_method: "Gift Card", device_id: "D-1", location: "Oslo" }),
  payment: () => ({ transaction_amount: 1250, transaction_hour: 3, days_since_last_transaction: 2, merchant_risk_score: 0.1, customer_age_months: 12, num_transactions_24h: 7, is_international: true }),
  window: () => ({ amount: 1250, avg_transaction_amount: 80, transaction_count: 5, unique_locations: 2, unique_devices: 1 }),
};
const NAMES = [["transaction", "a transaction, judged by its customer's own history"], ["payment", "figures of customer and merchant"], ["window", "figures of the customer's last hour"]];

export async function predictPage() {
  const form = choice("form", NAMES, "transaction");
  const body = h("textarea", { name: "body", rows: 12, spellcheck: "false", required: true, class: "code" });
  const fill = () => (body.value = JSON.stringify(FORMS[form.value](), null, 2));
  form.addEventListener("change", fill);
  fill();
  const answer = h("div", { "aria-live": "polite" });
  const ask = async () => {
    answer.replaceChildren(...answerParts(await send("../predict", parsed(body.value))));
  };
  return [
    h("p", null, "Nothing is changed: what is asked here is in no window afterwards. Programs send the same to ", h("code", null, "POST /predict"), "; ", h("a", { href: "api/openapi.json" }, "the OpenAPI document"), " tells of it."),
    changeForm("A payment", [field("Form", form), field("JSON", body)], [["Ask", ask]]),
    answer,
  ];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error.message}`);
  }
}

function answerParts(found) {
  if (found.predictions) return [h("pre", null, JSON.stringify(found, null, 2))];
  const reasons = [
    { title: "Source", cell: (one) => one.source },
    { title: "Name", cell: (one) => h("span", { class: "id" }, one.name) },
    { title: "Feature", cell: (one) => h("code", null, one.feature) },
    { title: "Value seen", numeric: true, cell: (one) => anyValue(one.value) },
  ];
  const features = [
    { title: "Feature", cell: ([name]) => h("code", null, name) },
    { title: "Value", numeric: true, cell: ([, value]) => number(value) },
  ];
  const all = Object.entries(found.input_features);
  return [
    section("Answer",
      h("p", { class: "headline" }, verdict(found.verdict), " ", found.message),
      facts([
        ["Risk", risk(found.risk_score)],
        ["Level", found.risk_level],
        ["Fraud probability", found.fraud_probability == null ? "not asked yet" : percent(found.fraud_probability)],
        ["Model", found.model_version],
        ["Rules", found.rules_version],
        ["Customer", found.customer_id == null ? null : found.is_known_customer ? "known" : "never seen"],
        ["Said", time(found.timestamp)],
      ]),
      table("Reasons", reasons, found.reasons, { empty: "Nothing speaks for an alert." }),
      h("details", { class: "features" }, h("summary", null, `All ${all.length} features`), table("Features", features, all))),
  ];
}
