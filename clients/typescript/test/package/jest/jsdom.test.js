/** @jest-environment jsdom */
import { changes, createTokenSource, ProblemError } from "@tasks-api/client";

test("the client loads in a test of a page, which has no fetch", () => {
  expect(typeof changes).toBe("function");
  expect(typeof createTokenSource(async () => "")).toBe("function");
  expect(ProblemError.prototype).toBeInstanceOf(Error);
});
