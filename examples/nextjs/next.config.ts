import type { NextConfig } from "next";

/**
 * With TASKS_API_PROXY=1, for the build and at run time, browsers reach the service at this
 * application's own address: no CORS, no second host. Live changes pass as well, one by one.
 */
const service = process.env.TASKS_API_PROXY ? (process.env.TASKS_API_URL ?? "http://127.0.0.1:8000") : undefined;
const PATHS = "/api/:path(tasks|trash|changes|events|data)/:rest*";

const config: NextConfig = {
  poweredByHeader: false,
  rewrites: async () => (service ? [{ source: PATHS, destination: `${service}/api/:path/:rest*` }] : []),
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "Content-Security-Policy", value: "frame-ancestors 'none'" },
        { key: "Referrer-Policy", value: "same-origin" },
        { key: "X-Content-Type-Options", value: "nosniff" },
      ],
    },
  ],
};

export default config;
