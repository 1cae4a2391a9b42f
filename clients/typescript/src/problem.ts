// What is not a success: problems (RFC 9457), and responses outside the contract.
import type * as api from "./generated.js";
import { retryAfter } from "./time.js";

/**
 * A response that the contract does not have: a body that is not the documented
 * JSON, or an undocumented status without a problem (RFC 9457). Mostly it is a
 * proxy's.
 */
export class UnexpectedResponseError extends Error {
  override readonly name = "UnexpectedResponseError";

  constructor(
    /** The response; its body has been read. */
    readonly response: Response,
    /** The body as it came. */
    readonly body: string,
  ) {
    super(`The response ${response.status} of ${response.url} is not in the contract`);
  }

  get status(): number {
    return this.response.status;
  }
}

/** Whether `data` of a response is a problem (RFC 9457), whatever the status was. */
export const isProblem = (data: unknown): data is api.Problem => {
  const problem = data as Partial<Record<keyof api.Problem, unknown>> | null;
  return (
    typeof problem === "object" &&
    typeof problem?.type === "string" &&
    typeof problem.title === "string" &&
    typeof problem.status === "number" &&
    typeof problem.detail === "string"
  );
};

/** A type of problem: one of those so far, or one of a later version. */
export type AnyProblemType = api.ProblemType | (string & {});

/** What `unwrap` throws for a problem. `is` narrows it to one type. */
export class ProblemError<T extends string = AnyProblemType> extends Error {
  override readonly name = "ProblemError";

  constructor(
    /** The body of the response. */
    readonly problem: api.Problem,
    /** The headers of the response. */
    readonly headers: Headers,
  ) {
    super(problem.detail);
  }

  /** The stable identifier to branch on, such as `/problems/not-found`. */
  get type(): T {
    return this.problem.type as T;
  }

  get status(): number {
    return this.problem.status;
  }

  /** A sentence for a person. */
  get detail(): string {
    return this.problem.detail;
  }

  /** The invalid fields; empty unless the type is `/problems/invalid-request`. */
  get errors(): api.FieldError[] {
    return this.problem.errors ?? [];
  }

  /** The task as it is. Present for `/problems/version-conflict`. */
  get current(): T extends "/problems/version-conflict" ? api.Task : api.Task | undefined {
    return this.problem.current as never;
  }

  /** How long the service asks to wait, in milliseconds. */
  get retryAfter(): number | undefined {
    return retryAfter(this.headers);
  }

  /** Whether the problem is of this type: `error.is("/problems/version-conflict")`. */
  is<K extends api.ProblemType>(type: K): this is ProblemError<K> {
    return this.problem.type === type;
  }
}

interface AnyResponse {
  status: number;
  data: unknown;
  headers: Headers;
}

/** The data of a success. A state that the caller has already (304) has none. */
export type SuccessData<R extends AnyResponse> = Extract<R, { status: 200 | 201 | 304 }>["data"];

/** The data of a success. A problem is thrown as a `ProblemError`. */
export const unwrap = async <R extends AnyResponse>(response: R | Promise<R>): Promise<SuccessData<R>> => {
  const { data, headers } = await response;
  if (isProblem(data)) throw new ProblemError(data, headers);
  return data as SuccessData<R>;
};
