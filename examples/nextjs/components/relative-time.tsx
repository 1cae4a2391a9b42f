import { useHydrated, useNow } from "@/lib/clock";
import { ago, exactTime } from "@/lib/tasks/dates";

/** "Completed 5 minutes ago", with the exact time for the pointer. */
export function RelativeTime({ moment, label }: { moment: string; label: string }) {
  const now = useNow();
  // The exact time is in the device's time zone, which the server does not know.
  const title = useHydrated() ? exactTime(moment) : undefined;
  return (
    <time dateTime={moment} title={title}>
      {label} {ago(moment, now)}
    </time>
  );
}
