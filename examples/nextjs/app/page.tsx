import { redirect } from "next/navigation";

import { TasksPage } from "@/components/tasks-page";
import { filterOf } from "@/lib/filter";
import { firstTasks, tasksApiUrl } from "@/lib/first-tasks";
import { currentSession } from "@/lib/session";

// No loading.tsx beside this page: the first paint has the tasks in it, without scripts too.
export default async function Page({ searchParams }: PageProps<"/">) {
  const session = await currentSession();
  if (!session) redirect("/sign-in");
  const filter = filterOf((await searchParams).status);
  return (
    <TasksPage
      user={{ id: session.user.id, name: session.user.name, email: session.user.email }}
      serviceUrl={tasksApiUrl()}
      first={await firstTasks(filter)}
    />
  );
}
