import type { ComponentProps } from "react";

import { cn } from "@/lib/utils";

// 16 px on phones: below it, Safari on iOS zooms into the field.
const control =
  "w-full min-w-0 rounded-md border border-input bg-background px-3 text-base transition-colors placeholder:text-muted-foreground disabled:opacity-60 aria-invalid:border-destructive lg:text-sm";

function Input({ className, ...props }: ComponentProps<"input">) {
  return <input data-slot="input" className={cn(control, "h-11 lg:h-9", className)} {...props} />;
}

function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return <textarea data-slot="textarea" className={cn(control, "min-h-20 py-2", className)} {...props} />;
}

function NativeSelect({ className, ...props }: ComponentProps<"select">) {
  return <select data-slot="native-select" className={cn(control, "h-11 lg:h-9", className)} {...props} />;
}

export { Input, NativeSelect, Textarea };
