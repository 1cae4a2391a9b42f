import type { Metadata } from "next";

import { SignForm } from "@/components/sign-form";

export const metadata: Metadata = { title: "Sign in" };

export default function SignIn() {
  return <SignForm mode="sign-in" />;
}
