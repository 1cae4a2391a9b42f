import { createPrivateKey, type JsonWebKey, sign } from "node:crypto";

import { createClient } from "@libsql/client";
import { symmetricDecrypt } from "better-auth/crypto";

import type { Servers } from "./servers";

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The token as it will be in an hour: the same claims, expired, and truly signed by the application's key. */
export async function expiredToken(token: string, { database, secret }: Servers): Promise<string> {
  const [header = "", payload = ""] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  const client = createClient({ url: database });
  const { rows } = await client.execute("select privateKey from jwks");
  client.close();
  if (rows.length !== 1) throw new Error(`${rows.length} keys were made at the start, not one`);
  const data = JSON.parse(String(rows[0]!["privateKey"])) as string;
  const key = JSON.parse(await symmetricDecrypt({ key: secret, data })) as JsonWebKey;
  const claims = JSON.parse(payload) as { iat: number; exp: number };
  const old = `${encode(JSON.parse(header))}.${encode({ ...claims, iat: claims.iat - 3600, exp: claims.exp - 3600 })}`;
  const signature = sign(null, Buffer.from(old), createPrivateKey({ key, format: "jwk" }));
  return `${old}.${signature.toString("base64url")}`;
}
