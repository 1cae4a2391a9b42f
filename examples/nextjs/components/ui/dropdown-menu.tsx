"use client";

import { CheckIcon } from "lucide-react";
import { DropdownMenu as MenuPrimitive } from "radix-ui";
import type { ComponentProps } from "react";

import { cn } from "@/lib/utils";

const item =
  "relative flex min-h-11 items-center gap-2.5 rounded-sm px-2.5 text-sm outline-hidden select-none focus:bg-accent focus:text-accent-foreground data-[disabled]:pointer-events-none data-[disabled]:opacity-50 lg:min-h-8 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg:not([class*='text-'])]:text-muted-foreground";

// Not modal: the page behind a menu stays there for screen readers, and can be scrolled.
const DropdownMenu = (props: ComponentProps<typeof MenuPrimitive.Root>) => (
  <MenuPrimitive.Root data-slot="dropdown-menu" modal={false} {...props} />
);

const DropdownMenuTrigger = (props: ComponentProps<typeof MenuPrimitive.Trigger>) => (
  <MenuPrimitive.Trigger data-slot="dropdown-menu-trigger" {...props} />
);

function DropdownMenuContent({ className, sideOffset = 4, ...props }: ComponentProps<typeof MenuPrimitive.Content>) {
  return (
    // In the landmark that it belongs to.
    <MenuPrimitive.Portal container={document.querySelector("main")}>
      <MenuPrimitive.Content
        data-slot="dropdown-menu-content"
        sideOffset={sideOffset}
        collisionPadding={8}
        className={cn(
          "z-50 max-h-(--radix-dropdown-menu-content-available-height) min-w-44 animate-appear overflow-y-auto rounded-lg border bg-popover p-1 text-popover-foreground shadow-lg",
          className,
        )}
        {...props}
      />
    </MenuPrimitive.Portal>
  );
}

type ItemProps = ComponentProps<typeof MenuPrimitive.Item> & { variant?: "default" | "destructive" };

const DropdownMenuItem = ({ className, variant = "default", ...props }: ItemProps) => (
  <MenuPrimitive.Item
    data-slot="dropdown-menu-item"
    data-variant={variant}
    className={cn(item, variant === "destructive" && "text-destructive focus:text-destructive [&_svg]:text-destructive!", className)}
    {...props}
  />
);

const DropdownMenuRadioGroup = (props: ComponentProps<typeof MenuPrimitive.RadioGroup>) => (
  <MenuPrimitive.RadioGroup data-slot="dropdown-menu-radio-group" {...props} />
);

const DropdownMenuRadioItem = ({ className, children, ...props }: ComponentProps<typeof MenuPrimitive.RadioItem>) => (
  <MenuPrimitive.RadioItem data-slot="dropdown-menu-radio-item" className={cn(item, "pr-8", className)} {...props}>
    {children}
    <MenuPrimitive.ItemIndicator className="absolute right-2.5">
      <CheckIcon className="text-primary" />
    </MenuPrimitive.ItemIndicator>
  </MenuPrimitive.RadioItem>
);

const DropdownMenuLabel = ({ className, ...props }: ComponentProps<typeof MenuPrimitive.Label>) => (
  <MenuPrimitive.Label
    data-slot="dropdown-menu-label"
    className={cn("px-2.5 pt-2 pb-1 text-xs font-medium text-muted-foreground", className)}
    {...props}
  />
);

const DropdownMenuSeparator = ({ className, ...props }: ComponentProps<typeof MenuPrimitive.Separator>) => (
  <MenuPrimitive.Separator
    data-slot="dropdown-menu-separator"
    className={cn("-mx-1 my-1 h-px bg-border", className)}
    {...props}
  />
);

const DropdownMenuShortcut = ({ className, ...props }: ComponentProps<"span">) => (
  <span
    data-slot="dropdown-menu-shortcut"
    className={cn("ml-auto pl-4 text-xs text-muted-foreground max-lg:hidden", className)}
    {...props}
  />
);

export {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuSeparator,
  DropdownMenuShortcut,
  DropdownMenuTrigger,
};
