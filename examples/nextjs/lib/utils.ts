import { type ClassValue, clsx } from "clsx";
import { twMerge } from "tailwind-merge";

/** Joins class names; of two that set the same property, the last one stays. */
export const cn = (...inputs: ClassValue[]) => twMerge(clsx(inputs));
