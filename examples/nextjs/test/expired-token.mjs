import { createPrivateKey, sign } from "node:crypto";

import { createClient } from "@libsql/client";
import { symmetricDecrypt } from "better-auth/crypto";

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The token as it will be in an hour: the same claims, expired, and truly signed by the application's key. */
export async function expiredToken(token, { database, secret }) {
  const [header, payload] = token.split(".").map((part) => Buffer.from(part, "base64url").toString());
  const client = createClient({ url: database });
  const { rows } = await client.execute("select privateKey from jwks");
  client.close();
  if (rows.length !== 1) throw new Error(`${rows.length} keys were made at the start, not one`);
  const jwk = JSON.parse(await symmetricDecrypt({ key: secret, data: JSON.parse(rows[0].privateKey) }));
  const claims = JSON.parse(payload);
  const old = `${encode(JSON.parse(header))}.${encode({ ...claims, iat: claims.iat - 3600, exp: claims.exp - 3600 })}`;
  const signature = sign(null, Buffer.from(old), createPrivateKey({ key: jwk, format: "jwk" }));
  return `${old}.${signature.toString("base64url")}`;
}
