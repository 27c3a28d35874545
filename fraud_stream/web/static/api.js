// Asks the worker, and has it change things.

/** What the worker has refused, for people; `status` is 0 where it does not answer. */
export class Refusal extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/**
 * What the worker answers to `path`, relative to the page; the query's empty values are left out.
 * A window that is refused because nobody is signed in hears of it as `refused`.
 */
export async function ask(path, query, signal) {
  const asked = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value != null && value !== ""));
  try {
    return await request([...asked].length ? `${path}?${asked}` : path, { signal });
  } catch (error) {
    if (error.status === 401) window.dispatchEvent(new Event("refused"));
    throw error;
  }
}

/** Has something changed; what the worker says of it. */
export function send(path, body, signal) {
  return request(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal });
}

/** Has something ended; what the worker says of it. */
export function end(path) {
  return request(path, { method: "DELETE" });
}

async function request(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The worker does not answer.", 0);
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refusal(body?.error ?? `The worker answered ${answer.status}.`, answer.status);
  return body;
}
