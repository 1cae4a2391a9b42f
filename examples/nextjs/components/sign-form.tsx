"use client";

import { zodResolver } from "@hookform/resolvers/zod";
import { useId } from "react";
import { useForm } from "react-hook-form";
import * as z from "zod";

import { Button } from "@/components/ui/button";
import { Field, FieldDescription, FieldError, FieldLabel } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { authClient } from "@/lib/auth-client";
import { useSessionChannel } from "@/lib/session-channel";

const texts = {
  "sign-in": { title: "Sign in", other: { href: "/sign-up", lead: "New here?", text: "Create an account" } },
  "sign-up": { title: "Create an account", other: { href: "/sign-in", lead: "Been here before?", text: "Sign in" } },
};

const signIn = z.object({
  name: z.string().optional(),
  email: z.email("Enter an e-mail address"),
  password: z.string().min(1, "Enter your password"),
});
const signUp = signIn.extend({
  name: z.string().trim().min(1, "Enter your name"),
  password: z.string().min(8, "Use at least 8 characters"),
});

export function SignForm({ mode }: { mode: keyof typeof texts }) {
  const { title, other } = texts[mode];
  const id = useId();
  const announce = useSessionChannel(null);
  const {
    register,
    handleSubmit,
    setError,
    clearErrors,
    formState: { errors, isSubmitting, isSubmitSuccessful },
  } = useForm<z.infer<typeof signIn>>({ resolver: zodResolver(mode === "sign-up" ? signUp : signIn) });

  const submit = handleSubmit(async ({ name = "", email, password }) => {
    const call = mode === "sign-up" ? authClient.signUp.email({ name, email, password }) : authClient.signIn.email({ email, password });
    const { data, error } = await call.catch(() => ({
      data: null,
      error: { message: "This application is not reachable. Try again in a moment." },
    }));
    if (!data) return setError("root", { message: error?.message || "That did not work. Try again." });
    announce(data.user.id);
    // A full load, so that nothing of another user stays in memory.
    window.location.assign("/");
  });

  const field = (name: "name" | "email" | "password") => ({
    id: `${id}${name}`,
    "aria-invalid": errors[name] ? true : undefined,
    "aria-describedby": errors[name] ? `${id}${name}-error` : undefined,
    ...register(name),
  });
  const error = (name: "name" | "email" | "password") => (
    <FieldError id={`${id}${name}-error`}>{errors[name]?.message}</FieldError>
  );
  // The page goes on to the tasks: until it is there, the form is still busy.
  const busy = isSubmitting || (isSubmitSuccessful && !errors.root);

  return (
    <main className="flex min-h-dvh flex-col items-center bg-sidebar px-4 pt-[12dvh] pb-8">
      <img src="/icon.svg" alt="" className="size-11" />
      <h1 className="mt-4 mb-6 text-2xl font-bold tracking-tight">{title}</h1>
      {/* post: should scripts be late, the password does not end up in the address. */}
      <form
        method="post"
        noValidate
        onSubmit={submit}
        onInput={() => clearErrors("root")}
        className="flex w-full max-w-sm flex-col gap-4 rounded-xl border bg-card p-6 shadow-sm"
      >
        {mode === "sign-up" && (
          <Field>
            <FieldLabel htmlFor={`${id}name`}>Name</FieldLabel>
            <Input {...field("name")} autoComplete="name" />
            {error("name")}
          </Field>
        )}
        <Field>
          <FieldLabel htmlFor={`${id}email`}>E-mail</FieldLabel>
          <Input {...field("email")} type="email" autoComplete="email" />
          {error("email")}
        </Field>
        <Field>
          <FieldLabel htmlFor={`${id}password`}>Password</FieldLabel>
          <Input
            {...field("password")}
            type="password"
            autoComplete={mode === "sign-up" ? "new-password" : "current-password"}
          />
          {error("password")}
          {mode === "sign-up" && !errors.password && <FieldDescription>At least 8 characters</FieldDescription>}
        </Field>
        <FieldError>{errors.root?.message}</FieldError>
        <Button type="submit" disabled={busy} className="lg:h-10">
          {busy ? "One moment…" : title}
        </Button>
      </form>
      <p className="mt-6 text-sm text-muted-foreground">
        {other.lead}{" "}
        <a href={other.href} className="font-medium text-primary underline-offset-4 hover:underline">
          {other.text}
        </a>
      </p>
    </main>
  );
}
