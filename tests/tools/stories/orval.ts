import { completeTask, createTask, deleteTask, getTask, listTasks, updateTask } from "./client";
import { story } from "./story";
import "./tasks";

await story({
  list: (status) => listTasks({ status }),
  create: createTask,
  get: getTask,
  update: updateTask,
  complete: completeTask,
  remove: deleteTask,
  listWithRejectedToken: () =>
    listTasks(undefined, { headers: { Authorization: "Bearer rejected" } }),
});
