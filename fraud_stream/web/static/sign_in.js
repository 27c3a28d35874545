// Signing in with a token. It goes to the worker and is kept nowhere here.
import { changeForm, field, openDialog } from "./forms.js";
import { h } from "./dom.js";
import { signIn } from "./session.js";

/** The form; `entered` is called once the worker knows who it is. */
export function signInForm(entered, cancel) {
  const token = h("input", { name: "token", type: "password", required: true, maxlength: 200, autocomplete: "current-password" });
  const enter = async () => {
    await signIn(token.value.trim()).catch((error) => {
      token.select();
      throw new Error(error.message); // of which no status asks to sign in
    });
    token.value = "";
    entered();
  };
  return changeForm("Sign in", [field("Token", token)], [["Sign in", enter]], { cancel });
}

/** Signs in above a page that has something typed in it. */
export function signInAbove() {
  openDialog("Sign in", (close) => signInForm(close, close));
}
