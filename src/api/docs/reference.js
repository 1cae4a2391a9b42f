// Scalar at /reference. Its script follows this one.

// Scalar's validator would try to compile functions, which the policy of the page forbids.
globalThis.__zod_globalConfig = { jitless: true };

async function showReference() {
  const [response, { token }] = await Promise.all([fetch(openapi), getHelp()]);
  Scalar.createApiReference("#reference", {
    content: forPage(await response.json()),
    authentication: {
      preferredSecurityScheme: "bearerAuth",
      // In development, so that a request can be sent at once.
      ...(token && { securitySchemes: { bearerAuth: { token } } }),
    },
    persistAuth: true,
    defaultOpenAllTags: true,
    // Everything that belongs to the vendor, or asks another host.
    agent: { disabled: true },
    hideClientButton: true,
    mcp: { disabled: true },
    showDeveloperTools: "never",
    telemetry: false,
    withDefaultFonts: false,
  });
}

window.onload = showReference;
