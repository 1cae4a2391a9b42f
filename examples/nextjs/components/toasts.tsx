"use client";

import { useEffect } from "react";
import { toast } from "sonner";

import { Toaster } from "@/components/ui/sonner";
import { toastsAreShownBy } from "@/lib/notify";

export default function Toasts() {
  useEffect(() => toastsAreShownBy(toast), []);
  return <Toaster />;
}
