// What the stories share.
import assert from "node:assert/strict";

/** Repeats a GET until its whole response arrives. */
export async function insist(send) {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await send();
      const body = await response.json();
      assert.ok(response.ok, `${response.status} ${JSON.stringify(body)}`);
      return { headers: response.headers, body };
    } catch (error) {
      if (error instanceof assert.AssertionError || attempt > 100) throw error;
    }
  }
}

export function client(url, token) {
  const request = (method, path, body, headers) =>
    fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
      body: body && JSON.stringify(body),
    });
  const json = async (...call) => {
    const response = await request(...call);
    const result = await response.json();
    assert.ok(response.ok, `${call[0]} ${call[1]}: ${response.status} ${JSON.stringify(result)}`);
    return result;
  };
  return { request, json };
}

/** A number from 0 below `limit`. */
export const below = (limit) => Math.floor(Math.random() * limit);
