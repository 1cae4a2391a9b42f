/** Light, dark, or what the device has. A cookie, so that the server's first paint has it. */
export const themes = ["light", "dark", "system"] as const;
export type Theme = (typeof themes)[number];

export const THEME_COOKIE = "theme";

export const themeOf = (value: string | undefined): Theme => themes.find((theme) => theme === value) ?? "system";

export function setTheme(theme: Theme) {
  document.documentElement.dataset.theme = theme;
  document.cookie = `${THEME_COOKIE}=${theme}; path=/; max-age=31536000; samesite=lax`;
}
