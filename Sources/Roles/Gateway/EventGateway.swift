package import HTTPServer
import Ingress
package import Ports
package import Projection
package import Resources
import Synchronization
import TaskEvents

/// Serves the events of a workspace over SSE, from any point on, without a gap and without a repeat (eventing-presence.md 4.6): stored events from the `events` topic,
/// live ones from the projector, joined by their sequence.
package final class EventGateway: EventStreamer {
  private let log: any EventLog
  private let subscribers = Mutex<[Identifier: [ObjectIdentifier: Subscriber]]>([:])
  private let isStopping = Atomic<Bool>(false)
  /// Bytes that may wait for a slow reader; beyond that it is cut off and comes back with its last id.
  private let mostQueued: Int
  /// Read from the store at once. Packs grow tenfold when they are read.
  private var bytesAtOnce: Int { feed == nil ? 32 << 10 : 256 << 10 }
  /// Where projectors are on other nodes: brings what they tell.
  private let feed: LiveFeed?
  private let turn: @Sendable () async -> Void

  /// - Parameter turn: lets the loop that it is called on look at its sockets, if they have waited a few milliseconds: a reader that keeps up with a long catch-up never makes
  ///   it wait.
  package init(
    log: any EventLog, feed: LiveFeed? = nil, mostQueuedBytes: Int = 1 << 20, turn: @escaping @Sendable () async -> Void = {}
  ) {
    self.log = log
    self.turn = turn
    self.feed = feed
    mostQueued = mostQueuedBytes
    feed?.start { [weak self] in self?.publish($0) }
  }

  package var count: Int { subscribers.withLock { $0.values.reduce(0) { $0 + $1.count } } }

  /// Whether events of a workspace have anybody to go to.
  package func isHeard(_ workspace: Identifier) -> Bool { subscribers.withLock { $0[workspace] != nil } }

  /// Hands on what has just happened. Called by the projectors, on their threads.
  package func publish(_ events: [LiveEvent]) {
    var touched: [ObjectIdentifier: Subscriber] = [:]
    subscribers.withLock { all in
      guard !all.isEmpty else { return }
      for event in events {
        guard let here = all[event.workspace] else { continue }
        for (id, subscriber) in here {
          subscriber.offer(event)
          touched[id] = subscriber
        }
      }
    }
    for subscriber in touched.values { subscriber.wake() }
  }

  /// Keeps idle connections alive; called every 15 seconds.
  package func tick() {
    for subscriber in subscribers.withLock({ $0.values.flatMap { Array($0.values) } }) { subscriber.beat() }
    feed?.keep { [self] in Set(subscribers.withLock { Array($0.keys) }.map(partition)) }
  }

  /// Ends all streams: clients come back, to another node.
  package func stop() {
    isStopping.store(true, ordering: .releasing)
    let all = subscribers.withLock { $0.values.flatMap { Array($0.values) } }
    for subscriber in all { subscriber.wake() }
  }

  package func stream(
    workspace: Identifier, lastEventID: String?, fromBeginning: Bool, worker: Identifier?, isAllowed: @Sendable () async -> Bool,
    to response: HTTPResponder
  ) async {
    let stream = response.stream(
      status: 200,
      headers: [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")])
    let subscriber = Subscriber(workspace: workspace, worker: worker)
    let partition = partition(workspace)
    let source = TopicPartition("events", partition)
    stream.onClose { subscriber.wake() }
    subscribers.withLock { $0[workspace, default: [:]][ObjectIdentifier(subscriber)] = subscriber }
    defer {
      subscribers.withLock { all in
        all[workspace]?[ObjectIdentifier(subscriber)] = nil
        if all[workspace]?.isEmpty == true { all[workspace] = nil }
      }
      stream.finish()
    }
    await feed?.need(partition)
    _ = stream.write(Array("retry: 2000\n: connected\n\n".utf8))
    var position = start(lastEventID, fromBeginning, stream)
    var reader: (any LogReader)?
    defer { reader?.close() }
    while !stream.isClosed, !position.isOver, !isStopping.load(ordering: .acquiring) {
      if position.needsStore, reader == nil {
        reader = log.openReader(source, from: position.hint, key: workspace.keyBytes, visibility: .committed) { subscriber.wake() }
      }
      var frames = [UInt8]()
      var mayHaveMore = false
      if let open = reader {
        switch readStore(open, &position, subscriber, &frames) {
        case .read(let records): mayHaveMore = records > 0
        case .reopen:
          open.close()
          reader = nil
          continue
        case .failed: return
        }
      }
      if await takeLive(subscriber, &position, &frames, source) {
        reader?.close()
        reader = nil
      }
      if subscriber.takeBeat() { frames += Array(": keep-alive\n\n".utf8) }
      if !frames.isEmpty {
        guard await isAllowed(), stream.write(frames) <= mostQueued else { break }
      } else if !position.isOver, !mayHaveMore, !position.needsStore || reader != nil {
        // A whole batch may be older than the place to go on from, or of other workers: only an empty one is the end. A gap opens the store in the next turn.
        await subscriber.wait()
      }
      if stream.queuedBytes > mostQueued / 2 { await stream.drained() }
      if mayHaveMore { await turn() }
    }
  }

  private func partition(_ workspace: Identifier) -> Int {
    Partitioner.partition(of: workspace, among: log.partitions(of: "events") ?? 1)
  }

  // MARK: Position

  /// The next event to send, nil while any will do; and where in the topic to look for it.
  private struct Position {
    var next: UInt64?
    var hint: Int64 = 0
    /// Events before the live ones may be missing.
    var needsStore: Bool
    /// The last event that there can be has been sent.
    var isOver = false
  }

  private func start(_ lastEventID: String?, _ fromBeginning: Bool, _ stream: HTTPStream) -> Position {
    if let text = lastEventID, !text.isEmpty {
      if let cursor = EventCursor(text) { return Position(next: cursor.sequence + 1, hint: cursor.hint, needsStore: true) }
      _ = stream.write(Array("event: stream.reset\ndata: {\"reason\":\"unknown last event id\"}\n\n".utf8))
      return Position(next: nil, needsStore: false)
    }
    return fromBeginning ? Position(next: 1, needsStore: true) : Position(next: nil, needsStore: false)
  }

  private enum StoreOutcome {
    case read(Int)
    case reopen, failed
  }

  /// Sends what is stored from the next event on.
  private func readStore(
    _ reader: any LogReader, _ position: inout Position, _ subscriber: Subscriber, _ frames: inout [UInt8]
  ) -> StoreOutcome {
    do {
      let records = try reader.take(records: 200, bytes: bytesAtOnce)
      for record in records {
        // What was trimmed away cannot be sent any more: the first one kept is the beginning.
        for event in StoredEvent.all(in: record.value ?? [], scope: subscriber.workspace, from: position.next ?? 0) {
          position.next = event.sequence + 1
          position.hint = record.offset
          position.isOver = position.isOver || subscriber.ends(with: event.json)
          guard subscriber.wants(event.json) else { continue }
          EventBytes.frame(event.json, EventCursor(sequence: event.sequence, hint: record.offset), into: &frames)
        }
      }
      return .read(records.count)
    } catch LogFailure.outOfRange(let start, _) {
      // The place was trimmed, or is of another life of the folder: from the first one kept, the sequence tells the rest.
      guard position.hint != start else { return .failed }
      position.hint = start
      return .reopen
    } catch {
      return .failed
    }
  }

  /// Sends live events that follow on. True when they do, so that the store is not needed any more.
  private func takeLive(_ subscriber: Subscriber, _ position: inout Position, _ frames: inout [UInt8], _ source: TopicPartition) async
    -> Bool
  {
    var joined = false
    // Looked at before taking: what has not been published by then is not stored yet, so it will be at or behind this place.
    let end = subscriber.refreshesHint() ? try? await log.bounds(source).end : nil
    let events = subscriber.take()
    for (index, event) in events.enumerated() {
      guard let next = position.next else {
        position.next = event.sequence + 1
        joined = true
        send(event, subscriber, &position, &frames)
        continue
      }
      if event.sequence < next { continue }
      guard event.sequence == next else {
        // A gap: the store has what is between, once it is written; the rest waits for that.
        position.needsStore = true
        subscriber.putBack(events[index...])
        return false
      }
      position.next = next + 1
      joined = true
      send(event, subscriber, &position, &frames)
    }
    if joined {
      position.needsStore = false
      if let end { position.hint = end }
    }
    return joined
  }

  private func send(_ event: LiveEvent, _ subscriber: Subscriber, _ position: inout Position, _ frames: inout [UInt8]) {
    position.isOver = position.isOver || subscriber.ends(with: event.json)
    guard subscriber.wants(event) else { return }
    EventBytes.frame(event.json, EventCursor(sequence: event.sequence, hint: position.hint), into: &frames)
  }
}
