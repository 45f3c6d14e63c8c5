/// What a target found wrong with an input beside a crash: two readings of the same bytes that differ, a limit that does not hold.
struct Finding: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// One kind of input from outside, and what is done with it. Must not trap, hang or take memory that does not follow from the input's length.
struct FuzzTarget: Sendable {
  let name: String
  let run: @Sendable ([UInt8]) throws -> Void

  /// Every target; each has a folder of inputs by its name in `corpus`.
  static let all = [
    FuzzTarget(name: "http", run: HTTPInput.run),
    FuzzTarget(name: "form", run: FormInput.run),
    FuzzTarget(name: "json", run: JSONInput.run),
    FuzzTarget(name: "lines", run: LineInput.run),
    FuzzTarget(name: "gzip", run: GzipInput.run),
    FuzzTarget(name: "expression", run: ExpressionInput.run),
    FuzzTarget(name: "workflow", run: WorkflowInput.run),
    FuzzTarget(name: "journal", run: JournalInput.run),
    FuzzTarget(name: "machine", run: MachineInput.run),
    FuzzTarget(name: "redis", run: RedisInput.run),
    FuzzTarget(name: "config", run: ConfigInput.run),
    FuzzTarget(name: "client", run: ClientInput.run),
  ]
}

/// An input as it could come over a connection: its first byte decides how the rest is cut.
struct Pieces: Sequence {
  let bytes: ArraySlice<UInt8>
  private let seed: UInt64

  init(_ input: [UInt8]) {
    seed = UInt64(input.first ?? 0)
    bytes = input.dropFirst()
  }

  /// Cut after 1 to 64 bytes, or not at all for the first byte 0.
  func makeIterator() -> AnyIterator<[UInt8]> {
    var rest = bytes
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    let isWhole = seed == 0
    return AnyIterator {
      guard !rest.isEmpty else { return nil }
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let piece = rest.prefix(isWhole ? rest.count : Int(state >> 58) + 1)
      rest = rest.dropFirst(piece.count)
      return Array(piece)
    }
  }
}

/// Both readings must be the same.
func same<Value: Equatable>(_ one: Value, _ other: Value, _ what: String) throws {
  guard one == other else { throw Finding("\(what): \(one) and \(other)") }
}
