import Foundation
import JSON
import Journal
import Resources
import TaskRouting
import Testing

@testable import TaskEvents

@Suite("Packs of events: rendered when they are read")
struct EventPackTests {
  /// Numbers that follow from a seed.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// A workspace whose documents change between its facts, as a projector folds it.
  private struct Fold {
    let scope = Identifier(high: 1, low: 1)
    var documents: [DocumentKey: [UInt8]] = [:]
    var pack: EventPack?
    var stored: [[UInt8]] = []
    var direct: [[UInt8]] = []
    var sequence: UInt64 = 5
    var numbers: Numbers

    init(seed: UInt64) {
      numbers = Numbers(state: seed)
      var desk = WorkspaceRecord()
      desk.friendlyName = "Desk"
      change(Kind.workspace, scope, desk.encoded())
    }

    func id(_ high: UInt64, _ low: Int) -> Identifier { Identifier(high: high, low: UInt64(low)) }

    mutating func change(_ kind: UInt8, _ id: Identifier, _ bytes: [UInt8]?) {
      let key = DocumentKey(kind: kind, id: id)
      documents[key] = bytes
      if pack?.change(key) == false { close() }
    }

    mutating func close() {
      if let pack { stored.append(pack.encoded()) }
      pack = nil
    }

    mutating func changeSomething() {
      let (low, other) = (Int.random(in: 1...2, using: &numbers), Int.random(in: 0...2, using: &numbers))
      let name = "name \(sequence)"
      switch Int.random(in: 0..<10, using: &numbers) {
      case 0: change(Kind.activity, id(2, low), with(ActivityRecord()) { $0.friendlyName = name })
      case 1, 2:
        change(
          Kind.worker, id(3, low),
          with(WorkerRecord()) {
            $0.friendlyName = name
            $0.activity = id(2, other)
          })
      case 3: change(Kind.workerAttributes, id(3, low), Array(#"{"n":"\#(name)"}"#.utf8))
      case 4: change(Kind.taskChannel, id(4, low), with(TaskChannelRecord()) { $0.uniqueName = name })
      case 5: change(Kind.taskQueue, id(5, low), with(TaskQueueRecord()) { $0.friendlyName = name })
      case 6: change(Kind.workflow, id(6, low), with(WorkflowRecord()) { $0.friendlyName = name })
      case 7, 8:
        change(
          Kind.task, id(7, low),
          with(TaskRecord()) {
            $0.version = Int64(sequence)
            $0.workflow = id(6, other)
            $0.channel = id(4, other)
          })
      default: change([Kind.task, Kind.worker, Kind.taskAttributes, Kind.taskQueue].randomElement(using: &numbers) ?? 0, id(7, low), nil)
      }
    }

    private func with<Record: DocumentRecord>(_ blank: Record, _ body: (inout Record) -> Void) -> [UInt8] {
      var record = blank
      body(&record)
      return record.encoded()
    }

    mutating func tell() throws {
      let kind = try #require(FactKind.allCases.randomElement(using: &numbers))
      let firsts: [UInt64] = [2, 3, 4, 5, 6, 7, 8]
      var subjects = (0..<Int.random(in: 0...4, using: &numbers)).map { _ in
        id(firsts.randomElement(using: &numbers) ?? 2, Int.random(in: 1...2, using: &numbers))
      }
      if Bool.random(using: &numbers) { subjects = [id(8, 1), id(7, 1), id(3, 2), id(5, 1)] }
      if Bool.random(using: &numbers), let first = subjects.first { subjects[0] = id(7, Int(first.low)) }
      let fact = Fact(
        kind: kind.rawValue, at: Int64(1_700_000_000_000 + sequence), subjects: subjects, details: TaskFactDetails().fieldBytes())
      let documents = documents
      if pack == nil { pack = EventPack(scope: scope, first: sequence) }
      #expect(pack?.continues(with: sequence) == true)
      pack?.add(fact, lookup: { documents[$0] })
      let renderer = try #require(EventRenderer(scope: scope, lookup: { documents[$0] }))
      direct.append(try #require(renderer.render(fact, sequence: sequence)).cloudEvent())
      sequence += 1
      if pack?.isFull == true { close() }
    }
  }

  @Test("Whatever changes between them, events read from packs are those that would have been rendered at once", arguments: 1...40)
  func same(_ seed: Int) throws {
    var fold = Fold(seed: UInt64(seed))
    for _ in 0..<300 {
      if Int.random(in: 0..<3, using: &fold.numbers) == 0 { fold.changeSomething() } else { try fold.tell() }
    }
    fold.close()
    let read = fold.stored.flatMap { StoredEvent.all(in: $0, scope: fold.scope) }
    #expect(read.map(\.sequence) == Array(5..<fold.sequence))
    for (read, direct) in zip(read, fold.direct) { try #require(read.json == direct) }
    // From a place in the middle, as a reader that comes back.
    let middle = fold.sequence / 2
    #expect(
      fold.stored.flatMap { StoredEvent.all(in: $0, scope: fold.scope, from: middle) }.map(\.sequence)
        == Array(max(5, middle)..<fold.sequence))
  }

  @Test("The wire form is taken as it is, with its number")
  func wire() throws {
    var fold = Fold(seed: 1)
    try fold.tell()
    let json = try #require(fold.direct.first)
    #expect(StoredEvent.all(in: json, scope: fold.scope).map(\.sequence) == [5])
    #expect(StoredEvent.all(in: json, scope: fold.scope, from: 6).isEmpty)
  }

  @Test("Packs that are cut off or changed are no trap")
  func hostile() throws {
    var fold = Fold(seed: 7)
    for _ in 0..<30 {
      fold.changeSomething()
      try fold.tell()
    }
    fold.close()
    for pack in fold.stored.prefix(3) {
      for length in 0..<pack.count { _ = StoredEvent.all(in: Array(pack[..<length]), scope: fold.scope) }
      for place in stride(from: 0, to: pack.count, by: 7) {
        var changed = pack
        changed[place] = ~changed[place]
        _ = StoredEvent.all(in: changed, scope: fold.scope)
      }
    }
    #expect(throws: DecodingFailure.unknownVersion(kind: "a pack of events", version: 9)) {
      try EventPack.read([9], scope: fold.scope, from: 0) { _ in }
    }
  }
}
