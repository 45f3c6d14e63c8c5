/// Reads the text of an address from left to right.
struct RedisAddressParser {
  private var rest: Substring

  init(_ text: String) { rest = text[...] }

  mutating func parse() throws(RedisAddressError) -> RedisAddress {
    let scheme = String(rest.prefix { $0 != "@" && $0 != "/" && $0 != ":" })
    guard rest.dropFirst(scheme.count).hasPrefix("://"), ["redis", "rediss", "redis-sentinel", "rediss-sentinel"].contains(scheme) else {
      throw .scheme(scheme)
    }
    let hasSentinels = scheme.hasSuffix("-sentinel")
    rest = rest.dropFirst(scheme.count + 3)
    var credentials: RedisCredentials?
    // The last one, and before anything else: an "@" in a password should be encoded and often is not, and no part of it may end up in an error.
    if let at = rest.lastIndex(of: "@") {
      credentials = try parseCredentials(rest[..<at])
      rest = rest[rest.index(after: at)...]
    }
    let parameters = cut("?")
    let path = cut("/")?.split(separator: "/", omittingEmptySubsequences: false).map(String.init) ?? []
    let endpoints = try parseEndpoints(hasSentinels ? 26_379 : 6379)
    guard hasSentinels || endpoints.count == 1 else { throw .severalHosts }
    var address = RedisAddress(place: .server(endpoints[0]))
    if hasSentinels {
      guard let name = path.first, !name.isEmpty else { throw .noMasterName }
      guard name.utf8.allSatisfy({ Self.isWord($0) }) else { throw .masterName(name) }
      address.place = .sentinels(endpoints, master: name)
    }
    let afterName = path.dropFirst(hasSentinels ? 1 : 0)
    if let text = afterName.first, !(text.isEmpty && afterName.count == 1) {
      guard afterName.count == 1, let number = Int(text), number >= 0, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
        throw .database(afterName.joined(separator: "/"))
      }
      address.database = number
    }
    address.usesTLS = scheme.hasPrefix("rediss")
    address.credentials = credentials
    try parseParameters(parameters ?? "", into: &address)
    return address
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: false
    }
  }

  /// Takes away everything from the first `mark` on; what follows it.
  private mutating func cut(_ mark: Character) -> Substring? {
    guard let at = rest.firstIndex(of: mark) else { return nil }
    defer { rest = rest[..<at] }
    return rest[rest.index(after: at)...]
  }

  private func parseCredentials(_ text: Substring) throws(RedisAddressError) -> RedisCredentials? {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard !text.contains("/"), !text.contains("?"), parts.count == 2, let user = decoded(parts[0]), let password = decoded(parts[1]),
      !password.isEmpty
    else { throw .credentials }
    return RedisCredentials(user: user.isEmpty ? nil : user, password: password)
  }

  private func parseEndpoints(_ standardPort: Int) throws(RedisAddressError) -> [RedisEndpoint] {
    if rest.isEmpty { throw .noHost }
    var endpoints: [RedisEndpoint] = []
    for part in rest.split(separator: ",", omittingEmptySubsequences: false) {
      var host = part
      var port: Substring?
      if part.hasPrefix("["), let end = part.firstIndex(of: "]") {
        host = part[part.index(after: part.startIndex)..<end]
        let behind = part[part.index(after: end)...]
        if !behind.isEmpty {
          guard behind.first == ":" else { throw .host(String(part)) }
          port = behind.dropFirst()
        }
      } else if let colon = part.firstIndex(of: ":") {
        host = part[..<colon]
        port = part[part.index(after: colon)...]
      }
      if host.isEmpty { throw .noHost }
      let isAddress = part.hasPrefix("[")
      guard host.utf8.allSatisfy({ Self.isWord($0) || (isAddress && $0 == UInt8(ascii: ":")) }) else { throw .host(String(host)) }
      var number = standardPort
      if let port {
        guard let given = Int(port), (1...65535).contains(given) else { throw .port(String(port)) }
        number = given
      }
      endpoints.append(RedisEndpoint(host: String(host), port: number))
    }
    return endpoints
  }

  private func parseParameters(_ text: Substring, into address: inout RedisAddress) throws(RedisAddressError) {
    var user: String?
    var password: String?
    for pair in text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let value = decoded(parts[1]) else { throw .parameter(String(parts.first ?? pair)) }
      switch parts[0] {
      case "ca": address.certificateAuthority = value
      case "sentinel-user": user = value
      case "sentinel-password": password = value
      default: throw .parameter(String(parts[0]))
      }
    }
    if let password { address.sentinelCredentials = RedisCredentials(user: user, password: password) }
  }

  /// Percent-encoding undone; nil where it is broken.
  private func decoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var input = text.utf8.makeIterator()
    while let byte = input.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = input.next().flatMap(digit), let low = input.next().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }
}
