internal import CHiredis

/// A reply, copied out of the codec's memory.
package enum RedisReply: Sendable, Equatable {
  case null
  case integer(Int64)
  case status([UInt8])
  case bytes([UInt8])
  case error(String)
  case array([RedisReply])

  /// Text of a status or a string; nil for anything else.
  package var text: String? {
    switch self {
    case .status(let bytes), .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    default: nil
    }
  }

  package var payload: [UInt8]? { if case .bytes(let bytes) = self { bytes } else { nil } }

  package var number: Int64? { if case .integer(let number) = self { number } else { nil } }

  package var elements: [RedisReply]? { if case .array(let elements) = self { elements } else { nil } }

  /// What the server refused, where it did.
  package var failure: RedisError? { if case .error(let text) = self { RedisError(answer: text) } else { nil } }

  init(_ reply: UnsafePointer<redisReply>) {
    func content() -> [UInt8] { Array(UnsafeRawBufferPointer(start: reply.pointee.str, count: Int(reply.pointee.len))) }
    switch reply.pointee.type {
    case REDIS_REPLY_INTEGER: self = .integer(reply.pointee.integer)
    case REDIS_REPLY_STRING: self = .bytes(content())
    case REDIS_REPLY_STATUS: self = .status(content())
    case REDIS_REPLY_ERROR: self = .error(String(decoding: content(), as: UTF8.self))
    case REDIS_REPLY_ARRAY:
      // The reader bounds nesting at seven, so this recursion ends.
      self = .array((0..<Int(reply.pointee.elements)).map { place in reply.pointee.element[place].map { RedisReply($0) } ?? .null })
    default: self = .null
    }
  }
}

/// The codec's reader of one connection. After an error it stays broken: the connection is to be closed.
struct ReplyReader: ~Copyable {
  private let raw: UnsafeMutablePointer<redisReader>?

  init() { raw = redisReaderCreateWithFunctions(bounded.functions) }

  deinit { redisReaderFree(raw) }

  mutating func feed(_ bytes: RawSpan) throws(RedisError) {
    let code = bytes.withUnsafeBytes { bytes in
      redisReaderFeed(raw, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
    guard code == REDIS_OK else { throw failure() }
  }

  /// The next whole reply; nil until more bytes have come.
  mutating func next() throws(RedisError) -> RedisReply? {
    var object: UnsafeMutableRawPointer?
    guard redisReaderGetReply(raw, &object) == REDIS_OK else { throw failure() }
    guard let object else { return nil }
    defer { freeReplyObject(object) }
    return RedisReply(object.assumingMemoryBound(to: redisReply.self))
  }

  private func failure() -> RedisError {
    guard let raw else { return .protocolViolation("no memory for a reader") }
    return .protocolViolation(withUnsafeBytes(of: raw.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
  }
}

/// How the codec makes replies, but that no array is made that is larger than any that we ask for: it takes the memory for all elements when it has read their number, which is
/// a dozen bytes of whoever answers.
///
/// `@unchecked Sendable`: written once in `init`, read only from then on.
private struct BoundedFunctions: @unchecked Sendable {
  static let mostElements: Int32 = 1 << 20

  let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
  let createArray: (@convention(c) (UnsafePointer<redisReadTask>?, Int32) -> UnsafeMutableRawPointer?)?

  init() {
    functions.initialize(to: redisReplyObjectFunctions())
    let usual = redisReaderCreate()
    if let table = usual?.pointee.fn { functions.pointee = table.pointee }
    redisReaderFree(usual)
    createArray = functions.pointee.createArray
    functions.pointee.createArray = { task, count in count > BoundedFunctions.mostElements ? nil : bounded.createArray?(task, count) }
  }
}

private let bounded = BoundedFunctions()
