internal import CLibuv
internal import Glibc

/// A numeric address and a port.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
  /// "192.0.2.1" or "2001:db8::1".
  package let host: String
  package let port: Int

  /// Nil for a host that is not an address in digits, and for a port outside 0...65535.
  package init?(host: String, port: Int) {
    guard (0...65535).contains(port), withSocketAddress(host, Int32(port), { _ in 0 }) == 0 else { return nil }
    self.host = host
    self.port = port
  }

  package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

/// Lends the kernel's form of a numeric address for one call, whose code is passed on; libuv's error where the text is no address.
func withSocketAddress(_ host: String, _ port: Int32, _ body: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
  var storage = sockaddr_storage()
  return withUnsafeMutableBytes(of: &storage) { bytes -> Int32 in
    guard let base = bytes.baseAddress else { return UV_EINVAL.rawValue }
    let parsed =
      host.contains(":")
      ? uv_ip6_addr(host, port, base.assumingMemoryBound(to: sockaddr_in6.self))
      : uv_ip4_addr(host, port, base.assumingMemoryBound(to: sockaddr_in.self))
    return parsed < 0 ? parsed : body(base.assumingMemoryBound(to: sockaddr.self))
  }
}

/// The address in digits: "192.0.2.1" or "2001:db8::1".
func numericAddress(_ address: UnsafePointer<sockaddr>) -> String {
  var text = [CChar](repeating: 0, count: 64)
  guard uv_ip_name(address, &text, text.count) == 0 else { return "" }
  return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
