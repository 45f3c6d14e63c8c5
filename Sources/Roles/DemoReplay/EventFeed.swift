package import APIClient
internal import HTTPClient
internal import Synchronization

/// Reads a workspace's events over SSE, from the first one on.
package struct EventFeed: Sendable {
  private let client: APIClient
  private let path: String
  private let time: RealTime
  private let clock: DayClock?

  /// - Parameter clock: gives the events the instants of its day, instead of the server's.
  package init(client: APIClient, stage: Stage, time: RealTime, clock: DayClock? = nil) {
    self.client = client
    path = "\(stage.path)/Events/Stream?from=beginning"
    self.time = time
    self.clock = clock
  }

  /// Hands on all events until the task is cancelled; comes back by itself from where it was.
  package func follow(_ inbox: EventInbox) async {
    await read(EventTap(clock) { inbox.add($0) }, until: { false })
  }

  /// A fresh reading of everything that ever happened, up to the first event of the given kind. Throws when that does not come in time.
  package func collect(until kind: String, mostMilliseconds: Int64) async throws -> [DemoEvent] {
    let kept = Kept(until: kind)
    let (time, start) = (time, time.now())
    let tap = EventTap(clock) { kept.add($0) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [self] in await read(tap, until: { kept.isWhole }) }
      group.addTask {
        while !kept.isWhole, time.now() - start < mostMilliseconds, !Task.isCancelled { await time.sleep(20) }
      }
      await group.next()
      group.cancelAll()
    }
    guard kept.isWhole else {
      throw ReplayFailure.unverified(why: "the event stream did not come to '\(kind)' within \(mostMilliseconds / 1000) s")
    }
    return kept.events
  }

  /// Goes on where a connection ended, or was refused.
  private func read(_ tap: EventTap, until isOver: () -> Bool) async {
    while !Task.isCancelled, !isOver() {
      try? await read(tap)
      if !Task.isCancelled, !isOver() { await time.sleep(200) }
    }
  }

  private func read(_ tap: EventTap) async throws {
    var request = client.request("GET", path)
    if let last = tap.lastID { request.headers.append((name: "Last-Event-ID", value: last)) }
    try await client.stream(request, onResponse: { tap.begin(status: $0.status) }, onChunk: { tap.take($0) })
    if tap.status >= 400 { throw ReplayFailure.streamEnded(why: "status \(tap.status)") }
  }
}

/// Between the bytes of a stream and whoever wants its events.
private final class EventTap: Sendable {
  private struct State {
    var cutter = EventStreamCutter()
    var status = 0
  }
  private let state = Mutex(State())
  private let clock: DayClock?
  private let emit: @Sendable ([DemoEvent]) -> Void

  init(_ clock: DayClock?, _ emit: @escaping @Sendable ([DemoEvent]) -> Void) {
    self.clock = clock
    self.emit = emit
  }

  var lastID: String? { state.withLock { $0.cutter.lastID } }
  var status: Int { state.withLock { $0.status } }

  /// A new connection: half a line of the old one is of no use.
  func begin(status: Int) {
    state.withLock { state in
      state.status = status
      state.cutter.restart()
    }
  }

  func take(_ bytes: [UInt8]) {
    var events = state.withLock { $0.cutter.push(bytes) }.compactMap { DemoEvent(json: $0) }
    if let clock { for place in events.indices { events[place].at = clock.day(ofServer: events[place].at) } }
    emit(events)
  }
}

/// Events up to one of a kind.
private final class Kept: Sendable {
  private let kind: String
  private let state = Mutex((events: [DemoEvent](), isWhole: false))

  init(until kind: String) { self.kind = kind }

  var isWhole: Bool { state.withLock { $0.isWhole } }
  var events: [DemoEvent] { state.withLock { $0.events } }

  func add(_ events: [DemoEvent]) {
    state.withLock { state in
      for event in events where !state.isWhole {
        if event.kind == kind { state.isWhole = true } else { state.events.append(event) }
      }
    }
  }
}
