package import Ports
package import TaskEvents
package import TaskRouting

/// What a projector tells whoever watches it.
package enum ProjectorNotice: Sendable, Equatable {
  case caughtUp(offset: Int64)
  case unreadable(String)
  case failed(String)
}

/// How a projector stands now, for whoever watches it.
package struct ProjectorStanding: Sendable {
  /// The journal's offset up to which everything is written.
  package var position: Int64
  /// Why it has stopped and will not go on by itself; nil while it works.
  package var trouble: String?
  /// Events made since it was.
  package var events: Int
}

/// What else is made from events besides the `events` topic: nothing, or callouts to customers' servers.
package protocol EventConsumer: Sendable {
  /// Whether `derive` may answer anything for events of this kind. Most find nobody, and are not rendered for nothing.
  func wants(_ kind: FactKind, workspace: WorkspaceRecord) -> Bool
  /// Records to write together with the events, in the same transaction. `workspace` is the workspace's own document as it stands then.
  func derive(_ event: TaskEvent, workspace: WorkspaceRecord) -> ProjectedRecord?
}

extension Projector {
  package struct Options: Sendable {
    package var family: String
    package var partition: Int
    /// The owner's input topics, in the order of their numbers in decisions: trimmed here.
    package var inputs: [String] = []
    /// Events are rendered; false for families without public events.
    package var hasEvents: Bool
    /// Nobody but the gateway of this process reads the `events` topic: it takes packs, which are rendered when they are read. Otherwise it has the wire form.
    package var packsEvents = false
    /// Between transactions, milliseconds.
    package var interval: Int64 = 100
    /// A transaction is closed when it has about this many records. Larger ones write less, of what changes again and again, and hold up whoever waits for the disk:
    /// with 16,000 a tenth less processor time a lifecycle, and four times the median of creates beside an import.
    package var most = 2000
    /// Records kept behind the ledger before the journal is trimmed, milliseconds of append time.
    package var retention: Int64 = 7 * 86_400_000
    /// Journal records between two looks at what may be trimmed.
    package var trimEvery: Int64 = 5000

    package init(family: String, partition: Int, hasEvents: Bool) {
      self.family = family
      self.partition = partition
      self.hasEvents = hasEvents
    }
  }
}
