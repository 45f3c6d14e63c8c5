internal import CYAML

/// Reads YAML, in bounded depth and size. Configuration needs no anchors, tags or several documents, and each is a way to make a small text large or to
/// mean something else: they are refused.
package enum YAMLReader {
  static let mostBytes = 1 << 20
  static let mostDepth = 32

  /// The one document of a text. Errors: `YAMLError` with the line.
  package static func read(_ text: String) throws(YAMLError) -> YAMLValue {
    let bytes = Array(text.utf8)
    guard bytes.count <= mostBytes else { throw YAMLError(line: 1, reason: "is larger than \(mostBytes) bytes") }
    // The parser points at the bytes until it is deleted, so it lives no longer than this access to them.
    let outcome = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(YAMLError) in
        let events = try YAMLEvents(buffer)
        return try YAMLTree(events: events).document()
      }
    }
    return try outcome.get()
  }
}

/// One step of a document.
enum YAMLEvent {
  case scalar(String)
  case sequenceStart
  case sequenceEnd
  case mappingStart
  case mappingEnd
  case documentStart
  case documentEnd
  case streamStart
  case streamEnd

  /// What people call it.
  var name: String {
    switch self {
    case .scalar: "a value"
    case .sequenceStart: "a list"
    case .mappingStart: "a mapping"
    case .documentStart: "another document"
    case .sequenceEnd, .mappingEnd, .documentEnd, .streamStart, .streamEnd: "the end"
    }
  }
}

/// The library's parser, event by event.
final class YAMLEvents {
  // libyaml keeps a pointer to the parser in itself, so it needs an address that stays.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  /// Where the latest event begins, counted from 1.
  private(set) var line = 1

  /// `bytes` must stay for as long as this lives.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      throw YAMLError(line: 1, reason: "there is no memory to read it")
    }
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  func next() throws(YAMLError) -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
    defer { yaml_event_delete(&event) }
    line = Int(event.start_mark.line) + 1
    switch event.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      try refuse(scalar.anchor, scalar.tag)
      return .scalar(String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self))
    case YAML_SEQUENCE_START_EVENT:
      try refuse(event.data.sequence_start.anchor, event.data.sequence_start.tag)
      return .sequenceStart
    case YAML_MAPPING_START_EVENT:
      try refuse(event.data.mapping_start.anchor, event.data.mapping_start.tag)
      return .mappingStart
    case YAML_ALIAS_EVENT: throw YAMLError(line: line, reason: "aliases (*name) are not read here: write the value out")
    case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
    case YAML_MAPPING_END_EVENT: return .mappingEnd
    case YAML_DOCUMENT_START_EVENT: return .documentStart
    case YAML_DOCUMENT_END_EVENT: return .documentEnd
    case YAML_STREAM_START_EVENT: return .streamStart
    default: return .streamEnd
    }
  }

  private func refuse(_ anchor: UnsafeMutablePointer<UInt8>?, _ tag: UnsafeMutablePointer<UInt8>?) throws(YAMLError) {
    if anchor != nil { throw YAMLError(line: line, reason: "anchors (&name) are not read here: write the value out") }
    if tag != nil { throw YAMLError(line: line, reason: "tags (!name) are not read here") }
  }

  private func failure() -> YAMLError {
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "cannot be read"
    let context = parser.pointee.context.map { " (\(String(cString: $0)))" } ?? ""
    // The reader of characters knows an offset only; the mark of what was read so far is near it.
    let mark = parser.pointee.error == YAML_READER_ERROR ? parser.pointee.mark : parser.pointee.problem_mark
    return YAMLError(line: Int(mark.line) + 1, reason: problem + context)
  }
}

/// Builds the tree from events.
struct YAMLTree {
  let events: YAMLEvents

  func document() throws(YAMLError) -> YAMLValue {
    _ = try events.next()
    guard case .documentStart = try events.next() else { throw YAMLError(line: 1, reason: "is empty") }
    let root = try value(try events.next(), depth: 1)
    _ = try events.next()
    let rest = try events.next()
    guard case .streamEnd = rest else { throw YAMLError(line: events.line, reason: "is one document; received \(rest.name)") }
    return root
  }

  private func value(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> YAMLValue {
    let line = events.line
    guard depth <= YAMLReader.mostDepth else { throw YAMLError(line: line, reason: "is nested deeper than \(YAMLReader.mostDepth)") }
    switch event {
    case .scalar(let text): return .scalar(text, line: line)
    case .sequenceStart:
      var elements: [YAMLValue] = []
      while true {
        let next = try events.next()
        if case .sequenceEnd = next { return .sequence(elements, line: line) }
        elements.append(try value(next, depth: depth + 1))
      }
    case .mappingStart: return .mapping(try members(depth), line: line)
    default: throw YAMLError(line: line, reason: "a value must stand here; received \(event.name)")
    }
  }

  private func members(_ depth: Int) throws(YAMLError) -> [YAMLMember] {
    var members: [YAMLMember] = []
    var keys: Set<String> = []
    while true {
      let next = try events.next()
      if case .mappingEnd = next { return members }
      guard case .scalar(let key) = next else { throw YAMLError(line: events.line, reason: "a key must be a text; received \(next.name)") }
      guard keys.insert(key).inserted else { throw YAMLError(line: events.line, reason: "\(key) stands there twice") }
      members.append(YAMLMember(key: key, value: try value(try events.next(), depth: depth + 1)))
    }
  }
}
