/** Unit Serial Number, 80h (SPC-4 section 7.8.14). */

import { asciiField } from "../text.ts";
import type { VpdPage } from "./page.ts";

export const unitSerialNumber: VpdPage = ({ identity }) =>
  asciiField(identity.serial, identity.serial.length);
