// Who looks at the page, and what they may do. The worker knows them by a cookie that no script can read.
import { ask, end, send } from "./api.js";

/** Each may do what those before it may. */
const ROLES = ["viewer", "analyst", "admin"];
const watchers = [];
let visitor = null;

/** Whoever looks at the page, as the worker says now: somebody may have signed in or out in another window. */
export async function meet() {
  return take(await ask("api/session"));
}

/** Whoever owns a token, from now on. */
export async function signIn(token) {
  return take(await send("api/session", { token }));
}

/** Whoever has no token, from now on. */
export async function signOut() {
  return take(await end("api/session"));
}

/** Calls `draw` with whoever looks at the page, each time that it is somebody else. */
export function watchVisitor(draw) {
  watchers.push(draw);
}

function take(said) {
  const isOther = JSON.stringify(said) !== JSON.stringify(visitor);
  visitor = said;
  if (isOther) for (const draw of watchers) draw(said);
  return said;
}

/** Whether whoever looks has the rights of a role. The worker looks itself: this says only what to offer. */
export function may(role) {
  return ROLES.indexOf(visitor?.role) >= ROLES.indexOf(role);
}

/** Whether customers and devices have other names here: then nothing can be asked about them. */
export function isMasked() {
  return visitor?.is_masked ?? false;
}
