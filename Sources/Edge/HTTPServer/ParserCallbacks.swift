internal import CLLHTTP

/// The callbacks, the same for every parser.
struct ParserCallbacks: @unchecked Sendable {
  // Written once in `init`, read only from then on.
  let pointer = UnsafeMutablePointer<llhttp_settings_t>.allocate(capacity: 1)

  init() {
    llhttp_settings_init(pointer)
    pointer.pointee.on_url = { parser, at, count in
      if let at { found(parser)?.pointee.sawURL(at, count) }
      return 0
    }
    pointer.pointee.on_header_field = { parser, at, count in at.flatMap { found(parser)?.pointee.sawName($0, count) } ?? 0 }
    pointer.pointee.on_header_value = { parser, at, count in at.flatMap { found(parser)?.pointee.sawValue($0, count) } ?? 0 }
    pointer.pointee.on_header_field_complete = { parser in found(parser)?.pointee.finishedName() ?? 0 }
    pointer.pointee.on_headers_complete = { parser in
      if let parser { found(parser)?.pointee.finishedHead(parser) }
      return 0
    }
    pointer.pointee.on_body = { parser, at, count in
      if let at { found(parser)?.pointee.sawBody(at, count) }
      return 0
    }
    pointer.pointee.on_chunk_extension_name = { parser, _, count in found(parser)?.pointee.sawExtension(count) ?? 0 }
    pointer.pointee.on_chunk_extension_value = { parser, _, count in found(parser)?.pointee.sawExtension(count) ?? 0 }
    pointer.pointee.on_chunk_header = { parser in parser.flatMap { found($0)?.pointee.sawChunkSize($0.pointee.content_length) } ?? 0 }
    pointer.pointee.on_message_complete = { parser in found(parser)?.pointee.finishedMessage() ?? 0 }
  }
}

let parserCallbacks = ParserCallbacks()

private func found(_ parser: UnsafeMutablePointer<llhttp_t>?) -> UnsafeMutablePointer<ParserFindings>? {
  parser?.pointee.data?.assumingMemoryBound(to: ParserFindings.self)
}
