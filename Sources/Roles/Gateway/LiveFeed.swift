package import Ports
import Projection
import Resources
import Synchronization
import TaskEvents

/// Brings the events of other nodes' projectors to this node's streams, of the partitions that somebody listens to: over the bus as soon as they are decided, which
/// may lose some, and from the `events` topic a moment later, which loses none. Of a partition that is followed each is handed on once, at its first
/// coming, in order: who begins to listen in between would take the second for news. What the bus has lost before a later event shows as a gap, which the store fills.
package final class LiveFeed: Sendable {
  private struct Partition {
    var subscription: (any Cancellable)?
    var tail: EventTail
    /// The last sequence handed on, of each workspace.
    var told: [Identifier: UInt64] = [:]
  }
  private struct State {
    var partitions: [Int: Partition] = [:]
    var publish: (@Sendable ([LiveEvent]) -> Void)?
  }

  private let log: any EventLog
  private let bus: any SignalBus
  private let queue: any WorkQueue
  private let state = Mutex(State())

  package init(log: any EventLog, bus: any SignalBus, queue: any WorkQueue) {
    self.log = log
    self.bus = bus
    self.queue = queue
  }

  func start(_ publish: @escaping @Sendable ([LiveEvent]) -> Void) { state.withLock { $0.publish = publish } }

  /// Returns once nothing of the partition can be missed any more.
  func need(_ partition: Int) async {
    let (tail, isNew): (EventTail?, Bool) = state.withLock { state in
      if let known = state.partitions[partition] { return (known.tail, false) }
      guard state.publish != nil else { return (nil, false) }
      let tail = EventTail(log: log, partition: partition, queue: queue) { [weak self] in self?.handOn(stored: $0, of: partition) }
      state.partitions[partition] = Partition(subscription: nil, tail: tail)
      return (tail, true)
    }
    guard let tail else { return }
    if isNew {
      let subscription = bus.subscribe(LiveEvent.channel(partition)) { [weak self] message in
        if let events = try? LiveEvent.decode(message) { self?.handOn(events, of: partition) }
      }
      let isWanted = state.withLock { state in
        guard state.partitions[partition]?.tail === tail else { return false }
        state.partitions[partition]?.subscription = subscription
        return true
      }
      if !isWanted { subscription.cancel() }
      tail.start()
    }
    await tail.opened()
  }

  /// Only what has not been handed on is made JSON.
  private func handOn(stored records: [LogRecord], of partition: Int) {
    let told = state.withLock { $0.partitions[partition]?.told } ?? [:]
    let news = records.flatMap { record in
      guard let workspace = Identifier(keyBytes: record.key) else { return [LiveEvent]() }
      return StoredEvent.all(in: record.value ?? [], scope: workspace, from: (told[workspace] ?? 0) + 1).map {
        LiveEvent(workspace: workspace, sequence: $0.sequence, worker: nil, json: $0.json)
      }
    }
    handOn(news, of: partition)
  }

  /// Published under the lock: bus and topic come on different threads, and neither may overtake the other with what it has claimed.
  private func handOn(_ events: [LiveEvent], of partition: Int) {
    state.withLock { state in
      let news = events.filter { event in
        guard event.sequence > state.partitions[partition]?.told[event.workspace] ?? 0 else { return false }
        state.partitions[partition]?.told[event.workspace] = event.sequence
        return true
      }
      if !news.isEmpty { state.publish?(news) }
    }
  }

  /// Lets go of partitions that nobody listens to any more. Who is asked under the lock: whoever comes later finds his partition gone, and takes it anew.
  func keep(_ wanted: () -> Set<Int>) {
    let gone = state.withLock { state in
      let needed = wanted()
      let gone = state.partitions.filter { !needed.contains($0.key) }
      for partition in gone.keys { state.partitions[partition] = nil }
      return gone.values
    }
    for partition in gone {
      partition.subscription?.cancel()
      partition.tail.stop()
    }
  }
}

/// Follows the end of one partition of the `events` topic.
final class EventTail: Sendable {
  private struct State {
    var reader: (any LogReader)?
    var isOpen = false
    var isStopped = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let log: any EventLog
  private let source: TopicPartition
  private let queue: any WorkQueue
  private let receive: @Sendable ([LogRecord]) -> Void
  private let state = Mutex(State())

  init(log: any EventLog, partition: Int, queue: any WorkQueue, receive: @escaping @Sendable ([LogRecord]) -> Void) {
    self.log = log
    self.queue = queue
    self.receive = receive
    source = TopicPartition("events", partition)
  }

  func start() {
    log.bounds(source) { [weak self] found in
      self?.queue.post { self?.open(found) }
    }
  }

  private func open(_ found: Result<(start: Int64, end: Int64), LogFailure>) {
    guard !state.withLock({ $0.isStopped }) else { return }
    guard case .success(let bounds) = found else { return startAgain() }
    let reader = log.openReader(source, from: bounds.end, key: nil, visibility: .committed) { [weak self] in
      self?.queue.post { self?.drain() }
    }
    let waiting = state.withLock { state in
      state.reader = reader
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
    drain()
  }

  private func startAgain() {
    _ = queue.schedule(afterMilliseconds: 500) { [weak self] in self?.start() }
  }

  private func drain() {
    guard let reader = state.withLock({ $0.isStopped ? nil : $0.reader }) else { return }
    do {
      let records = try reader.take(records: 500, bytes: 1 << 20)
      guard !records.isEmpty else { return }
      receive(records)
      queue.post { [weak self] in self?.drain() }
    } catch {
      // What is missed meanwhile shows as a gap, which the store fills.
      reader.close()
      state.withLock { $0.reader = nil }
      startAgain()
    }
  }

  func opened() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen, !state.isStopped {
          state.waiting.append(continuation)
          return false
        }
        return true
      }
      if isOpen { continuation.resume() }
    }
  }

  func stop() {
    let (reader, waiting) = state.withLock { state in
      state.isStopped = true
      defer {
        state.reader = nil
        state.waiting = []
      }
      return (state.reader, state.waiting)
    }
    reader?.close()
    for continuation in waiting { continuation.resume() }
  }
}
