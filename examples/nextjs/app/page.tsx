import { redirect } from "next/navigation";

import { TasksPage } from "@/components/tasks-page";
import { ClockProvider } from "@/lib/clock";
import { firstTasks, publicTasksApiUrl } from "@/lib/first-tasks";
import { currentSession } from "@/lib/session";
import { dayOf } from "@/lib/tasks/dates";
import { TasksProvider } from "@/lib/tasks/use-tasks";

// No loading.tsx beside this page: the first paint has the tasks in it, without scripts too.
export default async function Page() {
  const session = await currentSession();
  if (!session) redirect("/sign-in");
  const { id, name, email } = session.user;
  const now = Date.now();
  return (
    <ClockProvider now={now} today={dayOf(now)}>
      <TasksProvider userId={id} serviceUrl={publicTasksApiUrl()} initial={await firstTasks()}>
        <TasksPage user={{ id, name, email }} />
      </TasksProvider>
    </ClockProvider>
  );
}
