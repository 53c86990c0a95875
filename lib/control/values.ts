/** Values that cross a control socket, and how large they may be. */

import * as v from "valibot";

/** The longest string that a parameter may be, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 1024;

export const text = v.pipe(v.string(), v.maxLength(MAX_TEXT_LENGTH));
export const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const figure = v.pipe(v.number(), v.finite(), v.minValue(0));
