import COpenSSL

/// Hashes, signatures and random bytes: OpenSSL, wrapped once.
package enum Crypto {
  /// SHA-256, 32 bytes.
  package static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    _ = SHA256(bytes, bytes.count, &digest)
    return digest
  }

  /// SHA-1, 20 bytes: a name for content where an outside protocol wants it, never for safety.
  package static func sha1(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
    _ = SHA1(bytes, bytes.count, &digest)
    return digest
  }

  /// HMAC with SHA-1, 20 bytes: what `X-Twilio-Signature` is made of (taskrouter.md 9.5).
  package static func hmacSHA1(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 20)
    var length: UInt32 = 20
    _ = HMAC(EVP_sha1(), key, Int32(key.count), message, message.count, &digest, &length)
    return digest
  }

  /// Whether two secrets are equal, in time that does not depend on where they differ. Their lengths are no secret.
  package static func isSame(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0 }

  /// Bytes that nobody can guess. Ends the process when the machine has none to give: there is no honest way to go on.
  package static func random(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    guard RAND_bytes(&bytes, Int32(count)) == 1 else { fatalError("the system's random generator failed") }
    return bytes
  }

  package static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count * 2)
    for byte in bytes { out += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: out, as: UTF8.self)
  }

  /// Base64 with padding (RFC 4648 section 4).
  package static func base64(_ bytes: [UInt8]) -> String {
    var out = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
    let length = EVP_EncodeBlock(&out, bytes, Int32(bytes.count))
    return String(decoding: out[..<Int(length)], as: UTF8.self)
  }

  /// Nil for anything that is not base64 with padding.
  package static func decodeBase64(_ text: some StringProtocol) -> [UInt8]? {
    let input = Array(text.utf8)
    guard !input.isEmpty, input.count % 4 == 0 else { return nil }
    var out = [UInt8](repeating: 0, count: input.count / 4 * 3)
    let length = EVP_DecodeBlock(&out, input, Int32(input.count))
    guard length >= 0 else { return nil }
    let padding = input.suffix(2).count { $0 == UInt8(ascii: "=") }
    return Array(out[..<(Int(length) - padding)])
  }
}
