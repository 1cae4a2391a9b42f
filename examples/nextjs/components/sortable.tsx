"use client";

import { closestCenter, DndContext, type DragEndEvent, KeyboardSensor, PointerSensor, useSensor, useSensors } from "@dnd-kit/core";
import { SortableContext, sortableKeyboardCoordinates, useSortable, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { CSS } from "@dnd-kit/utilities";
import { type ReactNode, useMemo, useRef } from "react";

import { type RowProps, TaskRow } from "@/components/task-row";

interface FrameProps {
  /** The rows in their order; none where the order is not the user's own. */
  refs: string[];
  titleOf: (ref: string) => string;
  onDrag: (ref: string | null) => void;
  onMove: (ref: string, to: number) => void;
  children: ReactNode;
}

/** What makes rows draggable: by pointer, by finger and by keyboard. */
export function SortableFrame({ refs, titleOf, onDrag, onMove, children }: FrameProps) {
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: 4 } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const moved = useRef(false);
  const name = (id: unknown) => `“${titleOf(String(id))}”`;
  const position = (id: unknown) => `position ${refs.indexOf(String(id)) + 1} of ${refs.length}`;

  function onDragEnd({ active, over }: DragEndEvent) {
    onDrag(null);
    if (over && over.id !== active.id) onMove(String(active.id), refs.indexOf(String(over.id)));
  }

  return (
    <DndContext
      id="tasks"
      sensors={sensors}
      collisionDetection={closestCenter}
      onDragStart={({ active }) => onDrag(String(active.id))}
      onDragCancel={() => onDrag(null)}
      onDragEnd={onDragEnd}
      accessibility={{
        screenReaderInstructions: {
          draggable: "To move this task, press space, then the arrow keys; space again drops it, escape cancels.",
        },
        announcements: {
          onDragStart({ active }) {
            moved.current = false;
            return `${name(active.id)} is picked up.`;
          },
          onDragOver({ active, over }) {
            // At first it is over its own place, which nobody needs to hear.
            moved.current ||= over?.id !== active.id;
            return over && moved.current ? `At ${position(over.id)}.` : undefined;
          },
          onDragEnd: ({ active, over }) => `${name(active.id)} is dropped${over ? ` at ${position(over.id)}` : ""}.`,
          onDragCancel: ({ active }) => `${name(active.id)} is back in its place.`,
        },
      }}
    >
      <SortableContext items={refs} strategy={verticalListSortingStrategy}>
        {children}
      </SortableContext>
    </DndContext>
  );
}

export function SortableRow(props: RowProps) {
  const { setNodeRef, attributes, listeners, transform, transition, isDragging } = useSortable({ id: props.item.ref });
  const handle = useMemo(() => ({ attributes, listeners }), [attributes, listeners]);
  return (
    <div ref={setNodeRef} style={{ transform: CSS.Translate.toString(transform), transition }}>
      <TaskRow {...props} handle={handle} dragging={isDragging} />
    </div>
  );
}
