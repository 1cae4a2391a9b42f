"use client";

import { KeyboardIcon, LogOutIcon, MonitorIcon, MoonIcon, SunIcon } from "lucide-react";
import { useState } from "react";

import type { MenuProps } from "@/components/lazy-menu";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { setTheme, type Theme, themeOf, themes } from "@/lib/theme";

const THEMES = {
  light: { label: "Light", Icon: SunIcon },
  dark: { label: "Dark", Icon: MoonIcon },
  system: { label: "As this device", Icon: MonitorIcon },
};

export interface UserMenuProps {
  user: { name: string; email: string };
  onSignOut: () => void;
  onShortcuts: () => void;
}

export default function UserMenu({ user, onSignOut, onShortcuts, trigger }: UserMenuProps & MenuProps) {
  const [theme, select] = useState(() => themeOf(document.documentElement.dataset.theme));
  return (
    <DropdownMenu defaultOpen>
      <DropdownMenuTrigger asChild>{trigger}</DropdownMenuTrigger>
      <DropdownMenuContent align="end" className="w-60">
        <div className="px-2.5 py-2">
          <p className="truncate text-sm font-medium">{user.name}</p>
          <p className="truncate text-xs text-muted-foreground">{user.email}</p>
        </div>
        <DropdownMenuSeparator />
        <DropdownMenuLabel>Appearance</DropdownMenuLabel>
        <DropdownMenuRadioGroup
          value={theme}
          onValueChange={(value) => {
            select(value as Theme);
            setTheme(value as Theme);
          }}
        >
          {themes.map((name) => {
            const { label, Icon } = THEMES[name];
            return (
              // The menu stays open, to compare.
              <DropdownMenuRadioItem key={name} value={name} onSelect={(event) => event.preventDefault()}>
                <Icon /> {label}
              </DropdownMenuRadioItem>
            );
          })}
        </DropdownMenuRadioGroup>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={onShortcuts} className="max-lg:hidden">
          <KeyboardIcon /> Keyboard shortcuts
        </DropdownMenuItem>
        <DropdownMenuItem onSelect={onSignOut}>
          <LogOutIcon /> Sign out
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
