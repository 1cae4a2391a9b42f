"use client";

import { CheckCheckIcon, EraserIcon } from "lucide-react";

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
import { useActions } from "@/lib/tasks/use-tasks";
import { hrefOf, type Selection, type Sort, sorts } from "@/lib/tasks/views";

const SORTS: Record<Sort, string> = { manual: "My order", due: "Due date", priority: "Priority", newest: "Newest first" };

export interface ViewMenuProps {
  selection: Selection;
  pending: number;
  completed: number;
}

export default function ViewMenu({ selection, pending, completed, trigger }: ViewMenuProps & MenuProps) {
  const { completeAll, clearCompleted } = useActions();
  return (
    <DropdownMenu defaultOpen>
      <DropdownMenuTrigger asChild>{trigger}</DropdownMenuTrigger>
      <DropdownMenuContent align="end">
        {selection.view === "all" && (
          <>
            <DropdownMenuLabel>Order</DropdownMenuLabel>
            <DropdownMenuRadioGroup
              value={selection.sort}
              onValueChange={(sort) => window.history.pushState(null, "", hrefOf({ ...selection, sort: sort as Sort }))}
            >
              {sorts.map((sort) => (
                <DropdownMenuRadioItem key={sort} value={sort}>
                  {SORTS[sort]}
                </DropdownMenuRadioItem>
              ))}
            </DropdownMenuRadioGroup>
            <DropdownMenuSeparator />
          </>
        )}
        <DropdownMenuItem disabled={pending === 0} onSelect={completeAll}>
          <CheckCheckIcon /> Complete all
        </DropdownMenuItem>
        <DropdownMenuItem disabled={completed === 0} onSelect={clearCompleted}>
          <EraserIcon /> Clear completed
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
