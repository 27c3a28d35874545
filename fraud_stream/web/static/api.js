// Asks the worker.

/** What the worker answers to `path`, relative to the page; the query's empty values are left out. */
export async function ask(path, query, signal) {
  const asked = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value != null && value !== ""));
  let answer;
  try {
    answer = await fetch([...asked].length ? `${path}?${asked}` : path, { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The worker does not answer.");
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.error ?? `The worker answered ${answer.status}.`);
  return body;
}
