/** The calendar day so many days from now, as this machine and the browser have it. */
export function day(offset: number): string {
  const date = new Date();
  date.setDate(date.getDate() + offset);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
