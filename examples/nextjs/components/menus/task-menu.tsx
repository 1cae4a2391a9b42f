"use client";

import { ArrowDownIcon, ArrowUpIcon, CalendarIcon, CalendarOffIcon, FlagIcon, PencilIcon, SunIcon, Trash2Icon } from "lucide-react";

import type { MenuProps } from "@/components/lazy-menu";
import { PRIORITY } from "@/components/task-meta";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuSeparator,
  DropdownMenuShortcut,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { addDays } from "@/lib/tasks/dates";
import type { Item } from "@/lib/tasks/operations";
import { useActions } from "@/lib/tasks/use-tasks";

export interface TaskMenuProps {
  item: Item;
  today: string;
  onEdit: () => void;
  onDelete: () => void;
  /** Absent where the order is not the user's own. */
  onMove?: ((by: -1 | 1) => void) | undefined;
}

export default function TaskMenu({ item, today, onEdit, onDelete, onMove, trigger }: TaskMenuProps & MenuProps) {
  const { patch } = useActions();
  const due = (due_date: string | null) => patch(item, due_date ? { due_date } : { due_date, due_time: null });
  return (
    <DropdownMenu defaultOpen>
      <DropdownMenuTrigger asChild>{trigger}</DropdownMenuTrigger>
      <DropdownMenuContent align="end">
        <DropdownMenuItem onSelect={onEdit}>
          <PencilIcon /> Edit <DropdownMenuShortcut>Enter</DropdownMenuShortcut>
        </DropdownMenuItem>
        <DropdownMenuLabel>Due</DropdownMenuLabel>
        <DropdownMenuItem onSelect={() => due(today)}>
          <SunIcon /> Today
        </DropdownMenuItem>
        <DropdownMenuItem onSelect={() => due(addDays(today, 1))}>
          <CalendarIcon /> Tomorrow
        </DropdownMenuItem>
        {item.due_date && (
          <DropdownMenuItem onSelect={() => due(null)}>
            <CalendarOffIcon /> No date
          </DropdownMenuItem>
        )}
        <DropdownMenuLabel>Priority</DropdownMenuLabel>
        <DropdownMenuRadioGroup
          value={item.priority}
          onValueChange={(priority) => patch(item, { priority: priority as Item["priority"] })}
        >
          {(["high", "medium", "low", "none"] as const).map((priority) => (
            <DropdownMenuRadioItem key={priority} value={priority}>
              <FlagIcon className={PRIORITY[priority].text} /> {PRIORITY[priority].label.split(" ")[0]!.replace("No", "None")}
            </DropdownMenuRadioItem>
          ))}
        </DropdownMenuRadioGroup>
        <DropdownMenuSeparator />
        {onMove && (
          <>
            <DropdownMenuItem onSelect={() => onMove(-1)}>
              <ArrowUpIcon /> Move up <DropdownMenuShortcut>Alt ↑</DropdownMenuShortcut>
            </DropdownMenuItem>
            <DropdownMenuItem onSelect={() => onMove(1)}>
              <ArrowDownIcon /> Move down <DropdownMenuShortcut>Alt ↓</DropdownMenuShortcut>
            </DropdownMenuItem>
          </>
        )}
        <DropdownMenuItem variant="destructive" onSelect={onDelete}>
          <Trash2Icon /> Delete <DropdownMenuShortcut>Del</DropdownMenuShortcut>
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
