import type { Metadata } from "next";

import { SignForm } from "@/components/sign-form";

export const metadata: Metadata = { title: "Sign up" };

export default function SignUp() {
  return <SignForm mode="sign-up" />;
}
