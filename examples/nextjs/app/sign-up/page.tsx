import type { Metadata } from "next";
import { redirect } from "next/navigation";

import { SignForm } from "@/components/sign-form";
import { currentSession } from "@/lib/session";

export const metadata: Metadata = { title: "Sign up" };

export default async function SignUp() {
  if (await currentSession()) redirect("/");
  return <SignForm mode="sign-up" />;
}
