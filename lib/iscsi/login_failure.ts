/** A login that is refused, with the status that the Login Response carries (RFC 7143 section 11.13.5). */

import { PeerError } from "../base/errors.ts";
import {
  AUTHENTICATION_FAILURE,
  AUTHORIZATION_FAILURE,
  CANNOT_INCLUDE_IN_SESSION,
  INITIATOR_ERROR,
  INVALID_DURING_LOGIN,
  MISSING_PARAMETER,
  NOT_FOUND,
  OUT_OF_RESOURCES,
  SERVICE_UNAVAILABLE,
  SESSION_DOES_NOT_EXIST,
  SESSION_TYPE_NOT_SUPPORTED,
  TARGET_ERROR,
  TARGET_MOVED_PERMANENTLY,
  TARGET_MOVED_TEMPORARILY,
  TARGET_REMOVED,
  TOO_MANY_CONNECTIONS,
  UNSUPPORTED_VERSION,
} from "./pdu/login_response.ts";

/** The login was refused. */
export class LoginFailure extends PeerError {
  /** Always this. */
  override readonly name: string = "LoginFailure";
  /** Status-Class << 8 | Status-Detail: 0x0201 is an authentication failure, 0x0203 no such target. */
  readonly status: number;

  /** `message` is for a person. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const MEANINGS: Readonly<Record<number, string>> = {
  [TARGET_MOVED_TEMPORARILY]: "the target has moved for now",
  [TARGET_MOVED_PERMANENTLY]: "the target has moved",
  [INITIATOR_ERROR]: "the request was malformed",
  [AUTHENTICATION_FAILURE]: "authentication failed",
  [AUTHORIZATION_FAILURE]: "this initiator is not allowed in",
  [NOT_FOUND]: "there is no such target",
  [TARGET_REMOVED]: "the target was removed",
  [UNSUPPORTED_VERSION]: "no common protocol version",
  [TOO_MANY_CONNECTIONS]: "too many connections",
  [MISSING_PARAMETER]: "a parameter is missing",
  [CANNOT_INCLUDE_IN_SESSION]: "the session cannot have this connection",
  [SESSION_TYPE_NOT_SUPPORTED]: "the session type is not supported",
  [SESSION_DOES_NOT_EXIST]: "the session does not exist",
  [INVALID_DURING_LOGIN]: "the request is not allowed during login",
  [TARGET_ERROR]: "the target had an error",
  [SERVICE_UNAVAILABLE]: "the target is not available now",
  [OUT_OF_RESOURCES]: "the target has no room for another session",
};

/** What a Login Response's status means, in words. */
export function meaningOf(status: number): string {
  return MEANINGS[status] ??
    `status 0x${status.toString(16).padStart(4, "0")}`;
}
