"use client";

import { type FormEvent, useState } from "react";

import { authClient } from "@/lib/auth-client";
import { useSessionChannel } from "@/lib/session-channel";

const texts = {
  "sign-in": { title: "Sign in", other: { href: "/sign-up", lead: "New here?", text: "Create an account" } },
  "sign-up": { title: "Create an account", other: { href: "/sign-in", lead: "Been here before?", text: "Sign in" } },
};

export function SignForm({ mode }: { mode: keyof typeof texts }) {
  const { title, other } = texts[mode];
  const announce = useSessionChannel(null);
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const values = new FormData(event.currentTarget);
    const text = (name: string) => String(values.get(name) ?? "");
    setBusy(true);
    setError(undefined);
    const account = { email: text("email"), password: text("password") };
    const { data, error } = await (
      mode === "sign-up"
        ? authClient.signUp.email({ ...account, name: text("name") })
        : authClient.signIn.email(account)
    ).catch(() => ({ data: null, error: { message: "This application is not reachable. Try again in a moment." } }));
    if (!data) {
      setError(error?.message || "That did not work. Try again.");
      setBusy(false);
    } else {
      announce(data.user.id);
      // A full load, so that nothing of another user stays in memory.
      window.location.assign("/");
    }
  }

  return (
    <main className="narrow">
      <h1>{title}</h1>
      {/* post: should scripts be late, the password does not end up in the address. */}
      <form className="card stack" method="post" onSubmit={submit} onInput={() => setError(undefined)}>
        {mode === "sign-up" && (
          <label className="field">
            Name
            <input name="name" autoComplete="name" required />
          </label>
        )}
        <label className="field">
          E-mail
          <input name="email" type="email" autoComplete="email" required />
        </label>
        <div className="field">
          <label htmlFor="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            autoComplete={mode === "sign-up" ? "new-password" : "current-password"}
            minLength={mode === "sign-up" ? 8 : undefined}
            aria-describedby={mode === "sign-up" ? "password-hint" : undefined}
            required
          />
          {mode === "sign-up" && (
            <p id="password-hint" className="hint">
              At least 8 characters
            </p>
          )}
        </div>
        <p className="error" role="alert">
          {error}
        </p>
        <button className="primary" disabled={busy}>
          {busy ? "One moment…" : title}
        </button>
      </form>
      <p>
        {other.lead} <a href={other.href}>{other.text}</a>
      </p>
    </main>
  );
}
