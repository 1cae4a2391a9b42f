"use client";

import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogFooter, DialogHeader, DialogTitle } from "@/components/ui/dialog";

interface Props {
  unsent: number;
  onClose: () => void;
  onSignOut: () => void;
}

export default function SignOut({ unsent, onClose, onSignOut }: Props) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent>
        <DialogHeader>
          <DialogTitle>Sign out before everything is sent?</DialogTitle>
          <DialogDescription>
            {unsent === 1 ? "1 change is" : `${unsent} changes are`} on this device alone. They stay here, and are sent
            when you sign in again.
          </DialogDescription>
        </DialogHeader>
        <DialogFooter>
          <Button variant="outline" onClick={onClose}>
            Stay
          </Button>
          <Button onClick={onSignOut}>Sign out</Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  );
}
