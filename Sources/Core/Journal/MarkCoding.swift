import Resources

/// What a decision and a ledger both write: positions, what was received, imports. Sorted, so that equal values are equal bytes.
extension ByteWriter {
  mutating func positions(_ positions: [UInt8: Int64]) {
    count(positions.count)
    for (input, position) in positions.sorted(by: { $0.key < $1.key }) {
      byte(input)
      signed(position)
    }
  }

  mutating func sources(_ sources: [String: UInt64]) {
    count(sources.count)
    for (source, number) in sources.sorted(by: { $0.key < $1.key }) {
      string(source)
      unsigned(number)
    }
  }

  mutating func imports(_ marks: [ImportMark]) {
    count(marks.count)
    for mark in marks {
      identifier(mark.id)
      unsigned(mark.number)
      signed(mark.appended)
    }
  }
}

extension ByteReader {
  mutating func positions() throws(DecodingFailure) -> [UInt8: Int64] {
    var positions: [UInt8: Int64] = [:]
    for _ in 0..<(try count()) { positions[try byte()] = try signed() }
    return positions
  }

  mutating func sources() throws(DecodingFailure) -> [String: UInt64] {
    var sources: [String: UInt64] = [:]
    for _ in 0..<(try count()) {
      let source = try string()
      sources[source] = try unsigned()
    }
    return sources
  }

  mutating func imports() throws(DecodingFailure) -> [ImportMark] {
    var marks: [ImportMark] = []
    for _ in 0..<(try count()) { marks.append(ImportMark(id: try identifier(), number: try unsigned(), appended: try signed())) }
    return marks
  }
}
