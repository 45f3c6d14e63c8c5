import Journal
import Machines
import Ports
import Resources
import TaskRouting

/// Sums over documents that can be kept up with each change of one, and tell contents apart.
struct Amount: Equatable {
  private(set) var all = 0
  /// Of a deleted workspace: what stays of it. The rest goes in slices, and nobody is told of it any more, so that it may be missing from hot state before.
  private(set) var lasting = 0
  private(set) var isDeleted = false

  init(_ documents: [DocumentKey: [UInt8]] = [:]) {
    for (key, bytes) in documents { change(key, from: nil, to: bytes) }
  }

  mutating func change(_ key: DocumentKey, from old: [UInt8]?, to new: [UInt8]?) {
    let difference = Amount.of(key, new) &- Amount.of(key, old)
    all &+= difference
    guard key.kind == Kind.workspace || key.kind == IdempotencyKeys.kind else { return }
    lasting &+= difference
    guard key.kind == Kind.workspace, let new else { return }
    isDeleted = (try? WorkspaceRecord(decoding: new))?.isDeleted == true
  }

  func isShown(as seen: Amount) -> Bool { all == seen.all || isDeleted && seen.isDeleted && lasting == seen.lasting }

  private static func of(_ key: DocumentKey, _ bytes: [UInt8]?) -> Int {
    guard let bytes else { return 0 }
    var hasher = Hasher()
    hasher.combine(key)
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
  }
}

/// What readers could see of a scope for a moment: a mark, and documents that were said to be complete up to it.
struct Sighting {
  var scope: Identifier
  var mark: Int64
  var amount: Amount
  /// The same server has shown more before.
  var goesBack: Bool
}

/// Reads a journal while it grows, and holds against it what hot state showed in between: what is painted over is right again before anybody looks at the end.
struct Follower {
  let topic: String
  private(set) var checker = Checker()
  private var next: Int64 = 0

  init(_ topic: String) { self.topic = topic }

  /// Folds what has come, and looks at each state that it ends in.
  mutating func follow(_ world: World, work scope: Identifier?) throws {
    for record in try world.records(topic, from: next) {
      next = record.offset + 1
      try checker.fold([record])
      if let scope { try checker.checkWork(scope) }
    }
  }

  /// Every mark is an accepted decision's, and what stands beside it is what the journal says up to there.
  func judge(_ sightings: [Sighting]) throws {
    for seen in sightings {
      guard !seen.goesBack else { throw Violation(description: "hot state of \(seen.scope.hex) goes back to \(seen.mark)") }
      guard let amount = checker.states[seen.scope]?[seen.mark] else {
        throw Violation(description: "hot state has the mark \(seen.mark), where no accepted decision touched \(seen.scope.hex)")
      }
      guard amount.isShown(as: seen.amount) else {
        throw Violation(description: "hot state of \(seen.scope.hex) is for a moment not what the journal says up to its mark \(seen.mark)")
      }
    }
  }
}
