import Ports
import Resources
import Synchronization

/// What lies between a process and the log: reads that are answered before what they ask for has arrived, and transactions of projectors that end badly.
final class Transport: Sendable {
  enum TransactionFate: Sendable {
    case lands, isLost
    /// It is in the log, and its projector is told that it failed.
    case landsUnreported
  }

  private struct State {
    var random: SeededGenerator
    var reads = 0
    var fate = TransactionFate.lands
    var transactions = 0
    /// Readers that are to ask again.
    var wakes: [@Sendable () -> Void] = []
  }
  private let state: Mutex<State>

  init(seed: UInt64) { state = Mutex(State(random: SeededGenerator(seed: seed))) }

  /// Of the next so many reads every other finds nothing yet.
  func delay(reads: Int) { state.withLock { $0.reads = reads } }

  func end(transactions: Int, _ fate: TransactionFate) { state.withLock { ($0.transactions, $0.fate) = (transactions, fate) } }

  func calm() { state.withLock { ($0.reads, $0.transactions) = (0, 0) } }

  /// Whether what this reader asks for has not arrived yet; it is woken when it has.
  func isLate(_ wake: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { s in
      guard s.reads > 0 else { return false }
      s.reads -= 1
      guard s.random.next() % 2 == 0 else { return false }
      s.wakes.append(wake)
      return true
    }
  }

  var transaction: TransactionFate {
    state.withLock { s in
      guard s.transactions > 0 else { return .lands }
      s.transactions -= 1
      return s.fate
    }
  }

  func arrive() {
    let wakes = state.withLock { s in
      defer { s.wakes = [] }
      return s.wakes
    }
    for wake in wakes { wake() }
  }
}

/// A reader of one process. Confined to whoever opened it, as every reader.
final class DistantReader: LogReader {
  private let reader: any LogReader
  private let transport: Transport
  private let wake: @Sendable () -> Void
  private let isWaiting = Mutex(false)

  init(_ reader: any LogReader, _ transport: Transport, wake: @escaping @Sendable () -> Void) {
    (self.reader, self.transport, self.wake) = (reader, transport, wake)
  }

  func take(records: Int, bytes: Int) throws(LogFailure) -> [LogRecord] {
    let isLate = transport.isLate(wake)
    isWaiting.withLock { $0 = isLate }
    return isLate ? [] : try reader.take(records: records, bytes: bytes)
  }

  var isAtEnd: Bool { !isWaiting.withLock { $0 } && reader.isAtEnd }
  var position: Int64 { reader.position }
  func close() { reader.close() }
}
