"use client";

import { Dialog, DialogContent, DialogDescription, DialogHeader, DialogTitle } from "@/components/ui/dialog";

const SHORTCUTS = [
  ["n", "New task"],
  ["/", "Search"],
  ["↑ ↓", "Go to the next or previous task"],
  ["Space", "Complete the task"],
  ["Enter", "Edit the task"],
  ["Alt ↑ ↓", "Move the task"],
  ["Del", "Delete the task"],
  ["Esc", "Leave the field, or end the edit"],
] as const;

export default function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent>
        <DialogHeader>
          <DialogTitle>Keyboard shortcuts</DialogTitle>
          <DialogDescription className="sr-only">What the keys do</DialogDescription>
        </DialogHeader>
        <dl className="flex flex-col">
          {SHORTCUTS.map(([keys, text]) => (
            <div key={keys} className="flex items-center justify-between border-b py-2 text-sm last:border-0">
              <dt>{text}</dt>
              <dd>
                <kbd className="rounded border bg-muted px-1.5 py-0.5 font-sans text-xs">{keys}</kbd>
              </dd>
            </div>
          ))}
        </dl>
      </DialogContent>
    </Dialog>
  );
}
