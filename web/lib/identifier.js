/** Random identifiers. */

/**
 * A UUID, version 4 (RFC 9562). `crypto.randomUUID` exists only in secure contexts, and a
 * server on a plain-http address in a home network is not one.
 * @param {Pick<Crypto, "getRandomValues"> & {randomUUID?: () => string}} [source]
 */
export function uuid(source = crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20, 32]
    .map((end, index, ends) => hex.slice(index === 0 ? 0 : ends[index - 1], end))
    .join("-");
}
