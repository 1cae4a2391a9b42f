import type { Metadata } from "next";
import { redirect } from "next/navigation";

import { SignForm } from "@/components/sign-form";
import { currentSession } from "@/lib/session";

export const metadata: Metadata = { title: "Sign in" };

export default async function SignIn() {
  if (await currentSession()) redirect("/");
  return <SignForm mode="sign-in" />;
}
